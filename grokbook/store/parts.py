"""A pack on disk: few files of bounded size, fit for a narrow way home.

    pack.json                  sealed: what lies where
    part-1.bin … part-7.bin    all packed files end to end, cut every 16 MB

Fields of pack.json, besides its ``seal``:

    what       "grokbook pack"
    format     1
    grokbook   version that packed
    parts      in order: file, bytes, sha256
    runs       each with its ``head`` (config.json), its ``marker`` (commit.json without lists of
               files), its ``files``, and its ``measurements`` (absent in packs of earlier
               versions): name, offset, bytes, sha256
    bases      notes of the bases that the runs name, and bases themselves, by their paths in a
               store (absent in packs of earlier versions): name, offset, bytes, sha256
"""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

from grokbook import __version__
from grokbook.store.files import Disk, StoreError, entry_of, read_sealed, seal

FORMAT = 1
WHAT = "grokbook pack"
INDEX = "pack.json"
PART_BYTES = 16_000_000
PARTS = 7
LIMIT = 60_000_000
"""Bytes of a pack where nothing else is said."""
MOST_BYTES = PARTS * PART_BYTES
"""No pack is larger, whatever its limit."""
ENTRY_BYTES = 256
"""Upper bound on what a packed file takes in the index."""
RECORD_BYTES = 10_000
"""What a run's record and its entries in the index take at the very least."""
FRAME_BYTES = 2048
"""Upper bound on what the rest of the index takes: versions, parts, seal."""

_NAMES = [f"part-{k}.bin" for k in range(1, PARTS + 1)]
_FRESH = ".new"


def require_room(folder: Path) -> None:
    """Refuse a folder that is neither new nor holds an older pack alone.

    Raises:
        StoreError: naming what is in the way.
    """
    if not folder.exists():
        above = next(path for path in folder.absolute().parents if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            raise StoreError(f"{folder} cannot be made: {above} cannot be written")
        return
    if not folder.is_dir():
        raise StoreError(f"{folder} is not a folder")
    for path in sorted(folder.iterdir()):
        if path.name not in (INDEX, _FRESH, *_NAMES):
            raise StoreError(
                f"{folder} holds {path.name}: a pack wants a new folder, or that of an older pack"
            )
    if (folder / INDEX).exists() and read_sealed(folder / INDEX).get("what") != WHAT:
        raise StoreError(f"{folder / INDEX} is no index of a pack; move it away")


def require_limit(runs: int, limit: int, need: int | None = None) -> None:
    """Refuse a limit that the records of so many runs pass.

    Args:
        runs: that are packed.
        limit: bytes of the whole pack.
        need: bytes that it takes; where that is not known yet, what it takes at the very least.

    Raises:
        StoreError: saying how much they need.
    """
    least = "" if need is not None else "at least "
    need = FRAME_BYTES + runs * RECORD_BYTES if need is None else need
    if need > min(limit, MOST_BYTES):
        most = f"the limit is {limit / 1000:g} kB"
        if limit >= MOST_BYTES:
            most = f"a pack holds at most {MOST_BYTES / 1e6:g} MB"
        raise StoreError(
            f"the records of {runs} run{'s' * (runs != 1)} need {least}"
            f"{math.ceil(need / 1000)} kB, and {most}"
        )


class PartWriter:
    """Writes a pack beside the one that may be there; `close` puts it in its place.

    Args:
        folder: made if need be; see `require_room`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._disk = folder, Disk()
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []

    def __enter__(self) -> PartWriter:
        self._clear()  # of a packing that was cut short
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._folder / _FRESH, ignore_errors=True)

    def add(self, name: str, data: bytes) -> dict[str, Any]:
        """Append a file; returns its entry for the index."""
        offset = sum(part["bytes"] for part in self._parts) + len(self._buffer)
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._cut()
        return {"name": name, "offset": offset} | entry_of(data)

    def _cut(self) -> None:
        name = _NAMES[len(self._parts)]
        data = bytes(self._buffer[:PART_BYTES])
        self._parts.append({"file": name} | self._disk.place(self._folder / _FRESH / name, data))
        del self._buffer[:PART_BYTES]

    def close(self, runs: list[dict[str, Any]], bases: list[dict[str, Any]]) -> int:
        """Put everything in its place, the index last.

        Args:
            runs: as in pack.json.
            bases: likewise.

        Returns:
            The bytes of the whole pack.

        Raises:
            StoreError: if an older pack cannot be replaced.
        """
        if self._buffer:
            self._cut()
        index = {
            "what": WHAT,
            "format": FORMAT,
            "grokbook": __version__,
            "parts": self._parts,
            "runs": runs,
            "bases": bases,
        }
        sealed = seal(index)
        new = {part["file"] for part in self._parts}
        try:
            # Without an index the folder holds no pack: never a new part under an old index.
            self._disk.remove(self._folder / INDEX)
            for name in _NAMES:
                if name in new:
                    self._disk.rename(self._folder / _FRESH / name, self._folder / name)
                else:
                    self._disk.remove(self._folder / name)
        except OSError as error:
            raise StoreError(
                f"the pack in {self._folder} could not be replaced: {error.strerror or error}"
            ) from error
        self._disk.place(self._folder / INDEX, sealed)
        return sum(part["bytes"] for part in self._parts) + len(sealed)
