"""The shared-trunk transformer: one encoder, one linear head a task, M models at once.

Two tokens [a, b], two pre-norm blocks, a final LayerNorm, and the heads read position 0 alone
(2602.18523 section 2).  Two exact savings against the textbook form, both proven equal to it in
the tests:

- Layer 1 sees only 2p distinct rows (token × position), so its LayerNorm and its QKV product are
  computed once a row and gathered, instead of once an example.
- Only position 0 of the last layer is read, so its query, output projection and feed-forward are
  computed there alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.functional import gather_rows, layer_norm, pair_attention
from grokbook.models.functional import linear as plain_linear
from grokbook.models.layout import SEQUENCE, Layout

Parameters = Mapping[str, Tensor]
Linear = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x (M, …, in), weight (M, out, in), bias (M, out) ↦ (M, …, out)."""


def logits(
    layout: Layout, parameters: Parameters, pairs: Tensor, *, linear: Linear = plain_linear
) -> Tensor:
    """Logits of every head.

    Args:
        layout: of the model.
        parameters: by name, each (M, *shape).
        pairs: (M, B, 2) int64 operands in 0 … p−1.
        linear: the linear layer; the default can be differentiated as often as one likes.

    Returns:
        (M, B, T, p).
    """
    hidden = read(layout, parameters, pairs, linear=linear)
    names = [f"heads.{head}" for head in range(layout.tasks)]
    # One product for all heads: their weights stacked along the output axis.
    out = linear(
        hidden,
        torch.cat([parameters[f"{name}.weight"] for name in names], dim=1),
        torch.cat([parameters[f"{name}.bias"] for name in names], dim=1),
    )
    return out.view(*out.shape[:-1], layout.tasks, layout.modulus)


def read(
    layout: Layout, parameters: Parameters, pairs: Tensor, *, linear: Linear = plain_linear
) -> Tensor:
    """What the heads read: position 0 behind the last LayerNorm, (M, B, d).

    Args:
        layout: of the model.
        parameters: by name, each (M, *shape).
        pairs: (M, B, 2) int64 operands.
        linear: the linear layer.
    """
    d = layout.width
    hidden = None
    for layer in range(layout.layers):
        at = f"encoder.layers.{layer}."
        weight, bias = (parameters[at + f"self_attn.in_proj_{kind}"] for kind in ("weight", "bias"))
        norm = [parameters[at + f"norm1.{kind}"] for kind in ("weight", "bias")]
        last = layer == layout.layers - 1
        if hidden is None:
            hidden, qkv = _first_rows(layout, parameters, pairs, norm, weight, bias, linear)
            query, key, value = qkv.split(d, dim=-1)
            if last:
                query, hidden = query[:, :, :1], hidden[:, :, :1]
        else:
            normed = layer_norm(hidden, *norm)
            if last:
                key, value = linear(normed, weight[:, d:], bias[:, d:]).split(d, dim=-1)
                query = linear(normed[:, :, :1], weight[:, :d], bias[:, :d])
                hidden = hidden[:, :, :1]
            else:
                query, key, value = linear(normed, weight, bias).split(d, dim=-1)
        mixed = pair_attention(query, key, value, layout.heads)
        hidden = hidden + linear(
            mixed,
            parameters[at + "self_attn.out_proj.weight"],
            parameters[at + "self_attn.out_proj.bias"],
        )
        normed = layer_norm(hidden, parameters[at + "norm2.weight"], parameters[at + "norm2.bias"])
        inner = F.gelu(
            linear(normed, parameters[at + "linear1.weight"], parameters[at + "linear1.bias"])
        )
        hidden = hidden + linear(
            inner, parameters[at + "linear2.weight"], parameters[at + "linear2.bias"]
        )
    return layer_norm(hidden[:, :, 0], parameters["norm.weight"], parameters["norm.bias"])


def _first_rows(
    layout: Layout,
    parameters: Parameters,
    pairs: Tensor,
    norm: list[Tensor],
    weight: Tensor,
    bias: Tensor,
    linear: Linear,
) -> tuple[Tensor, Tensor]:
    """Embeddings (M, B, 2, d) and layer-1 QKV (M, B, 2, 3d), computed on the 2p distinct rows."""
    models, p, d = pairs.shape[0], layout.modulus, layout.width
    rows = parameters["token.weight"].unsqueeze(1) + parameters["position"].unsqueeze(2)
    qkv = linear(layer_norm(rows, *norm), weight, bias)
    table = torch.cat([rows, qkv], dim=-1).view(models, SEQUENCE * p, 4 * d)
    index = pairs + p * torch.arange(SEQUENCE, device=pairs.device)
    return gather_rows(table, index).split([d, 3 * d], dim=-1)


def losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats of each head: logits (M, B, T, p), labels (M, B, T) ↦ (M, T)."""
    each = F.cross_entropy(outputs.flatten(0, 2), labels.flatten(), reduction="none")
    return each.view(labels.shape).mean(dim=1)
