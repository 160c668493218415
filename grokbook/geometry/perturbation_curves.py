"""What a network does along one direction, from a touch to the full removal of it.

    θ(ε) = θ + ε v, v with ⟨θ, v⟩ ≥ 0:   ε = −⟨θ, v⟩ takes v out of θ,   ε = ±σ is one window's move

Published are a curve over |ε| ≤ 0.03, on which nothing happens, and an ablation, which destroys:
two points of one curve.  Here the whole of it is swept.  A model comes as `Network`: functions of
θ.  Source: 2604.07380 section 4.3, weakness E.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.attention_modes import entropies
from grokbook.geometry.operators import unit_vector

STEP = 0.0025
"""ε of the published central second difference."""
PUBLISHED_GRID = np.arange(-12, 13) * STEP
"""ε of the published curves, in the weights' unit."""


@dataclass(frozen=True, eq=False)
class Network:
    """A model on fixed examples, as functions of the vector θ that is perturbed.

    Attributes:
        logits: θ ↦ (n, C), a row a prediction that counts; padding left out.
        labels: (n,) int64.
        weights: (n,) how often each prediction counts; once each by default.
        attention: θ ↦ (layers, N, heads, T, T) probabilities, if they are to be followed.
        rows: (N, T) bool, queries whose entropy counts; all by default, padding included, as
            published.
        also: name ↦ a function of θ that is to be followed, such as ‖[W_Q, W_K]‖.
    """

    logits: Callable[[Tensor], Tensor]
    labels: Tensor
    weights: Tensor | None = None
    attention: Callable[[Tensor], Tensor] | None = None
    rows: Tensor | None = None
    also: Mapping[str, Callable[[Tensor], float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Curve:
    """A network along a direction.

    Attributes:
        sizes: (m,) ε, ascending, in the weights' unit, 0 among them.
        loss: (m,) mean cross-entropy, nats.
        accuracy: (m,) share of predictions that are right.
        divergence: (m,) KL(base ‖ perturbed), mean over predictions, nats.
        entropy: (m,) mean entropy of attention, nats; NaN without one.
        also: (m,) of each function of `Network.also`.
        removal: ε that takes the direction out, −⟨θ, v⟩ ≤ 0.
        floor: rounding of ``loss`` and ``divergence`` to be expected, 4 ε (1 + |loss|) with the
            machine's ε of θ's precision: ask float64 where it counts.
    """

    sizes: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    divergence: np.ndarray
    entropy: np.ndarray
    also: dict[str, np.ndarray]
    removal: float
    floor: float

    def at(self, size: float) -> int:
        """The place of an ε that was swept.

        Raises:
            ValueError: if it was not.
        """
        place = int(np.abs(self.sizes - size).argmin())
        if not np.isclose(self.sizes[place], size, rtol=1e-9, atol=0):
            raise ValueError(f"ε = {size:g} was not swept")
        return place


def oriented(theta: Tensor, direction: np.ndarray) -> tuple[Tensor, float]:
    """The unit vector v (P,) in float64 with ⟨θ, v⟩ ≥ 0, and ⟨θ, v⟩.

    Raises:
        ValueError: for a direction of another size, or of length 0.
    """
    unit = unit_vector(direction, len(theta))
    along = float(unit @ theta.double())
    return (unit, along) if along >= 0 else (-unit, -along)


def sizes(sigma: float, along: float, *, count: int = 24, smallest: float = 1e-3) -> np.ndarray:
    """ε on a log grid on both sides of 0, with 0, ±σ and the removal −⟨θ, v⟩ themselves.

    Args:
        sigma: σ_k, what a window moved along the direction.
        along: ⟨θ, v⟩ ≥ 0.
        count: of the grid on either side, before those are added.
        smallest: |ε| where it starts.

    Raises:
        ValueError: for negative numbers, or a grid that would not reach beyond its start.

    >>> sizes(1.0, 10.0, count=3, smallest=0.1).tolist()
    [-10.0, -1.0, -0.1, 0.0, 0.1, 1.0, 10.0]
    """
    if min(sigma, along) < 0 or smallest <= 0 or count < 2:
        raise ValueError(f"σ {sigma:g}, ⟨θ, v⟩ {along:g} and {count} ε make no grid")
    far = max(sigma, along)
    if not far > smallest:
        raise ValueError(f"a grid up to {far:g} does not reach beyond {smallest:g}")
    side = np.geomspace(smallest, far, count)
    side[-1] = far  # not off by a last bit
    found = np.concatenate([-side, [0.0, -sigma, sigma, -along], side])
    apart = np.unique(found)
    # ±σ and the removal win over grid points that differ from them by rounding alone.
    exact = [0.0, -sigma, sigma, -along]
    close = np.isclose(apart[:, None], exact, rtol=1e-9, atol=0).any(axis=1)
    keep = ~close | np.isin(apart, exact)
    return apart[keep] + 0.0


def sweep(network: Network, theta: Tensor, direction: np.ndarray, at: np.ndarray) -> Curve:
    """The curve at some ε; one forward pass each, and one for the base.

    Args:
        network: the model.
        theta: (P,) θ; everything is computed in its precision, sums in float64.
        direction: (P,); its length and sign do not count, see `oriented`.
        at: (m,) ε, ascending.

    Raises:
        ValueError: for ε that do not ascend, or logits that do not fit the labels.
    """
    at = np.asarray(at, dtype=np.float64)
    if at.ndim != 1 or not len(at) or (np.diff(at) <= 0).any():
        raise ValueError(f"ε must ascend, not {at!r}")
    unit, along = oriented(theta, direction)
    with torch.no_grad():
        base = _logs(network, theta)
        rows = [
            _outcome(network, (theta.double() + float(size) * unit).to(theta.dtype), base)
            for size in at
        ]
    loss, accuracy, divergence, entropy, *others = np.array(rows).T
    also = dict(zip(network.also, others, strict=True))
    floor = 4 * torch.finfo(theta.dtype).eps * (1 + float(np.abs(loss).max()))
    return Curve(at, loss, accuracy, divergence, entropy, also, -along, floor)


def published_curvature(curve: Curve) -> float:
    """The published curvature: the central second difference of the loss with ε = 0.0025.

    Raises:
        ValueError: if the curve lacks the three points.
    """
    behind, here, ahead = (curve.loss[curve.at(size)] for size in (-STEP, 0.0, STEP))
    return float((ahead - 2 * here + behind) / STEP**2)


def _logs(network: Network, theta: Tensor) -> Tensor:
    logits = network.logits(theta)
    if logits.dim() != 2 or len(logits) != len(network.labels):
        raise ValueError(
            f"logits {tuple(logits.shape)} do not go with {len(network.labels)} labels"
        )
    if network.weights is not None and network.weights.shape != network.labels.shape:
        raise ValueError(f"{len(network.labels)} labels need as many weights")
    return logits.double().log_softmax(-1)


def _outcome(network: Network, theta: Tensor, base: Tensor) -> tuple[float, ...]:
    logs = _logs(network, theta)
    weights = torch.ones(len(logs)) if network.weights is None else network.weights
    weights = weights.double() / weights.sum()
    loss = -weights @ logs.gather(1, network.labels[:, None])[:, 0]
    right = weights @ (logs.argmax(-1) == network.labels).double()
    divergence = weights @ (base.exp() * (base - logs)).sum(-1)
    entropy = float("nan")
    if network.attention is not None:
        entropy = entropies(network.attention(theta), network.rows).mean
    also = [float(function(theta)) for function in network.also.values()]
    return float(loss), float(right), float(divergence), entropy, *also
