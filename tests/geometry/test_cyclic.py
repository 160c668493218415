"""Fourier bases and discrete logarithms: orthonormality, NumPy's FFT, brute force over residues."""

import numpy as np
import pytest

from grokbook.geometry.cyclic import FourierBasis, fourier_matrix, primitive_root

PRIMES = [p for p in range(2, 100) if all(p % q for q in range(2, p))]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 12, 13, 96, 97])
def test_rows_are_orthonormal_and_those_of_the_fft(n):
    matrix = fourier_matrix(n)
    # n products of entries below 1, each good to some 1e-16
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), rtol=0, atol=1e-14)
    signal = np.random.default_rng(n).standard_normal(n)
    transform = np.fft.rfft(signal)
    expected = [transform[0].real / np.sqrt(n)]
    for k in range(1, n // 2 + 1):
        if 2 * k == n:
            expected.append(transform[k].real / np.sqrt(n))
        else:
            expected += [np.sqrt(2 / n) * transform[k].real, -np.sqrt(2 / n) * transform[k].imag]
    np.testing.assert_allclose(matrix @ signal, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("p", PRIMES)
def test_primitive_roots_by_brute_force(p):
    def order(g):
        power, count = g % p, 1
        while power != 1:
            power, count = power * g % p, count + 1
        return count

    assert primitive_root(p) == min(g for g in range(1, p) if order(g) == p - 1)


@pytest.mark.parametrize("p", PRIMES)
def test_discrete_logarithms_turn_products_into_sums(p):
    basis = FourierBasis.discrete_log(p)
    g = primitive_root(p)
    for residue in range(1, p):  # the least exponent, searched for
        power, exponent = 1, 0
        while power != residue:
            power, exponent = power * g % p, exponent + 1
        assert basis.places[residue] == exponent
    assert basis.places[0] == -1 and basis.order == p - 1
    a, b = np.meshgrid(np.arange(1, p), np.arange(1, p))
    summed = (basis.places[a] + basis.places[b]) % (p - 1)
    assert (basis.places[a * b % p] == summed).all()


def test_the_additive_basis_keeps_the_order():
    basis = FourierBasis.additive(12)
    assert basis.residues.tolist() == basis.places.tolist() == list(range(12))
    assert basis.frequencies.tolist() == [1, 2, 3, 4, 5, 6]
    assert basis.owners.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]


def test_waves_are_the_rows_of_their_frequencies():
    basis = FourierBasis.discrete_log(13)
    t = np.arange(12)
    waves = basis.waves([6, 2])
    assert waves.shape == (3, 12) and basis.waves([]).shape == (0, 12)
    np.testing.assert_allclose(waves[0], np.cos(np.pi * t / 3) / np.sqrt(6), atol=1e-15)
    np.testing.assert_allclose(waves[1], np.sin(np.pi * t / 3) / np.sqrt(6), atol=1e-15)
    np.testing.assert_allclose(waves[2], (-1.0) ** t / np.sqrt(12), atol=1e-15)


@pytest.mark.parametrize(("chosen", "says"), [([0], "0 is not"), ([7], "7 is not"), ([2, 2], "2")])
def test_what_is_no_frequency_is_refused(chosen, says):
    with pytest.raises(ValueError, match=says):
        FourierBasis.additive(13).waves(chosen)


def test_what_has_no_basis_is_refused():
    with pytest.raises(ValueError, match="12 is not prime"):
        FourierBasis.discrete_log(12)
    with pytest.raises(ValueError, match="not 1"):
        fourier_matrix(1)
