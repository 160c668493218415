"""Shares and counts: closed forms, enumeration, SciPy, and exact coverage."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from grokbook.statistics import (
    binomial_test,
    chance_of_at_least,
    fisher_test,
    proportion,
)


@pytest.mark.parametrize("n", [1, 3, 15])
def test_none_and_all_in_closed_form(n):
    edge = 0.025 ** (1 / n)
    none, every = proportion(0, n), proportion(n, n)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - edge))
    assert (every.low, every.high) == pytest.approx((edge, 1.0))


@pytest.mark.parametrize(("k", "n"), [(1, 3), (6, 15), (14, 15)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clopper_pearson_by_its_definition_and_by_scipy(k, n, level):
    ours, tail = proportion(k, n, level=level), (1 - level) / 2
    low = optimize.brentq(lambda p: stats.binom.sf(k - 1, n, p) - tail, 1e-9, 1 - 1e-9)
    high = optimize.brentq(lambda p: stats.binom.cdf(k, n, p) - tail, 1e-9, 1 - 1e-9)
    theirs = stats.binomtest(k, n).proportion_ci(level, method="exact")
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("n", [3, 8, 20])
def test_clopper_pearson_covers_at_least_as_often_as_it_says(n):
    intervals = [proportion(k, n) for k in range(n + 1)]
    for p in np.linspace(0.01, 0.99, 99):
        covering = [k for k, i in enumerate(intervals) if i.low <= p <= i.high]
        assert stats.binom.pmf(covering, n, p).sum() >= 0.95


@pytest.mark.parametrize(("k", "n", "seeds"), [(30, 30, 3), (0, 12, 3), (10, 15, 3), (8, 8, 8)])
def test_runs_of_one_seed_count_as_one(k, n, seeds):
    """Where whole seeds are meant, the interval is that of as many single runs."""
    ours, single = proportion(k, n, seeds=seeds), proportion(seeds * k // n, seeds)
    assert (ours.share, ours.successes, ours.n, ours.seeds) == (k / n, k, n, seeds)
    assert (ours.low, ours.high) == pytest.approx((single.low, single.high), rel=1e-12)
    chance = chance_of_at_least(k, n, 0.4, seeds=seeds)
    assert chance == pytest.approx(stats.binom.sf(seeds * k // n - 1, seeds, 0.4), rel=1e-9)


def test_part_of_a_seed_lies_between_the_whole_ones():
    few = proportion(1, 15, seeds=3)  # a fifth of a seed
    assert few.low == pytest.approx(stats.beta.ppf(0.025, 0.2, 3.8)) and few.low > 0
    assert proportion(14, 15, seeds=3).high == pytest.approx(1 - few.low)
    low, mid, high = (proportion(k, 15, seeds=3) for k in (10, 13, 15))
    assert low.low < mid.low < high.low and low.high < mid.high <= high.high
    chances = [chance_of_at_least(k, 15, 0.5, seeds=3) for k in (10, 13, 15)]
    assert chances == sorted(chances, reverse=True)


def test_one_run_is_little():
    assert proportion(1, 1).caution == "only 1 run" and proportion(1, 1).low < 0.03
    assert proportion(3, 3).caution == "only 3 runs" and proportion(8, 8).caution == ""


@pytest.mark.parametrize(("n", "k"), [(3, 0), (3, 2), (6, 4)])
def test_chance_by_enumeration(n, k):
    outcomes = list(itertools.product([0, 1, 2], repeat=n))  # each of three tasks may be first
    brute = sum(o.count(0) >= k for o in outcomes) / len(outcomes)
    assert chance_of_at_least(k, n, 1 / 3) == pytest.approx(brute)


@pytest.mark.parametrize(("k", "n", "p"), [(12, 12, 0.5), (2, 3, 0.3), (6, 15, 1 / 6)])
def test_binomial_tests_by_summing_chances(k, n, p):
    mass = [math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)]
    sides = {
        "greater": sum(mass[k:]),
        "less": sum(mass[: k + 1]),
        "two-sided": sum(m for m in mass if m <= mass[k] * (1 + 1e-9)),
    }
    for side, expected in sides.items():
        found = binomial_test(k, n, p, alternative=side)
        assert found.p == pytest.approx(expected) and found.proportion.successes == k


def fisher_by_hand(table, alternative):
    """Chances of all tables with the same margins."""
    (a, b), (c, d) = table
    first, happened, n = a + b, a + c, a + b + c + d
    chance = {
        i: math.comb(happened, i) * math.comb(n - happened, first - i) / math.comb(n, first)
        for i in range(max(0, first + happened - n), min(first, happened) + 1)
    }
    keep = {
        "greater": lambda i: i >= a,
        "less": lambda i: i <= a,
        "two-sided": lambda i: chance[i] <= chance[a] * (1 + 1e-9),
    }[alternative]
    return sum(p for i, p in chance.items() if keep(i))


@pytest.mark.parametrize("table", [[[3, 0], [0, 3]], [[18, 0], [1, 17]], [[5, 4], [2, 7]]])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_fisher_by_hypergeometric_sums(table, alternative):
    found = fisher_test(table, alternative=alternative)
    assert found.p == pytest.approx(fisher_by_hand(table, alternative), rel=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_fishers_odds_are_the_conditional_likelihoods(level):
    found, tail = fisher_test([[5, 4], [2, 7]], level=level), (1 - level) / 2
    best = optimize.minimize_scalar(
        lambda logs: -stats.nchypergeom_fisher.logpmf(5, 18, 7, 9, math.exp(logs)),
        bounds=(-5, 5),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.odds == pytest.approx(math.exp(best.x), rel=1e-5)
    # At the ends of the interval the observed count, or a further one, has half of what is left.
    assert stats.nchypergeom_fisher.sf(4, 18, 7, 9, found.low) == pytest.approx(tail, rel=1e-6)
    assert stats.nchypergeom_fisher.cdf(5, 18, 7, 9, found.high) == pytest.approx(tail, rel=1e-6)


def test_fisher_at_the_edges():
    assert fisher_test([[3, 0], [0, 3]]).odds == math.inf
    empty = fisher_test([[3, 0], [4, 0]])
    assert empty.p == 1.0 and math.isnan(empty.odds) and empty.n == 7


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: chance_of_at_least(4, 3, 0.5), "4 successes of 3"),
        (lambda: chance_of_at_least(1, 3, 1.5), "a probability cannot be 1.5"),
        (lambda: chance_of_at_least(1, 3, math.nan), "a probability cannot be nan"),
        (lambda: proportion(4, 3), "4 successes of 3"),
        (lambda: proportion(-1, 3), "-1 successes"),
        (lambda: proportion(0, 0), "0 runs"),
        (lambda: proportion(1, 2, seeds=0), "0 seeds of 2 runs"),
        (lambda: proportion(1, 2, seeds=3), "3 seeds of 2 runs"),
        (lambda: proportion(1, 2, level=95), "95"),
        (lambda: binomial_test(1, 2, 1.5), "1.5"),
        (lambda: binomial_test(1, 2, alternative="more"), "more"),
        (lambda: fisher_test([[1, 2]]), "2 × 2"),
        (lambda: fisher_test([[1, 2], [3, -1]]), "2 × 2"),
        (lambda: fisher_test([[1, 2], [3, 0.5]]), "2 × 2"),
        (lambda: fisher_test([[0, 0], [0, 0]]), "2 × 2"),
    ],
)
def test_nonsense_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
