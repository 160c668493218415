"""A run on its way into a pack: what there is of it, what goes in, and what became of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grokbook.store import Store
from grokbook.store.artefacts import Artefacts
from grokbook.store.derived import Measured, gram_file, measured
from grokbook.store.files import StoreError, read_sealed, seal
from grokbook.store.measurements import measurements_of
from grokbook.store.notes import Notes
from grokbook.store.parts import ENTRY_BYTES, FRAME_BYTES, MOST_BYTES, PART_BYTES, PartWriter
from grokbook.store.run_directory import RunDirectory
from grokbook.thinning import thin


@dataclass(frozen=True)
class PackedRun:
    """What became of one run.

    Attributes:
        id: of its config.
        label: what a person calls it.
        status: ``"finished"``, ``"diverged"`` or ``"partial"``; ``"left out"`` if nothing went in.
        step: updates made, as far as the record tells.
        bytes: of its packed files; bases, which runs share, are not counted.
        measurements: that went in.
        snapshots: steps of the snapshots that went in.
        resumable: did a resume point go in?
        left_out: what did not go in, and why, one phrase each.
    """

    id: str
    label: str
    status: str
    step: int
    bytes: int
    measurements: int
    snapshots: tuple[int, ...]
    resumable: bool
    left_out: tuple[str, ...]


class Room:
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


class Source:
    """One run on its way into a pack.

    Attributes:
        found: its measurements; None if it has none, or they are damaged.
        files: of its record, by name.
        brought: what was measured on it and goes in: files by name.
        notes: of the basis that its intervention is on: files by name, of which there is one.
        point: entry of the resume point that the record of an unfinished run ends at.
        with_point: does that go in?
        left_out: what does not go in, and why.
    """

    def __init__(self, path: Path) -> None:
        self.left_out: list[str] = []
        self.run = RunDirectory(path, warn=self.left_out.append)
        self.found: Measured | None = None
        self.files: dict[str, bytes] = {}
        self.brought: dict[str, bytes] = {}
        self.notes: dict[str, bytes] = {}
        self._measured: dict[str, bytes] = {}
        try:
            self.found = measured(self.run)
            self.files |= self.found.files
            self.files["gram.npz"] = gram_file(self.run)
        except (StoreError, OSError) as problem:  # swept while we read: the run is in training
            self.left_out.append(str(problem))
        change = self.run.config.intervention
        self._basis = None if change is None else change.basis
        self._store = Store(self.run.path.parents[2])
        if self.found is not None:
            self._measured = measurements_of(self.run, self.found.step, self.left_out.append)
            self._take_note()
        points = self.run.marker.get("resume", [])
        unfinished = self.found is not None and self.found.status == "partial"
        self.point: dict[str, Any] | None = points[0] if unfinished and points else None
        self.with_point = False
        self._steps = list(self.run.snapshots())
        self._count = 0
        self._packed: list[dict[str, Any]] = []

    def _take_note(self) -> None:
        if self._basis is None:
            return
        try:
            note = Notes(self._store).of(self._basis)
        except StoreError as problem:  # without it the run goes on, and cannot be recorded
            self.left_out.append(str(problem))
        else:
            self.notes[f"bases/{note['config_id']}/{self._basis}.json"] = seal(note)

    def sizes(self) -> list[tuple[str, int]]:
        """Names and bytes of what was measured on the run."""
        return [(name, len(data)) for name, data in self._measured.items()]

    def bring(self, name: str, room: Room) -> None:
        """Take a measurement in, if it fits."""
        if room.take(len(self._measured[name])):
            self.brought[name] = self._measured[name]

    def bring_basis(self, bases: dict[str, bytes], room: Room) -> None:
        """Take in the basis without which the run cannot go on, if it is to and there is room.

        Args:
            bases: that go in, to which it is added: files by name.
            room: that is left.
        """
        if self._basis is None or not self.with_point:
            return
        name = f"artefacts/{self._basis}.safetensors"
        if name in bases:  # runs of several strengths share one
            return
        try:
            data = Artefacts(self._store).content(self._basis)
        except StoreError as problem:
            self.left_out.append(str(problem))
            return
        if room.take(len(data)):
            bases[name] = data
        else:
            self.left_out.append(f"the basis that it needs to go on ({len(data) / 1e6:.1f} MB)")

    def grow(self, room: Room) -> bool:
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
        text = json.dumps({"runs": [self._entry() | {"files": [], "measurements": []}]}, indent=1)
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
        measurements = [writer.add(name, data) for name, data in self.brought.items()]
        return self._entry() | {"files": self._packed, "measurements": measurements}

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
        if behind := [data for name, data in self._measured.items() if name not in self.brought]:
            size = sum(map(len, behind)) / 1e6
            left_out.append(f"{len(behind)} of {len(self._measured)} measurements ({size:.2f} MB)")
        if self.point is not None and not self.with_point:
            left_out.append(f"the resume point ({self.point['bytes'] / 1e6:.1f} MB)")
        if self.found and (missing := len(self._steps) - len(snapshots)):
            left_out.append(f"{missing} of {len(self._steps)} snapshots")
        return PackedRun(
            self.run.config.id,
            self.run.config.label,
            self.found.status if self.found else "left out",
            self.found.step if self.found else self.run.step,
            sum(entry["bytes"] for entry in self._packed) + sum(map(len, self.brought.values())),
            len(self.brought),
            tuple(snapshots),
            resumable,
            tuple(left_out),
        )
