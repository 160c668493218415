"""Notes on bases: what an artefact that runs intervene with was measured by, and on which run.

    bases/<config id>/<artefact>.json     sealed: measure, parameters, step, grok steps, artefact

The config of a run names its basis by the artefact's hash alone.  `grokbook.studies.bases` measures
bases; a pack brings the notes of those that its runs name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grokbook.store import Store, StoreError
from grokbook.store.files import read_sealed, seal


class Notes:
    """The notes of a store."""

    def __init__(self, store: Store) -> None:
        self._store, self._folder = store, store.root / "bases"

    def path(self, config_id: str, artefact: str) -> Path:
        """Where the note of a basis lies that was measured on a run, if it is there."""
        return self._folder / config_id / f"{artefact}.json"

    def put(self, note: Mapping[str, Any]) -> None:
        """Write down what was measured: JSON values, ``config_id`` and ``artefact`` among them.

        Raises:
            DiskFull, StoreError: if it cannot be written; nothing is left of the attempt.
        """
        path = self.path(note["config_id"], note["artefact"])
        self._store.disk.place(path, seal(dict(note)))

    def take(self, note: Mapping[str, Any]) -> None:
        """The same with a note that comes from elsewhere: one that is here and whole stays.

        Raises:
            DiskFull, StoreError: as `put`.
        """
        try:
            read_sealed(self.path(note["config_id"], note["artefact"]))
        except StoreError:
            self.put(note)

    def measured_on(self, config_id: str) -> list[dict[str, Any]]:
        """The notes of all bases that were measured on a run.

        Raises:
            StoreError: if one was edited or is damaged.
        """
        return [read_sealed(path) for path in sorted((self._folder / config_id).glob("*.json"))]

    def of(self, artefact: str) -> dict[str, Any]:
        """The note of a basis.

        Raises:
            StoreError: if there is none, or it is damaged.
        """
        for path in sorted(self._folder.glob(f"*/{artefact}.json")):
            return read_sealed(path)
        raise StoreError(f"no note of basis {artefact} in {self._folder}")
