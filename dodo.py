"""What makes what, for doit: each chapter from its notebook, the book from all of them.

doit compares checksums, so that a second run does nothing and a changed page or notebook redoes
only what hangs on it. Everything it remembers lies in _build.
"""

import sys
import time
from pathlib import Path

from grokbook.publishing import book, places

ROOT = Path(__file__).parent
PYTHON = sys.executable
START = time.monotonic()

PINS = ["requirements.txt", "constraints.txt"]

DOIT_CONFIG = {
    "default_tasks": ["report"],
    "dep_file": "_build/doit.json",
    "backend": "json",
    "verbosity": 2,
    "reporter": "zero",
}


def _files(*patterns):
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(str(p.relative_to(ROOT)) for p in found if "__pycache__" not in p.parts)


def task_chapter():
    """Execute a notebook from the recorded results."""
    runs = _files("grokbook/**/*", "results/**/*")
    publishing = "grokbook/publishing/"
    names = "normalisation", "notebooks", "parameters", "scoreboard", "tiles", "verdicts"
    needed = tuple(f"{publishing}{name}.py" for name in names)
    inputs = [f for f in runs if not f.startswith(publishing) or f in needed] + PINS
    for path in places.sources(ROOT):
        source = str(path.relative_to(ROOT))
        target = str(places.target_of(path, ROOT).relative_to(ROOT))
        account = str(places.account_of(path, ROOT).relative_to(ROOT))
        yield {
            "name": path.stem,
            "file_dep": [source, *inputs],
            "targets": [target, account],
            "actions": [
                [PYTHON, "-m", "grokbook.publishing.notebooks", source, target]
                + ["--account", account]
            ],
        }


def task_status():
    """Say what the execution of each chapter cost, and what it read."""
    sources = [str(source.relative_to(ROOT)) for source in places.sources(ROOT)]
    left = [str(path.relative_to(ROOT)) for _, path in places.accounts(ROOT)]
    return {
        "file_dep": [
            *sources,
            *left,
            "grokbook/publishing/status.py",
            "grokbook/publishing/places.py",
        ],
        "targets": ["book/status.md"],
        "actions": [[PYTHON, "-m", "grokbook.publishing.status"]],
    }


def task_book():
    """Build the pages, then check every link, every resource and every output."""
    targets = [str(places.target_of(s, ROOT).relative_to(ROOT)) for s in places.sources(ROOT)]
    made = [*targets, "book/status.md"]
    pages = [f for f in _files("book/**/*") if not f.endswith(".ipynb") and f not in made]
    return {
        "file_dep": [
            *("_config.yml", "_toc.yml", "pyproject.toml"),
            *pages,
            *_files("grokbook/publishing/**/*"),
            *made,
        ],
        "targets": ["_build/html/index.html", book.REPORT],
        "actions": [[PYTHON, "-m", "grokbook.publishing.book"]],
    }


def task_report():
    """Say where the book is, what a page weighs, and how to see it."""
    return {
        "task_dep": ["book"],
        "actions": [(book.print_report, [ROOT, START])],
        "uptodate": [False],
    }
