"""Executed notebooks that are the same, byte for byte, whenever the results are.

Execution leaves marks that differ from run to run: times, cell ids, addresses, random widget ids.
They are dropped or numbered in order of appearance.
"""

import json
import re
from copy import deepcopy

import nbformat

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
FOLDED = "hide-input"
# tags by which an author has already said how a cell is shown
SHOWN_OTHERWISE = {"show-input", "remove-input", "remove-cell", "hide-cell", "hide-input"}

_MODEL_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,16}")
_STYLER_ID = re.compile(r"\bT_([0-9a-f]{5})(?![0-9a-f])")


def normalise(notebook):
    """The publishable form of an executed notebook; the argument is left as it was.

    Code cells are tagged so that the book folds them, unless the author chose otherwise.
    Progress and warnings on stderr are left out: they are for whoever executes, not for readers.
    """
    notebook = deepcopy(notebook)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"c{number:03d}"
        for mark in ("papermill", "execution", "collapsed"):
            cell.metadata.pop(mark, None)
        if cell.cell_type == "code":
            tags = cell.metadata.get("tags", [])
            if not SHOWN_OTHERWISE.intersection(tags):
                cell.metadata["tags"] = [*tags, FOLDED]
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    text = _ADDRESS.sub("", nbformat.writes(notebook))
    text = _numbered(_STYLER_ID, text, lambda n: f"T_{n:05x}")
    return _widgets_numbered(nbformat.reads(text, as_version=4))


def clear(notebook):
    """A chapter source as it is committed: no outputs, counts, times or widget state."""
    notebook = deepcopy(notebook)
    for mark in ("papermill", "widgets"):
        notebook.metadata.pop(mark, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        for mark in ("papermill", "execution", "collapsed", "scrolled"):
            cell.metadata.pop(mark, None)
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    return notebook


def _numbered(pattern, text, name):
    names = {}
    return pattern.sub(lambda m: names.setdefault(m[0], name(len(names))), text)


def _widgets_numbered(notebook):
    stored = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {})
    models = stored.get("state")
    if not models:
        return notebook
    order = _order_of_appearance(models, json.dumps([c.get("outputs", []) for c in notebook.cells]))
    names = {old: f"{number:032x}" for number, old in enumerate(order)}
    text = _MODEL_ID.sub(lambda m: names.get(m[0], m[0]), nbformat.writes(notebook))
    notebook = nbformat.reads(text, as_version=4)
    stored = notebook.metadata["widgets"][WIDGET_STATE]
    stored["state"] = dict(sorted(stored["state"].items()))
    return notebook


def _order_of_appearance(models, outputs):
    """Model ids as a reader of the page meets them, each followed by the models it refers to."""
    order = {}
    content = {key: json.dumps(model, sort_keys=True) for key, model in models.items()}

    def visit(key):
        if key in models and key not in order:
            order[key] = len(order)
            for inner in _MODEL_ID.findall(content[key]):
                visit(inner)

    for key in _MODEL_ID.findall(outputs):
        visit(key)
    # what no output shows (layouts, links between models): sorted by content, ids left out of it
    rest = (key for key in models if key not in order)
    for key in sorted(
        rest, key=lambda k: _MODEL_ID.sub(lambda m: str(order.get(m[0])), content[k])
    ):
        visit(key)
    return list(order)
