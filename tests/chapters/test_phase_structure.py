"""Chapter 3: executed for real at small parameters, and what it counts on runs made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from explorable_harness import small_paces, synthetic_pace
from grokbook.chapters import phase_structure as chapter
from grokbook.chapters import phase_structure_batches as batches
from grokbook.chapters import phase_structure_law as law
from grokbook.chapters import phase_structure_leads as leads
from grokbook.chapters import phase_structure_tables as tables
from grokbook.chapters import phase_structure_words as words
from grokbook.chapters.measured import ask_all_measured, at_hand
from grokbook.chapters.wording import span
from grokbook.checks import ConfigError
from grokbook.claims.numbers import show
from grokbook.claims.readings.curvature import FULL
from grokbook.claims.registry import claims
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.figures import phase_structure as draw
from grokbook.plan import Plan
from grokbook.publishing.parameters import ParameterError
from grokbook.statistics import Interval
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.studies.asking import MissingRun
from grokbook.widgets.clocks import clock
from grokbook.widgets.from_phases import pace

NOTEBOOK = "03_phase_structure"
SMALL = {
    "settings": ["dual"],
    "modulus": 23,
    "width": 32,
    "weight_decays": [0.8],
    "seeds": [3],
    "learning_rate": 0.003,
    "exchange": False,
    "steps": 300,
    "make_missing": True,
    "readings": 3,
    "checkpoints": 0,  # the Hessian of a real model takes minutes; a small one's is read below
}
DECAYS = [1.0, 0.5, 0.3, 0.2, 0.1]


# --- the notebook


@pytest.mark.slow
@pytest.mark.long(120)
def test_small_parameters_train_measure_and_render(execute):
    notebook = execute(NOTEBOOK, SMALL, train=True)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    kinds = [kind for o in outputs if "data" in o for kind in o["data"]]
    assert kinds.count("application/vnd.plotly.v1+json") == 2  # points and leads
    text = json.dumps(outputs, ensure_ascii=False)
    assert "No Hessian of these runs is recorded yet" in text
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    assert "No run with weight decay groks here" in text
    assert "so with others they are withheld" in text
    assert "its finding is not checked here" in text
    assert "add + mul, λ = 0.8, p = 23, width 32, hidden 64, η = 0.003, seed 3" in text
    again = execute(NOTEBOOK, SMALL | {"make_missing": False}, train=False)
    said = json.dumps([o for c in again.cells if c.cell_type == "code" for o in c.outputs])
    assert "1 of the 1 runs that this page asks for is there" in said


def test_where_there_is_no_run_at_all_it_says_so_in_one_line(attempt):
    with pytest.raises(MissingRun, match="none of 1 runs is recorded or in"):
        attempt(NOTEBOOK, SMALL | {"make_missing": False}, train=False)


def test_an_unknown_parameter_is_refused_by_the_chapter_itself(attempt):
    with pytest.raises(ParameterError, match=r"unknown parameter checkpoint"):
        attempt(NOTEBOOK, {"checkpoint": 3}, train=False)


# --- what it asks for


def ask(**changes):
    given = {
        "settings": ["dual"],
        "weight_decays": DECAYS,
        "seeds": [42, 137],
        "modulus": 97,
        "learning_rate": 1e-3,
        "exchange": True,
    }
    return chapter.configs(**(given | changes))


def test_the_exchange_halves_and_doubles_about_the_pages_own_learning_rate():
    found = ask(exchange=True)
    assert len({c.id for c in found}) == len(found)
    rates = {(c.learning_rate, c.weight_decay) for c in found if c.learning_rate != 1e-3}
    assert {(5e-4, 2.0), (2e-3, 0.5)} <= rates  # equal products
    assert {(r, d) for r in (5e-4, 2e-3) for d in (1.0, 0.5, 0.3)} <= rates
    assert {c.tasks for c in found} == {("add", "mul")}
    small = ask(learning_rate=3e-3, modulus=59)
    assert {c.learning_rate for c in small} == {1.5e-3, 3e-3, 6e-3}
    assert {c.modulus for c in small} == {59}
    assert len(ask(exchange=False)) == len(DECAYS) * 2


def test_wanted_measurements_and_too_few_of_them():
    assert chapter.wanted(3, 2) == {
        "events": {},
        "commutator": {"snapshots": 3, "checkpoints": 3},
        "hessian": {"checkpoints": 2},
    }
    assert "hessian" not in chapter.wanted(3, 0)
    for readings, checkpoints, name in ((1, 30, "readings"), (140, 1, "checkpoints")):
        with pytest.raises(ConfigError, match=name):
            chapter.wanted(readings, checkpoints)
    with pytest.raises(ConfigError, match="unknown setting 'quad'"):
        ask(settings=["quad"])


# --- a small measured run


WANTED = {
    "commutator": {"snapshots": 3, "checkpoints": 3, "batch_pairs": 2},
    "hessian": {"examples": 40, "checkpoints": 2, "space": 24},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dual run of 200 steps at ten times the published rate, really measured, and its store."""
    root = tmp_path_factory.mktemp("phases")
    config = RunConfig(
        tasks=("add", "mul"),
        modulus=13,
        width=8,
        heads=2,
        hidden=8,
        batch_size=32,
        learning_rate=1e-2,
        seed=3,
    )
    places = {"store": Store(root / "store"), "shelf": Shelf(Results(root / "results"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROKBOOK_TRAIN", "allowed")
        plan = Plan(steps=200, after_grok=None)
        (run,) = ask_all_measured([config], lambda _: plan, WANTED, **places)
    return run, places


def test_depths_and_residuals_are_the_measured_rows(made):
    run, _ = made
    one = pace(run, 1e-2)
    assert set(one.curvature) == {"published", "corrected"} and not one.exchanged
    (rows,) = (m.rows for m in run.measurements if m.instrument == "hessian")
    rows = rows[(rows["quantity"] == "lowest") & (rows["part"] == "") & (rows["at"] == 1)]
    for protocol, line in one.curvature.items():
        mine = rows[rows["variant"] == protocol].sort_values("step")
        assert line.steps.tolist() == mine["step"].tolist()
        assert line.values == pytest.approx(mine["value"])
        assert line.residuals == pytest.approx(mine["error"]) and (line.residuals >= 0).all()
    found = {each.protocol: each for each in chapter.depths([one])}
    for protocol, each in found.items():
        mine = rows[rows["variant"] == protocol]
        deepest = mine.loc[mine["value"].idxmin()]
        assert each.depth == pytest.approx(-deepest["value"])
        assert each.residual == pytest.approx(deepest["error"]) and each.step == deepest["step"]
    converged = found["corrected"]
    assert 0 < converged.residual <= 0.01 * converged.depth  # the instrument's own tolerance
    table = tables.depth_table(list(found.values()), claims("multitask", "phase-structure"))
    assert table["n"].tolist() == [1]
    fine = replace(found["published"], depth=80.0, residual=3e-16)
    table = tables.depth_table([fine, converged], claims("multitask", "phase-structure"))
    assert table["estimated residual, as published"].tolist() == ["below 9.54 × 10⁻⁶"]
    assert table["residual, converged"].tolist() == [show(converged.residual)]
    figure = draw.depths(list(found.values()), {1.0: {"mean": -63.4, "sd": 11.9}})
    bars = [list(t.error_y.array) for t in figure.data]
    assert bars == [[11.9], [found["published"].residual], [found["corrected"].residual]]
    assert figure.data[0].y[0] == 63.4 and figure.data[0].error_y.array[0] == 11.9


def test_the_whole_training_set_is_a_check_at_the_same_steps(made):
    run, _ = made
    asked = page()
    assert batches.batch_checks([run]) == []
    said = batches.batch_sentence([], asked)
    assert "whole training set yet" in said
    assert "--with hessian.examples=4608 --with hessian.checkpoints=0" in said
    (few,) = (each for each in run.measurements if each.instrument == "hessian")
    rows = few.rows.astype({"value": float, "error": float})
    mine = (rows["quantity"] == "lowest") & (rows["variant"] == "corrected")
    factors = 1 + np.arange(mine.sum()) / 100
    rows.loc[mine, "value"] *= factors
    rows.loc[mine, "error"] = 0.03 * rows.loc[mine, "value"].abs()
    pairs = run.config.table().drawn_from
    rows["count"] = pairs
    whole = replace(few, parameters={**few.parameters, **FULL}, rows=rows)
    both = replace(run, measurements=(*run.measurements, whole))
    (found,) = batches.batch_checks([both, run])
    assert (found.few, found.whole) == (WANTED["hessian"]["examples"], pairs) == (40, 72)
    total = few.rows[mine & (few.rows["part"] == "") & (few.rows["at"] == 1)]
    expected = factors[mine[mine].index.get_indexer(total.index)]
    upto = (total["step"] <= run.stop).to_numpy()
    assert found.ratios == pytest.approx(expected[upto], rel=1e-6) and len(found.ratios) > 1
    values = total["value"].to_numpy(float)[upto]
    assert found.deepest == pytest.approx((values * expected[upto]).min() / values.min())
    assert found.residual == pytest.approx(0.03, rel=1e-5)
    said = batches.batch_sentence([found], asked)
    assert "40 pairs, the training set 72. On one run (λ = 1)" in said
    assert f"{span([found.deepest])} times as deep" in said and "above 3 % of" in said
    assert "deeper on fewer pairs" not in said
    shallow = replace(found, deepest=0.96)  # its residuals are 3 %
    within = batches.batch_sentence([replace(found, deepest=0.98)], asked)
    assert "deeper on fewer pairs" not in within
    assert "deeper on fewer pairs" in batches.batch_sentence([shallow], asked)
    assert "deeper on fewer pairs" not in batches.batch_sentence([shallow, found], asked)
    later = [  # beyond the published stop two batches are two batches still
        replace(m, rows=m.rows.assign(step=m.rows["step"].where(m.rows["step"] == first, 9_999)))
        for first in [total["step"].min()]
        for m in (few, whole)
    ]
    (all_of_it,) = batches.batch_checks([replace(run, measurements=later)])
    assert len(all_of_it.ratios) > len(found.ratios)
    assert "need not be so" in batches.batch_sentence([shallow], asked)
    alike = replace(shallow, ratios=(0.9, 0.95))
    assert "need not be so" not in batches.batch_sentence([alike], asked)
    flat = rows.copy()
    flat.loc[mine & (flat["step"] == total["step"].min()), "value"] = 1e-3
    one_flat = replace(whole, rows=flat)
    few_flat = few.rows.assign(
        value=few.rows["value"].where(few.rows["step"] > flat["step"].min(), 1)
    )
    for mine in ([*run.measurements, one_flat], [replace(few, rows=few_flat), whole]):
        (left,) = batches.batch_checks([replace(run, measurements=mine)])
        assert left.ratios == pytest.approx(expected[upto][1:], rel=1e-6)
    part = replace(whole, rows=rows.assign(count=pairs - 1))
    assert batches.batch_checks([replace(run, measurements=(*run.measurements, part))]) == []
    same = replace(few, rows=few.rows.assign(count=pairs))  # the one batch holds them all
    assert batches.batch_checks([replace(run, measurements=(same, whole))]) == []
    # the explorable keeps to the batch that all runs have
    assert pace(both, 1e-2).curvature["corrected"].values == pytest.approx(
        pace(run, 1e-2).curvature["corrected"].values
    )


def test_onsets_and_placebos_are_there_only_where_they_were_measured(made):
    run, _ = made
    one = pace(run, 1e-2)
    assert set(one.onsets) == {"dual", "tri", "ours"} and one.placebos == {}
    bare = pace(replace(run, measurements=()), 1e-3)
    assert bare.onsets == bare.curvature == {} and bare.exchanged


def test_at_hand_finds_what_is_stored_and_makes_nothing(made):
    run, places = made
    other = RunConfig(tasks=("add", "mul"), modulus=13, seed=4)
    (found,) = at_hand([other, run.config], WANTED, **places)
    assert found.config.id == run.config.id
    assert {m.instrument for m in found.measurements} == {"commutator", "hessian"}
    (less,) = at_hand([run.config], {"hessian": WANTED["hessian"], "events": {}}, **places)
    assert [m.instrument for m in less.measurements] == ["hessian"]  # events were not measured
    with pytest.raises(MissingRun, match=r"none of 1 runs is recorded or in the store, such as `g"):
        at_hand([other], WANTED, **places)
    with pytest.raises(MissingRun, match="no run is asked for"):
        at_hand([], WANTED, **places)
    with pytest.raises(ConfigError, match="unknown instrument 'curvature'"):
        at_hand([other], {"curvature": {}}, **places)


# --- runs made by hand


def power(alpha, decays=DECAYS, seeds=(1, 2, 3, 4), kink=0.0, noise=0.0, draw=5):
    """Runs whose grok step is 10,000 λ^−α times the seed's own factor; slower below 0.3."""
    rng = np.random.default_rng(draw)
    found = []
    for seed in seeds:
        for decay in decays:
            bend = max(0.0, np.log(chapter.CRITICAL / decay))
            step = 10_000 * np.exp(-alpha * np.log(decay) + kink * bend + rng.normal(0, noise))
            step = round(step * (1 + 0.1 * seed))
            found.append(
                synthetic_pace(seed, (step, step), decay, last=-(-step // 100) * 100 + 200)
            )
    return found


@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.0])
def test_exponents_are_a_seeds_own_slope(alpha):
    found = chapter.exponents(power(alpha))
    assert list(found) == ["1", "2", "3", "4"]
    assert list(found.values()) == pytest.approx([alpha] * 4, abs=1e-4)


def test_a_seed_with_one_decay_has_no_exponent():
    runs = [*power(0.9, seeds=(1,)), *power(0.9, decays=[1.0], seeds=(2,))]
    assert list(chapter.exponents(runs)) == ["1"]
    assert chapter.exponents(power(0.9, decays=[1.0])) == {}
    assert chapter.against_chance(power(0.9, decays=[1.0])) is None


def test_the_null_of_no_dependence_is_dealt_within_each_seed():
    steep = chapter.against_chance(power(0.9))
    assert steep.p < 0.01 and steep.statistic == pytest.approx(0.9, abs=1e-4)
    flat = [chapter.against_chance(power(0.0, noise=0.1, draw=k)).p for k in range(15)]
    assert sum(p <= 0.05 for p in flat) <= 3
    two = chapter.against_chance(power(0.9, decays=[1.0, 0.5], seeds=(1,)))
    assert two.p == two.least == 0.5  # one of two orders
    pair = chapter.against_chance(power(0.9, decays=[1.0, 0.5], seeds=(1, 2, 3)))
    assert pair.p == pytest.approx(1 / 8)


def test_two_regimes_are_told_from_one():
    bent = chapter.regimes(power(0.5, kink=0.8, noise=0.02))
    assert bent.two and bent.change == pytest.approx(0.8, abs=0.1) and bent.n == 4
    straight = chapter.regimes(power(0.9, noise=0.05))
    assert not straight.two
    assert chapter.regimes(power(0.9, decays=[1.0, 0.5])) is None
    said = law.two_regimes(power(0.5, kink=0.8, noise=0.02))
    assert "predict the grok steps of an unseen seed better than one" in said
    assert "n = 4 seeds" in said
    lacking = law.two_regimes(power(0.9, decays=[1.0, 0.5]))
    assert "takes 3 seeds, each with 2 weight decays above 0.3 and 2 below" in lacking


def test_what_the_page_says_of_the_power_law():
    claim = claims("multitask", "phase-structure")["MT-28"]
    said = law.power_law(power(0.9), claim)
    assert said.startswith("4 seeds grok at more than one weight decay. The exponent")
    assert "is 0.9 [0.9, 0.9]; a plain clock has 1, the paper 0.911" in said
    assert "The interval holds neither. With grok steps" in said
    assert "no test of a power law" not in said
    assert "; no other dealing that was tried is as steep. Without" in said
    assert said.endswith(
        "Without λ = 1 α is 0.9 [0.9, 0.9]; one weight decay was left out after the runs had been "
        "seen."
    )
    for low, high, holds in ((0.5, 1.2, "both"), (0.5, 0.95, "the paper"), (0.95, 2, "the clock")):
        mean = Interval(mean=(low + high) / 2, low=low, high=high, n=4, level=0.95)
        assert law._held_by(mean, 0.911).startswith(f" The interval holds {holds}")
    two = law.power_law(power(0.9, decays=[1.0, 0.5], seeds=(1,)), claim)
    assert two.startswith("One seed groks at more") and two.endswith("no test of a power law.")
    assert "The interval" not in two, "one seed has none"
    few = "p = 0.5. That is as small as so few runs can give: it cannot show whether weight decay"
    assert few in two
    assert law.power_law(power(0.9, decays=[1.0]), claim).startswith("No seed of dual groks at")
    assert "t ∝ λ⁻ᵅ, λ from 1 to 0.5, is" in two and "of another study" not in two
    asked_for, every = power(0.9, decays=[1.0, 0.5]), power(0.9, decays=[2.0, 1.0, 0.5])
    both = law.power_law(asked_for, claim, more=every)
    assert "With the runs at λ = 2 of another study α is 0.9 [0.9, 0.9]." in both


def test_the_sweep_leaves_out_other_learning_rates_and_runs_cut_off():
    kept = chapter.sweep(small_paces(), "dual")
    assert [(p.weight_decay, p.seed) for p in kept] == [
        (1.0, 42),
        (1.0, 137),
        (1.0, 2024),
        (0.5, 42),
    ]


LEADS = {"dual": (5000, None), "tri": (2000, 1800), "ours": (1500, 400)}


def led(seed, grok, **onsets):
    return replace(
        synthetic_pace(seed, (grok, grok), measured=True), onsets=LEADS | onsets, curvature={}
    )


def test_detectors_have_the_record_that_the_runs_give_them():
    still = replace(synthetic_pace(1, (None, None), 0.0, measured=True), onsets=LEADS)
    unread = synthetic_pace(9)
    found = {e.name: e for e in leads.detectors([led(1, 9_000), led(2, 4_000), still, unread])}
    assert len(found) == 2 * 3 + 4
    dual = found["dual detector, published"]
    assert list(dual.leads.values()) == [4_000, -1_000]
    assert (dual.ahead, dual.raised, dual.quiet) == (1, 1, 1)
    assert found["dual detector, true"].ahead == 0
    assert found["10 × the start, true"].median == 6_100
    assert found["weights at half their norm"].leads["add + mul, seed 1, λ = 1"] is None
    assert leads.detectors([unread]) == []


def test_another_seeds_onset_is_that_of_the_next_seed_at_the_same_decay():
    runs = [led(1, 9_000, dual=(8_500, 100)), led(2, 4_000, dual=(3_000, 100))]
    found = leads.borrowed(runs, "dual")
    assert (found.ahead, found.of) == (1, 2)  # 3,000 leads 9,000; 8,500 does not lead 4,000
    assert leads.borrowed(runs, "dual", true=True).ahead == 2
    alone = [runs[0], replace(runs[1], weight_decay=0.5)]
    assert leads.borrowed(alone, "dual").of == 0
    table = tables.detector_table(runs)
    assert table.loc["dual detector, published"].tolist()[:2] == ["2 of 2", "1 of 2"]
    assert table.loc["step 1,000, always"].tolist()[:2] == ["2 of 2", "–"]
    assert set(table["false alarms"]) == {"–"}


def test_leads_as_shares_are_means_of_ratios_over_runs_with_an_onset():
    runs = [led(1, 10_000), led(2, 5_000, dual=(None, None)), led(3, 8_000)]
    (cell,) = leads.lead_shares(runs).values()
    assert cell["dual"].n == 2 and cell["dual"].mean == pytest.approx((50 + 37.5) / 2)
    assert cell["tri"].n == 3
    table = tables.share_table(runs, claims("multitask", "phase-structure"))
    assert table.loc["dual, λ = 1", "published (%)"] == "52.9"
    assert table.loc["dual, λ = 1", "dual detector (%)"].startswith("43.8 [")


# --- what is said of what is there and what is not


def page(**changes):
    given = {"weight_decays": [*DECAYS, 0.0], "seeds": [42, 137, 2024]} | changes
    configs = ask(settings=["dual", "tri"], **given)
    return words.Asked(configs, given["weight_decays"], given["seeds"], 97, 128, 1e-3)


def test_the_page_says_how_few_runs_there_are_and_what_makes_the_rest():
    said = words.few(page(), [synthetic_pace(42), synthetic_pace(137)])
    assert said.startswith("2 of the 36 runs that this page asks for are there.")
    assert "**dual**: 2 at λ = 1. None at λ = 0.5, 0.3, 0.2, 0.1, 0: " in said
    assert "`grokbook study dual --set weight_decay=0.5,0.3,0.2,0.1,0 --seeds 3`" in said
    assert "**tri**: no run. None at" in said
    rest = "further runs; more of them: `grokbook study exchange"
    assert f"**another learning rate**: none of 21 {rest} --seeds 3`." in said
    full = [synthetic_pace(s, weight_decay=d) for s in (42, 137, 2024) for d in [*DECAYS, 0.0]]
    said = words.few(page(), [*full, synthetic_pace(42, learning_rate=5e-4)])
    assert "None at" not in said.split("tri")[0] and f"1 of 21 {rest}" in said


def test_commands_name_the_world_that_they_are_for():
    other = words.Asked((), [0.5], [7, 8], 59, 64, 3e-3)
    assert other.command("study", "dual", decays=[0.5]) == (
        "grokbook study dual --set weight_decay=0.5 --set modulus=59 --set width=64 "
        "--set hidden=128 --set learning_rate=0.003 --set seed=7,8"
    )
    assert "learning_rate" not in words.exchange_command(other)


def test_a_longer_run_without_decay_is_asked_for_until_it_is_there():
    still = synthetic_pace(42, (None, None), 0.0, last=50_000)
    said = words.longest_still(page(), [still])
    assert "plan.steps_without_decay=150000" in said and "--seeds 1`" in said
    long = synthetic_pace(42, (None, None), 0.0, last=150_000)
    accuracy = np.full((2, len(long.steps)), 0.05)
    accuracy[0, long.steps == 40_000] = 0.11
    accuracy[1, -1] = 0.34
    long = replace(long, accuracy=accuracy)
    assert words.longest_still(page(), [still, long]) == (
        "Without weight decay the run of seed 42 was carried on to step 150,000 and has not "
        "grokked: its test accuracy is of add 11 % at most up to step 50,000 and 5 % at the end, "
        "of mul 5 % at most up to step 50,000 and 34 % at the end."
    )
    late = synthetic_pace(42, (130_000, 140_000), 0.0, last=150_000)
    assert words.longest_still(page(), [late]).endswith("150,000, and groks at step 140,000.")


def test_notes_are_for_what_is_missing_alone():
    assert set(words.notes(page(), [synthetic_pace()])) == {"hessian", "leads", "exchange"}
    assert "exchange" not in words.notes(page(), small_paces())
    assert "−63.4 ± 11.9 at λ = 1: `grokbook measure dual --instruments hessian" in words.no_depth(
        page(), claims("multitask", "phase-structure")
    )


def test_executions_of_one_config_are_compared_as_ratios():
    assert chapter.repeats([[9_000.0, 10_000.0], [100.0, 100.0]]) == pytest.approx([10 / 9, 1])
    assert "differ by 5 % on average, by 11 % at most" in law.repeated([10 / 9, 1.0])
    assert "1 of these configurations was trained more than once" in law.repeated([1.1])
    assert law.repeated([]) == ""


def test_the_table_has_a_row_a_cell_and_no_number_where_a_run_was_cut_off():
    published = tables.published_steps(claims("multitask"))
    assert published["dual"][1.0] == pytest.approx((13_333 + 13_133) / 2)
    assert published["tri"][1.0] == pytest.approx(18_289, abs=1)
    table = tables.pace_table(page(), small_paces(), published)
    assert len(table) == 12
    assert table.loc["dual, λ = 1", "runs"] == "3 of 3"
    assert table.loc["dual, λ = 1", "ours (steps)"].startswith("8,667 [")
    assert table.loc["dual, λ = 0.5"].tolist()[2:] == ["16,000", "8.12", "8"]
    cut = "1 cut off by {}"
    assert table.loc["dual, λ = 0.3"].tolist()[2:] == [
        cut.format("30,000"),
        "8.51",
        "–",
    ]
    assert table.loc["dual, λ = 0"].tolist()[1:] == [
        "–",
        cut.format("50,000"),
        "–",
        "stays 0",
    ]
    assert table.loc["tri, λ = 0.1", "ours (steps)"] == "–"
    strong = [replace(pace, weight_decay=2.0) for pace in small_paces() if pace.weight_decay == 1]
    more = tables.pace_table(page(), [*small_paces(), *strong], published)
    assert len(more) == 12 + len({pace.setting for pace in strong})
    assert more.index[0] == "dual, λ = 2" and more.loc["dual, λ = 2", "runs"] == "3"


def test_the_figure_has_every_run_in_steps_and_in_tau():
    paces = small_paces()
    found = draw.collapse(paces, [clock(paces, "dual")], {"dual": {1.0: 13_233.0}})
    dots = [t for t in found.data if t.mode == "markers" and "every seed" in t.name]
    in_steps = sorted(y for t in dots if t.yaxis == "y" for y in t.y)
    assert in_steps == sorted(p.grok or p.last_step for p in paces if p.weight_decay > 0)
    in_tau = sorted(y for t in dots if t.yaxis == "y2" for y in t.y)
    assert in_tau == pytest.approx(
        sorted(p.tau(p.grok or p.last_step) for p in paces if p.weight_decay > 0)
    )
    (band,) = (t for t in found.data if t.fill == "toself")
    assert max(band.y) == clock(paces, "dual").high and min(band.y) == clock(paces, "dual").low
    symbols = {s for t in dots for s in t.marker.symbol}
    assert symbols == {"circle", "triangle-up", "square", "arrow-up-open"}
    assert len(draw.collapse([synthetic_pace(1, (None, None), 0.0)], [], {}).data) == 2
    one = clock(paces, "dual")
    two = draw.collapse(paces, [one, replace(one, setting="tri")], {})
    assert len({trace.fillpattern.shape for trace in two.data[:2]}) == 2, "two bands, two swatches"
    assert list(two.layout.xaxis.ticktext)[-2:] == ["0.5", "1"]
    assert all("," in text for text in two.layout.yaxis.ticktext), "no bare digits"


# --- the finding


def test_the_finding_counts_what_is_there():
    said = words.finding(small_paces())
    assert said.startswith(
        "A plain clock is not ruled out, and hardly put to the test.\n\n- At equal ηλ, where"
    )
    assert (
        "The run without weight decay had not grokked when it was cut off at 50,000 steps; its "
        "clock stands still" in said
    )
    assert "not run yet" not in said
    few = words.finding([synthetic_pace(), synthetic_pace(137, (7_000, 7_100))])
    assert "so nothing can be compared yet" in few
    assert few.endswith(
        "The control that decides, another learning rate at equal ηλ, is not run yet."
    )


def test_the_finding_of_several_runs_without_decay():
    still = [
        synthetic_pace(seed, (None, None), 0.0, last=last)
        for seed, last in ((1, 50_000), (2, 150_000))
    ]
    assert (
        "Of 2 runs without weight decay, 2 had not grokked when cut off at 50,000 to 150,000 "
        "steps; their clock stands still." in words.finding([*power(0.9), *still])
    )
    both = [still[0], replace(still[1], setting="tri")]
    assert (
        "50,000 to 150,000 steps (1 of dual, 1 of tri); their clock stands still."
        in words.finding([*power(0.9), *both])
    )


def test_the_guard_lets_the_finding_pass_and_stops_where_it_flips():
    runs = power(0.9)
    still = synthetic_pace(1, (None, None), 0.0)
    assert chapter.guard([*runs, still]) is None
    with pytest.raises(AssertionError, match="fewer than two weight decays grok"):
        chapter.guard(power(0.9, decays=[1.0]))
    with pytest.raises(AssertionError, match="the weakest weight decay no longer takes longest"):
        chapter.guard(power(-0.5))
    slow_between = [*power(0.9, decays=[1.0, 0.1]), *power(2.0, decays=[0.2])]
    with pytest.raises(AssertionError, match="the weakest weight decay no longer takes longest"):
        chapter.guard(slow_between)
    with pytest.raises(AssertionError, match="a run without weight decay groks"):
        chapter.guard([*runs, replace(still, groks=(900, None))])
