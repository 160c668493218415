"""Peaks, collapses, falls, rises and declines by hand."""

import math

import numpy as np
import pytest

from grokbook.events import decline, fall, portrait, rise

STEPS = np.arange(10) * 100
COMMUTATOR = np.array([99.0, 8.0, 9.0, 10.0, 20.0, 30.0, 22.0, 17.0, 15.0, 10.0])
GAP = np.array([0.001, 0.5, 0.4, 0.3, 0.2, 0.1, 0.3, 0.6, 0.9, 1.0])


def test_a_portrait_by_hand():
    found = portrait(STEPS, GAP, COMMUTATOR)
    assert (found.peak.step, found.peak.value, found.peak.edge) == (500, 30.0, "")
    assert (found.minimum.step, found.minimum.value) == (500, 0.1)
    # The midpoint of 30 and 10 is 20; 22 is above it and 17 below.
    assert found.collapse.step == 700 and found.collapse.threshold == 20.0
    assert found.gap_line == pytest.approx(0.001 + 0.25 * 0.999)
    assert found.commutator_line == pytest.approx(8.0 + 0.5 * 91.0)


def test_extremes_at_an_edge_are_no_turns():
    rising, falling = np.arange(1.0, 11.0), np.arange(10.0, 0.0, -1.0)
    up, down = portrait(STEPS, rising, rising), portrait(STEPS, falling, falling)
    assert (up.peak.edge, up.peak.step) == ("last", 900)
    assert up.collapse.reason == "never"
    assert (up.minimum.edge, up.minimum.step) == ("first", 300)
    assert (down.peak.edge, down.minimum.edge) == ("first", "last")


def test_the_earliest_of_equals_and_undefined_readings():
    flat = portrait(STEPS, np.ones(10), np.ones(10))
    assert flat.peak.step == flat.minimum.step == 300
    holes = COMMUTATOR.copy()
    holes[5] = math.nan
    assert portrait(STEPS, GAP, holes).peak.step == 600
    assert portrait(STEPS, GAP, holes).minimum.step == 400  # its gap went with it
    assert portrait(STEPS, GAP, COMMUTATOR, until=400).peak.step == 400


def test_too_little_is_no_portrait():
    with pytest.raises(ValueError, match="more than 3"):
        portrait(STEPS[:3], GAP[:3], COMMUTATOR[:3])
    with pytest.raises(ValueError, match="fit"):
        portrait(STEPS, GAP[:-1], COMMUTATOR)


@pytest.mark.parametrize("row", [1, 2])
def test_fall_and_rise_against_plain_loops(row):
    generator = np.random.default_rng(2)
    for _ in range(100):
        curve = 10 ** np.cumsum(generator.normal(0, 0.2, 10))
        low = [curve[i] <= max(curve[: i + 1]) / 1.5 for i in range(10)]
        high = [curve[i] >= 1.5 * min(curve[: i + 1]) for i in range(10)]
        for detector, hit in ((fall, low), (rise, high)):
            expected = next(
                (100 * i for i in range(row - 1, 10) if all(hit[i - row + 1 : i + 1])), None
            )
            event = detector(1.5, "x", row=row)(STEPS, curve)
            assert event.step == expected
            if event.found:
                at = event.step // 100
                reference = max(curve[: at + 1]) / 1.5 if detector is fall else None
                assert detector is rise or event.threshold == pytest.approx(reference)


def test_nothing_falls_from_nothing_nor_rises_above_it():
    assert not fall(2, "x")(STEPS, np.zeros(10)).found
    assert not rise(2, "x")(STEPS, np.zeros(10)).found
    assert fall(2, "x")(STEPS[:3], [0.0, 1.0, 0.0]).step == 200
    assert rise(2, "x")(STEPS[:3], [0.0, 1.0, 2.0]).step == 200


def test_falls_and_rises_need_a_factor_and_a_row():
    for make in (fall, rise):
        with pytest.raises(ValueError, match="above 1"):
            make(1.0, "x")
        with pytest.raises(ValueError, match="not 0"):
            make(2.0, "x", row=0)


# --- declines -------------------------------------------------------------------------------

WINDOWS, G23 = [0, 200, 400, 600, 800], [10.0, 30.0, 12.0, 6.0, 1.0]


def test_a_decline_by_hand():
    found = decline(WINDOWS, G23, 650)
    assert (found.early, found.at_grok, found.ratio) == (30.0, 6.0, 5.0)
    assert found.declined and not found.pseudo and found.grok == 650


def test_early_is_strictly_before_and_at_grok_is_inclusive():
    assert decline(WINDOWS, G23, 200).early == 10.0
    assert decline(WINDOWS, G23, 200).at_grok == 30.0
    assert not decline(WINDOWS, G23, 200).declined
    assert decline([0, 100], [3.0, 2.0], 100).ratio == 1.5
    assert not decline([0, 100], [3.0, 2.0], 100).declined


def test_a_control_is_never_declined_as_published_and_is_asked_when_corrected():
    published, corrected = decline(WINDOWS, G23, None), decline(WINDOWS, G23, None, pseudo=650)
    assert published.early == 30.0 and math.isnan(published.ratio) and not published.declined
    assert corrected.ratio == 5.0 and corrected.declined and corrected.pseudo
    assert decline(WINDOWS, G23, 400, pseudo=650).ratio == 2.5  # its own step comes first


def test_declines_to_nothing_and_of_nothing():
    assert decline([0, 100], [1.0, 0.0], 100).ratio == math.inf
    assert math.isnan(decline([0, 100], [0.0, 0.0], 100).ratio)
    assert decline([0, 100, 200], [4.0, math.nan, 2.0], 150).at_grok == 4.0
    assert decline([0, 100, 200], [4.0, math.nan, 2.0], 150).undefined == 1
    with pytest.raises(ValueError, match="before step 100"):
        decline([100, 200], [1.0, 1.0], 100)
    with pytest.raises(ValueError, match="-1"):
        decline([0, 100], [1.0, -1.0], 100)
