"""The spectral edge: singular values and directions of the last few updates, from their products.

X has the last w updates δ_i = v_i − v_{i−1} of all attention matrices as rows, oldest first;
P = XXᵀ = UΣ²Uᵀ.  The right singular vectors lie in the updates' span, v_k = Σ_i (U_ik/σ_k) δ_i, so
that angles between windows, too, follow from products.  Updates at a wider spacing are sums of
adjacent ones.  Sources: 2602.18523 section 4.12, 2604.07380 sections 4.1, 4.7 and 4.16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.svd import GramSVD
from grokbook.geometry.trajectory import ROUNDING, centre

DECLINED = 1.5
"""Ratio above which g23 counts as published to have declined."""


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
        spans: (k,) largest principal angle between span(v_1 … v_j) of both, j = 1 … k.
        error: (k,) bound on the rounding of ``angles``, to first order.
    """

    angles: np.ndarray
    spans: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Decline:
    """How far g23 has fallen from its early maximum, by the published statistics.

    Attributes:
        early: largest g23 of the windows that end before ``grok``, or of all.
        at_grok: g23 of the last window that ends at ``grok`` or before; None without one.
        decline: early / at_grok; infinite if g23 has come down to 0.  None without a grok step,
            so that a control cannot decline: give it a matched pseudo-grok step.
        declined: decline > 1.5.
        increases: how often g23 rose from one window to the next between the maximum and
            ``grok``; 2604.07380 calls one or none monotone.
        ratio_early: mean R of the windows that end before ``grok``, or of all.
        windows: how many these are.
    """

    early: float
    at_grok: float | None
    decline: float | None
    declined: bool
    increases: int
    ratio_early: float
    windows: int


def edge(products: np.ndarray, *, centred: bool = False) -> Edge:
    """The spectral edge of a window.

    Args:
        products: (w, w) inner products of its updates, w ≥ 2.
        centred: take the window's mean update, its drift, away first; not so as published.

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
    floor = ROUNDING * np.sqrt(np.trace(products)) + largest * np.sqrt(len(inner) * 2.0**-53)
    above = found.sizes > floor
    if not above[0]:
        raise ValueError(f"a window needs updates that move; the largest σ is {largest:g}")
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
    ``later = slice(1, w + 1)``); disjoint ones, which share nothing by construction, and the two
    halves of a window (α_j of section 4.7 is cos of ``angles``) are other slices.

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
    if not 1 <= k <= most:
        raise ValueError(f"k must lie in 1 … {most}, the directions of both windows, not {k}")
    across = first.coefficients[:, :k].T @ products[earlier, later] @ second.coefficients[:, :k]
    smallest = [np.linalg.svd(across[:j, :j], compute_uv=False)[-1] for j in range(1, k + 1)]
    error = [first.turn(j) + second.turn(j) for j in range(1, k + 1)]
    return Rotation(_degrees(np.diag(across)), _degrees(np.array(smallest)), np.array(error))


def decline(steps: np.ndarray, g23: np.ndarray, ratios: np.ndarray, grok: int | None) -> Decline:
    """The published decline of g23 (2602.18523 section 4.12).

    Args:
        steps: (n,) at which windows end, ascending.
        g23: (n,) of each, raw as published or as a share.
        ratios: (n,) R of each.
        grok: first evaluation with all tasks at 0.95; a pseudo-grok step for a control; None of
            a run that never did.

    Raises:
        ValueError: for lists of unequal lengths, or no window before ``grok``.

    >>> decline(np.array([100, 200, 300]), np.array([9.0, 3, 12]), np.ones(3), 250).decline
    3.0
    """
    steps, g23, ratios = (np.asarray(each) for each in (steps, g23, ratios))
    if not len(steps) == len(g23) == len(ratios):
        raise ValueError(f"lists must be as long as one another, not {len(steps)}, {len(g23)}, …")
    count = len(steps) if grok is None else int((steps < grok).sum())
    if not count:
        raise ValueError(f"no window ends before step {grok}")
    peak = int(np.argmax(g23[:count]))
    until = g23 if grok is None else g23[steps <= grok]
    rises = int((np.diff(until[peak:]) > 0).sum())
    early, mean = float(g23[peak]), float(ratios[:count].mean())
    if grok is None:
        return Decline(early, None, None, False, rises, mean, count)
    last = float(until[-1])
    fall = early / last if last > 0 else np.inf
    return Decline(early, last, fall, fall > DECLINED, rises, mean, count)


def _degrees(cosines: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.minimum(np.abs(cosines), 1.0)))
