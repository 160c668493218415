"""Two gradient steps in both orders, and how far apart they end.

    θ_AB = θ − ηg_A(θ) − ηg_B(θ − ηg_A(θ)),  θ_BA likewise,  δ = θ_AB − θ_BA
    δ = η[(g_A(θ − ηg_B) − g_A(θ)) − (g_B(θ − ηg_A) − g_B(θ))]   the same, without cancellation
    δ → η²(H_B g_A − H_A g_B) for η → 0, exact for quadratic losses

Gradients come as callables, Hessians as operators: nothing here knows a model.
Source: 2602.18523 section 4.4, 2602.16746 section 4.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from grokbook.checks import number
from grokbook.geometry.operators import LinearMap

ETA = 1e-3
"""The published size of the two steps."""

Gradient = Callable[[Tensor], Tensor]
"""θ (P,) ↦ ∇L(θ) (P,), in the precision of θ."""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Commutator:
    """Two gradient steps in both orders, in one precision.

    Attributes:
        eta: η.
        first: g_A(θ), (P,).
        second: g_B(θ), (P,).
        first_change: g_A(θ − ηg_B) − g_A(θ) → −ηH_A g_B, (P,).
        second_change: g_B(θ − ηg_A) − g_B(θ) → −ηH_B g_A, (P,).
        stored: δ as published, the difference of the two updated parameter vectors, (P,).
        frozen: the same arithmetic with all gradients as at θ, (P,); 0 but for rounding.
    """

    eta: float
    first: Tensor
    second: Tensor
    first_change: Tensor
    second_change: Tensor
    stored: Tensor
    frozen: Tensor

    @property
    def delta(self) -> Tensor:
        """δ by differences of gradients, (P,)."""
        return self.eta * (self.first_change - self.second_change)

    @property
    def scale(self) -> float:
        """‖ηg_A‖ ‖ηg_B‖."""
        return norm(self.eta * self.first) * norm(self.eta * self.second)


def commutator(
    first: Gradient,
    second: Gradient,
    theta: Tensor,
    *,
    eta: float = ETA,
    at: tuple[Tensor, Tensor] | None = None,
) -> Commutator:
    """Take the two steps in both orders, in the precision of θ.

    Costs 4 gradients, 2 if those at θ are handed in.

    Args:
        first: g_A.
        second: g_B.
        theta: (P,).
        eta: η > 0.
        at: (g_A(θ), g_B(θ)) where they are known.

    Raises:
        ValueError: for an η that is not positive, a θ that is no vector, or a gradient of another
            shape or that is not finite.

    >>> import torch
    >>> a, b = torch.diag(torch.tensor([1.0, 3.0])), torch.ones(2, 2)
    >>> found = commutator(lambda t: a @ t, lambda t: b @ t, torch.tensor([1.0, 1.0]), eta=0.5)
    >>> found.delta.tolist(), (0.25 * (b @ a - a @ b) @ torch.ones(2)).tolist()
    ([0.5, -0.5], [0.5, -0.5])
    """
    eta = number("eta", eta, low=0, open_low=True)
    if theta.dim() != 1 or len(theta) == 0:
        raise ValueError(f"θ must be a vector (P,), not {tuple(theta.shape)}")
    g_a, g_b = at or (first(theta), second(theta))
    _check(theta, g_a, g_b)
    step_a, step_b = eta * g_a, eta * g_b
    after_a, after_b = theta - step_a, theta - step_b
    b_after_a, a_after_b = second(after_a), first(after_b)
    _check(theta, b_after_a, a_after_b)
    return Commutator(
        eta,
        g_a,
        g_b,
        a_after_b - g_a,
        b_after_a - g_b,
        stored=(after_a - eta * b_after_a) - (after_b - eta * a_after_b),
        frozen=(after_a - step_b) - (after_b - step_a),
    )


@dataclass(frozen=True, eq=False)
class Bracket:
    """The limit of the defect for small steps, by products with the Hessians.

    Attributes:
        vector: H_B g_A − H_A g_B, (P,).
        norm: its norm, nats²/|θ|³.
        defect: norm / (‖g_A‖ ‖g_B‖), 1/|θ|; NaN where a gradient vanishes.
        relative: norm / (‖H_B g_A‖ + ‖H_A g_B‖), 0 … 1.
    """

    vector: Tensor
    norm: float
    defect: float
    relative: float


def bracket(gradients: tuple[Tensor, Tensor], hessians: tuple[LinearMap, LinearMap]) -> Bracket:
    """The exact bracket H_B g_A − H_A g_B; in float64 the referee of every defect.

    Costs 2 Hessian-vector products.

    Args:
        gradients: g_A, g_B, (P,).
        hessians: H_A, H_B at the same θ, as operators.

    >>> import torch
    >>> h_a, h_b = torch.diag(torch.tensor([1.0, 3.0])), torch.ones(2, 2)
    >>> bracket((torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0])), (h_a, h_b)).vector
    tensor([ 2., -2.])
    """
    (g_a, g_b), (h_a, h_b) = gradients, hessians
    b_along_a, a_along_b = h_b @ g_a, h_a @ g_b
    vector = b_along_a - a_along_b
    size = norm(vector)
    return Bracket(
        vector,
        size,
        ratio(size, norm(g_a) * norm(g_b)),
        ratio(size, norm(b_along_a) + norm(a_along_b)),
    )


def cosine(one: Tensor, other: Tensor) -> float:
    """⟨a, b⟩ / (‖a‖ ‖b‖) in float64; NaN where a vector vanishes."""
    return ratio((one.double() @ other.double()).item(), norm(one) * norm(other))


def norm(vector: Tensor) -> float:
    """‖v‖, added up in float64."""
    return vector.double().norm().item()


def ratio(part: float, whole: float) -> float:
    """The quotient; NaN over 0."""
    return part / whole if whole else math.nan


def _check(theta: Tensor, *gradients: Tensor) -> None:
    for gradient in gradients:
        if gradient.shape != theta.shape:
            raise ValueError(
                f"a gradient has shape {tuple(gradient.shape)}, θ has {tuple(theta.shape)}"
            )
        if not gradient.isfinite().all():
            raise ValueError("a gradient is not finite")
