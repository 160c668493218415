"""The course: one run as the second chapter's explorable shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from grokbook.events import FACTORS
from grokbook.widgets.fitting import require_groups, require_shapes, require_steps
from grokbook.widgets.packing import heading, single, whole

PROTOCOLS = ("published", "corrected")
"""δ as a difference of float32 weights, and from differences of gradients."""

BARS = ("own", "matched_low", "matched_high", "whole_low", "whole_high", "other")
"""Shares of ‖δ‖ in the run's own directions, in random ones, in another seed's."""


@dataclass(frozen=True, eq=False)
class Course:
    """One run: curves, defect under both protocols, path in its plane, shares against chance.

    E evaluations, n readings of the defect, m snapshots of the path, b readings of shares.

    Attributes:
        label: what a reader calls the run.
        setting: what distinguishes its group.
        weight_decay: λ a step.
        learning_rate: η a step.
        seed: the run's.
        tasks: T names.
        run_id: the config's id.
        command: the command line that repeats the run.
        steps: (E,) evaluation steps.
        accuracy: (T, E) test accuracy, 0 to 1.
        loss: (E,) training loss, mean over the tasks, in nats.
        gradient: (E,) norm of the gradient on a batch.
        read: (n,) steps at which the defect was read.
        defects: protocol ↦ (n,) median defect, 0 or more.
        rounding: (n,) median of what rounding alone does to the published defect.
        path: (m,) steps.
        plane: (m, 2) coordinates along the first two principal directions.
        held: shares of the whole path's variance along them, 0 to 1.
        walk: the first share of a random walk with the same step lengths, to the same end.
        shared: (b,) steps.
        shares: name of `BARS` ↦ (b,), 0 to 1, NaN where there is none.
        onsets: protocol ↦ step at which the defect has grown by each of `FACTORS`, or None.
        placebos: name ↦ step, or None.
        grok: the first task's grok step (98 % × 3), or None.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    setting: str
    weight_decay: float
    learning_rate: float
    seed: int
    tasks: tuple[str, ...]
    run_id: str
    command: str
    steps: np.ndarray
    accuracy: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray
    read: np.ndarray
    defects: Mapping[str, np.ndarray]
    rounding: np.ndarray
    path: np.ndarray
    plane: np.ndarray
    held: tuple[float, float]
    walk: float
    shared: np.ndarray
    shares: Mapping[str, np.ndarray]
    onsets: Mapping[str, tuple[int | None, ...]]
    placebos: Mapping[str, int | None]
    grok: int | None

    def __post_init__(self) -> None:
        shapes = {
            "accuracy": (len(self.tasks), len(self.steps)),
            "loss": self.steps.shape,
            "gradient": self.steps.shape,
            "rounding": self.read.shape,
            "plane": (len(self.path), 2),
        }
        require_shapes(self, shapes, self._refuse)
        require_steps(self, ("steps", "read", "path", "shared"), self._refuse)
        groups = {
            "defects": (PROTOCOLS, self.read.shape),
            "shares": (BARS, self.shared.shape),
        }
        require_groups(self, groups, self._refuse)
        if any(len(self.onsets.get(name, ())) != len(FACTORS) for name in PROTOCOLS):
            self._refuse("onsets must have one entry a factor and protocol")

    def _refuse(self, reason: str) -> NoReturn:
        raise ValueError(f"course {self.label!r}: {reason}")

    @property
    def last_step(self) -> int:
        """Of the run."""
        return int(self.steps[-1])

    def lead(self, protocol: str, factor: float) -> int | None:
        """Grok step − onset; None if either is missing."""
        onset = self.onsets[protocol][FACTORS.index(factor)]
        return None if onset is None or self.grok is None else self.grok - onset

    def packed(self) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk: little-endian uint32 and float32."""
        return {
            **heading(self),
            "setting": self.setting,
            "rate": float(self.learning_rate),
            "tasks": list(self.tasks),
            "grok": self.grok,
            "onsets": {name: list(self.onsets[name]) for name in PROTOCOLS},
            "placebos": dict(self.placebos),
            "held": [float(share) for share in self.held],
            "walk": float(self.walk),
            "steps": whole(self.steps),
            "curves": single(self.accuracy, self.loss, self.gradient),
            "read": whole(self.read),
            "defects": single(*(self.defects[name] for name in PROTOCOLS), self.rounding),
            "path": whole(self.path),
            "plane": single(self.plane),
            "shared": whole(self.shared),
            "shares": single(*(self.shares[name] for name in BARS)),
        }
