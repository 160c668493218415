"""Reconstruction: planted paths with a known k*, dense projections, scikit-learn's PCA."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from grokbook.geometry.reconstruction import Reconstruction, reconstructions, threshold
from grokbook.geometry.singular_directions import SingularDirections

P = 60


def orthonormal(count, size=P, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, count))).Q.T


def dense(basis):
    """V as rows (r, P), formed after all."""
    vectors = np.zeros((basis.rank, P))
    vectors[:, basis.where] = basis.compose(np.eye(basis.rank))
    return vectors


@pytest.fixture
def walk():
    """20 snapshots (n, P) in float64 of a path that uses every direction."""
    steps = np.random.default_rng(1).standard_normal((20, P))
    return steps.cumsum(axis=0)


def planted(weights, seed=0):
    """A path of 12 snapshots from θ(0) whose last displacement is Σ w_j e_j.

    Row t is a_t e_j for one j each with a_t² growing from e_4 to e_1, so that the right singular
    vectors are e_1 … e_4 in that order whatever the target's weights are.
    """
    e, origin = orthonormal(len(weights), seed=seed), np.random.default_rng(9).standard_normal(P)
    rows = [origin]
    for j, direction in enumerate(e):
        rows += [origin + s * 100 * 0.5**j * direction for s in (1, -1)]
    return np.array([*rows, origin + np.array(weights) @ e]), e


def test_a_planted_path_is_found_in_closed_form():
    """The target turns the big directions by less than 1 %, a first-order perturbation."""
    weights = np.array([0.5, 0.4, 0.2, 0.1])
    snapshots, e = planted(weights)
    theta, start = torch.from_numpy(snapshots[-1]), torch.from_numpy(snapshots[0])
    held = SingularDirections.of(snapshots[1:-1], snapshots[0])  # exactly e_1 … e_4
    assert held.rank == 4 and held.error < 1e-12
    assert np.allclose(np.abs(dense(held) @ e.T), np.eye(4), rtol=0, atol=1e-12)
    assert np.allclose(held.shares, 0.25 ** np.arange(4) / (0.25 ** np.arange(4)).sum())
    path = list(Reconstruction(theta, start, (held,), 20).path())
    assert len(path) == 4
    kept = np.cumsum(weights**2) / np.sum(weights**2)
    size = theta.norm().item()
    for k, new in enumerate(path):
        expected = snapshots[0] + weights[: k + 1] @ e[: k + 1]
        assert np.allclose(new.theta.numpy(), expected, rtol=0, atol=1e-12)
        assert new.kept == pytest.approx(kept[k], abs=1e-12)
        lost = np.sqrt(np.sum(weights[k + 1 :] ** 2)) / size
        assert new.change == pytest.approx(lost, abs=1e-12)
    # A task that is solved once enough of Δ is there has a k* that the weights dictate.
    for level, k in ((0.5, 1), (0.8, 2), (0.95, 3), (0.99, 4)):
        assert threshold(np.array([[new.kept, 1.0] for new in path]), level) == k


def test_directions_are_those_of_a_dense_svd(walk):
    basis = SingularDirections.of(walk[1:], walk[0])
    _, s, vt = np.linalg.svd(walk[1:] - walk[0], full_matrices=False)
    assert np.allclose(basis.shares, s**2 / np.sum(s**2), rtol=1e-10)
    assert np.allclose(np.abs(dense(basis) @ vt.T), np.eye(19), rtol=0, atol=1e-9)
    overlap = np.abs(dense(basis) @ dense(basis).T - np.eye(19)).max()
    assert basis.error == pytest.approx(overlap, abs=1e-12)
    inner = basis.modes.T @ (basis.rows @ basis.rows.T) @ basis.modes
    assert basis.error == pytest.approx(np.abs(inner - np.eye(19)).max(), rel=1e-6, abs=0)


@pytest.mark.parametrize(("share", "rank"), [(1.1e-5, 2), (0.9e-5, 1)])
def test_directions_end_where_a_gram_matrix_loses_them(share, rank):
    """A share of 1e-5 is 1e-10 in the Gram matrix: its direction is good to 1e-4 or so."""
    held = SingularDirections.of(np.diag([1.0, share, 0.0])[:2], np.zeros(3))
    assert held.rank == rank and np.allclose(held.sizes, [1.0, share][:rank])


@pytest.mark.parametrize("where", [None, np.arange(7, 41)])
def test_centred_directions_are_scikit_learns(walk, where):
    basis = SingularDirections.of(walk, walk[0], centred=True, where=where, count=5)
    part = walk if where is None else walk[:, where]
    pca = PCA(5, svd_solver="full").fit(part)
    assert np.allclose(basis.sizes, pca.singular_values_, rtol=1e-10)
    vectors = dense(basis)[:, basis.where]
    assert np.allclose(np.abs(vectors @ pca.components_.T), np.eye(5), rtol=0, atol=1e-10)
    assert np.allclose(basis.shares, pca.explained_variance_ratio_, rtol=1e-10)
    assert np.allclose((walk[0] + basis.mean)[basis.where], pca.mean_, rtol=0, atol=1e-12)
    back = pca.inverse_transform(pca.transform(part[-1:]))[0]
    variants = dict(reconstructions(walk, count=5))
    if where is None:
        *_, last = variants["centred"].path()
        assert np.allclose(last.theta.numpy(), back, rtol=0, atol=1e-11)
        seen = PCA(5, svd_solver="full").fit(walk[:18])  # ⌊0.9 · 20⌋
        back = seen.inverse_transform(seen.transform(walk[-1:]))[0]
        *_, last = variants["centred held-out"].path()
        assert np.allclose(last.theta.numpy(), back, rtol=0, atol=1e-11)


def test_projection_is_idempotent_and_ends_at_the_target(walk):
    theta, start = torch.from_numpy(walk[-1]), torch.from_numpy(walk[0])
    basis = SingularDirections.of(walk[1:], walk[0])
    path = list(Reconstruction(theta, start, (basis,), 19).path())
    for k, once in enumerate(path, start=1):
        *_, twice = Reconstruction(once.theta, start, (basis,), k).path()
        assert torch.allclose(twice.theta, once.theta, rtol=0, atol=1e-12)
    assert path[-1].change < 1e-12 and path[-1].kept == pytest.approx(1, abs=1e-12)
    assert all(a.kept <= b.kept for a, b in zip(path, path[1:], strict=False))


def test_random_directions_lie_in_the_span_and_are_nested(walk):
    theta, start = torch.from_numpy(walk[-1]), torch.from_numpy(walk[0])
    basis = SingularDirections.of(walk[1:9], walk[0])
    whole = Reconstruction(theta, start, (basis,), 8)
    *_, full = whole.path()
    drawn = np.array([[new.kept for new in whole.path(seed=seed)] for seed in range(300)])
    # E ‖QQᵀc‖² = k/r ‖c‖²; a share's sd is at most 1/2 and its mean's 0.03
    assert np.allclose(drawn.mean(axis=0), full.kept * np.arange(1, 9) / 8, rtol=0, atol=0.06)
    assert (np.diff(drawn, axis=1) > -1e-12).all()
    assert np.allclose(drawn[:, -1], full.kept, rtol=0, atol=1e-12)
    vectors = dense(basis)
    for new in whole.path(seed=1):
        moved = (new.theta - start).numpy()
        assert np.allclose(vectors.T @ (vectors @ moved), moved, rtol=0, atol=1e-12)
    first, again = (list(whole.path(seed=4))[2].theta for _ in range(2))
    assert torch.equal(first, again) and not torch.equal(first, list(whole.path())[2].theta)


def test_several_bases_are_one_block_diagonal_basis(walk):
    theta, start = torch.from_numpy(walk[-1]), torch.from_numpy(walk[0])
    parts = [np.arange(20), np.arange(20, 60, 2)]
    bases = tuple(SingularDirections.of(walk, walk[0], where=part, count=3) for part in parts)
    v, w = map(dense, bases)
    delta = walk[-1] - walk[0]

    def projected(rows):
        return walk[0] + rows.T @ (rows @ delta)

    joint = [new.theta.numpy() for new in Reconstruction(theta, start, bases, 5).path()]
    stacked = np.vstack([v, w])
    for k in range(5):
        assert np.allclose(joint[k], projected(stacked[: k + 1]), rtol=0, atol=1e-11)
    apart = Reconstruction(theta, start, bases, 5, apart=True)
    path = [new.theta.numpy() for new in apart.path()]
    assert len(path) == 3
    for k in range(3):
        expected = projected(np.vstack([v[: k + 1], w[: k + 1]]))
        assert np.allclose(path[k], expected, rtol=0, atol=1e-11)
    removed = Reconstruction(theta, start, bases, 5, apart=True, removed=True)
    for kept, gone in zip(path, removed.path(), strict=True):
        assert np.allclose(gone.theta.numpy(), walk[-1] - (kept - walk[0]), rtol=0, atol=1e-11)
    # Random directions of each basis's own: k of 3 in either part.
    drawn = apart.coordinates(seed=1)
    for part, basis in ((drawn[:, :3], bases[0]), (drawn[:, 3:], bases[1])):
        own = basis.coordinates(delta)
        assert np.allclose(part[-1], own, rtol=0, atol=1e-12)
        assert np.allclose(part @ own, (part**2).sum(axis=1), rtol=1e-10)  # projections
        assert np.all((part[0] ** 2).sum() < (own**2).sum())


def test_what_each_variant_sees(walk):
    other = np.random.default_rng(5).standard_normal((6, P)).cumsum(axis=0)
    away = np.zeros(P, dtype=bool)
    away[:30] = True
    variants = dict(reconstructions(walk, count=4, other=other, apart_from=away, held_out=0.25))
    assert list(variants) == [
        "published",
        "held-out",
        "other seed",
        "no embedding",
        "centred",
        "centred held-out",
    ]

    def rows(name):
        return variants[name].bases[0].rows

    assert np.allclose(rows("published"), walk[1:] - walk[0])
    assert np.allclose(rows("held-out"), walk[1:15] - walk[0])  # ⌊0.75 · 20⌋ with the first
    assert np.allclose(rows("centred"), walk - walk.mean(axis=0))
    assert np.allclose(rows("centred held-out"), walk[:15] - walk[:15].mean(axis=0))
    assert np.allclose(variants["centred held-out"].start.numpy(), walk[:15].mean(axis=0))
    assert np.array_equal(variants["centred held-out"].theta.numpy(), walk[-1])
    assert np.allclose(rows("other seed"), other[1:] - other[0])
    assert np.allclose(rows("no embedding"), (walk[1:] - walk[0])[:, 30:])
    for new in variants["no embedding"].path():
        assert np.array_equal(new.theta[:30].numpy(), walk[-1, :30])
    for name in ("published", "held-out", "other seed"):
        assert np.array_equal(variants[name].start.numpy(), walk[0])
    for count, held_out in ((3, 0.9), (3, 0.1), (20, 1e-17)):  # at least the target is held out
        short = dict(reconstructions(walk[:count], count=2, held_out=held_out))
        assert len(short["held-out"].bases[0].rows) == max(count - 2, 1)
        assert len(short["centred held-out"].bases[0].rows) == max(count - 1, 2)


def test_float32_snapshots_are_subtracted_in_float64(walk):
    """Weights that decay a thousandfold lose three digits beside their start in float32."""
    snapshots = walk.astype(np.float32)
    snapshots[0] *= 1000
    x = SingularDirections.of(snapshots[1:], snapshots[0]).rows
    exact = snapshots[1:].astype(np.float64) - snapshots[0].astype(np.float64)
    assert x.dtype == np.float64 and np.array_equal(x, exact)


def test_no_k_is_enough():
    assert threshold(np.array([[0.95, 0.1], [0.99, 0.89]])) is None
    assert threshold(np.array([[0.1, 0.1], [0.9, 0.9]])) == 2


def test_bad_arguments_are_named(walk):
    theta = torch.from_numpy(walk[-1])
    with pytest.raises(ValueError, match=r"snapshots, not \(0, 60\)"):
        SingularDirections.of(walk[:0], walk[0])
    with pytest.raises(ValueError, match="no directions"):
        SingularDirections.of(walk[:1], walk[0])
    with pytest.raises(ValueError, match="at least 1 with a basis, not 0"):
        Reconstruction(theta, theta, (SingularDirections.of(walk, walk[0]),), 0)
    with pytest.raises(ValueError, match=r"one shape, not \(59,\)"):
        Reconstruction(theta, theta[1:], (SingularDirections.of(walk, walk[0]),), 1)
    with pytest.raises(ValueError, match="three snapshots, not 2"):
        list(reconstructions(walk[:2], count=1))
    with pytest.raises(ValueError, match="between 0 and 1, not 1"):
        list(reconstructions(walk, count=1, held_out=1.0))
