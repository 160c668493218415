"""Permutation tests: enumeration by other code, SciPy, closed forms, and their size."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from grokbook.statistics import holm, shuffle, sign_flip, two_sample

SIDES = ["two-sided", "greater", "less"]
X, Y = [3.1, 4.5, 2.2, 5.9, 4.4], [1.0, 2.5, 3.3, 1.7]


def correlation(x, y):
    return float(np.corrcoef(x, y)[0, 1])


def share(null, observed, side):
    centre = sum(null) / len(null)
    far = {"greater": lambda t: t, "less": lambda t: -t, "two-sided": lambda t: abs(t - centre)}
    return sum(far[side](t) >= far[side](observed) - 1e-9 for t in null) / len(null)


@pytest.mark.parametrize("side", SIDES)
def test_sign_flips_by_enumeration_and_by_scipy(side):
    d = [0.4, -0.1, 0.9, 0.3, 0.2, 0.0]
    null = [
        sum(s * abs(v) for s, v in zip(signs, d, strict=True)) / 6
        for signs in itertools.product([1, -1], repeat=6)
    ]
    ours = sign_flip(d, alternative=side)
    theirs = stats.permutation_test(
        (np.array(d),), np.mean, permutation_type="samples", alternative=side, n_resamples=10**6
    )
    assert ours.p == pytest.approx(share(null, sum(d) / 6, side)) == pytest.approx(theirs.pvalue)
    assert ours.exact and ours.arrangements == 64 and ours.error == 0.0


@pytest.mark.parametrize("n", [1, 3, 12])
def test_the_least_p_of_few_runs(n):
    found = sign_flip(np.arange(1.0, n + 1))
    assert found.p == found.least == 2 / 2**n
    assert sign_flip(np.arange(1.0, n + 1), alternative="greater").p == 0.5**n
    assert sign_flip(-np.arange(1.0, n + 1)).least == 2 / 2**n


def test_pairs_are_differences():
    x, y = {"a": 3.0, "b": 5.0, "c": 1.0}, {"c": 0.5, "a": 1.0, "b": 4.5}
    assert sign_flip(x, y) == sign_flip([2.0, 0.5, 0.5])


def test_signs_of_nothing_say_nothing():
    assert sign_flip([0.0, 0.0, 0.0]).p == 1.0 == sign_flip([0.0, 0.0, 0.0]).least


def test_tiny_differences_are_differences():
    scaled = sign_flip([1e-20, 2e-20, -0.5e-20])
    assert scaled.p == sign_flip([1.0, 2.0, -0.5]).p < 1


@pytest.mark.parametrize("side", SIDES)
def test_two_samples_by_enumeration(side):
    pool = X + Y
    null = []
    for chosen in itertools.combinations(range(9), 5):
        a = [pool[i] for i in chosen]
        b = [pool[i] for i in range(9) if i not in chosen]
        null.append(sum(a) / 5 - sum(b) / 4)
    ours = two_sample(X, Y, alternative=side)
    assert ours.p == pytest.approx(share(null, sum(X) / 5 - sum(Y) / 4, side))
    assert ours.arrangements == math.comb(9, 5) and ours.exact
    assert ours.null_mean == pytest.approx(0, abs=1e-12)
    assert ours.null_sd == pytest.approx(np.std(null))


@pytest.mark.parametrize("side", ["greater", "less"])
def test_two_samples_by_scipy(side):
    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    theirs = stats.permutation_test((X, Y), difference, alternative=side, n_resamples=10**6)
    assert two_sample(X, Y, alternative=side).p == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("side", SIDES)
def test_rank_sums_are_mann_whitney(side):
    def ranks(a, b):
        return stats.rankdata(np.concatenate([a, b]))[: len(a)].sum()

    # Rank sums lie about 25, not about 0, which is what two-sided must mean.
    theirs = stats.mannwhitneyu(X, Y, alternative=side, method="exact")
    assert two_sample(X, Y, ranks, alternative=side).p == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("side", SIDES)
def test_a_shuffle_by_enumeration(side):
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 7.0]
    null = [correlation(x, order) for order in itertools.permutations(y)]
    ours = shuffle(x, y, correlation, alternative=side)
    assert ours.p == pytest.approx(share(null, correlation(x, y), side))
    assert ours.arrangements == 120


def test_a_shuffle_stays_within_its_groups():
    x, y = [1.0, 2.0, 10.0, 20.0, 30.0], [1.0, 2.0, 3.0, 4.0, 5.0]
    groups = ["a", "b", "a", "b", "b"]
    first = [dict(zip((0, 2), order, strict=True)) for order in itertools.permutations([1.0, 3.0])]
    second = [
        dict(zip((1, 3, 4), order, strict=True))
        for order in itertools.permutations([2.0, 4.0, 5.0])
    ]
    null = [
        correlation(x, [(f | s)[k] for k in range(5)]) for f, s in itertools.product(first, second)
    ]
    ours = shuffle(x, y, correlation, groups=groups)
    assert ours.arrangements == 12
    assert ours.null_mean == pytest.approx(np.mean(null))
    assert ours.null_sd == pytest.approx(np.std(null))
    assert ours.p == pytest.approx(share(null, correlation(x, y), "two-sided"))
    alone = shuffle(x, y, correlation, groups=range(5))
    assert alone.p == alone.least == 1.0 and alone.arrangements == 1


def test_draws_approach_enumeration_and_repeat():
    generator = np.random.default_rng(0)
    d = generator.normal(0.4, 1.0, 15)
    exact = sign_flip(d)
    longer = np.append(d, [0.0])  # twice as many arrangements, and the same p
    drawn, again = sign_flip(longer, seed=3), sign_flip(longer, seed=3)
    assert exact.exact and not drawn.exact and drawn == again
    assert drawn.p == pytest.approx(exact.p, abs=4 * drawn.error)
    assert drawn.error == pytest.approx(math.sqrt(drawn.p * (1 - drawn.p) / 9_999))
    assert drawn.least == 1 / 10_000 and drawn.p != sign_flip(longer, seed=4).p
    x, y = generator.normal(0.8, 1, 12), generator.normal(0, 1, 12)
    sampled = two_sample(x, y, draws=3000)
    theirs = stats.permutation_test(
        (x, y), lambda a, b: a.mean() - b.mean(), n_resamples=9_999, vectorized=False, rng=1
    )
    assert not sampled.exact
    assert sampled.p == pytest.approx(theirs.pvalue, abs=5 * sampled.error)
    many = shuffle(x, y, correlation, draws=2000)
    assert many.p == pytest.approx(stats.pearsonr(x, y).pvalue, abs=5 * many.error)
    grouped = shuffle(x, y, correlation, draws=2000, groups=[0] * 12)
    assert grouped == many


def test_p_never_counts_the_observed_arrangement_out():
    """A draw that finds nothing as far out still says 1 / (draws + 1), never 0."""
    d = np.arange(1.0, 31.0)
    assert sign_flip(d, draws=99).p == pytest.approx(0.01)


def test_tests_keep_their_size():
    """Without an effect, p ≤ 0.2 in a fifth of all samples."""
    generator = np.random.default_rng(1)
    found = [two_sample(*np.split(generator.normal(size=6), [3])).p for _ in range(1000)]
    # 20 splits in pairs of equal distance: p is 0.1, 0.2, … with equal chances.
    assert np.mean(np.array(found) <= 0.2 + 1e-9) == pytest.approx(0.2, abs=0.04)


def test_holm_by_hand_and_by_step_down():
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(p) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    generator = np.random.default_rng(2)
    for _ in range(50):
        values = dict(enumerate(generator.uniform(0, 0.1, 6)))
        adjusted = holm(values)
        for alpha in (0.01, 0.05, 0.1):
            rejected = set()
            for rank, name in enumerate(sorted(values, key=values.get)):
                if values[name] > alpha / (6 - rank):
                    break
                rejected.add(name)
            assert {name for name, q in adjusted.items() if q <= alpha} == rejected
    assert holm({}) == {} and holm({"x": 0.9, "y": 0.8}) == {"x": 1.0, "y": 1.0}
    assert list(holm(p)) == list(p)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: sign_flip([]), "finite"),
        (lambda: sign_flip([1.0, math.nan]), "finite"),
        (lambda: sign_flip([1.0], alternative="more"), "more"),
        (lambda: sign_flip({"a": 1.0}, {"b": 1.0}), "has one"),
        (lambda: two_sample({"a": 1.0}, {"a": 2.0}), "run a is in both groups"),
        (lambda: two_sample(pd.Series({"a": 1.0}), pd.Series({"a": 2.0})), "run a is in both"),
        (lambda: two_sample(pd.Series({"b": 1.0}), {"a": 0.0, "b": 2.0}), "run b is in both"),
        (lambda: shuffle([1.0, 2.0], [1.0, 2.0], correlation, groups=["a"]), "1 groups for 2"),
        (lambda: two_sample([1.0], [2.0], lambda a, b: math.nan), "not finite"),
        (lambda: holm({"a": 1.2}), "1.2"),
        (lambda: holm({"a": math.nan}), "nan"),
    ],
)
def test_nonsense_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
