"""The status page: what each page of the book cost to make, and which results it rests on.

Made when all chapters are executed, from the account that each execution leaves and from the
manifests of the recorded results.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from grokbook.instruments.recorded import Recorded
from grokbook.publishing.places import accounts
from grokbook.store.recorded import Results

PAGE = "book/status.md"


@dataclass(frozen=True)
class Account:
    """One executed notebook.

    Attributes:
        name: of the source, without its ending.
        title: its first heading.
        executed: when, in UTC.
        seconds: it took, with the start of its kernel.
        mebibytes: the most memory that the kernel held.
        runs: names of recorded executions that it read.
        measurements: paths of recorded measurements that it read.
    """

    name: str
    title: str
    executed: str
    seconds: float
    mebibytes: int
    runs: tuple[str, ...]
    measurements: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, source: Path) -> Account:
        """Of an execution of `source`.

        Raises:
            FileNotFoundError: if it was not executed.
        """
        facts = json.loads(path.read_text(encoding="utf-8"))
        runs = [place.removeprefix("runs/") for place in facts["read"] if place[:5] == "runs/"]
        return cls(
            source.stem,
            _title(source),
            facts["executed"],
            facts["seconds"],
            facts["mebibytes"],
            tuple(runs),
            tuple(place for place in facts["read"] if place[:5] != "runs/"),
        )


def _title(source: Path) -> str:
    """The first heading of a notebook."""
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return next(line[2:] for line in lines if line.startswith("# "))


def page(made: list[Account], results: Results) -> str:
    """The page as MyST text.

    Args:
        made: every executed notebook, in the order of the book.
        results: that they read.
    """
    runs, measured = results.manifest(), Recorded(results).manifest()
    head = [
        ("page", "executed, UTC", "seconds", "memory, MiB", "runs", "measured", "recorded"),
        (":--", ":--", "--:", "--:", "--:", "--:", ":--"),
    ]
    rows = [
        (
            f"{{doc}}`{each.title} <{_document(each.name)}>`",
            _unbroken(each.executed),
            f"{each.seconds:,.0f}",
            f"{each.mebibytes:,}",
            str(len(each.runs)) if each.runs else "–",
            str(len(each.measurements)) if each.measurements else "–",
            _days(
                [runs[name].get("recorded", "?") for name in each.runs]
                + [measured[name].get("recorded", "?") for name in each.measurements]
            ),
        )
        for each in made
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in [*head, *rows])
    hours = sum(entry["seconds"] for entry in runs.values()) / 3600
    core = sum(entry["seconds"] for entry in measured.values()) / 3600
    return (
        "# Status\n\n"
        "How this copy of the book was made. A page is executed from recorded results, without "
        "training; what it took here, and how much memory its kernel held at most, is in the "
        "table, with the numbers of runs and of measurements that it read, and the days on which "
        "they were recorded.\n\n"
        f"{table}\n\n"
        f"In all {len(runs)} runs are recorded, {hours:,.1f} hours of training, and "
        f"{len(measured)} measurements of them, {core:,.1f} hours of one core.\n\n"
        "## Which runs\n\n" + "\n".join(_list(each, runs) for each in made if each.runs)
    )


def _document(name: str) -> str:
    return name if name == "index" else f"chapters/{name}"


def _days(found: list[str]) -> str:
    """The first and the last of some dates.

    >>> _days(["2026-11-22"]), _days([])
    ('2026‑11‑22', '–')
    """
    days = sorted(found)
    return " to ".join(map(_unbroken, dict.fromkeys((days[0], days[-1])))) if days else "–"


def _unbroken(date: str) -> str:
    """A date that no line break tears apart."""
    return date.replace("-", "\u2011").replace(" ", "\u00a0")


def _list(each: Account, runs: dict) -> str:
    """The runs behind a page, folded."""
    rows = [
        f"| `{name}` | {runs[name]['label']} | {runs[name]['steps']:,} "
        f"| {runs[name]['seconds'] / 60:,.0f} | {runs[name].get('recorded', '?')} |"
        for name in each.runs
    ]
    return (
        f":::{{dropdown}} {each.title}\n\n"
        "| run | what | steps | minutes | recorded |\n| :-- | :-- | --: | --: | :-- |\n"
        + "\n".join(rows)
        + "\n:::\n"
    )


def main() -> int:
    """`python -m grokbook.publishing.status`, in the root of the repository."""
    root = Path.cwd()
    made = [Account.read(path, source) for source, path in accounts(root)]
    (root / PAGE).write_text(page(made, Results(root / "results")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
