"""Chapter 5: executed for real at small parameters, and its sentences on runs made by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorable_harness import ARMS, small_trials, synthetic_run
from figure_checks import y_titles_fit_a_phone
from grokbook.chapters import deleted as asking
from grokbook.chapters import transverse_fragility as chapter
from grokbook.chapters import transverse_fragility_answer as answering
from grokbook.chapters import transverse_fragility_bases as bases
from grokbook.chapters import transverse_fragility_clock as size
from grokbook.chapters import transverse_fragility_published as theirs
from grokbook.chapters import transverse_fragility_shares as shares_of
from grokbook.chapters import transverse_fragility_tables as tables
from grokbook.checks import ConfigError
from grokbook.claims.readings.transverse_fragility import outside
from grokbook.claims.registry import claims
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.figures import transverse_fragility as draw
from grokbook.figures import transverse_fragility_clock as clock
from grokbook.publishing.parameters import ParameterError
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.studies.arms import OWN, arms
from grokbook.studies.asking import MissingRun
from grokbook.studies.deleted_runs import gather
from grokbook.studies.deletion import Trial

NOTEBOOK = "05_transverse_fragility"
SMALL = {
    "settings": ["dual"],
    "weight_decay": 0.8,
    "seeds": [3],
    "modulus": 23,
    "width": 32,
    "learning_rate": 0.003,
    "doses": [0.25],
    "arms": ["own", "update"],
    "directions": 3,
    "steps": 600,
    "make_missing": True,
}
DOSES = (0.03, 0.07, 0.25, 0.5)


@pytest.fixture(scope="module")
def published():
    return claims("multitask", "transverse-fragility")


@pytest.fixture(scope="module")
def trials():
    return small_trials()


@pytest.fixture(scope="module")
def bare():
    """Without a deleted run, and without a second execution."""
    runs = [synthetic_run(seed, grok) for seed, grok in ((42, 9000), (137, 7000))]
    return gather(runs, ARMS, lambda config: [], lambda config: [])


# --- the notebook


@pytest.mark.slow
@pytest.mark.long(120)
def test_small_parameters_train_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = [kind for o in outputs if "data" in o for kind in o["data"]]
    assert kinds.count("application/vnd.plotly.v1+json") == 2  # no plain run groks: no shift, size
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    text = json.dumps(outputs, ensure_ascii=False)
    assert "no plain run groks, so there is nothing to compare with" in text
    assert "no plain run groks, so there is no size to compare with" in text
    assert "so with others they are withheld" in text
    assert "its finding is not checked here" in text
    assert "dual, λ = 0.8, seed 3, as published 25 %" in text
    assert "dual, λ = 0.8, seed 3, on the update 25 %" in text
    again = execute(
        NOTEBOOK, SMALL | {"make_missing": False}, train=False
    )  # now it is in the store
    widgets = [
        c["state"]
        for nb in (notebook, again)
        for c in nb.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
        if c["state"].get("_model_module") == "anywidget"
    ]
    assert len(widgets[0]["traces"]) == 3
    assert widgets[0]["traces"] == widgets[1]["traces"]


def test_a_missing_plain_run_is_an_error_where_training_is_refused(attempt):
    with pytest.raises(MissingRun, match="is not recorded with all its"):
        attempt(NOTEBOOK, SMALL, train=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ["own", "updates"]}, "unknown arm 'updates'; did you mean update"),
        ({"doses": [0.0]}, "a dose must lie in"),
        ({"dose": [0.1]}, "unknown parameter dose"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_trained(attempt, tmp_path, change, message):
    with pytest.raises((ConfigError, ParameterError), match=message):
        attempt(NOTEBOOK, SMALL | change, train=True)
    assert not (tmp_path / "store" / "runs").exists()


# --- what it asks for


@pytest.mark.parametrize("doses", [[], [0], [1.5], ["much"]])
def test_doses_that_no_run_can_have_are_refused(doses):
    with pytest.raises(ConfigError, match="dose"):
        asking.checked(doses)


def test_the_page_shows_what_is_recorded_and_refuses_to_train(tmp_path):
    """GROKBOOK_TRAIN is never."""
    configs = [RunConfig(tasks=("add", "mul"), seed=seed) for seed in (42, 137, 2024)]
    empty = Store(tmp_path / "store")
    (found,) = asking.ask_all(
        configs, arms(["update"]), DOSES, steps=60_000, train=False, store=empty
    )
    shelf = Shelf()
    twins = [shelf.twin(shelf.interventions(config)[0]) for config in configs]
    assert [t.run.name for t in found.plain] == [run.name for run in twins]
    assert {t.seed for t in found.again} == {42, 137, 2024}
    assert not empty.root.exists()
    never = (0.11, 0.22)  # in no study
    with pytest.raises(
        MissingRun, match="runs of deletion are missing and GROKBOOK_TRAIN is never"
    ):
        asking.ask_all(configs, arms([]), never, steps=60_000, train=True, store=empty)


@pytest.mark.slow
@pytest.mark.long(60)
def test_what_is_missing_is_trained_on_request_and_found_again(tmp_path, monkeypatch):
    small = RunConfig(
        tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=3
    )
    chosen = arms(["update"], 3)
    places = {"shelf": Shelf(Results(tmp_path / "results")), "store": Store(tmp_path / "store")}
    monkeypatch.setenv("GROKBOOK_TRAIN", "allowed")
    (none,) = asking.ask_all([small], chosen, [0.25], steps=600, train=False, **places)
    assert none.deleted == ()
    assert set(asking.wanting(none, chosen, [0.25])) == {(OWN, 0.25), ("update", 0.25)}
    (found,) = asking.ask_all([small], chosen, [0.25], steps=600, train=True, **places)
    assert [(t.arm, t.dose) for t in found.deleted] == [(OWN, 0.25), ("update", 0.25)]
    assert asking.wanting(found, chosen, [0.25]) == {}
    own, update = (t.run for t in found.deleted)
    assert own.config.intervention.basis == update.config.intervention.basis
    plain = found.plain[0].run.record.metrics.set_index("step")
    for run in (own, update):  # alike until the deletion begins, and not afterwards
        mine = run.record.metrics.set_index("step")
        norms = mine["parameter_norm"], plain["parameter_norm"]
        assert norms[0][500] == norms[1][500] and norms[0][600] != norms[1][600]
    monkeypatch.setenv("GROKBOOK_TRAIN", "never")
    (again,) = asking.ask_all([small], chosen, [0.25], steps=600, train=True, **places)
    assert [t.run.name for t in again.deleted] == [t.run.name for t in found.deleted]


def test_a_run_of_whose_basis_nothing_is_known_is_left_out_and_named(tmp_path, monkeypatch):
    from grokbook.studies import deleted_runs

    class Directory:
        config = synthetic_run(42, 9000, ARMS[0], 0.07).config
        ended = True
        path = Path("runs/abc/def")

    class Stored:
        root = tmp_path

        def runs(self):
            return [Directory()]

    lines = []
    plain = RunConfig(tasks=("add", "mul"), seed=42)
    assert deleted_runs.stored_interventions(Stored(), plain, lines.append) == []
    assert len(lines) == 1 and lines[0].startswith("run abc/def is left out: no note of basis")


def test_what_is_missing_is_named_by_seed_and_dose(trials):
    found = asking.wanting(trials, ARMS, DOSES)
    assert (OWN, 0.07) not in found
    assert found[OWN, 0.25] == (
        "grokbook study deletion --set seed=2024 --set intervention.strength=0.25"
    )
    assert (
        found["amplify", 0.5] == "grokbook study deletion-amplify --set intervention.strength=0.5"
    )
    gaps = asking.gaps(trials, ARMS, DOSES, published=(0.02,))
    assert [(gap.arm.name, gap.doses, len(gap.seeds)) for gap in gaps] == [
        (OWN, (0.02, 0.5), 3),
        (OWN, (0.25,), 1),  # a dose of which some seeds are there
        ("update", (0.03, 0.25, 0.5), 3),
        ("amplify", (0.03, 0.07, 0.25, 0.5), 3),
        ("random-matched", (0.03, 0.07, 0.25, 0.5), 3),
        ("other-seed", (0.03, 0.25, 0.5), 3),
        ("other-seed", (0.07,), 2),
    ]
    amplify = next(gap for gap in gaps if gap.arm.name == "amplify")
    assert amplify.command == (
        "grokbook study deletion-amplify --set intervention.strength=0.03,0.07,0.25,0.5"
    )
    lines = tables.missing_list(gaps, 3).split("\n")
    assert lines[0] == (
        "- **as published** (deleted from the gradient, outside the run's own path), 2 and 50 %: "
        "`grokbook study deletion --set intervention.strength=0.02,0.5`"
    )
    assert ", 25 %, seed 2024: `grokbook study deletion --set seed=2024 " in lines[1]
    assert ", 7 %, seeds 137 and 2024: `" in lines[-1]
    assert asking.gaps(trials, ARMS[:1], (0.03, 0.07)) == []
    assert asking.all_doses([trials], [0.5, 0.1]) == [0.03, 0.07, 0.1, 0.25, 0.5]


# --- what is said


def test_published_numbers_are_those_of_the_claims(published, trials):
    found = theirs.published_steps(trials, published)
    assert found[0.0] == 14_100 and found[0.07] == 42_600 and found[0.25] is None
    assert list(found) == sorted(found) and theirs.budget(trials) == 50_000
    tri = small_trials("tri")
    assert theirs.published_steps(tri, published)[0.07] == 56_000 and theirs.budget(tri) == 60_000
    other = gather(
        [replace(run, record=replace(run.record, config=replace(run.config, modulus=59)))
         for run in (trials.plain[0].run,)],
        ARMS, lambda c: [], lambda c: [],
    )  # fmt: skip
    assert theirs.published_steps(other, published) == {} and theirs.budget(other) is None
    noise = theirs.published_noise(published, claims("multitask", "staggered-order"))
    assert noise.steps == (16_400, 14_100, 13_900)
    assert theirs.published_list(published).count("- **MT-5") == 6


def test_the_finding_counts_what_is_there(trials):
    said = chapter.finding([trials], ARMS, DOSES)
    assert said.startswith(
        "Most runs with deletion outside the path grok later than rounding alone would make them."
        "\n\n- With add and mul, 7 of 8 deleted runs (3 seeds) grok later than their plain runs "
        "or not "
        "at all, 1 of them cut off before; the same run twice differs by up to "
        "10 %, and 7 of 8 are later by more than that."
    )
    assert "Deleted from the Adam step instead, at 7 % a budget cuts comparisons off." in said
    assert said.endswith(
        "Deleted outside another seed's path, the grok step moves by 30 % of the plain run's time, "
        "against that at 7 % (one seed)."
    )
    assert "lie apart" not in said
    noisy = replace(trials, again=[Trial(synthetic_run(42, 12_000, name="again-42"))])
    assert noisy.floor > 30
    assert chapter.finding([noisy], ARMS, DOSES).endswith(
        "against that at 7 % (one seed), no further than two executions, each with a "
        "basis of its own, lie apart."
    )
    two = replace(trials, plain=trials.plain[:2])
    assert (
        "the grok step moves by −70 [−324, 184] % of the plain run's time, against that at 7 % (2"
        in (chapter.finding([two], ARMS, DOSES))
    )


def test_doses_of_a_seed_outside_different_directions_are_told_apart(trials):
    assert bases.bases_sentence(trials) == ""  # of small trials every seed has one basis
    change = trials.deleted[0].run.config.intervention
    place = next(k for k, t in enumerate(trials.deleted) if t.place == (OWN, 0.25, 42))
    other = trials.deleted[place]
    config = replace(other.run.config, intervention=replace(change, strength=0.25, basis="f" * 64))
    moved = replace(other, run=replace(other.run, record=replace(other.run.record, config=config)))
    broken = replace(trials, deleted=(*trials.deleted[:place], moved, *trials.deleted[place + 1 :]))
    assert "as follows: for seed 42, 3 and 7 % apart from 25 %." in bases.bases_sentence(broken)


def test_a_control_that_goes_one_way_is_told_though_a_budget_cuts_it_off():
    """Outside the path 20,000 and not by 24,000; on the update 12,500 and 8,400."""
    plain = [synthetic_run(42, 10_000), synthetic_run(137, 8_000)]
    twin = replace(synthetic_run(42, 11_000), name="twin")
    own, update = ARMS[:2]
    runs = [
        synthetic_run(42, 20_000, own, 0.07, last=24_000),
        synthetic_run(137, None, own, 0.07, last=24_000),
        synthetic_run(42, 12_500, update, 0.07, last=24_000),
        synthetic_run(137, 8_400, update, 0.07, last=24_000),
    ]

    def of(those, config):
        return [run for run in those if run.config.seed == config.seed]

    def said(again):
        found = gather(
            plain, ARMS, lambda config: of(again, config), lambda config: of(runs, config)
        )
        return chapter.finding([found], ARMS, DOSES)

    sooner = (
        "Deleted from the Adam step instead, at 7 % all 2 runs grok earlier than with "
        "deletion outside the path, each by 75 % of the plain run's time or more "
        "(1 of 2 cut off by a budget)"
    )
    assert said([]).endswith(f"{sooner}.")
    # 1,000 steps are 10 % of the plain run's time: 8,400 is within them, 12,500 is not
    assert said([*plain, twin]).endswith(
        f"{sooner}, and 1 of 2 are as near to the plain run as two executions of some seed "
        "are to each other."
    )


def test_what_is_near_a_plain_run_is_near_on_both_sides_and_not_cut_off():
    """Plain runs grok at 10,000 and 8,000; two executions of the first lie 10 % apart."""
    plain = [synthetic_run(42, 10_000), synthetic_run(137, 8_000)]
    twin = replace(synthetic_run(42, 11_000), name="twin")
    own, update = ARMS[:2]

    def of(those, config):
        return [run for run in those if run.config.seed == config.seed]

    def said(*runs):
        found = gather(
            plain, ARMS, lambda c: of([*plain, twin], c), lambda c: of([*early, *runs], c)
        )
        return chapter.finding([found], ARMS, DOSES)

    early = [synthetic_run(42, 5_000, own, 0.07), synthetic_run(137, 4_000, own, 0.07)]
    later = "all 2 runs grok later than with deletion outside the path, each by"
    cut = synthetic_run(137, None, update, 0.07, last=8_400)
    assert (
        f"{later} 55 % of the plain run's time or more (1 of 2 cut off by a budget), and 1 of 2 are"
        in (said(synthetic_run(42, 10_500, update, 0.07), cut))
    )
    early = [synthetic_run(42, 20_000, own, 0.07), synthetic_run(137, None, own, 0.07, last=24_000)]
    far = synthetic_run(42, 2_000, update, 0.07), synthetic_run(137, 8_400, update, 0.07)
    assert "cut off by a budget), and 1 of 2 are as near to the" in said(*far)


def test_a_delay_within_the_noise_is_no_delay_beyond_it():
    plain, twin = synthetic_run(42, 10_000), replace(synthetic_run(42, 11_000), name="twin")
    runs = [
        synthetic_run(42, grok, ARMS[0], dose)
        for dose, grok in ((0.03, 10_500), (0.07, 10_000), (0.25, 13_000))
    ]
    found = gather([plain], ARMS, lambda config: [plain, twin], lambda config: runs)
    said = chapter.finding([found], ARMS, DOSES)
    assert "2 of 3 deleted runs (one seed) grok later than their plain runs; the same run" in said
    assert "and 1 of 3 are later by more than that." in said


def test_the_finding_without_deleted_runs(bare):
    assert chapter.finding([bare], ARMS, DOSES) == (
        "With add and mul no deleted run is here yet; no run was carried out twice, so the "
        "same-seed noise is not known, and any smaller delay of one seed says nothing."
    )


def test_the_finding_says_first_that_not_even_the_plain_run_groks():
    late = gather(
        [synthetic_run(42, None, last=60_000)], ARMS, lambda config: [], lambda config: []
    )
    assert chapter.finding([late], ARMS, DOSES) == (
        "With add and mul no plain run groks within 60,000 steps, so no delay can be told; no "
        "deleted run is here either."
    )


@pytest.mark.parametrize(
    ("grok", "words"),
    [
        (14_000, "the one deleted run groks 40.0 % later than its plain run; no run was"),
        (8_000, "the one deleted run groks 20.0 % earlier than its plain run; no run was"),
        (None, "the one deleted run was cut off before it grokked; no run was"),
    ],
)
def test_the_finding_of_a_single_deleted_run(grok, words):
    one = gather(
        [synthetic_run(42, 10_000)],
        ARMS,
        lambda config: [],
        lambda config: [synthetic_run(42, grok, ARMS[0], 0.07, last=20_000)],
    )
    assert chapter.finding([one], ARMS, DOSES).startswith(f"With add and mul, {words}")


def test_a_single_deleted_run_is_set_beside_every_execution_of_its_twin():
    """The twin groks at 10,000 and, carried out again, at 11,000; a third was cut off."""
    plain = synthetic_run(42, 10_000)
    others = [synthetic_run(42, 11_000), synthetic_run(42, None, last=12_000)]
    one = gather(
        [plain],
        ARMS,
        lambda config: [plain, *(replace(run, name=f"{k}") for k, run in enumerate(others))],
        lambda config: [synthetic_run(42, 13_200, ARMS[0], 0.07, last=20_000)],
    )
    assert chapter.finding([one], ARMS, DOSES).startswith(
        "With add and mul, the one deleted run groks 20.0 to 32.0 % later than the 2 executions of "
        "its plain run; the same run twice differs by at least 20 %."
    )


def test_the_finding_where_no_plain_run_groks():
    never = gather(
        [synthetic_run(42, None, last=9000)],
        ARMS,
        lambda config: [],
        lambda config: [synthetic_run(42, 8000, ARMS[0], 0.07)],
    )
    said = chapter.finding([never], ARMS, DOSES)
    assert said == "With add and mul no plain run groks, so there is nothing to compare with."
    table = tables.dose_table([never], claims("multitask", "transverse-fragility"), [0.07])
    assert table.loc["7 %, dual", "later than plain"] == "plain never groks"


def test_a_seeds_doses_are_averaged_before_seeds_are(trials):
    """Two doses of one seed are no two runs."""
    update = ARMS[1]
    more = Trial(synthetic_run(42, 10_800, update, 0.03), "update", 0.03)
    two = replace(trials, plain=trials.plain[:2], deleted=(*trials.deleted, more))
    found, told, cut = chapter.overall(two, "update", DOSES)
    assert (found.n, told, cut) == (2, [0.03, 0.07], [])
    assert found.mean == pytest.approx(((-90 + 0) / 2 - 50) / 2)
    assert chapter.overall(trials, "amplify", DOSES) == (None, [], [])


def test_a_dose_at_which_a_budget_cuts_some_is_in_no_mean(trials):
    """Of three runs on the update one is cut off at 7 %: the other two are the quick ones."""
    assert chapter.overall(trials, "update", DOSES) == (None, [], [0.07])
    more = Trial(synthetic_run(42, 10_800, ARMS[1], 0.03), "update", 0.03)
    found, told, cut = chapter.overall(
        replace(trials, deleted=(*trials.deleted, more)), "update", DOSES
    )
    assert (found.mean, found.n, told, cut) == (0, 1, [0.03], [0.07])


def test_recovery_is_counted_within_the_published_budget(trials, bare):
    assert chapter.recovery_sentence(trials) == (
        "With add and mul, grokked within 50,000 steps: the one run with 25 % deleted."
    )
    assert chapter.recovery_sentence(trials, (0.03, 0.07)) == (
        "With add and mul, grokked within 50,000 steps: 3 of 3 runs with 3 % deleted, 3 of 3 runs "
        "with 7 % deleted."
    )
    assert chapter.recovery_sentence(bare) == (
        "With add and mul no run with 25, 50 or 75 % deleted is here yet."
    )


def test_a_run_that_was_cut_off_early_is_here_and_tells_nothing_of_the_budget():
    assert chapter.recovery_sentence(with_deleted((0.25, None))) == (
        "With add and mul every run with 25, 50 or 75 % deleted was cut off before the published "
        "budget of 50,000 steps, so none tells whether it groks within it."
    )


def test_published_doses_are_those_that_the_claims_need(trials, published):
    assert theirs.published_doses(trials, published) == [
        *(0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.25, 0.5, 0.75)
    ]
    other = gather([synthetic_run(42, 9000, tasks=("mul",))], ARMS, lambda c: [], lambda c: [])
    assert theirs.published_doses(other, published) == []


def test_the_shares_outside_are_those_of_the_claim():
    config = RunConfig(tasks=("add", "mul"), seed=42)
    found = gather([Shelf().run(config)], ARMS, lambda c: [], lambda c: [])
    (shares,) = shares_of.outsides([found]).values()
    own, alike, anywhere = shares.values()
    # what is alike in footprint holds less than what is anywhere, and far less than the path
    assert 99 < own < anywhere < alike < 100
    assert own > outside(found.plain[0].run)  # the first steps, before the deletion, held most
    assert "lies outside the path, in every run." in chapter.finding([found], ARMS, DOSES)
    table = tables.outside_table([found])
    assert table.loc["the run's own path", "outside (% of ‖g‖²)"] == f"{own:.3f}"


def with_deleted(*made, grok=10_000, last=20_000):
    """One plain run, and deleted ones of (dose, grok step)."""
    runs = [synthetic_run(42, step, ARMS[0], dose, last=last) for dose, step in made]
    return gather([synthetic_run(42, grok, last=last)], ARMS, lambda c: [], lambda c: runs)


def test_the_clock_is_read_off_the_norm(trials):
    found = {(mark.kind, mark.label, mark.dose): mark for mark in size.clock(trials)}
    assert len(found) == len(trials.plain) + len(trials.again) + len(trials.deleted)
    plain = found["plain", "seed 42", 0.0]
    assert (plain.falls, plain.grok) == (9000, 9000) and not plain.deleted
    # ‖θ‖ − 20 falls like exp(−(1 − f) t / 4000): later by 1 / (1 − f), up to the next evaluation.
    mark = found[OWN, "seed 42", 0.07]
    assert (mark.falls, mark.grok) == (9700, 18_000) and mark.deleted
    cut = found[OWN, "seed 42", 0.25]
    assert (cut.falls, cut.grok, cut.end) == (12_000, None, 24_000)


def test_a_run_that_never_gets_that_small_is_kept_drawn_and_said():
    """Its norm is what speaks against the norm."""
    found = with_deleted((0.5, 14_000), last=14_000)
    (mark,) = (mark for mark in size.clock(found) if mark.deleted)
    assert mark.falls is None and mark.grok == 14_000
    assert mark.size == pytest.approx(20 + 98 * np.exp(-2.5))
    assert mark.smallest == pytest.approx(20 + 98 * np.exp(-1.75))
    assert size.clock_sentence(found) == (
        "With add and mul, the one deleted run groks at step 14,000, where its record ends, and "
        "up to there its weights are not as small as those of its plain run when that one groks: "
        "‖θ‖ is 28 there and 37 or more here, and still falls at the end. So it did not wait for "
        "that size. But weights may also shrink because a network groks, and then their size at "
        "the grok step does not tell what a run waits for."
    )
    figure = clock.norm_clock(size.clock(found), ARMS)
    diagonal, plain, deleted = figure.data
    assert diagonal.name == "groks when the norm says so" and max(diagonal.x) == 14_000
    assert deleted.y == (14_000,) and deleted.x[0] > 14_000
    assert figure.layout.xaxis.tickvals[-1] == deleted.x[0] > figure.layout.xaxis.tickvals[-2]
    assert figure.layout.xaxis.ticktext[-1] == "not in<br>its record"
    (words,) = deleted.customdata
    assert "in its record never below 37.0 (plain groks at 28.0), groks 14,000" in words


def test_no_diagonal_stands_where_no_mark_can_miss_it(bare):
    figure = clock.norm_clock(size.clock(bare), ARMS)
    assert [trace.name for trace in figure.data] == ["plain"]
    assert figure.layout.xaxis.tickvals is None
    assert size.clock_sentence(bare) == (
        "With add and mul no deleted run is here yet, and plain runs cannot tell whether the size "
        "is all."
    )


@pytest.mark.parametrize(
    ("made", "last", "said"),
    [
        ((0.25, 18_000), 20_000, "groks, and groks 4,600 steps after it."),
        ((0.25, 9_000), 20_000, "groks, and groks 4,400 steps before it."),
        (
            (0.25, 13_400),
            20_000,
            "has, at step 13,400, weights as small as those of its plain run when that one "
            "groks, and groks right then.",
        ),
        ((0.25, None), 20_000, "groks, and was cut off at step 20,000 before it grokked."),
        ((0.5, None), 12_000, "was cut off before it grokked and before its weights were as small"),
    ],
)
def test_what_the_size_says_of_one_deleted_run(made, last, said):
    assert said in size.clock_sentence(with_deleted(made, last=last))


def test_what_the_size_says_of_several_deleted_runs(trials):
    assert size.clock_sentence(trials) == (
        "With add and mul, when a run groks its weights are, as a multiple of those of its plain "
        "run when that one groks: plain runs carried out again, 0.93 to 1.05 times; deleted as "
        "published, 0.59 to 1.07 times, in 1 of 7 larger than of any plain run; under a control, "
        "0.69 to 0.98 times, in 0 of 3 larger than of any plain run; 2 deleted runs cut off "
        "before, which tells nothing."
    )
    never = with_deleted((0.25, 18_000), grok=None)
    assert size.clock(never) == []
    assert size.clock_sentence(never) == (
        "With add and mul no plain run groks, so there is no size to compare with."
    )
    mixed = with_deleted((0.5, 12_000), (0.6, None), (0.25, 12_000), last=12_000)
    assert size.clock_sentence(mixed).endswith(
        "groks: deleted as published, 1.08 to 1.49 times, in 2 of 2 larger than of any plain run; "
        "one deleted run cut off before, which tells nothing."
    )
    # of the run at half: 20 + 98 exp(−12,000 (1 − 0.5) / 4,000) against 20 + 98 exp(−2.5)
    marks = {mark.dose: mark for mark in size.clock(mixed)}
    assert marks[0.5].ratio == pytest.approx((20 + 98 * np.exp(-1.5)) / (20 + 98 * np.exp(-2.5)))
    assert marks[0.6].ratio is None and marks[0].ratio == 1


@pytest.mark.parametrize("most", [700, 3_400, 9_700, 10_000, 21_000, 48_000, 99_900, 240_000])
def test_the_clocks_axis_has_a_few_round_steps_and_room_for_never(most):
    ticks = clock._round_steps(most)
    assert 2 <= len(ticks) <= 4 and ticks[0] == 0 and most / 3 < ticks[-1] < most


# --- tables and figures


def test_tables_say_what_the_trials_say(trials, bare, published):
    table = tables.dose_table([trials], published, DOSES)
    row = table.loc["7 %, dual"].tolist()
    assert row[:2] == ["3 of 3", 0] and row[2].startswith("93.3 [") and row[3] == "202"
    assert table.loc["25 %, dual"].tolist() == ["2 of 2", 1, "at least 183", "at least 255"]
    assert table.loc["50 %, dual"].tolist() == ["none yet", "–", "–", "162"]
    shifts = tables.shift_table([trials], ARMS, DOSES)
    assert shifts.index.tolist() == ["on the update, 7 %, dual", "another seed's, 7 %, dual"]
    first = shifts.loc["on the update, 7 %, dual"]
    assert (first["shift (points)"], first["noise (points)"]) == ("at least −13.3", "10")
    assert (first["seeds"], first["cut off"]) == (3, 1)
    two = replace(trials, plain=trials.plain[:2])
    both = tables.shift_table([two], ARMS, DOSES).loc["on the update, 7 %, dual"]
    assert both["shift (points)"] == "−70 [−324, 184]"
    cut = Trial(synthetic_run(42, None, ARMS[2], 0.25, last=24_000), "amplify", 0.25)
    neither = tables.shift_table([replace(two, deleted=(*two.deleted, cut))], ARMS, DOSES)
    assert neither.loc["amplified inside, 25 %, dual", "shift (points)"] == "open"
    assert len(tables.shift_table([bare], ARMS, DOSES)) == 0
    noise = theirs.published_noise(published, claims("multitask", "staggered-order"))
    rows = tables.noise_table([trials], noise)
    assert rows.loc["dual, λ = 1, seed 42"].tolist() == ["9,000, 9,900", "10"]
    runs = tables.computed_table([trials], ARMS)["run"].tolist()
    assert len(runs) == 5 + 8 + 4
    assert "dual, λ = 1, seed 137, as published 3 %" in runs
    assert runs.count("dual, λ = 1, seed 42, plain") == 2


def test_figures_hold_the_numbers(trials, bare, published):
    figure = draw.dose_response(trials, theirs.published_steps(trials, published), 50_000)
    dots = {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert ("7 %", 42_600) in dots["published, one seed"]
    assert dots["published, cut off by its budget"] == [
        (x, 50_000) for x in ("10 %", "15 %", "25 %")
    ]
    assert ("7 %", 18_000) in dots["ours, every seed"] and len(dots["ours, every seed"]) == 7
    assert dots["ours, cut off: later, or never"] == [("25 %", 24_000)]
    assert len(dots["plain, every execution"]) == 5
    curves = draw.survivals(trials).data
    assert curves[0].name == "plain (n = 3)" and curves[0].y[-1] == 0
    (open_end,) = (trace for trace in curves if trace.mode == "markers")
    assert (open_end.x[0], open_end.y[0]) == (24_000, 50)  # one of two, and it stays open
    shifts = {trace.name: trace for trace in draw.shifts(trials, ARMS, DOSES).data}
    assert sorted(shifts["every seed"].x) == pytest.approx([-90, -50, 30])
    assert list(shifts["at least"].x) == pytest.approx([100])
    assert list(shifts["mean and interval over seeds"].x) == []  # a budget cuts one of them off
    two = draw.shifts(replace(trials, plain=trials.plain[:2]), ARMS, DOSES)
    (mean,) = (each for each in two.data if each.name == "mean and interval over seeds")
    assert list(mean.x) == pytest.approx([-70])
    points = clock.norm_clock(size.clock(trials), ARMS).data
    assert sum(len(trace.x) for trace in points[1:]) == len(size.clock(trials))
    cut = [trace for trace in points if trace.name.endswith("cut off: later, or never")]
    assert {trace.marker.symbol for trace in cut} == {"triangle-up"}
    assert not any("open" in (trace.marker.symbol or "") for trace in points)  # hollow: published
    for each in (figure, draw.survivals(trials), clock.norm_clock(size.clock(trials), ARMS)):
        assert y_titles_fit_a_phone(each)
    for empty in (
        draw.dose_response(bare, {}, None),
        draw.survivals(bare),
        draw.shifts(bare, ARMS, DOSES),
        clock.norm_clock([], ARMS),
    ):
        assert empty.to_json()


# --- the guard


def measured():
    config = RunConfig(tasks=("add", "mul"), seed=42)
    shelf = Shelf()
    return gather([shelf.run(config)], ARMS, shelf.executions, lambda c: [])


def test_the_guard_lets_the_finding_pass_and_stops_where_it_is_not_so(trials, bare, monkeypatch):
    found = measured()
    assert chapter.guard([found]) is None
    with pytest.raises(AssertionError, match="no run tells how much of its gradient"):
        chapter.guard([trials])
    with pytest.raises(AssertionError, match="no two executions differ"):
        chapter.guard([replace(found, again=())])
    still = synthetic_run(42, None, last=9000)
    with pytest.raises(AssertionError, match="a plain run does not grok"):
        chapter.guard([found, replace(trials, plain=(*trials.plain, Trial(still)))])
    monkeypatch.setattr(shares_of, "outside", lambda run, quantity="", since=0: 40.0)
    with pytest.raises(AssertionError, match="lies inside the run's own path"):
        chapter.guard([found])


def test_shifts_between_bases_of_two_executions_are_counted(trials):
    own, other = "1" * 64, "2" * 64

    def with_bases(**named):
        changed = [replace(t, run=_outside(t.run, named.get(t.arm, own))) for t in trials.deleted]
        return replace(trials, deleted=changed)

    assert bases.partners_sentence(with_bases(), ARMS, DOSES) == ""
    assert bases.partners_sentence(with_bases(**{"other-seed": other}), ARMS, DOSES) == ""
    said = bases.partners_sentence(with_bases(update=other), ARMS, DOSES)
    assert "(on the update), 3 of 3 are between directions of two executions" in said
    assert said.endswith(f"up to {trials.floor:.3g} % of the plain run's time.")


def _outside(run, basis):
    """The same run, its deletion outside another basis."""
    change = replace(run.config.intervention, basis=basis)
    config = replace(run.config, intervention=change)
    return replace(run, record=replace(run.record, config=config))


def test_the_answer_says_what_does_the_same_and_what_does_nothing():
    """The plain run takes 10,000 steps, again 11,000; deleted 20,000, and amplified 19,500."""
    plain, twin = synthetic_run(42, 10_000), replace(synthetic_run(42, 11_000), name="twin")
    by_name = {arm.name: arm for arm in ARMS}
    grok = {("own", 0.03): 13_000, ("own", 0.07): 20_000, ("amplify", 0.07): 19_500}
    grok["other-seed", 0.07] = 10_500

    def said(changed, again=(plain, twin)):
        runs = [synthetic_run(42, at, by_name[arm], dose) for (arm, dose), at in changed.items()]
        found = gather([plain], ARMS, lambda config: list(again), lambda config: runs)
        return answering.answer(found, ARMS, DOSES)

    assert said(grok) == (
        "Most runs with deletion outside the path grok later than rounding alone would make them; "
        "to drive the inside harder and delete nothing does the same (one run); outside other "
        "directions (another seed's, one run) it does next to nothing."
    )
    assert "does the same" not in said(grok | {("amplify", 0.07): 12_000})
    assert "next to nothing" not in said(grok | {("other-seed", 0.07): 12_000})
    near = "no further than two executions, each with a basis of its own, lie apart"
    for more, held in (({}, True), ({("amplify", 0.03): 19_000}, False)):  # the second is far
        runs = [
            synthetic_run(42, at, by_name[arm], dose) for (arm, dose), at in (grok | more).items()
        ]
        found = gather([plain], ARMS, lambda config: [plain, twin], lambda config, runs=runs: runs)
        told = chapter.finding([found], ARMS, DOSES).split("\n- ")
        assert held == any("amplified" in each and near in each for each in told)
    few = said(grok | {("own", 0.03): 10_500, ("own", 0.07): 10_900})
    assert few.startswith("Few runs with deletion")
    assert said(grok, again=(plain,)) == said({("own", 0.03): 13_000}) == ""
