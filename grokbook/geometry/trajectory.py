"""Trajectories by their inner products: PCA, expanding windows, what the leading direction is.

For snapshots v_t of a weight matrix, x_t = v_t − v_0 and G_st = ⟨x_s, x_t⟩.  With the centring
J = 1 − 11ᵀ/n, the eigenvalues of JGJ are the σ_k² of the centred snapshots' SVD, and its
eigenvectors u_k give the principal directions v_k = Xᵀu_k/σ_k: everything here follows from G,
⟨x_t, v_0⟩ and ‖v_0‖², in float64, products as well as sums.  Source: 2602.18523 section 4.1
(trajectory PCA) and section 4.4, companion 2602.16746 section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokbook.geometry.svd import GramSVD

ROUNDING = 2.0**-24
"""Largest relative error of a number that was stored in float32."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Displacements:
    """All inner products of a trajectory that its geometry needs, in squared norm units.

    Attributes:
        products: (n, n) G_st = ⟨x_s, x_t⟩, x_t = v_t − v_0 for the origin v_0.
        start: (n,) ⟨x_t, v_0⟩.
        square: ‖v_0‖².
    """

    products: np.ndarray
    start: np.ndarray
    square: float

    @cached_property
    def norms(self) -> np.ndarray:
        """(n,) ‖v_t‖."""
        squares = np.diag(self.products) + 2 * self.start + self.square
        return np.sqrt(np.maximum(squares, 0.0))

    @cached_property
    def steps(self) -> np.ndarray:
        """(n − 1,) ‖v_t − v_{t−1}‖."""
        return np.sqrt(np.maximum(np.diag(updates(self.products)), 0.0))

    @property
    def rounding(self) -> float:
        """Bound on the norm of what float32 took from all snapshots together, 2⁻²⁴ ‖V‖_F."""
        return ROUNDING * float(np.linalg.norm(self.norms))

    def take(self, chosen: np.ndarray) -> Displacements:
        """The same from some of the snapshots; the origin stays v_0."""
        return Displacements(self.products[np.ix_(chosen, chosen)], self.start[chosen], self.square)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How a trajectory's variance is shared out among its principal components.

    Attributes:
        shares: (n − 1,) σ_k² / Σσ², descending; all components count below.
        total: Σσ², n times the variance, squared norm.
        error: bound on what rounding did to any share.
    """

    shares: np.ndarray
    total: float
    error: float

    def among(self, count: int) -> np.ndarray:
        """(count,) σ_k² / Σ of the first ``count`` σ², as 2602.18523 Fig. 4 has it with 10.

        Raises:
            ValueError: for no components, or more than there are.
        """
        if not 1 <= count <= len(self.shares):
            raise ValueError(f"count must lie in 1 … {len(self.shares)}, not {count}")
        return self.shares[:count] / self.shares[:count].sum()


@dataclass(frozen=True, eq=False)
class Direction:
    """What a principal direction is made of.

    The direction's sign, which nothing fixes, makes its cosine with v_0 positive.

    Attributes:
        cosines: (n,) of v_k with the weights v_t.
        start: of v_k with v_0, in [0, 1].
        error: bound on what rounding did to a cosine, by Wedin's theorem; it grows as the
            component comes near to another.
    """

    cosines: np.ndarray
    start: float
    error: float


def displacements(snapshots: np.ndarray, blocks: Mapping[str, slice]) -> dict[str, Displacements]:
    """Inner products of displacements from the first snapshot, per block and in all.

    Args:
        snapshots: (n, D) float32 or float64 weight vectors in order of steps.
        blocks: name ↦ slice of the D entries.

    Returns:
        One a block, and their sum under ``"all"`` if the blocks cover every entry; n² D products.
    """
    found = {}
    for name, part in blocks.items():
        moved = snapshots[:, part].astype(np.float64)
        origin = moved[0].copy()
        moved -= origin
        found[name] = Displacements(moved @ moved.T, moved @ origin, float(origin @ origin))
    covered = sum(part.stop - part.start for part in blocks.values())
    if covered == snapshots.shape[1]:
        every = list(found.values())
        found["all"] = Displacements(
            sum(each.products for each in every),
            sum(each.start for each in every),
            sum(each.square for each in every),
        )
    return found


def gram(snapshots: np.ndarray, blocks: Mapping[str, slice]) -> dict[str, np.ndarray]:
    """The Gram matrices of `displacements` alone, (n, n) float64 a block.

    >>> g = gram(np.array([[0., 0.], [3., 4.]]), {"w": slice(0, 2)})
    >>> g["w"].tolist()
    [[0.0, 0.0], [0.0, 25.0]]
    """
    return {name: each.products for name, each in displacements(snapshots, blocks).items()}


def updates(products: np.ndarray) -> np.ndarray:
    """(n − 1, n − 1) inner products of v_t − v_{t−1}, from those of displacements."""
    across = np.diff(products, axis=0)
    return np.diff(across, axis=1)


def spectrum(products: np.ndarray, *, rounding: float = 0.0) -> Spectrum:
    """PCA of the centred snapshots: the shares of all components.

    Args:
        products: (n, n) inner products of displacements from anywhere; n ≥ 2.
        rounding: norm of the snapshots' own error, `Displacements.rounding`.

    Raises:
        ValueError: for a matrix that is not square, fewer than two snapshots, or snapshots that
            do not move.

    >>> spectrum(np.array([[0., 0., 0.], [0., 1., 2.], [0., 2., 4.]])).shares.round(9).tolist()
    [1.0, 0.0]
    """
    centred = centre(products)
    values = np.maximum(np.linalg.eigvalsh(centred)[::-1][:-1], 0.0)  # centring takes one away
    total = float(np.trace(centred))
    if total <= 0:
        raise ValueError(f"a spectrum needs snapshots that move; their variance is {total}")
    # σ_k moves by ‖E‖ at most, hence a share by 4‖E‖/√Σσ² and the square of it.
    relative = rounding / np.sqrt(total) + len(products) * 2.0**-53
    return Spectrum(values / total, total, float(4 * relative * (1 + relative)))


def plane(products: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The path in the plane of its first two principal directions.

    Coordinates u_k σ_k of the centred snapshots; of either direction the sign is such that the
    path ends on the positive side of its start.

    Args:
        products: as for `spectrum`; n ≥ 3.

    Returns:
        (n, 2) coordinates in the snapshots' unit, and the shares of variance along both.

    Raises:
        ValueError: as `spectrum` does, or for fewer than three snapshots.

    >>> steps = np.array([[0.0, 0.0], [3.0, 1.0], [6.0, 0.0]])
    >>> points, held = plane(steps @ steps.T)
    >>> np.abs(points[:, 0]).round(6).tolist(), round(sum(held), 9)
    ([3.0, 0.0, 3.0], 1.0)
    """
    if len(products) < 3:
        raise ValueError(f"a plane takes three snapshots, not {len(products)}")
    shares = spectrum(products).shares
    squares, vectors = np.linalg.eigh(centre(products))
    points = vectors[:, :-3:-1] * np.sqrt(np.maximum(squares[:-3:-1], 0.0))
    ends = points[-1] - points[0]
    return points * np.where(ends < 0, -1.0, 1.0), (float(shares[0]), float(shares[1]))


def direction(moves: Displacements, k: int = 1) -> Direction:
    """The k-th principal direction against the weights that the trajectory passed.

    ⟨v_k, v_t⟩ = Σ_s u_sk (G_st + ⟨x_s, v_0⟩) / σ_k, as u_k is orthogonal to 1.

    Raises:
        ValueError: if there is no k-th direction, or v_0 = 0, which has none.
    """
    count = len(moves.products)
    if not 1 <= k < count:
        raise ValueError(f"k must lie in 1 … {count - 1}, not {k}")
    if moves.square <= 0:
        raise ValueError("there is no cosine with a start of 0")
    found = GramSVD.of(centre(moves.products))
    if found.rank() < k:
        raise ValueError(f"the trajectory has no direction {k}")
    u, size = found.left[:, k - 1], found.sizes[k - 1]
    along = u @ (moves.products + moves.start[:, None]) / size
    start = float(u @ moves.start / size / np.sqrt(moves.square))
    cosines = along / np.where(moves.norms > 0, moves.norms, np.inf)
    others = np.delete(found.sizes[: count - 1], k - 1)
    gap = np.abs(others - size).min(initial=size)
    error = moves.rounding / gap if gap > 0 else 1.0
    sign = 1.0 if start >= 0 else -1.0
    return Direction(sign * cosines, abs(start), float(min(error, 1.0)))


def window_sizes(total: int, count: int = 20) -> np.ndarray:
    """Sizes of expanding windows: ``count`` values from max(5, total/20) to ``total``, linearly.

    2602.18523 section 4.1 has 20, 2602.16746 has 15.

    Raises:
        ValueError: for fewer than two snapshots, or no window.

    >>> window_sizes(100, 5).tolist()
    [5, 28, 52, 76, 100]
    """
    if total < 2 or count < 1:
        raise ValueError(f"windows need total ≥ 2 and count ≥ 1, not {total} and {count}")
    first = min(total, max(5, total // 20))
    return np.unique(np.linspace(first, total, count).astype(int))


def centre(products: np.ndarray) -> np.ndarray:
    """JGJ: the inner products of the same rows less their mean.

    Raises:
        ValueError: for a matrix that is not square, or has fewer than two rows.
    """
    if products.ndim != 2 or products.shape[0] != products.shape[1] or len(products) < 2:
        raise ValueError(f"inner products must be (n, n) with n ≥ 2, not {products.shape}")
    rows = products.mean(axis=0)
    return products - rows - rows[:, None] + rows.mean()
