"""Leads, with what is missing, and their summary beside published figures."""

import math

import numpy as np
import pytest
from scipy import stats

from grokbook.events import constant_step, dual_onset, growth_onset, lead
from grokbook.events.leads import Lead
from grokbook.events.summary import against, summarise


def made(run, grok, onset):
    """A lead with a causal onset on a grid of 100."""
    steps = [0, 100] if onset is None else [0, onset - 100, onset]
    steps = sorted(set(steps))
    values = [1.0] * len(steps) if onset is None else [float(s == onset) for s in steps]
    detector = constant_step(10**9 if onset is None else onset)
    return lead(run, detector(steps, values), grok)


def test_a_lead_by_hand():
    event = growth_onset(2)([0, 100, 250], [1.0, 2.0, 2.0])
    assert lead("a", event, 1000) == Lead("a", 1000, 250, 750, 0.75, 750, 150.0)


def test_a_detector_that_looks_ahead_can_be_used_later_than_dated():
    steps = np.arange(40) * 100
    event = dual_onset()(steps, np.where(steps >= 3000, 6.0, 1.0))
    found = lead("a", event, 3500)
    assert (found.lead, found.usable, found.spacing) == (700, 500, 100)


@pytest.mark.parametrize(("grok", "onset"), [(None, 300), (500, None), (None, None)])
def test_what_is_missing_is_none(grok, onset):
    found = made("a", grok, onset)
    assert (found.grok, found.onset) == (grok, onset)
    assert found.lead is found.share is found.usable is None


def test_late_events_have_negative_leads():
    assert made("a", 500, 700).lead == -200
    with pytest.raises(ValueError, match="step 0"):
        made("a", 0, 700)


# --- summaries ------------------------------------------------------------------------------

PUBLISHED = {  # single-task, ST-02 and ST-18: first 90 % and onset
    "add": [(3100, 1800), (3200, 1800), (2500, 1900)],
    "sub": [(3200, 2100), (3600, 2000), (3500, 2000)],
    "mul": [(2500, 1900), (2800, 1900), (2600, 1900)],
    "x2_y2": [(1900, 500), (1900, 700), (1800, 700)],
}


def test_the_published_single_task_leads():
    """Mean 1,117 steps in 12 of 12 runs, p = 2⁻¹² (ST-18)."""
    leads = [
        made(f"{task}{k}", grok, onset)
        for task, runs in PUBLISHED.items()
        for k, (grok, onset) in enumerate(runs)
    ]
    found = summarise(leads)
    assert found.positive == found.grokked == 12
    assert round(found.mean.mean) == 1117
    assert found.p == 0.5**12
    assert (min(x.lead for x in leads), max(x.lead for x in leads)) == (600, 1600)


def test_the_published_dual_share_is_a_mean_of_ratios():
    """Table 5 at λ = 1: lead 6,533 and 52.9 %, where 6,533 / 13,133 is 49.7 % (D2)."""
    earliest, onsets = [16_300, 9_600, 13_500], [12_200, 3_400, 4_200]
    found = summarise(
        [made(str(k), g, o) for k, (g, o) in enumerate(zip(earliest, onsets, strict=True))]
    )
    assert round(found.mean.mean) == 6533
    assert found.share.mean == pytest.approx(0.529, abs=5e-4)
    assert found.share_of_means == pytest.approx(0.497, abs=5e-4)


def test_the_other_published_dual_leads():
    """Table 5, from the per-seed onsets and earliest tasks (MT-04, MT-30, MT-31)."""
    table = {
        0.5: ([16.6, 16.8, 15.2], [15.8, 15.8, 14.6], 800, 4.9),
        0.3: ([29.8, 28.0, 26.8], [18.4, 19.6, 19.4], 9_067, 32.0),
        0.2: ([46.5, 45.1, 43.6], [15.6, 21.8, 15.6], 27_400, 60.8),
        0.1: ([98.8, 101.3, 93.7], [27.2, 32.2, 29.0], 68_467, 69.9),
    }
    for groks, onsets, steps, share in table.values():
        found = summarise(
            [
                made(str(k), round(1000 * g), round(1000 * o))
                for k, (g, o) in enumerate(zip(groks, onsets, strict=True))
            ]
        )
        assert round(found.mean.mean) == steps
        assert 100 * found.share.mean == pytest.approx(share, abs=0.051)


def test_survivors_are_told_apart():
    leads = [
        made("a", 1000, 400),
        made("b", 1000, 1000),
        made("c", 1000, 1200),
        made("d", 1000, None),
        made("e", None, 300),
    ]
    found = summarise(leads)
    assert (found.runs, found.grokked, found.without) == (5, 4, ("d",))
    assert (found.positive, found.tied, found.negative) == (1, 1, 1)
    assert found.mean.mean == pytest.approx(400 / 3) and found.mean_positive.mean == 600
    assert found.mean_positive.high == math.inf  # one run has no interval
    assert found.p == pytest.approx(stats.binomtest(1, 4, alternative="greater").pvalue)
    assert (found.positive_share.successes, found.positive_share.n) == (1, 4)
    assert found.share_of_means == pytest.approx(400 / 3000)


def test_a_detector_that_finds_nothing_has_no_mean():
    found = summarise([made("a", 1000, None), made("b", 1000, None)])
    assert found.mean is found.mean_positive is found.share is found.share_of_means is None
    assert found.p == 1.0


def test_summaries_refuse_rows_that_are_no_runs():
    with pytest.raises(ValueError, match="run a is there 2 times"):
        summarise([made("a", 1000, 400), made("a", 1100, 400)])
    with pytest.raises(ValueError, match="none of 1 runs"):
        summarise([made("a", None, 400)])


def test_against_a_placebo():
    ours = [made("a", 1000, 700), made("b", 900, 600), made("c", 800, None), made("d", None, 100)]
    placebo = [made("b", 900, 500), made("a", 1000, 500), made("c", 800, 500), made("d", None, 100)]
    found = against(ours, placebo)
    assert found.extra.mean == -150 and found.extra.n == 2
    assert found.test.p == found.test.least == 2 / 2**2  # −200 and −100: the most extreme signs
    assert (found.only_detector, found.only_placebo, found.neither) == ((), ("c",), ())


def test_against_refuses_other_runs():
    with pytest.raises(ValueError, match="same runs"):
        against([made("a", 1000, 700)], [made("b", 1000, 700)])
    with pytest.raises(ValueError, match="same runs"):
        against([made("a", 1000, 700)], [made("a", 1100, 700)])
    with pytest.raises(ValueError, match="both events"):
        against([made("a", 1000, None)], [made("a", 1000, 700)])
    with pytest.raises(ValueError, match="2 times"):
        against([made("a", 1000, 700)] * 2, [made("a", 1000, 700)])
