"""Kicks: along which direction, how far, how often, and that nothing else feels them."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokbook.config import RunConfig
from grokbook.geometry.commutator import commutator
from grokbook.geometry.loss import Loss
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.kicks import FIXED, kick
from grokbook.training.run import run
from grokbook.training.trainer import Trainer

TINY = RunConfig(
    tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=1
)
BASIS = "b" * 64
KICKS = ("kick", "kick_published", "kick_sham", "kick_fixed")


@pytest.fixture(scope="module")
def trained():
    """Weights after 20 updates, float32, and a basis of 3 dimensions."""
    trainer = Trainer([TINY])
    trainer.advance(20)
    wide = np.random.default_rng(0).standard_normal((trainer.layout.size, 3))
    return trainer, np.linalg.qr(wide)[0].astype(np.float32)


def _config(transform, strength=10.0, **fields):
    text = "".join(f",{name}={value}" for name, value in fields.items())
    return replace(TINY, intervention=f"transform={transform},strength={strength}{text}")


def _kick(trained, config, step=20, basis=True):
    trainer, columns = trained
    columns = columns if basis else None
    return kick(config, trainer.tables[0], trainer.theta[0], step, columns).astype(np.float64)


def _drawn(trained, pairs, step=20, kind=torch.float64):
    """Commutators of the fresh batches of a step, by hand."""
    trainer, _ = trained
    train = trainer.tables[0].train
    rows = np.random.default_rng([1, 15_485_863, step]).integers(0, len(train), (pairs, 2, 16))
    losses = [[Loss.on(trainer.layout, trainer.tables[0], train[r]) for r in row] for row in rows]
    theta = trainer.theta[0].to(kind)
    return [commutator(a.gradient, b.gradient, theta, eta=1e-3) for a, b in losses]


def _cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def test_a_kick_is_along_the_commutator_outside_the_basis(trained):
    _, basis = trained
    (found,) = _drawn(trained, 1)
    delta = found.delta.numpy()
    outside = delta - basis @ (basis.T.astype(np.float64) @ delta)
    kicked = _kick(trained, _config("kick"))
    size = 10 * 1e-3 * found.first.norm().item()
    np.testing.assert_allclose(kicked, outside * size / np.linalg.norm(outside), atol=1e-7 * size)
    assert np.linalg.norm(basis.T @ kicked) < 1e-6 * size < np.linalg.norm(basis.T @ delta)
    whole = _kick(trained, _config("kick"), basis=False)
    assert _cosine(whole, delta) == pytest.approx(1, abs=1e-12)


def test_as_published_it_is_along_float32_differences(trained):
    (found,) = _drawn(trained, 1, kind=torch.float32)
    kicked = _kick(trained, _config("kick_published"), basis=False)
    stored = found.stored.double().numpy()
    assert _cosine(kicked, stored) == pytest.approx(1, abs=1e-7)
    # With steps a hundred times smaller, rounding leaves little of the direction.
    slow = replace(_config("kick_published"), learning_rate=1e-5)
    (true,) = _drawn(trained, 1)
    assert _cosine(_kick(trained, slow, basis=False), true.delta.numpy()) < 0.5


def test_a_sham_has_the_norm_and_the_energies_and_another_direction(trained):
    trainer, basis = trained
    real, sham = (_kick(trained, _config(name)) for name in ("kick", "kick_sham"))
    assert np.linalg.norm(sham) == pytest.approx(np.linalg.norm(real), rel=1e-6)
    for part in trainer.layout.parts.values():
        here, there = np.linalg.norm(real[part]), np.linalg.norm(sham[part])
        # Making it orthogonal to the basis once more changes a little.
        assert there == pytest.approx(here, rel=0.2, abs=0.02 * np.linalg.norm(real))
    assert abs(_cosine(real, sham)) < 0.2
    assert np.linalg.norm(basis.T @ sham) < 1e-6 * np.linalg.norm(sham)


def test_the_published_sham_has_a_norm_of_its_own(trained):
    fixed = _kick(trained, _config("kick_fixed", 200.0))
    assert np.linalg.norm(fixed) == pytest.approx(FIXED * 200, rel=1e-6)
    assert FIXED == 1.5e-3


def test_of_five_pairs_that_with_the_median_defect(trained):
    found = _drawn(trained, 5)
    defects = [each.delta.norm().item() / each.scale for each in found]
    middle = found[int(np.argsort(defects)[2])]
    kicked = _kick(trained, _config("kick", pairs=5), basis=False)
    assert _cosine(kicked, middle.delta.numpy()) == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(kicked) == pytest.approx(1e-2 * middle.first.norm().item(), rel=1e-6)


def test_the_rate_in_force_scales_it(trained):
    slower = replace(_config("kick"), schedule=["20:learning_rate=1e-4"])
    sizes = [np.linalg.norm(_kick(trained, slower, step, basis=False)) for step in (20, 21)]
    again = [
        np.linalg.norm(_kick(trained, _config("kick"), step, basis=False)) for step in (20, 21)
    ]
    # After update 20 the rate is still the first; both steps draw batches of their own.
    assert sizes == pytest.approx([again[0], again[1] / 10], rel=1e-6)


@pytest.mark.parametrize("transform", KICKS)
def test_a_kick_repeats_and_leaves_the_runs_own_batches_alone(trained, transform):
    _, basis = trained
    config = _config(transform, start=4, every=3, basis=BASIS)
    trainer, plain = Trainer([config], bases=lambda name: basis), Trainer([TINY])
    for each in (trainer, plain):
        each.advance(4)
    assert torch.equal(trainer.theta, plain.theta)
    plain.advance()
    expected = kick(config, plain.tables[0], plain.theta[0], 5, basis)
    trainer.advance()
    assert torch.equal(trainer.theta[0], plain.theta[0] + torch.from_numpy(expected))
    assert np.linalg.norm(expected) > 1e-4
    for each in (trainer, plain):
        each.advance(4)
    trainer.displacement.fold([0])  # raises if decay, steps and kicks are not the movement
    assert (trainer.batches[0].draw() == plain.batches[0].draw()).all()


def test_once_is_once():
    config = _config("kick", start=2, times=1)
    trainer, plain = Trainer([config]), Trainer([TINY])
    for each in (trainer, plain):
        each.advance(3)
    assert not torch.equal(trainer.theta, plain.theta)
    plain.load(trainer.state() | {"step": torch.tensor(3)})
    for each in (trainer, plain):
        each.advance(5)
    assert torch.equal(trainer.theta, plain.theta)


def test_no_strength_is_no_change_to_the_bit():
    for transform in KICKS:
        config = _config(transform, 0)
        assert config == TINY
    trainer = Trainer([TINY])
    trainer.advance(3)
    table, theta = trainer.tables[0], trainer.theta[0]
    config = replace(TINY, intervention="transform=kick,strength=1e-30")
    nothing = kick(config, table, theta, 3, None)
    assert torch.equal(theta + torch.from_numpy(nothing), theta)


def test_no_direction_is_no_kick(trained):
    """δ of float32 weights vanishes where the steps are below their last bits."""
    trainer, _ = trained
    config = replace(_config("kick_published"), learning_rate=1e-12)
    assert not kick(config, trainer.tables[0], trainer.theta[0], 20, None).any()
    lost = torch.full_like(trainer.theta[0], torch.nan)
    assert not kick(_config("kick"), trainer.tables[0], lost, 20, None).any()


def test_an_ensemble_kicks_each_model_as_alone(trained):
    _, basis = trained
    configs = [_config(name, start=2, every=2, basis=BASIS) for name in KICKS[2:]] + [
        TINY,
        _config("kick", start=1, every=4, pairs=3),
        _config("noise_inside", 0.1, start=2, basis=BASIS),
    ]
    together = Trainer(configs, dtype=torch.float64, bases=lambda name: basis)
    together.advance(9)
    for slot, config in enumerate(configs):
        alone = Trainer([config], dtype=torch.float64, bases=lambda name: basis)
        alone.advance(9)
        torch.testing.assert_close(together.theta[slot], alone.theta[0], rtol=0, atol=1e-9)


def test_a_run_that_was_stopped_is_kicked_alike(tmp_path):
    config, plan = _config("kick", start=10, every=7), Plan(steps=60, cadence=20, after_grok=None)
    whole = run(config, plan, Store(tmp_path / "whole")).directory
    stop, store = threading.Event(), Store(tmp_path / "stopped")
    first = run(config, plan, store, stop=stop, watch=lambda progress: stop.set())
    assert first.status == "interrupted" and first.step < 60
    again = run(config, plan, store)
    assert again.resumed_at == first.step and again.status == "finished"
    one, other = (each.resume()["trainer.theta"] for each in (whole, again.directory))
    assert np.array_equal(one, other)
