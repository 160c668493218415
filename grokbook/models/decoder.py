"""The causal decoder with an answer at every position, on trees of prefixes, M models at once.

    h = token + position,   two pre-norm blocks with causal attention,   head(LayerNorm(h))

The textbook form runs over padded sequences.  Here a node of a tree of prefixes
(`grokbook.tasks.prefixes`) stands for every token with that prefix, and attends to itself and its
ancestors: the same numbers, each computed once.  Of layer 1, LayerNorm and the QKV product are
computed once a distinct row (token × position) and gathered.  Source: 2602.16967 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.functional import gather_rows, layer_norm
from grokbook.models.functional import linear as plain_linear
from grokbook.models.layout import DecoderLayout
from grokbook.models.trunk import Linear, Parameters
from grokbook.tasks.prefixes import Prefixes

RUN = 32
"""Nodes of a small tree that attend together; see `grokbook.tasks.prefixes`."""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Nodes:
    """A tree of prefixes as a model reads it.

    Attributes:
        token, position: (K,) of the distinct rows that the first layer sees.
        row: (N,) which of them each node is.
        asking, seen, hidden: see `grokbook.tasks.prefixes.Runs`.
    """

    token: Tensor
    position: Tensor
    row: Tensor
    asking: Tensor
    seen: Tensor
    hidden: Tensor

    @classmethod
    def of(cls, tree: Prefixes, *, device: torch.device | str = "cpu") -> Nodes:
        """The nodes of a tree, on a device."""
        radix = int(tree.token.max()) + 1
        distinct, row = np.unique(tree.position * radix + tree.token, return_inverse=True)
        arrays = (distinct % radix, distinct // radix, row.reshape(-1), *tree.runs(RUN))
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def __len__(self) -> int:
        return len(self.row)


def logits(
    layout: DecoderLayout, parameters: Parameters, nodes: Nodes, *, linear: Linear = plain_linear
) -> Tensor:
    """Logits of every node.

    Args:
        layout: of the models.
        parameters: by name, each (M, *shape).
        nodes: of the tree.
        linear: the linear layer; the default can be differentiated as often as one likes.

    Returns:
        (M, N, C).
    """
    return read_out(parameters, states(layout, parameters, nodes, linear=linear)[-1], linear)


def read_out(parameters: Parameters, hidden: Tensor, linear: Linear = plain_linear) -> Tensor:
    """The final LayerNorm and the head: (M, N, d) ↦ (M, N, C)."""
    read = layer_norm(hidden, parameters["norm.weight"], parameters["norm.bias"])
    return linear(read, parameters["head.weight"], parameters["head.bias"])


def states(
    layout: DecoderLayout, parameters: Parameters, nodes: Nodes, *, linear: Linear = plain_linear
) -> list[Tensor]:
    """The residual stream: after the embedding, then after every block; each (M, N, d)."""
    d, found = layout.width, []
    token, position = parameters["token.weight"], parameters["position.weight"]
    rows = token[:, nodes.token] + position[:, nodes.position]
    for layer in range(layout.layers):
        at = f"encoder.layers.{layer}."

        def named(name: str, at: str = at) -> list[Tensor]:
            dot = "" if name.endswith("_") else "."
            return [parameters[f"{at}{name}{dot}{kind}"] for kind in ("weight", "bias")]

        hidden = rows if layer == 0 else found[-1]
        qkv = linear(layer_norm(hidden, *named("norm1")), *named("self_attn.in_proj_"))
        if layer == 0:  # of the distinct rows
            index = nodes.row.expand(len(rows), -1)
            hidden, qkv = gather_rows(torch.cat([rows, qkv], dim=-1), index).split([d, 3 * d], -1)
            found.append(hidden)
        mixed = attention(*qkv.split(d, dim=-1), nodes, layout.heads)
        hidden = hidden + linear(mixed, *named("self_attn.out_proj"))
        inner = F.gelu(linear(layer_norm(hidden, *named("norm2")), *named("linear1")))
        found.append(hidden + linear(inner, *named("linear2")))
    return found


def attention(query: Tensor, key: Tensor, value: Tensor, nodes: Nodes, heads: int) -> Tensor:
    """Multi-head attention of every node to itself and its ancestors, each (M, N, d)."""
    models = len(query)
    query, key, value = (
        gather_rows(x, index.expand(models, -1, -1)).unflatten(-1, (heads, -1)).transpose(2, 3)
        for x, index in ((query, nodes.asking), (key, nodes.seen), (value, nodes.seen))
    )  # (M, C, H, c or T + c, d/H)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    shares = scores.masked_fill(nodes.hidden.unsqueeze(1), -torch.inf).softmax(-1)
    mixed = (shares @ value).transpose(2, 3).flatten(1, 2)  # (M, C · c, H, d/H)
    return mixed[:, : len(nodes)].flatten(2)


def loss(outputs: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Σ_n w_n (−log softmax(z_n)[y_n]) in nats: (M, N, C), (M, N), (M, N) ↦ (M,)."""
    nats = F.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
    return (nats.view(labels.shape) * weights).sum(-1)
