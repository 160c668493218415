"""Linear maps of ℝᴾ that are known by their products alone: what they must have, and Hessians.

A Hessian is never formed: its product with v is the derivative of ⟨∇L, v⟩, one backward pass
through the graph of the gradient, which is built once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class LinearMap(Protocol):
    """A linear map on ℝᴾ."""

    def __matmul__(self, vector: Tensor) -> Tensor:
        """The product with a vector (P,)."""


class Operator(LinearMap, Protocol):
    """A symmetric linear map on ℝᴾ.

    Attributes:
        size: P.
        dtype: of its products, ``torch.float32`` or ``torch.float64``.
    """

    size: int
    dtype: torch.dtype


class Counted:
    """An operator that counts its products, and refuses what is not finite.

    Attributes:
        operator: that makes them.
        products: so many up to now.
    """

    def __init__(self, operator: Operator) -> None:
        self.operator, self.products = operator, 0

    def __matmul__(self, vector: Tensor) -> Tensor:
        """The product with a vector (P,).

        Raises:
            ValueError: if it is not finite.
        """
        self.products += 1
        image = self.operator @ vector
        if not torch.isfinite(image).all():
            raise ValueError(f"product {self.products} with the operator is not finite")
        return image


class Hessian:
    """The Hessian of a scalar by some tensors, which laid end to end are θ, as an operator.

    Attributes:
        size: P.
        dtype: of θ.
    """

    def __init__(self, value: Tensor, leaves: Sequence[Tensor]) -> None:
        """The gradient's graph is built here, once; a product costs one backward pass through it.

        Args:
            value: L, a scalar that can be differentiated twice.
            leaves: it was computed from, in θ's order, in one precision.
        """
        self._leaves = list(leaves)
        self._slopes = torch.autograd.grad(value, self._leaves, create_graph=True)
        self.size, self.dtype = sum(leaf.numel() for leaf in leaves), self._slopes[0].dtype

    @classmethod
    def of(cls, loss: Callable[[Tensor], Tensor], theta: Tensor) -> Hessian:
        """The Hessian of any function of θ.

        Args:
            loss: θ (P,) ↦ a scalar that can be differentiated twice.
            theta: (P,) where.

        Raises:
            ValueError: if the loss is no scalar, or is not finite.

        >>> found = Hessian.of(lambda x: 2 * x[0] ** 2 + x[1], torch.tensor([1.0, 5.0]))
        >>> found.gradient.tolist(), (found @ torch.tensor([1.0, 1.0])).tolist()
        ([4.0, 1.0], [4.0, 0.0])
        """
        at = theta.detach().clone().requires_grad_()
        value = loss(at)
        if value.dim() or not torch.isfinite(value):
            raise ValueError(f"a Hessian needs a finite scalar, not {value}")
        return cls(value, [at])

    @property
    def gradient(self) -> Tensor:
        """∇L, (P,)."""
        return flat(self._slopes)

    def __matmul__(self, vector: Tensor) -> Tensor:
        """∇²L v for v (P,)."""
        parts = vector.to(self.dtype).split([leaf.numel() for leaf in self._leaves])
        bent = [
            (slope, part.view(slope.shape))
            for slope, part in zip(self._slopes, parts, strict=True)
            if slope.requires_grad
        ]
        if not bent:  # L is linear
            return flat([torch.zeros_like(leaf) for leaf in self._leaves])
        slopes, along = zip(*bent, strict=True)
        return flat(
            torch.autograd.grad(
                slopes, self._leaves, along, retain_graph=True, materialize_grads=True
            )
        )


def flat(parts: Sequence[Tensor]) -> Tensor:
    """Tensors end to end as one vector, detached."""
    return torch.cat([part.detach().reshape(-1) for part in parts])


def unit_vector(direction: Tensor | np.ndarray, size: int) -> Tensor:
    """A direction (P,) of any length as a unit vector in float64.

    Raises:
        ValueError: if it has not P entries, or no length.
    """
    if not isinstance(direction, Tensor):
        direction = torch.as_tensor(np.ascontiguousarray(direction))
    vector = direction.double()
    length = float(vector.norm())
    if vector.shape != (size,) or not 0 < length < math.inf:
        raise ValueError(
            f"a direction needs ({size},) finite entries that are not all 0, "
            f"not {tuple(vector.shape)} of norm {length}"
        )
    return vector / length
