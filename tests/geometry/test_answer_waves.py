"""The spectrum over answers: planted waves, brute-force sums, laws of chance that are known."""

import numpy as np
import pytest
from scipy.stats import norm

from grokbook.geometry.answer_waves import answer_nulls, answer_spectrum, wave, wave_content
from grokbook.geometry.cyclic import FourierBasis
from grokbook.tasks.modular import Table

SUMS, PRODUCTS = FourierBasis.additive(97), FourierBasis.discrete_log(97)


def logarithms(p, root):
    """By trying: residue ↦ its logarithm."""
    return {pow(root, t, p): t for t in range(p - 1)}


@pytest.mark.parametrize(("task", "basis", "places"), [
    ("add", SUMS, {r: r for r in range(97)}),
    ("mul", PRODUCTS, logarithms(97, 5)),
])  # fmt: skip
def test_planted_waves(task, basis, places):
    """3 + 2 cos at 29 + 1 cos at 7: shares 4/5 and 1/5, whatever the phases."""
    table = Table.make((task,), 97, "nonzero", 0.5, 42)
    answers = table.labels[:, 0]
    turn = np.array([places.get(int(r), 0) for r in answers]) * 2 * np.pi / basis.order
    f = 3 + 2 * np.cos(29 * turn + 0.4) + np.cos(7 * turn - 2)
    found = answer_spectrum(f, answers, basis, draws=20, seed=1)
    assert len(found.shares) == 48 and found.frequency == 29
    assert found.largest == pytest.approx(0.8, abs=1e-12)
    assert found.shares[6] == pytest.approx(0.2, abs=1e-12)
    assert found.elevation == pytest.approx(0.8 * 48)
    assert found.error == pytest.approx(0, abs=1e-12)  # f is the same for all pairs of an answer


def test_shares_are_those_of_the_fourier_sum():
    generator = np.random.default_rng(0)
    table = Table.make(("add",), 11, "full", 0.5, 1)
    answers, f = table.labels[:, 0], generator.gamma(2, size=121)
    found = answer_spectrum(f, answers, FourierBasis.additive(11), seed=2)
    means = np.array([f[answers == r].mean() for r in range(11)])
    np.testing.assert_allclose(found.means, means)
    powers = [abs(sum(means[r] * np.exp(2j * np.pi * k * r / 11) for r in range(11))) ** 2
              for k in range(1, 6)]  # fmt: skip
    np.testing.assert_allclose(found.shares, np.array(powers) / sum(powers))
    shifted = answer_spectrum(f + 100, answers, FourierBasis.additive(11), draws=0)
    np.testing.assert_allclose(shifted.shares, found.shares, atol=1e-9)  # the mean has no say
    drawn = []
    for _ in range(400):
        each = generator.integers(0, 121, 121)
        if len(np.unique(answers[each])) == 11:
            drawn.append(answer_spectrum(f[each], answers[each], FourierBasis.additive(11),
                                         draws=0).largest)  # fmt: skip
    assert found.error == pytest.approx(np.std(drawn), rel=0.25)


def test_products_that_are_zero_do_not_count():
    table = Table.make(("mul",), 11, "nonzero", 0.5, 1)
    answers = np.append(table.labels[:, 0], 0)
    f = np.random.default_rng(3).normal(size=len(answers))
    basis = FourierBasis.discrete_log(11)
    with_zero = answer_spectrum(f, answers, basis, draws=0)
    without = answer_spectrum(f[:-1], answers[:-1], basis, draws=0)
    np.testing.assert_array_equal(with_zero.shares, without.shares)
    assert np.isnan(without.error)


def test_what_chance_has():
    """48 equal exponential shares: the largest is H_48 / 48 on average."""
    nulls = answer_nulls(SUMS, draws=2000, seed=4)
    expected = np.sum(1 / np.arange(1, 49)) / 48
    law = nulls["white noise"]
    assert abs(law.mean - expected) < norm.ppf(0.9995) * law.sd / 2000**0.5
    assert law.low < law.mean < law.high
    assert nulls["ramp"].mean > 0.55 and nulls["ramp"].draws == 0
    assert nulls["random walk"].mean > 3 * law.mean


def test_the_wave_is_read_where_it_is():
    table = Table.make(("mul",), 97, "nonzero", 0.5, 42)
    answers, generator = table.labels[:, 0], np.random.default_rng(5)
    logs = logarithms(97, 5)
    turn = 2 * np.pi * 29 * np.array([logs[int(r)] for r in answers]) / 96
    both = np.column_stack([np.cos(turn), np.sin(turn)])
    np.testing.assert_allclose(wave(answers, PRODUCTS, 29), both, atol=1e-12)
    features = both @ generator.normal(size=(2, 6)) * 1e-5  # however small
    features += 1e-6 * generator.normal(size=features.shape)
    cosine, sine = wave_content(features, answers, PRODUCTS, 29, seed=6)
    assert min(cosine.r2, sine.r2) > 0.97 and cosine.by == "token"
    for other in wave_content(features, answers, PRODUCTS, 28, seed=6):
        assert abs(other.r2) < 0.02
    for raw in wave_content(features, answers, PRODUCTS, 29, form="raw", seed=6):
        assert raw.r2 < 0.01  # a fixed penalty does not see what is small
    half = wave_content(features, answers, PRODUCTS, 48, seed=6)
    assert len(half) == 1  # the sine is 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: answer_spectrum(np.ones(3), np.arange(2), SUMS), "an answer each"),
        (lambda: answer_spectrum(np.arange(3.0), np.arange(3), SUMS), "94 answers have no pair"),
        (lambda: answer_spectrum(np.ones(97), np.arange(97), SUMS), "all equal"),
        (lambda: wave(np.arange(3), SUMS, 49), "not in 1 … 48"),
        (lambda: wave(np.arange(3), SUMS, 0), "not in 1 … 48"),
    ],
)
def test_what_has_no_spectrum(call, says):
    with pytest.raises(ValueError, match=says):
        call()
