"""Isotropic directions: frames of random subspaces, and their inner products without the vectors.

n independent normal vectors of ℝᴰ have a Wishart Gram matrix, which Bartlett's decomposition draws
in n²/2 numbers, whatever D: X = LQ with orthonormal rows Q, independent normal numbers below L's
diagonal and √χ²(D − i) on it in row i = 0, 1, ….
"""

from __future__ import annotations

import numpy as np


def frame(generator: np.random.Generator, size: int, count: int) -> np.ndarray:
    """(D, k) orthonormal columns of a subspace of ℝᴰ; every subspace is as likely as any other.

    Args:
        generator: of the caller's own; D · k normal numbers are taken from it.
        size: D.
        count: k, at most D; 0 gives no column.

    Raises:
        ValueError: for more columns than dimensions, or fewer than none.
    """
    if not 0 <= count <= size:
        raise ValueError(f"{count} orthonormal directions do not fit into {size} dimensions")
    return np.linalg.qr(generator.standard_normal((size, count)))[0]


def factors(generator: np.random.Generator, draws: int, count: int, size: int) -> np.ndarray:
    """(draws, n, min(n, D)) F, so that FFᵀ has the law of the Gram matrix of n normal vectors.

    Args:
        generator: of the caller's own.
        draws: of F.
        count: n.
        size: D; for D < n the vectors themselves are drawn.
    """
    if size < count:
        return generator.standard_normal((draws, count, size))
    factor = np.tril(generator.standard_normal((draws, count, count)), -1)
    along = np.arange(count)
    factor[:, along, along] = np.sqrt(generator.chisquare(size - along, (draws, count)))
    return factor
