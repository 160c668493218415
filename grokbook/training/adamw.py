"""AdamW and gradient clipping on a flat (M, P) buffer, each model with its own settings.

    g ← g · min(1, c / (‖g‖ + 1e-6))
    θ ← (1 − ηλ) θ
    m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
    u = η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε),   θ ← θ − u

The norm is taken over one model's parameters, so models on the axis never touch each other;
stock `torch.optim.AdamW` and `clip_grad_norm_` would couple them.  What differs from model to
model or from step to step comes as `grokbook.training.coefficients`.  Source: Loshchilov and
Hutter (decoupled decay); settings 2602.18523 section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokbook.training.interventions import Subspaces

_CACHED = 16_384
"""Parameters updated at a time on a CPU: the seven vectors of so many fit a core's own cache, and
would otherwise be fetched a dozen times a step from further away."""


class AdamW:
    """Optimiser state of M models.

    Args:
        theta: (M, P) parameters; the state is of its shape, dtype and device.
        beta1, beta2, epsilon: shared by the models.
        subspaces: for interventions on the gradient or on the update, or None.

    Attributes:
        mean: (M, P) first moment m.
        square: (M, P) second moment v.
        update: (M, P) the last Adam step u.
        decayed, learned: (M, P) sums of what weight decay and what the Adam steps have moved θ
            by since they were last set to zero.
    """

    def __init__(
        self,
        theta: Tensor,
        *,
        beta1: float,
        beta2: float,
        epsilon: float,
        subspaces: Subspaces | None = None,
    ) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.subspaces = subspaces
        self.mean, self.square, self.update, self.decayed, self.learned = (
            torch.zeros_like(theta) for _ in range(5)
        )
        size = theta.shape[1]
        together = max(1, _CACHED // len(theta)) if theta.device.type == "cpu" else size
        self._parts = [slice(at, at + together) for at in range(0, size, together)]

    @torch.no_grad()
    def step(self, theta: Tensor, gradient: Tensor, coefficients: Tensor) -> Tensor:
        """Update θ in place; the gradient is clipped in place.

        Args:
            theta: (M, P).
            gradient: (M, P).
            coefficients: (8, M, 1) in the order of `grokbook.training.coefficients.FIELDS`.

        Returns:
            (M, 1) gradient norms before clipping.
        """
        keep, root, size, clip, *shares = coefficients.unbind()
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        scale = (clip / (norm + 1e-6)).clamp_(max=1.0)
        changed = self.subspaces is not None
        if changed:  # what is changed is the whole clipped gradient, not a part of it
            self.subspaces.change(gradient.mul_(scale), *shares[:2])
        gradient_scale, lost = None if changed else scale, keep - 1
        for part in self._parts:
            self._moments(gradient[:, part], part, gradient_scale, root, size)
            if not changed:
                self._move(theta[:, part], part, keep, lost)
        if changed:
            self.subspaces.change(self.update, *shares[2:])
            self._move(theta, slice(None), keep, lost)
        return norm

    def _moments(
        self, gradient: Tensor, part: slice, scale: Tensor | None, root: Tensor, size: Tensor
    ) -> None:
        """m, v and u of some parameters."""
        mean, square, update = (x[:, part] for x in (self.mean, self.square, self.update))
        if scale is not None:
            gradient.mul_(scale)
        mean.lerp_(gradient, 1 - self.beta1)
        square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        torch.sqrt(square, out=update).mul_(root).add_(self.epsilon)
        torch.div(mean, update, out=update).mul_(size)

    def _move(self, theta: Tensor, part: slice, keep: Tensor, lost: Tensor) -> None:
        """Decay, then step; both are added to their sums."""
        update = self.update[:, part]
        self.decayed[:, part].addcmul_(theta, lost)
        theta.mul_(keep).sub_(update)
        self.learned[:, part].sub_(update)
