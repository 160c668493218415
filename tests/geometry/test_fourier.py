"""Spectra: pure waves and Gauss sums in closed form, DFTs by brute force, NumPy's FFT."""

import numpy as np
import pytest

from grokbook.geometry.cyclic import FourierBasis
from grokbook.geometry.fourier import (
    PowerSpectrum,
    chance,
    difference_share,
    power_spectrum,
    without,
)

P = 13


def wave(basis, k):
    """(p, 2) cosine and sine of frequency k by residue; 0 where a residue has no place."""
    rows = np.zeros((basis.modulus, 2))
    turns = 2 * np.pi * k * np.arange(basis.order) / basis.order
    rows[basis.residues] = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return rows


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(params=["additive", "discrete_log"])
def basis(request):
    return getattr(FourierBasis, request.param)(P)


def test_a_pure_wave_has_all_its_power_at_its_frequency(basis):
    for k in basis.frequencies:
        found = power_spectrum(wave(basis, k) @ noise((2, 5)) + 3, basis)
        assert found.shares[k - 1] == pytest.approx(1, abs=1e-14)
        assert found.participation == pytest.approx(1, abs=1e-13)
        assert found.gini == pytest.approx(1 - 1 / 6, abs=1e-13)
        assert found.top(1).tolist() == [k]


def test_waves_share_by_their_squared_amplitudes(basis):
    rows = np.hstack([wave(basis, 1), 2 * wave(basis, 3), wave(basis, 4)])
    found = power_spectrum(rows, basis)
    np.testing.assert_allclose(found.shares, [1 / 6, 0, 2 / 3, 1 / 6, 0, 0], atol=1e-14)
    assert found.participation == pytest.approx(1 / (1 / 36 + 4 / 9 + 1 / 36))
    # ascending 0 0 0 1/6 1/6 2/3 against −5 −3 −1 1 3 5
    assert found.gini == pytest.approx((1 / 6 + 3 / 6 + 10 / 3) / 6)
    assert found.top_share(2) == pytest.approx(5 / 6)
    assert found.total == pytest.approx(6 * basis.order)


def test_the_largest_come_first_and_ties_go_to_the_lower(basis):
    found = PowerSpectrum(basis, np.array([2, 0, 8, 2, 1, 3]) / 16, total=1.0, residual=0.0)
    assert found.top(4).tolist() == [3, 6, 1, 4]
    assert found.top_share(2) == 11 / 16
    assert found.even_share == 5 / 16
    # an equal share is 1/6; twice that is 5.33/16, and 0.75 times it 2/16, which is not exceeded
    assert found.key(2).tolist() == [3] and found.key(0.75).tolist() == [3, 6]


def test_a_character_of_one_group_is_flat_in_the_other():
    """A Gauss sum has modulus √p at every additive frequency."""
    product = FourierBasis.discrete_log(P)
    for k in (1, 2, 5):
        rows = wave(product, k)
        np.testing.assert_allclose(
            power_spectrum(rows, FourierBasis.additive(P)).shares, 1 / 6, atol=1e-14
        )
        assert power_spectrum(rows, product).participation == pytest.approx(1)


def test_power_by_brute_force_and_by_numpy(basis):
    rows = noise((P, 4))
    found = power_spectrum(rows, basis)
    n, x = basis.order, rows[basis.residues]
    x = x - x.mean(0)
    dft = np.array([[np.exp(-2j * np.pi * k * j / n) for j in range(n)] for k in range(n)])
    two_sided = (np.abs(dft @ x) ** 2).sum(1) / n  # over k and n − k alike
    brute = [sum(two_sided[sorted({k, n - k})]) for k in range(1, n // 2 + 1)]
    np.testing.assert_allclose(found.shares * found.total, brute, rtol=1e-12)
    one_sided = (np.abs(np.fft.rfft(x, axis=0, norm="ortho")) ** 2).sum(1)[1:]
    doubled = one_sided * np.where(2 * basis.frequencies == n, 1, 2)
    np.testing.assert_allclose(found.shares, doubled / doubled.sum(), rtol=1e-12)


def test_rows_that_differ_by_rounding_alone_have_no_spectrum(basis):
    rows = np.full((P, 2), 0.3)
    rows[1] = 0.1 + 0.2
    assert (rows[1] != rows[2]).all()
    with pytest.raises(ValueError, match="all equal"):
        power_spectrum(rows, basis)


def test_parseval(basis):
    rows = noise((P, 4))
    found = power_spectrum(rows, basis)
    x = rows[basis.residues]
    assert found.total == pytest.approx(((x - x.mean(0)) ** 2).sum(), rel=1e-13)
    assert found.shares.sum() == pytest.approx(1, abs=1e-14)
    assert found.residual < 1e-14


def test_another_root_renames_the_frequencies():
    rows, p = noise((P, 4)), P
    least = FourierBasis.discrete_log(p)
    for root in (6, 7, 11):  # the other primitive roots of 13
        other = FourierBasis("discrete log", p, np.array([pow(root, t, p) for t in range(p - 1)]))
        found, expected = power_spectrum(rows, other), power_spectrum(rows, least)
        np.testing.assert_allclose(np.sort(found.shares), np.sort(expected.shares), rtol=1e-12)
        assert found.even_share == pytest.approx(expected.even_share)


def test_even_frequencies_are_functions_of_the_square():
    rows = noise((P, 4))
    mirrored = rows[-np.arange(P) % P]
    log = FourierBasis.discrete_log(P)
    assert power_spectrum(rows + mirrored, log).even_share == pytest.approx(1)
    assert power_spectrum(rows - mirrored, log).even_share == pytest.approx(0, abs=1e-15)
    drawn = [power_spectrum(noise((P, 4), seed), log).even_share for seed in range(400)]
    assert np.mean(drawn) == pytest.approx(5 / 11, abs=4 * np.std(drawn) / 20)


def test_a_missing_row_leaks_as_much_as_worked_out():
    """With row 0 missing y_j = e^{iωj} − δ_j p/(p−1) + 1/(p−1), so its transform is known."""
    additive, q = FourierBasis.additive(P), P - 1
    present = np.arange(P) > 0
    rows = wave(additive, 4)
    rows[0] = 1e3  # what lies there must not matter
    found = power_spectrum(rows, additive, present=present)
    expected = np.full(6, 2 / (q * (q - 1)))
    expected[3] = ((q - 1) ** 2 + 1) / (q * (q - 1))
    np.testing.assert_allclose(found.shares, expected, rtol=1e-12)
    assert found.residual < 1e-14


def test_a_random_matrix_has_dirichlet_shares(basis):
    """E Σ share² = Σ α(α+1) / A(A+1), with α half the Gaussian entries of a frequency."""
    width, draws = 3, 400
    alpha = np.where(2 * basis.frequencies == basis.order, width / 2, width)
    total = alpha.sum()
    squares = [
        (power_spectrum(noise((P, width), seed), basis).shares ** 2).sum() for seed in range(draws)
    ]
    expected = (alpha * (alpha + 1)).sum() / (total * (total + 1))
    assert np.mean(squares) == pytest.approx(expected, abs=4 * np.std(squares) / np.sqrt(draws))


def test_chance_at_the_published_shape():
    additive = FourierBasis.additive(97)
    null = chance(additive, 128, 5, draws=100, seed=1)
    mean, deviation = null.participation
    # For 6,144 parameters Jensen's gap is far below the deviation.
    assert mean == pytest.approx((48 * 128 + 1) / 129, abs=4 * deviation / 10)
    assert 0 < deviation < 0.2
    assert null.top_share[0] > 5 / 48 and null.gini[0] > 0
    assert null == chance(additive, 128, 5, draws=100, seed=1)
    assert null != chance(additive, 128, 5, draws=100, seed=2)


def test_chance_is_the_mean_and_deviation_of_its_draws():
    null = chance(FourierBasis.additive(P), 4, 2, draws=3, seed=5)
    generator = np.random.default_rng(5)
    drawn = [
        power_spectrum(generator.standard_normal((P, 4)), FourierBasis.additive(P))
        for _ in range(3)
    ]
    for field, values in (
        (null.participation, [d.participation for d in drawn]),
        (null.gini, [d.gini for d in drawn]),
        (null.top_share, [d.top_share(2) for d in drawn]),
    ):
        assert field == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_frequencies_are_taken_out_as_the_fft_would(basis):
    rows = noise((P, 4))
    left = without(rows, basis, [2, 6])
    transform = np.fft.rfft(rows[basis.residues], axis=0)
    transform[[2, 6]] = 0
    expected = rows.copy()
    expected[basis.residues] = np.fft.irfft(transform, basis.order, axis=0)
    np.testing.assert_allclose(left, expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(without(rows, basis, []), rows)


def test_frequencies_are_taken_out_where_rows_are_missing():
    rows, additive = noise((P, 4)), FourierBasis.additive(P)
    present = np.arange(P) > 0
    left = without(rows, additive, [2, 3], present=present)
    np.testing.assert_array_equal(left[0], rows[0])
    np.testing.assert_allclose(left[1:].mean(0), rows[1:].mean(0), atol=1e-15)
    assert power_spectrum(left, additive, present=present).shares[[1, 2]].max() < 1e-28
    # Least squares: what was taken is a combination of the four waves and a constant.
    design = np.vstack([np.ones(P), additive.waves([2, 3])])[:, 1:].T
    taken = (rows - left)[1:]
    fitted = design @ np.linalg.pinv(design) @ taken
    np.testing.assert_allclose(fitted, taken, atol=1e-13)


def test_the_difference_of_two_rows():
    x = noise((1, 5))
    assert difference_share(np.vstack([x, x])) == 0
    assert difference_share(np.vstack([x, -x])) == pytest.approx(1)
    rows = noise((2, 5))
    power = (np.abs(np.fft.fft(rows, axis=0)) ** 2).sum(1)
    assert difference_share(rows) == pytest.approx(power[1] / power.sum())


@pytest.mark.parametrize(
    ("rows", "present", "says"),
    [
        (np.ones((12, 2)), None, r"not \(13, w\)"),
        (np.ones(13), None, r"not \(13, w\)"),
        (np.ones((13, 0)), None, r"not \(13, w\)"),
        (np.full((13, 2), np.nan), None, "not finite"),
        (np.full((13, 2), 0.1), None, "all equal"),
        (np.zeros((13, 2)), None, "all equal"),
        (noise((13, 2)), np.arange(13) == 4, "2 rows, not 1"),
        (noise((13, 2)), np.ones(12, bool), r"bool \(13,\)"),
        (noise((13, 2)), np.ones(13), "float64"),
    ],
)
def test_what_has_no_spectrum_is_refused(rows, present, says):
    with pytest.raises(ValueError, match=says):
        power_spectrum(rows, FourierBasis.additive(P), present=present)


def test_other_refusals():
    found = power_spectrum(noise((P, 2)), FourierBasis.additive(P))
    assert isinstance(found, PowerSpectrum) and found.top(0).tolist() == []
    with pytest.raises(ValueError, match="6 frequencies, not 7"):
        found.top(7)
    with pytest.raises(ValueError, match="2 draws, not 1"):
        chance(FourierBasis.additive(P), 2, 1, draws=1, seed=0)
    with pytest.raises(ValueError, match=r"not \(13, w\)"):
        without(np.ones((12, 2)), FourierBasis.additive(P), [1])
    with pytest.raises(ValueError, match="frequency 7"):
        without(noise((P, 2)), FourierBasis.additive(P), [7])
    with pytest.raises(ValueError, match="two rows"):
        difference_share(np.zeros((2, 3)))
