"""Chapter 6: what the turn owes to the window, on runs made by hand and on those recorded."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_records as cases
from explorable_harness import synthetic_passage
from grokbook.chapters import negative_results_edge as edge
from grokbook.chapters import spectral_edge_lifecycle_windows as windows
from grokbook.chapters.spectral_edge_lifecycle_windows import Bracket
from grokbook.config import DyckConfig
from grokbook.instruments.runs import Missing, Run

GRIDS = {3: [200, 300, 500, 1_000], 5: range(200, 2_000, 100), 10: [900, 1_000, 1_500], 20: [2_000]}
"""Windows that are measured: those of five updates at every snapshot, others at some."""
FOLLOWS = {3: 400, 5: 600, 10: 1_100, 20: 9_000}
"""From which step on decay has the majority: as soon as the first update has left."""


def run_of(turns, seed=42, grids=GRIDS, early=None):
    """A run of whose windows decay has the majority from a step on, for 600 steps."""
    rows = [
        (step, "gradient_share", f"{size} updates", "uncentred", 1, value)
        for size, steps in grids.items()
        for step in steps
        for value in [0.1 if turns[size] <= step < turns[size] + 600 else 0.9]
    ]
    config = DyckConfig(seed=seed)
    record = cases.Record(config, {"depth": 600}, last=2_000)
    metrics = {"step": [0, 1, 100, 200, 300]}
    if early:
        metrics["learned_displacement"] = [np.nan, 1.0, early, 2.0, 1.0]
    record.metrics = pd.DataFrame(metrics)
    return Run(config.id, record, [cases.measured("edge", rows)])


def shown(*runs):
    """The same runs as passages that grok."""
    return [replace(synthetic_passage(run.config.seed), run_id=run.config.id) for run in runs]


def test_a_turn_lies_between_two_measured_full_windows():
    run = run_of(FOLLOWS)
    assert windows.bracket(run, 3) == Bracket(300, 500)
    assert windows.bracket(run, 5) == Bracket(500, 600)
    assert windows.bracket(run, 10) == Bracket(1_000, 1_500)
    assert windows.bracket(run, 20) == Bracket(None, None)
    # Windows of fewer updates, at the start, are none: the one to 300 is not the first of five.
    assert windows.bracket(run_of(FOLLOWS | {5: 300}), 5) == Bracket(None, 500)
    assert windows.bracket(run_of(FOLLOWS | {3: 200}), 3) == Bracket(None, 300)
    with pytest.raises(Missing, match="no full window of 10 updates"):
        windows.bracket(run_of(FOLLOWS, grids=GRIDS | {10: [900]}), 10)


def test_a_run_counts_only_if_it_is_measured_in_windows_of_every_length():
    whole, short = run_of(FOLLOWS), run_of(FOLLOWS, 137, GRIDS | {10: [900]})
    found = windows.brackets([whole, short])
    assert {size: len(each) for size, each in found.items()} == {3: 1, 5: 1, 10: 1, 20: 1}
    assert windows.brackets([short]) == {}


def test_the_answer_names_every_length_and_how_far_the_first_steps_go():
    runs = [run_of(FOLLOWS, early=5.0), run_of(FOLLOWS | {5: 700}, 137, early=7.0)]
    assert windows.window_answer(runs, shown(*runs)) == (
        "The step at which the first direction turns to weight decay is set by the window's "
        "length: it comes, in windows of 3 updates after step 300 and by 500 (2 of 2), of 5 "
        "updates after step 500 to 600 and by 600 to 700 (2 of 2), of 10 updates after step 1,000 "
        "and by 1,500 (2 of 2) and of 20 updates never (0 of 2). The first hundred steps take the "
        "weights 3 times as far as any later hundred (median), and the first direction is theirs "
        "until they leave the window."
    )
    alone = windows.window_answer(runs[:1], shown(*runs[:1]))
    assert "2.5 times as far as any later hundred, and" in alone
    bare = [run_of(FOLLOWS)]
    assert windows.window_answer(bare, shown(*bare)).endswith("never (0 of 1).")
    assert windows.window_answer(runs, []) == ""  # none of them groks
    none = [run_of(dict.fromkeys(FOLLOWS, 9_000))]
    assert windows.window_answer(none, shown(*none)) == ""


def test_a_turn_that_keeps_to_its_step_does_not_follow_the_window():
    kept = [run_of(FOLLOWS | {10: 1_000})]  # from the first window of ten on
    assert windows.window_answer(kept, shown(*kept)).startswith("The turn of the first direction")
    five, none = Bracket(500, 600), Bracket(None, None)
    assert windows.follows({5: [five], 10: [Bracket(1_000, 1_100)], 20: [none]})
    for ten in (none, Bracket(400, 500), Bracket(None, 1_000)):
        assert not windows.follows({5: [five], 10: [ten]})


def test_the_table_has_a_setting_a_row():
    runs = [run_of(FOLLOWS), run_of(FOLLOWS, 137)]
    table = windows.window_table(runs, shown(*runs))
    assert table.loc["λ = 1"].tolist() == [
        "2 of 2: 300–500",
        "2 of 2: 500–600",
        "2 of 2: 1,000–1,500",
        "0 of 2",
    ]


def test_a_cell_spans_from_the_first_to_the_last_of_its_runs():
    found = [windows.Bracket(300, 500), windows.Bracket(600, 700), windows.Bracket(400, 1_000)]
    assert windows._between(found) == "300–1,000"
    assert windows._between([*found, windows.Bracket(None, 200)]) == "0–1,000"


def test_the_recorded_turns_follow_the_window():
    found = windows.brackets([run for run in edge.edges().runs if run.config.weight_decay == 1])
    assert len(found[5]) >= 5 and windows.follows(found)
    assert {each.by for each in found[5]} == {600}
    assert all(each.after == 1_000 for each in found[10])
