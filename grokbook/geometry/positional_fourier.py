"""The spectrum of representations along positions, as published and without what shapes it.

    |rfft over T positions|², mean over strings and features

Published: padded positions set to 0, frequency 0 included.  Then a mean that differs from 0 fills
frequency 0, and where strings end fills those next to it.  ``level="removed"`` takes each string's
and feature's mean over its own positions away first; ``length`` takes strings of one length alone,
without padding.  Source: 2604.07380 section 4.11, claims SE-35, SE-41, weaknesses I, O.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.fourier_nulls import bands, sequences
from grokbook.geometry.nulls import Null

LEVELS = ("kept", "removed")
"""The mean over positions: kept, as published, or taken away first."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class PositionalSpectrum:
    """How the power of representations is shared among frequencies of position.

    Attributes:
        shares: (T//2 + 1,) of the mean |rfft|², frequency 0 first.
        total: that mean, summed: squared unit of the representations times T.
        residual: |Parseval's sum / Σ squares − 1|, rounding.
        strings: counted.
        positions: T.
    """

    shares: np.ndarray
    total: float
    residual: float
    strings: int
    positions: int

    @property
    def frequency(self) -> int:
        """ω of the largest share, in waves over T positions."""
        return int(np.argmax(self.shares))

    def top(self, count: int) -> float:
        """What the ``count`` largest shares add up to.

        Raises:
            ValueError: for no shares, or more than there are.
        """
        if not 1 <= count <= len(self.shares):
            raise ValueError(f"there are {len(self.shares)} shares, not {count}")
        return float(np.sort(self.shares)[::-1][:count].sum())


def positional_spectrum(
    states: np.ndarray, valid: np.ndarray, *, level: str = "kept", length: int | None = None
) -> PositionalSpectrum:
    """The spectrum of a layer.

    Args:
        states: (N, T, d) representations.
        valid: (N, T) bool, positions that are no padding, from the left.
        level: ``"kept"`` as published, or ``"removed"``.
        length: of the strings that count, cut to it; all and padded by default, as published.

    Raises:
        ValueError: for shapes that do not match, padding that is not on the right, another level,
            no string of that length, or no power.
    """
    kept = _prepared(states, valid, level, length)
    powers = np.abs(np.fft.rfft(kept, axis=1)) ** 2
    positions = kept.shape[1]
    twice = np.full(powers.shape[1], 2.0)  # rfft leaves out the mirror image
    twice[0] = 1.0
    if positions % 2 == 0:
        twice[-1] = 1.0
    squares = float((kept**2).sum())
    if not squares > 0:
        raise Degenerate("representations without variation have no spectrum")
    residual = abs(float((powers.sum(axis=(0, 2)) * twice).sum()) / positions / squares - 1)
    mean = powers.mean(axis=(0, 2))
    return PositionalSpectrum(mean / mean.sum(), float(mean.sum()), residual, len(kept), positions)


def positional_nulls(
    valid: np.ndarray,
    width: int,
    *,
    level: str = "kept",
    length: int | None = None,
    count: int = 1,
    draws: int = 200,
    seed: int,
) -> dict[str, Null]:
    """What the ``count`` largest shares add up to if every feature of every string is a null.

    The strings keep their lengths, and with them the envelope that padding gives.

    Args:
        valid: (N, T) bool.
        width: d; features are independent where they are drawn.
        level: as for `positional_spectrum`.
        length: likewise.
        count: of shares.
        draws: of all representations; N T d numbers each.
        seed: of private generators.
    """
    strings, positions = np.shape(valid)

    def statistic(name: str, generator: np.random.Generator) -> float:
        drawn = sequences(name, positions, (strings, width), generator).transpose(0, 2, 1)
        return positional_spectrum(drawn, valid, level=level, length=length).top(count)

    return bands(statistic, draws=draws, seed=seed)


def _prepared(states: np.ndarray, valid: np.ndarray, level: str, length: int | None) -> np.ndarray:
    """(N, T, d) float64: padding is 0, and the level away if it is to be."""
    states, valid = np.asarray(states, dtype=np.float64), np.asarray(valid)
    if states.ndim != 3 or valid.shape != states.shape[:2] or valid.dtype != bool:
        raise ValueError(f"states {states.shape} need bool (N, T), not {valid.dtype} {valid.shape}")
    if level not in LEVELS:
        raise ValueError(f"the level is {' or '.join(LEVELS)}, not {level!r}")
    if (np.diff(valid.astype(np.int8), axis=1) > 0).any():
        raise ValueError("padding must be on the right")
    counts = valid.sum(axis=1)
    if length is not None:
        states, valid = states[counts == length, :length], valid[counts == length, :length]
        counts = valid.sum(axis=1)
    if not len(states) or not counts.all():
        raise Degenerate(f"there are no strings of length {length or 'above 0'}")
    kept = np.where(valid[..., None], states, 0.0)
    if level == "removed":
        mean = kept.sum(axis=1, keepdims=True) / counts[:, None, None]
        kept = np.where(valid[..., None], kept - mean, 0.0)
    return kept
