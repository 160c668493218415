"""Does stability times gradients say what removing a direction costs?

    predicted_j = |α_j ⟨v_j, ∇L_train⟩⟨v_j, ∇L_val⟩|
    measured_j  = |L_val(θ − ⟨θ, v_j⟩v_j) − L_val(θ)|

Published for two directions, where a rank correlation says nothing; α_j needs both halves of a
window to have j directions, hence ten updates for five.  Beside the prediction stand plainer ones:
without α, the first order of the removal itself, |⟨θ, v_j⟩⟨v_j, ∇L_val⟩|, and how much of θ is
taken, |⟨θ, v_j⟩|.  Source: 2604.07380 section 4.15 (Test 8 of 2603.28964), claim SE-47.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from grokbook.geometry.edge_ablation import ablate
from grokbook.geometry.operators import Hessian

LEAST = 5
"""Directions that a rank correlation needs."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Decomposition:
    """Predicted and measured importance of directions, each (k,).

    Attributes:
        stability: α_j.
        by_train, by_val: ⟨v_j, ∇L⟩ of either loss, nats by the weights' unit, sign included.
        along: ⟨θ, v_j⟩, the weights' unit.
        change: L_val after the removal less before, nats.
        floor: rounding of ``change`` to be expected, 4 ε |L| in the precision of θ.
    """

    stability: np.ndarray
    by_train: np.ndarray
    by_val: np.ndarray
    along: np.ndarray
    change: np.ndarray
    floor: float

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        """(k,) sizes by name; ``"published"`` is the claim's."""
        return {
            "published": np.abs(self.stability * self.by_train * self.by_val),
            "without stability": np.abs(self.by_train * self.by_val),
            "first order": np.abs(self.along * self.by_val),
            "removed norm": np.abs(self.along),
        }

    def spearman(self, name: str = "published") -> float:
        """Rank correlation of a prediction with |change|; NaN of fewer than `LEAST` directions.

        Directions of one run are no sample: runs are, and so there is no p-value.
        """
        return self._correlation(stats.spearmanr, name)

    def pearson(self, name: str = "published") -> float:
        """Linear correlation, likewise."""
        return self._correlation(stats.pearsonr, name)

    def _correlation(self, law: Callable, name: str) -> float:
        predicted, measured = self.predictions[name], np.abs(self.change)
        if len(measured) < LEAST or not np.ptp(predicted) > 0 or not np.ptp(measured) > 0:
            return float("nan")
        return float(law(predicted, measured).statistic)


def decomposition(
    train: Callable[[Tensor], Tensor],
    val: Callable[[Tensor], Tensor],
    theta: Tensor,
    directions: np.ndarray,
    stability: np.ndarray,
) -> Decomposition:
    """Importances of some directions; a gradient of either loss, and a forward pass a direction.

    Args:
        train: θ ↦ the loss on the training set, a scalar.
        val: θ ↦ the loss that a removal is judged by.
        theta: (P,) θ, in the precision in which all is computed.
        directions: (k, P) orthonormal v_1 … v_k.
        stability: (k,) α_j, cosines of `grokbook.geometry.spectral_edge.halves`.

    Raises:
        ValueError: for shapes that do not match, or a loss that is no finite scalar.
    """
    if np.shape(stability) != (len(directions),):
        raise ValueError(f"{len(directions)} directions need as many α, not {np.shape(stability)}")
    slopes = [Hessian.of(loss, theta).gradient.double().numpy() for loss in (train, val)]
    with torch.no_grad():
        here = float(val(theta))
        change = [float(val(ablate(theta, v[None]).theta)) - here for v in directions]
    return Decomposition(
        np.asarray(stability, dtype=np.float64),
        directions @ slopes[0],
        directions @ slopes[1],
        directions @ theta.double().numpy(),
        np.array(change),
        4 * torch.finfo(theta.dtype).eps * abs(here),
    )
