"""The pace: one run as the third chapter's explorable shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grokbook.widgets.packing import heading, quantise, single, whole

DETECTORS = ("dual", "tri", "ours")
"""The two published ones, and ours: the defect has grown tenfold."""

FACTOR = 10.0
"""Growth of the defect at which our detector fires."""

SAMPLES, FEWEST, TOGETHER = 160, 48, 6_400
"""Evaluations of a run that its curves show at most, at least, and of all runs of a page."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The lowest eigenvalue of the total loss along a run.

    Attributes:
        steps: (n,) ascending.
        values: (n,) in nats/|θ|².
        residuals: (n,) ‖Hv − λv‖, in the same unit; as published Lanczos's estimate of it.
    """

    steps: np.ndarray
    values: np.ndarray
    residuals: np.ndarray


@dataclass(frozen=True, eq=False)
class Pace:
    """One run: when it groks, how its curves go, what was read along it.

    E evaluations, T tasks.

    Attributes:
        label: what a reader calls the run.
        setting: ``"dual"``, ``"tri"`` or the tasks' names.
        weight_decay: λ a step.
        learning_rate: η a step.
        exchanged: is it of another learning rate than the page's?
        seed: the run's.
        tasks: T names.
        run_id: the config's id.
        command: the command line that repeats the run.
        steps: (E,) evaluation steps.
        accuracy: (T, E) test accuracy, 0 to 1.
        norm: (E,) ‖θ‖.
        groks: every task's grok step (98 % × 3), or None.
        onsets: detector ↦ onset on the published and on the true defect, or None; empty if the
            defect was not measured.
        placebos: name ↦ step, or None; empty if events were not measured.
        curvature: protocol ↦ the lowest eigenvalue; empty if it was not measured.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    setting: str
    weight_decay: float
    learning_rate: float
    exchanged: bool
    seed: int
    tasks: tuple[str, ...]
    run_id: str
    command: str
    steps: np.ndarray
    accuracy: np.ndarray
    norm: np.ndarray
    groks: tuple[int | None, ...]
    onsets: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    placebos: Mapping[str, int | None] = field(default_factory=dict)
    curvature: Mapping[str, Curvature] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps.size < 2 or np.any(np.diff(self.steps) <= 0) or self.steps[0] < 0:
            self._refuse("steps must be two or more that increase")
        if self.accuracy.shape != (len(self.tasks), len(self.steps)):
            self._refuse(f"accuracy must be a row a task, got {self.accuracy.shape}")
        if self.norm.shape != self.steps.shape or not np.all(self.norm > 0):
            self._refuse("norm must be a number above 0 a step")
        if len(self.groks) != len(self.tasks):
            self._refuse(f"{len(self.groks)} grok steps for {len(self.tasks)} tasks")
        if self.onsets and set(self.onsets) != set(DETECTORS):
            self._refuse(f"onsets must have {', '.join(DETECTORS)}, got {', '.join(self.onsets)}")

    def _refuse(self, reason: str) -> None:
        raise ValueError(f"pace {self.label!r}: {reason}")

    @property
    def title(self) -> str:
        """The run among all others of the page."""
        rate = f", η = {self.learning_rate:g}" if self.exchanged else ""
        return f"{self.label}, λ = {self.weight_decay:g}{rate}"

    @property
    def last_step(self) -> int:
        """Of the run."""
        return int(self.steps[-1])

    @property
    def grok(self) -> float | None:
        """The mean grok step of the tasks, as published; None if the run was cut off before."""
        return None if None in self.groks else float(np.mean(self.groks))

    @property
    def first_grok(self) -> int | None:
        """The first task's grok step."""
        return min((step for step in self.groks if step is not None), default=None)

    def tau(self, step: float) -> float:
        """ηλ · step: the time in units in which the decay alone shrinks a weight e-fold."""
        return self.learning_rate * self.weight_decay * step

    def packed(self, samples: int = SAMPLES) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk: little-endian uint32, uint16, float32.

        Args:
            samples: evaluations of the curves at most.
        """
        kept = _spread(self.steps, samples)
        return {
            **heading(self),
            "setting": self.setting,
            "rate": float(self.learning_rate),
            "exchanged": bool(self.exchanged),
            "tasks": list(self.tasks),
            "last": self.last_step,
            "grok": self.grok,
            "groks": list(self.groks),
            "first": self.first_grok,
            "onsets": {name: list(pair) for name, pair in self.onsets.items()},
            "placebos": dict(self.placebos),
            "steps": whole(self.steps[kept]),
            "accuracy": quantise(self.accuracy[:, kept]).tobytes(),
            "norm": single(self.norm[kept]),
            "curvature": {
                protocol: {
                    "steps": whole(line.steps),
                    "values": single(line.values, line.residuals),
                }
                for protocol, line in self.curvature.items()
            },
        }


def samples_of(runs: int) -> int:
    """How many evaluations of each of so many runs a page can hold.

    >>> samples_of(8), samples_of(100), samples_of(1000)
    (160, 64, 48)
    """
    return max(FEWEST, min(SAMPLES, TOGETHER // runs))


def _spread(steps: np.ndarray, samples: int) -> np.ndarray:
    """Places of so many evaluations: a quarter in the first 1,000 steps, the rest evenly.

    Not as `grokbook.thinning` has it: a run under weak decay is so long that even spacing would
    leave nothing of how it memorises.
    """
    if len(steps) <= samples:
        return np.arange(len(steps))
    early = np.flatnonzero(steps <= 1_000)[: samples // 4]
    late = np.linspace(early[-1] + 1, len(steps) - 1, samples - len(early))
    return np.concatenate([early, np.unique(late.round().astype(int))])
