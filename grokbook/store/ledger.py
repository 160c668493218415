"""The ledger: which recorded files a process has read.

Where ``GROKBOOK_LEDGER`` names a file, every record and measurement that is read is noted there,
one line each, so that the book's status page can say what each chapter rests on.  Nothing is
noted otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "GROKBOOK_LEDGER"


def note(place: str) -> None:
    """Note that a recorded run or measurement was read.

    Args:
        place: ``runs/NAME`` or a measurement's path in the results folder.
    """
    if named := os.environ.get(VARIABLE):
        with open(named, "a", encoding="utf-8") as file:
            file.write(f"{place}\n")


def noted(path: Path) -> list[str]:
    """Every place in a ledger once, sorted; none if nothing was read.

    >>> noted(Path("there is no such file"))
    []
    """
    return sorted(set(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []
