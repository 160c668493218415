"""Sensitivity and false alarms against brute force and SciPy."""

import numpy as np
import pytest
from scipy import stats

from grokbook.events import constant_step, dual_onset, growth_onset
from grokbook.events.skill import Watched, rates

STEPS = np.arange(30) * 100


def made(run, grok, peak):
    """A defect that rises to ``peak`` times its start from step 500 on."""
    return Watched(run, STEPS, np.where(STEPS >= 500, peak, 1.0), grok)


RUNS = [
    *(made(f"g{k}", 2000, peak) for k, peak in enumerate([4.0, 8.0, 30.0, 60.0])),
    *(made(f"n{k}", None, peak) for k, peak in enumerate([2.5, 7.0, 30.0])),
]


def test_rates_by_hand():
    found = rates(growth_onset(5), RUNS)
    assert found.hits == ("g1", "g2", "g3") and found.false_alarms == ("n1", "n2")
    assert (found.sensitivity.successes, found.sensitivity.n) == (3, 4)
    assert (found.false_positive_rate.successes, found.false_positive_rate.n) == (2, 3)
    theirs = stats.binomtest(2, 3).proportion_ci(method="exact")
    ours = found.false_positive_rate
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_a_hit_must_be_known_before_the_grok_step():
    late = [made("a", 500, 9.0), made("b", 600, 9.0), made("c", 700, 9.0), made("n", None, 1.0)]
    assert rates(growth_onset(5), late).hits == ("c",)  # the second reading in a row is at 600
    # The published dual detector dates a jump at 2,500 at 2,300, and knows of it at 2,500.
    jump = np.where(STEPS >= 2500, 9.0, 1.0)
    runs = [Watched("a", STEPS, jump, 2500), Watched("n", STEPS, np.ones(30), None)]
    assert dual_onset()(STEPS, jump, until=2500).step == 2300
    assert rates(dual_onset(), runs).hits == ()


def test_a_detector_sees_a_run_up_to_its_grok_step():
    """What comes later would raise the first quarter, which the published detector starts from."""
    curve = np.where(STEPS >= 500, 10.0, 1.0)
    runs = [Watched("a", STEPS, curve, 1500), Watched("n", STEPS, np.ones(30), None)]
    assert not dual_onset()(STEPS, curve).found
    assert rates(dual_onset(), runs).hits == ("a",)


def test_a_horizon_bounds_the_time_for_false_alarms():
    found = rates(growth_onset(5), RUNS, horizon=500)
    assert found.false_alarms == () and len(found.hits) == 3
    assert rates(growth_onset(5), RUNS, horizon=600).false_alarms == ("n1", "n2")


def test_a_constant_step_is_always_there():
    found = rates(constant_step(300, "defect"), RUNS)
    assert found.sensitivity.share == found.false_positive_rate.share == 1.0


def test_what_cannot_be_rated_is_refused():
    with pytest.raises(ValueError, match="not 4 and 0"):
        rates(growth_onset(5), RUNS[:4])
    with pytest.raises(ValueError, match="not 0 and 3"):
        rates(growth_onset(5), RUNS[4:])
    with pytest.raises(ValueError, match="run g0 is there 2 times"):
        rates(growth_onset(5), [*RUNS, RUNS[0]])
