"""What the Hessian says beside its eigenvalues: curvature along a direction, and Weyl's inequality.

    curvature along v = vᵀHv / vᵀv;   λ_min(Σ_t H_t) ≥ Σ_t λ_min(H_t)

H is an operator as `grokbook.geometry.operators` has it, that of a model from
`grokbook.geometry.loss.Loss.hessian`.  The published curvature along a spectral edge is a second
difference in float32, whose rounding, 4u|L|/ε², is of the size of what it found: it is given
beside the product.  Source: 2602.18523 section 4.6, 2604.07380 section 4.4, weakness F.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook.geometry.eigenpairs import Eigenpairs
from grokbook.geometry.operators import Operator, unit_vector


@dataclass(frozen=True)
class Curvature:
    """The second derivative along a direction.

    Attributes:
        value: vᵀHv / vᵀv, in the operator's unit; it lies between the extreme eigenvalues.
        residual: ‖H v − value · v‖ / ‖v‖: some eigenvalue is that near, and 0 says that v is an
            eigenvector.
        floor: 16 ε ‖H v‖ / ‖v‖, what rounding in the product does to ``value``; against float64 it
            was 5 to 9 ε.  A direction that was itself rounded is another matter.
    """

    value: float
    residual: float
    floor: float

    def relative(self, theta: Tensor) -> float:
        """``value`` · ‖θ‖²: the curvature by relative changes, which a scale of θ leaves alone."""
        return self.value * float(theta.double().norm()) ** 2


@dataclass(frozen=True)
class SecondDifference:
    """[L(θ + εv) + L(θ − εv) − 2 L(θ)] / ε², in the precision of θ.

    Attributes:
        value: in nats by the squared unit of θ.
        step: ε.
        floor: 4 u |L| / ε², u half the machine's ε: what rounding the three losses can do, if each
            is rounded but once; sums inside the model add to that.
    """

    value: float
    step: float
    floor: float


@dataclass(frozen=True)
class Weyl:
    """Weyl's inequality λ_min(Σ_t H_t) ≥ Σ_t λ_min(H_t), which holds on one batch alone.

    Attributes:
        slack: left side minus right, in the operators' unit.
        allowance: the sum of all residuals, which the slack may lie below 0 by.
    """

    slack: float
    allowance: float

    @property
    def holds(self) -> bool:
        """False proves that a bottom was missed, or that the batches differ."""
        return self.slack >= -self.allowance


def curvature(operator: Operator, vector: Tensor) -> Curvature:
    """The Rayleigh quotient of an operator along a vector (P,), by one product.

    Raises:
        ValueError: for a vector of another size, of length 0, or not finite.
    """
    unit = unit_vector(vector, operator.size).to(operator.dtype)
    image = operator @ unit
    value = float(image.double() @ unit.double())
    residual = float((image.double() - value * unit.double()).norm())
    floor = 16 * torch.finfo(operator.dtype).eps * float(image.double().norm())
    return Curvature(value, residual, floor)


@torch.no_grad()
def second_difference(
    loss: Callable[[Tensor], Tensor],
    theta: Tensor,
    vector: Tensor,
    *,
    share: float = 1e-3,
) -> SecondDifference:
    """Curvature along a direction as published: float32 forward passes, ε = 0.001 ‖θ‖.

    Args:
        loss: θ (P,) ↦ a scalar.
        theta: (P,) where, in the precision in which it is computed: float32 as published; in
            float64 what differs from the Hessian's product is the step alone.
        vector: (P,) v, of any length.
        share: ε / ‖θ‖.

    Raises:
        ValueError: for what is no direction, or a step of 0.
    """
    unit = unit_vector(vector, len(theta))
    step = share * float(theta.double().norm())
    if not step > 0:
        raise ValueError(f"a second difference needs a step above 0, not {step}")
    moved = (step * unit).to(theta.dtype)
    ahead, here, behind = (float(loss(at)) for at in (theta + moved, theta, theta - moved))
    floor = 2 * torch.finfo(theta.dtype).eps * abs(here) / step**2
    return SecondDifference((ahead + behind - 2 * here) / step**2, step, floor)


def weyl(total: Eigenpairs, parts: Sequence[Eigenpairs]) -> Weyl:
    """The slack of Weyl's inequality from the bottoms of a sum and of its terms.

    Raises:
        ValueError: if there are no terms.
    """
    if not parts:
        raise ValueError("Weyl's inequality needs the terms of the sum, not none")
    slack = total.values[0] - sum(part.values[0] for part in parts)
    return Weyl(float(slack), float(sum(each.residuals[0] for each in (total, *parts))))
