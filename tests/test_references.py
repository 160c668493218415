"""Names of the package in prose, docstrings and chapters are names that there are; places too."""

import importlib
import re
from pathlib import Path

from grokbook.studies.published import STUDIES

ROOT = Path(__file__).parents[1]
PATTERNS = ("*.md", "book/*.md", "results/*.md", "notebooks/*.ipynb", "grokbook/**/*.py")
NAME = re.compile(r"`(grokbook(?:\.\w+)+)(?:\(\))?`")


def exists(name):
    """Is it a module, or what a module has, or a field of a class?"""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for inner in parts[length:]:
            if not hasattr(found, inner):
                return inner in getattr(found, "__annotations__", {})
            found = getattr(found, inner)
        return True
    return False


def test_a_name_that_is_none_is_found():
    assert exists("grokbook.record.RunRecord.bits") and exists("grokbook.events.RULES")
    assert not exists("grokbook.record.nothing") and not exists("grokbook.nothing.at_all")


def test_every_name_is_one():
    named = {
        (name, str(path.relative_to(ROOT)))
        for pattern in PATTERNS
        for path in ROOT.glob(pattern)
        for name in NAME.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert not {pair for pair in named if not exists(pair[0])}


def tree():
    """What README's "What is where" lists, as paths from the root."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("## What is where\n\n```text\n")[2].partition("```")[0]
    entries = re.findall(r"^( *)(\S+)", block, re.MULTILINE)
    return [("grokbook/" if indent else "") + name for indent, name in entries]


def test_every_place_of_the_tree_is_there():
    assert {"grokbook/", "notebooks/", "_config.yml"} <= set(tree())
    wrong = [p for p in tree() if (ROOT / p).is_dir() != p.endswith("/") or not (ROOT / p).exists()]
    assert not wrong


def test_the_tree_names_every_part_of_the_package():
    parts = {
        f"grokbook/{path.name}" + "/" * path.is_dir()
        for path in (ROOT / "grokbook").iterdir()
        if not path.name.startswith("__") and (path.suffix == ".py" or list(path.glob("*.py")))
    }
    assert parts == {place for place in tree() if place.startswith("grokbook/") and place[9:]}


def test_every_study_is_named_for_a_reader():
    """By its name in the README, or by a beginning of it before an ellipsis."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z-]+…?)`", text))
    starts = tuple(name[:-1] for name in named if name.endswith("…"))
    assert starts and not {name for name in STUDIES if name not in named} - {
        name for name in STUDIES if name.startswith(starts)
    }


def test_results_stay_within_their_size():
    """As CONTRIBUTING says, for they are in every clone."""
    limit = int(re.search(r"below (\d+) MB", (ROOT / "CONTRIBUTING.md").read_text())[1])
    files = [path for path in (ROOT / "results").rglob("*") if path.is_file()]
    assert len(files) > 300 and sum(path.stat().st_size for path in files) < limit * 1e6
