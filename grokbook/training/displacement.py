"""What moved the weights: exact displacement by weight decay and by the Adam steps.

Over any interval Δθ = Σ (−ηλ θ) + Σ (−u), the first sum over what decay takes away before each
update, the second over the Adam steps, which include what an intervention adds.  Both are summed
during training, independently, and their sum is compared with Δθ at every evaluation.
Source: 2604.07380, where the paper uses a trapezoid instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook.models.layout import Layout
from grokbook.training.adamw import AdamW

TOLERANCE = 1e-5
"""Largest ‖Δθ − Σ‖ against ‖θ‖ + ‖Σ decay‖ + ‖Σ steps‖: float32 rounding of some hundred sums."""


class DisplacementError(ArithmeticError):
    """The two displacements do not add up to the movement of the weights.

    Attributes:
        slots: whose; nothing was closed or set to zero.
    """

    def __init__(self, message: str, slots: Sequence[int]) -> None:
        super().__init__(message)
        self.slots = tuple(slots)


class Displacement:
    """Displacements of M models since their last evaluation, and in all.

    Attributes:
        before: (M, P) θ at the last evaluation.
        decayed: (M, A) float64, what decay has moved the attention matrices by since step 0.
    """

    def __init__(self, layout: Layout, theta: Tensor, adam: AdamW) -> None:
        self._layout, self._theta, self._adam = layout, theta, adam
        self.before = theta.clone()
        self.decayed = theta.new_zeros(len(theta), layout.attention_size, dtype=torch.float64)

    def reset(self, slot: int) -> None:
        """Begin at the slot's present weights."""
        self.before[slot] = self._theta[slot]
        for sums in (self._adam.by_decay, self._adam.by_steps, self.decayed):
            sums[slot] = 0

    def fold(self, slots: Sequence[int]) -> dict[str, Tensor]:
        """Close the interval of some slots.

        Returns:
            For those slots, in float64: ``decay_displacement`` and ``learned_displacement``, the
            norms of the two sums, and ``displacement_product``, their inner product, so that
            ‖Δθ‖² = decay² + learned² + 2 · product.

        Raises:
            DisplacementError: if the sums and Δθ differ by more than float32 rounding can.
        """
        at = torch.tensor(list(slots), device=self._theta.device)
        decay, learned = (sums[at].double() for sums in (self._adam.by_decay, self._adam.by_steps))
        moved = self._theta[at].double() - self.before[at].double()
        norm = torch.linalg.vector_norm
        facts = {
            "decay_displacement": norm(decay, dim=1),
            "learned_displacement": norm(learned, dim=1),
            "displacement_product": (decay * learned).sum(1),
        }
        wrong = norm(moved - decay - learned, dim=1)
        size = facts["decay_displacement"] + facts["learned_displacement"]
        size += norm(self._theta[at].double(), dim=1)
        # A model that has diverged compares as False here, and is reported as diverged elsewhere.
        bad = (wrong > TOLERANCE * size).tolist()
        if any(bad):
            raise DisplacementError(
                f"decay and Adam steps do not add up to the movement of the weights: off by "
                f"{float((wrong / size).max()):.1e} of their size",
                [slot for slot, is_bad in zip(slots, bad, strict=True) if is_bad],
            )
        self.decayed[at] += self._layout.attention(decay)
        self.before[at] = self._theta[at]
        for sums in (self._adam.by_decay, self._adam.by_steps):
            sums[at] = 0
        return {name: value.cpu() for name, value in facts.items()}
