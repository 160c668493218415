"""The spectral edge: singular values and directions of the last few updates, from their products.

X has the last w updates δ_i = v_i − v_{i−1} of all attention matrices as rows, oldest first;
P = XXᵀ = UΣ²Uᵀ.  The right singular vectors lie in the updates' span, v_k = Σ_i (U_ik/σ_k) δ_i, so
that angles between windows, too, follow from products.  Updates at a wider spacing are sums of
adjacent ones.  Sources: 2602.18523 section 4.12, 2604.07380 sections 4.1, 4.7 and 4.16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.svd import GramSVD
from grokbook.geometry.trajectory import ROUNDING, centre


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Edge:
    """The spectrum of a window of updates.

    Attributes:
        sigma: (r,) singular values above ``floor``, descending, r ≥ 1.
        coefficients: (w, r); v_k = Σ_i coefficients[i, k−1] δ_i is a unit vector.
        total: Σσ² of all, squared norm.
        floor: singular values up to here are rounding: 2⁻²⁴ ‖X‖_F for updates that were rounded
            to float32, and σ₁ √(w 2⁻⁵³) for products in float64.
    """

    sigma: np.ndarray
    coefficients: np.ndarray
    total: float
    floor: float

    def size(self, k: int) -> float:
        """σ_k, 0 where there is none above the floor."""
        return float(self.sigma[k - 1]) if k <= len(self.sigma) else 0.0

    @property
    def g23(self) -> float:
        """σ2² − σ3², squared norm; σ2² of two updates."""
        return self.size(2) ** 2 - self.size(3) ** 2

    @property
    def g23_share(self) -> float:
        """(σ2² − σ3²) / Σσ², which a change of scale leaves as it is."""
        return self.g23 / self.total

    @property
    def g23_error(self) -> float:
        """Bound on the rounding of ``g23``: every σ moves by the floor at most."""
        return 2 * self.floor * (self.size(2) + self.size(3) + self.floor)

    @property
    def g23_share_error(self) -> float:
        """The same of ``g23_share``, to first order; rounding moves all σ by the floor together."""
        return self.g23_error / self.total

    @property
    def scores(self) -> np.ndarray:
        """(r − 1,) score_j = (σ_j / Σσ)(σ_j / σ_{j+1}), as published."""
        return self.sigma[:-1] / self.sigma.sum() * self.gap_ratios

    @property
    def gap_ratios(self) -> np.ndarray:
        """(r − 1,) σ_j / σ_{j+1}."""
        return self.sigma[:-1] / self.sigma[1:]

    @property
    def k_star(self) -> int:
        """The j of the largest score_j, as published; 1 where there is one singular value."""
        return int(np.argmax(self.scores)) + 1 if len(self.sigma) > 1 else 1

    @property
    def k_star_unweighted(self) -> int:
        """The j of the largest σ_j / σ_{j+1}, as in the thesis (2603.28964)."""
        return int(np.argmax(self.gap_ratios)) + 1 if len(self.sigma) > 1 else 1

    @property
    def ratio(self) -> float:
        """R = σ_k* / σ_{k*+1}; infinite where there is one singular value."""
        return float(self.gap_ratios[self.k_star - 1]) if len(self.sigma) > 1 else np.inf

    @property
    def ratio_error(self) -> float:
        """Bound on the rounding of ``ratio``, as long as no σ comes down to the floor.

        Every σ moves by the floor at most; where that can make another j the k*, R is that j's.
        """
        if len(self.sigma) < 2:
            return np.inf
        above, below, off = self.sigma[:-1], self.sigma[1:], self.floor
        low, high = (above - off) / (below + off), (above + off) / (below - off)
        possible = (above + off) * high >= ((above - off) * low).max()  # scores, Σσ being one
        return float(max(high[possible].max() - self.ratio, self.ratio - low[possible].min()))

    def along(self, k: int, products: np.ndarray) -> float:
        """⟨v_k, y⟩ from (w,) ⟨δ_i, y⟩."""
        return float(self.coefficients[:, k - 1] @ products)

    def turn(self, k: int) -> float:
        """Bound in degrees on what rounding turned v_k by, to first order (Wedin); ≤ 90."""
        apart = np.abs(np.delete(np.append(self.sigma, 0.0), k - 1) - self.sigma[k - 1]).min()
        return float(np.degrees(np.arcsin(min(1.0, self.floor / apart)))) if apart > 0 else 90.0


@dataclass(frozen=True, eq=False)
class Rotation:
    """Angles between the leading directions of two windows, in degrees.

    Attributes:
        angles: (k,) between v_1 and v_1, v_2 and v_2, …, in [0, 90].
        principal: k arrays, (j,) principal angles between span(v_1 … v_j) of both, ascending.
        error: (k,) bound on the rounding of ``angles``, to first order.
    """

    angles: np.ndarray
    principal: tuple[np.ndarray, ...]
    error: np.ndarray

    @property
    def spans(self) -> np.ndarray:
        """(k,) the largest principal angle of each."""
        return np.array([angles[-1] for angles in self.principal])


def edge(products: np.ndarray, *, centred: bool = False, norm: float | None = None) -> Edge:
    """The spectral edge of a window.

    Args:
        products: (w, w) inner products of its updates, w ≥ 2.
        centred: take the window's mean update, its drift, away first; not so as published.
        norm: ‖X‖_F of the updates before anything was taken away from them, by which the floor
            goes; by default of ``products``.

    Raises:
        ValueError: for fewer than two updates, or updates that are all 0 (or all equal, if
            centred).
    """
    inner = centre(products)  # which also refuses what is not (w, w)
    if not centred:
        inner = products
    found = GramSVD.of(inner)
    largest = found.sizes[0]
    # Centring small differences of large updates leaves the rounding of the large ones.
    norm = np.sqrt(np.trace(products)) if norm is None else norm
    floor = ROUNDING * norm + largest * np.sqrt(len(inner) * 2.0**-53)
    above = found.sizes > floor
    if not above[0]:
        raise Degenerate(f"a window needs updates that move; the largest σ is {largest:g}")
    return Edge(found.sizes[above], found.modes(above), float(np.trace(inner)), float(floor))


def coarsen(products: np.ndarray, stride: int) -> np.ndarray:
    """Products of the sums of ``stride`` adjacent updates, aligned with the newest.

    Args:
        products: (…, w, w), oldest first; what is left over of the oldest is dropped.
        stride: fine updates in a coarse one.

    Returns:
        (…, ⌊w/stride⌋, ⌊w/stride⌋).

    Raises:
        ValueError: if the window holds no coarse update.

    >>> coarsen(np.ones((5, 5)), 2).tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    window = products.shape[-1]
    if not 1 <= stride <= window:
        raise ValueError(f"stride must lie in 1 … {window}, not {stride}")
    count = window // stride
    kept = products[..., window - count * stride :, window - count * stride :]
    return kept.reshape(*kept.shape[:-2], count, stride, count, stride).sum(axis=(-3, -1))


def rotation(
    products: np.ndarray, earlier: slice, later: slice, *, k: int = 3, centred: bool = False
) -> Rotation:
    """How far the leading directions turn from one window of updates to another.

    Published with windows that share all updates but one (``earlier = slice(0, w)``,
    ``later = slice(1, w + 1)``); disjoint ones, which share nothing by construction, are other
    slices, and so are the halves of one window, see `halves`.

    Args:
        products: (n, n) inner products of updates that hold both windows.
        earlier: updates of the one.
        later: updates of the other.
        k: directions, at most as many as both windows have.
        centred: each window less its mean.

    Raises:
        ValueError: if a window has fewer than k directions.
    """
    first, second = (edge(products[part, part], centred=centred) for part in (earlier, later))
    most = min(len(first.sigma), len(second.sigma))
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}")
    if k > most:
        raise Degenerate(f"k must lie in 1 … {most}, the directions of both windows, not {k}")
    across = first.coefficients[:, :k].T @ products[earlier, later] @ second.coefficients[:, :k]
    principal = tuple(
        _degrees(np.linalg.svd(across[:j, :j], compute_uv=False)) for j in range(1, k + 1)
    )
    error = [first.turn(j) + second.turn(j) for j in range(1, k + 1)]
    return Rotation(_degrees(np.diag(across)), principal, np.array(error))


def halves(products: np.ndarray, *, k: int = 2, centred: bool = False) -> Rotation:
    """How far the directions turn between the two halves of a window.

    The published stability α_j = |⟨v_j, v_j′⟩| is the cosine of ``angles`` (2604.07380 section
    4.7); an odd update belongs to the second half, as published.

    >>> turned = halves(np.diag([4.0, 1, 0, 0, 0]) + np.diag([0, 0, 4.0, 1, 1e-3]), k=1)
    >>> turned.angles.tolist()
    [90.0]
    """
    middle = len(products) // 2
    first, second = slice(0, middle), slice(middle, len(products))
    return rotation(products, first, second, k=k, centred=centred)


def _degrees(cosines: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.minimum(np.abs(cosines), 1.0)))
