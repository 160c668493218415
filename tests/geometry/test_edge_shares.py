"""Gradient and decay along the edge: planted paths, brute force, and draws in full space."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from grokbook.geometry.edge_shares import (
    at_random,
    cosines,
    share_errors,
    shares,
    trapezoid,
)
from grokbook.geometry.edge_windows import window

RATE, STEPS = 1e-3, np.arange(0, 600, 100)
KEPT = (1 - RATE) ** STEPS
SIZE = 60


def trained(gradient_scale, seed=0):
    """A real path of 500 decoupled steps, and its exact displacements by 100 steps."""
    generator = np.random.default_rng(seed)
    theta = start = generator.normal(size=SIZE)
    slope = gradient_scale * generator.normal(size=SIZE)
    snapshots, gradient, decay = [start], [], []
    for _ in range(5):
        by_gradient, by_decay = np.zeros((2, SIZE))
        for _ in range(100):
            by_decay -= RATE * theta
            step = slope * (1 + 0.3 * generator.normal(size=SIZE))
            by_gradient -= step
            theta = theta * (1 - RATE) - step
        snapshots.append(theta)
        gradient.append(by_gradient)
        decay.append(by_decay)
    return np.array(snapshots), np.array(gradient), np.array(decay)


def test_pure_decay_has_no_gradient_and_points_along_the_start():
    snapshots, gradient, decay = trained(0.0)
    updates = np.diff(snapshots, axis=0)
    found = window(updates)
    assert len(found.directions) == 1
    got = shares(found.directions, gradient, decay, updates)
    assert got.published == pytest.approx([0.0]) and got.signed == pytest.approx([0.0])
    assert got.residual[0] < 1e-12
    at = cosines(found, snapshots[-1], snapshots[0], KEPT[-1])
    assert at.start == pytest.approx([1.0]) and at.weights == pytest.approx([1.0])
    assert np.isnan(at.learned).all()


def test_pure_gradient_has_all():
    generator = np.random.default_rng(1)
    updates = generator.normal(size=(5, SIZE))
    found = window(updates)
    got = shares(found.directions, updates, np.zeros_like(updates), updates)
    np.testing.assert_allclose(got.published, 1)
    np.testing.assert_allclose(got.signed, 1)
    np.testing.assert_array_equal(got.alignment, 0)
    start = generator.normal(size=SIZE)
    theta = start + updates.sum(axis=0)
    at = cosines(found, theta, start, 1.0)
    learned = updates.sum(axis=0)
    for k in range(4):
        v = found.directions[k]
        assert at.learned[k] == pytest.approx(abs(v @ learned) / np.linalg.norm(learned))
        assert at.weights[k] == pytest.approx(abs(v @ theta) / np.linalg.norm(theta))
        assert at.start[k] == pytest.approx(abs(v @ start) / np.linalg.norm(start))


def test_shares_by_plain_sums():
    snapshots, gradient, decay = trained(2e-3)
    updates = np.diff(snapshots, axis=0)
    found = window(updates)
    got = shares(found.directions, gradient, decay, updates)
    for k, v in enumerate(found.directions):
        g = np.array([float(np.dot(row, v)) for row in gradient])
        d = np.array([float(np.dot(row, v)) for row in decay])
        e_g, e_d = sum(g * g) / 5, sum(d * d) / 5
        assert got.published[k] == pytest.approx(e_g / (e_g + e_d), rel=1e-10)
        assert got.together[k] == pytest.approx(sum(g * d) / 5, rel=1e-8)
        assert got.alignment[k] == pytest.approx(sum(g * d) / 5 / np.sqrt(e_g * e_d), rel=1e-8)
        assert got.signed[k] == pytest.approx(sum(g * (g + d)) / sum((g + d) ** 2), rel=1e-8)
        assert got.net[k] == pytest.approx(sum(g) / sum(g + d), rel=1e-6)
    other = shares(found.directions, decay, gradient, updates)  # the decay's share, then
    np.testing.assert_allclose(got.signed + other.signed, 1, atol=1e-8)
    np.testing.assert_allclose(got.published + other.published, 1, rtol=1e-12)
    assert (got.residual < 1e-10).all()
    last = shares(found.directions, gradient[-1:], decay[-1:], updates[-1:])
    np.testing.assert_allclose(last.signed, last.net, rtol=1e-10)


def test_what_neither_explains_is_the_residual():
    v = np.array([[1.0, 0.0]])
    got = shares(v, np.array([[0.5, 9]]), np.array([[0.3, 9]]), np.array([[1.0, 0]]))
    assert got.residual == pytest.approx([0.2])
    assert got.signed == pytest.approx([0.5]) and got.alignment == pytest.approx([1.0])
    opposed = shares(v, np.array([[1.5, 0]]), np.array([[-0.5, 0]]), np.array([[1.0, 0]]))
    assert opposed.signed == pytest.approx([1.5]) and opposed.alignment == pytest.approx([-1.0])
    assert opposed.published == pytest.approx([0.9])  # squares do not see the sign


def test_the_trapezoid_is_off_by_its_own_formula():
    snapshots, _, decay = trained(0.0)
    gradient, by_trapezoid = trapezoid(snapshots, STEPS, RATE)
    x, a = 100 * RATE, (1 - RATE) ** 100
    off = x * (1 + a) / (2 * (1 - a)) - 1
    np.testing.assert_allclose(by_trapezoid, decay * (1 + off), rtol=1e-10)
    assert off == pytest.approx(x**2 / 12, rel=1)
    np.testing.assert_allclose(gradient + by_trapezoid, np.diff(snapshots, axis=0), atol=1e-14)
    found = window(np.diff(snapshots, axis=0))
    got = shares(found.directions, gradient, by_trapezoid, np.diff(snapshots, axis=0))
    assert got.signed == pytest.approx([-off], rel=1e-8)
    without_decay = trapezoid(snapshots, STEPS, 0.0)
    assert not without_decay[1].any()


@pytest.mark.parametrize("size", [SIZE, 7])
def test_the_random_gradient_against_draws_of_whole_vectors(size):
    """The law of the shares, from inner products and from vectors of P numbers."""
    _, gradient, decay = (rows[:, :size] for rows in trained(3e-3))
    norms = np.linalg.norm(gradient, axis=1) * 0.4
    quick = at_random(decay, norms, draws=800, seed=1)
    generator = np.random.default_rng(2)
    slow = []
    for _ in range(800):
        rows = generator.normal(size=decay.shape)
        rows *= (norms / np.linalg.norm(rows, axis=1))[:, None]
        at = window(rows + decay, count=2)
        each = shares(at.directions, rows, decay, rows + decay)
        slow.append((*each.published, *each.signed, *at.edge.sigma[:2]))
    slow = np.array(slow)
    pairs = zip(slow.T, np.hstack([quick.published, quick.signed, quick.sigma]).T, strict=True)
    for whole, by_products in pairs:
        assert ks_2samp(whole, by_products).pvalue > 1e-3
        assert whole.mean() == pytest.approx(by_products.mean(), rel=0.03, abs=0.01)
    low, high = quick.band()
    assert (low < high).all()
    assert low == pytest.approx(np.quantile(quick.published, 0.025, axis=0))
    again = at_random(decay, norms, draws=3, seed=1)
    other = at_random(decay, norms, draws=3, seed=1)
    np.testing.assert_array_equal(again.published, other.published)


def test_a_random_gradient_without_length_leaves_the_decay():
    _, _, decay = trained(0.0)
    none = at_random(decay, np.zeros(5), draws=2, seed=0)
    assert none.published[:, 0] == pytest.approx([0, 0])
    assert np.isnan(none.published[:, 1]).all() and (none.sigma[:, 1] == 0).all()
    alone = at_random(np.zeros((5, 8)), np.ones(5), draws=2, seed=0)
    np.testing.assert_allclose(alone.published, 1)
    small = at_random(np.ones((5, 3)), np.ones(5), draws=2, seed=0)  # fewer entries than rows
    assert np.isfinite(small.published).all()


def test_a_random_gradient_keeps_its_norms():
    """σ² sum up to what the norms and the decay's own rows fix, on average."""
    decay = np.zeros((4, 30))
    norms = np.array([1.0, 2, 3, 4])
    found = at_random(decay, norms, count=4, draws=5, seed=3)
    np.testing.assert_allclose((found.sigma**2).sum(axis=1), (norms**2).sum(), rtol=1e-9)


def test_chance_is_that_of_a_random_direction():
    rows = np.random.default_rng(5).normal(size=(4, SIZE))
    at = cosines(window(rows), np.ones(SIZE), np.ones(SIZE), 0.5)
    assert at.chance == pytest.approx(np.sqrt(2 / (np.pi * SIZE)), rel=0.01)
    assert at.learned == pytest.approx(at.start)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: shares(np.eye(2), np.eye(2), np.eye(2), np.ones((3, 2))), r"\(3, 2\)"),
        (lambda: trapezoid(np.ones((3, 2)), np.arange(2), 0.1), "3 snapshots do not go with 2"),
        (lambda: trapezoid(np.ones((2, 2)), np.arange(2), -0.1), "-0.1"),
        (lambda: at_random(np.eye(3), np.ones(2), seed=0), "3 numbers"),
        (lambda: at_random(np.eye(3), -np.ones(3), seed=0), "≥ 0"),
        (lambda: at_random(np.eye(3), np.ones(3), count=4, seed=0), "1 … 3"),
        (lambda: at_random(np.eye(3), np.ones(3), draws=0, seed=0), "not 0"),
    ],
)
def test_what_cannot_be_shared_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def turned(parts, angle):
    """What turning the direction (1, 0) does to both shares of three (1, 2) displacements."""
    before, after = (shares(np.array([[np.cos(by), np.sin(by)]]), *parts) for by in (0.0, angle))
    return (
        abs(after.published[0] - before.published[0]),
        abs(after.signed[0] - before.signed[0]),
        share_errors(before, np.array([angle]), *parts),
    )


def test_bounds_of_a_turned_direction_are_reached_where_all_moves_across_it():
    """∂E = 2⟨Δ, v⟩⟨Δ, v⊥⟩, with ⟨Δ, v⊥⟩ = ‖Δ‖ to second order, and of opposite signs."""
    gradient, decay = np.array([[1e-3, 1.0]]), np.array([[1e-3, -1.0]])
    moved, _, (bound, _) = turned((gradient, decay, gradient + decay), 1e-9)
    assert 0.99 * bound[0] < moved <= bound[0] * (1 + 1e-6)
    gradient, updates = np.array([[1e-6, 1.0]]), np.array([[1e-3, 1e-3]])
    _, moved, (_, bound) = turned((gradient, updates - gradient, updates), 1e-9)
    assert 0.99 * bound[0] < moved <= bound[0] * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_no_turn_does_more_than_its_bound(seed):
    generator = np.random.default_rng(seed)
    gradient, decay = generator.normal(size=(2, 1, 2))
    published, signed, bounds = turned((gradient, decay, gradient + decay), 1e-7)
    for moved, bound in zip((published, signed), bounds, strict=True):
        assert moved <= bound[0] * (1 + 1e-4)
