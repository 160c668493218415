"""How much of a vector lies in a subspace, never without what chance would give.

    share = ‖BBᵀv‖ / ‖v‖,   ρ = ‖v − BBᵀv‖ / ‖v‖,   ratio = share / mean share of random bases

With 16 directions among 300,000, ρ differs from 1 in its fifth digit only, for a random basis or
a random v: a ρ near 1 says nothing, the ratio does.  Source: 2602.18523 sections 4.3 and 7 (D10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from grokbook.geometry.nulls import Null, matched, whole
from grokbook.geometry.subspaces import Basis, Footprint, project


@dataclass(frozen=True)
class Share:
    """How much of a vector lies in a subspace, and what random ones hold of it.

    Attributes:
        inside: ‖BBᵀv‖ / ‖v‖.
        outside: ρ = ‖v − BBᵀv‖ / ‖v‖.
        error: of ``inside``: itself times the basis's residual.
        whole: null of random directions of ℝᴾ.
        matched: null of random directions with the basis's footprint; `whole` if none was given.
    """

    inside: float
    outside: float
    error: float
    whole: Null
    matched: Null

    @property
    def ratio(self) -> float:
        """Against random directions of ℝᴾ."""
        return self.inside / self.whole.mean  # which is above 0

    @property
    def matched_ratio(self) -> float:
        """Against random directions with the same footprint.

        NaN where none of them can hold anything: v has nothing where the basis lives.
        """
        return self.inside / self.matched.mean if self.matched.mean else math.nan


def within(
    vector: np.ndarray,
    basis: Basis,
    footprint: Footprint | None = None,
    *,
    draws: int = 200,
    seed: int,
) -> Share:
    """The share of a vector in a subspace.

    Costs two products with (P, K) and, with a footprint of columns that live in many parts,
    draws · K² · parts numbers.

    Args:
        vector: (P,), a displacement, gradient or commutator.
        basis: of the subspace.
        footprint: of the basis, for the matched null.
        draws: of that null.
        seed: of its generator.

    Raises:
        ValueError: for a vector of zeros or of another size.
    """
    vector = np.asarray(vector, dtype=np.float64)
    inside = project(vector, basis)
    size = np.linalg.norm(vector)
    if not size > 0:
        raise ValueError("a vector of zeros has no direction")
    share = float(np.linalg.norm(inside) / size)
    null = whole(basis.size, basis.rank)
    other = null if footprint is None else matched(vector, footprint, draws=draws, seed=seed)
    rest = float(np.linalg.norm(vector - inside) / size)
    return Share(share, rest, share * basis.residual, null, other)
