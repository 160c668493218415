"""What a chapter shows, to compare two executions of it."""


def shown(cell):
    """Outputs of a cell, but for the progress of training, and the widget's name."""
    if cell.cell_type != "code":
        return []
    return [
        {kind: value for kind, value in out["data"].items() if "widget-view" not in kind}
        for out in cell.outputs
        if "data" in out and "application/vnd.jupyter.widget-view+json" not in out["data"]
    ]
