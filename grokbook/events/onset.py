"""Onsets of the commutator defect: two published detectors, and one of ours, fixed beforehand.

The published detectors differ from each other (2602.18523 sections 4.5 and D3): one compares with
the first quarter of the run and looks two readings ahead, the other with an absolute value.  Ours
was written down before any defect of our own runs had been looked at, and is not to be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from grokbook.events.series import Detector, Event, Readings, above_one, positive

FACTORS = (2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""The sweep of `growth_onset`; all are reported.  Where a single one must stand for them, 10."""

ROW = 2
"""Readings in a row that `growth_onset` asks for."""

DENSE_UNTIL, CADENCE, RATIO = 5_000, 100, 1.05
"""The grid of `growth_onset`: every 100 steps to 5,000, then each reading 5 % later."""


def dual_onset(*, limit: int | None = 120) -> Detector:
    """The published detector of the dual-task runs, to the letter.

    At most ``limit`` readings, evenly spaced by rank; 0 is replaced by 0.01; x = log10 D;
    e_i = max(x_{i−2}, …, x_{i+2}), shorter at the ends; n_b = max(3, ⌊0.25 n⌋);
    base = median(e_0, …, e_{n_b−1}); the onset is the first i ≥ n_b with e_i > base + log10 5.

    It cannot be earlier than a quarter of the series, it depends on where the series ends
    (published: where the run stops, so give ``until``), and it looks two readings ahead; ``known``
    says when it could have been known.  An undefined reading, which the published arithmetic has
    not, is left out.

    Source: 2602.18523 section 4.5 and D3.

    Raises:
        ValueError: for a limit below 1; when it runs, for a defect below 0.

    >>> steps = np.arange(12) * 100
    >>> dual_onset()(steps, np.where(steps >= 700, 60.0, 1.0)).step
    500
    """
    if limit is not None and limit < 1:
        raise ValueError(f"a series needs at least one reading, not {limit}")

    def find(series: Readings) -> Event:
        if (series.values < 0).any():
            raise ValueError(f"a defect cannot be {series.values.min()}")
        n = len(series)
        if limit is not None and n > limit:
            # Cut off, not rounded as in `grokbook.thinning`: so the published detector chooses.
            kept = np.unique(np.linspace(0, n - 1, limit).astype(int))
            series = Readings(
                series.steps[kept], series.values[kept], series.breaks[kept], series.undefined
            )
            n = len(series)
        start = max(3, n // 4)
        if n <= start:
            return series.none("too short")
        x = np.log10(np.where(series.values == 0, 0.01, series.values))
        padded = np.pad(x, 2, constant_values=-np.inf)
        envelope = np.lib.stride_tricks.sliding_window_view(padded, 5).max(axis=1)
        threshold = np.median(envelope[:start]) + np.log10(5)
        later = np.flatnonzero(envelope[start:] > threshold)
        if not later.size:
            return series.none("never", 10.0**threshold)
        return series.event(start + int(later[0]), 10.0**threshold, ahead=2)

    text = "5 × the median envelope of the first quarter, looking two readings ahead"
    return Detector("dual", "defect", text, find)


def tri_onset(*, factor: float = 10.0, floor: float = 20.0) -> Detector:
    """The published detector of the tri-task and single-task runs, to the letter.

    base = max(median(D_0, D_1, D_2), 0.1); the onset is the first i ≥ 2 with D_i > factor · base
    and D_i > floor.

    Source: 2602.18523 section 4.5; 2602.16746 section 4.8 (floor 5 in the slow regime).

    Args:
        factor: 10 as published.
        floor: 20 as published.

    Raises:
        ValueError: for a factor or floor that is not above 0.

    >>> tri_onset()([0, 100, 200, 300], [1.0, 1.0, 10.0, 21.0]).step
    300
    """
    factor, floor = positive("the factor", factor), positive("the floor", floor)

    def find(series: Readings) -> Event:
        if len(series) < 3:
            return series.none("too short")
        threshold = max(factor * max(float(np.median(series.values[:3])), 0.1), floor)
        return series.first(series.values > threshold, threshold, start=2)

    text = f"{factor:g} × the median of the first three readings, and above {floor:g}"
    return Detector("tri", "defect", text, find)


def growth_onset(factor: float) -> Detector:
    """Our detector: the defect has been ``factor`` times that of the untrained network, twice.

    D_0 is the reading at step 0; the onset is the first reading i ≥ 1 with D_i ≥ factor · D_0 and
    D_{i−1} ≥ factor · D_0, dated at i.  Every factor of `FACTORS` is reported.

    Fixed before any of our defect measurements was looked at:

    * readings on `onset_grid`, the same grid for every run, dense where training is fast, and not
      a share of a run's length;
    * the baseline is the untrained network, which no part of training can have raised;
    * one-sided and causal: only growth counts, and no later reading matters, so that the onset is
      the same whether the run then groks, stops or goes on;
    * two readings in a row (`ROW`), since D is the median of few batch pairs and may jump once;
    * no absolute value, so that the true and the published defect can be read alike.

    An undefined reading breaks the row.  Without a positive reading at step 0 there is no onset.

    Source: ours; what it repairs is 2602.18523 D3 and 2602.16746 S4.

    Raises:
        ValueError: for a factor that is not above 1.

    >>> growth_onset(3)([0, 100, 200, 300], [1.0, 3.0, 3.5, 9.0]).step
    200
    """
    factor = above_one("the factor", factor)

    def find(series: Readings) -> Event:
        if not len(series) or series.steps[0] != 0 or series.values[0] <= 0:
            return series.none("no baseline")
        threshold = factor * series.values[0]
        return series.first(series.values >= threshold, threshold, row=ROW, start=1)

    text = f"{factor:g} × the untrained network's, two readings in a row"
    return Detector(f"growth {factor:g}", "defect", text, find)


def onset_grid(steps: Sequence[int]) -> np.ndarray:
    """The readings of `growth_onset` among the steps at which a run can be measured.

    Wanted are 0, 100, …, 5,000 and from there each 5 % later than the one before; the last
    available step at or before each wanted one is taken, and the last of all.  A run of 20,000
    steps gets about 80, one of 300,000 about 135.

    Args:
        steps: available, ascending.

    Returns:
        (n,) int64, ascending, each once.

    Raises:
        ValueError: without steps, or if they do not ascend from 0.
    """
    available = np.asarray(steps, dtype=np.int64)
    if not available.size or available[0] != 0 or any(a >= b for a, b in pairwise(available)):
        raise ValueError(f"steps must ascend from 0, each once, not {available.tolist()!r}")
    wanted = list(range(0, DENSE_UNTIL + 1, CADENCE))
    while wanted[-1] < available[-1]:
        wanted.append(int(wanted[-1] * RATIO))
    found = np.searchsorted(available, wanted, side="right") - 1
    return available[np.unique(np.append(found, len(available) - 1))]
