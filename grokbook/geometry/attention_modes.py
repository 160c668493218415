"""What attention does: its entropy, its distance from plain counting, and why it may be uniform.

    H(row) = −Σ_s a_s ln a_s;   row t of a causal layer has at most ln(t + 1) nats

A uniform row counts: its output is the mean of the values so far.  It is also what vanishing W_Q
and W_K give, whatever a network has learned: logits ⟨q_t, k_s⟩/√d of variance near 0.  So logit
variance and ‖W_Q‖‖W_K‖ stand beside the entropy.  Source: 2604.07380 section 4.12, claims SE-36,
SE-37, weakness O.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Entropies:
    """Entropies of attention rows.

    Attributes:
        each: (layers, heads) means over strings and rows that count, nats.
        most: mean over those rows of ln(t + 1), what uniform causal attention has.
        rows: that count, over all strings.
        residual: largest |Σ_s a_s − 1| of a row that counts.
    """

    each: np.ndarray
    most: float
    rows: int
    residual: float

    @property
    def mean(self) -> float:
        """Over layers and heads."""
        return float(self.each.mean())


@dataclass(frozen=True, eq=False)
class Modes:
    """What the mean rows of attention look like, each (layers, heads).

    Attributes:
        counting: KL(mean row t ‖ uniform over t + 1), mean over rows t ≥ 1, nats.
        local: mean weight of a row on its own position.
        recent: on its last three positions, its own among them.
    """

    counting: np.ndarray
    local: np.ndarray
    recent: np.ndarray


@dataclass(frozen=True, eq=False)
class Scores:
    """Why attention is uniform or not, each (layers, heads).

    Attributes:
        variance: of a row's logits over the positions it sees, mean over rows with two or more.
        product: ‖W_Q,h‖_F ‖W_K,h‖_F of the head's rows.
        operator: ‖W_Q,hᵀ W_K,h‖₂ / √d_h: for unit inputs the part of a logit that both sides make,
            without biases, is no larger.
    """

    variance: np.ndarray
    product: np.ndarray
    operator: np.ndarray


def entropies(attention: Tensor, rows: Tensor | None = None) -> Entropies:
    """Entropy of every head.

    Args:
        attention: (layers, N, heads, T, T) probabilities, queries before keys, causal.
        rows: (N, T) bool, queries that count, such as those of tokens; by default all, padding
            included, as published, where the most is ln(T!)/T.

    Raises:
        ValueError: for other shapes, no rows, or what is no probability.
    """
    layers, strings, heads, length = _shape(attention)
    wide = attention.double()
    if not bool((wide >= 0).all()):
        raise ValueError("attention must be probabilities, not negative or NaN")
    counts = torch.ones(strings, length, dtype=torch.bool) if rows is None else rows
    _require(counts, strings, length)
    each = -torch.xlogy(wide, wide).sum(-1)  # (layers, N, heads, T)
    chosen = each.permute(0, 2, 1, 3)[:, :, counts]
    sums = wide.sum(-1).permute(0, 2, 1, 3)[:, :, counts]
    most = (counts * torch.arange(1, length + 1).double().log()).sum() / counts.sum()
    return Entropies(
        chosen.mean(-1).numpy(),
        float(most),
        int(counts.sum()),
        float((sums - 1).abs().max()),
    )


def modes(attention: Tensor, rows: Tensor | None = None) -> Modes:
    """Counting, local and recent weight of every head, on its mean rows.

    Args:
        attention: as for `entropies`.
        rows: likewise; the mean row t is over the strings whose row t counts, and rows that no
            string has are left out.

    Raises:
        ValueError: as `entropies`, or if only the first row counts.
    """
    _, strings, _, length = _shape(attention)
    counts = torch.ones(strings, length, dtype=torch.bool) if rows is None else rows
    _require(counts, strings, length)
    weights = counts.double()
    total = weights.sum(0)
    mean = torch.einsum("lnhts,nt->lhts", attention.double(), weights) / total.clamp(min=1)[:, None]
    there = total > 0
    later = there.clone()
    later[0] = False
    if not bool(later.any()):
        raise ValueError("counting needs a row that sees two positions")
    sees = torch.arange(1, length + 1).double()
    divergence = torch.xlogy(mean, mean).sum(-1) + mean.sum(-1) * sees.log()
    local = torch.diagonal(mean, dim1=-2, dim2=-1)
    apart = torch.arange(length)[:, None] - torch.arange(length)
    recent = (mean * ((apart >= 0) & (apart < 3))).sum(-1)
    return Modes(
        divergence[..., later].mean(-1).numpy(),
        local[..., there].mean(-1).numpy(),
        recent[..., there].mean(-1).numpy(),
    )


def scores(
    logits: Tensor, w_q: Tensor, w_k: Tensor, heads: int, rows: Tensor | None = None
) -> Scores:
    """Logit variance and sizes of W_Q, W_K, by head.

    Args:
        logits: (layers, N, heads, T, T) ⟨q, k⟩/√d_h before the mask.
        w_q: (layers, d, d) W_Q, a row an output.
        w_k: (layers, d, d) W_K.
        heads: of each layer.
        rows: (N, T) bool, queries that count.

    Raises:
        ValueError: for shapes that do not fit, or no row that sees two positions.
    """
    layers, strings, found, length = _shape(logits)
    if w_q.shape != w_k.shape or w_q.shape[0] != layers or found != heads or w_q.shape[1] % heads:
        raise ValueError(f"W_Q {tuple(w_q.shape)} does not have {heads} heads in {layers} layers")
    counts = torch.ones(strings, length, dtype=torch.bool) if rows is None else rows.clone()
    _require(counts, strings, length)
    counts[:, 0] = False
    if not bool(counts.any()):
        raise ValueError("a variance needs a row that sees two positions")
    seen = torch.ones(length, length, dtype=torch.float64).tril()
    sees = seen.sum(-1)
    wide = logits.double()
    mean = (wide * seen).sum(-1) / sees
    variance = (((wide - mean[..., None]) ** 2) * seen).sum(-1) / sees
    each = w_q.shape[1] // heads
    q, k = (w.double().reshape(layers, heads, each, -1) for w in (w_q, w_k))
    operator = torch.linalg.matrix_norm(q.transpose(-1, -2) @ k, ord=2) / math.sqrt(each)
    return Scores(
        variance.permute(0, 2, 1, 3)[:, :, counts].mean(-1).numpy(),
        (q.flatten(2).norm(dim=-1) * k.flatten(2).norm(dim=-1)).numpy(),
        operator.numpy(),
    )


def _shape(attention: Tensor) -> tuple[int, int, int, int]:
    if attention.dim() != 5 or attention.shape[-1] != attention.shape[-2]:
        raise ValueError(
            f"attention must be (layers, N, heads, T, T), not {tuple(attention.shape)}"
        )
    layers, strings, heads, length, _ = attention.shape
    return layers, strings, heads, length


def _require(rows: Tensor, strings: int, length: int) -> None:
    if rows.shape != (strings, length) or rows.dtype != torch.bool or not bool(rows.any()):
        raise ValueError(f"rows must be bool ({strings}, {length}), some true, not {rows.dtype}")
