"""Singular value decompositions of n rows of ℝᴾ that are known by their inner products alone.

    X = UΣVᵀ,   XXᵀ = UΣ²Uᵀ,   V = XᵀUΣ⁻¹

Rows are some hundred, entries hundreds of thousands: XXᵀ is small, and V is never formed unless
somebody asks for it.  Principal directions, spectral edges and reconstructions all start here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

RESOLVED = 1e-7
"""Singular values below this share of the largest are rounding: squaring halves the digits, so a
Gram matrix in float64 knows them to √ε of the largest."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class GramSVD:
    """U and Σ², from XXᵀ.

    Attributes:
        squares: (n,) σ², descending; rounding can leave the last ones below 0.
        left: (n, n) U, a left singular vector a column; its signs are nobody's choice.
    """

    squares: np.ndarray
    left: np.ndarray

    @classmethod
    def of(cls, products: np.ndarray) -> GramSVD:
        """From XXᵀ (n, n); n³ operations.

        >>> GramSVD.of(np.array([[9.0, 0.0], [0.0, 16.0]])).sizes.tolist()
        [4.0, 3.0]
        """
        squares, left = np.linalg.eigh(products)
        return cls(squares[::-1], left[:, ::-1])

    @cached_property
    def sizes(self) -> np.ndarray:
        """(n,) σ, descending."""
        return np.sqrt(np.maximum(self.squares, 0.0))

    def rank(self, share: float = RESOLVED) -> int:
        """How many σ are above this share of the largest."""
        return int((self.sizes > share * self.sizes[0]).sum())

    def modes(self, chosen: slice | np.ndarray) -> np.ndarray:
        """(n, k) UΣ⁻¹, so that V = Xᵀ modes, of the chosen singular vectors; none may have σ = 0.

        A slice and a mask give the same numbers, but other strides, and with those the last bits
        of what is later multiplied by them.
        """
        return self.left[:, chosen] / self.sizes[chosen]
