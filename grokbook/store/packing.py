"""Packing runs for the way home from a machine that gives back only a few small files.

    packed = pack(store.runs(), Path("home"), limit=60_000_000)

What goes in, in this order, until the limit is reached:

1. the record of every run: config, numerics, hardware, the facts of its marker, metrics, answers,
   band and Gram matrices; of a run that has not ended, as far as it has come, marked partial;
2. the newest resume point of every run that has not ended, so that it can go on elsewhere;
3. every run's last snapshot;
4. more snapshots, thinned evenly, first and last included; every run gets one more in turn.

What is left out is said.  `grokbook.store.unpacking` takes a pack into a store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grokbook.checks import integer
from grokbook.geometry.trajectory import thin
from grokbook.store.derived import Measured, gram_file, measured
from grokbook.store.files import StoreError, read_sealed
from grokbook.store.parts import (
    ENTRY_BYTES,
    FRAME_BYTES,
    LIMIT,
    MOST_BYTES,
    PART_BYTES,
    PartWriter,
    require_limit,
    require_room,
)
from grokbook.store.run_directory import RunDirectory
from grokbook.store.unpacking import Unpacked, unpack

__all__ = ["LIMIT", "Packed", "PackedRun", "Unpacked", "pack", "unpack"]


@dataclass(frozen=True)
class PackedRun:
    """What became of one run.

    Attributes:
        id: of its config.
        label: what a person calls it.
        status: ``"finished"``, ``"diverged"`` or ``"partial"``; ``"left out"`` if nothing went in.
        step: updates made, as far as the record tells.
        bytes: of its packed files.
        snapshots: steps of the snapshots that went in.
        resumable: did a resume point go in?
        left_out: what did not go in, and why, one phrase each.
    """

    id: str
    label: str
    status: str
    step: int
    bytes: int
    snapshots: tuple[int, ...]
    resumable: bool
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Packed:
    """A pack that was written.

    Attributes:
        folder: where it lies.
        bytes: of all its files.
        runs: what became of each run, in the order in which they were given.
    """

    folder: Path
    bytes: int
    runs: tuple[PackedRun, ...]


def pack(runs: Sequence[RunDirectory], folder: Path, *, limit: int = LIMIT) -> Packed:
    """Pack runs into at most eight files of at most 16 MB.

    A run may be in training meanwhile; what it replaces under our hands is left out.

    Args:
        runs: of a store; a run given twice is packed once.
        folder: new, or that of an older pack, which is replaced.
        limit: bytes of all files together; 112 MB at most, whatever it says.

    Raises:
        ConfigError: if the limit is no positive whole number.
        StoreError: if there is nothing to pack, the folder holds other things, or the records
            alone pass the limit, saying how much they need.
        DiskFull: an older pack still stands.
    """
    limit = integer("limit", limit, low=1)
    require_room(folder)
    sources = [_Source(path) for path in dict.fromkeys(run.path for run in runs)]
    ready = [source for source in sources if source.found]
    if not ready:
        why = [line for source in sources for line in source.left_out]
        raise StoreError("; ".join(["there is nothing to pack", *why]))
    _choose(ready, limit)
    with PartWriter(folder) as writer:
        entries = [source.write(writer) for source in ready]
        size = writer.close(entries)
    return Packed(folder, size, tuple(source.outcome() for source in sources))


class _Room:
    """Bytes that are left in a pack and in its index, which is one of its files."""

    def __init__(self, limit: int) -> None:
        self._left = min(limit, MOST_BYTES) - FRAME_BYTES
        self._index = PART_BYTES - FRAME_BYTES

    def take(self, size: int, entry: int = ENTRY_BYTES) -> bool:
        """Take the bytes of files and of their entries in the index, if they fit."""
        if size + entry > self._left or entry > self._index:
            return False
        self._left -= size + entry
        self._index -= entry
        return True


def _choose(sources: list[_Source], limit: int) -> None:
    """Decide what goes in beside the records.

    Raises:
        StoreError: if not even the records do.
    """
    room = _Room(limit)
    size = sum(len(data) for source in sources for data in source.files.values())
    entries = sum(source.entry_bytes() for source in sources)
    require_limit(len(sources), limit, FRAME_BYTES + size + entries)
    if not room.take(size, entries):
        raise StoreError(f"the records of {len(sources)} runs are too many for one index")
    for source in sources:
        source.with_point = source.point is not None and room.take(source.point["bytes"])
    # The first round gives every run its last snapshot, each further round one more.
    growing = sources
    while growing:
        growing = [source for source in growing if source.grow(room)]


class _Source:
    """One run on its way into a pack.

    Attributes:
        found: its measurements; None if it has none, or they are damaged.
        files: of its record, by name.
        point: entry of the resume point that the record of an unfinished run ends at.
        with_point: does that go in?
        left_out: what does not go in, and why.
    """

    def __init__(self, path: Path) -> None:
        self.left_out: list[str] = []
        self.run = RunDirectory(path, warn=self.left_out.append)
        self.found: Measured | None = None
        self.files: dict[str, bytes] = {}
        try:
            self.found = measured(self.run)
            self.files |= self.found.files
            self.files["gram.npz"] = gram_file(self.run)
        except (StoreError, OSError) as problem:  # swept while we read: the run is in training
            self.left_out.append(str(problem))
        points = self.run.marker.get("resume", [])
        unfinished = self.found is not None and self.found.status == "partial"
        self.point: dict[str, Any] | None = points[0] if unfinished and points else None
        self.with_point = False
        self._steps = list(self.run.snapshots())
        self._count = 0
        self._packed: list[dict[str, Any]] = []

    def grow(self, room: _Room) -> bool:
        """One snapshot more, if there is one and it fits."""
        entries = self.run.marker["snapshots"].values()
        more = self._count < len(self._steps) and room.take(max(e["bytes"] for e in entries))
        self._count += more
        return more

    def _chosen(self) -> list[int]:
        """Steps of the snapshots that go in."""
        if self._count < 2:
            return self._steps[len(self._steps) - self._count :]
        return thin(np.array(self._steps), self._count).tolist()

    def _entry(self) -> dict[str, Any]:
        """The run's entry in the index, without its files."""
        head, marker = read_sealed(self.run.path / "config.json"), self.run.marker
        lists = ("seal", "resume", "snapshots", "files")
        return {
            "head": {name: value for name, value in head.items() if name != "seal"},
            "marker": {name: value for name, value in marker.items() if name not in lists}
            | {"step": self.found.step, "status": self.found.status},
        }

    def entry_bytes(self) -> int:
        """Upper bound on what the record takes in the index."""
        text = json.dumps({"runs": [self._entry() | {"files": []}]}, indent=1)
        return len(text) + ENTRY_BYTES * len(self.files)

    def write(self, writer: PartWriter) -> dict[str, Any]:
        """Write the files; returns the run's entry in the index."""
        names = [self.point["file"]] if self.with_point else []
        names += [f"snapshots/{step:09d}.safetensors" for step in self._chosen()]
        self._packed = [writer.add(name, data) for name, data in self.files.items()]
        for name in names:
            try:
                self._packed.append(writer.add(name, self._read(name)))
            except StoreError as problem:
                self.left_out.append(str(problem))
        return self._entry() | {"files": self._packed}

    def _read(self, name: str) -> bytes:
        try:
            data = (self.run.path / name).read_bytes()
        except OSError as error:
            raise StoreError(f"{name} could not be read: {error.strerror or error}") from None
        if hashlib.sha256(data).hexdigest() != self.run.entries()[name]["sha256"]:
            raise StoreError(f"{name} is damaged: its checksum does not fit")
        return data

    def outcome(self) -> PackedRun:
        """What became of the run."""
        names = {entry["name"] for entry in self._packed}
        snapshots = [step for step in self._steps if f"snapshots/{step:09d}.safetensors" in names]
        resumable = self.point is not None and self.point["file"] in names
        left_out = list(self.left_out)
        if self.point is not None and not self.with_point:
            left_out.append(f"the resume point ({self.point['bytes'] / 1e6:.1f} MB)")
        if self.found and (missing := len(self._steps) - len(snapshots)):
            left_out.append(f"{missing} of {len(self._steps)} snapshots")
        return PackedRun(
            self.run.config.id,
            self.run.config.label,
            self.found.status if self.found else "left out",
            self.found.step if self.found else self.run.step,
            sum(entry["bytes"] for entry in self._packed),
            tuple(snapshots),
            resumable,
            tuple(left_out),
        )
