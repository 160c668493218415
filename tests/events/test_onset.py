"""Onset detectors: by hand, against loops that share no code, and what causality means."""

import math
import statistics

import numpy as np
import pytest
from scipy import ndimage

from grokbook.events import FACTORS, dual_onset, growth_onset, onset_grid, tri_onset


def walks(count, length, seed):
    """Curves that wander over decades, with exact zeros, as the published defect has."""
    generator = np.random.default_rng(seed)
    curves = 10 ** np.cumsum(generator.normal(0.0, 0.3, (count, length)), axis=1)
    curves[generator.random(curves.shape) < 0.05] = 0.0
    return curves


def dual_by_hand(steps, values):
    x = [math.log10(v if v != 0 else 0.01) for v in values]
    envelope = [max(x[j] for j in range(i - 2, i + 3) if 0 <= j < len(x)) for i in range(len(x))]
    quarter = max(3, int(0.25 * len(x)))
    base = statistics.median(envelope[:quarter])
    for i in range(quarter, len(x)):
        if envelope[i] > base + math.log10(5):
            return steps[i]
    return None


def tri_by_hand(steps, values):
    base = max(statistics.median(values[:3]), 0.1)
    for i in range(2, len(values)):
        if values[i] > 10 * base and values[i] > 20:
            return steps[i]
    return None


def test_dual_and_tri_against_plain_loops():
    found = set()
    for length in (4, 5, 8, 11, 12, 13, 40, 119, 120):
        steps = [100 * i for i in range(length)]
        for curve in walks(40, length, seed=length):
            dual, tri = dual_onset()(steps, curve).step, tri_onset()(steps, curve).step
            assert dual == dual_by_hand(steps, curve.tolist())
            assert tri == tri_by_hand(steps, curve.tolist())
            found |= {("dual", dual), ("tri", tri)}
    assert {("dual", None), ("tri", None)} < found and len(found) > 40


def test_the_dual_envelope_is_scipys_maximum_filter():
    steps = np.arange(40) * 100
    for curve in walks(60, 40, seed=1):
        x = np.log10(np.where(curve == 0, 0.01, curve))
        envelope = ndimage.maximum_filter1d(x, 5, mode="nearest")
        later = np.flatnonzero(envelope[10:] > np.median(envelope[:10]) + np.log10(5))
        expected = int(steps[10 + later[0]]) if later.size else None
        assert dual_onset()(steps, curve).step == expected


def test_dual_cannot_be_early_and_looks_ahead():
    steps, early = np.arange(40) * 100, np.ones(40)
    early[2:] = 1000.0  # a jump within the first quarter is part of the baseline
    assert not dual_onset()(steps, early).found
    late = np.where(steps >= 3000, 6.0, 1.0)
    event = dual_onset()(steps, late)
    assert (event.step, event.known) == (2800, 3000)
    assert event.threshold == pytest.approx(5.0)
    # Exactly five times is not more: log10 1 is 0, so both sides are log10 5 to the last bit.
    assert not dual_onset()(steps, np.where(steps >= 3000, 5.0, 1.0)).found


def test_the_quarter_is_of_the_run_shown():
    """The same curve, cut elsewhere, has another published onset."""
    steps = np.arange(40) * 100
    curve = np.where(steps >= 500, 10.0, 1.0)
    assert dual_onset()(steps, curve, until=1500).step == 400
    assert not dual_onset()(steps, curve).found


def test_dual_thins_to_120_by_linspace():
    steps, kept = np.arange(500) * 100, np.linspace(0, 499, 120).astype(int)
    differ = 0
    for curve in walks(8, 500, seed=3):
        thinned, full = dual_onset()(steps, curve).step, dual_onset(limit=None)(steps, curve).step
        assert thinned == dual_by_hand(steps[kept].tolist(), curve[kept])
        assert full == dual_by_hand(steps.tolist(), curve)
        differ += thinned != full
    assert differ > 0


def test_thinning_forgets_no_undefined_reading():
    values = np.where(np.arange(50) % 7 == 3, math.nan, 1.0)
    event = dual_onset(limit=10)(np.arange(50) * 100, values)
    assert (event.readings, event.undefined) == (10, 7)


@pytest.mark.parametrize("base", [0.0, 0.05, 1.0, 3.0])
def test_tri_thresholds(base):
    threshold = max(10 * max(base, 0.1), 20)
    at = tri_onset()([0, 100, 200, 300], [base] * 3 + [threshold])
    above = tri_onset()([0, 100, 200, 300], [base] * 3 + [threshold * 1.0001])
    assert not at.found and above.step == 300 and above.threshold == threshold


def test_tri_begins_with_the_third_record_and_takes_a_median():
    assert tri_onset()([0, 100, 200], [1.0, 500.0, 30.0]).step is None  # median 30
    assert tri_onset()([0, 100, 200, 300], [1.0, 1.0, 500.0, 1.0]).step == 200
    tiny = [0.01, 0.01, 0.01, 0.9]  # ten times the least base is 1
    assert not tri_onset(floor=0.5)([0, 100, 200, 300], tiny).found
    slow = tri_onset(floor=5.0)([0, 100, 200, 300], [0.4, 0.4, 0.4, 6.0])
    assert slow.step == 300 and not tri_onset()([0, 100, 200, 300], [0.4, 0.4, 0.4, 6.0]).found


@pytest.mark.parametrize("detector", [dual_onset(), tri_onset()])
@pytest.mark.parametrize("length", [0, 1, 2])
def test_short_series_have_no_published_onset(detector, length):
    event = detector([100 * i for i in range(length)], [1.0] * length)
    assert event.step is None and event.reason == "too short"


def growth_by_hand(steps, values, factor):
    if not values or steps[0] != 0 or not values[0] > 0:
        return None
    for i in range(2, len(values)):
        if min(values[i], values[i - 1]) >= factor * values[0]:
            return steps[i]
    return None


@pytest.mark.parametrize("factor", FACTORS)
def test_growth_against_a_plain_loop(factor):
    steps = [100 * i for i in range(30)]
    for curve in walks(100, 30, seed=5):
        expected = growth_by_hand(steps, curve.tolist(), factor)
        assert growth_onset(factor)(steps, curve).step == expected


def test_growth_counts_the_threshold_itself_but_never_the_baseline():
    steps = [0, 100, 200, 300]
    assert growth_onset(3)(steps, [2.0, 6.0, 6.0, 0.0]).step == 200
    assert growth_onset(3)(steps, [2.0, 6.0, 5.9, 6.0]).step is None
    assert growth_onset(1.5)(steps[:3], [2.0, 3.0, 2.0]).step is None


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ([100, 200, 300], [1.0, 9.0, 9.0]),
        ([0, 100, 200], [0.0, 9.0, 9.0]),
        ([0, 100, 200], [math.nan, 9.0, 9.0]),
        ([], []),
    ],
)
def test_growth_needs_the_untrained_network(steps, values):
    assert growth_onset(3)(steps, values).reason == "no baseline"


@pytest.mark.parametrize("detector", [tri_onset(), *map(growth_onset, FACTORS)])
def test_causal_no_later_reading_changes_an_onset(detector):
    steps = np.arange(40) * 100
    for curve in walks(30, 40, seed=6):
        event = detector(steps, curve)
        for until in steps:
            found = detector(steps, curve, until=until).step
            assert found == (event.step if event.found and event.step <= until else None)


def test_a_higher_threshold_is_never_passed_earlier():
    steps = np.arange(40) * 100
    for curve in walks(50, 40, seed=7):
        onsets = [growth_onset(factor)(steps, curve).step for factor in FACTORS]
        late = [math.inf if step is None else step for step in onsets]
        assert late == sorted(late)


def test_growth_is_the_same_for_a_defect_in_other_units():
    steps, curve = np.arange(40) * 100, walks(1, 40, seed=8)[0] + 1e-3
    for factor in FACTORS:
        ours = growth_onset(factor)(steps, curve).step
        assert ours == growth_onset(factor)(steps, curve * 2.0**-20).step


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: growth_onset(1.0), "above 1"),
        (lambda: growth_onset(math.nan), "above 1"),
        (lambda: tri_onset(factor=0), "above 0"),
        (lambda: tri_onset(floor=-1), "above 0"),
        (lambda: dual_onset(limit=0), "not 0"),
        (lambda: dual_onset()([0, 1, 2, 3], [1.0, 1.0, 1.0, -1.0]), "-1"),
    ],
)
def test_impossible_detectors_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


# --- grid -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "readings"), [(5_000, 51), (20_000, 80), (300_000, 135)])
def test_grid_is_dense_then_five_per_cent_apart(last, readings):
    grid = onset_grid(range(0, last + 1, 100))
    assert grid[:51].tolist() == list(range(0, 5_001, 100))
    assert grid[-1] == last and abs(len(grid) - readings) <= 2
    late = grid[grid >= 5_000]
    # Rounding down to the available steps may add up to one of them.
    assert (np.diff(late) <= 0.05 * late[:-1] + 100).all()


def test_grid_of_a_thinned_run_takes_what_there_is():
    available = [*range(0, 5_001, 100), *range(5_600, 40_001, 800)]
    grid = onset_grid(available)
    assert set(grid.tolist()) <= set(available) and grid[-1] == available[-1]
    assert (np.diff(grid) > 0).all()


def test_grid_does_not_depend_on_where_a_run_ends():
    short, long = onset_grid(range(0, 20_001, 100)), onset_grid(range(0, 90_001, 100))
    assert set(short[:-1].tolist()) <= set(long.tolist())


@pytest.mark.parametrize("steps", [[], [100, 200], [0, 200, 100], [0, 0]])
def test_grid_refuses_what_does_not_ascend_from_zero(steps):
    with pytest.raises(ValueError, match="ascend"):
        onset_grid(steps)
