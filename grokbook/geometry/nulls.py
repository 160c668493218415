"""The law of a statistic under a null, and that of what random subspaces hold of a vector.

A random basis of all of ℝᴾ has a share ‖BBᵀv‖ / ‖v‖ near √(K/P), for any v at all.  A basis that
lives on some of the parameters is to be compared with random ones that live there too, with the
same footprint.  Source: 2602.18523 section 4.3, 2602.16746 sections 4.5, 4.6 and S3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special, stats

from grokbook.geometry.isotropic import factors
from grokbook.geometry.subspaces import TOLERANCE, Footprint, energies


@dataclass(frozen=True)
class Null:
    """The law of a statistic under a null: here of shares, elsewhere of any other number.

    Attributes:
        mean, sd: of the statistic.
        low, high: its 2.5 % and 97.5 % quantiles.
        draws: simulated, or 0 where the law is known.
    """

    mean: float
    sd: float
    low: float
    high: float
    draws: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> Null:
        """The law as draws of the statistic have it.

        Raises:
            ValueError: for fewer than two draws.

        >>> Null.of(np.arange(41.0)).low, Null.of(np.arange(41.0)).high
        (1.0, 39.0)
        """
        if len(values) < 2:
            raise ValueError(f"a null needs 2 draws or more, not {len(values)}")
        low, high = np.quantile(values, [0.025, 0.975]).tolist()
        return cls(float(values.mean()), float(values.std(ddof=1)), low, high, len(values))

    @classmethod
    def certain(cls, value: float) -> Null:
        """The law of what has but one value."""
        return cls(value, 0.0, value, value)


@lru_cache
def whole(size: int, rank: int) -> Null:
    """Shares of K random directions of ℝᴾ: share² has the law Beta(K/2, (P − K)/2).

    Its root mean square is √(K/P), the published null; its mean is lower by 1/(4K) of that.

    Raises:
        ValueError: unless 0 < rank ≤ size.

    >>> null = whole(290_401, 16)
    >>> round(null.mean, 5), round((null.mean**2 + null.sd**2) ** 0.5, 5)
    (0.00731, 0.00742)
    """
    if not 0 < rank <= size:
        raise ValueError(f"a random basis of rank {rank} in {size} dimensions is none")
    if rank == size:
        return Null.certain(1.0)
    a, b = rank / 2, (size - rank) / 2
    mean = math.exp(_log_ratio(a) - _log_ratio(a + b))
    low, high = np.sqrt(stats.beta(a, b).ppf([0.025, 0.975])).tolist()
    return Null(mean, math.sqrt(max(0.0, a / (a + b) - mean**2)), low, high)


def _log_ratio(a: float) -> float:
    """Log Γ(a + ½) − log Γ(a)."""
    return float(special.gammaln(a + 0.5) - special.gammaln(a))


def matched(vector: np.ndarray, footprint: Footprint, *, draws: int, seed: int) -> Null:
    """Shares of random bases with a footprint: directions isotropic within every part.

    No basis is drawn.  Turned so that v lies along the first axis of every part, a random
    direction in d dimensions is a normal number and d − 1 more, of which only the inner products
    between columns count: those have a Wishart law, drawn by its Bartlett factors.  With inner
    products a = Vᵀv/‖v‖ of the columns V and their Gram matrix G, share² = aᵀG⁻¹a.  Where each
    column lives in one part, it is a sum over parts of Beta numbers instead.

    Args:
        vector: (P,).
        footprint: of the basis that is to be matched.
        draws: of the share.
        seed: of a private generator.

    Raises:
        ValueError: for fewer than 2 draws or a vector of zeros.
    """
    if draws < 2:
        raise ValueError(f"a null needs 2 draws or more, not {draws}")
    weights = energies(vector, footprint.parts)
    if not weights.sum() > 0:
        raise ValueError("a vector of zeros has no direction")
    weights = weights / weights.sum()
    generator = np.random.default_rng(seed)
    pure = np.isclose(footprint.energies.max(axis=0), 1, rtol=0, atol=TOLERANCE).all()
    law = squares_apart if pure else squares_mixed
    return Null.of(np.sqrt(np.clip(law(weights, footprint, draws, generator), 0, 1)))


def squares_apart(
    weights: np.ndarray, footprint: Footprint, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """Squared shares where each column lives in one part: sums of Beta numbers.

    Args:
        weights: (parts,) of the vector's energy in each part; they sum to 1.
        footprint: of the basis.
        draws: so many.
        generator: of the draws.

    Returns:
        (draws,) float64.
    """
    ranks = np.bincount(footprint.energies.argmax(axis=0), minlength=len(weights))
    found = np.zeros(draws)
    for weight, rank, size in zip(weights, ranks, footprint.sizes, strict=True):
        if rank >= size:
            found += weight
        elif rank:
            found += weight * generator.beta(rank / 2, (size - rank) / 2, draws)
    return found


def squares_mixed(
    weights: np.ndarray, footprint: Footprint, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """Squared shares by the columns' inner products with v and with each other.

    Arguments and result are those of `squares_apart`; this holds for any footprint.
    """
    rank = footprint.energies.shape[1]
    inner, products = np.zeros((draws, rank)), np.zeros((draws, rank, rank))
    for weight, energy, size in zip(weights, footprint.energies, footprint.sizes, strict=True):
        if not energy.any():
            continue
        along = generator.standard_normal((draws, rank))
        factor = factors(generator, draws, rank, int(size) - 1)
        across = factor @ factor.transpose(0, 2, 1) + along[:, :, None] * along[:, None, :]
        scale = np.sqrt(energy / np.diagonal(across, axis1=1, axis2=2))
        inner += math.sqrt(weight) * scale * along
        products += scale[:, :, None] * scale[:, None, :] * across
    return np.einsum("dk,dk->d", inner, np.linalg.solve(products, inner[:, :, None])[:, :, 0])
