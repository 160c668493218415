"""The leading directions of displacements: right singular vectors of a wide matrix.

X = UΣVᵀ has some 100 rows of 300,000 entries, so V is never formed: V = XᵀUΣ⁻¹, where UΣ²Uᵀ is the
small XXᵀ (`grokbook.geometry.svd`), and what is asked for is a product with X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.svd import GramSVD

_NOTHING = 1e-5
"""Singular values of X below this share of the largest are left out: a Gram matrix squares, so
their directions would be orthogonal to no better than 1e-4."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class SingularDirections:
    """Orthonormal directions v_1 … v_r in ℝᴾ, strongest first.

    Attributes:
        where: (D,) int64, the entries of θ on which the directions live; they are 0 elsewhere.
        rows: (n, D) float64, X, centred if that was asked for.
        modes: (n, r), V = rowsᵀ modes.
        shares: (r,) σ_j² / Σσ², the variance along each.
        mean: (P,) what was subtracted as the mean of X, 0 if nothing was.
        error: largest entry of |VᵀV − 1|.
    """

    where: np.ndarray
    rows: np.ndarray
    modes: np.ndarray
    shares: np.ndarray
    mean: np.ndarray
    error: float

    @classmethod
    def of(
        cls,
        snapshots: np.ndarray,
        origin: np.ndarray,
        *,
        centred: bool = False,
        where: np.ndarray | None = None,
        count: int | None = None,
    ) -> SingularDirections:
        """The right singular vectors of the displacements of some snapshots.

        Cost: 2n²D operations and n·D float64 in memory.

        Args:
            snapshots: (n, P) float32 or float64 parameters.
            origin: (P,) subtracted from each of them, in float64.
            centred: then subtract their mean.
            where: (D,) entries to look at, by default all.
            count: r at most; by default all that are above rounding.

        Raises:
            ValueError: for no snapshots, or displacements without any variation.
        """
        if snapshots.ndim != 2 or not snapshots.size:
            raise ValueError(f"a basis needs (n, P) snapshots, not {snapshots.shape}")
        size = snapshots.shape[1]
        where = np.arange(size) if where is None else np.asarray(where)
        x = snapshots[:, where].astype(np.float64)
        x -= origin[where]
        mean = np.zeros(size)
        if centred:
            mean[where] = x.mean(axis=0)
            x -= mean[where]
        gram = x @ x.T
        found = GramSVD.of(gram)
        rank = found.rank(_NOTHING)
        if not rank:
            raise ValueError("displacements that do not vary have no directions")
        rank = rank if count is None else min(rank, count)
        modes, shares = found.modes(slice(rank)), found.squares[:rank] / np.trace(gram)
        error = np.abs(modes.T @ gram @ modes - np.eye(rank)).max()
        return cls(where, x, modes, shares, mean, float(error))

    @property
    def rank(self) -> int:
        """The number r of directions."""
        return self.modes.shape[1]

    @property
    def sizes(self) -> np.ndarray:
        """The singular values σ, (r,): a column of UΣ⁻¹ has the norm 1/σ."""
        return 1 / np.linalg.norm(self.modes, axis=0)

    def coordinates(self, vector: np.ndarray) -> np.ndarray:
        """Vᵀx, (r,), for x (P,)."""
        return self.modes.T @ (self.rows @ vector[self.where])

    def compose(self, coordinates: np.ndarray) -> np.ndarray:
        """Vc for each row c of (m, r), in the entries ``where``: (m, D)."""
        return (coordinates @ self.modes.T) @ self.rows
