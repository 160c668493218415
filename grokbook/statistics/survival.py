"""Survival: runs that their budget cut off before they grokked are neither failures nor missing.

A run that groks at t leaves at t; one that ends at t without grokking is only known to be later.
"Survival" is not having grokked yet.  Right-censoring must say nothing of the run, which holds for
a budget that is set beforehand, and not for a run stopped because it looked hopeless.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from grokbook.statistics.permutation import PermutationTest, two_sample
from grokbook.statistics.units import caution, fraction


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Survival:
    """A Kaplan–Meier curve.

    Attributes:
        steps: (k,) the different steps at which runs grok or end, ascending.
        share: (k,) not yet grokked just after each: Π (1 − d_i / n_i).
        low, high: (k,) log–log interval; NaN where Greenwood's sum is 0 or infinite (before the
            first grok step and after the last run's), and for a single run.
        at_risk: (k,) runs neither grokked nor ended before.
        grokked: (k,) runs that grok at the step.
        n: runs.
        level: of confidence, at each step by itself.
    """

    steps: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_risk: np.ndarray
    grokked: np.ndarray
    n: int
    level: float

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return caution(self.n)

    def at(self, step: float) -> float:
        """Share not yet grokked just after a step; NaN beyond the last run.

        That is past the last end, unless all have grokked by then.
        """
        before = self.share[self.steps <= step]
        if step > self.steps[-1] and self.share[-1] > 0:
            return math.nan
        return float(before[-1]) if before.size else 1.0

    @property
    def median(self) -> int | None:
        """First step by which half the runs have grokked; None if the curve stays above."""
        half = self.steps[self.share <= 0.5 + 1e-12]
        return int(half[0]) if half.size else None


def survival(groks: Sequence[int | None], ends: Sequence[int], *, level: float = 0.95) -> Survival:
    """The share of runs that have not grokked yet, with its interval.

    Args:
        groks: grok step of each run; None if it does not grok.
        ends: last step of each run; used where it does not grok.
        level: of the log–log intervals, S^exp(± z σ / log S) with Greenwood's σ.

    Source: Kaplan and Meier 1958; Kalbfleisch and Prentice 1980 for the interval.

    Raises:
        ValueError: for no runs, or a run that groks after its end or at no step above 0.

    >>> curve = survival([100, 200, None], [100, 200, 500])
    >>> curve.share.round(3).tolist(), curve.median
    ([0.667, 0.333, 0.333], 200)
    """
    times, seen = _lifetimes(groks, ends)
    z = float(stats.norm.ppf((1 + fraction("the level", level)) / 2))
    steps = np.unique(times)
    at_risk = np.array([(times >= step).sum() for step in steps])
    grokked = np.array([((times == step) & seen).sum() for step in steps])
    share = np.cumprod(1 - grokked / at_risk)
    low, high = np.full((2, steps.size), math.nan)
    known = (share > 0) & (share < 1)
    if known.any():
        stay = np.where(grokked < at_risk, at_risk - grokked, 1)
        sigma = np.sqrt(np.cumsum(grokked / (at_risk * stay)))[known]
        s = share[known]
        reach = z * sigma / np.abs(np.log(s))
        low[known], high[known] = s ** np.exp(reach), s ** np.exp(-reach)
    return Survival(steps, share, low, high, at_risk, grokked, times.size, level)


@dataclass(frozen=True)
class LogRank:
    """Log-rank test of two groups of runs.

    Attributes:
        observed: grok events in the first group.
        expected: were both groups alike.
        z: (observed − expected) / √variance; below 0 if the first group groks later.
        p_normal: two-sided, from the normal limit, which few runs are far from.
        test: permutation test on z, which is the one to quote.
    """

    observed: int
    expected: float
    z: float
    p_normal: float
    test: PermutationTest


def log_rank(
    groks: Sequence[int | None],
    ends: Sequence[int],
    other_groks: Sequence[int | None],
    other_ends: Sequence[int],
    *,
    draws: int = 9_999,
    seed: int = 0,
) -> LogRank:
    """Do two groups of runs grok at different times, given their budgets?

    The permutation test deals grok steps and ends to the groups anew, so that it holds for few
    runs if both groups had the same budget.

    Args:
        groks: of the first group; None where a run does not grok.
        ends: last steps of the first group.
        other_groks: of the second group.
        other_ends: of the second group.
        draws: if there are too many splits to enumerate.
        seed: of the draws.

    Raises:
        ValueError: as `survival`, or if no run groks at all.
    """
    first, second = _lifetimes(groks, ends), _lifetimes(other_groks, other_ends)
    times, seen = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    if not seen.any():
        raise ValueError("no run groks, so there is nothing to compare")
    steps = np.unique(times[seen])
    here, now = times >= steps[:, None], (times == steps[:, None]) & seen
    risk, events = here.sum(1), now.sum(1)
    spare = events * (risk - events) / np.maximum(risk - 1, 1)  # 0 where one run is left

    def score(chosen: np.ndarray, _: np.ndarray | None = None) -> float:
        mine = chosen.astype(int)
        share = here[:, mine].sum(1) / risk
        variance = float((spare * share * (1 - share)).sum())
        excess = float((now[:, mine].sum(1) - events * share).sum())
        return excess / math.sqrt(variance) if variance > 0 else 0.0

    places = np.arange(times.size)
    n = len(first[0])
    z = score(places[:n])
    test = two_sample(places[:n], places[n:], score, draws=draws, seed=seed)
    expected = float((events * here[:, :n].sum(1) / risk).sum())
    observed = int(first[1].sum())
    return LogRank(observed, expected, z, float(2 * stats.norm.sf(abs(z))), test)


def _lifetimes(groks: Sequence[int | None], ends: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) float64, and which of them are grok steps (n,) bool."""
    if len(groks) == 0 or len(groks) != len(ends):
        raise ValueError(f"{len(groks)} grok steps for {len(ends)} runs")
    for grok, end in zip(groks, ends, strict=True):
        if not end > 0 or (grok is not None and not 0 < grok <= end):
            raise ValueError(f"a run that ends at {end} cannot grok at {grok}")
    times = [end if grok is None else grok for grok, end in zip(groks, ends, strict=True)]
    return np.array(times, dtype=float), np.array([grok is not None for grok in groks])
