"""Which studies were started in a store.

studies/<name>.json   sealed: every declaration under that name that was started, in full,
                      with what it depends on; the newest last
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook.store import Store, StoreError
from grokbook.store.files import read_sealed, seal
from grokbook.studies.study import Study


@dataclass(frozen=True)
class Start:
    """A study that was started.

    Attributes:
        chain: the study, last, and those it depends on.
        command: that started it and goes on with it.
    """

    chain: tuple[Study, ...]
    command: str

    @property
    def study(self) -> Study:
        """The study itself."""
        return self.chain[-1]


def note_start(store: Store, chain: Sequence[Study], command: str) -> None:
    """Write down that a study was started; again, it moves to the end.

    Raises:
        StoreError: if it cannot be written, or the record there was edited.
    """
    path = _folder(store) / f"{chain[-1].name}.json"
    declared = [study.to_json() for study in chain]
    with _alone(_folder(store)):
        before = read_sealed(path)["starts"] if path.exists() else []
        # Compared as JSON: lists and tuples are one thing there.
        kept = [start for start in before if seal(start) != seal(_entry(declared, command))]
        record = {"name": chain[-1].name, "starts": [*kept, _entry(declared, command)]}
        store.disk.place(path, seal(record))


def started(store: Store, name: str | None = None) -> list[Start]:
    """The studies that were started, by name; the declarations of one name as they were started.

    Args:
        store: that was named then.
        name: only this one's.

    Raises:
        StoreError: if a record was edited or is damaged.
    """
    paths = [p for p in sorted(_folder(store).glob("*.json")) if name in (None, p.stem)]
    return [
        Start(tuple(Study.from_json(study) for study in start["chain"]), start["command"])
        for path in paths
        for start in read_sealed(path)["starts"]
    ]


def _entry(declared: list[dict[str, Any]], command: str) -> dict[str, Any]:
    return {"chain": declared, "command": command}


def _folder(store: Store) -> Path:
    return store.root / "studies"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time changes the records."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
