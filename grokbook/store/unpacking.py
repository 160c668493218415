"""Unpacking: the runs of a pack, and what was measured on them, become a store's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.store import Store
from grokbook.store.artefacts import Artefacts
from grokbook.store.contents import Pack, read_pack
from grokbook.store.files import Disk, DiskFull, StoreError, require_format, seal, unseal
from grokbook.store.measurements import Merged, merge, read
from grokbook.store.notes import Notes
from grokbook.store.run_directory import RunDirectory
from grokbook.store.saved_run import FORMAT


@dataclass(frozen=True)
class Unpacked:
    """What became of one run of a pack.

    Attributes:
        id: of its config.
        label: what a person calls it.
        path: its directory in the store.
        status: ``"finished"``, ``"diverged"`` or ``"partial"``, of the packed run.
        step: updates made, of the packed run.
        outcome: ``"added"``; ``"replaced"`` a run that was less far; ``"kept"`` the store's own,
            which is as far or further; ``"skipped"``.
        why: what stood in the way, if it was skipped; else empty.
        measurements: what became of what was measured on it.
    """

    id: str
    label: str
    path: Path
    status: str
    step: int
    outcome: str
    why: str = ""
    measurements: tuple[Merged, ...] = ()


def unpack(folder: Path, store: Store) -> list[Unpacked]:
    """Check a pack, then take its runs into a store.

    A run that the store has as far, or further, is left alone; one that is less far is replaced;
    one that is being trained, or is damaged, is skipped.  So it is with measurements.  Bases and
    their notes come first; those that are here and whole stay.

    Args:
        folder: of the pack.
        store: to take the runs in.

    Returns:
        What became of each run.

    Raises:
        StoreError: if the pack is not whole, or of another version; the store is as it was.
        DiskFull: before the start if the disk cannot hold the runs, or in between; the runs taken
            in so far are whole.
    """
    held = read_pack(folder)
    configs = [_config(run["head"], run["marker"], folder) for run in held.runs]
    measured = [held.measurements(run) for run in held.runs]
    for run, files in zip(held.runs, measured, strict=True):
        for name, data in files.items():
            _check_measurement(name, data, run, folder)
    notes, artefacts = _bases(held, folder)
    store.require_space(len(held.data), f"the pack in {folder}")
    for note in notes:
        Notes(store).take(note)
    for data in artefacts:
        Artefacts(store).take(data)
    unpacked = []
    for config, run, files in zip(configs, held.runs, measured, strict=True):
        taken = _take_in(config, run["head"], run["marker"], held.files(run), store)
        merged = tuple(merge(data, store) for data in files.values())
        unpacked.append(replace(taken, measurements=merged))
    return unpacked


def _bases(held: Pack, folder: Path) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The notes of bases, and the bases; refused if one is not what its name says."""
    notes, artefacts = [], []
    for name, data in held.basis_files().items():
        what, path = f"the pack in {folder}: {name}", PurePosixPath(name)
        if path.suffix == ".json":
            note = unseal(data, what)
            whose = (note.get("config_id"), note.get("artefact"))
            if whose != (path.parent.name, path.stem):
                raise StoreError(f"{what} says that it is of artefact {whose[1]} on run {whose[0]}")
            notes.append(note)
        elif hashlib.sha256(data).hexdigest() != path.stem:
            raise StoreError(f"{what} is damaged: its checksum is another")
        else:
            artefacts.append(data)
    return notes, artefacts


def _check_measurement(name: str, data: bytes, run: Mapping[str, Any], folder: Path) -> None:
    """Refuse a measurement that cannot be read here, or is not of the run that it came with."""
    head, what = run["head"], f"{name} of run {run['head']['config_id']}"
    _, facts = read(data, f"the pack in {folder}: {what}")
    whose = (facts.config_id, facts.numerics_id)
    if whose != (head["config_id"], head["numerics_id"]) or facts.name != name:
        raise StoreError(
            f"the pack in {folder}: {what} says that it is {facts.name} of run {'/'.join(whose)}"
        )
    if facts.run_step > run["marker"]["step"]:
        raise StoreError(
            f"the pack in {folder}: {what} was measured at step {facts.run_step:,}, and the run "
            f"is at {run['marker']['step']:,}"
        )


def _config(head: Mapping[str, Any], marker: Mapping[str, Any], folder: Path) -> Config:
    for record in (head, marker):
        what = f"run {head['config_id']} of the pack in {folder}"
        require_format(record.get("format"), FORMAT, what)
    try:
        config = Config.from_json(head["config"])
    except ConfigError as error:
        raise StoreError(f"the pack in {folder} is of another version: {error}") from None
    numerics = str(head["numerics_id"])
    if config.id != head["config_id"] or not re.fullmatch("[0-9a-f]{8}", numerics):
        raise StoreError(
            f"the pack in {folder} names run {head['config_id']} under numerics {numerics}, and "
            f"its fields are those of {config.id}"
        )
    whose = marker.get("config_id")
    if whose != config.id:
        raise StoreError(
            f"the pack in {folder} names run {config.id}, and its marker is of {whose}"
        )
    return config


def _take_in(
    config: Config,
    head: dict[str, Any],
    marker: dict[str, Any],
    files: dict[str, bytes],
    store: Store,
) -> Unpacked:
    path = store.root / "runs" / config.id / head["numerics_id"]

    def outcome(word: str, why: str = "") -> Unpacked:
        step, status = marker["step"], marker["status"]
        return Unpacked(config.id, config.label, path, status, step, word, why)

    after = _progress(marker, any(name.startswith("resume-") for name in files))

    def here(run: RunDirectory) -> tuple[int, bool, bool]:
        return _progress(run.marker, bool(run.marker.get("resume")))

    try:
        if not (path / "config.json").exists():
            Disk().place(path / "config.json", seal(head))
        run = RunDirectory(path)
        if run.config.id != config.id:
            return outcome("skipped", f"{path} holds another run ({run.config.label})")
        if here(run) >= after:
            return outcome("kept")
        with run:
            before = here(run)  # it may have moved on until the lock was ours
            if before >= after:
                return outcome("kept")
            run.adopt(marker, files)
    except DiskFull:
        raise
    except StoreError as error:
        return outcome("skipped", str(error))
    return outcome("replaced" if before > _NOTHING else "added")


_NOTHING = (-1, False, False)


def _progress(marker: Mapping[str, Any], resumable: bool) -> tuple[int, bool, bool]:
    """How far a run is: updates made, whether it has ended there, whether it need go no further.

    At the same step, a run that can go on is further than one that cannot.
    """
    if marker.get("status", "empty") == "empty":
        return _NOTHING
    ended = marker["status"] in ("finished", "diverged")
    return marker["step"], ended, ended or resumable
