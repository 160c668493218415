"""Chapter 6: what turns the edge back to the gradient, on runs made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import made_records as cases
from explorable_harness import synthetic_passage
from grokbook.chapters import spectral_edge_lifecycle_spikes as chapter
from grokbook.chapters.spectral_edge_lifecycle_spikes import Return
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
    found = chapter.returned(run_of())
    # Of the 14 windows that end at 700 to 2,000, those at 1,000 to 1,700 hold a spike.
    assert found == Return(spikes=2, spiked=(8, 8), calm=(6, 0))
    assert found.shares == (100.0, 0.0)
    late = chapter.returned(run_of(jumps=(700,), calm=0.6))  # 0.6 is the gradient's, everywhere
    assert late is None  # it never turns
    assert chapter.returned(run_of(jumps=())).shares is None
    with pytest.raises(Missing):
        chapter.returned(replace(run_of(), measurements=()))


def test_half_of_the_movement_is_no_majority():
    assert chapter.returned(run_of(jumps=(1_000,), calm=0.5)) is None
    low = chapter.returned(run_of(jumps=(1_000,), calm=0.49))
    assert low == Return(1, (5, 5), (9, 0))


def test_settings_with_decay_alone_are_counted():
    runs = [run_of(), run_of(seed=137), run_of(seed=2024, decay=0.0)]
    passages = shown(*runs)
    (name,) = {one.setting for one in passages if one.decayed}
    found = chapter.returns(runs, passages)
    assert list(found) == [name] and len(found[name]) == 2
    assert chapter.returns([], passages) == {}
    table = chapter.spike_table(found)
    assert table["n"].tolist() == [2] and table["spikes"].tolist() == ["2 (2 to 2)"]
    assert table.iloc[0, -2:].tolist() == ["100 (100 to 100)", "0 (0 to 0)"]


def test_the_answer_is_of_the_setting_where_spikes_matter_most():
    little = [Return(3, (4, 4), (4, 3)), Return(5, (4, 4), (4, 4)), Return(2, (4, 4), (4, 3))]
    much = [Return(9, (10, 9), (10, 2)), Return(8, (10, 10), (10, 3)), Return(9, (10, 9), (10, 1))]
    said = chapter.spike_answer({"weak": little, "strong": much})
    assert said.startswith(
        "After the turn the training loss jumps to more than 10 times what it was, 2 to 9 times a "
        "run. It matters most to runs of strong: with such a spike in the window the gradient has "
        "the majority in 90 to 100 % of a run's windows, without one in 10 to 30 % (3 runs). So "
    )
    assert "goes with jumps of the loss" in said and said.endswith("no verdict rests on it.")
    assert "do not tell" in chapter.spike_answer({"weak": little})
    assert chapter.spike_answer({"alone": much[:1]}) == chapter.spike_answer({}) == ""
    one_kind = [Return(2, (4, 4), (0, 0))] * 3
    assert chapter.spike_answer({"one kind": one_kind}) == ""
