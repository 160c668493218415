"""Subspaces of ℝᴾ: a basis, what lies along it, and where it lives.

The *footprint* of a basis is the energy of each of its columns in each part of ℝᴾ: what a random
basis must have in common with it before the two may be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

TOLERANCE = 1e-5
"""Largest ‖BᵀB − I‖₂ of what passes for a basis: float32 rounding is below 1e-6."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Basis:
    """A subspace of ℝᴾ, block by block: what lives in one matrix takes no room elsewhere.

    Attributes:
        size: P.
        blocks: disjoint (place, columns): a slice of the P entries and (entries, k) float64,
            orthonormal; zero outside the slice.

    Raises:
        ValueError: if blocks overlap, or columns are not orthonormal.
    """

    size: int
    blocks: tuple[tuple[slice, np.ndarray], ...]

    @classmethod
    def of(cls, columns: np.ndarray) -> Basis:
        """One block of (P, K) orthonormal columns."""
        return cls(len(columns), ((slice(0, len(columns)), columns),))

    def __post_init__(self) -> None:
        wide = tuple((place, np.asarray(c, dtype=np.float64)) for place, c in self.blocks)
        object.__setattr__(self, "blocks", wide)
        end = 0
        for place, columns in sorted(wide, key=lambda block: block[0].start):
            if columns.ndim != 2 or not 0 < columns.shape[1] <= columns.shape[0]:
                raise ValueError(f"a basis is (P, K) with 0 < K ≤ P, not {columns.shape}")
            if not end <= place.start <= place.stop <= self.size:
                raise ValueError(f"{place} overlaps another block, or leaves {self.size} entries")
            if place.stop - place.start != len(columns):
                raise ValueError(f"{place} has not {len(columns)} entries")
            end = place.stop
        if not wide or not self.residual <= TOLERANCE:
            raise ValueError(f"columns are not orthonormal: ‖BᵀB − I‖ is {self.residual:.1e}")

    @property
    def rank(self) -> int:
        """K."""
        return sum(columns.shape[1] for _, columns in self.blocks)

    @cached_property
    def residual(self) -> float:
        """‖BᵀB − I‖₂."""
        return max(
            (
                float(np.linalg.norm(columns.T @ columns - np.eye(columns.shape[1]), 2))
                for _, columns in self.blocks
            ),
            default=math.inf,
        )

    @property
    def columns(self) -> np.ndarray:
        """(P, K) float64, block after block."""
        whole, at = np.zeros((self.size, self.rank)), 0
        for place, columns in self.blocks:
            whole[place, at : at + columns.shape[1]] = columns
            at += columns.shape[1]
        return whole


def project(vector: np.ndarray, basis: Basis) -> np.ndarray:
    """BBᵀv in float64, for v (P,).

    Raises:
        ValueError: for a vector of another size.
    """
    if np.shape(vector) != (basis.size,):
        raise ValueError(f"the vector has shape {np.shape(vector)}, not ({basis.size},)")
    inside = np.zeros(basis.size)
    for place, columns in basis.blocks:
        inside[place] = columns @ (columns.T @ np.asarray(vector[place], dtype=np.float64))
    return inside


@dataclass(frozen=True, eq=False)
class Footprint:
    """Where a basis lives: what random bases of the same support and ranks share with it.

    Attributes:
        parts: name ↦ slice; together all of ℝᴾ.
        energies: (parts, K), Σ of the squared entries of each column in each part; columns sum
            to 1.
    """

    parts: Mapping[str, slice]
    energies: np.ndarray

    @classmethod
    def of(cls, basis: Basis, parts: Mapping[str, slice]) -> Footprint:
        """The footprint of a basis.

        Raises:
            ValueError: if the parts do not cover ℝᴾ once.
        """
        _require_cover(parts, basis.size)
        energies, at = np.zeros((len(parts), basis.rank)), 0
        for place, columns in basis.blocks:
            wide = columns.shape[1]
            for row, part in zip(energies, parts.values(), strict=True):
                low, high = max(part.start, place.start), min(part.stop, place.stop)
                if low < high:
                    inner = columns[low - place.start : high - place.start]
                    row[at : at + wide] = np.square(inner).sum(axis=0)
            at += wide
        return cls(parts, energies)

    @property
    def sizes(self) -> np.ndarray:
        """(parts,) entries of each part."""
        return np.array([part.stop - part.start for part in self.parts.values()])


def energies(vector: np.ndarray, parts: Mapping[str, slice]) -> np.ndarray:
    """‖v‖² by part, (parts,) float64, for v (P,).

    Raises:
        ValueError: if the parts do not cover ℝᴾ once.
    """
    _require_cover(parts, len(vector))
    return np.array([np.square(vector[p], dtype=np.float64).sum() for p in parts.values()])


def _require_cover(parts: Mapping[str, slice], size: int) -> None:
    ends = sorted((part.start, part.stop) for part in parts.values())
    if [0, *(stop for _, stop in ends)] != [*(start for start, _ in ends), size]:
        raise ValueError(f"parts must cover the {size} entries once")
