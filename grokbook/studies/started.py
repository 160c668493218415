"""Which studies were started in a store.

studies/<name>.json   sealed: every command that started a study of that name, the newest last;
                      with it the declaration in full, and what it depends on

A command stands there once, with the declaration that it had last: a file that was edited is still
the same study to whoever asks how far it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook.store import Store, StoreError
from grokbook.store.files import alone, read_sealed, seal
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

    def called(self, text: str) -> bool:
        """Is this what a person calls it: by name, by file, or by the whole command?"""
        return text in (self.study.name, shlex.split(self.command)[2], self.command)


def note_start(store: Store, chain: Sequence[Study], command: str) -> None:
    """Write down that a study was started; again, it moves to the end.

    What the same command started before, or what was declared the same, is replaced.

    Raises:
        StoreError: if it cannot be written, or the record there was edited.
    """
    path = _folder(store) / f"{chain[-1].name}.json"
    declared = [study.to_json() for study in chain]
    with alone(_folder(store)):
        before = read_sealed(path)["starts"] if path.exists() else []
        kept = [start for start in before if start["command"] != command]
        # Compared as JSON: lists and tuples are one thing there.
        kept = [start for start in kept if seal({"": start["chain"]}) != seal({"": declared})]
        now = {"chain": declared, "command": command}
        store.disk.place(path, _record(chain[-1].name, [*kept, now]))


def forget(store: Store, text: str) -> list[Start]:
    """Remove the notes of what is called so; the runs stay.

    Returns:
        What was forgotten.

    Raises:
        StoreError: if a record was edited, or cannot be written.
    """
    gone = [start for start in started(store) if start.called(text)]
    commands = {start.command for start in gone}
    for name in sorted({start.study.name for start in gone}):
        path = _folder(store) / f"{name}.json"
        with alone(_folder(store)):
            kept = [s for s in read_sealed(path)["starts"] if s["command"] not in commands]
            if kept:
                store.disk.place(path, _record(name, kept))
            else:
                _remove(store, path)
    return gone


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


def _remove(store: Store, path: Path) -> None:
    try:
        store.disk.remove(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be removed: {error.strerror or error}") from None


def _record(name: str, starts: list[dict[str, Any]]) -> bytes:
    return seal({"name": name, "starts": starts})


def _folder(store: Store) -> Path:
    return store.root / "studies"
