"""Peaks, minima, falls and rises of a series, as published and as they can be told in time.

A published peak or minimum is a global extreme, which is known only at the end and lies at the edge
of the series where the curve does nothing but rise or fall; it says here whether it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.events.series import Detector, Event, Readings, above_one

SKIP = 3
"""Readings at the start that the published extremes leave out."""


@dataclass(frozen=True)
class Extreme:
    """The highest or lowest reading after the first few.

    Attributes:
        step: of the first such reading, among equals the earliest.
        value: in the series' unit.
        edge: ``"first"`` or ``"last"`` if it is the first reading allowed or the last of all, and
            so may be no turn at all; else empty.
    """

    step: int
    value: float
    edge: str


@dataclass(frozen=True)
class Portrait:
    """Events of a phase portrait: gap g12 = σ1 − σ2 of W_Q against C = ‖W_Q W_K − W_K W_Q‖_F.

    Attributes:
        peak: of C.
        minimum: of g12.
        collapse: first reading of C after the peak that is below the midpoint of peak and final
            value; ``"never"`` where the peak is the final value.
        gap_line: min + 25 % of the range of g12, the published region line.
        commutator_line: min + 50 % of the range of C.
    """

    peak: Extreme
    minimum: Extreme
    collapse: Event
    gap_line: float
    commutator_line: float


def portrait(
    steps: Sequence[int],
    gap: Sequence[float],
    commutator: Sequence[float],
    *,
    until: int | None = None,
) -> Portrait:
    """The published events of a phase portrait.

    Args:
        steps: (E,) of the snapshots; readings that are undefined in either series are left out.
        gap: (E,) σ1 − σ2.
        commutator: (E,) Frobenius norms.
        until: use no later snapshot.

    Source: 2602.18523 section 4.11 (argmax and argmin from index 3 on).

    Raises:
        ValueError: for fewer than four defined readings, or series that are none.
    """
    gap, commutator = np.asarray(gap, dtype=float), np.asarray(commutator, dtype=float)
    if gap.shape != commutator.shape:
        raise ValueError(f"{gap.shape} gaps do not fit {commutator.shape} commutators")
    both = np.isfinite(gap) & np.isfinite(commutator)
    g = Readings.of(steps, np.where(both, gap, np.nan), until=until)
    c = Readings.of(steps, np.where(both, commutator, np.nan), until=until)
    if len(c) <= SKIP:
        raise ValueError(f"a portrait needs more than {SKIP} readings, not {len(c)}")
    top = SKIP + int(np.argmax(c.values[SKIP:]))
    midpoint = (c.values[top] + c.values[-1]) / 2
    return Portrait(
        peak=_extreme(c, top),
        minimum=_extreme(g, SKIP + int(np.argmin(g.values[SKIP:]))),
        collapse=c.first(c.values < midpoint, midpoint, start=top + 1),
        gap_line=_line(g.values, 0.25),
        commutator_line=_line(c.values, 0.50),
    )


def _extreme(series: Readings, index: int) -> Extreme:
    edge = "last" if index == len(series) - 1 else "first" if index == SKIP else ""
    return Extreme(int(series.steps[index]), float(series.values[index]), edge)


def _line(values: np.ndarray, share: float) -> float:
    return float(values.min() + share * np.ptp(values))


def fall(factor: float, reads: str, *, row: int = 1) -> Detector:
    """The first reading at or below 1/factor of the highest so far; causal.

    Raises:
        ValueError: for a factor that is not above 1, or a row below 1.

    >>> fall(2, "g23")([0, 100, 200, 300], [5.0, 8.0, 4.5, 4.0]).step
    300
    """
    _check(factor, row)

    def find(series: Readings) -> Event:
        ceiling = np.maximum.accumulate(series.values) / factor
        return _dated(series, (series.values <= ceiling) & (ceiling > 0), ceiling, row)

    return Detector(f"{reads} fall {factor:g}", reads, f"{factor:g} × below its highest", find)


def rise(factor: float, reads: str, *, row: int = 1) -> Detector:
    """The first reading at or above factor × the lowest positive one so far; causal.

    Raises:
        ValueError: for a factor that is not above 1, or a row below 1.

    >>> rise(10, "g12")([0, 100, 200, 300], [0.05, 0.01, 0.06, 0.2]).step
    300
    """
    _check(factor, row)

    def find(series: Readings) -> Event:
        lowest = np.where(series.values > 0, series.values, math.inf)
        floor = factor * np.minimum.accumulate(lowest)
        return _dated(series, series.values >= floor, floor, row)

    return Detector(f"{reads} rise {factor:g}", reads, f"{factor:g} × above its lowest", find)


def _check(factor: float, row: int) -> None:
    above_one("the factor", factor)
    if row < 1:
        raise ValueError(f"a row has at least one reading, not {row!r}")


def _dated(series: Readings, hit: np.ndarray, levels: np.ndarray, row: int) -> Event:
    found = series.first(hit, math.nan, row=row)
    if not found.found:
        return found
    return series.event(index := int(np.searchsorted(series.steps, found.step)), levels[index])


@dataclass(frozen=True)
class Decline:
    """How far a quantity has come down when the task groks.

    Attributes:
        early: its highest reading before the grok step.
        at_grok: the last reading at or before it.
        ratio: early / at_grok; infinite if it came down to 0.
        declined: ratio > 1.5.
        grok: the step used.
        pseudo: was it borrowed from other runs, as this one does not grok?
        undefined: readings left out.
    """

    early: float
    at_grok: float
    ratio: float
    declined: bool
    grok: int | None
    pseudo: bool
    undefined: int


def decline(
    steps: Sequence[int],
    values: Sequence[float],
    grok: int | None,
    *,
    pseudo: int | None = None,
    factor: float = 1.5,
) -> Decline:
    """The decline of g23 (or another positive quantity) until the grok step.

    Published: a run that does not grok has no decline, whatever its curve does (D12); its ``early``
    is the maximum of all readings, and it counts as not declined.  Corrected: give ``pseudo``, the
    step at which comparable runs grok, and the control is asked the same question.

    Args:
        steps: (E,) of the windows.
        values: (E,) readings, none negative.
        grok: the run's own step (published: first evaluation with all tasks at 95 %), or None.
        pseudo: used where ``grok`` is None.
        factor: a larger ratio is a decline.

    Source: 2602.18523 section 4.12 and D12.

    Raises:
        ValueError: if a reading is negative, or none lies before the step.

    >>> decline([0, 100, 200], [30.0, 20.0, 3.0], 200).ratio
    10.0
    """
    series = Readings.of(steps, values)
    if (series.values < 0).any():
        raise ValueError(f"a decline is of values that are not negative: {series.values.min()}")
    at = pseudo if grok is None else grok
    if at is None:
        early = float(series.values.max()) if len(series) else math.nan
        return Decline(early, math.nan, math.nan, False, None, False, series.undefined)
    before, until = series.values[series.steps < at], series.values[series.steps <= at]
    if not before.size:
        raise ValueError(f"no reading before step {at}")
    early, now = float(before.max()), float(until[-1])
    ratio = early / now if now > 0 else (math.inf if early > 0 else math.nan)
    return Decline(early, now, ratio, ratio > factor, at, grok is None, series.undefined)
