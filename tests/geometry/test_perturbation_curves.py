"""Curves along a direction: closed forms of a linear model, brute force, SciPy's divergence."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import rel_entr
from small_decoder import SmallDecoder

from grokbook.geometry.edge_ablation import ablate
from grokbook.geometry.perturbation_curves import (
    PUBLISHED_GRID,
    STEP,
    Network,
    oriented,
    published_curvature,
    sizes,
    sweep,
)


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


@pytest.fixture(scope="module")
def network(small):
    norms = {"length": lambda theta: float(theta.norm())}
    return Network(small.logits, small.labels, None, small.attention, small.valid, norms)


def direction(small, seed=5):
    return np.random.default_rng(seed).normal(size=small.size)


def test_the_curve_against_one_pass_at_a_time(small, network):
    v = direction(small)
    grid = sizes(1.5, 4.0, count=6)
    curve = sweep(network, small.theta, v, grid)
    unit = v / np.linalg.norm(v)
    unit = torch.from_numpy(unit * np.sign(unit @ small.theta.numpy()))
    base = small.logits(small.theta).softmax(-1).numpy()
    for i, size in enumerate(grid):
        logits = small.logits(small.theta + size * unit)
        assert curve.loss[i] == pytest.approx(F.cross_entropy(logits, small.labels).item())
        right = (logits.argmax(-1) == small.labels).double().mean().item()
        assert curve.accuracy[i] == pytest.approx(right)
        divergence = rel_entr(base, logits.softmax(-1).numpy()).sum(1).mean()
        assert curve.divergence[i] == pytest.approx(divergence, abs=1e-14)
        assert curve.also["length"][i] == pytest.approx(float((small.theta + size * unit).norm()))
        attention = small.attention(small.theta + size * unit)
        rows = -torch.xlogy(attention, attention).sum(-1).transpose(2, 3)[:, small.valid]
        assert curve.entropy[i] == pytest.approx(rows.mean().item())
    assert len(set(curve.entropy.round(6))) > 3
    assert curve.removal == pytest.approx(-float(unit @ small.theta))
    assert np.ptp(curve.loss) > 0.01  # the floor is that of the largest loss
    assert curve.floor == pytest.approx(4 * 2**-52 * (1 + curve.loss.max()), rel=1e-12, abs=0)


def test_strength_0_is_a_no_op_and_removal_is_the_ablation(small, network):
    v = direction(small)
    _, along = oriented(small.theta, v)
    curve = sweep(network, small.theta, v, sizes(0.3, along))
    here, gone = curve.at(0.0), curve.at(curve.removal)
    assert curve.divergence[here] == 0
    assert curve.loss[here] == pytest.approx(small.loss(small.theta).item(), rel=1e-14)
    taken = ablate(small.theta, v[None] / np.linalg.norm(v)).theta
    assert curve.loss[gone] == pytest.approx(small.loss(taken).item(), rel=1e-12)
    assert curve.also["length"][gone] == pytest.approx(float(taken.norm()), rel=1e-12)
    assert (curve.divergence >= -1e-15).all()
    flipped = sweep(network, small.theta, -3 * v, curve.sizes)
    np.testing.assert_allclose(flipped.loss, curve.loss, rtol=1e-13)


def test_for_small_steps_it_is_fishers_quadratic_form():
    """Logits Aθ: KL ≈ ½ ε² (Av)ᵀ (diag p − ppᵀ) (Av), and the loss bends as the same."""
    a = torch.from_numpy(np.random.default_rng(1).normal(size=(7, 3, 5)))
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    model = Network(lambda theta: a @ theta, labels)
    theta = torch.linspace(-1, 1, 5, dtype=torch.float64)
    v = np.array([1.0, 2, 0, -1, 0.5])
    curve = sweep(model, theta, v, np.array([-STEP, 0, STEP]))
    unit, _ = oriented(theta, v)
    p, z = (a @ theta).softmax(-1), a @ unit
    form = float(((p * z**2).sum(-1) - (p * z).sum(-1) ** 2).mean())
    assert curve.divergence[2] == pytest.approx(0.5 * STEP**2 * form, rel=0.02)
    assert published_curvature(curve) == pytest.approx(form, rel=1e-3)
    assert np.isnan(curve.entropy).all()


def test_weights_are_repetitions(small, network):
    """A prediction that counts three times, and one that is there three times."""
    times = torch.tensor([3, 1, 0, 2]).repeat(len(small.labels))[: len(small.labels)]
    index = torch.arange(len(times)).repeat_interleave(times)
    weighted = Network(small.logits, small.labels, times)
    repeated = Network(lambda theta: small.logits(theta)[index], small.labels[index])
    grid = np.array([-1.0, 0, 0.5])
    one, other = (sweep(n, small.theta, direction(small), grid) for n in (weighted, repeated))
    for name in ("loss", "accuracy", "divergence"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12)
    plain = sweep(network, small.theta, direction(small), grid)
    assert np.abs(plain.loss - one.loss).max() > 0.01


def test_the_published_grid():
    assert len(PUBLISHED_GRID) == 25 and PUBLISHED_GRID[12] == 0
    np.testing.assert_allclose(PUBLISHED_GRID, np.linspace(-0.03, 0.03, 25), atol=1e-15)
    assert STEP in PUBLISHED_GRID and -STEP in PUBLISHED_GRID


def test_float32_stays_within_the_floor(small, network):
    grid = sizes(1.0, 2.0, count=8)
    wide = sweep(network, small.theta.float().double(), direction(small), grid)
    narrow = sweep(network, small.theta.float(), direction(small), grid)
    assert 0 < np.abs(narrow.loss - wide.loss).max() < narrow.floor < 1e-5
    assert np.abs(narrow.divergence - wide.divergence).max() < narrow.floor
    assert wide.floor < 1e-13


def test_grids_hold_what_is_asked_of_them():
    for sigma, along in ((0.15, 12.0), (2.3, 0.4), (0.0, 5.0), (3.0, 3.0), (1e-4, 1.0)):
        grid = sizes(sigma, along)
        assert (np.diff(grid) > 0).all() and grid[0] == -max(sigma, along)
        for wanted in (0.0, sigma, -sigma, -along):
            assert wanted in grid
        gaps = np.diff(np.log(grid[grid >= 1e-3]))
        assert gaps.min() > 1e-9 and gaps.max() < 0.6


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, t: sweep(n, t, np.ones(3), [0.0]), r"not \(3,\)"),
        (lambda n, t: sweep(n, t, np.zeros(len(t)), [0.0]), "norm 0"),
        (lambda n, t: sweep(n, t, np.ones(len(t)), [1.0, 0.0]), "ascend"),
        (lambda n, t: sweep(Network(n.logits, n.labels[1:]), t, np.ones(len(t)), [0.0]), "labels"),
        (lambda n, t: sweep(Network(n.logits, n.labels, n.labels[1:]), t, np.ones(len(t)), [0.0]),
         "as many weights"),
        (lambda n, t: sizes(-1.0, 1.0), "make no grid"),
        (lambda n, t: sizes(1e-4, 1e-4), "does not reach"),
        (lambda n, t: sweep(n, t, np.ones(len(t)), [0.0, 1.0]).at(0.5), "0.5 was not swept"),
        (lambda n, t: sweep(n, t, np.ones(len(t)), [0.0, 1.0]).at(1.0001), "was not swept"),
        (lambda n, t: published_curvature(sweep(n, t, np.ones(len(t)), [0.0])), "was not swept"),
    ],
)  # fmt: skip
def test_what_has_no_curve_is_refused(small, network, call, says):
    with pytest.raises(ValueError, match=says):
        call(network, small.theta)
