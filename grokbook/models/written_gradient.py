"""Layers of M models with their gradients written out, for the architectures' own gradients.

Weights and gradients are views of two flat buffers.  For M = 1 the model axis is left out: they
are then ordinary matrices, and a step makes a thousand fewer views.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokbook.models.functional import Normed, layer_norm_backward, layer_norm_forward
from grokbook.models.layout import Layout
from grokbook.models.linear import Route


class WrittenGradient:
    """Affine maps and LayerNorms, forward and backward, by parameter name.

    Args:
        layout: of the models.
        theta: (M, P) parameters, read in place.
        gradient: (M, P), written in place.
        route: of the products.
    """

    def __init__(self, layout: Layout, theta: Tensor, gradient: Tensor, route: Route) -> None:
        self.layout, self.route = layout, route
        self._weights, self._gradients = (
            {
                name: view[0] if len(theta) == 1 else view
                for name, view in layout.views(flat).items()
            }
            for flat in (theta, gradient)
        )

    def _names(self, number: int, name: str) -> tuple[str, str]:
        at = f"encoder.layers.{number}.{name}"
        return (at + "weight", at + "bias") if at.endswith("_") else (at + ".weight", at + ".bias")

    def _affine(self, number: int, name: str, x: Tensor) -> Tensor:
        weight, bias = self._names(number, name)
        return self.route.forward(x, self._weights[weight], self._weights[bias])

    def _affine_backward(self, number: int, name: str, dy: Tensor, x: Tensor) -> Tensor:
        weight, bias = self._names(number, name)
        self.route.weight_gradient(dy, x, self._gradients[weight])
        torch.sum(dy, -2, out=self._gradients[bias])
        return self.route.input_gradient(dy, self._weights[weight])

    def _norm(self, number: int, name: str, x: Tensor) -> Normed:
        at = f"encoder.layers.{number}.{name}"
        return layer_norm_forward(x, self._weights[f"{at}.weight"], self._weights[f"{at}.bias"])

    def _norm_backward(self, at: str, dy: Tensor, x: Tensor, normed: Normed) -> Tensor:
        dx, dweight, dbias = layer_norm_backward(dy, x, normed, self._weights[f"{at}.weight"])
        self._gradients[f"{at}.weight"].copy_(dweight)
        self._gradients[f"{at}.bias"].copy_(dbias)
        return dx
