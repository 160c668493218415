"""Chapter 2: executed for real at small parameters, and its sentences on runs made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

import made_records as cases
from chapter_outputs import shown
from explorable_harness import synthetic_course
from grokbook.chapters import integrability as chapter
from grokbook.chapters import integrability_path_words as along_words
from grokbook.chapters import integrability_paths as along
from grokbook.chapters import integrability_tables as tables
from grokbook.chapters import integrability_words as words
from grokbook.chapters.tables import computed_table, keyed
from grokbook.checks import ConfigError
from grokbook.claims.readings.place import MATRICES
from grokbook.claims.registry import claims
from grokbook.config import RunConfig
from grokbook.events import FACTORS, PLACEBOS
from grokbook.events.track_record import TrackRecord
from grokbook.figures import integrability as draw
from grokbook.instruments.runs import Missing, Run
from grokbook.publishing.parameters import ParameterError
from grokbook.store import Store
from grokbook.studies.asking import MissingRun
from grokbook.widgets import lead_sentence
from grokbook.widgets.courses import PROTOCOLS
from grokbook.widgets.from_measurements import share_at_end

NOTEBOOK = "02_integrability"
SMALL = {
    "settings": ["dual"],
    "modulus": 23,
    "width": 32,
    "weight_decays": [0.8],
    "seeds": [3],
    "learning_rate": 0.003,
    "steps": 400,
    "seeds_without_decay": None,
    "readings": 3,
}


# --- the notebook


@pytest.mark.slow
@pytest.mark.long(80)
def test_small_parameters_train_measure_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = [kind for o in outputs if "data" in o for kind in o["data"]]
    assert kinds.count("application/vnd.plotly.v1+json") == 3
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    text = json.dumps(outputs, ensure_ascii=False)
    assert "No run here groks" in text  # so few steps are too few, and it says so
    assert "so with others they are withheld" in text
    assert "its finding is not checked here" in text
    assert "add + mul, λ = 0.8, p = 23" in text
    again = execute(NOTEBOOK, SMALL, train=False)  # now it is in the store
    for first, second in zip(notebook.cells, again.cells, strict=True):
        assert shown(first) == shown(second)


def test_a_missing_run_is_an_error_where_training_is_refused(attempt):
    with pytest.raises(MissingRun, match="is not recorded with all its measurements"):
        attempt(NOTEBOOK, SMALL, train=False)


def test_too_few_steps_are_refused_before_anything_is_trained(attempt, tmp_path):
    with pytest.raises(ConfigError, match="steps must be 400 or more .* not 200"):
        attempt(NOTEBOOK, SMALL | {"steps": 200}, train=True)
    assert not (tmp_path / "store" / "runs").exists()


def test_an_unknown_parameter_is_refused_by_the_chapter_itself(attempt):
    with pytest.raises(ParameterError, match=r"unknown parameter reading.*known are: settings"):
        attempt(NOTEBOOK, {"reading": 3}, train=False)


# --- what it asks for


def test_wanted_measurements():
    named = ("events", "trajectory", "commutator", "integrability")
    assert tuple(chapter.wanted(140)) == named
    assert chapter.wanted(3) == {
        "events": {},
        "trajectory": {},
        "commutator": {"snapshots": 3, "checkpoints": 3},
        "integrability": {"snapshots": 3},
    }
    from grokbook.instruments.catalogue import instrument

    for name, given in chapter.wanted(140).items():  # the page's own are the instruments' own
        assert instrument(name).complete(given) == instrument(name).complete({})


@pytest.mark.parametrize("readings", [1, 0, 2.5, "140"])
def test_fewer_readings_than_make_a_line_are_refused(readings):
    with pytest.raises(ConfigError, match=f"readings .*{readings}"):
        chapter.wanted(readings)


@pytest.mark.parametrize(("tasks", "least"), [(("add", "mul"), 400), (("add", "mul", "sq"), 600)])
def test_the_path_must_be_long_enough_for_its_directions(tasks, least):
    config = RunConfig(tasks=tasks)
    assert chapter.plan(config, least).steps == least
    with pytest.raises(ConfigError, match=f"steps must be {least} or more"):
        chapter.plan(config, least - 100)
    assert chapter.plan(config, 10**6).steps == 300_000


# --- runs made by hand, with answers that are known


STEPS = list(range(0, 1200, 100))


def config(seed, weight_decay=1.0):
    return RunConfig(tasks=("add", "mul"), seed=seed, weight_decay=weight_decay)


def commutator(published, corrected):
    rows = [(step, "reading", "", "published", np.nan, 1.0) for step in STEPS]
    for variant, values in (("published", published), ("corrected", corrected)):
        rows += [
            (step, "defect", "", variant, 0.5, v) for step, v in zip(STEPS, values, strict=True)
        ]
    return cases.measured("commutator", rows)


def jump(step):
    """1 until a step, 60 from there on."""
    return [60.0 if at >= step else 1.0 for at in STEPS]


def trajectory(share, walk, stop):
    """A share of the first component for every matrix; at other steps something else."""
    rows = []
    for at, factor in ((0, 0.5), (stop, 1.0), (stop + 100, 0.7)):
        for k, matrix in enumerate(MATRICES):
            rows += [
                (at, "share", matrix, "published", 1, factor * (share + 0.01 * k)),
                (at, "share", matrix, "published", 2, 0.01),
                (at, "share", matrix, "published, random walk", 1, factor * walk),
            ]
        rows += [
            (at, "share", "", "published", 1, factor * 0.6),
            (at, "share", "", "published, random walk", 1, factor * 0.5),
        ]
        for k, matrix in enumerate(MATRICES):
            for window, one in ((50.0, 0.9), (100.0, 0.8)):
                rows += [
                    (at, "expanding", matrix, "published", window, factor * one),
                    (
                        at,
                        "expanding",
                        matrix,
                        "published, random walk",
                        window,
                        factor * (one / 2 + 0.01 * k),
                    ),
                ]
    found = cases.measured("trajectory", rows)
    walks = found.rows["variant"] == "published, random walk"
    return replace(found, rows=found.rows.assign(error=np.where(walks, 0.004, np.nan)))


def integrability(shares, *, other=True, stop=1000):
    """Shares by variant at two steps up to the stop, and one beyond it that must not count."""
    kinds = ["published, attention path", "corrected, attention path"]
    kinds += ["corrected, attention path of another seed"] * other
    rows = []
    for variant, (first, second) in zip(kinds, shares, strict=False):
        for at, share in ((0, first), (stop, second), (stop + 100, 0.9)):
            rows.append((at, "commutator_share", "", variant, np.nan, share))
    for at, share in ((0, 0.04), (stop, 0.06), (stop + 100, 0.9)):
        variant = "corrected, attention path"
        rows.append((at, "commutator_null_matched", "", variant, np.nan, share))
        rows.append((at, "commutator_low_matched", "", variant, np.nan, share))
        rows.append((at, "commutator_high_matched", "", variant, np.nan, 0.2))
        if other:
            theirs = f"{variant} of another seed"
            rows.append((at, "commutator_null_matched", "", theirs, np.nan, 2 * share))
    return cases.measured("integrability", rows)


SHARES = [(0.2, 1.0), (0.1, 0.46), (0.96, 0.96)]
"""Means 60, 28 and 96 %; root mean squares would be others."""


def made(config, groks, *measurements):
    return Run(config.id, cases.Record(config, groks, last=1100), measurements)


def grokked(seed, add, mul, *, published, corrected, share=0.7, other=True):
    stop = max(add, mul)
    return made(
        config(seed),
        {"add": add, "mul": mul},
        commutator(jump(published), jump(corrected)),
        trajectory(share, 0.75, stop),
        integrability(SHARES, other=other, stop=stop),
    )


@pytest.fixture(scope="module")
def runs():
    """Two that grok first at 900 and 800, one that never does and jumps at 700."""
    still = made(config(42, 0.0), {}, commutator(jump(700), jump(1200)))
    return [
        grokked(42, 900, 1000, published=700, corrected=300),
        grokked(137, 1000, 800, published=900, corrected=300),
        still,
    ]


def course_of(run, published, true, placebos):
    """The course of a run with onsets that are given; the published defect starts at 6 × true."""
    groks = [step for step in run.record.groks.values() if step is not None]
    base = synthetic_course(run.config.seed, weight_decay=run.config.weight_decay)
    truth = np.ones_like(base.defects["corrected"])
    return replace(
        base,
        defects={"published": 6 * truth, "corrected": truth},
        onsets={
            "published": tuple(published for _ in FACTORS),
            "corrected": tuple(true for _ in FACTORS),
        },
        placebos=dict(zip(PLACEBOS, placebos, strict=True)),
        grok=min(groks, default=None),
    )


@pytest.fixture(scope="module")
def courses(runs):
    return [
        course_of(runs[0], 850, 400, (100, 200, 300, 950)),
        course_of(runs[1], 850, 500, (100, 200, None, None)),
        course_of(runs[2], None, 600, (100, 200, 300, None)),
    ]


def test_grokking_runs_are_those_of_which_some_task_groks(runs):
    half = made(config(7), {"add": None, "mul": 500})
    assert chapter.grokking([*runs, half]) == [runs[0], runs[1], half]


def test_detectors_have_the_record_that_the_runs_give_them(runs, courses):
    found = {each.name: each for each in chapter.detectors(runs, courses)}
    assert len(found) == 2 * (2 + len(FACTORS)) + len(PLACEBOS)
    first, second = runs[0].config.label, runs[1].config.label

    def record(name):
        each = found[name]
        assert each.quiet == 1 and set(each.leads) == {first, second}
        return [each.leads[first], each.leads[second]], each.ahead, each.raised

    # The dual detector looks two readings ahead: 700 is seen at 500, 900 at 700.  A jump within
    # the first quarter raises its own threshold.
    assert record("dual detector, published") == ([400, 100], 2, 1)
    assert record("dual detector, true") == ([None, None], 0, 0)
    assert record("tri detector, published") == ([200, -100], 1, 1)
    assert record("tri detector, true") == ([600, 500], 2, 0)
    for factor in FACTORS:
        assert record(f"{factor:g} × the start, published") == ([50, -50], 1, 0)
        assert record(f"{factor:g} × the start, true") == ([500, 300], 2, 1)
    assert record("step 1,000, always") == ([800, 700], 2, 1)
    assert record("training loss below 0.1") == ([700, 600], 2, 1)
    assert record("training accuracy 99 %") == ([600, None], 1, 1)
    assert record("weights at half their norm") == ([-50, None], 0, 0)
    assert found["tri detector, published"].median == 50
    assert np.isnan(found["dual detector, true"].median)
    kinds = [(each.kind, each.protocol) for each in found.values()]
    assert kinds.count(("published", "true")) == 2 and kinds.count(("placebo", "")) == 4


def test_the_record_of_detectors_as_a_table(runs, courses):
    table = tables.detector_table(chapter.detectors(runs, courses))
    assert table.loc["tri detector, published"].tolist() == ["1 of 2", "50", "1 of 1"]
    assert table.loc["dual detector, true"].tolist() == ["0 of 2", "–", "0 of 1"]
    table = tables.detector_table(chapter.detectors(runs[:2], courses[:2]))
    assert set(table["false alarms"]) == {"–"}


def test_shares_are_read_at_the_stop_of_each_run_that_groks(runs):
    found = along.shares(runs)
    assert list(found) == list(MATRICES)
    for k, each in enumerate(found.values()):
        assert each.values == pytest.approx([70 + k, 70 + k], rel=1e-6)
        assert each.walk == pytest.approx(75, rel=1e-6)
        assert (each.low, each.high) == pytest.approx((74.2, 75.8), rel=1e-6)  # two sd of 0.4
    assert along.shares(runs[2:]) == {}
    table = tables.share_table(runs, claims("multitask", "integrability"))
    assert table.index.tolist() == [matrix.replace(".", "\u00a0·\u00a0") for matrix in MATRICES]
    second = table.loc["0\u00a0·\u00a0W_K"]
    assert second["ours (%)"].startswith("71 [") and set(table["n"]) == {2}
    walks = f"random walks, mean, and {along.BAND} (%)"
    assert set(table[walks]) == {"75.0 (74.2 to 75.8)"}
    assert second["ours less its own walks (points)"].startswith("−4 [")
    assert set(table["ours less its own relaxations (points)"]) == {"–"}  # not measured here


def test_the_picture_of_a_whole_path_has_the_shares_of_the_whole_path(runs):
    """Both at the end, 100 steps beyond the stop: not one there and the other at the stop."""
    assert share_at_end(runs[0], "published", 1) == pytest.approx(0.7 * 0.6)
    assert share_at_end(runs[0], "published, random walk", 1) == pytest.approx(0.7 * 0.5)


def test_windows_are_those_of_the_run_and_of_a_walk(runs):
    found = along.declines(runs)
    assert list(found) == [run.config.label for run in runs[:2]]
    for each in found.values():
        assert each.ours == pytest.approx([90, 80], rel=1e-6)
        assert each.low == pytest.approx([45, 40], rel=1e-6)
        assert each.high == pytest.approx([52, 47], rel=1e-6)


def test_what_lies_inside_is_a_mean_of_shares_as_its_null_is(runs):
    found = chapter.inside(runs)
    assert {name: pytest.approx(values, rel=1e-5) for name, values in found.items()} == {
        "published commutator, own directions": [60, 60],
        "true commutator, own directions": [28, 28],
        "true commutator, another seed's": [96, 96],
        "true commutator, random alike": [5, 5],
    }
    table = tables.inside_table(runs)
    assert table.loc["true commutator, another seed's"].tolist() == ["96 [96, 96]", 2]


def test_a_run_without_another_seed_is_left_out_of_that_alone():
    alone = grokked(42, 900, 1000, published=700, corrected=300, other=False)
    found = chapter.inside([alone])
    assert "true commutator, another seed's" not in found and len(found) == 3
    without = made(config(3), {"add": 900, "mul": 1000}, cases.measured("integrability", []))
    with pytest.raises(Missing):
        chapter.inside([without])


UNDECIDED = (
    "Two runs cannot decide whether the path is more one-dimensional than a random walk with the "
    "same steps: both points lie above what such walks reach in 2 of 8 attention matrices, and "
    "below in 5 of 8."
)
"""Shares are 70, 71, … 77 %, a walk's 75 ± 0.8 %: two are above, and one is within."""


@pytest.fixture(scope="module")
def paths(runs):
    """A third run, of which only the path was measured."""
    third = made(config(2024), {"add": 900, "mul": 1000}, trajectory(0.7, 0.75, 1000))
    return [*runs, third]


SILENT = (
    "1 of 18 readings of the defect lead in every run that groks and stay silent in the one that "
    "never does, by up to 550 steps (the longest of their medians). Nothing that knows no geometry "
    "does the same."
)
"""The tri detector on the true defect alone; growth is seen in the third run as well."""


def test_the_finding_counts_what_is_there(runs, courses):
    said = words.finding(runs, courses, runs)
    assert said == "\n- ".join(
        [
            "Of 3 runs on this page 2 grok.\n",
            lead_sentence(courses, 10.0, control=True),
            "As published, the defect starts at 6 times the true one: most of what is read there "
            "is rounding.",
            "But a clock that always says step 1,000 leads in every run that groks, by 750 steps "
            f"(median). {SILENT}",
            UNDECIDED,
        ]
    )
    assert "\n- In both runs that grok the true defect has grown 10-fold 400 steps" in said
    assert "so it has by step 900 in the one run that never groks." in said


def test_a_defect_that_starts_as_it_is_has_no_rounding_to_speak_of(runs, courses):
    """In a world where both readings agree at the start, nothing is blamed on rounding."""
    same = [
        replace(course, defects=dict.fromkeys(PROTOCOLS, course.defects["corrected"]))
        for course in courses
    ]
    said = words.finding(runs, same, runs)
    assert "the defect starts at 1 times the true one.\n" in said and "rounding" not in said


def test_the_finding_says_when_growth_comes_before_memorising(runs, courses):
    early = replace(courses[0], onsets=dict.fromkeys(PROTOCOLS, (200,) * len(FACTORS)))
    said = words.finding(runs, [early, *courses[1:]], runs)  # the second never memorises
    assert "In 1 of 2 that is before the network has memorised the pairs" in said
    assert "memorised" not in words.finding(runs, courses, runs)


def test_the_path_is_compared_with_its_walks_up_to_the_stop_and_beyond(runs, paths):
    assert along_words.path_answer(runs).startswith(UNDECIDED)
    said = along_words.path_answer(paths)
    assert said.startswith(
        "Of the 8 attention matrices the first component of the path holds more in 2 (1 · W_V, 1 · "
        "W_O) and less in 5 (0 · W_Q, 0 · W_K, 0 · W_V, 0 · W_O, 1 · W_Q) than random walks with "
        "the run's own steps, by the interval over 3 runs of the difference within a run. In the "
        "others these runs do not tell."
    )
    assert "100 steps after the published stop" in said
    assert "is 42.0 % in place of 60.0 %; a random walk's is 35.0 %." in said
    assert along_words.path_answer(runs[2:]).startswith("No run here groks")


@pytest.mark.parametrize(
    ("values", "beyond"),
    [((80.0, 80.0), "more"), ((80.0, 90.0), ""), ((60.0, 60.1), "less"), ((90.0,), "")],
)
def test_a_mean_beyond_the_walks_tells_nothing_without_its_interval(values, beyond):
    """80 and 90 have the mean 85 and the interval [21, 149]: a walk's 75 is well inside."""
    null = (75.0,) * len(values)
    one = along.Share(values, null, 74.0, 76.0, null)
    assert one.beyond == one.relaxed == beyond and one.walk == 75
    assert along.Share(values, null, 74.0, 76.0).relaxed == ""


def test_every_run_is_set_against_its_own_nulls():
    """Shares differ by 20 points, but every run lies 5 above its walk and 2 below its decay."""
    one = along.Share((60.0, 80.0), (55.0, 75.0), 50.0, 80.0, (62.0, 82.0))
    assert (one.beyond, one.relaxed) == ("more", "less")
    assert along_words.path_sentence({"0.W_Q": one}) == (
        "Of the 1 attention matrices the first component of the path holds more in 1 and less in 0 "
        "than random walks with the run's own steps, by the interval over 2 runs of the difference "
        "within a run; and more in 0 and less in 1 than relaxations from the run's own start, "
        "which only decay and are pushed at random. In the others these runs do not tell."
    )


def test_one_run_is_not_told_from_a_walk(runs, courses):
    said = along_words.path_answer(runs[:1])
    assert said.startswith("One run cannot decide whether the path")
    assert "its point lies above what such walks reach in 2 of 8" in said
    assert "One run cannot decide" in words.finding(runs[:1], courses[:1], runs[:1])


def test_three_runs_decide_though_the_page_shows_two(runs, courses, paths):
    said = words.finding(runs, courses, paths)
    assert said.endswith(
        "Of the 8 attention matrices the first component of the path holds more in 2 and less in 5 "
        "than random walks with the run's own steps, by the interval over 3 runs of the difference "
        "within a run. In the others these runs do not tell."
    )


class SomeRuns:
    """A shelf that holds these."""

    def __init__(self, runs):
        self.held = {run.config.id: run for run in runs}

    def run(self, config):
        if config.id not in self.held:
            raise Missing(config.label)
        return self.held[config.id]


def test_the_path_is_read_of_every_run_of_which_it_was_measured(runs, paths, tmp_path):
    bare = made(config(5), {"add": 900, "mul": 1000})
    shelf, store = SomeRuns([*paths, bare]), Store(tmp_path)
    wanted = [config(seed) for seed in (42, 137, 2024, 5, 6)]
    found = along.with_paths(runs, wanted, shelf=shelf, store=store)
    assert found == paths, "the page's own once, then the third; not one without a path"
    assert along.with_paths(runs, [], shelf=shelf, store=store) == runs


def test_a_placebo_that_leads_as_much_is_named(runs, courses):
    found = chapter.detectors(runs, courses)
    best = max(each.median for each in found if each.kind == "placebo")
    beaten = sum(not each.median > best for each in found if each.kind != "placebo")
    said = (
        f"“Step 1,000, always” leads by {best:,.0f} steps (median) without any geometry; "
        f"{beaten} of 18 readings of the defect (9 detectors on each defect) lead by no more."
    )
    alarm = (
        " In the one run that never groks, 9 of 18 raise a false alarm within the time that the "
        f"others take. {SILENT}"
    )
    assert words.lead_answer(found) == said + alarm
    once = TrackRecord("one run's luck", "placebo", "", {"a": 9_999, "b": None}, 0, 0)
    assert words.lead_answer([*found, once]) == said + alarm
    alone = words.lead_answer(chapter.detectors(runs[:2], courses[:2]))
    assert alone == f"{said} No run that never groks is shown here, so no false alarm could " + (
        "be counted: a lead alone shows no skill."
    )
    assert words.lead_answer(chapter.detectors(runs[2:], courses[2:])).startswith("No run here")


def test_a_placebo_that_is_as_silent_is_named(runs, courses):
    """The weights at half their norm: in both runs before they grok, never in the third."""
    light = [
        replace(each, placebos=each.placebos | {"norm": step})
        for each, step in zip(courses, (500, 300, None), strict=True)
    ]
    said = words.lead_answer(chapter.detectors(runs, light))
    assert said.endswith(
        " “Weights at half their norm”, without any geometry, does the same, by 450."
    )
    loud = [*light[:2], replace(light[2], placebos=light[2].placebos | {"norm": 900})]
    assert words.lead_answer(chapter.detectors(runs, loud)).endswith(SILENT)
    late = [
        *light[:1],
        replace(light[1], placebos=light[1].placebos | {"norm": 900}),
        light[2],
    ]
    assert words.lead_answer(chapter.detectors(runs, late)).endswith(SILENT)
    alarms = [record for record in chapter.detectors(runs, courses) if record.raised]
    assert "stay silent" not in words.lead_answer(alarms)


def test_a_peak_that_is_rounding_is_named_with_its_step(courses):
    """Published 6 at all steps against 1: rounding.  Then a true defect that is half as high."""
    peak = np.linspace(6, 900, len(courses[0].read))
    one = replace(courses[0], defects={"published": peak, "corrected": np.full_like(peak, 7.1)})
    half = replace(one, defects={"published": peak, "corrected": peak / 2})
    assert words.late_rounding([one, half]) == (
        f"In {one.label}, λ = 1, the published defect climbs to 900 at step {one.read[-1]:,}, and "
        "the true one never above 7.1: most of that peak is rounding."
    )
    assert words.late_rounding([half]) == ""


def test_what_lies_inside_is_said_in_units_of_chance(runs):
    """Own 28 % against 5 %; another seed's 96 % against its own 10 %; one of two in the band."""
    assert words.inside_answer(runs) == (
        "Of the true commutator the path's own directions hold 5.60 times what random directions "
        "alike hold, another seed's 9.60 times; at 2 of 4 checkpoints the own share lies in the "
        "range of 95 % of such random directions."
    )
    alone = grokked(42, 900, 1000, published=700, corrected=300, other=False)
    assert "another seed" not in words.inside_answer([alone])
    assert words.inside_answer(runs[2:]).startswith("No run here groks")


def test_the_scope_names_the_runs_of_the_page(runs, paths):
    said = words.scope(runs, runs)
    assert said.startswith(
        "**Scope.** This page shows add + mul, λ = 0, seed 42, add + mul, λ = 1, seed 137, "
    )
    assert "also reads" not in said
    more = "The part on the path also reads add + mul, λ = 1, seed 2024."
    assert more in words.scope(runs, paths)


def test_the_readings_of_the_run_that_the_picture_opens_on(courses):
    table = tables.reading_table(courses)
    opened = courses[1]  # the strongest decay, the last seed
    assert table.index[0] == f"{opened.read[0]:,}"
    assert table.index[-1] == f"{opened.read[-1]:,}"
    assert table.index.is_unique
    assert set(table["true defect"]) == {"1"} and set(table["published defect"]) == {"6"}
    last = table.iloc[-1]
    assert last["add, test (%)"] == f"{100 * opened.accuracy[0, -1]:.1f}"


def test_the_finding_leaves_out_what_is_not_so(runs, courses):
    late = replace(courses[0], placebos=courses[0].placebos | {"constant": 1_000})
    assert "a clock" not in words.finding(runs, [late, *courses[1:]], runs)
    later = [replace(each, read=each.read + 100) for each in courses]
    assert "As published" not in words.finding(runs, later, runs)
    none = words.finding(runs[2:], courses[2:], runs[2:])
    assert none == lead_sentence(courses[2:], 10.0, control=True)


def test_rounding_is_read_at_the_start_and_only_there(courses):
    assert chapter.rounding_factor(courses) == [6, 6, 6]
    grown = replace(
        courses[0],
        defects={
            "published": np.linspace(8, 1, len(courses[0].read)),
            "corrected": np.linspace(2, 1, len(courses[0].read)),
        },
    )
    later = replace(courses[1], read=courses[1].read + 100)
    assert chapter.rounding_factor([grown, later]) == [4]


def test_the_guard_lets_the_finding_pass(runs, courses):
    assert chapter.guard(runs, courses) is None


@pytest.mark.parametrize("true", [None, 900, 950])
def test_the_guard_stops_where_the_true_defect_does_not_lead(runs, courses, true):
    flipped = course_of(runs[0], 850, true, (100, 200, 300, 950))
    with pytest.raises(AssertionError, match="add . mul, seed 42: the true defect does not lead"):
        chapter.guard(runs, [flipped, *courses[1:]])


def test_the_guard_looks_at_the_factor_of_the_finding(runs, courses):
    ten = FACTORS.index(10.0)
    onsets = tuple(None if at == ten else 400 for at in range(len(FACTORS)))
    flipped = replace(courses[0], onsets=courses[0].onsets | {"corrected": onsets})
    with pytest.raises(AssertionError, match="does not lead"):
        chapter.guard(runs, [flipped, *courses[1:]])


def test_the_guard_stops_where_rounding_is_not_to_be_seen(runs, courses):
    truth = courses[1].defects["corrected"]
    plain = replace(courses[1], defects={"published": 2 * truth, "corrected": truth})
    with pytest.raises(AssertionError, match="not inflated at the start"):
        chapter.guard(runs, [courses[0], plain, courses[2]])
    unread = [replace(each, read=each.read + 100) for each in courses]
    with pytest.raises(AssertionError, match="not inflated at the start"):
        chapter.guard(runs, unread)


def test_the_guard_stops_where_nothing_groks(runs, courses):
    with pytest.raises(AssertionError, match="no run of the chapter groks"):
        chapter.guard(runs[2:], courses[2:])


def test_figures_hold_the_numbers(runs, courses):
    found = chapter.detectors(runs, courses)
    figure = draw.leads(found)
    dots = {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert sum(map(len, dots.values())) == sum(
        lead is not None for each in found for lead in each.leads.values()
    )
    assert (-100, "tri detector, published") in dots["on the defect as published"]
    assert (800, "step 1,000, always") in dots["knows nothing of geometry"]
    assert all(name.endswith(", true") for _, name in dots["on the true defect"])
    published = {"0.W_Q": 81.0}
    found = along.shares(runs)
    band, theirs, ours, none = draw.first_shares(found, published).data
    assert not none.x  # no relaxation was measured
    relaxed = {name: replace(each, relaxations=(70.0, 72.0)) for name, each in found.items()}
    *_, relaxations = draw.first_shares(relaxed, published).data
    assert list(relaxations.y) == [70, 72] * 8
    assert band.base == pytest.approx([74.2] * 8) and band.y == pytest.approx([1.6] * 8)
    assert ours.name == "ours, every seed (2 runs)"
    assert (list(theirs.x), list(theirs.y)) == (["0.W_Q"], [81.0])
    assert ours.y == pytest.approx([70 + k for k in range(8) for _ in (0, 1)], rel=1e-6)
    assert list(band.x) == list(MATRICES)
    grown = draw.growing(along.declines(runs)).data
    assert [trace.x[-1] for trace in grown[1::2]] == [100, 100]
    for empty in (draw.first_shares({}, published), draw.growing({}), draw.leads([])):
        assert all(not len(trace.x or ()) for trace in empty.data)


def test_the_runs_behind_the_page_and_their_costs(runs):
    table = computed_table(runs)
    assert table.loc[runs[0].config.label].tolist() == [
        *(runs[0].name, "1,100", "2", "3"),
        ", ".join(sorted({each.instrument for each in runs[0].measurements})),
    ]
    assert table.index.tolist() == [run.config.label for run in runs]
    shown = table._repr_html_()
    assert table["measured by"].iloc[0] in shown, "a long cell is shown whole"
    assert "gb-wraps" in shown, "and may break into lines"


def test_a_table_is_shown_whole_and_its_intervals_do_not_break():
    rows = [{"run": k, "ours": "8.21 [7.47, 8.95]", "n": "2 of 8"} for k in range(100)]
    shown = keyed(rows, "run")._repr_html_()
    assert shown.count("8.21 [7.47,\u00a08.95]") == 100, "pandas would leave out most rows"
    assert "2\u00a0of\u00a08" in shown
    assert "gb-wraps" not in shown
