"""The layers of M models by name, forward and backward, between two flat buffers.

Parameters are read in one buffer, gradients written to another at the same places.  For M = 1 the
model axis is left out of both: weights and rows are then ordinary matrices, and a step makes a
thousand fewer views.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.functional import Normed, layer_norm_backward, layer_norm_forward
from grokbook.models.layout import Layout
from grokbook.models.linear import Route


class FeedForward(NamedTuple):
    """What the backward pass of a block's second half needs; [M] is there if M > 1."""

    middle: Tensor  # ([M], R, d) after attention
    normed: Normed
    inner: Tensor  # ([M], R, f) before the GELU
    active: Tensor  # ([M], R, f) after it


class Layers:
    """Linear layers and LayerNorms of M models.

    Args:
        layout: of the models.
        theta: (M, P) parameters, read in place.
        gradient: (M, P), overwritten by every backward pass.
        route: of the products.

    Attributes:
        weights: parameters by name, views of ``theta``.
        gradients: their gradients, views of ``gradient``.
        route: of the products.
    """

    def __init__(self, layout: Layout, theta: Tensor, gradient: Tensor, route: Route) -> None:
        self.weights, self.gradients = (
            {
                name: view[0] if len(theta) == 1 else view
                for name, view in layout.views(flat).items()
            }
            for flat in (theta, gradient)
        )
        self.route = route
        self._buffers: dict[str, Tensor] = {}

    def affine(self, name: str, x: Tensor) -> Tensor:
        """A linear layer on rows ([M], R, in) ↦ ([M], R, out)."""
        weight, bias = _names(name)
        return self.route.forward(x, self.weights[weight], self.weights[bias])

    def affine_backward(self, name: str, dy: Tensor, x: Tensor) -> Tensor:
        """The gradient of its input, given that of its output and the input."""
        weight, bias = _names(name)
        self.route.weight_gradient(dy, x, self.gradients[weight])
        torch.sum(dy, -2, out=self.gradients[bias])
        return self.route.input_gradient(dy, self.weights[weight])

    def norm(self, name: str, x: Tensor) -> Normed:
        """A LayerNorm on rows ([M], R, d)."""
        return layer_norm_forward(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm_backward(self, name: str, dy: Tensor, x: Tensor, normed: Normed) -> Tensor:
        """The gradient of its input, given that of its output, the input and what `norm` gave."""
        dx, dweight, dbias = layer_norm_backward(dy, x, normed, self.weights[f"{name}.weight"])
        self.gradients[f"{name}.weight"].copy_(dweight)
        self.gradients[f"{name}.bias"].copy_(dbias)
        return dx

    def feed_forward(self, block: str, middle: Tensor) -> tuple[FeedForward, Tensor]:
        """A block's second half, x + W₂ GELU(W₁ LayerNorm(x)): what is kept, and the output.

        Args:
            block: its name with the dot, ``"encoder.layers.0."``.
            middle: ([M], R, d) rows after attention.
        """
        normed = self.norm(block + "norm2", middle)
        inner = self.affine(block + "linear1", normed.value)
        active = F.gelu(inner)
        out = self.affine(block + "linear2", active).add_(middle)
        return FeedForward(middle, normed, inner, active), out

    def feed_forward_backward(self, block: str, dy: Tensor, kept: FeedForward) -> Tensor:
        """The gradient of its input, given that of its output and what `feed_forward` kept."""
        dactive = self.affine_backward(block + "linear2", dy, kept.active)
        dinner = torch.ops.aten.gelu_backward.grad_input(dactive, kept.inner, grad_input=dactive)
        dnormed = self.affine_backward(block + "linear1", dinner, kept.normed.value)
        return self.norm_backward(block + "norm2", dnormed, kept.middle, kept.normed).add_(dy)

    def buffer(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory that is used again: fresh pages for the largest arrays cost more than the work."""
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].numel() < size:
            self._buffers[name] = like.new_empty(size)
        return self._buffers[name][:size].view(shape)


def _names(layer: str) -> tuple[str, str]:
    """Of a linear layer's weight and bias, as PyTorch has them.

    >>> _names("heads.0"), _names("self_attn.in_proj_")
    (('heads.0.weight', 'heads.0.bias'), ('self_attn.in_proj_weight', 'self_attn.in_proj_bias'))
    """
    end = "" if layer.endswith("_") else "."
    return f"{layer}{end}weight", f"{layer}{end}bias"
