"""Spectra of weights: closed forms, scipy, invariances, and published values at the start."""

import numpy as np
import pytest
import scipy.linalg
import torch

from grokbook.geometry.weight_spectra import (
    SingularValues,
    alignment,
    diagonal_blocks,
    head_operators,
    matrix_commutator,
    singular_values,
)
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import TrunkLayout


@pytest.fixture(scope="module")
def pair():
    return np.random.default_rng(0).normal(size=(2, 12, 12))


def test_singular_values_are_another_librarys(pair):
    found = singular_values(pair[0])
    np.testing.assert_allclose(found.values, scipy.linalg.svdvals(pair[0]), rtol=1e-12)
    eigen = torch.linalg.eigvalsh(torch.from_numpy(pair[0].T @ pair[0])).flip(0).sqrt()
    np.testing.assert_allclose(found.values, eigen, rtol=1e-6)


def test_gaps_and_ranks_by_hand():
    found = singular_values(np.diag([2.0, 8.0, 4.0]))
    assert (found.gap(1), found.gap(2), found.ratio) == (4.0, 2.0, 2.0)
    p = np.array([8, 4, 2]) / 14
    assert found.effective_rank == pytest.approx(np.prod(p**-p), rel=1e-14)
    assert singular_values(np.eye(7)).effective_rank == pytest.approx(7, rel=1e-12)
    one = SingularValues(np.array([3.0, 0.0]), 0.0)
    assert (one.effective_rank, one.ratio) == (1.0, np.inf)
    assert SingularValues(np.zeros(2), 0.0).effective_rank == 0


def test_rounding_stays_within_the_errors(pair):
    a, b = (each.astype(np.float32) for each in pair)
    rounded, exact = singular_values(a), singular_values(pair[0])
    assert 0 < np.abs(rounded.values - exact.values).max() <= rounded.error < 1e-6
    off = abs(matrix_commutator(a, b).norm - matrix_commutator(*pair).norm)
    assert 0 < off <= matrix_commutator(a, b).error < 1e-4
    # A matrix commutes with its square; what is left of that is rounding alone.
    left = matrix_commutator(a, (pair[0] @ pair[0]).astype(np.float32))
    assert left.error / 100 < left.norm <= left.error
    for found, true in zip(head_operators(a, b, 3), head_operators(*pair, 3), strict=True):
        assert 0 < abs(found.norm - true.norm) <= found.error < 1e-5
        off = np.abs(found.spectrum.values - true.spectrum.values).max()
        assert off <= found.spectrum.error == found.error
    off = np.abs(alignment(np.stack([a, b])).cosines - alignment(pair).cosines).max()
    assert 0 < off <= alignment(pair).error < 1e-6


def test_errors_are_the_bounds_that_they_say(pair):
    """2⁻²⁴ of Frobenius norms, to first order in both factors of a product."""
    bits = 2.0**-24
    assert singular_values(np.eye(9)).error == 3 * bits  # of which the largest σ is 1
    assert matrix_commutator(*pair).error == pytest.approx(
        2 * 2**0.5 * bits * np.linalg.norm(pair[0]) * np.linalg.norm(pair[1]), rel=1e-12
    )
    for h, found in enumerate(head_operators(*pair, 3)):
        q, k = (each[4 * h : 4 * h + 4] for each in pair)
        expected = 2 * bits * np.linalg.norm(q) * np.linalg.norm(k)
        assert found.error == pytest.approx(expected, rel=1e-12)
    assert alignment(pair).error == 2 * bits


def test_a_commutator_by_hand():
    """[E12, E21] = E11 − E22, the largest that two matrices of norm 1 can have."""
    a, b = np.array([[0.0, 3], [0, 0]]), np.array([[0.0, 0], [2, 0]])
    found = matrix_commutator(a, b)
    assert found.norm == pytest.approx(6 * np.sqrt(2), rel=1e-14)
    assert found.share == pytest.approx(np.sqrt(2), rel=1e-14)
    assert (
        matrix_commutator(a, a).norm
        == matrix_commutator(np.diag([1.0, 2]), np.diag([3.0, 4])).norm
        == 0
    )
    assert matrix_commutator(a, 0 * b).share == 0


def test_a_commutator_by_the_kronecker_product(pair):
    """vec(AB − BA) = (1 ⊗ A − Aᵀ ⊗ 1) vec(B), columns stacked."""
    a, b = pair
    one = np.eye(12)
    vector = (np.kron(one, a) - np.kron(a.T, one)) @ b.T.reshape(-1)
    found = matrix_commutator(a, b)
    assert found.norm == pytest.approx(np.linalg.norm(vector), rel=1e-12)
    sizes = np.sqrt((a**2).sum() * (b**2).sum())
    assert found.share == pytest.approx(found.norm / sizes, rel=1e-12)


def test_diagonal_blocks_are_the_published_ones(pair):
    a, b = pair
    found = diagonal_blocks(a, b, 3)
    x, y = a[4:8, 4:8], b[4:8, 4:8]
    assert found[1].norm == pytest.approx(np.linalg.norm(x @ y - y @ x), rel=1e-14)
    assert len(found) == 3


def test_head_operators_by_brute_force(pair):
    a, b = pair
    for h, found in enumerate(head_operators(a, b, 3)):
        operator = sum(np.outer(a[i], b[i]) for i in range(4 * h, 4 * h + 4))
        values = scipy.linalg.svdvals(operator)
        np.testing.assert_allclose(found.spectrum.values, values[:4], rtol=1e-10)
        assert values[4:].max() < 1e-12 * values[0]
        assert found.norm == pytest.approx(np.sqrt((operator**2).sum()), rel=1e-13)
        expected = np.sqrt(((operator - operator.T) ** 2).sum()) / found.norm
        assert found.asymmetry == pytest.approx(expected, rel=1e-12)


def test_a_heads_operator_knows_no_basis_of_the_head(pair):
    """W_Q → G W_Q and W_K → G⁻ᵀ W_K change no score; the published commutators they do."""
    q, k = pair
    change = scipy.linalg.block_diag(*(np.random.default_rng(3).normal(size=(3, 4, 4))))
    turned = change @ q, np.linalg.inv(change).T @ k
    for before, after in zip(head_operators(q, k, 3), head_operators(*turned, 3), strict=True):
        np.testing.assert_allclose(after.spectrum.values, before.spectrum.values, rtol=1e-9)
        assert after.asymmetry == pytest.approx(before.asymmetry, rel=1e-9)
    assert matrix_commutator(*turned).share != pytest.approx(
        matrix_commutator(q, k).share, rel=0.01
    )
    first = diagonal_blocks(q, k, 3)[0].share
    assert diagonal_blocks(*turned, 3)[0].share != pytest.approx(first, rel=0.01)


def test_asymmetry_at_its_ends():
    q = np.random.default_rng(4).normal(size=(4, 6))
    assert head_operators(q, q, 1)[0].asymmetry == pytest.approx(0, abs=1e-15)
    turn = np.kron(np.eye(2), np.array([[0.0, 1], [-1, 0]]))
    assert head_operators(q, turn @ q, 1)[0].asymmetry == pytest.approx(2, rel=1e-14)
    assert head_operators(q, 0 * q, 1)[0].asymmetry == 0


def test_cosines_between_readouts(pair):
    found = alignment(np.stack([pair[0], pair[1], -2 * pair[0]]))
    x, y = pair.reshape(2, -1)
    expected = x @ y / np.sqrt((x @ x) * (y @ y))
    assert found.cosines[0, 1] == pytest.approx(expected, rel=1e-12)
    assert found.cosines[0, 2] == pytest.approx(-1, rel=1e-14)
    assert np.diag(found.cosines) == pytest.approx([1, 1, 1], rel=1e-14)
    assert found.sd == 1 / 12
    generator = np.random.default_rng(5)
    draws = alignment(generator.normal(size=(60, 97, 128))).cosines[np.triu_indices(60, 1)]
    sd = alignment(np.ones((1, 97, 128))).sd
    assert sd == pytest.approx(0.009, abs=1e-4)
    assert draws.std() == pytest.approx(sd, rel=0.1)


def test_published_values_at_the_start():
    """g12, g23, σ₁ and C of layer 0 for seeds 42, 137, 2024 (2602.18523 section 4.11)."""
    layout = TrunkLayout(modulus=97, tasks=1)
    weights = layout.attention(initial_parameters(layout, [42, 137, 2024])).numpy()
    q, k = (weights[:, layout.attention_blocks()[f"0.W_{m}"]].reshape(3, 128, 128) for m in "QK")
    found = [singular_values(each) for each in q]
    assert [round(each.gap(1), 3) for each in found] == [0.018, 0.056, 0.044]
    assert [round(each.gap(2), 3) for each in found] == [0.010, 0.017, 0.018]
    assert [round(each.values[0], 2) for each in found] == [1.34, 1.39, 1.38]
    moved = [matrix_commutator(*each) for each in zip(q, k, strict=True)]
    assert [round(each.norm, 1) for each in moved] == [8.0, 8.0, 8.0]
    assert [each.share for each in moved] == pytest.approx(3 * [np.sqrt(2 / 128)], rel=0.02)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: singular_values(np.ones(4)), "\\(4,\\)"),
        (lambda: singular_values(np.ones((1, 4))), "\\(1, 4\\)"),
        (lambda: singular_values(np.eye(3)).gap(3), "not 3"),
        (lambda: singular_values(np.eye(3)).gap(0), "not 0"),
        (lambda: matrix_commutator(np.eye(3), np.eye(2)), "not \\(3, 3\\)"),
        (lambda: matrix_commutator(np.ones((2, 3)), np.ones((2, 3))), "not \\(2, 3\\)"),
        (lambda: head_operators(np.eye(4), np.eye(4), 3), "4 rows are not 3 heads"),
        (lambda: head_operators(np.eye(4), np.eye(4), 4), "two rows"),
        (lambda: diagonal_blocks(np.eye(4), np.eye(3), 1), "one size"),
        (lambda: alignment(np.zeros((2, 3, 3))), "not norms"),
    ],
)
def test_what_has_no_spectrum_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
