"""A series of readings, a detector on it, and what it found.

Readings that are not finite are undefined: they are counted and left out, never compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Event:
    """What a detector found in one series.

    Attributes:
        step: at which the event is dated; None if it was not found.
        after: the last reading before ``step``; None if there is no such reading or no event.
            The first reading over the threshold is dated as happening in (after, step]; a detector
            that looks ahead, or wants several readings in a row, dates by its own rule.
        known: the step of the last reading that the detector used to say so; later than ``step``
            for a detector that looks ahead.
        value: the reading at ``step``, in the series' unit; NaN without an event.
        threshold: what readings were held against, in the same unit; NaN if none could be set.
        readings: that were defined.
        undefined: readings left out, since they are not finite.
        reason: why there is no event; empty if there is one.
    """

    step: int | None
    after: int | None
    known: int | None
    value: float
    threshold: float
    readings: int
    undefined: int
    reason: str = ""

    @property
    def found(self) -> bool:
        """Is there an event?"""
        return self.step is not None


@dataclass(frozen=True)
class Readings:
    """A checked series.

    Attributes:
        steps: (n,) int64, strictly ascending; defined readings only.
        values: (n,) float64, finite.
        breaks: (n,) bool, where an undefined reading lies just before.
        undefined: readings left out.
    """

    steps: np.ndarray
    values: np.ndarray
    breaks: np.ndarray
    undefined: int

    @classmethod
    def of(
        cls, steps: Sequence[int], values: Sequence[float], *, until: int | None = None
    ) -> Readings:
        """Check a series.

        Args:
            steps: (E,) whole numbers, strictly ascending, none negative.
            values: (E,) readings.
            until: leave out later ones.

        Raises:
            ValueError: if lengths differ, or the steps are not as above.
        """
        at, x = np.asarray(steps), np.asarray(values, dtype=float)
        if at.ndim != 1 or at.shape != x.shape:
            raise ValueError(f"{at.shape} steps do not fit {x.shape} values")
        if at.size and not np.array_equal(at, np.floor(at)):
            raise ValueError("steps must be whole numbers")
        at = at.astype(np.int64)
        if at.size and (at[0] < 0 or (np.diff(at) <= 0).any()):
            raise ValueError(f"steps must ascend from 0 or later, each once, not {at.tolist()!r}")
        if until is not None:
            at, x = at[at <= until], x[at <= until]
        defined = np.isfinite(x)
        breaks = np.concatenate([[False], ~defined[:-1]])[: len(x)]
        return cls(at[defined], x[defined], breaks[defined], int((~defined).sum()))

    def __len__(self) -> int:
        return len(self.steps)

    def none(self, reason: str, threshold: float = math.nan) -> Event:
        """No event, and why."""
        return Event(None, None, None, math.nan, threshold, len(self), self.undefined, reason)

    def event(self, index: int, threshold: float, *, ahead: int = 0) -> Event:
        """The event at a reading, found with ``ahead`` later readings where there are so many."""
        return Event(
            step=int(self.steps[index]),
            after=int(self.steps[index - 1]) if index else None,
            known=int(self.steps[min(index + ahead, len(self) - 1)]),
            value=float(self.values[index]),
            threshold=float(threshold),
            readings=len(self),
            undefined=self.undefined,
        )

    def first(self, hit: np.ndarray, threshold: float, *, row: int = 1, start: int = 0) -> Event:
        """The first reading from ``start`` on at which ``hit`` has held ``row`` times running.

        An undefined reading breaks the row.
        """
        streak = 0
        for index in range(start, len(self)):
            streak = 0 if self.breaks[index] else streak
            streak = streak + 1 if hit[index] else 0
            if streak == row:
                return self.event(index, threshold)
        return self.none("never", threshold)


@dataclass(frozen=True)
class Detector:
    """A rule that dates an event in a series.

    Attributes:
        name: in files and tables.
        reads: the series it is meant for: ``"defect"``, ``"train_loss"``, …
        text: the rule in words.
        find: the rule.
    """

    name: str
    reads: str
    text: str
    find: Callable[[Readings], Event]

    def __call__(
        self, steps: Sequence[int], values: Sequence[float], *, until: int | None = None
    ) -> Event:
        """Find the event.

        Args:
            steps: (E,) ascending steps of the readings.
            values: (E,) readings; those that are not finite are undefined.
            until: use no later reading.

        Raises:
            ValueError: for a series that is none.
        """
        return self.find(Readings.of(steps, values, until=until))


def positive(name: str, value: float) -> float:
    """A finite number above 0.

    Raises:
        ValueError: for anything else.
    """
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0, not {value!r}")
    return float(value)


def above_one(name: str, value: float) -> float:
    """A finite number above 1.

    Raises:
        ValueError: for anything else.
    """
    if not (math.isfinite(value) and value > 1):
        raise ValueError(f"{name} must be above 1, not {value!r}")
    return float(value)
