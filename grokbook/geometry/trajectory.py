"""Gram matrices of trajectories: all inner products of displacements, which hold their PCA.

For snapshots v_t of a weight matrix, x_t = v_t − v_0 and G_st = ⟨x_s, x_t⟩.  Centring, PCA,
expanding windows and spectra of the trajectory follow from G alone.  Source: 2602.18523
section 4.1 (trajectory PCA); computed here in float64, products as well as sums.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def gram(snapshots: np.ndarray, blocks: Mapping[str, slice]) -> dict[str, np.ndarray]:
    """Gram matrices of displacements from the first snapshot, per block and in all.

    Args:
        snapshots: (n, D) float32 or float64 weight vectors in order of steps.
        blocks: name ↦ slice of the D entries.

    Returns:
        One symmetric (n, n) float64 matrix a block, and their sum under ``"all"`` if the blocks
        cover every entry; squared norm units.

    >>> g = gram(np.array([[0., 0.], [3., 4.]]), {"w": slice(0, 2)})
    >>> g["w"].tolist()
    [[0.0, 0.0], [0.0, 25.0]]
    """
    matrices = {}
    for name, part in blocks.items():
        moved = snapshots[:, part].astype(np.float64)
        moved -= moved[0].copy()
        matrices[name] = moved @ moved.T
    covered = sum(part.stop - part.start for part in blocks.values())
    if covered == snapshots.shape[1]:
        matrices["all"] = sum(matrices.values())
    return matrices


def thin(steps: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the steps, evenly spaced by rank, first and last included."""
    if len(steps) <= count:
        return np.asarray(steps)
    return np.asarray(steps)[np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))]
