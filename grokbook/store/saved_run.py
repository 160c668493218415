"""A run that was saved, as anybody may read it: its marker, files and snapshots, all checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import numpy as safetensors

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.store.files import StoreError, check, read_sealed

if TYPE_CHECKING:
    from grokbook.record import RunRecord

FORMAT = 1
"""Of ``config.json`` and ``commit.json``, and of the results' ``manifest.json``."""


class SavedRun:
    """One run on disk; `grokbook.store.run_directory` says what its files are.

    Attributes:
        path: of the directory.
        config: of the run.
        numerics: of the run, as a dict.
        hardware: the processor on which the run was begun.
        marker: the contents of commit.json; empty before the first commit.

    Raises:
        StoreError: if its config or its marker is damaged, of another run, or of a format or a
            kind that this version does not know.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        head = read_sealed(path / "config.json", known=FORMAT)
        try:
            self.config = Config.from_json(head["config"])
        except ConfigError as error:  # a store may hold runs of a later version's kinds
            raise StoreError(f"{path / 'config.json'} is not readable here: {error}") from None
        self.numerics: dict[str, Any] = head["numerics"]
        self.hardware: str = head.get("hardware", "")
        if self.config.id != head["config_id"]:
            raise StoreError(
                f"{path / 'config.json'} names config {head['config_id']}, but its "
                f"fields are those of {self.config.id}"
            )
        self.marker: dict[str, Any] = self._marker()

    def _marker(self) -> dict[str, Any]:
        path = self.path / "commit.json"
        if not path.exists():
            return {}
        marker = read_sealed(path, known=FORMAT)
        whose = marker.get("config_id")
        if whose != self.config.id:
            raise StoreError(
                f"{path} is of run {whose}, and the config beside it is of "
                f"{self.config.id} ({self.config.label})"
            )
        return marker

    def entries(self) -> dict[str, dict[str, Any]]:
        """Every file that the marker lists, with its entry."""
        entries = dict(self.marker.get("snapshots", {})) | dict(self.marker.get("files", {}))
        for point in self.marker.get("resume", []):
            entries[point["file"]] = point
        return entries

    @property
    def name(self) -> str:
        """``CONFIG-NUMERICS``, which tells it from other executions of its config."""
        return f"{self.config.id}-{self.path.name}"

    @property
    def step(self) -> int:
        """Updates that are safe on disk."""
        return self.marker.get("step", 0)

    @property
    def status(self) -> str:
        """``"empty"`` before the first save, ``"partial"`` if it came so, else as saved."""
        return self.marker.get("status", "empty")

    @property
    def ended(self) -> bool:
        """Has the run reached the end of its plan, or diverged?"""
        return self.status in ("finished", "diverged")

    @property
    def seconds(self) -> float:
        """Time spent on the run so far."""
        return float(self.marker.get("seconds", 0.0))

    @property
    def spacing(self) -> int:
        """Steps between snapshots of the global stream (`grokbook.store.streams`)."""
        return self.marker["global_stride"] * self.marker["plan"]["cadence"]

    def record(self, source: str = "store") -> RunRecord:
        """The measurements of a run that has ended or was interrupted; its files are checked.

        Returns:
            The record, with the status ``"partial"`` if the run has not ended.

        Raises:
            StoreError: if the run has no files for readers, as while it is trained or after it
                was killed, or one is damaged.
        """
        from grokbook.record import RunRecord  # pandas is slow to import

        files = {name: self.file(name).read_bytes() for name in ("metrics.parquet", "answers.npz")}
        return RunRecord.read(
            self.config,
            files,
            status=self.status if self.ended else "partial",
            seconds=self.seconds,
            source=source,
            numerics=self.numerics,
            hardware=self.hardware,
        )

    def file(self, name: str) -> Path:
        """A listed file, checked.

        Raises:
            StoreError: if it is not listed, missing or damaged.
        """
        entry = self.entries().get(name)
        if entry is None:
            raise StoreError(f"run {self.config.id} has no {name}: its status is {self.status}")
        problem = check(self.path / name, entry)
        if problem:
            raise StoreError(problem)
        return self.path / name

    def snapshots(self) -> dict[int, Path]:
        """Listed snapshots by step, ascending."""
        return {
            int(Path(name).stem): self.path / name
            for name in sorted(self.marker.get("snapshots", {}))
        }

    def snapshot(self, step: int, part: str = "attention") -> np.ndarray:
        """A part of the snapshot at a step; ``attention`` is (layers · 4 · d²,) float32.

        Other parts, if the plan keeps them: ``theta`` (P,), ``decayed`` and ``learned`` like
        ``attention`` but float64.
        """
        path = self.file(f"snapshots/{step:09d}.safetensors")
        parts = safetensors.load(path.read_bytes())
        if part not in parts:
            raise StoreError(
                f"the snapshots of run {self.config.id} hold {', '.join(sorted(parts))}, not {part}"
            )
        return parts[part]

    def verify(self) -> list[str]:
        """Everything that is wrong with the directory, one line each."""
        self.marker = self._marker()  # a run that is training has moved on
        return [
            problem
            for name, entry in self.entries().items()
            if (problem := check(self.path / name, entry))
        ]
