"""Random directions beside a run's own: closed forms, brute force, SciPy's and sklearn's spans."""

import numpy as np
import pytest
import torch
from scipy.linalg import orth, subspace_angles
from sklearn.utils.extmath import randomized_range_finder

from grokbook.geometry.random_directions import NULLS, randomised
from grokbook.geometry.reconstruction import Reconstruction
from grokbook.geometry.singular_directions import SingularDirections

C = np.array([8.0, 3.0, -2.0, 1.0, 0.5, -0.25])
SIZES = np.array([9.0, 5.0, 2.0, 1.0, 0.5, 0.1])
DRAWS = 600


def drawn(null, count=6, draws=DRAWS, c=C, sizes=SIZES):
    """(draws, K, r)."""
    return np.array([randomised(c, sizes, count, null=null, seed=seed) for seed in range(draws)])


def held(found, c=C):
    """Share of c along each, (draws, K)."""
    return 1 - ((found - c) ** 2).sum(axis=-1) / (c**2).sum()


@pytest.fixture(scope="module")
def walk():
    """A path of 12 snapshots in ℝ⁶⁰, its displacements, and their reconstruction."""
    steps = np.random.default_rng(1).standard_normal((12, 60)).cumsum(axis=0)
    basis = SingularDirections.of(steps[1:], steps[0])
    theta, start = torch.from_numpy(steps[-1]), torch.from_numpy(steps[0])
    return steps[1:] - steps[0], Reconstruction(theta, start, (basis,), 6)


def test_shares_are_those_of_the_closed_forms():
    """E‖QQᵀc‖² = k/r ‖c‖²; v_1 whole, and (k − 1)/(r − 1) of the rest."""
    k, whole, rest = np.arange(1, 7), (C**2).sum(), (C[1:] ** 2).sum()
    expected = {
        "random": k / 6,
        "own first": (C[0] ** 2 + (k - 1) / 5 * rest) / whole,
        # Lengths add, and random directions are right on average of nothing.
        "own lengths": 1 - (rest + np.cumsum(C**2) - C[0] ** 2) / whole,
    }
    for null, shares in expected.items():
        each = held(drawn(null))
        error = 4 * each.std(axis=0, ddof=1) / np.sqrt(DRAWS) + 1e-12
        assert (np.abs(each.mean(axis=0) - shares) < error).all(), null


@pytest.mark.parametrize("ratio", [1.0, 3.0, 30.0])
def test_a_mixture_of_two_directions_in_closed_form(ratio):
    """E[σ₁²g₁² / (σ₁²g₁² + σ₂²g₂²)] = σ₁ / (σ₁ + σ₂) for independent normal g."""
    c, sizes = np.array([3.0, 4.0]), np.array([ratio, 1.0])
    each = held(drawn("mixtures", 2, 4000, c, sizes), c)
    expected = (9 * ratio + 16) / (ratio + 1) / 25
    assert abs(each[:, 0].mean() - expected) < 4 * each[:, 0].std(ddof=1) / np.sqrt(4000)
    assert np.allclose(each[:, 1], 1, rtol=0, atol=1e-12)


def test_what_each_null_keeps():
    lengths = np.cumsum(C**2)
    for null in NULLS:
        found = drawn(null, draws=20)
        if null in ("own first", "own lengths"):
            assert (found[:, 0] == [C[0], 0, 0, 0, 0, 0]).all()
            assert np.allclose(found[:, :, 0], C[0], rtol=0, atol=1e-12)
            leading = np.tril(np.ones((6, 6))) * C
            assert np.abs(found - leading)[:, 1:5, 1:].max(axis=-1).min() > 0.01  # others than ours
        if null == "own lengths":
            assert np.allclose((found**2).sum(axis=-1), lengths, rtol=1e-12)
            continue
        # Projections: what is left is orthogonal to what is held, ever more is held, at last all.
        assert np.allclose((found * (C - found)).sum(axis=-1), 0, rtol=0, atol=1e-10)
        assert (np.diff(held(found), axis=1) > -1e-12).all()
        assert np.allclose(found[:, -1], C, rtol=0, atol=1e-10)


def test_random_directions_are_nested_and_orthogonal():
    """What k + 1 directions add is along one direction, which those before do not have."""
    for null in NULLS:
        for found in drawn(null, draws=5):
            added = np.diff(found, axis=0, prepend=0)
            inner = added @ added.T
            assert np.allclose(inner, np.diag(np.diag(inner)), rtol=0, atol=1e-10), null


def test_mixtures_are_those_of_the_displacements(walk):
    """By the same numbers in ℝᴾ: Xᵀg with X = UΣVᵀ, g = Ug′, and SciPy's basis of their span."""
    x, whole = walk
    (basis,) = whole.bases
    delta, left = whole.displacement.numpy(), basis.modes * basis.sizes
    for seed in range(3):
        normal = np.random.default_rng(np.random.default_rng(seed)).standard_normal((11, 6))
        path = list(whole.path(seed=seed, null="mixtures"))
        for k, new in enumerate(path, start=1):
            span = orth(x.T @ (left @ normal[:, :k]))
            expected = span @ (span.T @ delta)
            moved = (new.theta - whole.start).numpy()
            assert np.allclose(moved, expected, rtol=0, atol=1e-9)


def test_mixtures_are_scikit_learns_random_range(walk):
    """Its range of Xᵀ from k normal vectors holds as much of Δ on average."""
    x, whole = walk
    delta = whole.displacement.numpy()
    ours = np.array([[new.kept for new in whole.path(seed=s, null="mixtures")] for s in range(200)])
    for k in (1, 3, 5):
        theirs = []
        for seed in range(200):
            q = randomized_range_finder(x.T, size=k, n_iter=0, random_state=seed)
            theirs.append(((q.T @ delta) ** 2).sum() / (delta**2).sum())
        spread = np.hypot(np.std(theirs), ours[:, k - 1].std()) / np.sqrt(200)
        assert abs(np.mean(theirs) - ours[:, k - 1].mean()) < 4 * spread


def test_own_directions_stay_in_the_span_and_the_first_is_the_runs(walk):
    x, whole = walk
    v = np.linalg.svd(x, full_matrices=False)[2]
    delta = whole.displacement.numpy()
    for null in ("own first", "own lengths"):
        for k, new in enumerate(whole.path(seed=3, null=null), start=1):
            moved = (new.theta - whole.start).numpy()
            assert np.allclose(v.T @ (v @ moved), moved, rtol=0, atol=1e-10)
            assert v[0] @ moved == pytest.approx(v[0] @ delta, rel=1e-10)
            if null == "own lengths":
                assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(v[:k] @ delta))
    one = np.array([list(whole.path(seed=3, null="own first"))[1].theta - whole.start])
    angles = subspace_angles(one.T, v[:2].T)
    assert angles.max() > 0.1  # the second direction is another


def test_draws_are_their_seeds_and_sizes_matter_to_mixtures_alone():
    for null in NULLS:
        first, again, other = (randomised(C, SIZES, 3, null=null, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again) and not np.allclose(first, other)
        flat = randomised(C, np.ones(6), 3, null=null, seed=1)
        assert np.array_equal(flat, first) == (null != "mixtures")
    same = randomised(C, np.ones(6), 3, null="mixtures", seed=1)
    assert np.allclose(same, randomised(C, SIZES, 3, null="random", seed=1), rtol=0, atol=1e-12)


def test_bad_arguments_are_named():
    for count in (0, 7):
        with pytest.raises(ValueError, match=f"from 1 to 6, not {count}"):
            randomised(C, SIZES, count, null="random", seed=0)
    with pytest.raises(ValueError, match="no null 'own'; there are random, own first"):
        randomised(C, SIZES, 1, null="own", seed=0)
