"""Spectra along depths and positions: planted waves, sums written out, SciPy, and their nulls."""

import cmath

import numpy as np
import pytest
import scipy.fft
from scipy.stats import norm

from grokbook.geometry.depth_fourier import depth_nulls, depth_spectrum
from grokbook.geometry.fourier_nulls import bands, sequences
from grokbook.geometry.positional_fourier import positional_nulls, positional_spectrum

DEPTHS = np.random.default_rng(0).permutation(np.repeat(np.arange(11), 9))


def wave(frequency, count=11):
    return np.cos(2 * np.pi * frequency * np.arange(count) / count + 0.4)


@pytest.mark.parametrize("frequency", [1, 2, 5])
def test_a_wave_over_depths_has_one_frequency(frequency):
    found = depth_spectrum(7 + wave(frequency)[DEPTHS], DEPTHS)
    assert found.frequency == frequency
    assert found.largest == pytest.approx(1, abs=1e-12)
    assert found.published == pytest.approx(6) and found.elevation == pytest.approx(5)
    assert found.shares[0] == 0 and np.isnan(found.error)


def test_means_of_depths_that_are_present():
    """Means, not sums; gaps between depths close up, as published."""
    f, depths = np.array([1.0, 3, 5, 9, 0]), np.array([2, 2, 0, 7, 4])
    found = depth_spectrum(f, depths)
    np.testing.assert_allclose(found.means, [5, 2, 0, 9])
    powers = []
    for k in range(3):
        total = sum((m - 4) * cmath.exp(-2j * cmath.pi * k * n / 4) for n, m in enumerate(
            found.means))  # fmt: skip
        powers.append(abs(total) ** 2)
    np.testing.assert_allclose(found.shares, np.array(powers) / sum(powers), atol=1e-15)


def test_the_error_is_the_spread_over_new_strings():
    generator = np.random.default_rng(1)
    clean = wave(1) + 0.3 * wave(3)

    def sample():
        strings = np.repeat(np.arange(80), 11)
        noise = generator.normal(size=80)[strings] * wave(3)[np.tile(np.arange(11), 80)]
        depths = np.tile(np.arange(11), 80)
        there = generator.random(880) < np.linspace(1, 0.3, 11)[depths]  # deep ones are rare
        return (9 + np.tile(clean, 80) + noise)[there], depths[there], strings[there]

    spread = np.std([depth_spectrum(f, d).largest for f, d, _ in (sample() for _ in range(300))])
    errors = [depth_spectrum(*sample(), seed=2).error for _ in range(10)]
    assert np.mean(errors) == pytest.approx(spread, rel=0.25)
    f, depths, strings = sample()
    drawn = np.random.default_rng(5).multinomial(80, np.full(80, 1 / 80), 200)
    repeated = [np.repeat(np.arange(len(f)), counts[strings]) for counts in drawn]
    by_hand = np.std([depth_spectrum(f[at], depths[at]).largest for at in repeated], ddof=1)
    assert depth_spectrum(f, depths, strings, seed=5).error == pytest.approx(by_hand, rel=1e-9)


def test_draws_that_lack_a_depth_say_nothing_of_the_error():
    """Depth 4 is in one string alone, which two draws in five leave out."""
    strings, depths = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    strings, depths = np.append(strings, 2), np.append(depths, 4)
    f = np.random.default_rng(7).normal(size=25)
    drawn = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), 200)
    repeated = [np.repeat(np.arange(25), counts[strings]) for counts in drawn if counts[2]]
    assert 100 < len(repeated) < 160
    by_hand = np.std([depth_spectrum(f[at], depths[at]).largest for at in repeated], ddof=1)
    assert depth_spectrum(f, depths, strings, seed=3).error == pytest.approx(by_hand, rel=1e-9)


def test_nulls_of_eleven_depths_are_as_the_specification_says():
    """Elevations with the published factor 6; [D] of the specification, section 8, I."""
    found = depth_nulls(11, draws=5_000, seed=0)
    ramp = depth_spectrum(np.arange(11.0)[DEPTHS], DEPTHS)
    assert found["ramp"].mean * 6 == pytest.approx(ramp.published) == pytest.approx(3.75, abs=0.06)
    assert found["parabola"].mean * 6 == pytest.approx(5.62, abs=0.005)
    aside = DEPTHS * (11.0 - DEPTHS)  # its top half a depth from the middle, as specified
    assert depth_spectrum(aside, DEPTHS).published == pytest.approx(5.4, abs=0.05)
    # Five bins are as many exponential numbers: the mean largest share is Σ 1/k / 5 (Fisher 1929).
    mean = sum(1 / k for k in range(1, 6)) / 5
    assert found["white noise"].mean == pytest.approx(mean, abs=0.008)
    assert found["random walk"].mean * 6 == pytest.approx(3.6, abs=0.1)
    assert (found["ramp"].draws, found["ramp"].sd, found["random walk"].draws) == (0, 0, 5_000)
    drawn = np.random.default_rng(3).normal(size=(20_000, 11))
    powers = np.abs(scipy.fft.rfft(drawn - drawn.mean(1, keepdims=True), axis=1)[:, 1:]) ** 2
    largest = (powers / powers.sum(1, keepdims=True)).max(1)
    high = np.quantile(largest, 0.95)
    assert high * 6 == pytest.approx(4.1, abs=0.06)
    assert 5 * (1 - high) ** 4 == pytest.approx(0.05, abs=0.005)  # Fisher's law above 1/2
    for q, side in ((0.025, "low"), (0.975, "high")):
        assert getattr(found["white noise"], side) == pytest.approx(
            np.quantile(largest, q), rel=0.02
        )


def test_nulls_repeat_and_are_independent_of_one_another():
    one, other = (depth_nulls(7, draws=20, seed=s) for s in (4, 4))
    assert one == other and one != depth_nulls(7, draws=20, seed=5)
    steps = sequences("white noise", 4000, (), np.random.default_rng(6))
    walk = sequences("random walk", 4000, (), np.random.default_rng(6))
    np.testing.assert_allclose(np.diff(walk), steps[1:], atol=1e-10)
    assert norm.fit(steps) == pytest.approx((0, 1), abs=0.05)
    assert sequences("ramp", 3, (2,), np.random.default_rng(0)).tolist() == [[0, 1, 2]] * 2
    seen = {}
    bands(lambda name, g: seen.setdefault(name, g.normal()), draws=2, seed=7)
    assert len(set(seen.values())) == 4


def padded(lengths=(8, 8, 5, 3), positions=8, width=3, seed=8):
    states = np.random.default_rng(seed).normal(1, 1, size=(len(lengths), positions, width))
    return states, np.arange(positions) < np.array(lengths)[:, None]


@pytest.mark.parametrize("level", ["kept", "removed"])
@pytest.mark.parametrize("length", [None, 8, 5])
def test_positional_spectra_by_sums_written_out(level, length):
    states, valid = padded()
    found = positional_spectrum(states, valid, level=level, length=length)
    powers, count = np.zeros((length or 8) // 2 + 1), 0
    for one, own in zip(states, valid, strict=True):
        if length not in (None, own.sum()):
            continue
        count += 1
        for feature in one.T:
            kept = feature[own]
            kept = kept - kept.mean() if level == "removed" else kept
            series = np.append(kept, np.zeros((length or 8) - len(kept)))
            powers += np.abs(scipy.fft.rfft(series)) ** 2
    np.testing.assert_allclose(found.shares, powers / powers.sum(), atol=1e-14)
    assert found.total == pytest.approx(powers.sum() / count / 3)
    assert (found.strings, found.positions) == (count, length or 8)
    assert found.residual < 1e-13
    if level == "removed":
        assert found.shares[0] < 1e-25
    assert found.top(1) == pytest.approx(max(found.shares))
    assert found.top(len(found.shares)) == pytest.approx(1)


def test_planted_waves_and_levels_along_positions():
    valid = np.ones((2, 24), dtype=bool)
    waves = np.broadcast_to(wave(12, 24)[None, :, None], (2, 24, 4))
    alternating = positional_spectrum(waves, valid)
    assert alternating.frequency == 12 and alternating.top(1) == pytest.approx(1)
    assert alternating.shares.shape == (13,)
    level = positional_spectrum(5 + waves, valid)
    assert level.frequency == 0
    assert positional_spectrum(5 + waves, valid, level="removed").frequency == 12
    with pytest.raises(ValueError, match="without variation"):
        positional_spectrum(np.ones((2, 24, 4)), valid, level="removed")


def test_padding_alone_gives_low_frequencies():
    """States without any structure but a level: what the lengths do to the published spectrum."""
    generator = np.random.default_rng(9)
    valid = np.arange(24) < generator.integers(2, 25, 200)[:, None]
    flat = positional_spectrum(np.ones((200, 24, 1)), valid)
    assert flat.frequency == 0 and flat.top(1) > 0.6
    assert (np.diff(flat.shares[:8]) < 0).all()


def test_positional_nulls_keep_the_lengths():
    _, valid = padded()
    found = positional_nulls(valid, 3, draws=50, seed=10)
    ramp = np.broadcast_to(np.arange(8.0)[None, :, None], (4, 8, 3))
    assert found["ramp"].mean == pytest.approx(positional_spectrum(ramp, valid).top(1))
    three = positional_nulls(valid, 3, count=3, level="removed", draws=50, seed=10)
    removed = positional_spectrum(ramp, valid, level="removed")
    assert three["ramp"].mean == pytest.approx(removed.top(3))
    one = positional_nulls(valid, 3, length=5, draws=2, seed=10)["parabola"].mean
    bowl = (np.arange(8.0) - 3.5) ** 2
    cut = positional_spectrum(np.broadcast_to(bowl[None, :, None], (4, 8, 3)), valid, length=5)
    assert one == pytest.approx(cut.top(1))
    whole = np.ones((4, 8), dtype=bool)
    noise = positional_nulls(whole, 400, draws=20, seed=11)["white noise"]
    assert noise.mean == pytest.approx(1 / 5, rel=0.05)  # five bins, as many features


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s, v: depth_spectrum(np.ones(3), np.arange(4)), "needs a depth"),
        (lambda s, v: depth_spectrum(np.ones(4), np.array([0, 1, 1, 0])), "three depths, not 2"),
        (lambda s, v: depth_spectrum(np.ones(4), np.arange(4)), "all alike"),
        (lambda s, v: depth_nulls(2, seed=0), "not 2"),
        (lambda s, v: depth_nulls(5, draws=1, seed=0), "not 1"),
        (lambda s, v: sequences("brown", 4, (), None), "no null 'brown'"),
        (lambda s, v: sequences("ramp", 0, (), None), "not 0"),
        (lambda s, v: positional_spectrum(s, v[:, :3]), r"bool \(N, T\)"),
        (lambda s, v: positional_spectrum(s, v, level="none"), "not 'none'"),
        (lambda s, v: positional_spectrum(s, v[:, ::-1]), "on the right"),
        (lambda s, v: positional_spectrum(s, v, length=4), "of length 4"),
        (lambda s, v: positional_spectrum(s, v & False), "above 0"),
        (lambda s, v: positional_spectrum(s, v).top(6), "5 shares, not 6"),
    ],
)
def test_what_has_no_spectrum_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(*padded())
