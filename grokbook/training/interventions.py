"""Interventions on the gradient, on the update and on the weights.

    x ← outside · x + inside · B Bᵀ x

with an orthonormal basis B of one subspace a model; `grokbook.training.coefficients` has the
factors by transform and step.  Source: orthogonal gradient deletion, 2602.18523 section 8; noise
and penalty, 2602.16746.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from grokbook.config import Config

_NOISE = 7_919
"""Keeps the noise's random numbers apart from those of the batches of the same seed."""


class Subspaces:
    """One subspace of ℝᴾ a model, of at most K dimensions.

    Args:
        bases: (P, k) of each model, or None.
        like: (M, P), of the dtype and device that is wanted.
        parts: of what they are: the ``"gradient"``, the ``"update"`` or both; a projection of what
            nobody changes would be most of a step's memory traffic.

    Attributes:
        basis: (M, P, K) orthonormal columns, or zero columns where a model has fewer.
        parts: as given.
    """

    def __init__(
        self, bases: Sequence[np.ndarray | None], like: Tensor, parts: Collection[str]
    ) -> None:
        dimensions = max(b.shape[1] for b in bases if b is not None)
        self.basis = like.new_zeros(len(bases), like.shape[1], dimensions)
        self.parts = frozenset(parts)
        for model, basis in enumerate(bases):
            self.put(model, basis)

    def put(self, model: int, basis: np.ndarray | None) -> None:
        """Set one model's basis (P, k), or none.

        Raises:
            ValueError: if it has more than K dimensions.
        """
        self.basis[model] = 0
        if basis is not None:
            wide = self.basis.shape[2]
            if basis.shape[1] > wide:
                raise ValueError(f"a basis of {basis.shape[1]} dimensions, and only {wide} fit")
            self.basis[model, :, : basis.shape[1]] = torch.from_numpy(basis).to(self.basis)

    def project(self, x: Tensor) -> Tensor:
        """B Bᵀ x for x (M, P)."""
        inner = torch.bmm(self.basis.transpose(1, 2), x.unsqueeze(2))
        return torch.bmm(self.basis, inner).squeeze(2)

    def change(self, part: str, x: Tensor, outside: Tensor, inside: Tensor) -> None:
        """X ← outside · x + inside · B Bᵀ x in place, if subspaces are of that part.

        Args:
            part: ``"gradient"`` or ``"update"``, what x is.
            x: (M, P).
            outside: (M, 1).
            inside: (M, 1).  With 1 and 0 the bits of finite x stay as they are.
        """
        if part not in self.parts:
            return
        inner = self.project(x).mul_(inside)
        x.mul_(outside).add_(inner)


def noise(config: Config, size: int, step: int, basis: np.ndarray | None) -> np.ndarray:
    """The random vector that the transforms ``noise`` and ``noise_inside`` add after an update.

    Gaussian and isotropic, made orthogonal to the basis if there is one (``noise_inside``:
    projected onto it), then scaled to the intervention's strength.  It depends on the run's batch
    seed and on the step alone, so a resumed run draws the same.

    Args:
        config: of the run.
        size: P.
        step: updates made.
        basis: (P, K) orthonormal columns, or None.

    Returns:
        (P,) float32.
    """
    draw = np.random.default_rng([config.batch_seed, _NOISE, step]).standard_normal(size)
    if basis is not None:
        wide = basis.astype(np.float64)
        inside = wide @ (wide.T @ draw)
        draw = inside if config.intervention.transform == "noise_inside" else draw - inside
    return (draw * (config.intervention.strength / np.linalg.norm(draw))).astype(np.float32)
