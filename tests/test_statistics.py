"""Intervals and chances against brute force and another library."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from grokbook.statistics import chance_of_at_least, mean_interval


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


def test_one_run_knows_nothing():
    assert mean_interval([5.0]).high == math.inf
    with pytest.raises(ValueError, match="finite"):
        mean_interval([])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([1.0, math.nan])


@pytest.mark.parametrize(("n", "k"), [(3, 0), (3, 2), (6, 4)])
def test_chance_by_enumeration(n, k):
    outcomes = list(itertools.product([0, 1, 2], repeat=n))  # each of three tasks may be first
    brute = sum(o.count(0) >= k for o in outcomes) / len(outcomes)
    assert chance_of_at_least(k, n, 1 / 3) == pytest.approx(brute)


def test_chance_refuses_nonsense():
    with pytest.raises(ValueError, match="4 successes of 3"):
        chance_of_at_least(4, 3, 0.5)
