"""How sure: intervals and exact tests, with the run (the seed) as the unit.

Small samples get wide intervals, and one run gets none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean over runs with its confidence interval.

    Attributes:
        mean: over runs.
        low, high: ends of the interval; infinite for a single run.
        n: runs.
        level: of confidence.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Student's interval of a mean: x̄ ± t · s / √n, with n − 1 degrees of freedom.

    It assumes that runs are independent and their values about normal; for three runs the factor
    t is 4.3, and the interval says honestly how little three runs know.

    Raises:
        ValueError: if there is no value, or one is not finite.

    >>> i = mean_interval([1.0, 2.0, 3.0])
    >>> round(i.mean, 3), round(i.low, 3), round(i.high, 3)
    (2.0, -0.484, 4.484)
    """
    x = np.asarray(values, dtype=float)
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"a mean needs finite values, got {list(values)!r}")
    if x.size == 1:
        return Interval(float(x[0]), -math.inf, math.inf, 1, level)
    half = stats.t.ppf((1 + level) / 2, x.size - 1) * x.std(ddof=1) / math.sqrt(x.size)
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half), x.size, level)


def chance_of_at_least(successes: int, n: int, probability: float) -> float:
    """Exact P(X ≥ successes) for X binomial: how often chance would do as well.

    Raises:
        ValueError: for more successes than trials, or fewer than none.

    >>> chance_of_at_least(3, 3, 0.5)
    0.125
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} runs")
    return float(stats.binom.sf(successes - 1, n, probability))
