"""Reconstruction of a trained network from few directions of a trajectory.

    θ_k = s + V_kV_kᵀ(θ − s)

V_k are the leading k right singular vectors of a matrix X of displacements, s is where one starts:
θ(0) as published (2602.18523 section 4.7).  X has some 100 rows of 300,000 entries, so V is never
formed (`grokbook.geometry.singular_directions`): all that is asked for is a product with X.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.perturbation import Perturbed
from grokbook.geometry.random_directions import randomised
from grokbook.geometry.singular_directions import SingularDirections

_TOGETHER = 10
"""Vectors composed at once: X is read once for all of them, and they are held in memory."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Reconstruction:
    """θ_1, θ_2, … from ever more directions.

    Attributes:
        theta: (P,) θ, what is to be reconstructed.
        start: (P,) s; where it equals θ and no basis lives, θ_k = θ.
        bases: on different entries of θ.
        count: the largest k, or less where the bases have fewer directions.
        apart: θ_k has k directions of each basis; by default k of all of them laid end to end.
        removed: the directions are taken out, θ_k = θ − V_kV_kᵀ(θ − s).
    """

    theta: Tensor
    start: Tensor
    bases: tuple[SingularDirections, ...]
    count: int
    apart: bool = False
    removed: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or not self.bases:
            raise ValueError(f"k must be at least 1 with a basis, not {self.count}")
        if self.theta.shape != self.start.shape:
            raise ValueError(f"θ and s must have one shape, not {tuple(self.start.shape)}")

    @property
    def displacement(self) -> Tensor:
        """θ − s, (P,) float64."""
        return self.theta.double() - self.start.double()

    @property
    def drift(self) -> float:
        """−cos(v₁, s): near 1 if the path is little but the start's decay; v₁ points along θ − s.

        Raises:
            ValueError: if there are several bases, and so no first direction of all.
        """
        (basis,) = self.bases
        start = self.start.double().numpy()
        along = basis.coordinates(self.displacement.numpy())[0]
        return float(-np.sign(along) * basis.coordinates(start)[0] / np.linalg.norm(start))

    def coordinates(self, *, seed: int | None = None, null: str = "random") -> np.ndarray:
        """V_kᵀ(θ − s) for k = 1 … K as rows of (K, Σr), 0 where a direction is not used.

        Args:
            seed: if given, directions are drawn: from the span of all of V, or of each basis
                where they are ``apart``; those of k are among those of k + 1.
            null: which of them, and what stays; see `grokbook.geometry.random_directions`.
        """
        displacement = self.displacement.numpy()
        each = [basis.coordinates(displacement) for basis in self.bases]
        sizes = [basis.sizes for basis in self.bases]
        if not self.apart:
            each, sizes = [np.concatenate(each)], [np.concatenate(sizes)]
        count = min(self.count, *(len(part) for part in each))
        if seed is None:
            leading = [np.tril(np.ones((count, len(part)))) * part for part in each]
            return np.hstack(leading)
        seeds = np.random.default_rng(seed)
        return np.hstack(
            [
                randomised(part, size, count, null=null, seed=seeds)
                for part, size in zip(each, sizes, strict=True)
            ]
        )

    def path(self, *, seed: int | None = None, null: str = "random") -> Iterator[Perturbed]:
        """θ_1 … θ_K.

        ``kept`` is the captured variance ‖V_kV_kᵀΔ‖² / ‖Δ‖², Δ = θ − s (what remains of it where
        directions are removed); ``change`` is ‖θ_k − θ‖ / ‖θ‖.  Cost: 2nPK operations.

        Args:
            seed: as for `coordinates`.
            null: likewise.
        """
        wanted = self.coordinates(seed=seed, null=null)
        ends = np.cumsum([basis.rank for basis in self.bases])[:-1]
        for first in range(0, len(wanted), _TOGETHER):
            vectors = np.zeros((len(wanted[first : first + _TOGETHER]), len(self.theta)))
            parts = np.split(wanted[first : first + _TOGETHER], ends, axis=1)
            for basis, part in zip(self.bases, parts, strict=True):
                vectors[:, basis.where] += basis.compose(part)
            for vector in torch.from_numpy(vectors):
                base = self.theta if self.removed else self.start
                new = base.double() + (-vector if self.removed else vector)
                yield Perturbed.of(self.theta, new, self.displacement)


def reconstructions(
    snapshots: np.ndarray,
    *,
    count: int,
    other: np.ndarray | None = None,
    apart_from: np.ndarray | None = None,
    held_out: float = 0.1,
) -> Iterator[tuple[str, Reconstruction]]:
    """The published reconstruction of the last snapshot and those that could contradict it.

    ``"published"``: X are the uncentred displacements θ(t) − θ(0), t > 0, the target among them.
    ``"held-out"``: X without the last tenth of the snapshots, so without the target.
    ``"other seed"``: X of another run; what is left of k* is not about this run's own path.
    ``"no embedding"``: X and θ_k without some entries (the embedding), which stay at θ.
    ``"centred"``: PCA about the mean of θ(t), t ≥ 0, to which the mean is added back.
    ``"centred held-out"``: the same without the snapshots that "held-out" leaves out.
    Where decay has erased θ(0), most of Δ is −θ(0) of this run, which no other run's path holds:
    ``"other seed"`` then fails at every k for that alone, as random directions of the span do,
    which hold k/r of Δ on average.  What either captures is to be read beside its accuracy.
    Source: 2602.18523 sections 4.7 and 4.8 (the last); the others are controls of ours.

    Args:
        snapshots: (n, P) θ(t), the first at step 0, the last the target.
        count: the largest k.
        other: (m, P) the same of another run.
        apart_from: (P,) bool, the entries that ``"no embedding"`` leaves at θ.
        held_out: share of the snapshots that both held-out bases leave out, at least one.

    Yields:
        One at a time, as each holds its X.

    Raises:
        ValueError: for fewer than three snapshots or a share outside 0 … 1.
    """
    if len(snapshots) < 3:
        raise ValueError(f"a reconstruction needs three snapshots, not {len(snapshots)}")
    if not 0 < held_out < 1:
        raise ValueError(f"the share to hold out must lie between 0 and 1, not {held_out}")
    origin, theta, start = snapshots[0], *map(torch.from_numpy, snapshots[[-1, 0]])

    # Bases are not given names: a name would keep their X alive.
    yield (
        "published",
        Reconstruction(theta, start, (SingularDirections.of(snapshots[1:], origin),), count),
    )
    seen = min(len(snapshots) - 1, max(2, int((1 - held_out) * len(snapshots))))
    yield (
        "held-out",
        Reconstruction(theta, start, (SingularDirections.of(snapshots[1:seen], origin),), count),
    )
    if other is not None:
        yield (
            "other seed",
            Reconstruction(theta, start, (SingularDirections.of(other[1:], other[0]),), count),
        )
    if apart_from is not None:
        begin = torch.where(torch.from_numpy(apart_from), theta, start)
        rest = np.flatnonzero(~apart_from)
        yield (
            "no embedding",
            Reconstruction(
                theta, begin, (SingularDirections.of(snapshots[1:], origin, where=rest),), count
            ),
        )
    yield "centred", _about_the_mean(snapshots, theta, count)
    yield "centred held-out", _about_the_mean(snapshots[:seen], theta, count)


def _about_the_mean(snapshots: np.ndarray, theta: Tensor, count: int) -> Reconstruction:
    centred = SingularDirections.of(snapshots, snapshots[0], centred=True)
    middle = torch.from_numpy(snapshots[0]).double() + torch.from_numpy(centred.mean)
    return Reconstruction(theta, middle, (centred,), count)


def threshold(curve: np.ndarray, level: float = 0.9) -> int | None:
    """k*: the smallest k at which every task's accuracy is at least ``level``.

    Args:
        curve: (K, T) accuracies at k = 1 … K.
        level: in [0, 1]; published 0.9.

    Returns:
        k*, or None if no k ≤ K does it.

    >>> threshold(np.array([[.95, .1], [.95, .92], [.99, .5]]))
    2
    """
    enough = (np.asarray(curve) >= level).all(axis=1)
    return int(enough.argmax()) + 1 if enough.any() else None
