"""Against the decomposition of the rows themselves, which a Gram matrix must give back."""

import numpy as np
import pytest

from grokbook.geometry.svd import GramSVD

ROWS = np.random.default_rng(0).standard_normal((6, 40)) * np.arange(1, 7)[:, None]


def test_it_is_the_decomposition_of_the_rows():
    left, sizes, right = np.linalg.svd(ROWS, full_matrices=False)
    found = GramSVD.of(ROWS @ ROWS.T)
    np.testing.assert_allclose(found.sizes, sizes, rtol=1e-12)
    np.testing.assert_allclose(found.squares, sizes**2, rtol=1e-12)
    np.testing.assert_allclose(np.abs((found.left * left).sum(axis=0)), 1, rtol=1e-12)
    directions = ROWS.T @ found.modes(slice(4))
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(np.abs((directions * right[:4].T).sum(axis=0)), 1, rtol=1e-12)


def test_a_mask_chooses_what_a_slice_does():
    found = GramSVD.of(ROWS @ ROWS.T)
    mask = found.sizes > found.sizes[3]
    assert np.array_equal(found.modes(mask), found.modes(slice(3)))


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_rank_counts_what_a_gram_matrix_resolves(rank):
    low = ROWS[:, :rank] @ np.random.default_rng(1).standard_normal((rank, 40))
    found = GramSVD.of(low @ low.T)
    assert found.rank() == rank and (found.sizes >= 0).all()
    # √ε of the largest is what it can see; a share of 10⁻⁹ would count rounding.
    spread = np.diag([1.0, 1e-6, 1e-8]) @ ROWS[:3]
    assert GramSVD.of(spread @ spread.T).rank() == 2
    assert GramSVD.of(spread @ spread.T).rank(1e-3) == 1
