"""The gap flow: three terms that are said to open and close the gap of the spectral edge.

With d_j = σ_j of the window, g = d_k − d_{k+1}, means d̄, h̄ over both, h_j = ⟨v_j, Hv_j⟩ and
G_j = ⟨v_j, ∇L⟩ on the full training set, decay ω, rate η and W updates,

    dg/dt ≈ −η(h_k − h_{k+1}) d̄        T1, curvature
            −η(h̄ + ω) g                T2, damping
            +ηW(G_k²/d_k − G_{k+1}²/d_{k+1})    T3, driving

per step.  T3 as printed has the unit of a gradient, and T1, T2 that of a weight: ``"in units"`` it
has η² in place of η.  The equation is about θ′ = −η∇L; with a diagonal preconditioner D, by which
training moves along −ηD∇L, G_j is ⟨v_j, D∇L⟩ and h_j ⟨Dv_j, Hv_j⟩.  Which class the terms give is
`grokbook.geometry.gap_class`'s affair.

What any such equation has to reach is `slide`: a window that moves by one update changes σ_j² by
⟨δ_new, v_j⟩² − ⟨δ_old, v_j⟩², to first order and without a model of training.  If that predicts
dg/dt and the terms do not, it is the terms that fail and not the difference quotient.  Source:
2604.07380 equation 1, 2603.28964 theorem 14.2, claim SE-33, weakness K.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.edge_windows import Window
from grokbook.geometry.operators import Hessian
from grokbook.geometry.spectral_edge import Edge

UNITS = {"printed": 1, "in units": 2}
"""Powers of η in T3."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Along:
    """What the loss does along v_1 … v_n, each (n,).

    Attributes:
        gradient: ⟨v_j, ∇L⟩, or ⟨v_j, D∇L⟩.
        curvature: ⟨v_j, Hv_j⟩, or ⟨Dv_j, Hv_j⟩.
        slope_floor: rounding of ``gradient`` to be expected: 16 ε ‖∇L‖, of all alike.
        curvature_floor: of ``curvature``: 16 ε ‖Hv_j‖.
    """

    gradient: np.ndarray
    curvature: np.ndarray
    slope_floor: float
    curvature_floor: np.ndarray


@dataclass(frozen=True)
class Terms:
    """The terms of one window, weights' unit a step.

    Attributes:
        curvature: T1.
        damping: T2.
        driving: T3.
        gap: g, weights' unit.
        curvature_error, damping_error, driving_error, gap_error: bounds on what the floors of σ,
            of slopes and of curvatures do to each, along the directions as they are.
    """

    curvature: float
    damping: float
    driving: float
    gap: float
    curvature_error: float
    damping_error: float
    driving_error: float
    gap_error: float

    @property
    def total(self) -> float:
        """The predicted dg/dt."""
        return self.curvature + self.damping + self.driving

    @property
    def total_error(self) -> float:
        """Bound on what the same floors do to ``total``."""
        return self.curvature_error + self.damping_error + self.driving_error

    @property
    def ratio(self) -> float:
        """T3 / |T2|; NaN if there is no damping."""
        return self.driving / abs(self.damping) if self.damping else float("nan")

    @property
    def ratio_error(self) -> float:
        """Bound on what they do to ``ratio``; infinite if there may be no damping."""
        room = abs(self.damping) - self.damping_error
        off = self.driving_error + abs(self.ratio) * self.damping_error
        return off / room if room > 0 else float("inf")


def along(
    loss: Callable[[Tensor], Tensor],
    theta: Tensor,
    directions: np.ndarray,
    preconditioner: np.ndarray | None = None,
) -> Along:
    """Gradient and curvature of a loss along directions; a product with H each.

    Args:
        loss: θ ↦ the loss on the full training set, a scalar; ask float64.
        theta: (P,) θ.
        directions: (n, P) unit rows.
        preconditioner: (P,) D, such as 1/(√v̂ + ε) of Adam.

    Raises:
        ValueError: for shapes that do not match, or a preconditioner that is not positive.
    """
    return by_each(loss, theta, directions, [preconditioner])[0]


def by_each(
    loss: Callable[[Tensor], Tensor],
    theta: Tensor,
    directions: np.ndarray,
    preconditioners: Sequence[np.ndarray | None],
) -> list[Along]:
    """`along` by several preconditioners, None for none, at the cost of one.

    Raises:
        ValueError: as `along`.
    """
    operator = Hessian.of(loss, theta)
    rows = torch.as_tensor(np.ascontiguousarray(directions), dtype=torch.float64)
    if rows.dim() != 2 or rows.shape[1] != operator.size:
        raise ValueError(f"directions must be (n, {operator.size}), not {tuple(rows.shape)}")
    images = torch.stack([(operator @ row).double() for row in rows])
    unit, found = 16 * torch.finfo(operator.dtype).eps, []
    for each in preconditioners:
        scale = torch.ones(operator.size, dtype=torch.float64)
        if each is not None:
            scale = torch.as_tensor(each, dtype=torch.float64)
            if scale.shape != (operator.size,) or not bool((scale > 0).all()):
                raise ValueError(f"a preconditioner is ({operator.size},) positive numbers")
        slope, scaled = scale * operator.gradient.double(), scale * images
        found.append(
            Along(
                (rows @ slope).numpy(),
                (rows * scaled).sum(1).numpy(),
                unit * float(slope.norm()),
                unit * scaled.norm(dim=1).numpy(),
            )
        )
    return found


def terms(
    edge: Edge,
    at: Along,
    *,
    rate: float,
    decay: float,
    window: int,
    k: int = 1,
    units: str = "printed",
) -> Terms:
    """T1, T2 and T3 of a window.

    Args:
        edge: σ of the window.
        at: the loss along its directions.
        rate: η.
        decay: ω.
        window: W, updates.
        k: the gap is σ_k − σ_{k+1}; k* = 1 nearly always.
        units: one of `UNITS`.

    Raises:
        ValueError: for other units, or a gap that the window or ``at`` does not have.

    >>> from grokbook.geometry.spectral_edge import edge
    >>> at = Along(np.array([2.0, 1.0]), np.array([3.0, 1.0]), 0.0, np.zeros(2))
    >>> found = terms(edge(np.diag([16.0, 4.0])), at, rate=0.1, decay=1.0, window=2)
    >>> [round(t, 9) for t in (found.curvature, found.damping, found.driving)]
    [-0.6, -0.6, 0.1]
    """
    if units not in UNITS:
        raise ValueError(f"units are {' or '.join(UNITS)}, not {units!r}")
    if not 1 <= k < min(len(edge.sigma), len(at.gradient)):
        count = min(len(edge.sigma), len(at.gradient))
        raise ValueError(f"there is no gap {k} among {count} directions")
    first, second = float(edge.sigma[k - 1]), float(edge.sigma[k])
    h, g = at.curvature[k - 1 : k + 1], at.gradient[k - 1 : k + 1]
    gap, middle = first - second, (first + second) / 2
    driving = rate ** UNITS[units] * window * (g[0] ** 2 / first - g[1] ** 2 / second)
    # Of a product |a db| + |b da| + |da db|; d̄ is off by the floor, and g by twice that.
    off, off_h = edge.floor, at.curvature_floor[k - 1 : k + 1]
    off_t1 = off_h.sum() * (middle + off) + abs(h[0] - h[1]) * off
    off_t2 = off_h.mean() * (gap + 2 * off) + abs(h.mean() + decay) * 2 * off
    off_squares, sizes = (2 * abs(g) + at.slope_floor) * at.slope_floor, np.array([first, second])
    off_t3 = ((off_squares + g**2 / sizes * off) / (sizes - off)).sum()
    errors = rate * off_t1, rate * off_t2, rate ** UNITS[units] * window * off_t3
    return Terms(
        float(-rate * (h[0] - h[1]) * middle),
        float(-rate * (h.mean() + decay) * gap),
        float(driving),
        gap,
        *map(float, errors),
        2 * off,
    )


def measured(ends: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(n,) dg/dt per step by central differences; NaN at both ends.

    Args:
        ends: (n,) steps at which the windows end, ascending.
        gaps: (n,) g of each, for the same k.

    Raises:
        ValueError: for unequal lengths, fewer than three windows, or steps that do not ascend.

    >>> measured(np.array([0, 100, 300]), np.array([1.0, 2.0, 7.0])).tolist()
    [nan, 0.02, nan]
    """
    ends, gaps = np.asarray(ends, dtype=np.float64), np.asarray(gaps, dtype=np.float64)
    if ends.shape != gaps.shape or len(ends) < 3 or (np.diff(ends) <= 0).any():
        raise ValueError(f"dg/dt needs three ascending steps and a gap each, not {len(ends)}")
    found = np.full(len(ends), np.nan)
    found[1:-1] = (gaps[2:] - gaps[:-2]) / (ends[2:] - ends[:-2])
    return found


def slide(found: Window, old: np.ndarray, new: np.ndarray, *, k: int = 1) -> float:
    """The change of g to first order as a window drops its oldest update and takes a new one.

    Δσ_j ≈ (⟨δ_new, v_j⟩² − ⟨δ_old, v_j⟩²) / 2σ_j; what it leaves out is of second order in either.

    Args:
        found: the window before.
        old: (P,) the update that leaves.
        new: (P,) the one that comes.
        k: the gap.

    Raises:
        ValueError: for a gap that the window does not have.
    """
    if not 1 <= k < len(found.directions):
        raise ValueError(f"there is no gap {k} among {len(found.directions)} directions")
    pair = found.directions[k - 1 : k + 1]
    change = ((pair @ new) ** 2 - (pair @ old) ** 2) / (2 * found.edge.sigma[k - 1 : k + 1])
    return float(change[0] - change[1])
