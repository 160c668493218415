"""Runs on balanced brackets: as modular ones, they survive, repeat, stack and keep the books."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook.config import DyckConfig, RunConfig
from grokbook.models.initialise import draw
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.packing import pack, unpack
from grokbook.store.recorded import Results
from grokbook.sweep import Job
from grokbook.training.batches import LaterBatches
from grokbook.training.ensemble import train_ensembles
from grokbook.training.memory import bytes_per_model
from grokbook.training.run import run
from grokbook.training.trainer import Trainer

TINY = DyckConfig(width=16, heads=2, hidden=24, seed=5, learning_rate=3e-3)
PLAN = Plan(steps=60, after_grok=None, cadence=20, window=2, full_state=True)


def fingerprint(directory):
    state = directory.resume()
    parts = {
        (step, part): directory.snapshot(step, part).tobytes()
        for step in directory.snapshots()
        for part in ("theta", "attention", "decayed")
    }
    answers = np.load(directory.file("answers.npz"))["bits"].tobytes()
    return {name: value.tobytes() for name, value in state.items()}, parts, answers


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(TINY, PLAN, Store(tmp_path_factory.mktemp("whole"))).directory


@pytest.mark.parametrize("after", [7, 20, 33])
def test_a_run_that_was_stopped_is_the_run_never_stopped(tmp_path, whole, after, monkeypatch):
    store, stop, advance = Store(tmp_path), threading.Event(), Trainer.advance

    def advance_then_stop(self, count=1):
        for _ in range(count):
            advance(self)
            if self.steps[0] == after:
                stop.set()

    monkeypatch.setattr(Trainer, "advance", advance_then_stop)
    assert run(TINY, PLAN, store, stop=stop).status == "interrupted"
    outcome = run(TINY, PLAN, store)
    assert outcome.resumed_at is not None and outcome.status == "finished"
    assert fingerprint(outcome.directory) == fingerprint(whole)


def test_batches_come_after_the_initial_weights_in_one_stream():
    layout, generator = Layout.of(TINY), torch.Generator().manual_seed(9)
    draw(layout, torch.empty(1, layout.size), generator)
    wanted = [torch.randint(50, (50,), generator=generator).tolist() for _ in range(3)]
    stream = LaterBatches(layout, 9, 50, 50)
    assert [stream.draw().tolist() for _ in range(3)] == wanted
    later = LaterBatches(layout, 9, 50, 50)
    later.skip(2)
    assert later.draw().tolist() == wanted[2]


def test_every_interval_is_gradient_and_decay_exactly(whole):
    layout, steps = Layout.of(TINY), list(whole.snapshots())
    assert steps == [0, 20, 40, 60]
    keep = float(np.float32(1 - TINY.learning_rate * TINY.weight_decay)) - 1
    trainer, decayed = Trainer([TINY]), np.zeros(layout.attention_size)
    for step in range(61):
        if step in steps:
            theta = whole.snapshot(step, "theta")
            assert theta.tobytes() == trainer.theta[0].numpy().tobytes()
            attention = layout.attention(torch.from_numpy(theta)[None])[0].numpy()
            assert attention.tobytes() == whole.snapshot(step).tobytes()
            found = whole.snapshot(step, "decayed")
            np.testing.assert_allclose(found, decayed, rtol=0, atol=1e-6 * np.abs(decayed).max())
        decayed += keep * layout.attention(trainer.theta)[0].double().numpy()
        trainer.advance()
    metrics = pd.read_parquet(whole.file("metrics.parquet"))
    moved = np.diff([whole.snapshot(s, "theta").astype(np.float64) for s in steps], axis=0)
    sums = metrics["decay_displacement"] ** 2 + metrics["learned_displacement"] ** 2
    sums += 2 * metrics["displacement_product"]
    found = sums[metrics["step"].isin(steps[2:])]
    np.testing.assert_allclose(found, (moved[1:] ** 2).sum(1), rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_ensemble_is_its_single_runs(dtype):
    configs = [
        TINY,
        replace(TINY, weight_decay=0.0, init_seed=2, batch_seed=2),
        replace(TINY, labels="random", init_scale=0.5, schedule=["20:moments=0"]),
    ]
    together = Trainer(configs, dtype=dtype)
    together.advance(40)
    evaluated = together.objective.evaluate()
    for slot, config in enumerate(configs):
        alone = Trainer([config], dtype=dtype)
        alone.advance(40)
        tolerance = 1e-10 if dtype == torch.float64 else 1e-4
        torch.testing.assert_close(together.theta[slot], alone.theta[0], rtol=0, atol=tolerance)
        one = alone.objective.evaluate()[0]
        assert evaluated[slot].test_loss == pytest.approx(one.test_loss, rel=1e-4)


def test_neighbours_change_no_bit():
    quiet, loud = (Trainer([TINY, replace(TINY, init_seed=3)]) for _ in range(2))
    with torch.no_grad():
        loud.theta[0] *= 1e30
    for trainer in (quiet, loud):
        trainer.advance(20)
    assert torch.equal(quiet.theta[1], loud.theta[1])


def test_kin_only():
    for stranger in (RunConfig(tasks=("add",)), replace(TINY, data_seed=1)):
        with pytest.raises(ValueError, match="share their architecture"):
            Trainer([TINY, stranger])


def test_ensembles_have_directories_like_any_run(tmp_path):
    store = Store(tmp_path)
    jobs = [Job(replace(TINY, init_seed=seed), PLAN) for seed in (1, 2, 3)]
    done = train_ensembles(jobs, store, models=2)
    assert [each.status for each in done] == ["finished"] * 3
    for job in jobs:
        (directory,) = store.runs(job.config)
        assert list(directory.snapshots()) == [0, 20, 40, 60]


def test_a_reset_begins_the_optimiser_anew():
    """From a reset on, a run is one begun there: its weights, and an optimiser without a past."""
    plain, reset = Trainer([TINY]), Trainer([replace(TINY, schedule=["10:moments=0"])])
    for trainer in (plain, reset):
        trainer.advance(10)
    assert torch.equal(plain.theta, reset.theta)
    assert reset.adam.mean.any() and torch.equal(plain.adam.mean, reset.adam.mean)
    begun = Trainer([TINY])
    begun.theta.copy_(plain.theta)
    begun.batches[0].skip(10)
    for trainer in (plain, reset, begun):
        trainer.advance(7)
    assert torch.equal(reset.theta, begun.theta)
    assert torch.equal(reset.adam.mean, begun.adam.mean)
    assert not torch.equal(reset.theta, plain.theta)
    reset.displacement.fold([0])  # raises if decay and steps are not the movement


def test_a_reset_survives_a_stop_at_that_very_step(tmp_path):
    config, plan = replace(TINY, schedule=["20:moments=0", "20:weight_decay=0"]), PLAN
    never = run(config, plan, Store(tmp_path / "never")).directory
    store, stop = Store(tmp_path / "stopped"), threading.Event()
    run(config, plan, store, stop=stop, watch=lambda p: stop.set() if p.step == 20 else None)
    assert fingerprint(run(config, plan, store).directory) == fingerprint(never)


def test_random_labels_are_learned_by_heart_and_are_no_depth():
    trainer = Trainer([replace(TINY, labels="random", width=64, hidden=128, weight_decay=0.0)])
    trainer.advance(250)
    found = trainer.objective.evaluate()[0]
    assert found.train_accuracy[0] > 0.7 > 0.4 > found.test_accuracy[0]


def test_records_packs_and_results(tmp_path, whole):
    results = Results(tmp_path / "results")
    entry = results.add(whole)
    assert entry["label"] == TINY.label and set(entry["grok_steps"]) == {"depth"}
    assert results.verify() == []
    record = results.get(TINY.id)
    table = record.table
    right = record.correct()[:, 0]
    for part in ("train", "test"):
        assert np.array_equal(table.average(right, part), record.accuracy("depth", part))
    fresh = table.twinless("depth")
    assert np.array_equal(record.twinless_accuracy("depth"), right[:, fresh].mean(axis=1))
    packed = pack([whole], tmp_path / "pack")
    assert packed.runs[0].status == "finished"
    (home,) = unpack(tmp_path / "pack", Store(tmp_path / "home"))
    assert home.outcome == "added"
    (there,) = Store(tmp_path / "home").runs(TINY)
    assert there.config == TINY and there.record().metrics.equals(whole.record().metrics)


def test_memory_is_an_upper_estimate_of_the_state():
    config = DyckConfig()
    assert bytes_per_model(config) > 10 * 4 * Layout.of(config).size
    assert bytes_per_model(config) < 100e6
