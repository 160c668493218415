"""Layers over a leading model axis: M models with their own weights, one call.

For M = 1 each function is the ordinary PyTorch layer on squeezed tensors, so a single run pays
nothing for the axis; for M > 1 the products are batched.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """y[m] = x[m] W[m]ᵀ + b[m], for x (M, …, in), weight (M, out, in), bias (M, out)."""
    if x.shape[0] == 1:
        return F.linear(x.squeeze(0), weight.squeeze(0), bias.squeeze(0)).unsqueeze(0)
    rows = x.reshape(x.shape[0], -1, x.shape[-1])
    y = torch.baddbmm(bias.unsqueeze(1), rows, weight.transpose(1, 2))
    return y.view(*x.shape[:-1], weight.shape[1])


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float = 1e-5) -> Tensor:
    """LayerNorm over the last axis with each model's own gain and bias, both (M, d)."""
    if x.shape[0] == 1:
        return F.layer_norm(x, x.shape[-1:], weight.squeeze(0), bias.squeeze(0), epsilon)
    along = (x.shape[0], *(1,) * (x.dim() - 2), x.shape[-1])
    return F.layer_norm(x, x.shape[-1:], eps=epsilon) * weight.view(along) + bias.view(along)


def gather_rows(table: Tensor, index: Tensor) -> Tensor:
    """rows[m, …] = table[m, index[m, …]], for table (M, R, d) and index (M, …) of int64.

    As an embedding lookup in the M tables laid end to end: its backward adds into rows in a fixed
    order, so equal inputs give equal bits.
    """
    models, rows, width = table.shape
    if models > 1:
        first = torch.arange(models, device=index.device).view(-1, *(1,) * (index.dim() - 1))
        index = index + rows * first
    return F.embedding(index, table.reshape(models * rows, width))


def pair_attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Multi-head attention over two positions, written out.

    A softmax over two scores is a logistic function of their difference, so with
    k₁ − k₀ = Δk and v₁ − v₀ = Δv the output is v₀ + σ(q·Δk / √d_head) Δv.  Pointwise products beat
    matrix products of size 2, and the form has second derivatives, which fused kernels lack.

    Args:
        query: (M, B, Q, d), Q query positions.
        key: (M, B, 2, d).
        value: (M, B, 2, d).
        heads: H; d is a multiple of it.

    Returns:
        (M, B, Q, d), heads side by side.
    """
    split = (*query.shape[:-1], heads, query.shape[-1] // heads)
    one = (*key.shape[:2], 1, *split[-2:])
    delta_key = (key[:, :, 1] - key[:, :, 0]).view(one)
    delta_value = (value[:, :, 1] - value[:, :, 0]).view(one)
    score = (query.view(split) * delta_key).sum(-1, keepdim=True) * split[-1] ** -0.5
    return (value[:, :, 0].reshape(one) + torch.sigmoid(score) * delta_value).reshape(query.shape)


# --- the same layers with their gradients written out --------------------------------------------


class Normed(NamedTuple):
    """A LayerNorm's output, and what its backward pass needs."""

    value: Tensor
    mean: Tensor
    rstd: Tensor


def layer_norm_forward(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float = 1e-5) -> Normed:
    """`layer_norm` keeping its statistics: rows (M, R, d) and gain (M, d), or (R, d) and (d,)."""
    if x.dim() == 2:
        out, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], weight, bias, epsilon)
    else:
        out, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, epsilon)
        out = torch.addcmul(bias.unsqueeze(1), out, weight.unsqueeze(1))
    return Normed(out, mean, rstd)


def layer_norm_backward(
    dy: Tensor, x: Tensor, normed: Normed, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `layer_norm_forward`, of the shapes of x, gain and bias."""
    backward = torch.ops.aten.native_layer_norm_backward
    _, mean, rstd = normed
    if x.dim() == 2:
        # The bias's value is not used, only that there is one.
        return backward(dy, x, x.shape[-1:], mean, rstd, weight, weight, [True] * 3)
    standard = (x - mean) * rstd
    dx, _, _ = backward(
        dy * weight.unsqueeze(1), x, x.shape[-1:], mean, rstd, None, None, [True, False, False]
    )
    return dx, (dy * standard).sum(1), dy.sum(1)


def pair_mixture(
    query: Tensor, delta_key: Tensor, value: Tensor, delta_value: Tensor, heads: int
) -> tuple[Tensor, Tensor]:
    """`pair_attention` from differences: s = σ(q·Δk / √d_head), mixed = v₀ + s Δv.

    Args:
        query: (…, Q, d).
        delta_key: (…, d) k₁ − k₀.
        value: (…, d) v₀.
        delta_value: (…, d) v₁ − v₀.
        heads: H.

    Returns:
        The share s of position 1, (…, Q, H), and the mixture, (…, Q, d).
    """
    score = _over_heads(query * delta_key.unsqueeze(-2), heads)
    share = score.mul_((query.shape[-1] // heads) ** -0.5).sigmoid_()
    mixed = _wide(share, query)
    return share, mixed.mul_(delta_value.unsqueeze(-2)).add_(value.unsqueeze(-2))


def pair_mixture_backward(
    dmixed: Tensor, query: Tensor, delta_key: Tensor, delta_value: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `pair_mixture`: ∂q (…, Q, d), then ∂Δk, ∂v₀, ∂Δv, each (…, d)."""
    heads = share.shape[-1]
    dshare = _over_heads(dmixed * delta_value.unsqueeze(-2), heads)
    slope = torch.addcmul(share, share, share, value=-1)
    dscore = dshare.mul_(slope.mul_((query.shape[-1] // heads) ** -0.5))
    dquery = _wide(dscore, query)
    ddelta_key = _over_queries(dquery * query)
    dquery.mul_(delta_key.unsqueeze(-2))
    ddelta_value = _over_queries(_wide(share, query).mul_(dmixed))
    return dquery, ddelta_key, _over_queries(dmixed), ddelta_value


def _over_heads(x: Tensor, heads: int) -> Tensor:
    """(…, d) ↦ (…, H): the sum over each head's entries."""
    return x.unflatten(-1, (heads, -1)).sum(-1)


def _wide(x: Tensor, like: Tensor) -> Tensor:
    """(…, H) ↦ (…, d): each head's number at each of its entries."""
    return x.repeat_interleave(like.shape[-1] // x.shape[-1], dim=-1)


def _over_queries(x: Tensor) -> Tensor:
    """(…, Q, d) ↦ (…, d); one or two queries are summed without a reduction's overhead."""
    first = x[..., 0, :]
    return first if x.shape[-2] == 1 else first + x[..., 1, :]


def scatter_rows(x: Tensor, index: Tensor, tokens: int, positions: int) -> Tensor:
    """Sums of rows by token and position: the gradient of looking tables up.

    Args:
        x: (…, B, Q, w), gradients of rows at the first Q positions.
        index: (…, B, S) rows of all models' tables laid end to end, position by position.
        tokens: p.
        positions: S.

    Returns:
        (…, S · p, w).  The order of addition is fixed, so equal inputs give equal bits.
    """
    asked = index[..., : x.shape[-2]]
    if x.is_cuda:
        return rows_by_product(x, asked % tokens, tokens, positions)
    models = index.numel() // math.prod(index.shape[-2:])
    into = models * positions * tokens
    flat = x.reshape(-1, x.shape[-1])
    sums = torch.ops.aten.embedding_dense_backward(flat, asked.reshape(-1), into, -1, False)
    return sums.view(*x.shape[:-3], positions * tokens, x.shape[-1])


def rows_by_product(x: Tensor, token: Tensor, tokens: int, positions: int) -> Tensor:
    """`scatter_rows` as a product with 0 and 1: no sorting, so it can be captured in a graph."""
    each = torch.arange(tokens, device=x.device).unsqueeze(-1)
    chosen = token.transpose(-1, -2).unsqueeze(-2) == each  # (…, Q, p, B)
    sums = chosen.to(x.dtype) @ x.transpose(-2, -3)
    return F.pad(sums, (0, 0, 0, 0, 0, positions - sums.shape[-3])).flatten(-3, -2)
