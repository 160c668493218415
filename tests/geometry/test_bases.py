"""Bases against SVDs and scikit-learn, random ones against what they must keep."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from grokbook.geometry import bases
from grokbook.geometry.subspaces import Footprint, project
from grokbook.models.layout import TrunkLayout

LAYOUT = TrunkLayout(modulus=5, tasks=2, width=4, heads=2, hidden=6)
P = LAYOUT.size


@pytest.fixture(scope="module")
def walk():
    """(9, P) a random walk."""
    return np.random.default_rng(0).standard_normal((9, P)).cumsum(axis=0)


def _same_span(basis, vectors):
    """Are the rows of vectors, orthonormal, the span of the basis?"""
    assert basis.rank == len(vectors) and basis.residual < 1e-13
    np.testing.assert_allclose(np.linalg.svd(vectors @ basis.columns)[1], 1, atol=1e-9)


def test_parts_cover_all_parameters_once():
    cut = LAYOUT.parts
    assert np.concatenate([np.arange(P)[part] for part in cut.values()]).tolist() == list(range(P))
    theta = torch.arange(P)
    attention = LAYOUT.attention(theta[None])[0]
    for name, block in LAYOUT.attention_blocks().items():
        assert torch.equal(theta[cut[name]], attention[block])
    views = LAYOUT.views(theta[None])
    assert torch.equal(theta[cut["heads.1.weight"]], views["heads.1.weight"].flatten())


def test_matrices_are_where_and_as_wide_as_they_are():
    found, theta = bases.matrices(LAYOUT, feedforward=True), torch.arange(P)
    views = LAYOUT.views(theta[None])
    assert list(found) == [f"{k}.W_{m}" for k in (0, 1) for m in ("Q", "K", "V", "O", "1", "2")]
    for name, key in (("1.W_1", "linear1"), ("1.W_2", "linear2")):
        place, rows, wide = found[name]
        expected = views[f"encoder.layers.1.{key}.weight"][0]
        assert torch.equal(theta[place].view(rows, wide), expected)
    assert list(bases.matrices(LAYOUT)) == [name for name in found if name[-1] in "QKVO"]


def test_the_trajectory_is_an_uncentred_svd(walk):
    _, sizes, right = np.linalg.svd(walk[1:] - walk[0], full_matrices=False)
    found = bases.trajectory(LAYOUT, walk, k=3)
    _same_span(found.basis, right[:3])
    np.testing.assert_allclose(found.sizes, sizes, rtol=1e-9)
    assert (found.basis.columns[np.abs(found.basis.columns).argmax(0), range(3)] > 0).all()
    rest = bases.trajectory(LAYOUT, walk, k=3, skip=1).basis
    assert np.array_equal(rest.columns, found.basis.columns[:, 1:])
    with pytest.raises(ValueError, match="spans 8 directions, fewer than 9"):
        bases.trajectory(LAYOUT, walk, k=9)
    with pytest.raises(ValueError, match="of 2 directions 2 cannot be left out"):
        bases.trajectory(LAYOUT, walk, k=2, skip=2)


def test_the_attention_basis_is_a_pca_of_each_matrix(walk):
    attention = LAYOUT.attention(torch.from_numpy(walk)).numpy()
    basis, cut = bases.trajectory_attention(LAYOUT, attention, per_matrix=2), LAYOUT.parts
    assert (basis.size, basis.rank) == (P, 16)
    for at, (name, block) in enumerate(LAYOUT.attention_blocks().items()):
        components = PCA(2).fit(attention[:, block]).components_
        columns = basis.columns[:, 2 * at : 2 * at + 2]
        np.testing.assert_allclose(np.abs(components @ columns[cut[name]]), np.eye(2), atol=1e-9)
        assert np.abs(np.delete(columns, np.arange(P)[cut[name]], axis=0)).max() == 0


@pytest.mark.parametrize(("feedforward", "count"), [(False, 8), (True, 12)])
def test_singular_directions_hold_a_matrix_truncated(feedforward, count):
    """Projected onto its top r directions u_i v_iᵀ a matrix is its best approximation of rank r."""
    theta = np.random.default_rng(1).standard_normal(P)
    basis = bases.weight_svd(LAYOUT, theta, rank=2, feedforward=feedforward)
    assert basis.rank == 2 * count and basis.residual < 1e-14
    projected = project(theta, basis)
    outside = projected.copy()
    for place, rows, wide in bases.matrices(LAYOUT, feedforward=feedforward).values():
        left, sizes, right = np.linalg.svd(theta[place].reshape(rows, wide), full_matrices=False)
        best = (left[:, :2] * sizes[:2]) @ right[:2]
        np.testing.assert_allclose(projected[place].reshape(rows, wide), best, atol=1e-13)
        outside[place] = 0
    assert not outside.any()


def test_a_matrix_of_lower_rank_is_named():
    theta = np.random.default_rng(1).standard_normal(P)
    place, rows, wide = bases.matrices(LAYOUT)["1.W_V"]
    theta[place] = np.outer(np.arange(rows), np.ones(wide)).ravel()
    with pytest.raises(ValueError, match=r"1.W_V has rank 1, lower than 2"):
        bases.weight_svd(LAYOUT, theta, rank=2)


def test_a_direction_is_one_however_weak():
    """A Gram matrix would lose singular values below 1e-8 of the largest; an SVD does not."""
    theta = np.random.default_rng(1).standard_normal(P)
    place, rows, wide = bases.matrices(LAYOUT)["1.W_V"]
    theta[place] = np.diag([1.0, 1e-6, 0, 0])[:rows, :wide].ravel()
    assert bases.weight_svd(LAYOUT, theta, rank=2).rank == 16
    with pytest.raises(ValueError, match=r"1.W_V has rank 2, lower than 3"):
        bases.weight_svd(LAYOUT, theta, rank=3)


def test_a_window_of_gradients_is_their_sum_matrix_by_matrix():
    """Feed-forward matrices are in it: twelve of two directions each, not of the rows' own SVD."""
    gradients = np.random.default_rng(5).standard_normal((3, P))
    found = bases.gradient_window(LAYOUT, gradients, rank=2)
    assert found.rank == 12 * 2
    place, rows, wide = bases.matrices(LAYOUT, feedforward=True)["1.W_1"]
    left, _, right = np.linalg.svd(gradients.sum(axis=0)[place].reshape(rows, wide))
    planted = np.zeros(P)
    planted[place] = np.outer(left[:, 1], right[1]).ravel()
    held = found.columns.T @ planted
    assert np.linalg.norm(held) == pytest.approx(1) and np.abs(held).max() == pytest.approx(1)
    # What the gradients have in opposite directions cancels in a sum, and only there.
    with pytest.raises(ValueError, match="rank 0"):
        bases.gradient_window(LAYOUT, np.stack([gradients[0], -gradients[0]]), rank=1)


def test_random_directions_are_uniform():
    """Their energy is spread evenly: the mean of b² is 1/P in the first and in the last entry."""
    drawn = np.stack([bases.random(P, 2, seed=s).columns for s in range(400)])
    mean = np.square(drawn).mean(axis=(0, 2))
    # b² has a standard deviation of √2/P; 800 values.
    assert np.abs(mean * P - 1).max() < 5 * (2 / 800) ** 0.5
    assert np.array_equal(drawn[3], bases.random(P, 2, seed=3).columns)
    assert not np.array_equal(drawn[3], drawn[4])


def test_a_matched_basis_keeps_the_footprint(walk):
    cut, basis = LAYOUT.parts, bases.trajectory(LAYOUT, walk, k=2).basis
    wanted = Footprint.of(basis, cut).energies
    drawn = [bases.random_matched(basis, cut, seed=s) for s in range(200)]
    found = np.mean([Footprint.of(each, cut).energies for each in drawn], axis=0)
    np.testing.assert_allclose(found, wanted, atol=0.02)
    assert max(each.residual for each in drawn) < 1e-14
    one = bases.trajectory(LAYOUT, walk, k=1).basis  # which nothing has to be orthogonal to
    np.testing.assert_allclose(
        Footprint.of(bases.random_matched(one, cut, seed=0), cut).energies,
        Footprint.of(one, cut).energies,
        atol=1e-13,
    )
    overlap = np.abs(basis.columns.T @ drawn[0].columns).max()
    assert overlap < 0.5
    attention = bases.trajectory_attention(
        LAYOUT, LAYOUT.attention(torch.from_numpy(walk)).numpy(), per_matrix=2
    )
    for other in (
        bases.random_matched(attention, cut, seed=1),
        bases.random_within(LAYOUT, per_matrix=2, seed=1),
    ):
        np.testing.assert_allclose(
            Footprint.of(other, cut).energies, Footprint.of(attention, cut).energies, atol=1e-13
        )
        assert other.residual < 1e-14


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: bases.random(5, 8, seed=0), "8 orthonormal directions do not fit into 5"),
        (lambda: bases.random(5, 0, seed=0), "0 < K ≤ P"),
        (lambda: bases.random_within(LAYOUT, per_matrix=99, seed=0), "99 .* not fit into 16"),
        (lambda: bases.random_within(LAYOUT, per_matrix=0, seed=0), "0 < K ≤ P"),
    ],
)
def test_what_spans_no_subspace_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
