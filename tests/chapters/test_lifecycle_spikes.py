"""Chapter 6: what turns the edge back to the gradient, on runs made by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import made_records as cases
from explorable_harness import synthetic_passage
from grokbook.chapters import spectral_edge_lifecycle_spikes as chapter
from grokbook.chapters.spectral_edge_lifecycle_spikes import SpikedWindows
from grokbook.config import DyckConfig
from grokbook.instruments.runs import Missing, Run

SPIKES = (200, 1_000, 1_300)
"""The first lies before the turn, and has left the window by 700."""


def run_of(jumps=SPIKES, seed=42, turn=600, calm=0.2, decay=1.0):
    """A run of 2,000 steps that turns to decay, and back while a jump is in the window."""
    steps = np.arange(0, 2_001, 100)
    loss = 0.5 ** (steps / 100)
    for jump in jumps:
        loss[steps == jump] *= 50.0
    ends = range(200, 2_001, 100)
    rows = [
        (end, "gradient_share", "5 updates", "uncentred", 1, 0.9 if gradient else calm)
        for end in ends
        for gradient in [end < turn or any(0 <= end - jump < 500 for jump in jumps if jump > turn)]
    ]
    config = DyckConfig(seed=seed, weight_decay=decay)
    record = cases.Record(config, {"depth": 600}, last=2_000)
    record.steps = steps
    record.metrics = pd.DataFrame({"step": steps, "train_loss_depth": loss})
    return Run(config.id, record, [cases.measured("edge", rows)])


def shown(*runs):
    """The same runs as passages."""
    return [
        replace(
            synthetic_passage(run.config.seed),
            run_id=run.config.id,
            weight_decay=run.config.weight_decay,
        )
        for run in runs
    ]


def test_a_spike_is_more_than_tenfold_the_evaluation_before():
    record = run_of().record
    assert chapter.spikes(record).tolist() == list(SPIKES)
    record.metrics["train_loss_depth"] = 2.0 ** np.arange(21)  # a steady climb is none
    assert chapter.spikes(record).tolist() == []
    record.metrics["train_loss_depth"] = [1.0] * 7 + [10.0] * 7 + [100.1] * 7  # ten is not more
    assert chapter.spikes(record).tolist() == [1_400]


def test_windows_after_the_turn_are_told_apart_by_what_is_within():
    found = chapter.spiked_windows(run_of())
    # Of the 14 windows that end at 700 to 2,000, those at 1,000 to 1,700 hold a spike.
    assert (found.spikes, found.spiked, found.calm) == (2, (8, 8), (6, 0))
    assert found.shares == (100.0, 0.0)
    late = chapter.spiked_windows(run_of(jumps=(700,), calm=0.6))
    assert late is None  # it never turns
    assert chapter.spiked_windows(run_of(jumps=())).shares is None
    with pytest.raises(Missing):
        chapter.spiked_windows(replace(run_of(), measurements=()))


def test_half_of_the_movement_is_no_majority():
    assert chapter.spiked_windows(run_of(jumps=(1_000,), calm=0.5)) is None
    low = chapter.spiked_windows(run_of(jumps=(1_000,), calm=0.49))
    assert (low.spikes, low.spiked, low.calm) == (1, (5, 5), (9, 0))


def test_half_of_the_movement_after_the_turn_is_not_the_gradients():
    run = run_of()
    rows = run.measurements[0].rows
    rows.loc[rows["step"] == 1_200, "value"] = 0.5
    assert chapter.spiked_windows(run).spiked == (8, 7)


def test_the_placebo_shifts_the_spiked_windows_along_the_run():
    found = chapter.spiked_windows(run_of())
    # Windows 4 to 11 of 14 are the gradient's. Shifted by 5 to 9, some of the 8 spiked lie outside.
    inside = [3, 2, 2, 2, 3]
    by_hand = [100 * (k / 8 - (8 - k) / 6) for k in inside]
    assert found.shifted == pytest.approx(by_hand)
    assert found.gap == 100 and found.beyond_shifted
    assert chapter.spiked_windows(run_of(jumps=())).shifted == ()  # one kind alone, nothing to move


def test_a_gap_that_a_shift_reaches_is_not_beyond():
    gap = SpikedWindows(1, (4, 3), (4, 1), (50.0, -50.0))
    assert gap.gap == 50 and not gap.beyond_shifted
    assert replace(gap, shifted=(49.0,)).beyond_shifted
    assert not replace(gap, shifted=()).beyond_shifted


def test_a_single_window_after_the_turn_has_its_length():
    run = run_of(jumps=(1_900,), turn=1_900)
    rows = run.measurements[0].rows
    rows.loc[rows["step"] == 1_900, "value"] = 0.2
    found = chapter.spiked_windows(run)
    assert (found.spiked, found.calm) == ((1, 0), (0, 0)) and found.shares is None


def test_settings_with_decay_alone_are_counted():
    runs = [run_of(), run_of(seed=137), run_of(seed=2024, decay=0.0)]
    passages = shown(*runs)
    (name,) = {one.setting for one in passages if one.decayed}
    found = chapter.spiked_by_setting(runs, passages)
    assert list(found) == [name] and len(found[name]) == 2
    assert chapter.spiked_by_setting([], passages) == {}
    table = chapter.spike_table(found)
    assert table["with both kinds"].tolist() == ["2 of 2"]
    apart = ["100 (100 to 100)", "0 (0 to 0)", "100 (100 to 100)", "−46 (−46 to −46)"]
    assert table.iloc[0, -4:].tolist() == apart


def test_a_run_that_does_not_hold_what_is_asked_is_no_reason_to_hide_a_defect(monkeypatch):
    def broken(run):
        raise KeyError("train_loss_depth")

    monkeypatch.setattr(chapter, "spiked_windows", broken)
    with pytest.raises(KeyError):
        chapter.spiked_by_setting([run_of()], shown(run_of()))


def windows(spikes, spiked, calm, most):
    """Of one run, whose shifted windows are so many points apart at most."""
    return SpikedWindows(spikes, spiked, calm, (-40.0, float(most)))


MUCH = [
    windows(9, (10, 9), (10, 2), 44),
    windows(8, (10, 10), (10, 3), 30),
    windows(9, (10, 9), (10, 1), 40),
]
LITTLE = [
    windows(3, (4, 4), (4, 3), 30),
    windows(5, (4, 4), (4, 4), 20),
    windows(2, (4, 4), (4, 3), 10),
]


def test_the_answer_is_of_the_setting_where_spikes_matter_most():
    said = chapter.spike_answer({"weak": LITTLE, "strong": MUCH})
    assert said.startswith(
        "After the turn the training loss jumps to more than 10 times what it was, 2 to 9 times a "
        "run. The gap is widest in runs of strong: with such a spike in the window the gradient "
        "has the majority in 90 to 100 % of a run's windows, without one in 10 to 30 % (3 runs). "
        "That is 70 to 80 points apart, where the same windows shifted along the run are 30 to 44 "
        "at most. So there the gradient's return goes with jumps of the loss"
    )
    both = chapter.spike_answer({"weak": LITTLE, "as weak": LITTLE, "strong": MUCH})
    assert "In each of “weak” and “as weak” one run at least is no further apart" in both
    assert "In “weak” one run at least is no further apart than" in said
    assert said.endswith("no verdict rests on it.")
    assert "shifted" not in chapter.spike_answer({"strong": MUCH}).split("So there")[1]
    assert "do not tell" in chapter.spike_answer({"weak": LITTLE})
    unshifted = [replace(each, shifted=()) for each in LITTLE]  # too few windows to move them
    assert "no further apart" not in chapter.spike_answer({"short": unshifted, "strong": MUCH})
    one_kind = [SpikedWindows(2, (4, 4), (0, 0))] * 3
    assert chapter.spike_answer({"one kind": one_kind}) == ""
    assert chapter.spike_answer({"alone": MUCH[:1]}) == chapter.spike_answer({}) == ""


def test_two_runs_and_a_gap_that_chance_makes_conclude_nothing():
    assert "do not tell" in chapter.spike_answer({"two": MUCH[:2]})
    by_chance = [*MUCH[:2], replace(MUCH[2], shifted=(80.0,))]
    assert "do not tell" in chapter.spike_answer({"by chance": by_chance})


def test_the_glossary_says_how_much_a_spike_is():
    entry = (Path("book") / "glossary.md").read_text().split("\nspike\n")[1].split("\n\n")[0]
    assert "more than ten times" in " ".join(entry.split()) and chapter.SPIKE == 10
