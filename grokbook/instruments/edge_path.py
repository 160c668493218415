"""The path of the attention matrices, with what gradient and decay moved them by.

Snapshots say how far decay has moved the matrices since step 0, summed in training; the Adam steps
moved them by the rest.  Whether both add up to the movement is checked at every evaluation, see
`grokbook.training.displacement`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.config import Config
from grokbook.geometry.edge_shares import trapezoid
from grokbook.geometry.edge_windows import decay_path
from grokbook.instruments.instrument import MORE_SNAPSHOTS
from grokbook.instruments.subject import Subject

LEAST = 4
"""Updates that a path needs: two halves of a window of two each."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class EdgePath:
    """Snapshots at one spacing, from step 0 on.

    Attributes:
        steps: (n,).
        theta: (n, A) float32, the attention matrices.
        decayed: (n, A) float64, what decay moved them by since step 0.
        rates: (n − 1,) mean ηω of the updates in each interval.
        kept: (n,) Π(1 − ηω), what decay alone would have left of θ_0.
    """

    steps: np.ndarray
    theta: np.ndarray
    decayed: np.ndarray
    rates: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, subject: Subject) -> EdgePath:
        """The path of a run; read once for all points."""
        return subject.once(("edge path",), lambda: cls._read(subject))

    @classmethod
    def _read(cls, subject: Subject) -> EdgePath:
        steps = even(subject)
        theta = subject.attention(steps)
        decayed = np.stack([subject.run.snapshot(int(step), "decayed") for step in steps])
        rates = _rates(subject.config, int(steps[-1]))
        kept = np.concatenate([[1.0], np.exp(np.log1p(-rates).cumsum())])[steps]
        means = np.add.reduceat(rates, steps[:-1]) / np.diff(steps)
        return cls(steps, theta, decayed, means, kept)

    def place(self, step: int) -> int:
        """Which update ends at a step, the first being 0."""
        return int(np.searchsorted(self.steps, step)) - 1

    def updates(self, rows: slice) -> np.ndarray:
        """(w, A) float64 δ_i of some intervals."""
        return np.diff(self.theta[rows.start : rows.stop + 1].astype(np.float64), axis=0)

    def decay(self, rows: slice) -> np.ndarray:
        """(w, A) what decay moved the weights by in each of them, exactly."""
        return np.diff(self.decayed[rows.start : rows.stop + 1], axis=0)

    def by_trapezoid(self, rows: slice) -> np.ndarray:
        """(w, A) the same as published, from both ends of each."""
        found = [
            trapezoid(self.theta[i : i + 2], self.steps[i : i + 2], float(self.rates[i]))[1]
            for i in range(rows.start, rows.stop)
        ]
        return np.concatenate(found)

    def pure_decay(self, rows: slice) -> np.ndarray:
        """(w, A) what decay alone would have moved θ_0 by."""
        return decay_path(self.theta[0], self.kept[rows.start : rows.stop + 1])

    def learned(self, place: int) -> np.ndarray:
        """(A,) θ − kept · θ_0 after an update: what the gradient has made."""
        theta, start = (self.theta[i].astype(np.float64) for i in (place + 1, 0))
        return theta - self.kept[place + 1] * start


def even(subject: Subject) -> np.ndarray:
    """Steps of the snapshots at the run's cadence, from 0 on, as far as none is missing."""
    there = np.isin(np.arange(0, subject.last + 1, subject.cadence), subject.steps)
    count = len(there) if there.all() else int(np.argmin(there))
    return np.arange(count) * subject.cadence


def lacking(subject: Subject) -> str:
    """What a run lacks of one task and `LEAST` updates at one spacing to its end, in words."""
    if len(subject.config.tasks) > 1:
        return "a single task"
    steps = even(subject)
    whole = len(steps) > LEAST and subject.last - steps[-1] < subject.cadence
    return "" if whole else MORE_SNAPSHOTS


def ends(subject: Subject) -> np.ndarray:
    """Steps at which a window can end: after two updates or more."""
    return even(subject)[2:]


def _rates(config: Config, last: int) -> np.ndarray:
    """(last,) ηω of every update."""
    if not config.schedule:
        return np.full(last, config.learning_rate * config.weight_decay)
    return np.array(
        [
            config.value_at("learning_rate", step) * config.value_at("weight_decay", step)
            for step in range(last)
        ]
    )
