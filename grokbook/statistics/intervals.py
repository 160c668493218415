"""The interval of a mean over runs, and of a further run.

Small samples get wide intervals, and one run gets none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from grokbook.statistics.units import Values, caution, finite, fraction


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

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return caution(self.n)


def mean_interval(values: Values, level: float = 0.95) -> Interval:
    """Student's interval of a mean: x̄ ± t · s / √n, with n − 1 degrees of freedom.

    It assumes that runs are independent and their values about normal; for three runs the factor
    t is 4.3, and the interval says honestly how little three runs know.

    Args:
        values: one a run, in a row or by the run's name.
        level: of confidence.

    Raises:
        ValueError: if there is no value, one is not finite, or a run is there twice.

    >>> i = mean_interval([1.0, 2.0, 3.0])
    >>> round(i.mean, 3), round(i.low, 3), round(i.high, 3)
    (2.0, -0.484, 4.484)
    """
    x, level = finite(values, "a mean"), fraction("the level", level)
    if x.size == 1:
        return Interval(float(x[0]), -math.inf, math.inf, 1, level)
    half = stats.t.ppf((1 + level) / 2, x.size - 1) * x.std(ddof=1) / math.sqrt(x.size)
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half), x.size, level)


def prediction_interval(values: Values, level: float = 0.95) -> Interval:
    """Student's interval of one further run: x̄ ± t · s √(1 + 1/n), with n − 1 degrees of freedom.

    Where the interval of a mean says where the mean of many runs lies, this one says where the
    next run does, if it is of the same kind; ``mean`` is its middle.

    Args:
        values: one a run, in a row or by the run's name.
        level: of confidence.

    Raises:
        ValueError: if there is no value, one is not finite, or a run is there twice.

    >>> i = prediction_interval([1.0, 2.0, 3.0])
    >>> round(i.mean, 3), round(i.low, 3), round(i.high, 3)
    (2.0, -2.968, 6.968)
    """
    found = mean_interval(values, level)
    if found.n == 1:
        return found
    half = (found.high - found.mean) * math.sqrt(found.n + 1)
    return Interval(found.mean, found.mean - half, found.mean + half, found.n, level)
