"""What a pack holds, read and checked; `grokbook.store.parts` says how it lies on disk."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook import __version__
from grokbook.store.files import StoreError, check, entry_of, read_sealed
from grokbook.store.parts import FORMAT, INDEX, WHAT

_PACKABLE = {
    "files": re.compile(
        r"(metrics\.parquet|(answers|band|gram)\.npz|(resume-|snapshots/)\d{9}\.safetensors)"
    ),
    "measurements": re.compile(r"[a-z][a-z-]*-[0-9a-f]{8}\.parquet"),
    "bases": re.compile(
        r"bases/[0-9a-f]{12}/[0-9a-f]{64}\.json|artefacts/[0-9a-f]{64}\.safetensors"
    ),
}
_KINDS = {
    "files": "file of a run",
    "measurements": "measurement of a run",
    "bases": "basis or note of one",
}


@dataclass(frozen=True)
class Pack:
    """A pack that is whole.

    Attributes:
        runs: as in pack.json.
        data: all packed files end to end.
        bases: as in pack.json.
    """

    runs: list[dict[str, Any]]
    data: memoryview
    bases: list[dict[str, Any]]

    def files(self, run: dict[str, Any]) -> dict[str, bytes]:
        """The files of one of the runs, by name."""
        return {entry["name"]: bytes(self._slice(entry)) for entry in run["files"]}

    def measurements(self, run: dict[str, Any]) -> dict[str, bytes]:
        """What was measured on one of the runs: files by name."""
        return {entry["name"]: bytes(self._slice(entry)) for entry in _listed(run, "measurements")}

    def basis_files(self) -> dict[str, bytes]:
        """Notes of bases, and bases: files by their paths in a store."""
        return {entry["name"]: bytes(self._slice(entry)) for entry in self.bases}

    def _slice(self, entry: dict[str, Any]) -> memoryview:
        return self.data[entry["offset"] : entry["offset"] + entry["bytes"]]

    def problem(self) -> str | None:
        """The first file whose name or checksum does not fit."""
        listed = [
            (kind, entry, f"{entry['name']} of run {run['head']['config_id']}")
            for run, kind in itertools.product(self.runs, ("files", "measurements"))
            for entry in _listed(run, kind)
        ]
        listed += [("bases", entry, entry["name"]) for entry in self.bases]
        for kind, entry, what in listed:
            if not _PACKABLE[kind].fullmatch(entry["name"]):
                return f"{what} is no {_KINDS[kind]}"
            if entry_of(self._slice(entry)) != {key: entry[key] for key in ("bytes", "sha256")}:
                return f"{what} is damaged: its checksum does not fit"
        return None


def read_pack(folder: Path) -> Pack:
    """Read a pack, everything checked: version, seal, parts, files.

    Raises:
        StoreError: naming the one thing that is wrong.
    """
    if not (folder / INDEX).is_file():
        raise StoreError(f"{folder} holds no pack: there is no {INDEX}")
    index = read_sealed(folder / INDEX)
    if index.get("what") != WHAT:
        raise StoreError(f"{folder / INDEX} is no index of a pack")
    if index["format"] != FORMAT:
        raise StoreError(
            f"the pack in {folder} has format {index['format']} (grokbook {index['grokbook']}); "
            f"grokbook {__version__} reads format {FORMAT}"
        )
    for part in index["parts"]:
        if problem := check(folder / part["file"], part):
            raise StoreError(f"the pack is not whole: {problem}")
    data = b"".join((folder / part["file"]).read_bytes() for part in index["parts"])
    pack = Pack(index["runs"], memoryview(data), index.get("bases", []))
    if problem := pack.problem():
        raise StoreError(f"the pack in {folder} is not whole: {problem}")
    return pack


def _listed(run: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return run[kind] if kind == "files" else run.get(kind, [])
