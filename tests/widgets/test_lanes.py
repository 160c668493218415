from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from grokbook.events import RULES
from grokbook.widgets import Lane, frame_axis

SIDE, EVALUATIONS, FRAMES = 6, 5, 3


def lane(**changes) -> Lane:
    rng = np.random.default_rng(0)
    trained = rng.random((SIDE, SIDE)) < 0.5
    fields = {
        "label": "add + mul, seed 42",
        "setting": "dual, λ = 1",
        "weight_decay": 1.0,
        "learning_rate": 1e-3,
        "seed": 42,
        "tasks": ("add", "mul"),
        "modulus": SIDE + 1,
        "low": 1,
        "steps": np.arange(EVALUATIONS) * 100,
        "train_accuracy": rng.random((2, EVALUATIONS)),
        "test_accuracy": rng.random((2, EVALUATIONS)),
        "control_accuracy": rng.random((2, EVALUATIONS)),
        "answers": rng.random((FRAMES, 2, SIDE, SIDE)) < 0.5,
        "trained": trained,
        "control_pairs": np.stack([~trained & ~trained.T] * 2),
        "crossings": dict.fromkeys(RULES, (200, None)),
        "control_crossings": dict.fromkeys(RULES, (None, 400)),
        "run_id": "3f9a",
        "command": "grokbook train --tasks add,mul --modulus 7",
    }
    return Lane(**{**fields, **changes})


def test_derived_values():
    one = lane()
    assert (one.side, one.last_step, one.titles) == (SIDE, 400, ("a + b", "a × b"))
    assert one.crossing("0.98x3") == (200, None)
    assert one.crossing("0.98x3", control=True) == (None, 400)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.seed = 1


@pytest.mark.parametrize("name", ["control_pairs", "command"])
def test_what_only_the_run_knows_has_no_default(name):
    given = dataclasses.asdict(lane())
    del given[name]
    with pytest.raises(TypeError, match=name):
        Lane(**given)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tasks": ()}, "tasks must be distinct"),
        ({"tasks": ("add", "add")}, "tasks must be distinct"),
        ({"tasks": ("add", "div")}, "unknown task 'div'"),
        ({"low": 2}, "low must be 0 or 1"),
        ({"weight_decay": -1.0}, "weight_decay must be >= 0"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"run_id": ""}, "run_id is empty"),
        ({"command": ""}, "command is empty"),
        ({"steps": np.array([0, 100, 100, 200, 300])}, "increase"),
        ({"steps": np.arange(5) * 0.5}, "integers"),
        ({"train_accuracy": np.zeros((2, 4))}, "train_accuracy must be"),
        ({"test_accuracy": np.full((2, EVALUATIONS), 1.2)}, "between 0 and 1"),
        ({"test_accuracy": np.full((2, EVALUATIONS), np.nan)}, "test_accuracy holds NaN"),
        ({"answers": np.zeros((FRAMES, 1, SIDE, SIDE), bool)}, "answers must be bool"),
        ({"answers": np.zeros((FRAMES, 2, SIDE, SIDE))}, "answers must be bool"),
        ({"answers": np.zeros((2, SIDE, SIDE), bool)}, "answers must be .frames"),
        ({"trained": np.zeros((SIDE, SIDE + 1), bool)}, "trained must be bool"),
        ({"control_pairs": np.ones((2, SIDE, SIDE), bool)}, "holds training pairs"),
        ({"crossings": {"0.90": (1, 2)}}, "crossings must have the keys"),
        ({"crossings": dict.fromkeys(RULES, (100,))}, "one entry a task"),
        ({"control_crossings": dict.fromkeys(RULES, (100, 900))}, "outside the run"),
    ],
)
def test_refusals_are_one_line_that_names_the_lane(changes, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        lane(**changes)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("lane 'add + mul, seed 42': ")


def test_missing_control_accuracy_is_allowed():
    assert np.isnan(lane(control_accuracy=np.full((2, EVALUATIONS), np.nan)).control_accuracy).all()


@pytest.mark.parametrize("last", [100, 900, 6300, 6400, 11_000, 30_500, 232_000])
def test_frame_axis(last):
    frames = frame_axis(last)
    assert frames[0] == 0
    assert frames[-1] == last
    assert 2 <= frames.size <= 64
    assert np.all(frames % 100 == 0)
    assert np.all(np.diff(frames) > 0)


def test_frame_axis_is_dense_early_and_even_later():
    frames = frame_axis(30_000)
    assert (frames <= 1000).sum() == 11
    late = np.diff(frames[frames >= 1000])
    assert late.min() >= 500
    assert late.max() - late.min() <= 100
    assert frame_axis(30_000, cadence=10)[-1] == 30_000
    assert (frame_axis(30_000, cadence=10) <= 1000).sum() == 16


def test_frame_axis_stops_at_the_last_evaluation():
    assert frame_axis(12_345)[-1] == 12_300


@pytest.mark.parametrize("bad", [(50, 100, 64), (1000, 0, 64), (1000, 100, 1)])
def test_frame_axis_refuses(bad):
    with pytest.raises(ValueError, match="no frames"):
        frame_axis(*bad)
