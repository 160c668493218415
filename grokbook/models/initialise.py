"""Initial weights, bit for bit those of PyTorch's modules built in the paper's order.

The draws come from a private generator seeded like ``torch.manual_seed``, in the order in which
the published model is built: token embedding, positions, one encoder layer (attention output
projection with its bias, fused QKV by Xavier, both feed-forward layers), heads.  The bias of the
output projection is drawn and then set to zero, as PyTorch does; the draw still advances the
generator.  All layers start as copies of the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from grokbook.models.layout import SEQUENCE, DecoderLayout, Layout


def initial_parameters(
    layout: Layout,
    seeds: Sequence[int],
    *,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
) -> Tensor:
    """Initial θ of one model a seed, as a flat (M, P) buffer.

    Drawn on the CPU in float32 whatever ``dtype`` is, so a float64 run starts at the same point.

    Args:
        layout: of the models.
        seeds: of the draws, a model each.
        dtype: of the result.
        scale: by which everything that is drawn is multiplied; the gains of the LayerNorms are
            not drawn, and stay 1.

    >>> from grokbook.models.layout import TrunkLayout
    >>> theta = initial_parameters(TrunkLayout(modulus=97, tasks=1), [42])
    >>> round(theta.norm().item(), 3)
    117.623
    """
    flat = torch.empty(len(seeds), layout.size)
    for model, seed in enumerate(seeds):
        draw(layout, flat[model : model + 1], torch.Generator().manual_seed(seed))
    if scale != 1:
        for name, view in layout.views(flat).items():
            if not ("norm" in name and name.endswith("weight")):
                view.mul_(scale)
    return flat.to(dtype)


def draw(layout: Layout, flat: Tensor, generator: torch.Generator) -> None:
    """Fill the (1, P) buffer of one model, advancing a generator as building it would."""
    view = {name: part[0] for name, part in layout.views(flat).items()}
    view["token.weight"].normal_(generator=generator)
    if isinstance(layout, DecoderLayout):
        view["position.weight"].normal_(generator=generator)
        heads = ["head"]
    else:
        drawn = torch.randn(SEQUENCE, layout.width, generator=generator)
        view["position"].copy_(drawn / math.sqrt(layout.width))
        heads = [f"heads.{head}" for head in range(layout.tasks)]
    _blocks(layout, view, generator)
    for head in heads:
        _uniform_linear(view[f"{head}.weight"], view[f"{head}.bias"], generator)


def _uniform_linear(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """`nn.Linear`'s default: weight and bias uniform within ±1/√fan_in, weight first."""
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    bound = 1 / math.sqrt(weight.shape[1])
    nn.init.uniform_(bias, -bound, bound, generator=generator)


def _blocks(layout: Layout, view: dict[str, Tensor], generator: torch.Generator) -> None:
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
