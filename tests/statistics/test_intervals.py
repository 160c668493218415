"""The interval of a mean against another library and a simulation; what a unit is."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from grokbook.statistics import difference_interval, distinct, mean_interval, prediction_interval
from grokbook.statistics.units import paired


def test_interval_against_scipy():
    values = [13.0, 9.5, 17.2, 11.1, 12.0]
    ours = mean_interval(values)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.mean == pytest.approx(np.mean(values)) and ours.n == 5


def test_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 3))
    covered = sum(i.low <= 3.0 <= i.high for i in map(mean_interval, draws))
    assert 0.94 < covered / 4000 < 0.96


def test_the_interval_of_a_further_run_against_scipy_and_a_simulation():
    values = np.array([13.0, 9.5, 17.2, 11.1, 12.0])
    low, high = stats.t.interval(0.9, 4, values.mean(), values.std(ddof=1) * math.sqrt(6 / 5))
    ours = prediction_interval(values, 0.9)
    assert (ours.low, ours.high) == pytest.approx((low, high))
    draws = np.random.default_rng(1).normal(3.0, 2.0, (4000, 4))
    held = [(i := prediction_interval(d[:3])).low <= d[3] <= i.high for d in draws]
    assert 0.94 < np.mean(held) < 0.96
    assert prediction_interval([5.0]).high == math.inf


def test_one_run_knows_nothing():
    assert mean_interval([5.0]).high == math.inf
    with pytest.raises(ValueError, match="finite"):
        mean_interval([])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, math.nan])


def test_runs_by_name_are_values_once_each():
    assert mean_interval({"a": 1.0, "b": 3.0}) == mean_interval([1.0, 3.0])
    assert mean_interval(pd.Series([1.0, 3.0], index=["a", "b"])).mean == 2.0
    with pytest.raises(ValueError, match="run a is there 2 times"):
        mean_interval(pd.Series([1.0, 3.0, 4.0], index=["a", "b", "a"]))


def test_few_runs_are_said_to_be_few():
    cautions = [mean_interval(range(n)).caution for n in (1, 3, 7, 8)]
    assert cautions == ["one run: no interval", "only 3 runs", "only 7 runs", ""]


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
def test_a_level_is_a_fraction(level):
    with pytest.raises(ValueError, match="level"):
        mean_interval([1.0, 2.0], level)


def test_published_deviations_are_those_of_a_population():
    """D2: (16,400, 10,000, 13,600) is 13,333 ± 2,620; the sample's deviation is √1.5 larger."""
    runs = [16_400.0, 10_000.0, 13_600.0]
    found = mean_interval(runs)
    assert round(found.mean) == 13_333 and round(float(np.std(runs))) == 2_620
    half = stats.t.ppf(0.975, 2) * 2_620 * math.sqrt(1.5) / math.sqrt(3)
    assert found.high - found.mean == pytest.approx(half, rel=1e-3)


def test_published_gaps_between_add_and_mul():
    """MT-05 at λ = 1: 100, 400 and 100 steps; the interval holds 0, as three runs are few."""
    gaps = mean_interval({"42": 16_400 - 16_300, "137": 10_000 - 9_600, "2024": 13_600 - 13_500})
    assert gaps.mean == 200 and gaps.low < 0 < gaps.high


# --- units ----------------------------------------------------------------------------------


def test_rows_of_a_run_are_refused():
    assert distinct(["a", "b"]) == ["a", "b"]
    with pytest.raises(ValueError, match="run a is there 3 times"):
        distinct(["a", "a", "b", "a"])


def test_pairs_are_matched_by_name():
    x, y = paired({"a": 1.0, "b": 2.0}, pd.Series({"b": 20.0, "a": 10.0}), "this")
    assert x.tolist() == [1.0, 2.0] and y.tolist() == [10.0, 20.0]
    with pytest.raises(ValueError, match="c has one"):
        paired({"a": 1.0}, {"a": 1.0, "c": 2.0}, "this")
    with pytest.raises(ValueError, match="not 1 and 2"):
        paired([1.0], [1.0, 2.0], "this")


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_difference_of_means_is_scipys_of_groups_that_spread_differently(level):
    x, y = [1.0, 2.5, 4.0, 9.0], [7.0, 7.5, 8.5]
    ours = difference_interval(x, y, level)
    theirs = stats.ttest_ind(y, x, equal_var=False).confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert (ours.mean, ours.n, ours.level) == (pytest.approx(sum(y) / 3 - sum(x) / 4), 3, level)
    assert math.isinf(difference_interval([1.0], y).high)
    same = difference_interval([1.0, 1.0], [3.0, 3.0])
    assert (same.mean, same.low, same.high) == (2, 2, 2)
    with pytest.raises(ValueError, match="finite"):
        difference_interval([math.nan, 1.0], y)
