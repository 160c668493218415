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
        decayed, learned: (M, P) float64, what weight decay and what the Adam step have moved θ
            by since step 0, or None if they are not followed.  Sums from the start, so that the
            displacement over any interval is a difference, whatever snapshots lie between.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        size: int,
        *,
        dtype: torch.dtype,
        device: str = "cpu",
        displacements: bool = False,
    ) -> None:
        def column(name: str) -> Tensor:
            values = [[getattr(config, name)] for config in configs]
            return torch.tensor(values, dtype=torch.float64)

        first = configs[0]
        if any(
            (c.beta1, c.beta2, c.epsilon) != (first.beta1, first.beta2, first.epsilon)
            for c in configs
        ):
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
        self.decayed = self.learned = None
        if displacements:
            self.decayed = torch.zeros(len(configs), size, dtype=torch.float64, device=device)
            self.learned = torch.zeros_like(self.decayed)

    @torch.no_grad()
    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """Update θ in place; the gradient is clipped in place.

        Returns:
            (M, 1) gradient norms before clipping.
        """
        norm = gradient.norm(dim=1, keepdim=True)
        gradient.mul_((self._clip / (norm + 1e-6)).clamp_(max=1.0))
        self.steps += 1
        if self.decayed is not None:
            self.decayed.sub_(theta)
        theta.mul_(self._keep)
        if self.decayed is not None:
            self.decayed.add_(theta)
            self.learned.sub_(theta)
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        denominator = torch.sqrt(self.square, out=self._scratch)
        denominator.div_((1 - self.beta2**self.steps) ** 0.5).add_(self.epsilon)
        size = (self._rate / (1 - self.beta1**self.steps)).to(theta.dtype)
        theta.sub_(torch.div(self.mean, denominator, out=denominator).mul_(size))
        if self.learned is not None:
            self.learned.add_(theta)
        return norm
