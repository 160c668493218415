"""The surgery: one run as the fourth chapter's explorable cuts it, ever deeper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grokbook.widgets.packing import heading, pack_tables, single

CUTS = {
    "scale": "scale",
    "share": "smallest entries",
    "rank": "rank",
    "directions": "directions of the path",
}
"""What can be cut, as the knob says it, in its order."""

LINES = ("published", "control", "other")
"""As published; with the control; the published arithmetic with another ingredient."""


@dataclass(frozen=True, eq=False)
class Cut:
    """One way to cut, at n depths, in ascending order of what is kept.

    T tasks; a line is one of `LINES`, of which ``"other"`` may be missing.

    Attributes:
        at: (n,) ranks, shares that are kept, factors or numbers of directions.
        accuracy: line ↦ (T, n) test accuracy, 0 to 1.
        change: line ↦ (n,) ‖θ′ − θ‖ / ‖θ‖, 0 or more.
        noise: ``"published"`` and ``"control"`` ↦ (2, n) low and high test accuracy with noise as
            large as that cut: over the tasks, a standard deviation of the draws either way.
        spectrum: line ↦ (m,) shares of what is cut, strongest first; empty where there are none.
        tables: line ↦ (n, T, side, side) bool, right or wrong; empty where there are none.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    at: np.ndarray
    accuracy: Mapping[str, np.ndarray]
    change: Mapping[str, np.ndarray]
    noise: Mapping[str, np.ndarray]
    spectrum: Mapping[str, np.ndarray] = field(default_factory=dict)
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.at)
        if n < 2 or np.any(np.diff(self.at) <= 0) or self.at[0] < 0:
            raise ValueError("a cut needs two or more depths that increase")
        if not {"published", "control"} <= set(self.accuracy) <= set(LINES):
            raise ValueError(f"accuracy must have published and control, got {list(self.accuracy)}")
        tasks = len(self.accuracy["published"])
        shapes = {
            "accuracy": (self.accuracy, (tasks, n)),
            "change": (self.change, (n,)),
            "noise": (self.noise, (2, n)),
        }
        for name, (values, shape) in shapes.items():
            if any(each.shape != shape for each in values.values()):
                raise ValueError(f"{name} must be {shape} a line")
        if set(self.change) != set(self.accuracy) or set(self.noise) != {"published", "control"}:
            raise ValueError("change must have accuracy's lines, noise published and control")
        if any(each.shape[:2] != (n, tasks) for each in self.tables.values()):
            raise ValueError(f"tables must be ({n}, {tasks}, side, side) a line")

    def packed(self) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk: little-endian float32, and tables."""
        return {
            "at": single(self.at),
            "accuracy": {name: single(values) for name, values in self.accuracy.items()},
            "change": {name: single(values) for name, values in self.change.items()},
            "noise": {name: single(values) for name, values in self.noise.items()},
            "spectrum": {name: single(values) for name, values in self.spectrum.items()},
            "tables": {name: pack_tables(values) for name, values in self.tables.items()},
        }


@dataclass(frozen=True, eq=False)
class Surgery:
    """One run and the cuts that were made in it.

    Attributes:
        label: what a reader calls the run.
        setting: what distinguishes its group.
        weight_decay: λ a step.
        seed: the run's.
        tasks: T names.
        titles: the tasks as formulas.
        low: smallest operand.
        trained: (side, side) bool, the training pairs.
        run_id: the config's id.
        command: the command line that repeats the run.
        stop: the step at which it was cut.
        shown: the step of the weights whose answers the tables hold; None without tables.
        cuts: kind of `CUTS` ↦ what was measured; at least one.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    setting: str
    weight_decay: float
    seed: int
    tasks: tuple[str, ...]
    titles: tuple[str, ...]
    low: int
    trained: np.ndarray
    run_id: str
    command: str
    stop: int
    shown: int | None
    cuts: Mapping[str, Cut]

    def __post_init__(self) -> None:
        if not self.cuts or not set(self.cuts) <= set(CUTS):
            self._refuse(f"cuts must be some of {', '.join(CUTS)}, got {', '.join(self.cuts)}")
        side = len(self.trained)
        for kind, cut in self.cuts.items():
            if len(cut.accuracy["published"]) != len(self.tasks):
                self._refuse(f"{kind} must have {len(self.tasks)} tasks")
            if any(each.shape[2:] != (side, side) for each in cut.tables.values()):
                self._refuse(f"tables of {kind} must have {side} × {side} pairs")
            if cut.tables and self.shown is None:
                self._refuse("tables need the step of their weights")

    def _refuse(self, reason: str) -> None:
        raise ValueError(f"surgery {self.label!r}: {reason}")

    def packed(self) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk."""
        return {
            **heading(self),
            "setting": self.setting,
            "tasks": list(self.tasks),
            "titles": list(self.titles),
            "low": self.low,
            "side": len(self.trained),
            "trained": np.packbits(self.trained).tobytes(),
            "stop": self.stop,
            "shown": self.shown,
            "cuts": {kind: self.cuts[kind].packed() for kind in CUTS if kind in self.cuts},
        }
