"""Chapters executed for real, in a store of their own."""

from pathlib import Path

import nbformat
import papermill
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Execute a notebook by name with parameters; it may train, or must not."""

    def executed(name, parameters, train):
        monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
        monkeypatch.setenv("GROKBOOK_TRAIN", "allowed" if train else "never")
        out = tmp_path / "out.ipynb"
        papermill.execute_notebook(
            str(NOTEBOOKS / f"{name}.ipynb"),
            str(out),
            parameters,
            cwd=str(tmp_path),
            progress_bar=False,
        )
        return nbformat.read(out, 4)

    return executed


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """Run a notebook's cells as `execute` does, but here: what it raises comes as it is.

    A kernel of its own takes seconds to start, which a test of a refusal need not pay.
    """

    def attempted(name, parameters, train):
        monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
        monkeypatch.setenv("GROKBOOK_TRAIN", "allowed" if train else "never")
        monkeypatch.chdir(tmp_path)
        notebook = papermill.iorw.load_notebook_node(str(NOTEBOOKS / f"{name}.ipynb"))
        notebook = papermill.parameterize.parameterize_notebook(notebook, parameters)
        names = {"__name__": "__main__"}
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{name}[{number}]", "exec"), names)

    return attempted
