"""Chapter 3's explorable on the Python side: paces, the clock, sentences made from data."""

import math
from dataclasses import replace

import numpy as np
import pytest
import traitlets as t
from scipy import stats

from explorable_harness import small_paces, synthetic_pace
from grokbook.widgets import PhaseStructure, clock_sentence
from grokbook.widgets.clock_words import answer, never, together
from grokbook.widgets.clocks import by_decay, clock, dealt, others_than, turned
from grokbook.widgets.paces import SAMPLES, samples_of


@pytest.fixture(scope="module")
def paces():
    return small_paces()


# --- paces


def test_the_grok_step_of_a_run_is_the_mean_over_its_tasks_and_none_if_one_was_cut_off():
    run = synthetic_pace(groks=(9_000, 8_000))
    assert run.grok == 8_500 and run.first_grok == 8_000
    cut = synthetic_pace(groks=(None, 8_000))
    assert cut.grok is None and cut.first_grok == 8_000
    assert synthetic_pace(groks=(None, None)).first_grok is None


def test_tau_is_rate_times_decay_times_step():
    run = synthetic_pace(weight_decay=0.5, learning_rate=2e-3)
    assert run.tau(8_000) == pytest.approx(8.0)
    assert synthetic_pace(weight_decay=0.0).tau(50_000) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": np.array([0, 0])}, "steps must be two or more that increase"),
        ({"groks": (900,)}, "1 grok steps for 2 tasks"),
        ({"accuracy": np.zeros((1, 111))}, "accuracy must be a row a task"),
        ({"norm": np.zeros(111)}, "norm must be a number above 0 a step"),
        ({"onsets": {"dual": (1, 2)}}, "onsets must have dual, tri, ours, got dual"),
    ],
)
def test_a_pace_that_does_not_fit_together_is_refused_in_one_line(changes, said):
    with pytest.raises(ValueError, match=said) as caught:
        replace(synthetic_pace(), **changes)
    assert str(caught.value).startswith("pace 'add + mul, seed 42': ")
    assert "\n" not in str(caught.value)


def test_packed_curves_are_the_runs_own_at_kept_evaluations():
    run = synthetic_pace(last=50_000, groks=(None, None), measured=True)
    packed = run.packed()
    steps = np.frombuffer(packed["steps"], "<u4")
    assert len(steps) <= SAMPLES and steps[0] == 0 and steps[-1] == 50_000
    assert set(steps) <= set(run.steps) and (np.diff(steps.astype(int)) > 0).all()
    assert (steps[steps <= 1_000] == np.arange(0, 1_001, 100)).all()
    at = np.searchsorted(run.steps, steps)
    codes = np.frombuffer(packed["accuracy"], "<u2").reshape(2, -1)
    assert codes / 65534 == pytest.approx(run.accuracy[:, at], abs=1e-5)
    assert np.frombuffer(packed["norm"], "<f4") == pytest.approx(run.norm[at], rel=1e-6)
    line = packed["curvature"]["published"]
    own = run.curvature["published"]
    both = np.frombuffer(line["values"], "<f4").reshape(2, -1)
    assert both == pytest.approx(np.stack([own.values, own.residuals]), rel=1e-6)
    assert (packed["grok"], packed["first"], packed["groks"]) == (None, None, [None, None])


def test_short_runs_keep_every_evaluation_and_many_runs_keep_fewer():
    run = synthetic_pace(last=11_000)
    assert len(run.packed()["steps"]) == 4 * len(run.steps)
    assert len(run.packed(60)["steps"]) <= 4 * 60
    assert len(run.packed(60)["steps"]) > 4 * 50
    assert [samples_of(n) for n in (1, 40, 80, 10_000)] == [160, 160, 80, 48]


# --- the clock


def test_the_clock_is_set_by_the_decay_with_most_runs_and_is_students_interval(paces):
    found = clock(paces, "dual")
    assert (found.weight_decay, found.n) == (1.0, 3)
    logs = np.log([9.0, 7.0, 10.0])  # τ at grok of the three
    middle, half = logs.mean(), stats.t.ppf(0.975, 2) * logs.std(ddof=1) * math.sqrt(4 / 3)
    assert found.tau == pytest.approx(math.exp(middle))
    assert (found.low, found.high) == pytest.approx(
        (math.exp(middle - half), math.exp(middle + half))
    )


def test_neither_another_learning_rate_nor_a_run_cut_off_sets_the_clock(paces):
    assert list(by_decay(paces, "dual")) == [1.0, 0.5]
    assert all(not p.exchanged for group in by_decay(paces, "dual").values() for p in group)
    others = others_than(paces, clock(paces, "dual"))
    assert [(p.weight_decay, p.learning_rate) for p in others] == [
        (0.5, 1e-3),
        (1.0, 5e-4),
        (1.0, 2e-3),
        (0.3, 1e-3),
    ]


def test_verdicts_of_single_runs():
    runs = [synthetic_pace(seed, (g, g)) for seed, g in ((1, 9_900), (2, 10_000), (3, 10_100))]
    found = clock(runs, "dual")
    for grok, said in ((10_000, "in"), (8_000, "early"), (13_000, "late")):
        run = synthetic_pace(weight_decay=0.5, groks=(2 * grok, 2 * grok), last=30_000)
        assert found.verdict(run) == said
    cut = synthetic_pace(weight_decay=0.5, groks=(None, None), last=15_000)
    assert found.verdict(cut) == ""  # it may yet be in time
    assert (
        found.verdict(replace(synthetic_pace(weight_decay=0.5, groks=(None, None), last=40_000)))
        == "late"
    )


def test_a_single_run_sets_no_band():
    found = clock([synthetic_pace()], "dual")
    assert not found.known and found.n == 1 and found.tau == pytest.approx(9.0)
    assert clock([synthetic_pace(groks=(None, None))], "dual") is None
    assert clock([synthetic_pace(weight_decay=0.0, groks=(900, 900))], "dual") is None


# --- sentences


def close(seed, decay, tau):
    step = round(tau / (1e-3 * decay))
    return synthetic_pace(seed, (step, step), weight_decay=decay, last=step + 2_000)


THREE = [close(1, 1.0, 9.9), close(2, 1.0, 10.0), close(3, 1.0, 10.1)]


def test_the_sentence_about_steps():
    said = clock_sentence([*THREE, close(1, 0.5, 10.0)])
    assert said == (
        "From λ = 1 (n = 3) to λ = 0.5 (n = 1) the step at which dual groks grows 2-fold "
        "(geometric means); a clock "
        "would make it 2-fold."
    )
    still = synthetic_pace(weight_decay=0.0, groks=(None, None), last=50_000)
    assert clock_sentence([*THREE, close(1, 0.5, 10.0), still]).endswith(
        "; the run without weight decay had not grokked when it was cut off at 50,000 steps."
    )


MORE = "Weight decay does not only set the clock"


@pytest.mark.parametrize(
    ("others", "held", "clause"),
    [
        ([10.0], "the one other run falls inside.", "Weight decay does what a plain clock would"),
        ([5.0], "the one other run falls outside (1 too early).", MORE),
        ([10.0, 20.0], "1 of 2 fall inside (1 too late).", MORE),
    ],
)
def test_the_sentence_about_tau_says_what_a_clock_predicts(others, held, clause):
    runs = [*THREE, *(close(k, 0.5, tau) for k, tau in enumerate(others))]
    said = clock_sentence(runs, control=True)
    assert said.startswith("Counted in τ = ηλt, dual groks at 10 at λ = 1 (n = 3) and ")
    assert (
        ". A clock set at λ = 1 predicts when the other runs grok, in a band whose upper end is "
        f"1.1 times its lower one; {held}" in said
    )
    assert answer(runs) == clause


def test_a_wide_band_is_said_to_forbid_little(paces):
    wide = [close(1, 1.0, 7.0), close(2, 1.0, 10.0), close(3, 1.0, 14.0), close(1, 0.5, 9.0)]
    assert "times its lower one, which forbids little; the one" in clock_sentence(wide, True)
    assert answer(wide) == "A plain clock is not ruled out, and hardly put to the test"


def test_a_clock_that_holds_one_way_only_does_not_hold():
    wide = [close(1, 1.0, 14.8), close(2, 1.0, 9.6), close(3, 1.0, 14.0)]
    tight = [close(1, 0.5, 8.5), close(2, 0.5, 8.1), close(3, 0.5, 8.0)]
    runs = [*wide, *tight]
    assert turned(runs, clock(runs, "dual")) == [(0.5, ["late", "in", "late"])]
    assert answer(runs) == "Whether a plain clock holds depends on the weight decay that sets it"
    said = clock_sentence(runs, control=True)
    assert said.endswith(
        "forbids little; 3 of 3 fall inside. Set at λ = 0.5 instead, the upper end is 1.4 times "
        "the lower one, and 1 of 3 does. The one clock whose upper end is at most 3 times the "
        "lower one has a run outside."
    )
    assert clock(runs, "dual", 0.5).n == 3 and clock(runs, "dual").weight_decay == 1.0
    third = [close(1, 0.3, 8.5), close(2, 0.3, 8.2), close(3, 0.3, 8.1)]
    again = [each.count("in") for _, each in turned([*runs, *third], clock(runs, "dual"))]
    assert again == [4, 3]
    assert clock_sentence([*runs, *third], control=True).endswith(
        " Set at either of the 2 other weight decays instead, the upper end is 1.3 to 1.4 times "
        "the lower one, and between 3 and 4 of 6 do. Of the 2 clocks whose upper end is at most 3 "
        "times the lower one, 2 have a run outside. With τ at grok dealt at random to the weight "
        "decays of each seed, these lie as far apart with p = 0.056; the test was added when the "
        "runs had been seen."
    )


def test_decays_are_told_apart_by_dealing_tau_anew_within_seeds():
    taus = {
        1.0: (10.0, 14.0, 12.0, 11.0),
        0.5: (11.0, 12.5, 13.0, 10.5),
        0.3: (9.9, 13.5, 12.2, 11),
    }

    def of(strongest):
        return [
            close(seed, decay, tau * (strongest if decay == 1 else 1))
            for decay, each in taus.items()
            for seed, tau in enumerate(each, 1)
        ]

    same, apart = dealt(of(1.0), "dual"), dealt(of(0.5), "dual")
    assert same.exact and same.arrangements == 6**4
    # the strongest comes first in all four seeds: so does one of three by chance in 3 (1/3)^4
    assert same.p > 0.3 and apart.p == pytest.approx(3 / 3**4, rel=0.2)
    assert answer(of(0.5)) == "Weight decay does not only set the clock"
    assert dealt(THREE, "dual") is None and dealt(THREE, "tri") is None
    between = [*of(1.0), replace(close(5, 0.5, 40.0), exchanged=True)]  # at another η, and late
    assert dealt(between, "dual").n == 12
    assert answer(between).startswith("Some runs miss the clock, and no more")


def test_a_clock_that_no_other_run_can_test_says_so():
    early = synthetic_pace(7, (None, None), 0.5, last=100)  # cut off long before the band
    alone = [*THREE, early]
    assert clock_sentence(alone, True).startswith("The runs of dual that grok have one weight")
    assert "keep" not in clock_sentence([*THREE, close(1, 0.5, 10.0)], True)


def test_what_cannot_be_compared_is_not():
    assert clock_sentence([synthetic_pace(groks=(None, None))]).startswith("No run with weight")
    assert "so nothing can be compared yet" in clock_sentence(THREE)
    one_each = [close(1, 1.0, 10.0), close(1, 0.5, 10.0)]
    assert "one run a weight decay gives a clock no band to miss" in clock_sentence(one_each, True)
    assert answer(one_each).startswith("There are too few runs")
    assert answer(THREE) == answer([synthetic_pace(groks=(None, None))]) == ""


def test_runs_without_decay_have_an_open_end():
    still = [
        synthetic_pace(s, (None, None), 0.0, last=last) for s, last in ((1, 50_000), (2, 150_000))
    ]
    said = "; of 2 runs without weight decay, {} had not grokked when cut off at {} steps"
    assert never(still) == said.format(2, "50,000 to 150,000")  # nobody saw the first at 150,000
    assert never([still[0], still[0]]) == said.format(2, "50,000")
    assert never([still[0], replace(still[1], groks=(900, 900))]) == said.format(1, "50,000")
    grokked = [replace(pace, groks=(900, 900)) for pace in still]
    assert never(grokked) == "; all 2 runs without weight decay grok all the same"
    assert never([replace(still[0], groks=(900, 900))]) == (
        "; the run without weight decay groks all the same"
    )


# --- the widget


def test_runs_are_sorted_and_the_richest_is_in_front(paces):
    widget = PhaseStructure(paces, {"dual": {1.0: 13_233.0}}, {"exchange": "none"})
    order = [(raw["decay"], len(raw["tasks"]), raw["rate"], raw["seed"]) for raw in widget.paces]
    assert order == sorted(order)
    shown = widget.paces[widget.run]
    assert shown["curvature"] and shown["onsets"] and shown["seed"] == 42
    assert widget.published == {"dual": [[1.0, 13_233.0]]}
    found = clock(paces, "dual")
    assert widget.clocks["dual"] == [found.tau, found.low, found.high, 1.0, 3]
    assert widget.clocks["tri"][3:] == [1.0, 2]
    assert widget.sentences == {
        "plain": clock_sentence(paces),
        "control": clock_sentence(paces, control=True),
    }
    assert "ours" not in widget.clocks and len(widget.frames) > 100


def test_state_outside_the_data_is_refused(paces):
    widget = PhaseStructure(paces)
    with pytest.raises(t.TraitError, match="run must be 0..9"):
        widget.run = 10
    with pytest.raises(t.TraitError, match="frame must be"):
        widget.frame = 999
    with pytest.raises(ValueError, match="at least one run"):
        PhaseStructure([])


def test_nothing_is_fetched_by_the_widgets_own_text():
    assert "://" not in str(PhaseStructure._esm).replace("http://www.w3.org/2000/svg", "")
    assert "<!--" not in str(PhaseStructure._esm)
    assert "url(http" not in str(PhaseStructure._css)


def test_a_stretch_of_decays_with_one_tau_is_found_and_named():
    def at(decay, *taus):
        steps = [round(tau / decay * 1000, -2) for tau in taus]
        return [
            synthetic_pace(seed, (int(g), int(g)), decay, last=int(g) + 2_000)
            for seed, g in enumerate(steps)
        ]

    apart = [*at(1.0, 13.0, 16.0), *at(0.5, 8.0, 8.2), *at(0.4, 8.4, 8.8), *at(0.2, 9.0, 9.2)]
    said = together(apart)
    assert said == (
        "From λ = 0.5 to 0.2 all 6 runs of dual grok between τ = 8.0 and 9.2, 15 % apart, and "
        "their steps are 2.9-fold apart. This stretch was looked for afterwards: it is the longest "
        "whose runs lie within a factor of 1.2, as far apart as two executions of one seed were "
        "published."
    )
    far = [replace(pace, setting="tri") for pace in [*at(1.0, 13.0, 20.0), *at(0.5, 14.0, 15.0)]]
    assert together([*apart, *far]) == (
        f"{said} The runs of tri grok between τ = 13.0 and 20.0 and have no such stretch."
    )
    assert together(far) == ""
    assert together(at(0.5, 8.0, 8.2)) == ""  # one decay says nothing of another
    assert together([*at(0.5, 8.0, 8.2), *at(0.2, 9.7, 9.9)]) == ""  # further than a fifth
    assert together([*at(0.5, 8.0, 8.2), *at(0.2, 8.1)]) == ""  # a single run
    split = [*at(1.0, 8.0, 8.2), *at(0.5, 12.0, 12.1), *at(0.2, 8.0, 8.2)]
    assert together(split) == ""  # what lies between them does not agree
