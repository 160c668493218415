"""Perturbations: how far, how much is kept, noise of the same size, scores over draws."""

import math

import numpy as np
import pytest
import torch

from grokbook.geometry.perturbation import Perturbed, noise, score


def vector(size, seed, dtype=torch.float64):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_change_and_what_is_kept_in_closed_form():
    theta = torch.tensor([3.0, 4.0, 0.0])
    new = torch.tensor([3.0, 4.0, 1.0], dtype=torch.float64)
    found = Perturbed.of(theta, new, torch.tensor([0.0, 0.0, 2.0]))
    assert (found.change, found.kept) == (1 / 5, 1 - 1 / 4)
    assert found.theta.dtype == torch.float32
    assert Perturbed.of(theta.double(), new, theta).theta.dtype == torch.float64
    assert math.isnan(Perturbed.of(theta, new, torch.zeros(3)).kept)


def test_noise_has_the_norm_and_stays_where_it_may():
    theta = vector(1000, 1)
    new = theta.clone()
    new[100:400] += 0.3 * vector(300, 2)
    length = (new - theta).norm()
    drawn = torch.stack(list(noise(theta, new, seed=3, draws=400))) - theta
    assert torch.allclose(drawn.norm(dim=1), length.expand(400), rtol=1e-12, atol=0)
    assert not drawn[:, :100].any() and not drawn[:, 400:].any()
    # Isotropic: every coordinate has the variance length²/300, within 6 sd of 400 draws' mean.
    variance = drawn[:, 100:400].square().mean(0) * 300 / length**2
    assert (variance - 1).abs().max() < 6 * math.sqrt(2 / 400)
    assert abs(variance.mean() - 1) < 1e-12
    again = list(noise(theta, new, seed=3, draws=1))[0]
    assert torch.equal(again - theta, drawn[0])


def test_noise_by_part_has_each_parts_norm():
    theta = vector(100, 1)
    new = theta.clone()
    new[:10] += 5
    new[40:] += 0.01 * vector(60, 2)
    parts = [slice(0, 20), slice(20, 40), slice(40, 100)]
    (drawn,) = noise(theta, new, seed=3, draws=1, parts=parts)
    for part in parts:
        expected = (new - theta)[part].norm()
        assert (drawn - theta)[part].norm() == pytest.approx(expected.item(), rel=1e-12)
    assert torch.equal(drawn[10:40], theta[10:40])


def test_no_change_gives_no_noise():
    theta = vector(50, 1, torch.float32)
    for parts in (None, [slice(0, 50)]):
        assert all(torch.equal(z, theta) for z in noise(theta, theta, seed=1, draws=2, parts=parts))


def test_a_score_is_the_mean_and_the_spread_over_draws():
    thetas = [torch.tensor([float(k), 2.0 * k]) for k in (1, 2, 6)]
    found = score(lambda theta: theta.numpy(), thetas)
    assert found.mean.tolist() == [3, 6] and found.count == 3
    assert np.allclose(found.sd, [math.sqrt(7), 2 * math.sqrt(7)], rtol=1e-15)
    alone = score(lambda theta: theta.numpy(), thetas[:1])
    assert alone.mean.tolist() == [1, 2] and np.isnan(alone.sd).all()


def test_what_cannot_be_perturbed_is_refused():
    one = torch.ones(3)
    with pytest.raises(ValueError, match="one shape"):
        Perturbed.of(one, torch.ones(2), one)
    with pytest.raises(ValueError, match="finite"):
        Perturbed.of(one, torch.tensor([1.0, math.inf, 1.0]), one)
    with pytest.raises(ValueError, match="θ ≠ 0"):
        Perturbed.of(torch.zeros(3), one, one)
    with pytest.raises(ValueError, match="at least one draw, not 0"):
        list(noise(one, one, seed=1, draws=0))
    with pytest.raises(ValueError, match="at least one draw, not 0"):
        score(float, [])
