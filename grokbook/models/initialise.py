"""Initial weights, bit for bit those of PyTorch's modules built in the paper's order.

The draws come from a private generator seeded like ``torch.manual_seed``, in the order in which
the published model is built (2602.18523 section 2): token embedding, positional table, one encoder
layer (attention output projection with its bias, fused QKV by Xavier, both feed-forward layers),
heads.  The bias of the output projection is drawn and then set to zero, as PyTorch does; the draw
still advances the generator.  All layers start as copies of the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from grokbook.models.layout import SEQUENCE, Layout


def initial_parameters(
    layout: Layout, seeds: Sequence[int], *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Initial θ of one model a seed, as a flat (M, P) buffer.

    Drawn on the CPU in float32 whatever ``dtype`` is, so a float64 run starts at the same point.

    >>> theta = initial_parameters(Layout(modulus=97, tasks=1), [42])
    >>> round(theta.norm().item(), 3)
    117.623
    """
    flat = torch.empty(len(seeds), layout.size)
    for model, seed in enumerate(seeds):
        _fill(
            layout,
            {name: view[0] for name, view in layout.views(flat[model : model + 1]).items()},
            torch.Generator().manual_seed(seed),
        )
    return flat.to(dtype)


def _uniform_linear(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """`nn.Linear`'s default: weight and bias uniform within ±1/√fan_in, weight first."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(weight.shape[1])
    nn.init.uniform_(bias, -bound, bound, generator=generator)


def _fill(layout: Layout, view: dict[str, Tensor], generator: torch.Generator) -> None:
    width = layout.width
    view["token.weight"].normal_(generator=generator)
    view["position"].copy_(torch.randn(SEQUENCE, width, generator=generator) / math.sqrt(width))

    first = {
        name.removeprefix("encoder.layers.0."): tensor
        for name, tensor in view.items()
        if name.startswith("encoder.layers.0.")
    }
    _uniform_linear(first["self_attn.out_proj.weight"], first["self_attn.out_proj.bias"], generator)
    nn.init.xavier_uniform_(first["self_attn.in_proj_weight"], generator=generator)
    first["self_attn.in_proj_bias"].zero_()
    first["self_attn.out_proj.bias"].zero_()
    for name in ("linear1", "linear2"):
        _uniform_linear(first[f"{name}.weight"], first[f"{name}.bias"], generator)
    for name in ("norm1", "norm2"):
        first[f"{name}.weight"].fill_(1)
        first[f"{name}.bias"].zero_()
    for layer in range(1, layout.layers):
        for name, tensor in first.items():
            view[f"encoder.layers.{layer}.{name}"].copy_(tensor)

    view["norm.weight"].fill_(1)
    view["norm.bias"].zero_()
    for head in range(layout.tasks):
        _uniform_linear(view[f"heads.{head}.weight"], view[f"heads.{head}.bias"], generator)
