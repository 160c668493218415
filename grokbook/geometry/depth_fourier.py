"""The spectrum of a function of depth: one frequency, or merely smooth.

    mean f of every depth present, ascending → less its mean → |rfft|² → F = largest share

Published: F times the number of bins, the bin of frequency 0 among them, which is 0 by
construction.  With the 11 depths of the published strings there are 6 bins, so that the most is 6
and an equal share of 5 bins has 6/5; a straight line has 3.8, a parabola 5.6.  Source: 2604.07380
sections 4.8 and 4.9, claim SE-40, weakness I.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.fourier_nulls import bands, sequences
from grokbook.geometry.nulls import Null


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class DepthSpectrum:
    """The spectrum of a function of depth.

    Attributes:
        means: (D,) mean f by depth, ascending.
        shares: (D//2 + 1,) of |rfft|², as published: frequency 0 first, which has 0.
        error: standard error of ``largest`` by a bootstrap over strings; NaN without their ids.
    """

    means: np.ndarray
    shares: np.ndarray
    error: float

    @property
    def frequency(self) -> int:
        """ω of the largest share, in waves over the depths present."""
        return int(np.argmax(self.shares))

    @property
    def largest(self) -> float:
        """F."""
        return float(self.shares.max())

    @property
    def published(self) -> float:
        """F × bins, the published elevation."""
        return self.largest * len(self.shares)

    @property
    def elevation(self) -> float:
        """F × bins that can have power."""
        return self.largest * (len(self.shares) - 1)


def depth_spectrum(
    f: np.ndarray,
    depths: np.ndarray,
    strings: np.ndarray | None = None,
    *,
    draws: int = 200,
    seed: int = 0,
) -> DepthSpectrum:
    """The spectrum of f by depth.

    Args:
        f: (n,) of tokens, such as ‖Δh‖².
        depths: (n,) of tokens.
        strings: (n,) id of each token's string, for the error.
        draws: of the bootstrap; draws that lack a depth are left out.
        seed: of a private generator.

    Raises:
        ValueError: for lists of unequal lengths, fewer than three depths, or means all alike.
    """
    f, depths = np.asarray(f, dtype=np.float64), np.asarray(depths)
    if f.ndim != 1 or f.shape != depths.shape or (strings is not None and len(strings) != len(f)):
        raise ValueError(f"f {f.shape} needs a depth and a string each, not {depths.shape}")
    values, places = np.unique(depths, return_inverse=True)
    if len(values) < 3:
        raise ValueError(f"a spectrum needs three depths, not {len(values)}")
    means = np.bincount(places, f) / np.bincount(places)
    shares = _shares(means)
    if strings is None:
        return DepthSpectrum(means, shares, float("nan"))
    _, owners = np.unique(strings, return_inverse=True)
    count = owners.max() + 1
    sums, numbers = np.zeros((2, count, len(values)))
    np.add.at(sums, (owners, places), f)
    np.add.at(numbers, (owners, places), 1)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    total, number = drawn @ sums, drawn @ numbers
    whole = (number > 0).all(axis=1)
    found = [_shares(t / n).max() for t, n in zip(total[whole], number[whole], strict=True)]
    error = float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")
    return DepthSpectrum(means, shares, error)


def depth_nulls(count: int, *, draws: int = 2000, seed: int) -> dict[str, Null]:
    """F of every null on so many depths; times bins it is an elevation.

    Raises:
        ValueError: for fewer than three depths or two draws.

    >>> round(depth_nulls(11, draws=2, seed=0)["parabola"].mean * 6, 1)
    5.6
    """
    if count < 3:
        raise ValueError(f"a spectrum needs three depths, not {count}")
    return bands(
        lambda name, generator: _shares(sequences(name, count, (), generator)).max(),
        draws=draws,
        seed=seed,
    )


def _shares(means: np.ndarray) -> np.ndarray:
    centred = means - means.mean()
    if np.abs(centred).max() <= 1e-12 * np.abs(means).max():
        raise ValueError("means that are all alike have no spectrum")
    powers = np.abs(np.fft.rfft(centred)) ** 2
    powers[0] = 0.0  # but for rounding
    return powers / powers.sum()
