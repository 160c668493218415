"""Chapters: executed by papermill, published whole or not at all.

A chapter source lies in `notebooks/`, without outputs. It is executed in an empty folder, so that
nothing depends on where it runs, and only a notebook without an error takes the published place.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from grokbook.publishing.normalisation import clear, normalise
from grokbook.store import ledger

CELL_SECONDS = 900


class ChapterError(RuntimeError):
    """A chapter that could not be executed; the message is what a person needs to read."""


def defaults_of(source: Path) -> dict[str, str]:
    """Names and default values (as Python text) of a source's `parameters` cell."""
    import papermill

    return {name: spec["default"] for name, spec in papermill.inspect_notebook(source).items()}


def execute(
    source: Path,
    target: Path,
    parameters: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    account: Path | None = None,
) -> Path:
    """Execute a chapter and publish it, normalised, at `target`.

    The chapter may not train: it finds `GROKBOOK_TRAIN=never` and an empty store. `environment`
    overrides this, for tests and for whoever wants another store. Not for use from two threads.

    Args:
        source: the chapter source.
        target: the notebook to write; it appears complete or stays as it was.
        parameters: values in place of the chapter's defaults.
        environment: variables for the chapter's kernel, on top of the ones above.
        account: a file for what it cost and which results it read: `grokbook.publishing.status`.

    Returns:
        The target.

    Raises:
        ValueError: a parameter that the chapter does not have.
        ChapterError: a cell failed. What was done until then is kept as `NAME.failed.ipynb`
            beside the target; it is not published.
    """
    import papermill

    source, target = Path(source), Path(target)
    parameters = dict(parameters or {})
    unknown = sorted(set(parameters) - set(known := defaults_of(source)))
    if unknown:
        raise ValueError(
            f"{source.name} has no parameter {unknown[0]!r}; it has {', '.join(known)}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    start, failed = time.monotonic(), target.with_suffix(".failed.ipynb")
    with (
        tempfile.TemporaryDirectory(prefix="grokbook-") as scratch,
        _kernel_environment(Path(scratch), environment or {}),
    ):
        executed = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                str(source),
                str(executed),
                parameters,
                kernel_name="python3",
                cwd=str(_folder(Path(scratch), "work")),
                progress_bar=False,
                log_output=False,
                execution_timeout=CELL_SECONDS,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # being shut down is no error
            )
        except Exception as error:
            if executed.exists():
                shutil.copyfile(executed, failed)
            raise ChapterError(_explained(source, failed, error)) from error
        notebook = nbformat.read(executed, as_version=4)
        read = ledger.noted(Path(scratch) / "ledger")
    if account is not None:
        _account(account, time.monotonic() - start, read)
    _warn_of_stderr(source, notebook)
    _write(normalise(notebook), target)
    failed.unlink(missing_ok=True)
    return target


@contextmanager
def _kernel_environment(scratch: Path, extra: Mapping[str, str]) -> Iterator[None]:
    """The variables that a kernel inherits, put back afterwards."""
    wanted = {
        "GROKBOOK_TRAIN": "never",
        "GROKBOOK_STORE": str(_folder(scratch, "store")),
        ledger.VARIABLE: str(scratch / "ledger"),
        "IPYTHONDIR": str(_folder(scratch, "ipython")),  # no start-up files, no history
        "PLOTLY_RENDERER": "plotly_mimetype",  # the figure alone, without a copy of plotly.js
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        **extra,
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _account(path: Path, seconds: float, read: list[str]) -> None:
    """Write what an execution cost.

    The memory is the most that any process begun here ever held, which is the kernel's own as
    long as this process has executed one chapter.
    """
    kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    facts = {
        "executed": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "seconds": round(seconds, 1),
        "mebibytes": round(kib / (2**20 if sys.platform == "darwin" else 2**10)),
        "read": read,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir(exist_ok=True)
    return parent / name


def _explained(source: Path, failed: Path, error: Exception) -> str:
    """The failing cell and its error, in a few lines."""
    if not hasattr(error, "ename"):
        return f"{source.name}: {type(error).__name__}: {error}"
    code = [line for line in error.source.strip().splitlines() if line.strip()]
    shown = "\n".join(f"    | {line}" for line in code[:6]) + ("\n    | ..." if code[6:] else "")
    return (
        f"{source.name}: cell {error.cell_index + 1} failed\n{shown}\n"
        f"    {error.ename}: {error.evalue}\n"
        f"    as far as it got: {failed}"
    )


def _warn_of_stderr(source: Path, notebook) -> None:
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and output.text.strip():
                line = output.text.strip().splitlines()[0]
                print(
                    f"{source.name}: cell {number} wrote to stderr: {line[:160]}", file=sys.stderr
                )


def _write(notebook, target: Path) -> None:
    beside = target.with_suffix(".part")
    nbformat.write(notebook, beside)
    beside.replace(target)


def main(arguments: list[str] | None = None) -> int:
    """`python -m grokbook.publishing.notebooks SOURCE TARGET`, or `--clear SOURCE...`."""
    parser = argparse.ArgumentParser(description="Execute a chapter, or clear chapter sources.")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--clear", action="store_true", help="remove outputs from the sources")
    parser.add_argument("--account", type=Path, help="write what the execution cost to this file")
    options = parser.parse_args(arguments)
    if options.clear:
        for path in filter(Path.exists, options.paths):
            notebook = nbformat.read(path, as_version=4)
            if (cleared := clear(notebook)) != notebook:
                _write(cleared, path)
        return 0
    if len(options.paths) != 2:
        parser.error("give one source and one target")
    print(f"executing {options.paths[0].stem}", flush=True)
    try:
        execute(*options.paths, account=options.account)
    except (ChapterError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
