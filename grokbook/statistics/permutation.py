"""Permutation tests over runs: all arrangements where there are few, else a seeded sample.

p counts the arrangements that are at least as far out as the observed one.  Two-sided, "far" is the
distance from the mean of all arrangements.  With few runs even the most extreme arrangement is not
rare, and every test says how small its p could have become.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from grokbook.statistics.units import Values, finite, names_of, paired

ENUMERATED = 40_320
"""At most so many arrangements are enumerated: 15 signs, two groups of 9 and 8, 8 runs in a row."""


@dataclass(frozen=True)
class PermutationTest:
    """A permutation test.

    Attributes:
        statistic: observed.
        p: exact, or (b + 1) / (draws + 1) for b of the draws at least as far out.
        error: Monte-Carlo standard deviation of p; 0 if exact.
        least: the smallest p that any arrangement of these runs would have given; of draws
            1 / (draws + 1), below which they show nothing.
        null_mean, null_sd: of the statistic over the arrangements.
        arrangements: evaluated.
        exact: are they all there are?
        n: runs.
        alternative: ``"two-sided"``, ``"greater"`` or ``"less"``.
    """

    statistic: float
    p: float
    error: float
    least: float
    null_mean: float
    null_sd: float
    arrangements: int
    exact: bool
    n: int
    alternative: str


def sign_flip(
    x: Values,
    y: Values | None = None,
    *,
    alternative: str = "two-sided",
    draws: int = 9_999,
    seed: int = 0,
) -> PermutationTest:
    """Paired test: is the mean difference 0, if each run's difference may have either sign?

    Args:
        x: differences, one a run; or the first of two values a run.
        y: the second value of each run, to be subtracted.
        alternative: ``"greater"``: the mean is above 0.
        draws: used if there are more than `ENUMERATED` sign patterns.
        seed: of the draws.

    Raises:
        ValueError: for values that are not finite or not paired, or an unknown alternative.

    >>> sign_flip([1.0, 2.0, 3.0], alternative="greater").p
    0.125
    """
    what = "a paired test"
    d = finite(x, what) if y is None else np.subtract(*paired(x, y, what))
    exact = 2**d.size <= ENUMERATED
    if exact:
        signs = np.array(list(product([1, -1], repeat=d.size)))
    else:
        signs = np.random.default_rng(seed).choice([1, -1], (draws, d.size))
    return _test(float(d.mean()), signs @ d / d.size, exact, d.size, alternative)


def two_sample(
    x: Values,
    y: Values,
    statistic: Callable[[np.ndarray, np.ndarray], float] | None = None,
    *,
    alternative: str = "two-sided",
    draws: int = 9_999,
    seed: int = 0,
) -> PermutationTest:
    """Do two groups of runs differ, if any run might have been in either?

    Args:
        x: one value a run of the first group.
        y: the same of the second.
        statistic: of the two groups; by default the mean of x minus that of y.
        alternative: ``"greater"``: the statistic is larger than under exchange.
        draws: used if there are more than `ENUMERATED` splits.
        seed: of the draws.

    Raises:
        ValueError: for values that are not finite, a run in both groups, or an unknown alternative.

    >>> two_sample([4.0, 5.0], [1.0, 2.0, 3.0], alternative="greater").p
    0.1
    """
    a, b = finite(x, "a comparison"), finite(y, "a comparison")
    if both := set(names_of(x) or ()) & set(names_of(y) or ()):
        raise ValueError(f"run {min(map(str, both))} is in both groups")
    of = statistic or (lambda first, second: first.mean() - second.mean())
    pool = np.concatenate([a, b])
    exact = math.comb(pool.size, a.size) <= ENUMERATED
    splits = _splits(pool.size, a.size) if exact else _draws(pool.size, draws, seed)
    null = [of(pool[order[: a.size]], pool[order[a.size :]]) for order in splits]
    return _test(float(of(a, b)), np.array(null), exact, pool.size, alternative)


def shuffle(
    x: Values,
    y: Values,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    *,
    groups: Sequence[Any] | None = None,
    alternative: str = "two-sided",
    draws: int = 9_999,
    seed: int = 0,
) -> PermutationTest:
    """Does it matter which run a y belongs to?  y is shuffled over runs, within groups.

    Args:
        x: one value a run, in place.
        y: another value a run, shuffled: onsets over seeds, for one.
        statistic: of the two, such as a correlation or an exponent.
        groups: a label a run; y stays within its group, so that what the groups share, such as a
            learning rate, stays too.
        alternative: ``"greater"``: the statistic is larger than shuffled.
        draws: used if there are more than `ENUMERATED` arrangements.
        seed: of the draws.

    Raises:
        ValueError: for values that are not finite or not paired, labels that do not fit, or an
            unknown alternative.
    """
    a, b = paired(x, y, "a shuffle")
    labels = [None] * a.size if groups is None else list(groups)
    if len(labels) != a.size:
        raise ValueError(f"{len(labels)} groups for {a.size} runs")
    places = [
        np.array([k for k, label in enumerate(labels) if label == one])
        for one in dict.fromkeys(labels)
    ]
    exact = math.prod(math.factorial(len(place)) for place in places) <= ENUMERATED
    orders = _within(places) if exact else _drawn_within(places, draws, seed)
    null = np.array([statistic(a, b[order]) for order in orders])
    return _test(float(statistic(a, b)), null, exact, a.size, alternative)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p values of several tests, so that any false rejection is rare (Holm 1979).

    The k-th smallest of m is multiplied by m − k + 1, kept above the ones before, and cut at 1.

    Raises:
        ValueError: for a p outside [0, 1].

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    for name, value in p.items():
        if not 0 <= value <= 1:
            raise ValueError(f"p of {name} must lie in [0, 1], not {value!r}")
    adjusted, floor = {}, 0.0
    for rank, name in enumerate(sorted(p, key=p.__getitem__)):
        floor = max(floor, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p}


def _splits(n: int, first: int) -> Iterator[np.ndarray]:
    for chosen in combinations(range(n), first):
        yield np.array([*chosen, *sorted(set(range(n)) - set(chosen))])


def _draws(n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield generator.permutation(n)


def _within(places: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    order = np.arange(sum(map(len, places)))
    for chosen in product(*(permutations(place) for place in places)):
        for place, moved in zip(places, chosen, strict=True):
            order[place] = moved
        yield order


def _drawn_within(places: Sequence[np.ndarray], count: int, seed: int) -> Iterator[np.ndarray]:
    generator, order = np.random.default_rng(seed), np.arange(sum(map(len, places)))
    for _ in range(count):
        for place in places:
            order[place] = generator.permutation(place)
        yield order


def _test(
    observed: float, null: np.ndarray, exact: bool, n: int, alternative: str
) -> PermutationTest:
    if not (math.isfinite(observed) and np.isfinite(null).all()):
        raise ValueError(f"the statistic is not finite: {observed}, or in an arrangement")
    mean = float(null.mean())
    distance = {
        "greater": lambda t: t,
        "less": lambda t: -t,
        "two-sided": lambda t: np.abs(t - mean),
    }.get(alternative)
    if distance is None:
        raise ValueError(f"alternative must be two-sided, greater or less, not {alternative!r}")
    # Equal up to rounding is equal: the observed arrangement must not fall out of its own count.
    far, slack = distance(null), 1e-12 * max(abs(observed), float(np.abs(null).max()))
    beyond = int((far >= distance(observed) - slack).sum())
    most = int((far >= far.max() - slack).sum())
    if exact:
        p, error, least = beyond / null.size, 0.0, most / null.size
    else:
        p, least = (beyond + 1) / (null.size + 1), 1 / (null.size + 1)
        error = math.sqrt(p * (1 - p) / null.size)
    spread = float(null.std())
    return PermutationTest(
        observed, p, error, least, mean, spread, null.size, exact, n, alternative
    )
