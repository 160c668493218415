"""Nulls of trajectories: closed forms, plain simulation, published values; equal times."""

import numpy as np
import pytest

from grokbook.geometry.trajectory import direction, displacements, spectrum
from grokbook.geometry.trajectory_nulls import (
    decay_factors,
    evenly,
    innovations,
    null_spectrum,
    random_walk,
    relaxation,
)

STEPS = np.array([3.0, 1.0, 0.5, 2.0, 1.0, 1.0, 0.2, 1.5])
DECAY = np.array([0.9, 0.9, 0.8, 0.9, 1.0, 0.9, 0.5, 0.9])


def isotropic(count, dimension, generator):
    rows = generator.standard_normal((count, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain(start, decay, noise, dimension, generator):
    """(n, D) the process as one would write it down."""
    rows = isotropic(len(noise) + 1, dimension, generator)
    path = [start * rows[0]]
    for a, b, e in zip(decay, noise, rows[1:], strict=True):
        path.append(a * path[-1] + b * e)
    return np.array(path)


def test_a_long_walk_has_the_published_limit():
    """λ_k = 1 / 4 sin²(kπ/2n) for n points, whose sum is (n² − 1)/6: 6/π²k² as n → ∞."""
    for n in (5, 34, 400):
        found = spectrum(random_walk(np.ones(n - 1), 9).limit()).shares
        k = np.arange(1, n)
        exact = 1 / (4 * np.sin(k * np.pi / (2 * n)) ** 2) / ((n**2 - 1) / 6)
        np.testing.assert_allclose(found, exact, atol=1e-13)
    assert found[0] == pytest.approx(6 / np.pi**2, abs=1e-5)
    assert found[0] == pytest.approx(0.608, abs=1e-4)  # published: 60.8 %


def test_the_walks_of_the_published_null():
    """60.8 % and a few tenths of a point for 34 snapshots of 16,384 entries (2602.16746, 4.2).

    The sd, 0.28 points, is that of 200 walks drawn entry by entry.
    """
    found = null_spectrum(random_walk(np.ones(33), 16_384), draws=400, seed=0)
    assert found.mean[0] == pytest.approx(0.6088, abs=0.0006)  # 4 standard errors
    assert found.sd[0] == pytest.approx(0.0028, rel=0.2)  # 3 standard errors of the 200
    assert np.isnan(found.starts).all()


@pytest.mark.parametrize("dimension", [3, 40])
@pytest.mark.parametrize("kind", ["walk", "relaxation"])
def test_draws_have_the_law_of_a_plain_simulation(kind, dimension):
    """Few dimensions, where the law is far from its limit; both more and fewer than steps."""
    generator, draws = np.random.default_rng(1), 800
    if kind == "walk":
        process, start, decay = random_walk(STEPS, dimension), 0.0, np.ones(8)
    else:
        process, start, decay = relaxation(4.0, DECAY, STEPS, dimension), 4.0, DECAY
    found = null_spectrum(process, draws=draws, seed=2, components=3)
    shares, starts = [], []
    for _ in range(draws):
        path = plain(start, decay, STEPS, dimension, generator)
        rows = path - path.mean(axis=0)
        _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
        shares.append((sizes**2 / (sizes**2).sum())[:3])
        starts.append(abs(directions[0] @ path[0]) / 4)
    expected = np.mean(shares, axis=0)
    sd = np.std(shares, axis=0)
    for k in range(3):
        assert found.mean[k] == pytest.approx(expected[k], abs=5 * sd[k] * np.sqrt(2 / draws))
        assert found.sd[k] == pytest.approx(sd[k], rel=0.2)  # 5 standard errors
    if kind == "relaxation":
        wrong = 5 * np.std(starts) * np.sqrt(2 / draws)
        assert found.starts.mean() == pytest.approx(np.mean(starts), abs=wrong)


def test_the_mixing_is_the_recursion():
    rows = isotropic(9, 20, np.random.default_rng(7))
    path = [4.0 * rows[0]]
    for a, b, e in zip(DECAY, STEPS, rows[1:], strict=True):
        path.append(a * path[-1] + b * e)
    process = relaxation(4.0, DECAY, STEPS, 20)
    np.testing.assert_allclose(process.mixing @ rows, path, atol=1e-14)
    drawn = process.draw(np.random.default_rng(1))  # displacements from its own start
    assert drawn.norms[0] == pytest.approx(4, rel=1e-12)
    assert np.abs(drawn.products[0]).max() == drawn.start[0] == 0
    walk = random_walk(STEPS, 20)
    steps = STEPS[:, None] * rows[1:]
    np.testing.assert_allclose((walk.mixing @ rows[1:])[1:], steps.cumsum(axis=0), atol=1e-14)


def test_a_relaxation_without_decay_is_a_walk():
    walk, other = random_walk(STEPS, 50), relaxation(4.0, np.ones(8), STEPS, 50)
    np.testing.assert_allclose(walk.limit(), other.limit(), atol=1e-13)


def test_the_norms_of_a_stationary_relaxation():
    """‖y_t‖² = a²ᵗ‖y_0‖² + b² (1 − a²ᵗ) / (1 − a²) in the limit."""
    a, b, t = 0.9, 0.7, np.arange(31)
    process = relaxation(5.0, np.full(30, a), np.full(30, b), 10)
    squares = (process.mixing**2).sum(axis=1)
    expected = a ** (2 * t) * 25 + b**2 * (1 - a ** (2 * t)) / (1 - a**2)
    np.testing.assert_allclose(squares, expected, rtol=1e-13)


def test_pure_decay_is_one_component_along_the_start():
    found = null_spectrum(relaxation(3.0, np.full(9, 0.8), np.zeros(9), 100), draws=2, seed=0)
    assert found.mean[0] == pytest.approx(1, abs=1e-12)
    assert found.limit[0] == pytest.approx(1, abs=1e-12)
    assert found.starts == pytest.approx([1, 1], abs=1e-7)


def test_the_limit_is_that_of_many_dimensions():
    found = null_spectrum(relaxation(4.0, DECAY, STEPS, 10**8), draws=3, seed=0)
    np.testing.assert_allclose(found.shares, np.tile(found.limit, (3, 1))[:, :8], atol=2e-3)


def test_z_and_seeds():
    process = random_walk(STEPS, 40)
    found, again, other = (null_spectrum(process, draws=10, seed=s) for s in (4, 4, 5))
    assert np.array_equal(found.shares, again.shares)
    assert not np.array_equal(found.shares, other.shares)
    first = found.shares[:, 0]
    sd = np.sqrt(((first - first.mean()) ** 2).sum() / 10)
    assert found.z(0.9) == pytest.approx((0.9 - first.mean()) / (sd + 1e-8), rel=1e-12)


def test_innovations_are_what_decay_leaves():
    path = plain(4.0, DECAY, STEPS, 30, np.random.default_rng(8))
    moves = displacements(path, {"w": slice(0, 30)})["w"]
    np.testing.assert_allclose(innovations(moves, DECAY), STEPS, rtol=1e-12)
    other = np.full(8, 0.7)
    expected = np.linalg.norm(path[1:] - 0.7 * path[:-1], axis=1)
    np.testing.assert_allclose(innovations(moves, other), expected, rtol=1e-12)
    assert direction(moves).start > 0  # the origin of a path is its first snapshot
    assert moves.norms[0] == pytest.approx(4.0, rel=1e-12)


def test_decay_between_snapshots_is_decay_a_step():
    found = decay_factors(np.array([0, 100, 300, 301]), 1e-3)
    weight = 1.0
    for _ in range(200):
        weight -= 1e-3 * weight
    assert found[1] == pytest.approx(weight, rel=1e-12)
    assert found[2] == pytest.approx(0.999, rel=1e-14)


def test_too_few_snapshots_are_refused_not_thinned():
    assert evenly(np.arange(31), 30, 31).tolist() == list(range(31))
    with pytest.raises(ValueError, match="only 31 snapshots for 32"):
        evenly(np.arange(31), 30, 32)
    with pytest.raises(ValueError, match="ends at 30, before 31"):
        evenly(np.arange(31), 31, 5)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: random_walk(np.array([]), 3), "step norms"),
        (lambda: random_walk(np.array([-1.0]), 3), "step norms"),
        (lambda: random_walk(np.ones(3), 0), "not 0"),
        (lambda: relaxation(-1.0, np.ones(3), np.ones(3), 5), "not -1"),
        (lambda: relaxation(1.0, np.ones(2), np.ones(3), 5), "factors in"),
        (lambda: relaxation(1.0, 2 * np.ones(3), np.ones(3), 5), "factors in"),
        (lambda: null_spectrum(random_walk(np.ones(3), 5), draws=0, seed=0), "not 0"),
        (lambda: decay_factors(np.arange(3), 1.5), "not 1.5"),
        (lambda: evenly(np.arange(5), 4, 1), "not 1 and 4"),
        (lambda: evenly(np.arange(5), 0, 3), "not 3 and 0"),
    ],
)
def test_what_is_no_null_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
