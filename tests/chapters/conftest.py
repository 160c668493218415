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
