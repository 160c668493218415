"""The trunk's loss and gradient, written out: forward, then backward, without autograd.

The same function as `grokbook.models.trunk.logits` with `grokbook.models.trunk.losses`, and equal
to autograd's gradient of it (the tests compare them in float64).  Writing it out saves what
autograd costs a small model, lets every product take its route (`grokbook.models.linear`), writes
gradients straight to one buffer, and can be captured as it is in a CUDA graph.

How a layer's input becomes queries, keys and values is in `grokbook.models.attention_input`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from grokbook.models.attention_input import Entry, FromRows, FromTables, Parts
from grokbook.models.functional import pair_mixture, pair_mixture_backward
from grokbook.models.layers import FeedForward, Layers
from grokbook.models.layout import SEQUENCE, TrunkLayout
from grokbook.models.linear import Route


class _Layer(NamedTuple):
    """What a layer's backward pass needs of its forward pass; [M] is there if M > 1."""

    entry: Entry
    query: Tensor  # ([M], B, Q, d); Q is 1 in the last layer, else 2
    delta_key: Tensor  # ([M], B, d)
    delta_value: Tensor  # ([M], B, d)
    share: Tensor  # ([M], B, Q, H) attention on position 1
    mixed: Tensor  # ([M], B·Q, d)
    rest: FeedForward


class TrunkGradient:
    """Loss and gradient of M models on given batches.

    Args:
        layout: of the models.
        theta: (M, P) parameters, read in place.
        gradient: (M, P), overwritten by every call.
        route: of the products.
    """

    def __init__(self, layout: TrunkLayout, theta: Tensor, gradient: Tensor, route: Route) -> None:
        self.layout, self.layers = layout, Layers(layout, theta, gradient, route)
        self._inputs = [
            (FromRows if number else FromTables)(layout, self.layers, number)
            for number in range(layout.layers)
        ]
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
        kept: list[_Layer] = []
        hidden: Tensor | None = None
        for number in range(self.layout.layers):
            layer, hidden = self._forward(number, hidden, index)
            kept.append(layer)
        loss, dhidden = self._heads(hidden, labels)
        for number in reversed(range(self.layout.layers)):
            dhidden = self._backward(number, kept[number], dhidden, index)
        return loss.unsqueeze(0) if alone else loss

    def _forward(self, number: int, hidden: Tensor | None, index: Tensor) -> tuple[_Layer, Tensor]:
        """From a layer's input ([M], 2B, d) to its output ([M], B·Q, d), and what is kept."""
        at, layers = f"encoder.layers.{number}.", self.layers
        entry, skip, parts = self._inputs[number].forward(hidden, index)
        share, mixed = pair_mixture(*parts, self.layout.heads)
        mixed = mixed.flatten(-3, -2)
        middle = layers.affine(at + "self_attn.out_proj", mixed).add_(skip)
        rest, hidden = layers.feed_forward(at, middle)
        asked = (parts.query, parts.delta_key, parts.delta_value)
        return _Layer(entry, *asked, share, mixed, rest), hidden

    def _heads(self, hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the gradient with respect to the last layer's output at position 0."""
        weights, gradients = self.layers.weights, self.layers.gradients
        p, route = self.layout.modulus, self.layers.route
        names = [f"heads.{head}" for head in range(self.layout.tasks)]
        read = self.layers.norm("norm", hidden)
        weight = torch.cat([weights[f"{name}.weight"] for name in names], dim=-2)
        bias = torch.cat([weights[f"{name}.bias"] for name in names], dim=-1)
        out = route.forward(read.value, weight, bias).unflatten(-1, (-1, p))
        log_odds = out.log_softmax(-1)
        answers = labels.unsqueeze(-1)
        loss = log_odds.gather(-1, answers).squeeze(-1).mean(dim=-2).neg_()
        # ∂loss/∂logits = (softmax − one-hot) / B
        share = 1 / labels.shape[-2]
        dout = log_odds.exp_().mul_(share)
        dout.scatter_add_(-1, answers, torch.full_like(answers, -share, dtype=dout.dtype))
        dout = dout.flatten(-2)
        dweight, dbias = torch.empty_like(weight), dout.sum(-2)
        route.weight_gradient(dout, read.value, dweight)
        for head, name in enumerate(names):
            part = slice(head * p, (head + 1) * p)
            gradients[f"{name}.weight"].copy_(dweight[..., part, :])
            gradients[f"{name}.bias"].copy_(dbias[..., part])
        dread = route.input_gradient(dout, weight)
        return loss, self.layers.norm_backward("norm", dread, hidden, read)

    def _backward(self, number: int, kept: _Layer, dhidden: Tensor, index: Tensor) -> Tensor | None:
        """From the gradient of a layer's output ([M], B·Q, d) to that of its input ([M], 2B, d).

        The first layer has no input but the tables; it returns None.
        """
        at, layers = f"encoder.layers.{number}.", self.layers
        dmiddle = layers.feed_forward_backward(at, dhidden, kept.rest)
        dmixed = layers.affine_backward(at + "self_attn.out_proj", dmiddle, kept.mixed)
        asked = (kept.query, kept.delta_key, kept.delta_value)
        dparts = Parts(*pair_mixture_backward(dmixed.view(kept.query.shape), *asked, kept.share))
        return self._inputs[number].backward(kept.entry, dmiddle, dparts, index)
