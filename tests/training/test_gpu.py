"""On a GPU the same training as on a CPU; left out where there is none.

Float64 tells a wrong formula from rounding; what is promised of bits is asked of float32, by which
runs are trained, with the captured step.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from grokbook.changes import Intervention
from grokbook.config import DyckConfig, RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.artefacts import Artefacts
from grokbook.sweep import Job
from grokbook.training.ensemble import train_ensembles
from grokbook.training.trainer import Trainer

pytestmark = pytest.mark.gpu

PAIRS = RunConfig(tasks=("add", "mul"), modulus=23, batch_size=64, seed=1)
KINDS = {
    "two tasks": PAIRS,
    "one task": replace(PAIRS, tasks=("sq",)),
    "three tasks": replace(PAIRS, tasks=("add", "mul", "sq"), domain="nonzero"),
    "whole orbits": replace(PAIRS, split="symmetric"),
    "brackets": DyckConfig(seed=1),
}
PLAN = Plan(steps=60, after_grok=None, cadence=20, dense_until=40, window=2)


def several(config):
    """Three models with settings of their own."""
    return [
        config,
        replace(config, init_seed=2, batch_seed=2, weight_decay=0.0),
        replace(config, init_seed=3, clip_norm=0.1, schedule=("4:weight_decay=0.3", "6:moments=0")),
    ]


def on_both(configs, steps, dtype, **given):
    for device in ("cpu", "cuda"):
        trainer = Trainer(configs, dtype=dtype, device=device, **given)
        trainer.advance(steps)
        yield trainer


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("models", [1, 3])
def test_float64_gives_the_same_weights_as_on_a_cpu(config, models):
    here, there = on_both(several(config)[:models], 10, torch.float64)
    for name in ("theta", "loss", "gradient_norm"):
        torch.testing.assert_close(
            getattr(there, name).cpu(), getattr(here, name), rtol=1e-9, atol=1e-11
        )
    torch.testing.assert_close(there.adam.by_decay.cpu(), here.adam.by_decay, rtol=0, atol=1e-12)


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_float32_differs_by_rounding_alone(config):
    """TF32 rounds to 2⁻¹¹, 5e-4: one such product in the first gradient would show."""
    exact = Trainer(several(config), dtype=torch.float64)
    rounded = Trainer(several(config), device="cuda")
    for trainer in (exact, rounded):
        trainer.advance(1)
    wrong = rounded.adam.mean.cpu().double() - exact.adam.mean
    assert float(wrong.norm(dim=1).max() / exact.adam.mean.norm(dim=1).min()) < 2e-5


@pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
def test_training_repeats_to_the_bit_and_neighbours_change_none(config):
    quiet, again, loud = (Trainer(several(config), device="cuda") for _ in range(3))
    with torch.no_grad():
        loud.theta[0] *= 1e30
    for trainer in (quiet, again, loud):
        trainer.advance(30)
    assert torch.equal(quiet.theta, again.theta)
    assert not torch.isfinite(loud.theta[0]).all()
    assert torch.equal(quiet.theta[1:], loud.theta[1:])


def test_a_slot_makes_no_difference():
    """The same run twice in an ensemble: which slot it has changes no bit."""
    twice = Trainer([PAIRS, several(PAIRS)[1], PAIRS], device="cuda")
    twice.advance(30)
    assert torch.equal(twice.theta[0], twice.theta[2])


def test_the_captured_step_is_the_step():
    captured, plain = Trainer(several(PAIRS), device="cuda"), Trainer(several(PAIRS), device="cuda")
    plain._update = plain._compute
    for trainer in (captured, plain):
        trainer.advance(30)
    assert captured._update._graph is not None
    assert torch.equal(captured.theta, plain.theta)


def test_evaluation_is_that_of_a_cpu():
    here, there = on_both(several(PAIRS), 0, torch.float64)
    for mine, theirs in zip(here.objective.evaluate(), there.objective.evaluate(), strict=True):
        assert (mine.correct == theirs.correct).mean() > 0.999  # two logits may be equal
        np.testing.assert_allclose(theirs.test_loss, mine.test_loss, rtol=1e-10)
        np.testing.assert_allclose(theirs.train_loss, mine.train_loss, rtol=1e-10)


@pytest.mark.parametrize("transform", ["delete", "delete_update", "amplify", "noise"])
def test_interventions_act_on_their_model_alone_and_from_their_step_on(transform):
    draw = np.random.default_rng(0).standard_normal((Trainer([PAIRS]).layout.size, 4))
    basis = np.linalg.qr(draw)[0].astype(np.float32)
    change = Intervention(transform=transform, start=10, strength=0.5, basis="0" * 64)
    configs = [PAIRS, replace(PAIRS, intervention=change)]
    here, there = on_both(configs, 15, torch.float64, bases=lambda name: basis)
    torch.testing.assert_close(there.theta.cpu(), here.theta, rtol=1e-9, atol=1e-11)
    together = Trainer(configs, device="cuda", bases=lambda name: basis)
    plain = Trainer([PAIRS, PAIRS], device="cuda")
    together.advance(10)
    assert torch.equal(together.theta[0], together.theta[1])
    together.advance(1)
    plain.advance(11)
    assert torch.equal(together.theta[0], plain.theta[0])
    assert not torch.equal(together.theta[1], plain.theta[1])


def test_runs_through_slots_go_on_to_the_bit(tmp_path):
    """Five runs through two slots, once without a break and once from resume points."""
    configs = [replace(PAIRS, init_seed=seed) for seed in range(5)]
    whole, broken = Store(tmp_path / "whole"), Store(tmp_path / "broken")
    half = replace(PLAN, steps=40)
    for store, plans in ((whole, [PLAN]), (broken, [half, PLAN])):
        for plan in plans:
            done = train_ensembles(
                [Job(config, plan) for config in configs], store, models=2, device="cuda"
            )
            assert [each.status for each in done] == ["finished"] * 5
    for config in configs:
        (one,), (other,) = whole.runs(config), broken.runs(config)
        assert one.numerics["device"] == "cuda"
        mine, theirs = one.resume(), other.resume()
        assert all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine)


def test_a_basis_is_found_in_the_store(tmp_path):
    store = Store(tmp_path)
    draw = np.random.default_rng(0).standard_normal((Trainer([PAIRS]).layout.size, 4))
    basis = np.linalg.qr(draw)[0].astype(np.float32)
    name = Artefacts(store).put({"basis": basis}, {"measure": "test"})
    change = Intervention(transform="delete", start=10, strength=0.5, basis=name)
    (done,) = train_ensembles(
        [Job(replace(PAIRS, intervention=change), PLAN)], store, models=2, device="cuda"
    )
    assert (done.status, done.step) == ("finished", 60)
