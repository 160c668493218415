"""What the figures of all chapters share."""

BELOW = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}
"""The legend at the figure's foot, where it covers no axis however many panels there are."""

MARGIN = {"t": 70, "r": 10, "b": 110, "l": 70}
"""Pixels around one panel with a title above and a legend below."""


def runs(count: int) -> str:
    """How many runs a mark stands for.

    >>> runs(1), runs(3)
    ('1 run', '3 runs')
    """
    return "1 run" if count == 1 else f"{count} runs"
