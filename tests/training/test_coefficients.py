"""Schedules, bias corrections and interventions as numbers, and what they do to a model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from grokbook.config import RunConfig
from grokbook.training import coefficients, displacement
from grokbook.training.displacement import DisplacementError
from grokbook.training.interventions import Subspaces, noise
from grokbook.training.trainer import Trainer

TINY = RunConfig(
    tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=1
)


def test_a_switch_is_in_force_from_the_update_after_its_step():
    config = replace(TINY, learning_rate=0.1, schedule=["5:weight_decay=0", "7:learning_rate=0.2"])
    values = coefficients.block([config], [4], 5, [True]).values[:, :, 0]
    t = np.arange(5, 10)
    rate = np.array([0.1, 0.1, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(values[:, 0], [0.9, 1, 1, 1, 1])
    np.testing.assert_allclose(values[:, 1], 1 / np.sqrt(1 - 0.98**t))
    np.testing.assert_allclose(values[:, 2], rate / (1 - 0.9**t))


def test_a_schedule_is_a_run_whose_setting_changed_by_hand():
    switched = Trainer([replace(TINY, schedule=["6:weight_decay=0", "9:clip_norm=0.05"])])
    switched.advance(15)
    by_hand = Trainer([TINY])
    by_hand.advance(6)
    by_hand.configs[0] = replace(TINY, weight_decay=0.0)
    by_hand.advance(3)
    by_hand.configs[0] = replace(TINY, weight_decay=0.0, clip_norm=0.05)
    by_hand.advance(6)
    assert torch.equal(switched.theta, by_hand.theta)


def test_those_that_are_stopped_are_held_still():
    values = coefficients.block([TINY, TINY], [0, 0], 2, [False, True]).values
    assert (values[:, 0, 0] == 1).all() and (values[:, 2, 0] == 0).all()
    assert (values[:, 0, 1] < 1).all() and (values[:, 2, 1] > 0).all()


def _basis(size, k, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, k)))[0]


def test_strength_one_leaves_nothing_outside_and_zero_no_change():
    basis = _basis(50, 4)
    spaces = Subspaces([basis, None], torch.zeros(2, 50, dtype=torch.float64), {"gradient"})
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 50)))
    kept = x.clone()
    one, zero = torch.ones(2, 1, dtype=x.dtype), torch.zeros(2, 1, dtype=x.dtype)
    spaces.change("gradient", kept, one, zero)
    assert torch.equal(kept, x)
    inside = torch.tensor([[1.0], [0.0]], dtype=x.dtype)
    spaces.change("gradient", kept, 1 - inside, inside)
    by_hand = basis @ (basis.T @ x[0].numpy())
    np.testing.assert_allclose(kept[0], by_hand, atol=1e-13)
    assert torch.equal(kept[1], x[1])
    before = kept.clone()
    spaces.change("update", kept, 1 - inside, inside)  # these are of the gradient alone
    assert torch.equal(kept, before)


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_deletion_under_adam_is_amplification_in_the_basis(strength):
    """Adam drops the common factor 1 − f, up to ε and the transient where f sets in."""
    size = Trainer([TINY]).layout.size
    bases = {"b" * 64: _basis(size, 3)}.get
    both = [
        f"transform={kind},strength={strength},basis={'b' * 64}" for kind in ("delete", "amplify")
    ]
    # No clipping, and an ε of no weight: what is left is the factor alone.
    config = replace(TINY, epsilon=1e-30, clip_norm=1e9)
    ends = []
    for text in both:
        trainer = Trainer([replace(config, intervention=text)], dtype=torch.float64, bases=bases)
        trainer.advance(10)
        ends.append(trainer.theta)
    plain = Trainer([config], dtype=torch.float64)
    plain.advance(10)
    torch.testing.assert_close(*ends, rtol=0, atol=1e-9)
    assert (ends[0] - plain.theta).norm() > 1e-3


def test_deleting_the_whole_update_outside_moves_only_inside():
    size = Trainer([TINY]).layout.size
    basis = _basis(size, 3)
    config = replace(
        TINY, weight_decay=0.0, intervention=f"transform=delete_update,strength=1,basis={'c' * 64}"
    )
    trainer = Trainer([config], dtype=torch.float64, bases=lambda name: basis)
    start = trainer.theta.clone()
    trainer.advance(5)
    moved = (trainer.theta - start)[0].numpy()
    outside = moved - basis @ (basis.T @ moved)
    assert np.linalg.norm(moved) > 1e-4
    assert np.linalg.norm(outside) < 1e-12 * np.linalg.norm(moved) + 1e-15


def test_deletion_of_strength_one_leaves_no_gradient_outside():
    """What Adam is given lies in the basis; Adam itself, entry by entry, leaves it again."""
    size = Trainer([TINY]).layout.size
    basis = _basis(size, 3)
    config = replace(TINY, intervention=f"transform=delete,strength=1,basis={'c' * 64}")
    trainer = Trainer([config], dtype=torch.float64, bases=lambda name: basis)
    trainer.advance(1)
    given = trainer.adam.mean[0].numpy() / 0.1  # of the first step: (1 − β₁) g
    assert np.linalg.norm(given) > 1e-4
    outside = given - basis @ (basis.T @ given)
    assert np.linalg.norm(outside) < 1e-13 * np.linalg.norm(given)
    plain = Trainer([TINY], dtype=torch.float64)
    plain.advance(1)
    clean = plain.adam.mean[0].numpy() / 0.1
    np.testing.assert_allclose(given, basis @ (basis.T @ clean), atol=1e-14)


def test_deletion_for_a_while_ends():
    config = replace(
        TINY, intervention=f"transform=delete,strength=0.5,start=2,times=3,basis={'d' * 64}"
    )
    values = coefficients.block([config], [0], 8, [True]).values[:, :, 0]
    assert values[:, coefficients.FIELDS.index("outside")].tolist() == [
        1,
        1,
        0.5,
        0.5,
        0.5,
        1,
        1,
        1,
    ]


def test_the_sham_of_noise_has_its_norm_inside():
    config = replace(TINY, intervention=f"transform=noise_inside,strength=0.25,basis={'d' * 64}")
    basis = _basis(100, 5)
    inside = noise(config, 100, 2, basis).astype(np.float64)
    assert np.linalg.norm(inside) == pytest.approx(0.25, rel=1e-6)
    assert np.linalg.norm(inside - basis @ (basis.T @ inside)) < 1e-7


def test_noise_has_its_norm_and_is_orthogonal_and_repeats():
    config = replace(TINY, intervention="transform=noise,strength=0.25,start=2,every=3")
    basis = _basis(100, 5)
    one, again, later = (noise(config, 100, step, basis) for step in (2, 2, 5))
    assert np.array_equal(one, again) and not np.array_equal(one, later)
    assert np.linalg.norm(one) == pytest.approx(0.25, rel=1e-5)
    assert np.abs(basis.T @ one).max() < 1e-7
    noisy, plain = Trainer([config]), Trainer([TINY])
    for trainer in (noisy, plain):
        trainer.advance(2)
    assert torch.equal(noisy.theta, plain.theta)
    for trainer in (noisy, plain):
        trainer.advance()
    added = noise(config, plain.layout.size, 3, None)
    assert torch.equal(noisy.theta[0], plain.theta[0] + torch.from_numpy(added))


def test_decay_and_steps_add_up_or_it_is_said():
    trainer = Trainer([TINY, replace(TINY, weight_decay=0.0)])
    before = trainer.theta.double()
    trainer.advance(20)
    facts = trainer.displacement.fold([0, 1])
    moved = (trainer.theta.double() - before).square().sum(1)
    both = facts["decay_displacement"] ** 2 + facts["learned_displacement"] ** 2
    torch.testing.assert_close(moved, both + 2 * facts["displacement_product"], rtol=1e-4, atol=0)
    assert facts["decay_displacement"][1] == 0 < facts["decay_displacement"][0]
    trainer.advance(5)
    trainer.theta[1, 0] += 0.1
    trainer.displacement.fold([0])
    with pytest.raises(DisplacementError, match="do not add up"):
        trainer.displacement.fold([1])
    assert displacement.TOLERANCE == 1e-5


@pytest.mark.parametrize(
    ("transform", "touched"),
    [
        ("penalty", {"outside": 0.25, "inside": 0.75}),
        ("delete", {"outside": 0.25, "inside": 0.75}),
        ("amplify", {"inside": 3.0}),
        ("delete_update", {"update_outside": 0.25, "update_inside": 0.75}),
    ],
)
def test_an_intervention_acts_from_its_start_and_at_its_intervals(transform, touched):
    """All coefficients of nine updates by hand: touched ones where it acts, neutral elsewhere."""
    every = 3 if transform == "penalty" else 1
    text = f"transform={transform},strength=0.75,start=2,every={every},basis={'d' * 64}"
    values = coefficients.block([replace(TINY, intervention=text)], [0], 9, [True]).values[:, :, 0]
    neutral = {"outside": 1.0, "inside": 0.0, "update_outside": 1.0, "update_inside": 0.0}
    acts = [before >= 2 and (before - 2) % every == 0 for before in range(9)]
    for field, rest in neutral.items():
        wanted = [touched.get(field, rest) if now else rest for now in acts]
        np.testing.assert_allclose(values[:, coefficients.FIELDS.index(field)], wanted)


def test_noise_comes_at_its_intervals_and_is_counted_as_movement():
    config = replace(TINY, intervention="transform=noise,strength=0.25,start=2,every=3")
    found = coefficients.block([config], [0], 9, [True]).added[:, 0]
    assert found.tolist() == [0, 0, 0.25, 0, 0, 0.25, 0, 0, 0.25]
    trainer = Trainer([config])
    trainer.advance(9)
    trainer.displacement.fold([0])  # raises if decay, steps and noise are not the movement
