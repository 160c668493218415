"""The negative results: numbers of recorded runs against independent ones, and the sentences."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from grokbook.chapters import asked
from grokbook.chapters import negative_results as page
from grokbook.chapters import negative_results_defects as defects
from grokbook.chapters import negative_results_tables as tables
from grokbook.chapters import negative_results_words as words
from grokbook.claims.readings.paths import WALK
from grokbook.claims.shelf import Shelf
from grokbook.models.exchange import from_state_dict
from grokbook.store.recorded import Results


def configs(setting, seeds=(42, 137, 2024)):
    return asked.wanted([setting], [1.0], seeds, modulus=97, learning_rate=1e-3)


@pytest.fixture(scope="module")
def runs():
    shelf = Shelf()
    return [shelf.run(config) for config in configs("dual")]


@pytest.fixture(scope="module")
def one_reading():
    return defects.readings(configs("dual", [42]))


def test_the_two_ends_of_a_run(one_reading):
    start, end = one_reading
    assert (start.trained, end.trained) == (False, True)
    # 2602.18523 figure 7b has about 1.25 at the first point; one pair scatters by a tenth.
    assert start.defect.published == pytest.approx(1.25, rel=0.2)
    assert start.defect.corrected == pytest.approx(0.18, rel=0.1)
    state = Results().weights(configs("dual", [42])[0])
    norm = np.sqrt(sum(np.square(w.astype(float)).sum() for w in state.values()))
    record = Results().executions(configs("dual", [42])[0])[-1]
    assert norm == pytest.approx(record.metrics["parameter_norm"].iloc[-1], rel=1e-6)
    # The norms of the true δ and its rounding differ by at most the rounding itself.
    assert abs(end.defect.published - end.defect.corrected) <= end.defect.rounding


def test_without_recorded_weights_there_is_the_start_alone():
    (config,) = configs("dual", [1])
    assert [each.trained for each in defects.readings([config])] == [False]


def test_sentences_of_the_defect(one_reading):
    start, end = (each.defect for each in one_reading)
    assert f"{start.published / start.corrected:.3g} times" in words.start_sentence(one_reading)
    assert f"{100 * end.floor / end.rounding:.3g} % of it" in words.floor_sentence(one_reading)
    assert words.bound_sentence(one_reading[:1]) == ""
    assert "No weights" in words.floor_sentence(one_reading[:1])
    assert len(tables.reading_table(one_reading)) == 2


def test_directions_by_chance():
    count, rho = page.outside_by_chance(configs("dual", [42])[0])
    assert (count, rho) == (16, pytest.approx(np.sqrt(1 - 16 / 302_914), abs=1e-12))


def test_thresholds_are_those_of_the_curves(runs):
    for run in runs:
        for variant, k in page.thresholds(run).items():
            curves = [
                run.rows("reconstruction", "test_accuracy", part=task, variant=variant)
                for task in run.tasks
            ]
            least = np.min([curve["value"].to_numpy(float) for curve in curves], axis=0)
            enough = least.round(7) >= 0.9  # rows are stored to seven digits
            first = curves[0]["at"].to_numpy(float)[enough]
            assert k == (first[0] if len(first) else None), (run.name, variant)


def test_directions_hold_more_the_more_they_are(runs):
    for run in runs:
        assert page.captured(run, "published") > page.captured(run, "held-out") > 50
        assert page.best_of_worst(run, "published") > 99


def test_the_share_along_the_start(runs):
    """By the recorded weights and the initial ones; those are of 2,000 steps later."""
    for run, share in zip(runs, page.along_start(runs), strict=True):
        layout = page.Layout.of(run.config)
        start = page.initial_parameters(layout, [run.config.init_seed])[0].double()
        state = {n: torch.as_tensor(w) for n, w in Results().weights(run.config).items()}
        moved = from_state_dict(layout, state)[0].double() - start
        along = float((moved @ start) ** 2 / (start @ start) / (moved @ moved))
        assert share == pytest.approx(100 * along, abs=1)


def test_two_executions():
    found = page.again(configs("dual") + configs("tri"))
    assert len(found) == 6 + 9
    for config in configs("dual"):
        executions = Results().executions(config)
        each = next(e for e in found if (e.run, e.task) == (config.label, "mul"))
        assert each.steps == tuple(one.grok_step("mul", "0.98x3") for one in executions)
        assert len(each.steps) == 3 and each.apart == sorted(each.steps)[2] - sorted(each.steps)[0]
        assert each.share == each.apart / each.steps[0]
    assert page.again(configs("dual", [1])) == []
    assert "None" in words.again_sentence([])
    one = page.Again("a", "add", (1_000, 1_200), (100, 300))
    assert words.again_sentence([one]) == (
        "Executions of one config grok 20 % apart, 200 steps. In 0 of 1 cases that is more than "
        "the run's first and last task are apart in any."
    )


def test_the_librarys_hessian_is_not_symmetric_and_ours_is():
    theirs, ours = page.asymmetries()
    assert ours < 1e-12
    assert theirs > 0.01, "torch.func.hessian is symmetric now: the page must say so"


def test_the_page_says_what_the_runs_say(runs):
    found = defects.readings(configs("dual"))
    page.guard(runs, found, page.again(configs("dual")))
    start = [each for each in found if not each.trained]
    late = [defects.Reading(each.run, True, each.defect) for each in start]
    with pytest.raises(AssertionError, match="floor is one after all"):
        page.guard(runs, start + late, [])
    same = page.Again(runs[0].config.label, "add", (900, 900), (100, 100))
    with pytest.raises(AssertionError, match="nearly the same twice"):
        page.guard(runs, found, [same])
    for sentence in (
        words.walk_sentence(runs),
        words.decline_sentence(runs),
        words.held_out_sentence(runs),
        words.other_seed_sentence(runs),
        words.noise_sentence(runs),
    ):
        assert sentence.endswith(".") and "nan" not in sentence
    assert words.walk_sentence(runs[:1]).startswith("One seed gives no interval.")
    for table in (tables.walk_table, tables.decline_table, tables.threshold_table):
        assert len(table(runs)) >= 4


def test_matrices_are_not_above_a_null_that_their_interval_reaches():
    """Shares of 70, 71, … 77 % in two runs alike; a walk has 75 %, a relaxation 72 %."""
    spec = importlib.util.spec_from_file_location(
        "by_hand", Path(__file__).parents[1] / "claims" / "test_readings_by_hand.py"
    )
    hand = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hand)
    rows = hand.shares(lambda k: 0.7 + k / 100)
    rows += hand.shares(lambda k: 0.7505, variant=WALK)
    rows += hand.shares(lambda k: 0.7205, variant=page.RELAXATION)
    rows += hand.shares(lambda k: 1.0, "z", WALK, at=math.nan)
    runs = [hand.run("dual", 600, hand.measured("trajectory", rows), seed=s) for s in (42, 137)]
    assert words.walk_sentence(runs) == (
        "Of the 8 attention matrices the first component of the path holds more in 2 (1 · W_V, 1 · "
        "W_O) and less in 6 (0 · W_Q, 0 · W_K, 0 · W_V, 0 · W_O, 1 · W_Q, 1 · W_K) than random "
        "walks with the run's own steps, by the interval over 2 runs of the difference within a "
        "run; and more in 5 (0 · W_O, 1 · W_Q, 1 · W_K, 1 · W_V, 1 · W_O) and less in 3 (0 · W_Q, "
        "0 · W_K, 0 · W_V) than relaxations from the run's own start, which only decay and are "
        "pushed at random. In the others these runs do not tell."
    )
    assert words.walk_sentence(runs[:1]) == "One seed gives no interval."
