"""The bootstrap over runs: whole runs are drawn again, with everything that was measured on them.

BCa is the default: it corrects the bias and the skew that means of few grok steps have, and is
exact to second order (Efron 1987).  Neither it nor the percentile interval knows the tails of a
distribution of which it has seen a handful of values: below eight runs both are too narrow, and
`grokbook.statistics.intervals.mean_interval` is the better choice for a mean.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from grokbook.statistics.units import caution, distinct, fraction

METHODS = ("BCa", "percentile")
"""Intervals that there are, the default first."""


@dataclass(frozen=True)
class Bootstrap:
    """A statistic over runs with its bootstrap interval.

    Attributes:
        estimate: of the runs as they are.
        low, high: ends of the interval; infinite for a single run.
        error: standard deviation over the draws; infinite for a single run.
        n: runs.
        level: of confidence.
        method: ``"BCa"`` or ``"percentile"``.
        draws: of n runs each, with replacement.
    """

    estimate: float
    low: float
    high: float
    error: float
    n: int
    level: float
    method: str
    draws: int

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return caution(self.n)


def _mean(items: Sequence[float]) -> float:
    return float(np.mean(items))


def bootstrap_interval(
    runs: Mapping[str, Any] | Sequence[Any] | pd.Series,
    statistic: Callable[[list[Any]], float] = _mean,
    *,
    strata: Mapping[str, Any] | Sequence[Any] | None = None,
    level: float = 0.95,
    method: str = "BCa",
    draws: int = 9_999,
    seed: int = 0,
) -> Bootstrap:
    """The bootstrap interval of any statistic of runs.

    Args:
        runs: what was measured on each run: a number, or an array of all its rows.
        statistic: of a list of such things; by default their mean.
        strata: a label a run, such as its weight decay; then as many runs are drawn from each
            stratum as it has, as in a designed grid.
        level: of confidence.
        method: ``"BCa"`` or ``"percentile"``.
        draws: resamples.
        seed: of the draws.

    Raises:
        ValueError: if there are no runs, a run is there twice, a stratum has a single run, the
            statistic is not finite, or BCa is undefined for it (a count of different values, say).

    >>> b = bootstrap_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    >>> b.estimate, b.low < 3.5 < 5.5 < b.high
    (4.5, True)
    """
    fraction("the level", level)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if isinstance(runs, pd.Series):
        distinct(runs.index)
    items = list(runs.values()) if isinstance(runs, Mapping) else list(runs)
    if not items:
        raise ValueError("a bootstrap needs runs, got none")
    estimate = float(statistic(items))
    if not math.isfinite(estimate):
        raise ValueError(f"the statistic of all runs is {estimate}")
    if len(items) == 1:
        return Bootstrap(estimate, -math.inf, math.inf, math.inf, 1, level, method, 0)
    groups = _strata(runs, strata, len(items))

    def of(*drawn: np.ndarray) -> float:
        return float(statistic([items[k] for k in np.concatenate(drawn)]))

    def means(*drawn: np.ndarray, axis: int) -> np.ndarray:
        """The same for the mean, all draws at once."""
        return numbers[np.concatenate(drawn, axis=axis)].mean(axis)

    plain = statistic is _mean
    numbers = np.asarray(items, dtype=float) if plain else None
    with warnings.catch_warnings():  # a constant statistic is handled below
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.bootstrap(
            groups,
            means if plain else of,
            n_resamples=draws,
            vectorized=plain,
            confidence_level=level,
            method=method,
            rng=np.random.default_rng(seed),
        )
    spread = result.bootstrap_distribution
    low, high = map(float, result.confidence_interval)
    if np.ptp(spread) == 0:
        low = high = estimate
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{method} is undefined for this statistic; try method='percentile'")
    error = float(np.std(spread, ddof=1))
    return Bootstrap(estimate, low, high, error, len(items), level, method, draws)


def _strata(
    runs: Mapping[str, Any] | Sequence[Any] | pd.Series,
    strata: Mapping[str, Any] | Sequence[Any] | None,
    n: int,
) -> tuple[np.ndarray, ...]:
    """Places of the runs of each stratum."""
    if strata is None:
        return (np.arange(n),)
    if isinstance(strata, Mapping):
        if not isinstance(runs, Mapping) or set(strata) != set(runs):
            raise ValueError("strata by name need the same runs by name")
        strata = [strata[run] for run in runs]
    if len(strata) != n:
        raise ValueError(f"{len(strata)} strata for {n} runs")
    places: dict[Any, list[int]] = {}
    for place, label in enumerate(strata):
        places.setdefault(label, []).append(place)
    for label, chosen in places.items():
        if len(chosen) == 1:
            raise ValueError(f"stratum {label!r} has a single run, which cannot be drawn again")
    return tuple(np.array(chosen) for chosen in places.values())
