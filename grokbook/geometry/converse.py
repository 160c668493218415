"""The converse of integrability: does the weights' movement point along commutators?

Source: 2602.16746 section 4.7, with K = 12.  It compares the projection with √(K/P), which is the
root of the mean square that chance gives, and not its mean: for K = 5 chance reads 0.952 then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook.geometry.commutator import cosine, norm, ratio
from grokbook.geometry.nulls import whole


@dataclass(frozen=True)
class Converse:
    """A displacement Δθ against K commutator vectors in ℝᴾ.

    Attributes:
        cosine: mean |cos(Δθ, δ_k)| over the vectors that do not vanish; NaN if all do.
        cosine_null: √(2/(πP)), its expectation for a random direction.
        cosine_sd: √((1 − 2/π)/(KP)), its standard deviation there, for orthogonal δ_k.
        projection: ‖QQᵀΔθ‖ / ‖Δθ‖, Q an orthonormal basis of the span of the δ_k.
        projection_null: its exact mean for a random direction, see `grokbook.geometry.nulls.whole`.
        projection_sd: its exact standard deviation there.
        projection_rms: √(K/P), its root mean square there, the published null.
        count: K, of vectors that do not vanish.
    """

    cosine: float
    cosine_null: float
    cosine_sd: float
    projection: float
    projection_null: float
    projection_sd: float
    projection_rms: float
    count: int

    @property
    def cosine_ratio(self) -> float:
        """The published number: ``cosine`` in units of its null; 1 for a random direction."""
        return self.cosine / self.cosine_null


def converse(displacement: Tensor, vectors: Sequence[Tensor]) -> Converse:
    """Compare a displacement with commutator vectors.

    Args:
        displacement: Δθ, (P,).
        vectors: δ_k, each (P,); those that rounding made 0 are left out.

    Raises:
        ValueError: without vectors, for another shape, or if Δθ = 0.

    >>> plane = [torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 1, 0, 0])]
    >>> converse(torch.tensor([0.0, 3, 4, 0]), plane).projection
    0.6
    """
    size = len(displacement)
    if not len(vectors):
        raise ValueError("a converse needs commutator vectors, and there are none")
    for vector in vectors:
        if vector.shape != displacement.shape:
            raise ValueError(f"δ has shape {tuple(vector.shape)}, Δθ {tuple(displacement.shape)}")
    if not norm(displacement) > 0:
        raise ValueError("Δθ is 0 or not a number: nothing has moved")
    alive = [vector.double() / norm(vector) for vector in vectors if norm(vector) > 0]
    count = len(alive)
    projection, chance, sd = math.nan, math.nan, math.nan
    if alive:
        basis = torch.linalg.qr(torch.stack(alive, dim=1)).Q
        projection = norm(basis.T @ displacement.double()) / norm(displacement)
        null = whole(size, min(count, size))
        chance, sd = null.mean, null.sd
    return Converse(
        cosine=ratio(sum(abs(cosine(displacement, vector)) for vector in alive), count),
        cosine_null=math.sqrt(2 / (math.pi * size)),
        cosine_sd=math.sqrt((1 - 2 / math.pi) / (count * size)) if alive else math.nan,
        projection=projection,
        projection_null=chance,
        projection_sd=sd,
        projection_rms=math.sqrt(count / size),
        count=count,
    )
