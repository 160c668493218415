"""Each judge against cases that can be worked out by hand, and against SciPy."""

import math

import pytest
from scipy import stats

from grokbook.claims.criteria import criterion
from grokbook.claims.findings import FAILS, HOLDS, NONE, OPEN
from grokbook.claims.judges import JUDGES

NAN = math.nan


def look(kind, given, ours, published=None):
    """Findings of a criterion on cells of runs, which are given in a row."""
    part = criterion(kind, {"series": "s", "by": ["cell"], "cells": list(ours), **given})
    named = {
        cell: {f"{cell}{k}": value for k, value in enumerate(runs)} for cell, runs in ours.items()
    }
    return JUDGES[type(part)](part, published or {}, named)


def judged(kind, given, ours, published=None):
    """Findings on cells of runs that are named by their seeds."""
    part = criterion(kind, {"series": "s", "by": ["cell"], "cells": list(ours), **given})
    return JUDGES[type(part)](part, published or {}, ours)


def orders(given, ours):
    """The same of an order: item ↦ runs, in one cell."""
    part = criterion(
        "ordering", {"series": "s", "by": ["cell"], "cells": ["c"], "order": list(ours), **given}
    )
    named = {f"c/{item}": runs for item, runs in ours.items()}
    return JUDGES[type(part)](part, {}, named)


# --- magnitude -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "target", "runs", "outcome"),
    [
        ({"relative": 0.25}, 100, [125] * 8, HOLDS),
        ({"relative": 0.25}, 100, [125.1] * 8, FAILS),
        ({"relative": 0.25}, -100, [-125] * 8, HOLDS),
        ({"absolute": 5}, 0, [0] * 4 + [10] * 4, HOLDS),
        ({"absolute": 5}, 0, [0] * 3 + [10] * 5, FAILS),
        ({"factor": 3}, 10, [10 / 3.1, 31] * 4, HOLDS),  # the geometric mean is 10
        ({"factor": 3}, 10, [31] * 8, FAILS),
        ({"between": [0.8, None]}, 0, [0.8] * 8, HOLDS),
        ({"between": [None, 0.8]}, 0, [0.9] * 8, FAILS),
    ],
)
def test_a_mean_against_its_region(given, target, runs, outcome):
    (found,) = look("magnitude", given, {"a": runs}, {"a": target})
    assert (found.outcome, found.n, found.fewest) == (outcome, 8, 8)
    spread = given == {"absolute": 5} and outcome == HOLDS  # 0.53 to 9.47
    assert found.caveats == ("the mean holds, its interval leaves it open",) * spread
    assert found.told == outcome + ", its interval leaves it open" * spread


def test_the_interval_is_students():
    runs = [1.0, 2.0, 4.0, 8.0]
    (found,) = look("magnitude", {"between": [0, 10]}, {"a": runs})
    low, high = stats.t.interval(0.95, 3, loc=3.75, scale=stats.sem(runs))
    assert (found.value, found.low, found.high) == pytest.approx((3.75, low, high))
    (found,) = look("magnitude", {"factor": 2}, {"a": runs}, {"a": 3})
    logs = [math.log(x) for x in runs]
    low, high = stats.t.interval(0.95, 3, loc=sum(logs) / 4, scale=stats.sem(logs))
    wanted = (64**0.25, math.exp(low), math.exp(high))
    assert (found.value, found.low, found.high) == pytest.approx(wanted)


def test_the_whole_interval_where_it_is_asked_for():
    runs = [-1.0, 1, 1, 1, 1, 1, 1, 1]  # 0.75, interval 0.16 to 1.34
    given = {"between": [0.2, None]}
    assert look("magnitude", given, {"a": runs})[0].outcome == HOLDS
    (found,) = look("magnitude", {**given, "whole_interval": True}, {"a": runs})
    assert found.outcome == FAILS and 0.1 < found.low < 0.2
    whole = {"between": [0.1, None], "whole_interval": True}
    assert look("magnitude", whole, {"a": runs})[0].outcome == HOLDS


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        ([10.0], HOLDS),
        ([100.0], OPEN),  # one run has no interval: anything is possible
        ([19.0, 23.0], OPEN),  # 21, interval reaches far down
        ([20.9, 21.1, 21.0], FAILS),  # three runs that agree are far enough off
        ([-1.1, -0.9, -1.0], FAILS),  # on the other side, too
    ],
)
def test_few_seeds(runs, outcome):
    (found,) = look("magnitude", {"absolute": 10}, {"a": runs}, {"a": 10})
    assert found.outcome == outcome
    assert found.caveats == (f"{len(runs)} of 8 seeds",)
    assert (found.low == -math.inf) == (len(runs) == 1)


@pytest.mark.parametrize(
    ("runs", "outcome", "n", "caveats"),
    [
        ([], NONE, 0, ()),
        ([NAN, NAN], NONE, 0, ("2 of 2 undefined",)),
        ([None, None, NAN], FAILS, 3, ("2 of 3 cut off", "1 of 3 undefined")),
        ([5.0] * 8 + [None, NAN], HOLDS, 8, ("1 of 10 cut off", "1 of 10 undefined")),
    ],
)
def test_runs_without_a_number(runs, outcome, n, caveats):
    (found,) = look("magnitude", {"absolute": 1}, {"a": runs}, {"a": 5})
    assert (found.outcome, found.n, found.caveats) == (outcome, n, caveats)
    assert math.isnan(found.value) == (outcome != HOLDS)


def test_what_is_not_positive_has_no_logarithm():
    (found,) = look("magnitude", {"factor": 2}, {"a": [4.0] * 8 + [0.0, -1.0]}, {"a": 4})
    assert found.outcome == HOLDS and found.caveats == ("2 of 10 undefined",)
    (found,) = look("magnitude", {"factor": 2}, {"a": [1e300]}, {"a": 4})
    assert found.high == math.inf


def test_cells_are_those_with_a_published_number():
    part = criterion("magnitude", {"series": "s", "by": ["cell"], "absolute": 1})
    runs = {f"r{k}": 5.0 for k in range(8)}
    found = JUDGES[type(part)](part, {"a": 5, "b": 9}, {"a": runs})
    assert [(f.cell, f.outcome) for f in found] == [("a", HOLDS), ("b", NONE)]


# --- absence ---------------------------------------------------------------------------------


def test_an_absence_needs_the_whole_interval():
    tight, wide = [0.5] * 8, [-4.0, 5.0] * 4  # the same mean
    assert look("absence", {"below": 1}, {"a": tight})[0].outcome == HOLDS
    assert look("absence", {"below": 1}, {"a": wide})[0].outcome == FAILS
    assert look("absence", {"below": 1}, {"a": [-x for x in tight]})[0].outcome == HOLDS
    (far,) = look("absence", {"below": 1}, {"a": [-2.0] * 8})
    assert far.outcome == FAILS and far.caveats == ()
    (found,) = look("absence", {"below": 1}, {"a": wide})
    assert found.caveats == ("the mean would do, its interval goes beyond",)


def test_with_few_seeds_the_mean_speaks_for_an_absence():
    (found,) = look("absence", {"below": 1}, {"a": [-4.0, 5.0]})
    wide = ("2 of 8 seeds, whose interval leaves it open",)
    assert found.outcome == HOLDS and found.caveats == wide
    (found,) = look("absence", {"below": 1}, {"a": [0.5, 0.5]})
    assert found.outcome == HOLDS and found.caveats == ("2 of 8 seeds",)
    (found,) = look("absence", {"below": 1}, {"a": [0.5]})  # one run has no interval to be open
    assert found.outcome == HOLDS and found.caveats == ("1 of 8 seeds",)
    assert found.told == "holds"
    (found,) = look("magnitude", {"absolute": 10}, {"a": [19.0, 2.0]}, {"a": 10})
    assert found.outcome == HOLDS and found.caveats == wide
    assert look("absence", {"below": 1}, {"a": [2.0]})[0].outcome == OPEN


# --- count -----------------------------------------------------------------------------------


def test_bounds_are_not_counted():
    runs = [3, 3.5, 4, 12, 13, 13.5, None, NAN]
    (found,) = look("count", {"above": 3, "below": 13, "at_least": 0.375}, {"a": runs})
    assert (found.value, found.outcome) == (3 / 8, HOLDS)
    (found,) = look("count", {"above": 3, "at_most": 0.6}, {"a": runs})
    assert (found.value, found.outcome) == (5 / 8, FAILS)


@pytest.mark.parametrize(("yes", "n"), [(0, 8), (8, 8), (3, 11)])
def test_the_interval_of_a_share_is_clopper_and_pearsons(yes, n):
    (found,) = look("count", {"above": 0, "at_least": 0}, {"a": [1] * yes + [0] * (n - yes)})
    exact = stats.binomtest(yes, n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), rel=1e-9)


@pytest.mark.parametrize(
    ("yes", "no", "outcome"),
    [
        (8, 0, HOLDS),
        (7, 1, HOLDS),  # a coin does so with 9 / 256
        (6, 2, FAILS),  # with 37 / 256
        (5, 0, HOLDS),  # with 1 / 32
        (4, 0, OPEN),  # with 1 / 16, and four more could be right
        (0, 4, FAILS),  # no four could mend this
    ],
)
def test_a_count_must_beat_chance(yes, no, outcome):
    given = {"above": 0, "at_least": 0.5, "chance": 0.5}
    assert look("count", given, {"a": [1] * yes + [0] * no})[0].outcome == outcome


@pytest.mark.parametrize(
    ("given", "runs", "outcome"),
    [
        ({"at_least": 1.0}, [1, 1, 0], FAILS),  # all of eight is out of reach
        ({"at_least": 0.85}, [1, 1, 0], OPEN),  # 7 of 8 would do
        ({"at_most": 0.0}, [0, 1], FAILS),
        ({"at_most": 0.2}, [0, 1], OPEN),  # 1 of 8 would do
        ({"at_most": 0.0}, [0, 0], HOLDS),
        ({"at_least": 0.85}, [1] * 17 + [0] * 3, HOLDS),  # 0.85 to the last bit or not
    ],
)
def test_a_count_is_open_as_long_as_it_can_turn(given, runs, outcome):
    assert look("count", {"above": 0, **given}, {"a": runs})[0].outcome == outcome


def test_counts_are_pooled_or_not():
    ours = {"a": [1] * 8, "b": [0] + [1] * 7, "c": [1] * 2}
    (found,) = look("count", {"above": 0, "at_least": 0.9}, ours)
    assert (found.cell, found.value, found.n, found.fewest) == ("all", 17 / 18, 18, 2)
    assert (found.outcome, found.caveats) == (
        HOLDS,
        ("2 of 8 seeds at c, whose interval leaves it open",),
    )
    each = look("count", {"above": 0, "at_least": 0.9, "pool": False}, ours)
    assert [(f.cell, f.outcome) for f in each] == [("a", HOLDS), ("b", FAILS), ("c", HOLDS)]


def test_the_same_seeds_in_several_cells_are_no_further_seeds():
    ours = {decay: {"42": 1, "137": 1, "2024": 1} for decay in ("a", "b", "c", "d", "e")}
    (found,) = judged("count", {"above": 0, "at_least": 0.9}, ours)
    assert (found.n, found.fewest, found.value, found.outcome) == (3, 3, 1.0, HOLDS)
    assert found.low == pytest.approx(0.025 ** (1 / 3)) and found.high == 1
    assert found.caveats == ("3 of 8 seeds at a, b, c, d, e, whose interval leaves it open",)
    assert not found.sure


def test_several_runs_of_a_seed_are_no_full_cell():
    ours = {"a": {f"{seed}, {decay}": 1 for seed in (42, 137, 2024) for decay in (0.1, 0.5, 1.0)}}
    (found,) = judged("count", {"above": 0, "at_least": 0.9, "pool": False}, ours)
    assert (found.n, found.fewest) == (3, 3)
    assert found.caveats == ("3 of 8 seeds, whose interval leaves it open",)
    (found,) = judged("magnitude", {"absolute": 1}, ours, {"a": 1})
    assert (found.n, found.caveats) == (3, ("3 of 8 seeds",))


def test_a_share_of_few_seeds_says_what_its_interval_leaves_open():
    """Four of four: at least 0.398 of all with 97.5 %."""
    ours = {"a": dict.fromkeys(["1", "2", "3", "4"], 1)}
    for least, sure in ((0.39, True), (0.4, False)):
        (found,) = judged("count", {"above": 0, "at_least": least}, ours)
        assert (found.outcome, found.sure) == (HOLDS, sure)
    for most, sure in ((0.61, True), (0.6, False)):
        (found,) = judged("count", {"above": 2, "at_most": most}, ours)
        assert (found.outcome, found.sure) == (HOLDS, sure)
    eight = {"a": dict.fromkeys(map(str, range(8)), 1)}
    assert judged("count", {"above": 0, "at_least": 1.0}, eight)[0].sure


@pytest.mark.parametrize(
    ("there", "outcome"),
    [({"1, a": 1, "1, b": 0}, OPEN), ({"1, a": 1, "1, b": 0, "1, c": 0, "1, d": 0}, OPEN)],
)
def test_seeds_that_are_absent_have_as_many_runs_as_those_that_are_there(there, outcome):
    """Seven more seeds of four runs could all be right: 29 of 32; seven runs would give 8 of 11."""
    (found,) = judged("count", {"above": 0, "at_least": 0.9, "pool": False}, {"a": there})
    assert found.outcome == outcome


def test_one_seed_however_often_is_one_seed_of_an_exact_claim():
    ours = {"a": {f"1, {k}": 5 for k in range(9)}}
    (found,) = judged("exact", {}, ours, {"a": 5})
    assert (found.n, found.outcome, found.caveats) == (1, HOLDS, ("1 of 8 seeds",))


@pytest.mark.parametrize(("seeds", "outcome"), [(5, HOLDS), (4, OPEN)])
def test_chance_is_asked_of_seeds(seeds, outcome):
    """Twenty of twenty is no luck of twenty coins; of four that fell together it may be."""
    ours = {"a": {f"{k % seeds}, {k}": 1 for k in range(20)}}
    given = {"above": 0, "at_least": 0.5, "chance": 0.5, "pool": False}
    assert judged("count", given, ours)[0].outcome == outcome


def test_a_mean_is_of_seeds():
    """One seed has two runs: it counts once, with their mean."""
    runs = {"1, a": 1, "1, b": 1, "2": 4, "3": 4}
    (found,) = judged("magnitude", {"absolute": 1}, {"c": runs}, {"c": 3})
    assert (found.value, found.n) == (3.0, 3)
    mean = stats.ttest_1samp([1, 4, 4], 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((mean.low, mean.high))


@pytest.mark.parametrize("paired", [True, False])
def test_a_difference_is_of_seeds(paired):
    low = {"1, a": 0, "1, b": 2, "2": 1, "3": 3}
    high = {"1": 5, "2": 7, "3": 5} if paired else {"4": 5, "5": 7, "6": 5}
    (found,) = orders({"compare": "groups", "at_least": None}, {"low": low, "high": high})
    want = [(5 - 1), 7 - 1, 5 - 3]
    gap = (
        stats.ttest_1samp(want, 0)
        if paired
        else stats.ttest_ind([5, 7, 5], [1, 1, 3], equal_var=False)
    ).confidence_interval(0.95)
    assert (found.low, found.high, found.n) == pytest.approx((gap.low, gap.high, 3))


def test_runs_beyond_those_agreed_stand_in_for_none_of_another_cell():
    """14 and 2 runs are not twice 8: six are missing, and with them it would be 20 of 22."""
    ours = {"a": [1] * 13 + [0], "b": [1, 0]}
    (found,) = look("count", {"above": 0, "at_least": 0.9}, ours)
    assert (found.value, found.outcome) == (14 / 16, OPEN)


def test_nothing_to_count():
    (found,) = look("count", {"above": 0, "at_least": 0.9}, {"a": [], "b": []})
    assert (found.cell, found.outcome, found.n) == ("all", NONE, 0)


# --- ordering --------------------------------------------------------------------------------

RACE = {
    "mul": {"r1": 1, "r2": 2, "r3": 3, "r4": None, "r5": None, "r6": 1},
    "sq": {"r1": 2, "r2": 2, "r3": 1, "r4": 5, "r5": None, "r6": None},
    "add": {"r1": 3, "r2": 4, "r3": 2, "r4": 6, "r5": None, "r6": None, "r7": 1},
}


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ({}, 1 / 5),  # r1; in r6 two are beyond the budget, and their order is not known
        ({"ties": True}, 3 / 5),  # r1, r2, r6
        ({"first": True}, 2 / 5),  # r1, r6
        ({"first": True, "ties": True}, 3 / 5),  # r1, r2, r6
    ],
)
def test_orders_within_runs(given, share):
    """r5 groks nothing and r7 was not measured in full: both are left out."""
    (found,) = orders({"compare": "runs", "at_least": 0.1, **given}, RACE)
    assert (found.cell, found.value, found.n) == ("c", share, 5)


def test_an_undefined_number_is_in_no_order():
    (found,) = orders(
        {"compare": "runs", "at_least": 1, "ties": True}, {"a": {"r": NAN}, "b": {"r": NAN}}
    )
    assert (found.value, found.n) == (0, 1)


def test_orders_must_beat_chance():
    runs = {f"r{k}": k for k in range(8)}
    later = {run: value + (1 if value < 6 else -1) for run, value in runs.items()}
    given = {"compare": "runs", "at_least": 0.5}
    assert orders(given, {"a": runs, "b": later})[0].outcome == HOLDS
    assert orders({**given, "chance": 0.5}, {"a": runs, "b": later})[0].outcome == FAILS


def test_groups_of_other_runs_are_compared_by_welch():
    a, b = [1.0, 2, 3, 4, 5, 6, 7, 8], [4.0, 9, 12, 15, 5, 8, 7, 20, 11]
    ours = {
        "a": {f"a{k}": x for k, x in enumerate(a)},
        "b": {f"b{k}": x for k, x in enumerate(b)},
    }
    (found,) = orders({"compare": "groups"}, ours)
    exact = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), rel=1e-9)
    assert (found.cell, found.outcome, found.n) == ("c: a < b", HOLDS, 8)
    (back,) = orders({"compare": "groups"}, dict(reversed(ours.items())))
    assert (back.outcome, back.value) == (FAILS, -found.value)


def test_groups_of_the_same_runs_are_paired():
    a = {f"r{k}": 100.0 * k for k in range(10)}
    b = {run: value + 1 + (value > 400) for run, value in a.items()}
    (found,) = orders({"compare": "groups"}, {"a": a, "b": b})
    assert found.outcome == HOLDS and found.value == 1.5
    exact = stats.ttest_rel(list(b.values()), list(a.values())).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), rel=1e-9)
    both = {run: value + (-1) ** k for k, (run, value) in enumerate(a.items())}
    (none,) = orders({"compare": "groups"}, {"a": a, "b": both})
    assert (none.outcome, none.value) == (FAILS, 0)  # differences have signs
    (lost,) = orders({"compare": "groups"}, {"a": a, "b": {**b, "r0": None}})
    assert lost.outcome == FAILS  # unpaired, the spread over runs swallows the difference
    assert (lost.n, lost.caveats) == (9, ("1 of 10 cut off",))


@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ([1.0], [2.0], HOLDS),
        ([2.0], [1.0], OPEN),
        ([2.0, 3.0], [2.1, 2.2], OPEN),
        ([5.0, 5.1, 5.2], [1.0, 1.1, 1.2], FAILS),
        ([1.0] * 8, [1.0] * 8, FAILS),
        ([1.0] * 8, [2.0] * 8, HOLDS),
        ([1.0], [], NONE),
        ([NAN], [1.0], NONE),
    ],
)
def test_few_or_equal_groups(a, b, outcome):
    ours = {
        "a": {f"a{k}": x for k, x in enumerate(a)},
        "b": {f"b{k}": x for k, x in enumerate(b)},
    }
    assert orders({"compare": "groups"}, ours)[0].outcome == outcome


@pytest.mark.parametrize(
    ("b", "said"),
    [
        ([2.0, 2.1, 9.0], "3 of 8 seeds, whose interval leaves it open"),
        ([2.0, 2.1, 2.2], "3 of 8 seeds"),
    ],
)
def test_a_difference_of_few_seeds_says_when_its_interval_leaves_it_open(b, said):
    ours = {
        "a": {f"a{k}": x for k, x in enumerate([1.0, 1.1, 1.2])},
        "b": {f"b{k}": x for k, x in enumerate(b)},
    }
    (found,) = orders({"compare": "groups"}, ours)
    assert found.outcome == HOLDS and found.caveats == (said,)
    assert found.told == "holds" + ", its interval leaves it open" * ("leaves" in said)


def test_every_pair_of_an_order_is_a_finding():
    ours = {
        item: {f"{item}{k}": float(m) for k in range(8)}
        for item, m in {"x": 1, "y": 3, "z": 2}.items()
    }
    along = orders({"compare": "groups"}, ours)
    assert [(f.cell, f.outcome) for f in along] == [("c: x < y", HOLDS), ("c: y < z", FAILS)]
    first = orders({"compare": "groups", "first": True}, ours)
    assert [(f.cell, f.outcome) for f in first] == [("c: x < y", HOLDS), ("c: x < z", HOLDS)]


# --- exact -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "outcome", "value", "n"),
    [
        ([7] * 8, HOLDS, 7, 8),
        ([7] * 7 + [8], FAILS, 8, 8),
        ([7] * 7 + [None], FAILS, 7, 8),
        ([7] * 7 + [NAN], FAILS, 7, 8),
        ([7], HOLDS, 7, 1),
        ([8], FAILS, 8, 1),
    ],
)
def test_every_run_must_give_the_number(runs, outcome, value, n):
    (found,) = look("exact", {}, {"a": runs}, {"a": 7})
    assert (found.outcome, found.value, found.n) == (outcome, value, n)
    assert (found.low, found.high) == (7 if 7 in runs else value, value)


def test_nothing_is_not_exact():
    assert look("exact", {}, {"a": []}, {"a": 7})[0].outcome == NONE
    assert look("exact", {}, {"a": [NAN]}, {"a": 7})[0].outcome == NONE
    assert look("exact", {}, {"a": [None]}, {"a": 7})[0].outcome == FAILS
