"""What the Hessian says beside its eigenvalues: curvature along a direction, and Weyl's inequality.

    curvature along v = vᵀHv / vᵀv;   λ_min(Σ_t H_t) ≥ Σ_t λ_min(H_t)

H is an operator as `grokbook.geometry.eigenpairs` knows it; L's comes from
`grokbook.geometry.loss.Loss.hessian`.  Source: 2602.18523 section 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.eigenpairs import Eigenpairs, Operator


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
    length = float(vector.norm())
    if vector.shape != (operator.size,) or not 0 < length < np.inf:
        raise ValueError(
            f"a direction needs ({operator.size},) finite entries that are not all 0, "
            f"not {tuple(vector.shape)} of norm {length}"
        )
    unit = (vector.double() / length).to(operator.dtype)
    image = operator @ unit
    value = float(image.double() @ unit.double())
    residual = float((image.double() - value * unit.double()).norm())
    floor = 16 * torch.finfo(operator.dtype).eps * float(image.double().norm())
    return Curvature(value, residual, floor)


def weyl(total: Eigenpairs, parts: Sequence[Eigenpairs]) -> Weyl:
    """The slack of Weyl's inequality from the bottoms of a sum and of its terms.

    Raises:
        ValueError: if there are no terms.
    """
    if not parts:
        raise ValueError("Weyl's inequality needs the terms of the sum, not none")
    slack = total.values[0] - sum(part.values[0] for part in parts)
    return Weyl(float(slack), float(sum(each.residuals[0] for each in (total, *parts))))
