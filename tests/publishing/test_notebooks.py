"""Execution by real kernels: reproducible, contained, refused, and never half published."""

import os

import nbformat
import papermill
import pytest

from grokbook.publishing.normalisation import WIDGET_STATE
from grokbook.publishing.notebooks import execute, main

PARAMETERS = "decays: list[float] = [1.0]  # strength\nseeds: list[int] = [42]  # which runs"
READING = """
from grokbook.publishing.parameters import read_parameters
chosen = read_parameters(globals(), published={"decays": [1.0], "seeds": [42]})
print(chosen, chosen.are_default)
"""
RESTLESS = """
import os, sys, time, uuid
import ipywidgets, pandas
print(object(), file=sys.stdout)
print(time.time(), file=sys.stderr)
print(os.environ["GROKBOOK_TRAIN"], os.listdir(os.environ["GROKBOOK_STORE"]), os.listdir("."))
"""
WIDGETS = """
box = ipywidgets.VBox([ipywidgets.IntSlider(3), ipywidgets.Label("three")])
box
"""


def notebook(folder, *cells, name="chapter"):
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    made.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    made.cells[0].metadata["tags"] = ["parameters"]
    path = folder / f"{name}.ipynb"
    nbformat.write(made, path)
    return path


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return [out.text for cell in cells for out in cell.outputs if out.get("name") == "stdout"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """One chapter, executed twice."""
    folder = tmp_path_factory.mktemp("executed")
    styled = "pandas.DataFrame({'a': [1.0]}).style"
    source = notebook(folder, PARAMETERS, READING, RESTLESS, WIDGETS, styled)
    return [execute(source, folder / name / "chapter.ipynb") for name in ("first", "second")]


def test_executions_are_the_same_bytes(executed):
    first, second = (path.read_bytes() for path in executed)
    assert first == second


def test_widget_state_survives_with_numbered_models(executed):
    saved = nbformat.read(executed[0], as_version=4)
    models = saved.metadata["widgets"][WIDGET_STATE]["state"]
    view = saved.cells[3].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] in models
    assert all(int(key, 16) < len(models) for key in models)


def test_kernel_may_not_train_and_finds_nothing(executed):
    text = "".join(printed(executed[0]))
    assert "never [] []" in text
    assert "<object object>" in text
    assert "True" in text, "published values are the default"


def test_code_is_tagged_to_be_folded_and_stderr_is_dropped(executed):
    for cell in nbformat.read(executed[0], as_version=4).cells:
        assert "hide-input" in cell.metadata["tags"]
        assert all(out.get("name") != "stderr" for out in cell.outputs)


def test_papermill_reads_lists_from_text(tmp_path):
    source = notebook(tmp_path, PARAMETERS, READING)
    out = tmp_path / "out.ipynb"
    given = {"decays": "0.8, 1", "seeds": [3]}
    papermill.execute_notebook(str(source), str(out), given, progress_bar=False)
    assert printed(out) == ["decays = [0.8, 1.0], seeds = [3] False\n"]


def test_papermill_itself_is_refused_an_unknown_parameter(tmp_path):
    source = notebook(tmp_path, PARAMETERS, READING)
    out = tmp_path / "out.ipynb"
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(str(source), str(out), {"decay": 0.8}, progress_bar=False)
    said = str(caught.value).strip().splitlines()
    assert said[-1] == "ParameterError: unknown parameter decay = 0.8; known are: decays, seeds"
    assert len(said) <= 4, "a traceback would bury the line"


def test_execute_refuses_an_unknown_parameter_before_any_work(tmp_path):
    source = notebook(tmp_path, PARAMETERS)
    with pytest.raises(ValueError, match=r"no parameter 'decay'; it has decays, seeds"):
        execute(source, tmp_path / "out.ipynb", {"decay": 1.0})
    assert not (tmp_path / "out.ipynb").exists()


def test_failing_chapter_is_kept_aside_and_not_published(tmp_path, capsys):
    source = notebook(tmp_path, PARAMETERS, "done = 1\ndone", "raise OSError('no such run')")
    target = tmp_path / "book" / "chapter.ipynb"
    target.parent.mkdir()
    target.write_text("the one before")
    assert main([str(source), str(target)]) == 1
    told, said = capsys.readouterr()
    assert told == "executing chapter\n"
    assert "OSError: no such run" in said
    assert "cell 3 failed" in said
    assert len(said.splitlines()) <= 6
    assert target.read_text() == "the one before"
    left = sorted(path.name for path in target.parent.iterdir())
    assert left == ["chapter.failed.ipynb", "chapter.ipynb"]

    notebook(tmp_path, PARAMETERS)
    execute(source, target)
    assert [path.name for path in target.parent.iterdir()] == ["chapter.ipynb"]


def test_environment_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_STORE", "mine")
    source = notebook(
        tmp_path, "x: int = 1  # one", "import os; print(os.environ['GROKBOOK_STORE'])"
    )
    out = execute(source, tmp_path / "out.ipynb", environment={"GROKBOOK_STORE": "elsewhere"})
    assert printed(out) == ["elsewhere\n"]
    assert os.environ["GROKBOOK_STORE"] == "mine"


def test_clear_removes_outputs_and_touches_nothing_clean(tmp_path):
    path = notebook(tmp_path, PARAMETERS)
    dirty = nbformat.read(path, as_version=4)
    dirty.cells[0].outputs = [nbformat.v4.new_output("stream", text="x")]
    dirty.cells[0].execution_count = 3
    nbformat.write(dirty, path)
    assert main(["--clear", str(path)]) == 0
    cell = nbformat.read(path, as_version=4).cells[0]
    assert (cell.outputs, cell.execution_count) == ([], None)
    before = path.stat().st_mtime_ns
    main(["--clear", str(path)])
    assert path.stat().st_mtime_ns == before
