"""A run as an instrument sees it."""

import copy
from types import SimpleNamespace

import numpy as np
import torch

from grokbook.config import RunConfig
from grokbook.instruments.subject import Subject
from grokbook.store import Store
from grokbook.training.run import run

from .conftest import CONFIG, PLAN


def test_snapshots_come_as_they_were_trained(small_run):
    assert small_run.last == 60 and small_run.steps.tolist() == list(range(0, 61, 2))
    theta, layout = small_run.theta(60), small_run.layout
    assert theta.shape == (layout.size,)
    inside = layout.attention(theta[None])[0].numpy()
    assert np.array_equal(small_run.attention([60])[0], inside)
    assert np.array_equal(small_run.thetas([0, 60])[1], theta.numpy())


def test_spaced_steps_keep_the_first_and_the_last(small_run):
    assert small_run.spaced(4).tolist() == [0, 20, 40, 60]
    assert small_run.spaced(3, until=31).tolist() == [0, 16, 30]
    assert len(small_run.spaced(100)) == 31


def test_a_run_stops_when_its_last_task_has_grokked(small_run):
    stopped = Subject(small_run.run)
    stopped.groks = [40, 24]
    assert stopped.grok == 40
    never = Subject(small_run.run)
    never.groks = [40, None]
    assert never.grok is None


def test_of_several_siblings_the_next_seed_is_chosen(small_run, small_runs):
    """3 before 4 for 2, and for the highest the lowest."""
    runs = [SimpleNamespace(config=RunConfig(**CONFIG, seed=seed), ended=seed != 5) for seed in
            (9, 4, 1, 5, 2)]  # fmt: skip
    store = SimpleNamespace(runs=lambda: runs)
    pairs = {}
    for run_seen in runs:
        pairs[run_seen.config.seed] = Subject(run_seen, store).sibling().config.seed
    assert pairs == {1: 2, 2: 4, 4: 9, 5: 9, 9: 1}


def test_the_last_snapshot_counts_also_off_the_stream(small_run):
    """The global stream has every eighth step; of 26 the last seen before is 24, and 26 itself."""
    run = copy.copy(small_run.run)
    run.marker = run.marker | {"global_stride": 4}
    assert Subject(run).spaced(9, until=26).tolist() == [0, 8, 16, 24, 26]


def test_the_stop_is_the_last_snapshot_at_or_before_the_grok_step(small_run):
    assert small_run.grok is None and small_run.stop_snapshot == 60
    for grok, stop in ((40, 40), (41, 40), (59, 58), (1, 0)):
        stopped = Subject(small_run.run)
        stopped.grok = grok
        assert stopped.stop_snapshot == stop


def test_a_path_ends_with_the_trajectory(small_run):
    assert small_run.path().tolist() == small_run.path(to_grok=False).tolist()
    assert (small_run.path()[-1], small_run.path(until=50)[-1]) == (60, 30)
    stopped = Subject(small_run.run)
    stopped.groks = [12, 41]
    assert (stopped.path()[-1], stopped.path(until=50)[-1]) == (40, 20)
    assert stopped.path(to_grok=False)[-1] == 60
    stopped = Subject(small_run.run)
    stopped.groks = [12, None]  # one task alone does not stop it
    assert stopped.path()[-1] == 60


def test_the_loss_is_that_of_training(small_run):
    table = small_run.table
    train = small_run.loss(table.train)
    row = small_run.record.metrics.iloc[-1]
    recorded = sum(row[f"train_loss_{task}"] for task in ("add", "mul"))
    assert abs(train.value(small_run.theta(60)) - recorded) < 1e-5
    right = train.accuracy(small_run.theta(60))
    assert torch.allclose(
        right, torch.tensor([row["train_accuracy_add"], row["train_accuracy_mul"]]).double()
    )


def test_what_a_run_kept_is_known(small_run, small_runs, tmp_path):
    assert all(small_run.has(kind) for kind in ("theta", "attention", "band"))
    store = Store(tmp_path)
    from dataclasses import replace

    run(RunConfig(**CONFIG, seed=1), replace(PLAN, full_state=False, steps=10), store)
    poor = Subject(store.runs()[0], store)
    assert poor.has("attention") and not poor.has("theta")


def test_siblings_differ_in_their_seeds_alone(small_run, small_runs):
    other = small_run.sibling()
    assert other.config.seed == 2 and other.sibling().config.seed == 1
    assert Subject(small_run.run).sibling() is None
    assert small_run.config.weight_decay == other.config.weight_decay


def test_seeds_of_measurements_are_their_own(small_run):
    seeds = {small_run.seed(name, step) for name in ("a", "b") for step in (0, 1)}
    assert len(seeds) == 4 and small_run.seed("a") == small_run.seed("a")
