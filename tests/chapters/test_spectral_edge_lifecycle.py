"""Chapter 6: executed for real at small parameters, and its sentences on runs made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

import made_records as cases
from chapter_outputs import shown
from explorable_harness import small_passages, synthetic_passage
from grokbook.chapters import asked
from grokbook.chapters import spectral_edge_lifecycle as chapter
from grokbook.chapters import spectral_edge_lifecycle_answers as answers
from grokbook.chapters import spectral_edge_lifecycle_classes as classes
from grokbook.chapters import spectral_edge_lifecycle_counts as counts
from grokbook.chapters import spectral_edge_lifecycle_gaps as gaps
from grokbook.chapters import spectral_edge_lifecycle_tables as tables
from grokbook.chapters import spectral_edge_lifecycle_words as words
from grokbook.checks import ConfigError
from grokbook.claims.registry import claims
from grokbook.config import DyckConfig, RunConfig
from grokbook.figures import spectral_edge_lifecycle as draw
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.runs import Missing, Run
from grokbook.palette import DARK_PAGE, LIGHT_PAGE, contrast
from grokbook.studies.asking import MissingRun
from grokbook.studies.lifecycle import CONTROLS, LIFECYCLE
from grokbook.widgets.from_edges import passage, passages, setting
from grokbook.widgets.passages import MATCHED

NOTEBOOK = "06_spectral_edge_lifecycle"
SMALL = {
    "weight_decays": [0.8],
    "seeds": [3],
    "width": 16,
    "learning_rate": 0.003,
    "steps": 600,
    "strings": 20,
    "others": False,
}


# --- the notebook


@pytest.mark.slow
@pytest.mark.long(150)
def test_small_parameters_train_measure_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = [kind for o in outputs if "data" in o for kind in o["data"]]
    assert kinds.count("application/vnd.plotly.v1+json") == 3
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    text = json.dumps(outputs, ensure_ascii=False)
    assert "In the run that groks the gradient makes" in text
    assert "so with others they are withheld" in text
    assert "its finding is not checked here" in text
    assert "grokbook study random-labels" in text  # not there, and it says so
    assert "λ = 0.8, width 16" in text
    again = execute(NOTEBOOK, SMALL, train=False)  # now it is in the store
    for first, second in zip(notebook.cells, again.cells, strict=True):
        assert shown(first) == shown(second)


def test_a_missing_run_is_an_error_where_training_is_refused(attempt):
    with pytest.raises(MissingRun, match="is not recorded with all its measurements"):
        attempt(NOTEBOOK, SMALL, train=False)


def test_too_few_steps_are_refused_before_anything_is_trained(attempt, tmp_path):
    with pytest.raises(ConfigError, match="steps must be 600 or more .* not 300"):
        attempt(NOTEBOOK, SMALL | {"steps": 300}, train=True)
    assert not (tmp_path / "store" / "runs").exists()


# --- what it asks for


def test_wanted_measurements_are_the_instruments_own_on_all_strings():
    for name, given in chapter.wanted(chapter.STRINGS).items():
        assert instrument(name).complete(given) == instrument(name).complete({}), name
    assert chapter.wanted(20)["probes"] == {"strings": 20, "layered": 33}


@pytest.mark.parametrize("strings", [9, 2.5, "300", 6_000])
def test_strings_that_cannot_be_read_are_refused(strings):
    with pytest.raises(ConfigError, match=f"strings .*{strings}"):
        chapter.wanted(strings)


def test_the_published_runs_are_those_of_the_study():
    found = chapter.configs([1.0, 0.0], LIFECYCLE.seeds, width=128, learning_rate=1e-3)
    assert {config.id for config in found} == {c.id for c in chapter.members(LIFECYCLE)}
    small = chapter.configs([0.8], [3], width=16, learning_rate=1e-3)
    assert [config.hidden for config in small] == [32]
    with pytest.raises(ConfigError, match="width 18 is not a multiple of heads 4"):
        chapter.configs([1.0], [3], width=18, learning_rate=1e-3)


def test_a_run_without_a_stop_rule_goes_to_its_budget():
    plan = chapter.plan(DyckConfig(), 10**6)
    assert (plan.steps, plan.after_grok, plan.full_state) == (10_000, None, True)
    assert chapter.plan(DyckConfig(), 700).steps == 700
    assert asked.plan(RunConfig(tasks=("add", "mul")), 400).after_grok == 2_000
    with pytest.raises(ConfigError, match="unknown setting 'brackets'; known settings: dual, tri"):
        asked.wanted(["brackets"], [1.0], [1])


def test_others_are_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(tmp_path / "none"))
    wanted = chapter.wanted(300)
    for show in (True, False):
        found = chapter.others([], wanted, show=show)
        assert (found.seeds, found.controls, found.modular) == ([], [], [])
    said = words.missing_controls(found)
    assert all(f"`grokbook study {study.name}`" in said for study in CONTROLS)
    assert said.startswith("*3 controls of this question are not here yet")
    assert words.notes(found)["random"] == "no such run yet: grokbook study random-labels"
    one = made(DyckConfig(labels="random"))
    found = replace(found, controls=[one])
    assert words.missing_controls(found).startswith("*2 controls")
    assert "random-labels" not in words.missing_controls(found) + words.notes(found)["random"]
    every = [made(chapter.members(study)[0]) for study in CONTROLS]
    assert words.missing_controls(replace(found, controls=every)) == ""


# --- from measurements to a passage


STEPS = np.array([0, 1, *range(100, 3_001, 100)])
ENDS = [*range(200, 3_001, 100)]


class Record(cases.Record):
    """A run on brackets of 3,000 steps."""

    steps = STEPS

    def accuracy(self, task, part="test"):
        return np.linspace(0, 1, len(STEPS))

    def twinless_accuracy(self, task):
        return np.linspace(0, 0.9, len(STEPS))


def edge_rows(gap):
    """Rows of the window at every step: values tell direction and form apart; g23 falls to 1."""
    rows = []
    for step in ENDS:
        window = "5 updates"
        for k in range(1, 5):
            rows += [
                (step, "sigma", window, "uncentred", k, 1.0 / k),
                (step, "gradient_share", window, "published", k, 0.1 * k),
                (step, "gradient_share", window, "less decay", k, 0.2 * k),
                (step, "gradient_share", window, "uncentred", k, 0.77),
                (step, "gradient_share", "3 updates", "published", k, 0.66),
                (step, "signed_share", window, "uncentred", k, 0.1 * k + 1),
                (step, "signed_share", window, "centred", k, 0.66),
                (step, "rotation", window, "uncentred", k, 10.0 * k),
            ]
            for n, name in enumerate(("weights", "start", "learned")):
                rows.append((step, f"cos_{name}", window, "uncentred", k, 0.1 * (n + k)))
                rows.append((step, f"cos_{name}", window, "less decay", k, 0.05 * (n + k)))
        for side, value in (("low", 0.02), ("high", 0.03)):
            rows.append((step, f"gradient_share_{side}", window, "random gradient", 1, value))
        early = step < 600
        rows += [
            (step, "g23", window, "uncentred", np.nan, 2 * gap if early else 1.0),
            (step, "g23_share", window, "uncentred", np.nan, 0.9 if early else 1.0),
            (step, "ratio", window, "uncentred", np.nan, 2.0),
            (step, "g23", "3 updates", "uncentred", np.nan, gap if early else 1.0),
            (step, "g23_share", "3 updates", "uncentred", np.nan, 0.5 if early else 1.0),
            (step, "ratio", "3 updates", "uncentred", np.nan, 2.0),
        ]
    return cases.measured("edge", rows, counts=[int(part.split()[0]) for _, _, part, *_ in rows])


def ablation_rows():
    rows = []
    for step in (500, 1_500):
        rows.append((step, "removed", "edge", "taken out", np.nan, 0.6))
        rows.append((step, "accuracy_change", "edge", "taken out", np.nan, -0.4))
        rows.append((step, "accuracy_change", "bulk", "taken out", np.nan, -0.9))
        for i, name in enumerate(MATCHED):
            rows.append((step, "accuracy_change", "edge", name, np.nan, -0.1 * i))
    return cases.measured("edge-ablation", rows)


def curve_rows():
    rows = [(500, name, "v1", "", np.nan, value) for name, value in (("sigma", 2), ("along", 9))]
    for size in (-9.0, -2.0, -0.001, 0.0, 2.0):
        rows.append((500, "accuracy", "v1", "whole", size, 0.9 + 0.1 * size / 9))
        rows.append((500, "accuracy", "v1", "random", size, 0.95))
    for name, variant, value in (
        ("largest_divergence", "published", 5e-5),
        ("own_divergence", "whole", 0.25),
        ("removal_divergence", "whole", 2.5),
    ):
        rows.append((500, name, "v1", variant, np.nan, value))
    return cases.measured("edge-curves", rows)


def probe_rows():
    rows = []
    for step, raw, fair in ((500, 0.98, 0.99), (1_500, 0.8, 0.97)):
        rows.append((step, "linear", "layer 1", "raw, token", np.nan, raw))
        rows.append((step, "linear", "layer 1", "standardised, string", np.nan, fair))
        rows.append((step, "linear", "layer 0", "raw, token", np.nan, 0.1))
    rows.append((1_500, "mlp", "layer 1", "raw, token", np.nan, 0.95))
    return cases.measured("probes", rows)


def made(config, *measurements, grok=None):
    return Run(config.id, Record(config, {"depth": grok}, last=3_000), measurements)


@pytest.fixture(scope="module")
def runs():
    """One that groks at 600, one without decay, one on random labels; all but one fully measured"""
    every = (edge_rows(8.0), ablation_rows(), curve_rows(), probe_rows())
    return [
        made(DyckConfig(), *every, grok=600),
        made(DyckConfig(weight_decay=0.0), edge_rows(16.0)),
        made(DyckConfig(labels="random"), edge_rows(8.0)),
    ]


def test_a_passage_holds_what_was_measured(runs):
    one = passage(runs[0])
    assert (one.grok, one.unit, one.setting, one.label) == (600, 600, "λ = 1", "seed 42")
    assert one.ends.tolist() == ENDS
    assert (one.accuracy[-1], one.fair[-1]) == (1, pytest.approx(0.9))
    assert one.shares["published"][5] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert one.shares["less decay"][5] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert one.signed[5] == pytest.approx([1.1, 1.2, 1.3, 1.4])
    assert one.chance[0] == pytest.approx([0.02, 0.03])
    assert one.cosines["published"][1, 0] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert one.cosines["less decay"][2, 0, 0] == pytest.approx(0.15)
    assert one.ablated.tolist() == [500, 1_500]
    assert one.changes["taken out"][0] == pytest.approx([-0.4, -0.4])
    assert np.isnan(one.changes["taken out"][1]).all()  # errors, which these rows do not have
    assert np.isnan(one.changes["random"]).all()  # was not measured
    assert one.removed == pytest.approx([0.6, 0.6])
    assert one.curves[0, 0, 0, :3] == pytest.approx([0.001, 2.0, 9.0])
    assert one.curves[0, 0, 1, :3] == pytest.approx([0.9, 0.9 - 2 / 90, 0.8], abs=1e-4)
    assert np.isnan(one.curves[0, 0, :, 3:]).all() and np.isnan(one.curves[0, 1]).all()
    assert one.marks[0, 0].tolist() == [2.0, 9.0]
    assert one.drift[0, 0, :3] == pytest.approx(0.95)
    assert one.probes["linear"][:, 1] == pytest.approx([0.8, 0.97])
    assert one.probes["mlp"][0, 1] == pytest.approx(0.95) and np.isnan(one.probes["mlp"][0, 0])
    assert one.packed()


def test_a_run_that_never_groks_counts_by_its_twin(runs):
    labels = {run.config.id for run in runs[2:]}
    found = passages([*runs, made(DyckConfig(seed=137), edge_rows(8.0))], labels)
    assert [one.unit for one in found] == [600, 600, 600, None]
    assert [one.plain for one in found] == [True, True, False, True]
    assert passages([made(DyckConfig())]) == []  # nothing was measured
    with pytest.raises(Missing):
        passage(made(DyckConfig()))


def test_the_twin_has_the_published_decay_else_the_strongest_that_groks_and_is_no_control():
    never = made(DyckConfig(weight_decay=0.0), edge_rows(8.0))
    half, double, control = (
        made(DyckConfig(weight_decay=decay, **changes), edge_rows(8.0), grok=grok)
        for decay, grok, changes in (
            (0.5, 900, {}),
            (2.0, 500, {}),
            (3.0, 300, {"init_scale": 0.25}),
        )
    )
    found = passages([never, half, double, control], {control.config.id})
    assert [one.unit for one in found] == [500, 900, 500, 300]
    published = made(DyckConfig(), edge_rows(8.0), grok=700)
    found = passages([never, half, double, published, control], {control.config.id})
    assert [one.unit for one in found] == [700, 900, 500, 700, 300]


def test_settings_say_what_sets_runs_apart():
    assert setting(DyckConfig(init_scale=0.25, seed=7)) == "λ = 1, initial weights × 0.25"
    assert setting(DyckConfig(learning_rate=5e-4, weight_decay=2.0)) == "λ = 2, η = 0.0005"


# --- what it counts


def test_a_removal_stands_beside_those_of_its_size():
    one = synthetic_passage()
    found = counts.removal(one, 600)
    assert (found.step, found.removed, found.edge, found.random) == (500, 0.6, -0.3, 0.0)
    assert set(found.matched) == set(MATCHED)
    assert found.moved == "learned, equal distance" and found.stands_out
    assert found.dearest == pytest.approx(-0.06)  # the second; what only moves as far costs more
    assert counts.removal(one, 5_000) is None
    assert counts.removal(synthetic_passage(measured=False), 600) is None
    costly = one.changes | {"scaled, equal distance": one.changes["taken out"] - 0.01}
    assert counts.removal(replace(one, changes=costly), 600).stands_out
    costly = one.changes | {"scaled, equal norm": one.changes["taken out"] - 0.01}
    assert not counts.removal(replace(one, changes=costly), 600).stands_out
    partly = one.changes | {"random, equal norm": np.nan * one.changes["random"]}
    assert counts.removal(replace(one, changes=partly), 600) is None


def test_probes_are_read_at_the_grok_step_and_long_after():
    found = counts.medians(small_passages())
    at, late, n = found["linear", "raw, token"]
    # Seed 42 at 500 and 4,000, the first and last of 8; seed 137 at 1,000, the second.
    assert at == pytest.approx((0.98 + 0.98 - 0.28 / 7) / 2)
    assert (late, n) == (pytest.approx(0.7), 2)
    assert counts.medians([synthetic_passage(measured=False)]) == {}


def test_the_gap_is_read_at_the_same_step_in_runs_and_controls(runs):
    assert counts.gap(runs[0], 600) == counts.GapDecline(published=8.0, five=16.0, share=1.0)
    assert counts.gap(runs[1], 600) == counts.GapDecline(published=16.0, five=32.0, share=1.0)
    assert counts.gap(runs[0], 100) is None  # there is no window yet
    assert counts.gap(made(DyckConfig()), 600) is None


def test_the_guard_falls_when_its_finding_does():
    chapter.guard(small_passages())
    with pytest.raises(AssertionError, match="no run of the chapter groks"):
        chapter.guard(small_passages()[2:])
    one = synthetic_passage()
    heavy = one.changes | {"random": one.changes["random"] - 0.02}
    with pytest.raises(AssertionError, match="random directions"):
        chapter.guard([replace(one, changes=heavy)])
    with pytest.raises(AssertionError, match="still turns"):
        chapter.guard([synthetic_passage(left=True)])
    with pytest.raises(AssertionError, match="does not turn"):
        chapter.guard([synthetic_passage(back=1.0)])


# --- tables


def test_the_published_steps_stand_beside_ours():
    table = tables.as_published_table(small_passages(), _published())
    assert table.index.tolist() == ["300", "600", "1,500", "4,000"]
    assert table["published, one seed (%)"].tolist() == ["97.6", "5.3", "99.5", "87"]
    assert table["ours (%)"].tolist()[0] == "97 [97, 97]"
    assert table["with sign (%)"].tolist()[0] == "106 [106, 106]"
    assert set(table["n"]) == {2}


def _published():
    return claims("spectral-edge", "spectral-edge-lifecycle")


def test_every_setting_has_a_column():
    table = tables.share_table(small_passages())
    assert table.index.tolist() == ["λ = 1", "λ = 0", "λ = 1, random labels"]
    assert table.loc["λ = 1", "n"] == 2
    assert table.loc["λ = 1", "1 × grok (%)"] == "5 (5 to 5)"


def test_every_run_has_a_row_with_its_own_times():
    table = tables.turn_table(small_passages())
    names = ["λ = 1, seed 42", "λ = 1, seed 137", "λ = 0, seed 42", "λ = 1, random labels, seed 42"]
    assert table.index.tolist() == names
    assert table["groks at"].tolist() == ["600", "1,000", "never", "never"]
    assert table["turns to decay at"].tolist() == ["600", "1,000", "never", "600"]
    assert table["and back at"].tolist() == ["1,800", "3,000", "never", "1,800"]
    assert set(table["on unseen prefixes"]) == {"never"}  # 0.9 of what the test strings have
    assert table.loc[names[0], "|cos| with the start, at grok"] == "0.90"
    assert table.loc[names[2], "pure decay taken out, at grok (%)"] == "–"
    fair = replace(synthetic_passage(), fair=synthetic_passage().accuracy)
    assert tables.turn_table([fair]).loc[names[0], "on unseen prefixes"] == "800"


def test_tables_of_removals_probes_gaps_and_classes(runs):
    table = tables.removal_table(small_passages())
    assert table.loc["the edge", "1 × grok"] == "−30 ± 0"
    assert table.loc["n", "6.7 × grok"] == 1  # the other run is too short
    probes = tables.probe_table([synthetic_passage()])
    assert probes["change"].tolist()[:2] == ["−0.28", "−0.02"]
    fallen = gaps.gap_table(runs, passages(runs))
    assert fallen["read at step"].tolist() == [
        "600",
        "600 (its plain run's)",
        "600 (its plain run's)",
    ]
    assert fallen["g₂₃, as published"].tolist() == ["8 ×", "16 ×", "8 ×"]
    assert fallen["windows of five"].tolist() == ["16 ×", "32 ×", "16 ×"]
    found = classes.class_table(runs)
    assert found.loc["Dyck depth, λ = 0", "v₁ turns, from window to window (°)"] == "10"
    course = tables.course_table(small_passages())
    assert course.index.tolist()[0] == "300" and course.index.tolist()[-1] == "4,000"
    assert course.loc["600", "gradient's share (%)"] == "5.0"


def test_figures_hold_every_run():
    every = small_passages()
    figure = draw.turns(every)
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert names[:3] == ["pure decay taken out", "as published", "groks"] and len(names) == 4
    panels = [note.text for note in figure.layout.annotations]
    assert panels == ["λ = 1 (2 runs)", "λ = 1, random labels (one run)"]  # none without decay
    marks = [list(trace.x) for trace in figure.data if trace.name == "groks"]
    assert marks == [[600, 1_000], []]
    lines = [trace for trace in figure.data if trace.name == "as published"]
    assert [trace.yaxis for trace in lines] == ["y", "y", "y2"]
    assert [max(trace.x) for trace in lines] == [3_000] * 3
    assert lines[0].y[list(lines[0].x).index(600)] == pytest.approx(5)
    assert not draw.turns(every[2:3]).layout.annotations
    inks = {trace.line.color for trace in [*figure.data, *draw.probes(every, _published()).data]}
    for ink in inks - {None}:
        assert min(contrast(ink, page) for page in (LIGHT_PAGE, DARK_PAGE)) >= 3, ink
    losses = draw.losses(every)
    assert [len(trace.x) for trace in losses.data[:2]] == [2, 2 * len(MATCHED)]
    probes = draw.probes(every, _published())
    assert [trace.name for trace in probes.data[:2]] == [
        "published, one seed", "λ = 1, as published (2 runs)",
    ]  # fmt: skip
    draw.turns([synthetic_passage(grok=None)])  # none groks, and nothing breaks


# --- sentences


def test_the_finding_says_what_is_there():
    said = words.finding([synthetic_passage()])
    assert (
        "- In one run, taking the edge out at the grok step costs 30 points of accuracy, more than "
        "as much of the norm taken elsewhere, 6 points; the edge is 60 % of the weights' norm. At "
        "6.7 times the grok step it costs 30 points of accuracy, more than as much of the norm "
        "taken elsewhere, 6 points.\n" in said
    )
    assert "a linear probe of depth goes from 0.98 to 0.70 as published, and from 0.99 to" in said
    bare = words.finding([synthetic_passage(measured=False)])
    assert "Taking" not in bare and "probe" not in bare
    assert words.finding(small_passages()[2:]).startswith("No run with weight decay groks")


def test_the_turns_answer_names_start_chance_and_controls():
    said = words.turn_answer([synthetic_passage()])
    assert "the first direction has |cos| = 0.90 with the initial weights, and" in said
    assert "lies within the middle 95 % of what they give in 0 of 1. " in said
    assert said.endswith("taken away: what turned to decay was the start.")
    several = words.turn_answer(small_passages())
    assert "Nothing is left of the 2 turns once" in several
    assert several.endswith("With λ = 1, random labels, 1 of 1 turn, at step 600.")
    left = [synthetic_passage(left=True), synthetic_passage(137)]
    assert "Of 2 turns 1 is still there once" in words.turn_answer(left)
    assert "The turn is still there once" in words.turn_answer(left[:1])
    assert words.turn_answer(small_passages()[2:]).startswith("No run here groks")


def test_the_edges_answer_follows_the_data():
    one = synthetic_passage()
    said = answers.critical_answer([one])
    assert said.startswith(
        "The edge costs more than as much of the norm taken elsewhere: more than both a "
    )
    assert "in 4 of 4 readings of one run" in said and "Moves as far" not in said
    assert "at 1 times the grok step 30 points against 6 points" in said
    far = one.changes | {"start, equal distance": one.changes["taken out"] - 0.1}
    said = answers.critical_answer([replace(one, changes=far)])
    assert "in 4 of 4 readings" in said
    assert said.endswith("at some of these steps: along the initial weights, as far.")
    cheap = one.changes | {"scaled, equal norm": one.changes["taken out"] - 0.1}
    said = answers.critical_answer([replace(one, changes=cheap)])
    assert said.startswith("The edge costs no more than as much of the norm taken elsewhere: ")
    half = cheap["scaled, equal norm"].copy()
    half[0, -1] = 0.0
    mixed = replace(one, changes=cheap | {"scaled, equal norm": half})
    said = answers.critical_answer([mixed])
    assert said.startswith("The edge mostly costs no more than") and "in 1 of 4 readings" in said
    half[0, 2] = 0.0
    even = replace(one, changes=cheap | {"scaled, equal norm": half})
    assert "elsewhere as often as not: " in answers.critical_answer([even])
    assert "--instruments edge-ablation" in answers.critical_answer([])


def test_the_curve_joins_a_touch_and_a_removal(runs):
    said = answers.curve_answer(runs)
    assert said.startswith("At step 500 (one run), moving along the first direction as little")
    assert "by at most 5.00 × 10⁻⁵ nats; all of it taken out, which is 300 times the" in said
    assert "published range, by 2.5." in said
    assert "--instruments edge-curves" in answers.curve_answer(runs[1:])


@pytest.mark.parametrize(
    ("fair", "said"),
    [
        (0.97, "What the probe loses is scale"),
        (0.90, "A part of the loss is scale, and a part remains"),
        (0.70, "Standardised, the linear probe loses as much"),
    ],
)
def test_the_probes_answer_follows_the_data(fair, said):
    one = synthetic_passage()
    a = len(one.probed)
    linear = np.stack([np.linspace(0.98, 0.7, a), np.linspace(0.98, fair, a)])
    changed = replace(one, probes=one.probes | {"linear": linear})
    assert answers.reading_answer([changed]).startswith(said)


@pytest.mark.parametrize(
    ("raw", "fair", "said"),
    [
        ((0.98, 0.96), (0.98, 0.70), "The linear probe falls only where scale does not count"),
        ((0.70, 0.98), (0.98, 0.97), "The linear probe reads more long after the grok step"),
        ((0.98, 0.70), (0.70, 0.98), "The linear probe reads more long after the grok step"),
    ],
)
def test_a_probe_that_moves_in_one_reading_is_not_said_to_stand_still(raw, fair, said):
    one = synthetic_passage()
    linear = np.stack([np.linspace(*each, len(one.probed)) for each in (raw, fair)])
    changed = replace(one, probes=one.probes | {"linear": linear})
    assert answers.reading_answer([changed]).startswith(said)


def test_a_probe_that_loses_little_asks_for_no_cause():
    one = synthetic_passage()
    still = {kind: 0.9 + 0 * values for kind, values in one.probes.items()}
    assert "asks for a cause" in answers.reading_answer([replace(one, probes=still)])
    assert "--instruments probes" in answers.reading_answer([synthetic_passage(measured=False)])


def test_the_gaps_answer_compares_with_runs_that_never_grok(runs):
    said = gaps.gap_answer(runs[:2], passages(runs))
    assert said == (
        "By the published statistic, of windows of three updates, the gap falls 8-fold up to the "
        "grok step, and as a share of all movement it does not fall. Read at the same step "
        "in runs that never grok, it falls 16-fold with λ = 0, further than in the run that groks, "
        "and as a share does not fall, no further than in the run that groks."
    )
    assert "no run that never groks is here" in gaps.gap_answer(runs[:1], passages(runs))
    assert "so there is no decline" in gaps.gap_answer(runs[1:], passages(runs)[1:])
    assert "before their windows are full" in gaps.gap_answer(runs[1:], passages(runs))
    both = [runs[0], made(DyckConfig(weight_decay=0.0), edge_rows(4.0))]
    assert "falls 4-fold with λ = 0, no further than" in gaps.gap_answer(both, passages(both))
    twins = [made(DyckConfig(seed=7), edge_rows(9.0), grok=600), *runs]
    every = gaps.gap_answer(twins, passages(twins, {runs[2].config.id}))
    assert "falls 8.5-fold (median; 8 to 9 over 2 runs) up to the grok step" in every
    assert "it falls 16-fold with λ = 0, further in 2 of 2 pairs of runs, and" in every
    assert "; it falls 8-fold with λ = 1, random labels, further in none of 2 pairs of" in every


def test_what_is_missing_of_the_classes_is_one_line(runs):
    none = classes.classes_answer([], [])
    assert none.startswith("*Not here yet: modular arithmetic, ") and none.count("\n") == 0
    assert "`grokbook study lifecycle-modular`" in none and "SCAN" in none
    said = classes.classes_answer(runs[:1], [])
    assert said.startswith(
        "By this protocol, at λ = 1, in brackets the gradient makes 10 % of the squared movement "
        "late and the first direction turns by 10° (n = 1). One class alone says nothing of what "
        "sets classes apart. *Not here yet: modular arithmetic, "
    )
    assert classes.classes_answer([runs[0], runs[2]], []) == said, (
        "random labels are another setting"
    )
    add = RunConfig(tasks=("add",))
    content = [
        (step, "content", "v1", variant, np.nan, value)
        for step in (500, 1_500)
        for variant, value in (("standardised, pair", step / 3_000), ("raw, token", 0.1))
    ]
    measured = made(add, edge_rows(8.0), cases.measured("edge-functional", content))
    both = classes.classes_answer(runs[:1], [measured])
    assert "; in modular arithmetic the gradient makes" in both and "alone" not in both
    assert "lifecycle-modular" not in both and "edge-functional" not in both
    table = classes.class_table([*runs, measured])
    column = "R² of the task from what v₁ does"
    assert table[column].tolist() == ["–", "–", "–", "0.5"]


def test_the_scope_counts_what_else_is_shown(runs):
    none = chapter.Others([], [], [])
    assert "seed 42. The verdicts" in words.scope(runs[:1], none)
    assert ", and 2 further runs of the same studies" in words.scope(
        runs[:1], replace(none, seeds=runs[1:])
    )
