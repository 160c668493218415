"""A run's directory: it can die at any moment and go on from its last resume point.

    runs/<config id>/<numerics id>/
      config.json        sealed: the configuration and the numerics, fixed when the run starts
      commit.json        sealed: what is complete; nothing that it does not list counts
      resume-<step>.safetensors     the newest resume point, and the one before it
      snapshots/<step>.safetensors  attention matrices, and what else the plan keeps
      metrics.parquet, answers.npz, band.npz   written when the run ends or is interrupted
      gram.npz                      of a run that came in a pack, which may lack snapshots
      lock               held by the one process that trains
      progress.json      how far it is while a sweep trains it; nothing hangs on it

A save puts new files in place first and the marker last.  Whatever the marker does not list is a
leftover of a save that was cut short, and is swept when the run is next opened.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy as safetensors

from grokbook.config import Config
from grokbook.numerics import Numerics, hardware
from grokbook.store.files import Disk, StoreError, check, seal
from grokbook.store.lock import hold
from grokbook.store.resume_points import choose
from grokbook.store.saved_run import FORMAT, SavedRun

PROGRESS = "progress.json"


class RunDirectory(SavedRun):
    """A saved run that one process may go on with.

    Args:
        path: of the directory.
        disk: through which it is written.
        warn: gets one line for whatever is damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        disk: Disk | None = None,
        warn: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(path)
        self._disk = disk or Disk()
        self._warn = warn
        self._handle: int | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        config: Config,
        numerics: Numerics,
        *,
        disk: Disk | None = None,
        **options: Any,
    ) -> RunDirectory:
        """Open a run's directory, making it if it is not there.

        Raises:
            Busy: if another process is making it.
        """
        if not (path / "config.json").exists():
            head = {
                "format": FORMAT,
                "config_id": config.id,
                "config": config.to_json(),
                "numerics_id": numerics.id,
                "numerics": asdict(numerics),
                "hardware": hardware(),
            }
            handle = hold(path, config)  # or its sweep would take our half-written file
            try:
                (disk or Disk()).place(path / "config.json", seal(head))
            finally:
                os.close(handle)
        return cls(path, disk=disk, **options)

    # --- one writer -------------------------------------------------------------------------

    def __enter__(self) -> RunDirectory:
        self._handle = hold(self.path, self.config)
        try:
            self.marker = self._marker()  # it may have moved on since it was read
            if not self.marker:
                self._begin()
            self._sweep()
            with contextlib.suppress(OSError):  # of a worker that was killed
                (self.path / PROGRESS).unlink(missing_ok=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        """The first marker, which lists nothing: from here on a missing marker means damage."""
        if any(self.path.glob("resume-*")) or any(self.path.glob("snapshots/*")):
            raise StoreError(
                f"{self.path} holds a run but no commit.json; restore it, or move the whole "
                "folder away"
            )
        nothing: dict[str, Any] = {"resume": [], "snapshots": {}, "files": {}}
        self._place_marker(
            {"format": FORMAT, "config_id": self.config.id, "step": 0, "status": "empty", **nothing}
        )

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _sweep(self) -> None:
        """Remove files of ours that the marker does not list; other people's stay."""
        patterns = ("resume-*.safetensors", "snapshots/*.safetensors", ".*.part", "*/.*.part")
        names = ("metrics.parquet", "answers.npz", "band.npz", "gram.npz")
        ours = {path for each in (*patterns, *names) for path in self.path.glob(each)}
        for path in sorted(ours):
            if str(path.relative_to(self.path)) not in self.entries():
                with contextlib.suppress(OSError):  # a leftover does no harm
                    self._disk.remove(path)

    # --- saving -----------------------------------------------------------------------------

    def commit(
        self,
        step: int,
        status: str,
        state: Mapping[str, np.ndarray],
        snapshots: Mapping[int, Mapping[str, np.ndarray]],
        kept: list[int],
        *,
        facts: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Make everything up to ``step`` durable.

        Args:
            step: updates made.
            status: ``"running"``, ``"interrupted"``, ``"finished"`` or ``"diverged"``.
            state: the resume point.
            snapshots: new snapshots by step: ``attention``, and what else the plan keeps.
            kept: steps of all snapshots to keep; others are dropped once the marker is in place.
            facts: JSON values to store in the marker.
            files: derived files by name, written with the run's end.

        Raises:
            DiskFull, StoreError: the previous commit still stands.
        """
        if files and self.marker.get("files"):
            # The files that readers use are replaced in place: until all are, none counts.
            self._place_marker(self.marker | {"files": {}, "status": "running"})
        entries = dict(self.marker.get("snapshots", {}))
        for at, parts in snapshots.items():
            if at in kept:
                name = f"snapshots/{at:09d}.safetensors"
                data = safetensors.save(dict(parts))
                entries[name] = self._disk.place(self.path / name, data)
        wanted = {f"snapshots/{at:09d}.safetensors" for at in kept}
        name = f"resume-{step:09d}.safetensors"
        entry = self._disk.place(self.path / name, safetensors.save(dict(state)))
        point = {"file": name, "step": step, **entry}
        points = [point] + [p for p in self.marker.get("resume", []) if p["file"] != name]
        marker = {
            "format": FORMAT,
            "config_id": self.config.id,
            "step": step,
            "status": status,
            "resume": points[:2],
            **dict(facts or {}),
            "snapshots": {name: entry for name, entry in entries.items() if name in wanted},
            "files": {
                name: self._disk.place(self.path / name, data)
                for name, data in (files or {}).items()
            },
        }
        self._place_marker(marker)
        self._sweep()

    def adopt(self, facts: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Put a run that comes from elsewhere in the place of what is here; hold the lock.

        Args:
            facts: of its marker, without lists of files.
            files: all its files, by name.

        Raises:
            DiskFull, StoreError: what was here can still go on from its resume point.
        """
        if self.marker.get("files"):  # replaced in place, as in `commit`
            self._place_marker(self.marker | {"files": {}, "status": "running"})
        marker = {**facts, "resume": [], "snapshots": {}, "files": {}}
        for name, data in files.items():
            entry = self._disk.place(self.path / name, data)
            stem = Path(name).stem
            if name.startswith("resume-"):
                point = {"file": name, "step": int(stem.removeprefix("resume-")), **entry}
                marker["resume"].append(point)
            else:
                kind = "snapshots" if name.startswith("snapshots/") else "files"
                marker[kind][name] = entry
        self._place_marker(marker)
        self._sweep()

    def _place_marker(self, marker: Mapping[str, Any]) -> None:
        data = seal(dict(marker))
        self._disk.place(self.path / "commit.json", data)
        self.marker = json.loads(data)

    # --- going on ---------------------------------------------------------------------------

    def resume(self) -> dict[str, np.ndarray] | None:
        """The newest resume point that is whole, or None before the first.

        A damaged one is named and the one before it is used; a damaged snapshot is named, and a
        resume point older than it is used if there is one, else the snapshot is given up.
        """
        problems = {
            name: problem
            for name, entry in self.entries().items()
            if (problem := check(self.path / name, entry))
        }
        points = self.marker.get("resume", [])
        if not points:
            if self.step:
                here = f"run {self.config.id} is here up to step {self.step:,}"
                self._warn(f"{here} without a resume point; it starts again at step 0")
            return None
        chosen = choose(self.marker, problems)
        if chosen is None:
            raise StoreError(
                f"no resume point of run {self.config.id} is whole: "
                + "; ".join(problems[point["file"]] for point in points)
            )
        for line in chosen.said:
            self._warn(line)
        self.marker = chosen.marker
        return safetensors.load((self.path / chosen.file).read_bytes())
