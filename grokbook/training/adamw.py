"""AdamW and gradient clipping on a flat (M, P) buffer, each model with its own settings.

    g ← g · min(1, c / (‖g‖ + 1e-6))
    θ ← (1 − ηλ) θ
    m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
    θ ← θ − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

The norm is taken over one model's parameters, so models on the axis never touch each other;
stock `torch.optim.AdamW` and `clip_grad_norm_` would couple them.  Source: Loshchilov and Hutter
(decoupled decay); settings 2602.18523 section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook.config import RunConfig


class AdamW:
    """Optimiser state of M models.

    Attributes:
        mean: (M, P) first moment m.
        square: (M, P) second moment v.
        steps: updates made so far.
    """

    def __init__(self, configs: Sequence[RunConfig], size: int, *, dtype: torch.dtype,
                 device: str = "cpu") -> None:
        def column(name: str) -> Tensor:
            values = [[getattr(config, name)] for config in configs]
            return torch.tensor(values, dtype=torch.float64)

        first = configs[0]
        if any((c.beta1, c.beta2, c.epsilon) != (first.beta1, first.beta2, first.epsilon)
               for c in configs):
            raise ValueError("models of one ensemble share β₁, β₂ and ε")
        self.beta1, self.beta2, self.epsilon = first.beta1, first.beta2, first.epsilon
        rate = column("learning_rate")
        # Products in float64, rounded once: as the plain optimiser's Python scalars are.
        self._keep = (1 - rate * column("weight_decay")).to(device, dtype)
        self._rate = rate.to(device)
        self._clip = column("clip_norm").to(device, dtype)
        self.mean = torch.zeros(len(configs), size, dtype=dtype, device=device)
        self.square = torch.zeros_like(self.mean)
        self._scratch = torch.empty_like(self.mean)
        self.steps = 0

    @torch.no_grad()
    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """Update θ in place; the gradient is clipped in place.

        Returns:
            (M, 1) gradient norms before clipping.
        """
        norm = gradient.norm(dim=1, keepdim=True)
        gradient.mul_((self._clip / (norm + 1e-6)).clamp_(max=1.0))
        self.steps += 1
        theta.mul_(self._keep)
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        denominator = torch.sqrt(self.square, out=self._scratch)
        denominator.div_((1 - self.beta2**self.steps) ** 0.5).add_(self.epsilon)
        size = (self._rate / (1 - self.beta1**self.steps)).to(theta.dtype)
        theta.sub_(torch.div(self.mean, denominator, out=denominator).mul_(size))
        return norm
