"""The spectrum of a function of the answer in modular arithmetic, and the wave read off a response.

    mean f of every answer, in the order of the task's group → |Fourier|² → F = largest share

The group is Z_p; for products the nonzero residues by discrete logarithm, Z_{p−1}: 48 frequencies
for p = 97 in either, of which an even spectrum has 1/48 each.  f is the size of a response,
`grokbook.geometry.functional_content`, whose own content is the mean R² of cosine and sine of the
answer's place at that frequency.  Source: 2604.07380 section 7, 2604.06256; claims SE-32, SE-50.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.cyclic import FourierBasis
from grokbook.geometry.fourier import power_spectrum
from grokbook.geometry.fourier_nulls import bands, sequences
from grokbook.geometry.nulls import Null
from grokbook.geometry.probe_splits import split
from grokbook.geometry.probes import Probe, probe


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class AnswerSpectrum:
    """The spectrum of a function of the answer.

    Attributes:
        means: (n,) mean f at every place of the group.
        shares: (⌊n/2⌋,) of the power at frequencies 1, 2, …; they add up to 1.
        error: standard error of ``largest`` by a bootstrap over pairs.
    """

    means: np.ndarray
    shares: np.ndarray
    error: float

    @property
    def frequency(self) -> int:
        """ω of the largest share, in waves over the group."""
        return int(np.argmax(self.shares)) + 1

    @property
    def largest(self) -> float:
        """F."""
        return float(self.shares.max())

    @property
    def elevation(self) -> float:
        """F × frequencies."""
        return self.largest * len(self.shares)


def answer_spectrum(
    f: np.ndarray, answers: np.ndarray, basis: FourierBasis, *, draws: int = 200, seed: int = 0
) -> AnswerSpectrum:
    """The spectrum of f by answer.

    Args:
        f: (n,) of pairs, such as ‖Δh‖².
        answers: (n,) residues; pairs whose answer has no place in the group are left out.
        basis: the task's group.
        draws: of the bootstrap; draws that lack an answer are left out.
        seed: of a private generator.

    Raises:
        ValueError: for lists of unequal lengths, an answer without a pair, or means all alike.

    >>> basis = FourierBasis.additive(7)
    >>> wave = 1 + np.cos(2 * np.pi * 3 * np.arange(7) / 7)
    >>> found = answer_spectrum(wave, np.arange(7), basis, draws=2)
    >>> found.frequency, round(found.largest, 9)
    (3, 1.0)
    """
    f, answers = np.asarray(f, dtype=np.float64), np.asarray(answers)
    if f.ndim != 1 or f.shape != answers.shape:
        raise ValueError(f"f {f.shape} needs an answer each, not {answers.shape}")
    places = basis.places[answers]
    f, places = f[places >= 0], places[places >= 0]
    counts = np.bincount(places, minlength=basis.order)
    if not counts.all():
        raise ValueError(f"{int((counts == 0).sum())} answers have no pair")
    means = np.bincount(places, f, basis.order) / counts
    shares = _shares(means, basis)
    generator, found = np.random.default_rng(seed), []
    for _ in range(draws):
        weights = generator.multinomial(len(f), np.full(len(f), 1 / len(f)))
        number = np.bincount(places, weights, basis.order)
        if number.all():
            drawn = np.bincount(places, weights * f, basis.order) / number
            found.append(_shares(drawn, basis).max())
    error = float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")
    return AnswerSpectrum(means, shares, error)


def answer_nulls(basis: FourierBasis, *, draws: int = 2000, seed: int) -> dict[str, Null]:
    """F of every null of `grokbook.geometry.fourier_nulls` over the group."""
    return bands(
        lambda name, generator: _shares(sequences(name, basis.order, (), generator), basis).max(),
        draws=draws,
        seed=seed,
    )


def wave(answers: np.ndarray, basis: FourierBasis, frequency: int) -> np.ndarray:
    """(n, 2) cosine and sine of the answer's place; NaN where it has none.

    Raises:
        ValueError: for a frequency that the group does not have.

    >>> wave(np.array([0, 2]), FourierBasis.additive(4), 1).round(9).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    if not 1 <= frequency <= basis.order // 2:
        raise ValueError(f"frequency {frequency} is not in 1 … {basis.order // 2}")
    places = basis.places[np.asarray(answers)]
    turns = 2 * np.pi * (frequency * places % basis.order) / basis.order
    both = np.column_stack([np.cos(turns), np.sin(turns)])
    return np.where(places[:, None] >= 0, both, np.nan)


def wave_content(
    features: np.ndarray,
    answers: np.ndarray,
    basis: FourierBasis,
    frequency: int,
    *,
    form: str = "standardised",
    seed: int,
) -> tuple[Probe, ...]:
    """Probes of the wave at a frequency, of its cosine and its sine, split by pair.

    At half the order of an even group the sine is 0 throughout, and there is the cosine alone.

    Args:
        features: (n, d) Δh, a row a pair.
        answers: (n,) residues; pairs without a place are left out.
        basis: the task's group.
        frequency: ω.
        form: ``"raw"`` or ``"standardised"``, as `grokbook.geometry.probes`.
        seed: of the split, folds and bootstrap.

    Raises:
        ValueError: as `wave` and `grokbook.geometry.probes.probe`.
    """
    targets = wave(answers, basis, frequency)
    there = np.isfinite(targets[:, 0])
    pairs = np.arange(there.sum())
    parts = split(pairs, by="token", seed=seed)
    columns = targets[there].T[: 1 if 2 * frequency == basis.order else 2]
    return tuple(
        probe(features[there], column, pairs, parts, form=form, seed=seed) for column in columns
    )


def _shares(means: np.ndarray, basis: FourierBasis) -> np.ndarray:
    """Of means (n,) by place; `power_spectrum` wants a row a residue."""
    rows = np.zeros((basis.modulus, 1))
    rows[basis.residues, 0] = means
    present = np.zeros(basis.modulus, dtype=bool)
    present[basis.residues] = True
    return power_spectrum(rows, basis, present=present).shares
