"""Laws of what is drawn, against moments that are known."""

import numpy as np
import pytest

from grokbook.geometry.isotropic import factors, frame


@pytest.mark.parametrize("size", [1, 4, 60])
def test_factors_are_of_isotropic_vectors(size):
    """Of unit vectors E⟨e_i, e_j⟩ = 0 and E⟨e_i, e_j⟩² = 1/D for i ≠ j."""
    rows = factors(np.random.default_rng(5), 2000, 6, size)
    assert rows.shape == (2000, 6, min(6, size))
    products = rows @ rows.transpose(0, 2, 1)
    lengths = np.sqrt(products[:, range(6), range(6)])
    # ‖x‖² is χ² with D degrees of freedom: mean D, variance 2D; within 5 standard errors.
    assert np.abs((lengths**2).mean(axis=0) - size).max() < 5 * np.sqrt(2 * size / 2000)
    cosines = products / lengths[:, :, None] / lengths[:, None, :]
    apart = cosines[:, *np.tril_indices(6, -1)]
    assert np.abs(apart.mean(axis=0)).max() < 5 / np.sqrt(2000 * size)
    assert (apart**2).mean(axis=0) == pytest.approx(1 / size, rel=0.16)


def test_a_frame_is_orthonormal_and_favours_no_direction():
    """Of k columns in ℝᴰ a unit vector has the square share k/D, sd² = 2k(D − k)/D²(D + 2)."""
    generator = np.random.default_rng(3)
    drawn = np.array([frame(generator, 9, 2) for _ in range(2000)])
    np.testing.assert_allclose(drawn[0].T @ drawn[0], np.eye(2), atol=1e-14)
    sd = np.sqrt(2 * 2 * 7 / (9**2 * 11))
    shares = np.square(drawn).sum(axis=2)
    np.testing.assert_allclose(shares.mean(axis=0), 2 / 9, atol=5 * sd / np.sqrt(2000))
    np.testing.assert_allclose(shares.std(axis=0), sd, rtol=0.1)


@pytest.mark.parametrize(("size", "count"), [(3, 7), (3, -1), (0, 1)])
def test_a_frame_that_does_not_fit_is_refused(size, count):
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=f"{count} orthonormal directions .* {size} dimensions"):
        frame(generator, size, count)


@pytest.mark.parametrize("size", [0, 3])
def test_a_frame_may_have_no_column(size):
    assert frame(np.random.default_rng(0), size, 0).shape == (size, 0)
