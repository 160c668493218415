"""AdamW and gradient clipping on a flat (M, P) buffer, each model with its own settings.

    g ← g · min(1, c / (‖g‖ + 1e-6))
    θ ← (1 − ηλ) θ
    m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
    u = η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε),   θ ← θ − u

The norm is taken over one model's parameters, so models on the axis never touch each other;
`clip_grad_norm_` would couple them, and stock `torch.optim.AdamW` has one setting for all.  What
differs from model to model or from step to step comes as `grokbook.training.coefficients`.  Source:
Loshchilov and Hutter (decoupled decay); settings 2602.18523 section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokbook.training.coefficients import FIELDS
from grokbook.training.interventions import Subspaces


class AdamW:
    """Optimiser state of M models.

    Args:
        theta: (M, P) parameters, updated in place; the state is of its shape, dtype and device.
        gradient: (M, P), where the gradient is found at every step; it is clipped in place.
        beta1, beta2, epsilon: shared by the models.
        subspaces: for interventions on the gradient or on the update, or None.

    Attributes:
        mean: (M, P) first moment m.
        square: (M, P) second moment v.
        update: (M, P) the last Adam step u.
        by_decay, by_steps: (M, P) sums of what weight decay and what the Adam steps have moved θ
            by since they were last set to zero.
    """

    def __init__(
        self,
        theta: Tensor,
        gradient: Tensor,
        *,
        beta1: float,
        beta2: float,
        epsilon: float,
        subspaces: Subspaces | None = None,
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.subspaces = subspaces
        self._theta, self._gradient = theta, gradient
        self.mean, self.square, self.update, self.by_decay, self.by_steps = (
            torch.zeros_like(theta) for _ in range(5)
        )

    def reset(self, slot: int) -> None:
        """Set one model's moments to zero; its bias corrections are the caller's."""
        self.mean[slot] = 0
        self.square[slot] = 0

    @torch.inference_mode()
    def step(self, coefficients: Tensor) -> Tensor:
        """One update.

        Args:
            coefficients: (8, M, 1) in the order of `FIELDS`.

        Returns:
            (M, 1) gradient norms before clipping.
        """
        of = dict(zip(FIELDS, coefficients.unbind(), strict=True))
        theta, gradient, update = self._theta, self._gradient, self.update
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient.mul_((of["clip"] / (norm + 1e-6)).clamp_(max=1.0))
        if self.subspaces is not None:
            self.subspaces.change("gradient", gradient, of["outside"], of["inside"])
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        torch.sqrt(self.square, out=update).mul_(of["root"]).add_(self.epsilon)
        torch.div(self.mean, update, out=update).mul_(of["size"])
        if self.subspaces is not None:
            self.subspaces.change("update", update, of["update_outside"], of["update_inside"])
        self.by_decay.addcmul_(theta, of["keep"] - 1)
        theta.mul_(of["keep"]).sub_(update)
        self.by_steps.sub_(update)
        return norm
