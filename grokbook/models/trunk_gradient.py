"""The trunk's loss and gradient, written out: forward, then backward, without autograd.

The same function as `grokbook.models.trunk.logits` with `grokbook.models.trunk.losses`, and equal
to autograd's gradient of it (the tests compare them in float64).  Writing it out saves what
autograd costs a small model, lets every product take its route (`grokbook.models.linear`), writes
gradients straight to one buffer, and can be captured as it is in a CUDA graph.

For M = 1 the model axis is left out: weights and rows are then ordinary matrices, and a step makes
a thousand fewer views.

With two positions, attention needs v₀ and the differences k₁ − k₀ and v₁ − v₀.  Layers after the
first multiply n₁ − n₀ by W_K and W_V at once, half as many rows for the keys; and the last, which
is read at position 0 alone, multiplies n₀ by W_Q and W_V at once.  The key bias cancels; its
gradient is zero exactly, where autograd gives it rounding noise, which Adam would amplify.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.functional import (
    Normed,
    layer_norm_forward,
    pair_mixture,
    pair_mixture_backward,
    scatter_rows,
)
from grokbook.models.layout import SEQUENCE, TrunkLayout
from grokbook.models.linear import Route
from grokbook.models.written_gradient import WrittenGradient


class _Layer(NamedTuple):
    """What a layer's backward pass needs of its forward pass; [M] is there if M > 1."""

    entry: Tensor  # ([M], R, d) the rows that the first LayerNorm saw
    normed: Normed
    query: Tensor  # ([M], B, Q, d); Q is 1 in the last layer, else 2
    delta_key: Tensor  # ([M], B, d)
    delta_value: Tensor  # ([M], B, d)
    share: Tensor  # ([M], B, Q, H) attention on position 1
    mixed: Tensor  # ([M], B·Q, d)
    middle: Tensor  # ([M], B·Q, d) after attention
    second: Normed
    inner: Tensor  # ([M], B·Q, f) before the GELU
    active: Tensor  # ([M], B·Q, f) after it


class TrunkGradient(WrittenGradient):
    """Loss and gradient of M models on given batches.

    Args:
        layout: of the models.
        theta: (M, P) parameters, read in place.
        gradient: (M, P), overwritten by every call.
        route: of the products.
    """

    def __init__(self, layout: TrunkLayout, theta: Tensor, gradient: Tensor, route: Route) -> None:
        super().__init__(layout, theta, gradient, route)
        self._buffers: dict[str, Tensor] = {}
        models = torch.arange(len(theta), device=theta.device)
        # Tables of all models lie end to end, position by position.
        self._first_row = (models * SEQUENCE * layout.modulus).view(-1, 1, 1) + (
            torch.arange(SEQUENCE, device=theta.device) * layout.modulus
        )

    @torch.inference_mode()
    def __call__(self, pairs: Tensor, labels: Tensor) -> Tensor:
        """Fill the gradient of the loss, summed over heads.

        Args:
            pairs: (M, B, 2) int64 operands.
            labels: (M, B, T) int64.

        Returns:
            (M, T) mean cross-entropy of each head in nats.
        """
        index = pairs + self._first_row
        alone = len(pairs) == 1
        if alone:
            index, labels = index[0], labels[0]
        layers, hidden = self._forward(index)
        loss, dhidden = self._heads(hidden, labels)
        for number in reversed(range(self.layout.layers)):
            dhidden = self._backward(number, layers[number], dhidden, index)
        return loss.unsqueeze(0) if alone else loss

    # --- forward ----------------------------------------------------------------------------

    def _forward(self, index: Tensor) -> tuple[list[_Layer], Tensor]:
        layers: list[_Layer] = []
        hidden: Tensor | None = None
        for number in range(self.layout.layers):
            last = number == self.layout.layers - 1
            enter = self._enter_first if hidden is None else self._enter
            kept, skip, (query, delta_key, value, delta_value) = enter(number, hidden, index, last)
            share, mixed = pair_mixture(query, delta_key, value, delta_value, self.layout.heads)
            mixed = mixed.flatten(-3, -2)
            middle = self._affine(number, "self_attn.out_proj", mixed).add_(skip)
            second = self._norm(number, "norm2", middle)
            inner = self._affine(number, "linear1", second.value)
            active = F.gelu(inner)
            hidden = self._affine(number, "linear2", active).add_(middle)
            layers.append(
                _Layer(
                    *kept,
                    query,
                    delta_key,
                    delta_value,
                    share,
                    mixed,
                    middle,
                    second,
                    inner,
                    active,
                )
            )
        return layers, hidden

    def _enter_first(self, number: int, _: None, index: Tensor, last: bool):
        """Layer 1 up to attention, on the 2p distinct rows (token at position), then gathered."""
        d, weights = self.layout.width, self._weights
        token, position = weights["token.weight"], weights["position"]
        rows = (token.unsqueeze(-3) + position.unsqueeze(-2)).flatten(-3, -2)
        normed = self._norm(number, "norm1", rows)
        qkv = self._affine(number, "self_attn.in_proj_", normed.value)
        skip = F.embedding(index[..., :1] if last else index, rows.view(-1, d))
        gathered = self._buffer("gathered", (*index.shape, 3 * d), rows)
        torch.index_select(qkv.view(-1, 3 * d), 0, index.view(-1), out=gathered.view(-1, 3 * d))
        query, key, value = gathered.split(d, dim=-1)
        first = value[..., 0, :]
        parts = (
            query[..., :1, :] if last else query,
            key[..., 1, :] - key[..., 0, :],
            first,
            value[..., 1, :] - first,
        )
        return (rows, normed), skip.flatten(-3, -2), parts

    def _enter(self, number: int, hidden: Tensor, index: Tensor, last: bool):
        """A later layer up to attention, on the rows of the batch."""
        d = self.layout.width
        at = f"encoder.layers.{number}.self_attn.in_proj_"
        weight, bias = self._weights[at + "weight"], self._weights[at + "bias"]
        normed = self._norm(number, "norm1", hidden)
        pair = _pairs(normed.value)
        base = pair[..., 0, :].contiguous()
        step = pair[..., 1, :] - pair[..., 0, :]
        if last:
            asked = _without_keys(weight, -2), _without_keys(bias, -1)
            query, value = self.route.forward(base, *asked).split(d, dim=-1)
        else:
            query = self.route.forward(normed.value, weight[..., :d, :], bias[..., :d])
            value = self.route.forward(base, weight[..., 2 * d :, :], bias[..., 2 * d :])
        moved = self.route.forward(step, weight[..., d:, :])
        delta_key, delta_value = moved.split(d, dim=-1)
        skip = _pairs(hidden)[..., 0, :] if last else hidden
        query = query.unflatten(-2, (-1, 1 if last else SEQUENCE))
        return (hidden, normed), skip, (query, delta_key, value, delta_value)

    # --- loss and heads ---------------------------------------------------------------------

    def _heads(self, hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the gradient with respect to the last layer's output at position 0."""
        weights, gradients, p = self._weights, self._gradients, self.layout.modulus
        names = [f"heads.{head}" for head in range(self.layout.tasks)]
        read = layer_norm_forward(hidden, weights["norm.weight"], weights["norm.bias"])
        weight = torch.cat([weights[f"{name}.weight"] for name in names], dim=-2)
        bias = torch.cat([weights[f"{name}.bias"] for name in names], dim=-1)
        out = self.route.forward(read.value, weight, bias).unflatten(-1, (-1, p))
        log_odds = out.log_softmax(-1)
        answers = labels.unsqueeze(-1)
        loss = log_odds.gather(-1, answers).squeeze(-1).mean(dim=-2).neg_()
        # ∂loss/∂logits = (softmax − one-hot) / B
        share = 1 / labels.shape[-2]
        dout = log_odds.exp_().mul_(share)
        dout.scatter_add_(-1, answers, torch.full_like(answers, -share, dtype=dout.dtype))
        dout = dout.flatten(-2)
        dweight, dbias = torch.empty_like(weight), dout.sum(-2)
        self.route.weight_gradient(dout, read.value, dweight)
        for head, name in enumerate(names):
            part = slice(head * p, (head + 1) * p)
            gradients[f"{name}.weight"].copy_(dweight[..., part, :])
            gradients[f"{name}.bias"].copy_(dbias[..., part])
        dread = self.route.input_gradient(dout, weight)
        return loss, self._norm_backward("norm", dread, hidden, read)

    # --- backward ---------------------------------------------------------------------------

    def _backward(self, number: int, kept: _Layer, dhidden: Tensor, index: Tensor) -> Tensor | None:
        """From the gradient of a layer's output ([M], B·Q, d) to that of its input ([M], 2B, d).

        The first layer has no input but the tables; it returns None.
        """
        at = f"encoder.layers.{number}."
        dactive = self._affine_backward(number, "linear2", dhidden, kept.active)
        dinner = torch.ops.aten.gelu_backward.grad_input(dactive, kept.inner, grad_input=dactive)
        dsecond = self._affine_backward(number, "linear1", dinner, kept.second.value)
        dmiddle = self._norm_backward(at + "norm2", dsecond, kept.middle, kept.second).add_(dhidden)
        dmixed = self._affine_backward(number, "self_attn.out_proj", dmiddle, kept.mixed)
        parts = pair_mixture_backward(
            dmixed.view(kept.query.shape),
            kept.query,
            kept.delta_key,
            kept.delta_value,
            kept.share,
        )
        leave = self._leave if number else self._leave_first
        return leave(number, kept, dmiddle, parts, index)

    def _leave(self, number: int, kept: _Layer, dmiddle: Tensor, parts, index: Tensor) -> Tensor:
        d = self.layout.width
        dquery, ddelta_key, dvalue, ddelta_value = parts
        last = dquery.shape[-2] == 1
        at = f"encoder.layers.{number}.self_attn.in_proj_"
        weight = self._weights[at + "weight"]
        dweight, dbias = self._gradients[at + "weight"], self._gradients[at + "bias"]
        normed = kept.normed.value
        pair = _pairs(normed)
        base = pair[..., 0, :].contiguous()
        step = pair[..., 1, :] - pair[..., 0, :]
        dmoved = torch.cat([ddelta_key, ddelta_value], dim=-1)
        self.route.weight_gradient(dmoved, step, dweight[..., d:, :])
        dstep = self.route.input_gradient(dmoved, weight[..., d:, :])
        dquery = dquery.flatten(-3, -2)
        torch.sum(dquery, -2, out=dbias[..., :d])
        dbias[..., d : 2 * d] = 0
        torch.sum(dvalue, -2, out=dbias[..., 2 * d :])
        if last:
            dasked = torch.cat([dquery, dvalue], dim=-1)
            dpart = torch.empty_like(weight[..., : 2 * d, :])
            self.route.weight_gradient(dasked, base, dpart)
            dweight[..., :d, :] = dpart[..., :d, :]
            dweight[..., 2 * d :, :] += dpart[..., d:, :]
            dbase = self.route.input_gradient(dasked, _without_keys(weight, -2))
            dnormed = torch.stack([dbase.sub_(dstep), dstep], dim=-2).flatten(-3, -2)
        else:
            self.route.weight_gradient(dquery, normed, dweight[..., :d, :])
            dpart = torch.empty_like(weight[..., :d, :])
            self.route.weight_gradient(dvalue, base, dpart)
            dweight[..., 2 * d :, :] += dpart
            dbase = self.route.input_gradient(dvalue, weight[..., 2 * d :, :])
            dnormed = torch.stack([dbase.sub_(dstep), dstep], dim=-2).flatten(-3, -2)
            dnormed += self.route.input_gradient(dquery, weight[..., :d, :])
        norm = f"encoder.layers.{number}.norm1"
        dentry = self._norm_backward(norm, dnormed, kept.entry, kept.normed)
        if last:
            _pairs(dentry)[..., 0, :] += dmiddle
        else:
            dentry += dmiddle
        return dentry

    def _leave_first(
        self, number: int, kept: _Layer, dmiddle: Tensor, parts, index: Tensor
    ) -> None:
        d, p, gradients = self.layout.width, self.layout.modulus, self._gradients
        dquery, ddelta_key, dvalue, ddelta_value = parts
        dqkv = self._buffer("dqkv", (*index.shape, 3 * d), dmiddle)
        asking = dquery.shape[-2]
        dqkv[..., :asking, :d] = dquery
        if asking < SEQUENCE:
            dqkv[..., asking:, :d] = 0
        torch.neg(ddelta_key, out=dqkv[..., 0, d : 2 * d])
        dqkv[..., 1, d : 2 * d] = ddelta_key
        torch.sub(dvalue, ddelta_value, out=dqkv[..., 0, 2 * d :])
        dqkv[..., 1, 2 * d :] = ddelta_value
        dtable = scatter_rows(dqkv, index, p, SEQUENCE)
        drows = scatter_rows(dmiddle.unflatten(-2, (-1, asking)), index, p, SEQUENCE)
        dnormed = self._affine_backward(number, "self_attn.in_proj_", dtable, kept.normed.value)
        gradients[f"encoder.layers.{number}.self_attn.in_proj_bias"][..., d : 2 * d] = 0
        norm = f"encoder.layers.{number}.norm1"
        drows = self._norm_backward(norm, dnormed, kept.entry, kept.normed).add_(drows)
        by_position = drows.unflatten(-2, (SEQUENCE, p))
        gradients["token.weight"].copy_(by_position.sum(-3))
        gradients["position"].copy_(by_position.sum(-2))

    def _buffer(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory that is used again: fresh pages for the largest arrays cost more than the work."""
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = like.new_empty(size)
        return self._buffers[name][:size].view(shape)


def _pairs(rows: Tensor) -> Tensor:
    """([M], 2B, d) ↦ ([M], B, 2, d)."""
    return rows.unflatten(-2, (-1, SEQUENCE))


def _without_keys(x: Tensor, dim: int) -> Tensor:
    """The query and value parts of a fused QKV weight or bias, side by side."""
    query, _, value = x.chunk(3, dim=dim)
    return torch.cat([query, value], dim=dim)
