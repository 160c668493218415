"""An ensemble of M is M single runs, whatever its neighbours do, and survives like one."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokbook.benchmark.gpu import throughput
from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.sweep import Job
from grokbook.training import memory
from grokbook.training.ensemble import train_ensembles
from grokbook.training.pair_objective import PairObjective
from grokbook.training.run import run
from grokbook.training.trainer import Trainer

TINY = RunConfig(
    tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=1
)
PLAN = Plan(steps=60, after_grok=None, cadence=20, dense_until=40, window=2)
MIXED = [
    replace(TINY, split_seed=2, init_seed=2, batch_seed=2, weight_decay=0.0, learning_rate=3e-3),
    replace(
        TINY, init_seed=3, clip_norm=0.1, schedule=["30:weight_decay=0", "45:learning_rate=0.01"]
    ),
    replace(TINY, batch_seed=4, weight_decay=0.3),
]


@contextmanager
def stopping_at_40():
    """An event that is set once a model has made 40 updates."""
    stop, advance = threading.Event(), Trainer.advance

    def advance_then_stop(self, count=1):
        advance(self, count)
        if max(self.steps) >= 40:
            stop.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "advance", advance_then_stop)
        yield stop


def state_of(store, config):
    (directory,) = store.runs(config)
    return directory, directory.resume()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_ensemble_is_its_single_runs(dtype):
    together = Trainer(MIXED, dtype=dtype)
    together.advance(100)
    for slot, config in enumerate(MIXED):
        alone = Trainer([config], dtype=dtype)
        alone.advance(100)
        tolerance = 1e-10 if dtype == torch.float64 else 1e-4
        torch.testing.assert_close(together.theta[slot], alone.theta[0], rtol=0, atol=tolerance)


def test_neighbours_change_no_bit():
    quiet, loud = Trainer(MIXED), Trainer(MIXED)
    with torch.no_grad():
        loud.theta[0] *= 1e30
    for trainer in (quiet, loud):
        trainer.advance(50)
    assert not torch.isfinite(loud.theta[0]).all()
    assert torch.equal(quiet.theta[1:], loud.theta[1:])
    assert torch.equal(quiet.loss[1:], loud.loss[1:])


def test_a_slot_held_still_keeps_its_weights_to_the_bit():
    still, going = Trainer(MIXED), Trainer(MIXED)
    for trainer in (still, going):
        trainer.advance(5)
    still.active[1] = False
    before = still.theta[1].clone()
    for trainer in (still, going):
        trainer.advance(5)
    assert still.steps == [10, 5, 10]
    assert torch.equal(still.theta[1], before)
    assert torch.equal(still.theta[[0, 2]], going.theta[[0, 2]])


def test_a_model_placed_later_is_one_that_began_there():
    first, late = Trainer(MIXED), Trainer(MIXED)
    late.advance(7)
    late.place(1, MIXED[1])
    for trainer in (first, late):
        trainer.advance(20)
    assert torch.equal(first.theta[1], late.theta[1])
    assert (first.steps[1], late.steps[1]) == (20, 20)


def test_kin_only():
    with pytest.raises(ValueError, match="share their architecture"):
        Trainer([TINY, replace(TINY, width=32)])
    with pytest.raises(ValueError, match="must share the ensemble's"):
        Trainer([TINY]).place(0, replace(TINY, batch_size=8))
    # Of whole orbits, how many pairs are trained on is up to the tasks.
    whole = [
        replace(TINY, tasks=(task,), domain="nonzero", split="symmetric", train_fraction=0.51)
        for task in ("add", "mul")
    ]
    assert [len(config.table().train) for config in whole] == [51, 50]
    with pytest.raises(ValueError, match="share their architecture"):
        Trainer(whole)
    with pytest.raises(ValueError, match="share their architecture"):
        Trainer([TINY, replace(TINY, split="symmetric")])


def test_an_ensemble_changes_only_the_parts_that_it_was_made_for():
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((Trainer([TINY]).layout.size, 3)))
    bases = {"b" * 64: basis[0]}.get
    gradient, update = (
        replace(TINY, intervention=f"transform={kind},strength=0.5,basis={'b' * 64}")
        for kind in ("delete", "delete_update")
    )
    for made, later, part in ((gradient, update, "update"), (TINY, gradient, "gradient")):
        with pytest.raises(ValueError, match=f"changes its {part}, and the ensemble was made wit"):
            Trainer([made], bases=bases).place(0, later)


def test_a_run_placed_later_has_its_own_basis():
    size = Trainer([TINY]).layout.size
    bases = {letter * 64: _basis(size, 3, seed) for seed, letter in enumerate("ab")}.get
    first, second = (
        replace(TINY, intervention=f"transform=delete,strength=0.9,basis={letter * 64}")
        for letter in "ab"
    )
    late, alone = Trainer([first], bases=bases), Trainer([second], bases=bases)
    late.advance(3)
    late.place(0, second)
    for trainer in (late, alone):
        trainer.advance(5)
    assert torch.equal(late.theta, alone.theta)


def test_whole_orbits_in_an_ensemble_are_single_runs():
    whole = [replace(config, split="symmetric") for config in MIXED]
    together = Trainer(whole, dtype=torch.float64)
    together.advance(40)
    for slot, config in enumerate(whole):
        alone = Trainer([config], dtype=torch.float64)
        alone.advance(40)
        assert (together.theta[slot] - alone.theta[0]).abs().max() < 1e-10


def test_runs_through_slots_end_as_alone(tmp_path):
    """Five runs through two slots: as many rows as alone, and the same numbers."""
    configs = [*MIXED, TINY, replace(TINY, modulus=7)]
    store = Store(tmp_path / "together")
    ended = train_ensembles([Job(config, PLAN) for config in configs], store, models=2)
    assert sorted(done.key for done in ended) == sorted(config.id for config in configs)
    assert {done.status for done in ended} == {"finished"}
    for config in configs:
        directory, state = state_of(store, config)
        assert directory.numerics["models"] == 2
        alone = run(config, PLAN, Store(tmp_path / "alone")).directory
        ours, theirs = directory.record().metrics, alone.record().metrics
        assert list(ours["step"]) == list(theirs["step"]) == [0, 1, 20, 40, 60]
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-4, atol=1e-5)
        theta = alone.resume()["trainer.theta"]
        np.testing.assert_allclose(state["trainer.theta"], theta, rtol=0, atol=1e-4)
        assert list(directory.snapshots()) == list(alone.snapshots())


def test_one_model_is_the_single_run_to_the_bit(tmp_path):
    train_ensembles([Job(TINY, PLAN)], Store(tmp_path / "ensemble"), models=1)
    directory, state = state_of(Store(tmp_path / "ensemble"), TINY)
    alone = run(TINY, PLAN, Store(tmp_path / "alone")).directory
    assert directory.path.name == alone.path.name
    saved = alone.resume()
    assert all(np.array_equal(state[name], saved[name], equal_nan=True) for name in saved)


def test_stopped_and_given_again_it_ends_with_the_same_bits(tmp_path):
    jobs = [Job(config, replace(PLAN, resume_seconds=0.0)) for config in MIXED]
    whole, stopped = Store(tmp_path / "whole"), Store(tmp_path / "stopped")
    train_ensembles(jobs, whole, models=3)
    with stopping_at_40() as stop:
        ended = train_ensembles(jobs, stopped, models=3, stop=stop)
    assert {(done.status, done.step) for done in ended} == {("interrupted", 40)}
    assert {done.status for done in train_ensembles(jobs, stopped, models=3)} == {"finished"}
    for config in MIXED:
        (one, saved), (other, again) = state_of(whole, config), state_of(stopped, config)
        assert all(np.array_equal(saved[k], again[k], equal_nan=True) for k in saved)
        assert one.file("band.npz").read_bytes() == other.file("band.npz").read_bytes()
        assert one.record().metrics.equals(other.record().metrics)


def test_a_run_that_diverges_stops_alone(tmp_path):
    bad = replace(TINY, weight_decay=1e300)
    ended = train_ensembles([Job(c, PLAN) for c in (bad, *MIXED)], Store(tmp_path), models=2)
    found = {done.key: done.status for done in ended}
    assert found.pop(bad.id) == "diverged"
    assert set(found.values()) == {"finished"}


def test_a_busy_run_is_left_to_its_trainer(tmp_path):
    store = Store(tmp_path)
    train_ensembles([Job(c, replace(PLAN, steps=20)) for c in MIXED[:2]], store, models=2)
    (directory,) = store.runs(MIXED[0])
    with directory:
        ended = train_ensembles([Job(c, PLAN) for c in MIXED[:2]], store, models=2)
    assert {done.key: done.status for done in ended} == {
        MIXED[0].id: "busy",
        MIXED[1].id: "finished",
    }


def test_too_little_memory_says_what_fits(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**9)
    need = memory.bytes_per_model(RunConfig(tasks=("add", "mul")))
    assert 20e6 < need < 80e6
    with pytest.raises(ConfigError, match=r"^500 models need about .* GB on cpu, and 1.0 GB are "):
        memory.require_memory(RunConfig(tasks=("add", "mul")), 500, "cpu")
    assert 1 <= memory.fitting(RunConfig(tasks=("add", "mul")), "cpu") <= 4


def test_memory_of_every_group_is_looked_at_before_one_is_trained(tmp_path, monkeypatch):
    big, store = replace(TINY, width=64), Store(tmp_path)
    small, need = (4 * memory._each(config, "cpu") for config in (TINY, big))
    assert small < 0.5 * need
    monkeypatch.setattr(memory, "free_bytes", lambda device: need)
    with pytest.raises(ConfigError, match="^4 models need"):
        train_ensembles([Job(TINY, PLAN), Job(big, PLAN)], store, models=4)
    assert not list(store.runs(TINY))
    bare, based = (memory.bytes_per_model(TINY, directions) for directions in (0, 20))
    assert based - bare == 20 * 4 * Trainer([TINY]).layout.size


def test_a_device_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="device cuda is not there"):
        train_ensembles([Job(TINY, PLAN)], Store(tmp_path), device="cuda")


def test_throughput_is_a_rate():
    assert throughput(TINY, models=2, device="cpu", steps=10) > 10


def _basis(size, k, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, k)))[0].astype("f4")


def test_interventions_of_each_model_are_its_own(tmp_path):
    artefacts = Artefacts(Store(tmp_path))
    size = Trainer([TINY]).layout.size
    names = [artefacts.put({"basis": _basis(size, 3, seed)}, {}) for seed in (1, 2)]
    texts = [
        f"transform=delete,strength=0.5,start=3,basis={names[0]}",
        f"transform=delete_update,strength=0.9,start=5,basis={names[1]}",
        f"transform=amplify,strength=0.5,basis={names[1]}",
        f"transform=penalty,strength=0.9,every=4,basis={names[0]}",
        f"transform=noise,strength=0.1,start=2,every=3,basis={names[0]}",
    ]
    configs = [replace(TINY, intervention=text) for text in texts]
    bases = lambda name: artefacts.get(name).arrays["basis"]  # noqa: E731
    together = Trainer(configs, dtype=torch.float64, bases=bases)
    together.advance(15)
    plain = Trainer([TINY], dtype=torch.float64)
    plain.advance(15)
    for slot, config in enumerate(configs):
        alone = Trainer([config], dtype=torch.float64, bases=bases)
        alone.advance(15)
        torch.testing.assert_close(together.theta[slot], alone.theta[0], rtol=0, atol=1e-10)
        assert (alone.theta - plain.theta).norm() > 1e-3


def test_an_ensemble_keeps_its_m_when_some_runs_are_done(tmp_path):
    """What was stopped goes on in its own directory, beside slots that are held still."""
    store = Store(tmp_path)
    train_ensembles([Job(c, replace(PLAN, steps=20)) for c in MIXED], store, models=3)
    ended = train_ensembles([Job(MIXED[1], PLAN)], store, models=3)
    assert [(done.status, done.step) for done in ended] == [("finished", 60)]
    (directory,) = store.runs(MIXED[1])
    whole = Store(tmp_path / "whole")
    train_ensembles([Job(c, PLAN) for c in MIXED], whole, models=3)
    (other,) = whole.runs(MIXED[1])
    assert directory.record().metrics.equals(other.record().metrics)


def test_a_run_that_cannot_be_saved_leaves_its_slot_to_the_next(tmp_path):
    """A save fails once, in the middle of the first run; the others are trained all the same."""
    configs, commit, failed = [*MIXED, TINY], RunDirectory.commit, []

    def failing(self, step, status, *arguments, **options):
        if status == "running" and not failed:
            failed.append(self.config.id)
            raise StoreError("the disk is full")
        return commit(self, step, status, *arguments, **options)

    jobs = [Job(config, replace(PLAN, resume_seconds=0.0)) for config in configs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "commit", failing)
        ended = train_ensembles(jobs, Store(tmp_path), models=1)
    found = {done.key: done.status for done in ended}
    assert found == {c.id: "failed" if c.id in failed else "finished" for c in configs}
    assert len(failed) == 1


def test_runs_that_change_other_parts_pass_through_slots_of_their_own(tmp_path):
    """One slot, two runs: the second could not enter an ensemble made for the first."""
    store = Store(tmp_path)
    name = Artefacts(store).put({"basis": _basis(Trainer([TINY]).layout.size, 3, 1)}, {})
    jobs = [
        Job(replace(TINY, intervention=f"transform={kind},strength=0.5,basis={name}"), PLAN)
        for kind in ("delete", "delete_update")
    ]
    done = train_ensembles(jobs, store, models=1)
    assert [each.status for each in done] == ["finished"] * 2


def test_a_run_beyond_its_plan_is_not_trained_on(tmp_path):
    store = Store(tmp_path)
    with stopping_at_40() as stop:
        train_ensembles([Job(TINY, PLAN)], store, models=1, stop=stop)
    (done,) = train_ensembles([Job(TINY, replace(PLAN, steps=20))], store, models=1)
    assert (done.status, done.step) == ("finished", 40)
    assert run(TINY, replace(PLAN, steps=20), store).step == 40


def test_filling_slots_evaluates_once(tmp_path, monkeypatch):
    """All M models pass through every evaluation, so runs that begin together share theirs."""
    configs = [replace(TINY, batch_seed=seed) for seed in range(4)]
    counted, evaluate = [], PairObjective.evaluate

    def counting(self):
        counted.append(len(self.tables))
        return evaluate(self)

    monkeypatch.setattr(PairObjective, "evaluate", counting)
    train_ensembles([Job(c, replace(PLAN, steps=20)) for c in configs], Store(tmp_path), models=4)
    assert counted == [4, 4, 4]  # at steps 0, 1 and 20


def test_the_slots_of_runs_that_ended_are_held_still(tmp_path, monkeypatch):
    trainers, place = set(), Trainer.place

    def placing(self, slot, config):
        trainers.add(self)
        return place(self, slot, config)

    monkeypatch.setattr(Trainer, "place", placing)
    plans = [replace(PLAN, steps=20), replace(PLAN, steps=60)]
    jobs = [Job(config, plan) for config, plan in zip(MIXED[:2], plans, strict=True)]
    train_ensembles(jobs, Store(tmp_path), models=2)
    (trainer,) = trainers
    assert trainer.steps == [20, 60]


def test_by_default_m_is_that_of_the_runs_that_were_begun(tmp_path):
    store = Store(tmp_path)
    with stopping_at_40() as stop:
        train_ensembles([Job(c, PLAN) for c in MIXED], store, stop=stop)
    said = []
    ended = train_ensembles([Job(c, PLAN) for c in MIXED[:2]], store, warn=said.append)
    assert {(done.status, done.step) for done in ended} == {("finished", 60)} and said == []
    assert {run.numerics["models"] for run in store.runs()} == {3}
    assert len(store.runs()) == 3  # none began again elsewhere


def test_a_missing_basis_fails_its_run_alone_and_a_run_twice_is_one(tmp_path):
    lost = replace(TINY, intervention=f"transform=delete,strength=0.5,basis={'e' * 64}")
    store = Store(tmp_path)
    wrong = Artefacts(store).put({"basis": _basis(50, 3, 1)}, {})
    other = replace(TINY, intervention=f"transform=delete,strength=0.5,basis={wrong}")
    jobs = [Job(c, replace(PLAN, steps=20)) for c in (lost, other, TINY, TINY)]
    found = {done.key: done for done in train_ensembles(jobs, store, models=1)}
    assert {k: done.status for k, done in found.items()} == {
        lost.id: "failed",
        other.id: "failed",
        TINY.id: "finished",
    }
    assert "is of 50 parameters" in found[other.id].note


def test_a_movement_that_does_not_add_up_ends_its_run_alone(tmp_path):
    advance = Trainer.advance

    def pushed(self, count=1):
        advance(self, count)
        if self.steps[0] == 40:
            self.theta[0, 0] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "advance", pushed)
        ended = train_ensembles([Job(c, PLAN) for c in MIXED[:2]], Store(tmp_path), models=2)
    found = {done.key: done for done in ended}
    assert found[MIXED[0].id].status == "failed" and "do not add up" in found[MIXED[0].id].note
    assert found[MIXED[1].id].status == "finished"
