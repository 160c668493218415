"""Counts of runs: shares, the exact binomial, Fisher's exact test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.stats.contingency import odds_ratio

from grokbook.statistics.units import caution, fraction

_SIDES = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Proportion:
    """A share of runs with its Clopper–Pearson interval.

    Attributes:
        share: successes / n.
        low, high: exact interval: every share within it would give as many successes, or as
            few, with more than (1 − level) / 2 chance.
        successes: runs.
        n: runs in all.
        level: of confidence; the interval covers at least so often.
    """

    share: float
    low: float
    high: float
    successes: int
    n: int
    level: float

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return f"only {self.n} run" if self.n == 1 else caution(self.n)


def proportion(successes: int, n: int, *, level: float = 0.95) -> Proportion:
    """A share of runs: Beta quantiles B(α/2; k, n−k+1) and B(1−α/2; k+1, n−k).

    Source: Clopper and Pearson 1934.

    Raises:
        ValueError: for no runs, more successes than runs, or fewer than none.

    >>> p = proportion(3, 3)
    >>> round(p.low, 3), p.high  # (α/2)^(1/3)
    (0.292, 1.0)
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} runs")
    tail = (1 - fraction("the level", level)) / 2
    low = stats.beta.ppf(tail, successes, n - successes + 1) if successes else 0.0
    high = stats.beta.isf(tail, successes + 1, n - successes) if successes < n else 1.0
    return Proportion(successes / n, float(low), float(high), int(successes), int(n), level)


def chance_of_at_least(successes: int, n: int, probability: float) -> float:
    """Exact P(X ≥ successes) for X binomial: how often chance would do as well.

    Raises:
        ValueError: for more successes than trials or fewer than none, or no probability.

    >>> chance_of_at_least(3, 3, 0.5)
    0.125
    """
    _check(probability)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} runs")
    return float(stats.binom.sf(successes - 1, n, probability))


@dataclass(frozen=True)
class BinomialTest:
    """An exact binomial test.

    Attributes:
        proportion: as observed, with its interval.
        probability: under the null.
        alternative: ``"two-sided"``, ``"greater"`` or ``"less"``.
        p: two-sided: the chance of all counts that are at most as likely as the observed one.
    """

    proportion: Proportion
    probability: float
    alternative: str
    p: float


def binomial_test(
    successes: int,
    n: int,
    probability: float = 0.5,
    *,
    alternative: str = "two-sided",
    level: float = 0.95,
) -> BinomialTest:
    """Is a share of runs another than ``probability``?

    Raises:
        ValueError: for an impossible count, probability or alternative.

    >>> binomial_test(12, 12, alternative="greater").p == 0.5**12
    True
    """
    observed = proportion(successes, n, level=level)
    _check(probability)
    result = stats.binomtest(successes, n, probability, alternative=_side(alternative))
    return BinomialTest(observed, float(probability), alternative, float(result.pvalue))


@dataclass(frozen=True)
class FisherTest:
    """Fisher's exact test on counts of runs [[a, b], [c, d]].

    Attributes:
        odds: conditional maximum-likelihood odds ratio; infinite or 0 where a cell is empty, NaN
            where a margin is.
        low, high: its exact interval; NaN likewise.
        p: of the alternative; two-sided: the chance of all tables with these margins that are at
            most as likely as this one.
        n: runs.
        level: of the interval.
        alternative: as asked.
    """

    odds: float
    low: float
    high: float
    p: float
    n: int
    level: float
    alternative: str


def fisher_test(
    table: Sequence[Sequence[int]], *, alternative: str = "two-sided", level: float = 0.95
) -> FisherTest:
    """Do two groups of runs differ in how often something happens?

    Args:
        table: ((happened, did not) of one group, (happened, did not) of the other).
        alternative: ``"greater"``: it happens more often in the first group.
        level: of the interval of the odds ratio, which is two-sided whatever the alternative.

    Raises:
        ValueError: for a table that does not hold four counts, or no run.

    >>> round(fisher_test([[3, 0], [0, 3]]).p, 3)
    0.1
    """
    counts = np.asarray(table)
    whole = counts.shape == (2, 2) and np.array_equal(counts, np.floor(counts))
    if not whole or (counts < 0).any() or not counts.sum():
        raise ValueError(f"a table holds 2 × 2 counts of runs, not {table!r}")
    counts, level = counts.astype(int), fraction("the level", level)
    p = float(stats.fisher_exact(counts, alternative=_side(alternative)).pvalue)
    ratio = low = high = float("nan")
    if counts.sum(0).all() and counts.sum(1).all():
        result = odds_ratio(counts)
        ratio = float(result.statistic)
        low, high = map(float, result.confidence_interval(level))
    return FisherTest(ratio, low, high, p, int(counts.sum()), level, alternative)


def _check(probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability cannot be {probability!r}")


def _side(alternative: str) -> str:
    if alternative not in _SIDES:
        raise ValueError(f"alternative must be one of {', '.join(_SIDES)}, not {alternative!r}")
    return alternative
