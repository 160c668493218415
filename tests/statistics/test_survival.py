"""Survival: SciPy's, by hand, closed forms without censoring, coverage."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from grokbook.statistics import log_rank, survival

GROKS = [100, 200, 200, None, 400, None, 700, None]
ENDS = [100, 200, 300, 200, 400, 500, 700, 900]


def censored(groks, ends):
    seen = [g for g in groks if g is not None]
    cut = [e for g, e in zip(groks, ends, strict=True) if g is None]
    return stats.CensoredData(uncensored=seen, right=cut)


def drawn(seed, n, scale=1000.0, budget=1200):
    times = np.ceil(np.random.default_rng(seed).exponential(scale, n) / 100) * 100
    return [int(t) if t <= budget else None for t in times], [budget] * n


@pytest.mark.parametrize("n", [2, 4, 6, 14, 98])
def test_the_median_is_where_exactly_half_have_grokked(n):
    """Half by a product of shares, which rounding may put a bit above."""
    steps = [100 * (k + 1) for k in range(n)]
    assert survival(steps, steps).median == steps[n // 2 - 1]


def test_a_curve_by_hand():
    curve = survival(GROKS, ENDS)
    assert curve.steps.tolist() == [100, 200, 400, 500, 700, 900]
    assert curve.at_risk.tolist() == [8, 7, 4, 3, 2, 1]
    assert curve.grokked.tolist() == [1, 2, 1, 0, 1, 0]
    expected = np.cumprod([7 / 8, 5 / 7, 3 / 4, 1.0, 1 / 2, 1.0])
    assert curve.share == pytest.approx(expected)
    assert curve.median == 400 and curve.at(450) == pytest.approx(expected[2])
    assert curve.at(50) == 1.0 and math.isnan(curve.at(901)) and curve.n == 8


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_curves_and_intervals_are_scipys(seed, level):
    groks, ends = drawn(seed, 25)
    ours, theirs = survival(groks, ends, level=level), stats.ecdf(censored(groks, ends)).sf
    band = theirs.confidence_interval(level, method="log-log")
    for k, step in enumerate(ours.steps):
        assert ours.share[k] == pytest.approx(theirs.evaluate(step))
        low, high = band.low.evaluate(step), band.high.evaluate(step)
        assert ours.low[k] == pytest.approx(low, nan_ok=True)
        assert ours.high[k] == pytest.approx(high, nan_ok=True)


def test_without_censoring_it_is_the_share_that_is_later():
    steps = [300, 100, 500, 300, 900]
    curve = survival(steps, steps)
    for t in (0, 100, 299, 300, 899, 900, 5000):
        assert curve.at(t) == pytest.approx(np.mean(np.array(steps) > t))
    assert math.isnan(curve.low[-1]) and math.isnan(curve.high[-1])  # nobody is left


def test_one_run_and_none_that_groks():
    one = survival([300], [300])
    assert one.share.tolist() == [0.0] and np.isnan(one.low).all()
    assert one.caution == "one run: no interval"
    never = survival([None, None], [300, 500])
    assert never.share.tolist() == [1.0, 1.0] and np.isnan(never.low).all()
    assert never.median is None


# --- two groups -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_log_rank_is_scipys(seed):
    a, b = drawn(seed, 12), drawn(seed + 100, 9, scale=400.0)
    ours = log_rank(*a, *b, draws=19)
    theirs = stats.logrank(censored(*a), censored(*b))
    assert ours.z == pytest.approx(theirs.statistic)
    assert ours.p_normal == pytest.approx(theirs.pvalue)
    assert ours.test.statistic == ours.z
    assert ours.observed == sum(g is not None for g in a[0])


def test_log_rank_by_enumeration():
    """Every way to deal seven runs to groups of three and four, through SciPy."""
    groks, ends = [100, 200, None, 300, 500, None, 400], [100, 200, 250, 300, 500, 600, 400]

    def z(first):
        second = [k for k in range(7) if k not in first]
        parts = [([groks[k] for k in part], [ends[k] for k in part]) for part in (first, second)]
        return stats.logrank(censored(*parts[0]), censored(*parts[1])).statistic

    null = np.array([z(first) for first in itertools.combinations(range(7), 3)])
    ours = log_rank(groks[:3], ends[:3], groks[3:], ends[3:])
    observed, centre = z((0, 1, 2)), null.mean()
    assert ours.z == pytest.approx(observed) and ours.test.null_mean == pytest.approx(centre)
    far = abs(null - centre) >= abs(observed - centre) - 1e-9
    assert ours.test.exact and ours.test.p == pytest.approx(far.mean())


def test_who_is_later_has_a_negative_score():
    late, early = ([800, 900, None], [1000] * 3), ([100, 200, 300], [1000] * 3)
    found = log_rank(*late, *early)
    assert found.z < 0 and found.observed == 2
    # Three of six, of five and of four at risk, and then of three and of the two that are left.
    assert found.expected == pytest.approx(3 / 6 + 3 / 5 + 3 / 4 + 1 + 1)
    assert log_rank(*early, *late).z == pytest.approx(-found.z)
    assert found.test.least == found.test.p == 2 / 20


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: survival([], []), "0 grok steps for 0"),
        (lambda: survival([100], [100, 200]), "1 grok steps for 2"),
        (lambda: survival([300], [200]), "cannot grok at 300"),
        (lambda: survival([0], [200]), "cannot grok at 0"),
        (lambda: survival([None], [0]), "ends at 0"),
        (lambda: survival([100], [100], level=95), "95"),
        (lambda: log_rank([None], [100], [None], [100]), "no run groks"),
    ],
)
def test_nonsense_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
