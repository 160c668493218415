"""Artefacts: arrays that later runs use, named by the sha256 of their file.

    artefacts/<sha256>.safetensors   arrays by name, and facts: JSON values under ``facts``

Equal arrays and facts are equal bytes, and so one artefact.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from grokbook.changes import is_sha256
from grokbook.store import Store, StoreError


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Artefact:
    """What was stored.

    Attributes:
        arrays: by name.
        facts: where they come from: JSON values.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Artefacts:
    """The artefacts of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, name: str) -> Path:
        """Where the artefact of a hash lies, if it is there."""
        return self._store.root / "artefacts" / f"{name}.safetensors"

    def put(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
        """Store arrays; the same again writes nothing, unless the file there is damaged.

        Args:
            arrays: numbers by name; their bytes are kept as they are.
            facts: JSON values.

        Returns:
            The artefact's name: the sha256 of its file.

        Raises:
            DiskFull, StoreError: if it cannot be written; nothing is left of the attempt.
        """
        return self.take(self.file_of(arrays, facts))

    @staticmethod
    def file_of(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> bytes:
        """The file of arrays and facts, whose sha256 is the artefact's name."""
        # One key of metadata: the order of several would be the writer's whim.
        text = json.dumps(dict(facts), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return safetensors.save(
            {name: np.asarray(array, order="C") for name, array in arrays.items()},
            metadata={"facts": text},
        )

    def take(self, data: bytes) -> str:
        """Store an artefact that comes from elsewhere, as `put` does.

        Args:
            data: of its file.

        Returns:
            Its name.

        Raises:
            DiskFull, StoreError: if it cannot be written; nothing is left of the attempt.
        """
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name)
        if not path.is_file() or path.read_bytes() != data:
            self._store.disk.place(path, data)
        return name

    def content(self, name: str) -> bytes:
        """The bytes of an artefact's file by its hash, checked.

        Raises:
            StoreError: if the name is no sha256, or the artefact is missing or damaged.
        """
        if not is_sha256(name):
            raise StoreError(f"an artefact is named by 64 hexadecimal digits, not by {name!r}")
        path = self.path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = "missing" if isinstance(error, FileNotFoundError) else error.strerror
            raise StoreError(f"artefact {name[:12]} cannot be read: {path} is {reason}") from None
        if hashlib.sha256(data).hexdigest() != name:
            raise StoreError(f"artefact {name[:12]} is damaged: the checksum of {path} is another")
        return data

    def get(self, name: str) -> Artefact:
        """An artefact by its hash, checked.

        Raises:
            StoreError: if the name is no sha256, or the artefact is missing or damaged.
        """
        data = self.content(name)
        try:
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            facts = json.loads(header["__metadata__"]["facts"])
            return Artefact(safetensors.load(data), facts)
        except (ValueError, KeyError, SafetensorError):
            path = self.path(name)
            raise StoreError(f"{path} is no artefact: arrays and facts are not there") from None
