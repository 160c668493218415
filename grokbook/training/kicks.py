"""Kicks along the commutator of two gradient steps, and their shams.

    θ ← θ + f ‖ηg_A‖ z / ‖z‖,   z = δ − BBᵀδ

δ is computed in float64 by differences of gradients; `kick_published` takes the difference of
float32 weights instead, whose direction is mostly rounding.  A sham has the same norm and the same
energy in every parameter, in a random direction: what the published one has, a norm of its own,
would tell the size of a kick and not its direction.  Source: 2602.16746 sections 4.10 and 7 (S7).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grokbook.config import RunConfig
from grokbook.geometry.commutator import Commutator, commutator
from grokbook.geometry.loss import Loss
from grokbook.models.layout import Layout
from grokbook.tasks.modular import Table

FIXED = 1.5e-3
"""Norm of the published sham at strength 1."""
_KICKS = 15_485_863
"""Keeps the random numbers of kicks apart from those of batches and noise of the same seed."""
_LEAST = 1e-300
"""Stands for a product of norms that is 0, where every δ is 0 as well."""


def kick(
    config: RunConfig, table: Table, theta: Tensor, step: int, basis: np.ndarray | None
) -> np.ndarray:
    """What a kick adds to the weights after an update.

    It depends on the weights, the run's batch seed and the step alone: the run's own stream of
    batches is not touched, and a resumed run is kicked alike.  Where there is no direction,
    because δ vanishes (as the published one does once ‖ηg‖ is small) or something is no number, it
    adds nothing.  Costs 4 gradients a pair of batches on the CPU.

    Args:
        config: of the run; its intervention is a kick.
        table: of the run.
        theta: (P,) weights after the update.
        step: updates made.
        basis: (P, K) orthonormal columns that the kick is orthogonal to, or None.

    Returns:
        (P,) float32.
    """
    change, size = config.intervention, len(theta)
    generator = np.random.default_rng([config.batch_seed, _KICKS, step])
    if change.transform == "kick_fixed":
        return _scaled(_outside(generator.standard_normal(size), basis), FIXED * change.strength)
    found = _median(config, table, theta, step, generator)
    if found is None:
        return np.zeros(size, dtype=np.float32)
    direction = _outside(_delta(found, config).numpy(), basis)
    if change.transform == "kick_sham":
        direction = _outside(_shuffled(direction, Layout.of(config), generator), basis)
    scale = change.strength * found.eta * float(found.first.double().norm())
    return _scaled(direction, scale)


def _median(
    config: RunConfig, table: Table, theta: Tensor, step: int, generator: np.random.Generator
) -> Commutator | None:
    """The commutator of the pair of fresh batches that has the median defect."""
    change, layout = config.intervention, Layout.of(config)
    rate = config.value_at("learning_rate", step - 1)
    kind = torch.float32 if change.transform == "kick_published" else torch.float64
    shape = (change.pairs, 2, config.batch_size)
    drawn = table.train[generator.integers(0, len(table.train), shape)]
    found = []
    # Training runs in inference mode, where nothing can be differentiated.
    with torch.inference_mode(False), torch.enable_grad():
        at = theta.detach().cpu().to(kind).clone()
        for pair in drawn:
            first, second = (Loss.on(layout, table, indices).gradient for indices in pair)
            try:
                found.append(commutator(first, second, at, eta=rate))
            except ValueError:  # no number: the run is diverging, which its evaluation will say
                return None
    defects = [_delta(each, config).norm().item() / max(each.scale, _LEAST) for each in found]
    return found[int(np.argsort(defects)[len(defects) // 2])]


def _delta(found: Commutator, config: RunConfig) -> Tensor:
    """δ by the protocol of the transform, (P,) float64."""
    published = config.intervention.transform == "kick_published"
    return (found.stored if published else found.delta).double()


def _outside(vector: np.ndarray, basis: np.ndarray | None) -> np.ndarray:
    """The part that is orthogonal to the basis."""
    if basis is None:
        return vector
    wide = basis.astype(np.float64)
    return vector - wide @ (wide.T @ vector)


def _shuffled(vector: np.ndarray, layout: Layout, generator: np.random.Generator) -> np.ndarray:
    """A random direction with the vector's norm in every parameter."""
    drawn = generator.standard_normal(len(vector))
    for part in layout.parts.values():
        drawn[part] *= np.linalg.norm(vector[part]) / np.linalg.norm(drawn[part])
    return drawn


def _scaled(vector: np.ndarray, norm: float) -> np.ndarray:
    length = np.linalg.norm(vector)
    return (vector * (norm / length if length > 0 else 0.0)).astype(np.float32)
