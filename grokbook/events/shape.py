"""Falls and rises of a series, each against its highest or lowest reading so far.

The published ones are told against global extremes, which are known only at the end: see `portrait`
in `grokbook.geometry.weight_spectra` and `decline` in `grokbook.geometry.edge_decline`.
"""

from __future__ import annotations

import math

import numpy as np

from grokbook.events.series import Detector, Event, Readings, above_one


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
