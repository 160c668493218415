"""A median and how sure it is, without a word about the shape of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Median:
    """A median with its interval.

    Attributes:
        value: the sample median.
        low, high: ends of the interval, two of the samples.
        n: samples.
        level: chance that such an interval covers the true median; what n samples can reach.
    """

    value: float
    low: float
    high: float
    n: int
    level: float


def median_interval(values: Sequence[float], level: float = 0.95) -> Median:
    """Median with the exact interval between two order statistics.

    A sample lies below the true median with chance ½, so the number below it is binomial, and

        P(x₍k₎ ≤ median ≤ x₍n+1−k₎) ≥ 1 − 2 P(Bin(n, ½) < k)

    whatever the distribution.  k is the largest that keeps this at ``level``; under six samples
    none does at 95 %, and the interval is the whole range with the lower level that it has.
    Timings want exactly this: a disturbed block is an outlier on one side, which moves neither
    the median nor an inner order statistic, while a mean and its standard error follow it.

    Raises:
        ValueError: if there is no value, or one is not finite.

    >>> median_interval([3.0, 1.0, 2.0])
    Median(value=2.0, low=1.0, high=3.0, n=3, level=0.75)
    """
    x = np.sort(np.asarray(values, dtype=float))
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"a median needs finite values, got {list(values)!r}")
    reached = 1 - 2 * stats.binom.cdf(np.arange(x.size), x.size, 0.5)  # for k = 1 … n
    k = max(1, int((reached >= level).sum()))
    return Median(
        value=float(np.median(x)),
        low=float(x[k - 1]),
        high=float(x[-k]),
        n=x.size,
        level=max(0.0, float(reached[k - 1])),
    )
