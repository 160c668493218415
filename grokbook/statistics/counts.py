"""Counts of runs: shares, the exact binomial, Fisher's exact test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.stats.contingency import odds_ratio

from grokbook.statistics.units import FEW, fraction

_SIDES = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Proportion:
    """A share of runs with its interval, Clopper and Pearson's where each run has its own seed.

    Attributes:
        share: successes / n.
        low, high: exact interval: every share within it would give as many successes, or as
            few, with more than (1 − level) / 2 chance.
        successes: runs.
        n: runs in all.
        level: of confidence; the interval covers at least so often.
        seeds: of which the runs are; None if each is of its own.
    """

    share: float
    low: float
    high: float
    successes: int
    n: int
    level: float
    seeds: int | None = None

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        n, word = (self.n, "run") if self.seeds is None else (self.seeds, "seed")
        if n == 1:
            return f"only 1 {word}"
        return f"only {n} {word}s" if n < FEW else ""


def proportion(
    successes: int, n: int, *, level: float = 0.95, seeds: int | None = None
) -> Proportion:
    """A share of runs: Beta quantiles B(α/2; k, m−k+1) and B(1−α/2; k+1, m−k).

    m is n and k the successes.  Where there are fewer seeds than runs, m is the number of seeds and
    k = m · successes / n: the runs of a seed have its split, initial weights and batches in common,
    so they may be all alike and count as one.  That is the widest of Korn and Graubard's intervals.

    Args:
        successes: runs.
        n: runs in all.
        level: of confidence.
        seeds: of which the runs are; by default each is of its own.

    Source: Clopper and Pearson 1934; Korn and Graubard 1998 (an effective number of runs).

    Raises:
        ValueError: for no runs, more successes than runs, or fewer than none; for no seed, or more
            seeds than runs.

    >>> p = proportion(3, 3)
    >>> round(p.low, 3), p.high  # (α/2)^(1/3)
    (0.292, 1.0)
    >>> proportion(15, 15, seeds=3).low == p.low
    True
    """
    k, m = _by_seed(successes, n, seeds)
    tail = (1 - fraction("the level", level)) / 2
    low = stats.beta.ppf(tail, k, m - k + 1) if successes else 0.0
    high = stats.beta.isf(tail, k + 1, m - k) if successes < n else 1.0
    return Proportion(successes / n, float(low), float(high), int(successes), int(n), level, seeds)


def chance_of_at_least(
    successes: int, n: int, probability: float, *, seeds: int | None = None
) -> float:
    """How often chance would do as well: I_p(k, m−k+1), for whole k P(X ≥ k) of m trials.

    k and m are those of `proportion`: with fewer seeds than runs they count seeds.

    Raises:
        ValueError: as `proportion`; for no probability.

    >>> chance_of_at_least(3, 3, 0.5), chance_of_at_least(15, 15, 0.5, seeds=3)
    (0.125, 0.125)
    """
    _check(probability)
    k, m = _by_seed(successes, n, seeds)
    if not successes:
        return 1.0
    return float(stats.beta.cdf(probability, k, m - k + 1))


def _by_seed(successes: int, n: int, seeds: int | None) -> tuple[float, int]:
    """The k and m of `proportion`."""
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} runs")
    if seeds is None:
        return successes, n
    if not 1 <= seeds <= n:
        raise ValueError(f"{seeds} seeds of {n} runs")
    return seeds * successes / n, seeds


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
