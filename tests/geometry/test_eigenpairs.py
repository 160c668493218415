"""Extreme eigenpairs: planted spectra, dense solvers, scipy's LOBPCG, the tiny model."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import lobpcg

from grokbook.geometry.eigenpairs import Eigenpairs, extremes, lanczos, rayleigh
from grokbook.geometry.operators import Counted


class Dense:
    """A matrix as an operator that is known by its products."""

    def __init__(self, matrix, dtype=torch.float64):
        self.matrix = torch.as_tensor(matrix, dtype=dtype)
        self.size, self.dtype, self.calls = len(matrix), dtype, 0

    def __matmul__(self, vector):
        assert vector.dtype == self.dtype
        self.calls += 1
        return self.matrix @ vector


def planted(values, seed=0):
    """A symmetric matrix with these eigenvalues, and its eigenvectors."""
    generator = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(generator.standard_normal((len(values),) * 2))
    return (basis * values) @ basis.T, basis


CROWDED = np.concatenate([[-20.0, -19.0], np.linspace(-1, 1, 300) ** 3, [40.0, 3000.0]])
"""Like a network's Hessian: a crowd at 0, a few below, and a top a hundred times further out."""


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-10)])
def test_planted_pairs_are_found_at_both_ends(dtype, tolerance):
    matrix, basis = planted(CROWDED)
    operator = Dense(matrix, dtype)
    found = extremes(operator, seed=1, pairs=2, tolerance=tolerance)
    # float32 rounds the matrix itself, and products, by some ε · 3000
    rounding = 32 * torch.finfo(dtype).eps * 3000
    assert np.allclose(found.values, [-20, -19, 40, 3000], rtol=0, atol=rounding)
    assert found.converged.all() and found.products == operator.calls
    assert found.vectors.dtype == dtype
    cosines = np.abs((basis[:, [0, 1, -2, -1]] * found.vectors.double().numpy()).sum(0))
    assert (cosines > 1 - 1e-6).all()


def test_another_solver_finds_the_same_ends():
    """LOBPCG shares nothing with Lanczos but products with the matrix."""
    matrix, _ = planted(CROWDED)
    found = extremes(Dense(matrix), seed=1, pairs=2, tolerance=1e-10)
    start = np.random.default_rng(2).standard_normal((len(matrix), 2))
    for largest, ours in ((False, found.values[:2]), (True, found.values[:1:-1])):
        theirs, _ = lobpcg(matrix, start.copy(), largest=largest, tol=1e-9, maxiter=2_000)
        assert theirs == pytest.approx(ours, rel=1e-6)


@pytest.mark.parametrize(("ends", "expected"), [("low", [-20, -19]), ("high", [40, 3000])])
def test_one_end_alone(ends, expected):
    found = extremes(Dense(planted(CROWDED)[0]), seed=1, ends=ends, pairs=2, tolerance=1e-8)
    assert np.allclose(found.values, expected, rtol=1e-9)


def test_a_negative_definite_matrix():
    values = -np.linspace(1, 9, 60)
    found = extremes(Dense(planted(values)[0]), seed=3, tolerance=1e-8)
    assert np.allclose(found.values, [-9, -1], rtol=1e-12)


def test_the_zero_matrix():
    found = extremes(Dense(np.zeros((30, 30))), seed=0, pairs=2)
    assert (found.values == 0).all() and (found.residuals == 0).all() and found.converged.all()
    assert torch.allclose(found.vectors.T @ found.vectors, torch.eye(4).double(), atol=1e-14)


def test_degenerate_pairs_are_orthonormal_eigenvectors():
    matrix, _ = planted(np.repeat([-5.0, 1.0, 7.0], 20))
    found = extremes(Dense(matrix), seed=2, pairs=2, space=20, tolerance=1e-6)
    assert np.allclose(found.values, [-5, -5, 7, 7], atol=1e-9)
    assert torch.allclose(found.vectors.T @ found.vectors, torch.eye(4).double(), atol=1e-10)


def test_residuals_bound_the_distance_to_the_spectrum():
    matrix, _ = planted(np.linspace(-1, 1, 200))
    found = extremes(Dense(matrix), seed=4, pairs=2, tolerance=0.2, space=6)
    residuals = np.linalg.norm(
        matrix @ found.vectors.numpy() - found.vectors.numpy() * found.values
    )
    assert np.linalg.norm(found.residuals) == pytest.approx(residuals, rel=1e-9)
    spectrum = np.linspace(-1, 1, 200)
    distance = np.abs(found.values[:, None] - spectrum).min(1)
    assert (distance <= found.residuals + 1e-12).all() and found.residuals.max() > 1e-3


def test_what_has_not_converged_is_flagged_and_lies_inside():
    found = extremes(
        Dense(planted(np.linspace(-1, 1, 400))[0]),
        seed=5,
        pairs=2,
        tolerance=1e-12,
        space=8,
        restarts=1,
    )
    assert not found.converged.any()
    assert found.values[0] > -1 and found.values[-1] < 1
    assert (found.residuals > 1e-3).all()


def test_the_tiny_model_against_a_dense_solver(tiny):
    slope = torch.func.grad(lambda theta: tiny.loss.total(tiny.layout.views(theta[None])))

    def column(along):
        return torch.func.jvp(slope, (tiny.theta,), (along,))[1]

    # Forward over reverse, where products are reverse over reverse.  Not torch.func.hessian, which
    # in PyTorch 2.13 is not even symmetric here: it takes jacfwd of jacrev through LayerNorm.
    dense = torch.func.vmap(column, chunk_size=64)(torch.eye(tiny.layout.size).double()).numpy()
    assert np.allclose(dense, dense.T, atol=1e-12)
    expected = np.linalg.eigvalsh(dense)[[0, 1, -2, -1]]
    hessian = tiny.loss.hessian(tiny.theta)
    found = extremes(hessian, seed=6, pairs=2, space=40, tolerance=1e-6)
    assert found.converged.all()
    assert np.allclose(found.values, expected, rtol=1e-9)  # quadratic in the residual
    single = extremes(tiny.loss.hessian(tiny.theta.float()), seed=6, pairs=2, space=40)
    assert np.allclose(single.values, expected, rtol=1e-5)  # float32 is good for the task


def test_the_published_protocol_where_its_steps_suffice():
    values = np.concatenate([[-8, -6, -4, -3, -2.5], np.repeat([0.0, 1.0, 2.0], 30), [9.0]])
    matrix, _ = planted(values)
    operator = Dense(matrix)
    found = lanczos(operator, seed=7)  # nine distinct eigenvalues: nine steps would do
    assert np.allclose(found.values, np.linalg.eigvalsh(matrix)[:5], atol=1e-10)
    assert found.converged.all() and found.products == operator.calls == 25
    single = lanczos(Dense(matrix, torch.float32), seed=7)
    assert np.allclose(single.values, values[:5], atol=64 * 9 * torch.finfo(torch.float32).eps)


def test_lanczos_ends_where_the_space_is_invariant():
    zero = lanczos(Dense(np.zeros((30, 30))), seed=0)
    assert zero.values.tolist() == [0] and zero.products == 1 and zero.converged.all()
    small = lanczos(Dense(planted([-2.0, 1.0, 4.0])[0]), seed=0)
    assert np.allclose(small.values, [-2, 1, 4], atol=1e-13) and small.products == 3


def test_the_published_protocol_where_they_do_not():
    spectrum = np.concatenate([np.linspace(-20, 5, 400), np.geomspace(10, 3000, 40)])
    matrix, _ = planted(spectrum)
    published = lanczos(Dense(matrix), seed=8)
    assert published.products == 25
    # Ritz values interlace: the i-th lowest is never below the i-th eigenvalue, and here far above
    assert (published.values > spectrum[:5] + 1).all() and not published.converged.any()
    found = extremes(Dense(matrix), seed=8, tolerance=1e-5)
    assert found.values[0] == pytest.approx(-20, rel=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_published_residuals_are_the_true_ones(dtype):
    matrix, _ = planted(np.linspace(-30, 500, 300))
    found = lanczos(Dense(matrix, dtype), seed=9)
    vectors = found.vectors.double().numpy()
    true = np.linalg.norm(matrix @ vectors - vectors * found.values, axis=0)
    assert np.allclose(found.residuals, true, atol=500 * 64 * torch.finfo(dtype).eps)
    # re-orthogonalised: without it, 25 steps in float32 lose some digits
    assert np.allclose(vectors.T @ vectors, np.eye(5), atol=16 * torch.finfo(dtype).eps)
    assert not found.converged[0] and found.values[0] > -30


def test_lanczos_equals_the_projection_on_the_krylov_space():
    matrix, _ = planted(np.linspace(-3, 5, 80))
    start = torch.randn(80, generator=torch.Generator().manual_seed(10), dtype=torch.float64)
    krylov, _ = np.linalg.qr(
        np.stack([np.linalg.matrix_power(matrix, k) @ start.numpy() for k in range(8)], axis=1)
    )
    expected = np.linalg.eigvalsh(krylov.T @ matrix @ krylov)[:3]
    found = lanczos(Dense(matrix), seed=10, steps=8, keep=3)
    assert np.allclose(found.values, expected, atol=1e-8)


def test_pairs_come_in_order_each_with_its_own_residual():
    """Columns as ARPACK might give them, unsorted and one of them a little too long."""
    matrix = np.diag([-2.0, 1.0, 4.0])
    columns = torch.tensor([[0.0, 1.01], [0.6, 0.0], [0.8, 0.0]], dtype=torch.float64)
    found = rayleigh(Counted(Dense(matrix)), columns, 1e-3)
    assert found.values == pytest.approx([-2, 2.92], rel=1e-14)  # 0.36 · 1 + 0.64 · 4
    assert found.residuals == pytest.approx([0, 3 * 0.48], abs=1e-14)
    assert torch.equal(found.vectors, columns.flip(1)) and found.products == 2
    assert found.converged.tolist() == [True, False]


def test_a_pair_is_flagged_by_its_own_size_or_by_what_rounding_leaves():
    """In float32 a product is off by 16 ε · 1000, 1.9e-3, whatever the pair."""
    values = np.array([-1e-3, -1e-3, 10.0, 1000.0, 1000.0])
    residuals = np.array([1.8e-3, 2.0e-3, 0.011, 0.9, 1.1])
    found = Eigenpairs.flagged(values, torch.zeros(5, 5), residuals, 1e-3, 7, radius=1000.0)
    assert found.converged.tolist() == [True, False, False, True, False]
    double = Eigenpairs.flagged(
        values, torch.zeros(5, 5).double(), residuals, 1e-3, 7, radius=1000.0
    )
    assert double.converged.tolist() == [False, False, False, True, False]


class Watched(Dense):
    """Keeps the first vector that it is asked about."""

    first = None

    def __matmul__(self, vector):
        self.first = vector.clone() if self.first is None else self.first
        return super().__matmul__(vector)


@pytest.mark.parametrize("method", [extremes, lanczos])
def test_both_precisions_start_alike(method):
    matrix, _ = planted(CROWDED)
    single, double = (Watched(matrix, kind) for kind in (torch.float32, torch.float64))
    for operator in (single, double):
        method(operator, seed=1)
    assert torch.allclose(single.first.double(), double.first, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", [extremes, lanczos])
def test_the_same_seed_gives_the_same_bits(method):
    matrix, _ = planted(CROWDED)
    first, again, other = (method(Dense(matrix), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.vectors, again.vectors)
    assert (first.values == again.values).all()
    assert not torch.equal(first.vectors, other.vectors)
    with pytest.raises(FrozenInstanceError):
        first.products = 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ends": "middle"}, "'middle'"),
        ({"pairs": 0}, "0 pairs"),
        ({"pairs": 5}, "5 pairs at both do not fit a size of 10"),
        ({"pairs": 4, "space": 4}, "space of 4"),
        ({"tolerance": 0.0}, "0.0"),
        ({"restarts": 0}, "not 0"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        extremes(Dense(np.eye(10)), seed=0, **options)


@pytest.mark.parametrize("keep", [0, 26])
def test_ritz_pairs_that_cannot_be_kept_are_refused(keep):
    with pytest.raises(ValueError, match=f"1 … 25, not {keep}"):
        lanczos(Dense(np.eye(40)), seed=0, keep=keep)


@pytest.mark.parametrize("method", [extremes, lanczos])
def test_products_that_are_not_finite_are_refused(method):
    with pytest.raises(ValueError, match="product 1 .* not finite"):
        method(Dense(np.full((40, 40), np.nan)), seed=0)
