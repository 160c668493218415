"""From a layer's input to what its attention works on, and back.

With two positions, attention needs v₀ and the differences k₁ − k₀ and v₁ − v₀.  Layers after the
first multiply n₁ − n₀ by W_K and W_V at once, half as many rows for the keys; and the last, which
is read at position 0 alone, multiplies n₀ by W_Q and W_V at once.  The key bias cancels; its
gradient is zero exactly, where autograd gives it rounding noise, which Adam would amplify.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.functional import Normed, scatter_rows
from grokbook.models.layers import Layers
from grokbook.models.layout import SEQUENCE, Layout


class Parts(NamedTuple):
    """What attention works on, or its gradients; [M] is there if M > 1."""

    query: Tensor  # ([M], B, Q, d); Q is 1 in the last layer, else 2
    delta_key: Tensor  # ([M], B, d)
    value: Tensor  # ([M], B, d) at position 0
    delta_value: Tensor  # ([M], B, d)


class Entry(NamedTuple):
    """What the way back needs of the way in."""

    rows: Tensor  # ([M], R, d) that the first LayerNorm saw
    normed: Normed


class AttentionInput(ABC):
    """The first LayerNorm of a layer and its queries, keys and values.

    Args:
        layout: of the models.
        layers: theirs.
        number: of the layer, from 0.
    """

    def __init__(self, layout: Layout, layers: Layers, number: int) -> None:
        self.layout, self.layers = layout, layers
        self.last = number == layout.layers - 1
        self.norm = f"encoder.layers.{number}.norm1"
        self.projection = f"encoder.layers.{number}.self_attn.in_proj_"

    @abstractmethod
    def forward(self, hidden: Tensor | None, index: Tensor) -> tuple[Entry, Tensor, Parts]:
        """What is kept, the rows ([M], B·Q, d) that are added after attention, and its input.

        Args:
            hidden: ([M], 2B, d) output of the layer before; None for the first.
            index: ([M], B, 2) rows of the tables.
        """

    @abstractmethod
    def backward(self, kept: Entry, dskip: Tensor, dparts: Parts, index: Tensor) -> Tensor | None:
        """The gradient of ``hidden``; None where the layer has no input but the tables."""


class FromTables(AttentionInput):
    """Of the first layer: on the 2p distinct rows (token at position), then gathered."""

    def forward(self, hidden: None, index: Tensor) -> tuple[Entry, Tensor, Parts]:
        """As of any layer."""
        d, weights = self.layout.width, self.layers.weights
        token, position = weights["token.weight"], weights["position"]
        rows = (token.unsqueeze(-3) + position.unsqueeze(-2)).flatten(-3, -2)
        normed = self.layers.norm(self.norm, rows)
        qkv = self.layers.affine(self.projection, normed.value)
        skip = F.embedding(index[..., :1] if self.last else index, rows.view(-1, d))
        gathered = self.layers.buffer("gathered", (*index.shape, 3 * d), rows)
        torch.index_select(qkv.view(-1, 3 * d), 0, index.view(-1), out=gathered.view(-1, 3 * d))
        query, key, value = gathered.split(d, dim=-1)
        first = value[..., 0, :]
        parts = Parts(
            query[..., :1, :] if self.last else query,
            key[..., 1, :] - key[..., 0, :],
            first,
            value[..., 1, :] - first,
        )
        return Entry(rows, normed), skip.flatten(-3, -2), parts

    def backward(self, kept: Entry, dskip: Tensor, dparts: Parts, index: Tensor) -> None:
        """Into the tables."""
        d, p, gradients = self.layout.width, self.layout.modulus, self.layers.gradients
        dquery, ddelta_key, dvalue, ddelta_value = dparts
        dqkv = self.layers.buffer("dqkv", (*index.shape, 3 * d), dskip)
        asking = dquery.shape[-2]
        dqkv[..., :asking, :d] = dquery
        if asking < SEQUENCE:
            dqkv[..., asking:, :d] = 0
        torch.neg(ddelta_key, out=dqkv[..., 0, d : 2 * d])
        dqkv[..., 1, d : 2 * d] = ddelta_key
        torch.sub(dvalue, ddelta_value, out=dqkv[..., 0, 2 * d :])
        dqkv[..., 1, 2 * d :] = ddelta_value
        dtable = scatter_rows(dqkv, index, p, SEQUENCE)
        drows = scatter_rows(dskip.unflatten(-2, (-1, asking)), index, p, SEQUENCE)
        dnormed = self.layers.affine_backward(self.projection, dtable, kept.normed.value)
        gradients[f"{self.projection}bias"][..., d : 2 * d] = 0
        drows = self.layers.norm_backward(self.norm, dnormed, kept.rows, kept.normed).add_(drows)
        by_position = drows.unflatten(-2, (SEQUENCE, p))
        gradients["token.weight"].copy_(by_position.sum(-3))
        gradients["position"].copy_(by_position.sum(-2))


class FromRows(AttentionInput):
    """Of a later layer: on the rows of the batch."""

    def forward(self, hidden: Tensor, index: Tensor) -> tuple[Entry, Tensor, Parts]:
        """As of any layer."""
        d, route = self.layout.width, self.layers.route
        weight, bias = (self.layers.weights[self.projection + name] for name in ("weight", "bias"))
        normed = self.layers.norm(self.norm, hidden)
        base, step = _base_and_step(normed.value)
        if self.last:
            asked = _without_keys(weight, -2), _without_keys(bias, -1)
            query, value = route.forward(base, *asked).split(d, dim=-1)
        else:
            query = route.forward(normed.value, weight[..., :d, :], bias[..., :d])
            value = route.forward(base, weight[..., 2 * d :, :], bias[..., 2 * d :])
        moved = route.forward(step, weight[..., d:, :])
        delta_key, delta_value = moved.split(d, dim=-1)
        skip = _pairs(hidden)[..., 0, :] if self.last else hidden
        query = query.unflatten(-2, (-1, 1 if self.last else SEQUENCE))
        return Entry(hidden, normed), skip, Parts(query, delta_key, value, delta_value)

    def backward(self, kept: Entry, dskip: Tensor, dparts: Parts, index: Tensor) -> Tensor:
        """([M], 2B, d)."""
        d, route = self.layout.width, self.layers.route
        dquery, ddelta_key, dvalue, ddelta_value = dparts
        weight = self.layers.weights[f"{self.projection}weight"]
        dweight, dbias = (
            self.layers.gradients[self.projection + name] for name in ("weight", "bias")
        )
        normed = kept.normed.value
        base, step = _base_and_step(normed)
        dmoved = torch.cat([ddelta_key, ddelta_value], dim=-1)
        route.weight_gradient(dmoved, step, dweight[..., d:, :])
        dstep = route.input_gradient(dmoved, weight[..., d:, :])
        dquery = dquery.flatten(-3, -2)
        torch.sum(dquery, -2, out=dbias[..., :d])
        dbias[..., d : 2 * d] = 0
        torch.sum(dvalue, -2, out=dbias[..., 2 * d :])
        if self.last:
            dasked = torch.cat([dquery, dvalue], dim=-1)
            dpart = torch.empty_like(weight[..., : 2 * d, :])
            route.weight_gradient(dasked, base, dpart)
            dweight[..., :d, :] = dpart[..., :d, :]
            dweight[..., 2 * d :, :] += dpart[..., d:, :]
            dbase = route.input_gradient(dasked, _without_keys(weight, -2))
        else:
            route.weight_gradient(dquery, normed, dweight[..., :d, :])
            dpart = torch.empty_like(weight[..., :d, :])
            route.weight_gradient(dvalue, base, dpart)
            dweight[..., 2 * d :, :] += dpart
            dbase = route.input_gradient(dvalue, weight[..., 2 * d :, :])
        dnormed = torch.stack([dbase.sub_(dstep), dstep], dim=-2).flatten(-3, -2)
        if not self.last:
            dnormed += route.input_gradient(dquery, weight[..., :d, :])
        dentry = self.layers.norm_backward(self.norm, dnormed, kept.rows, kept.normed)
        if self.last:
            _pairs(dentry)[..., 0, :] += dskip
        else:
            dentry += dskip
        return dentry


def _base_and_step(rows: Tensor) -> tuple[Tensor, Tensor]:
    """n₀ and n₁ − n₀, ([M], B, d) each."""
    pair = _pairs(rows)
    return pair[..., 0, :].contiguous(), pair[..., 1, :] - pair[..., 0, :]


def _pairs(rows: Tensor) -> Tensor:
    """([M], 2B, d) ↦ ([M], B, 2, d)."""
    return rows.unflatten(-2, (-1, SEQUENCE))


def _without_keys(x: Tensor, dim: int) -> Tensor:
    """The query and value parts of a fused QKV weight or bias, side by side."""
    query, _, value = x.chunk(3, dim=dim)
    return torch.cat([query, value], dim=dim)
