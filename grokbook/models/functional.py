"""Layers over a leading model axis: M models with their own weights, one call.

For M = 1 each function is the ordinary PyTorch layer on squeezed tensors, so a single run pays
nothing for the axis; for M > 1 the products are batched.
"""

from __future__ import annotations

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
