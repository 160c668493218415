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


def difference_interval(lower: Values, higher: Values, level: float = 0.95) -> Interval:
    """Welch's interval of a difference of means: ȳ − x̄ ± t √(s_x²/n + s_y²/m).

    The degrees of freedom are Welch and Satterthwaite's, so the groups may spread differently.  Of
    runs of the same seeds take `mean_interval` of their differences: these are not independent.

    Args:
        lower: x, one a run.
        higher: y, one a run.
        level: of confidence.

    Returns:
        With n the size of the smaller group; without an end where that is a single run.

    Source: Welch 1947.

    Raises:
        ValueError: as `mean_interval`, of either group.

    >>> i = difference_interval([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    >>> round(i.mean, 3), round(i.low, 3), round(i.high, 3), i.n
    (2.0, -0.267, 4.267, 3)
    """
    level = fraction("the level", level)
    x, y = finite(lower, "a mean"), finite(higher, "a mean")
    gap, n = float(y.mean() - x.mean()), min(x.size, y.size)
    if n == 1:
        return Interval(gap, -math.inf, math.inf, 1, level)
    parts = [float(group.var(ddof=1)) / group.size for group in (x, y)]
    if not sum(parts):
        return Interval(gap, gap, gap, n, level)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (group.size - 1) for part, group in zip(parts, (x, y), strict=True)
    )
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(sum(parts))
    return Interval(gap, gap - half, gap + half, n, level)


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
