"""The decoder's loss and gradient on a small tree of prefixes, written out, without autograd.

The same function as `grokbook.models.decoder.logits` with `grokbook.models.decoder.loss`, and
equal to autograd's gradient of it (the tests compare them in float64).

A batch gives every prefix a weight, and most batches leave some prefixes without any: a model
that is trained alone on a CPU leaves those out altogether, which changes nothing but rounding.
The key bias shifts all scores of a node alike and cancels; its gradient is zero exactly, where
autograd gives it rounding noise, which Adam would amplify.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models.decoder import RUN
from grokbook.models.functional import Normed
from grokbook.models.layers import FeedForward, Layers
from grokbook.models.layout import DecoderLayout
from grokbook.models.linear import Route
from grokbook.tasks.prefixes import Prefixes, Runs


class _Layer(NamedTuple):
    """What a layer's backward pass needs of its forward pass; [M] is there if M > 1."""

    entry: Tensor  # ([M], R, d) the rows that the first LayerNorm saw
    normed: Normed
    query: Tensor  # (M·C·H, c, d/H), scaled; C runs of c nodes, which see T + c keys
    key: Tensor  # (M·C·H, T + c, d/H)
    value: Tensor
    shares: Tensor  # (M·C·H, c, T + c) attention
    mixed: Tensor  # ([M], n, d)
    rest: FeedForward


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class _Tree:
    """A tree, or what a batch leaves of it.

    Attributes:
        row: (n,) which distinct row of the first layer each node is.
        of_row: (K, n) 1 where a node is of a row, else 0.
        asking: (C · c,) nodes, run by run.
        seen: (C · (T + c),) the keys of every run.
        hidden: (C, 1, c, T + c) 0 where a node of a run sees a key, else −∞.
    """

    row: Tensor
    of_row: Tensor
    asking: Tensor
    seen: Tensor
    hidden: Tensor

    @classmethod
    def of(cls, row: Tensor, of_row: Tensor, runs: Runs) -> _Tree:
        asking, seen, hidden = (torch.from_numpy(each).to(row.device) for each in runs)
        bias = of_row.new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)
        return cls(row, of_row, asking.flatten(), seen.flatten(), bias.unsqueeze(1))


class DecoderGradient:
    """Loss and gradient of M models on weighted prefixes of one tree.

    Args:
        layout: of the models.
        tree: N prefixes.
        theta: (M, P) parameters, read in place.
        gradient: (M, P), overwritten by every call.
        route: of the products.
    """

    def __init__(
        self,
        layout: DecoderLayout,
        tree: Prefixes,
        theta: Tensor,
        gradient: Tensor,
        route: Route,
    ) -> None:
        self.layout, self.layers = layout, Layers(layout, theta, gradient, route)
        device = theta.device
        token, position = (torch.from_numpy(x).to(device) for x in (tree.token, tree.position))
        distinct, row = torch.unique(position * layout.tokens + token, return_inverse=True)
        self._token, self._position = distinct % layout.tokens, distinct // layout.tokens
        of_row = torch.nn.functional.one_hot(row, len(distinct)).t().to(theta.dtype).contiguous()
        self._prefixes, self._whole = tree, _Tree.of(row, of_row, tree.runs(RUN))
        # Sums of rows by token and by position, as products with 0 and 1.
        each = theta.new_zeros(layout.tokens + layout.positions, len(distinct))
        columns = torch.arange(len(distinct), device=device)
        each[self._token, columns] = each[layout.tokens + self._position, columns] = 1
        self._tables = each
        self._alone = len(theta) == 1
        self._compact = self._alone and device.type == "cpu"

    @torch.inference_mode()
    def __call__(self, labels: Tensor, weights: Tensor) -> Tensor:
        """Fill the gradient of the weighted loss.

        Args:
            labels: (M, N) int64.
            weights: (M, N), of each node; they add up to 1 in a mean.

        Returns:
            (M,) weighted sum of cross-entropies in nats.
        """
        tree = self._whole
        if self._alone:
            labels, weights = labels[0], weights[0]
        if self._compact:
            drawn = weights.nonzero().squeeze(1)
            if len(drawn) < len(weights):
                labels, weights = labels[drawn], weights[drawn]
                tree = _Tree.of(
                    tree.row[drawn],
                    tree.of_row.index_select(1, drawn),
                    self._prefixes.runs(RUN, drawn.numpy()),
                )
        kept, hidden = self._forward(tree)
        loss, dhidden = self._head(hidden, labels, weights)
        for number in reversed(range(self.layout.layers)):
            dhidden = self._backward(number, kept[number], dhidden, tree)
        return loss.unsqueeze(0) if self._alone else loss

    # --- forward ----------------------------------------------------------------------------

    def _forward(self, tree: _Tree) -> tuple[list[_Layer], Tensor]:
        d, layers = self.layout.width, self.layers
        kept: list[_Layer] = []
        hidden = layers.weights["token.weight"].index_select(-2, self._token)
        hidden += layers.weights["position.weight"].index_select(-2, self._position)
        for number in range(self.layout.layers):
            at, entry = f"encoder.layers.{number}.", hidden
            normed = layers.norm(at + "norm1", entry)
            qkv = layers.affine(at + "self_attn.in_proj_", normed.value)
            if number == 0:  # of the distinct rows, then gathered
                table = torch.cat([entry, qkv], dim=-1).index_select(-2, tree.row)
                hidden, qkv = table.split([d, 3 * d], dim=-1)
            query, key, value, shares, mixed = self._attention(qkv, tree)
            middle = layers.affine(at + "self_attn.out_proj", mixed).add_(hidden)
            rest, hidden = layers.feed_forward(at, middle)
            kept.append(_Layer(entry, normed, query, key, value, shares, mixed, rest))
        return kept, hidden

    def _attention(self, qkv: Tensor, tree: _Tree) -> tuple[Tensor, ...]:
        """([M], n, 3d) ↦ queries, keys, values and shares of the runs, and ([M], n, d)."""
        d, runs = self.layout.width, len(tree.hidden)
        query = self._by_run(qkv[..., :d].index_select(-2, tree.asking), runs, 1)[0]
        query *= self._scale
        key, value = self._by_run(qkv[..., d:].index_select(-2, tree.seen), runs, 2)
        scores = torch.bmm(query, key.transpose(1, 2))
        self._as_runs(scores, runs).add_(tree.hidden)
        shares = scores.softmax(-1)
        mixed = self._by_node([torch.bmm(shares, value)], runs)
        return query, key, value, shares, mixed[..., : len(tree.row), :]

    def _by_run(self, rows: Tensor, runs: int, parts: int) -> Tensor:
        """([M], C · k, parts · d) ↦ (parts, M·C·H, k, d/H)."""
        split = rows.view(-1, rows.shape[-2] // runs, parts, self.layout.heads, self._wide)
        return split.permute(2, 0, 3, 1, 4).flatten(1, 2)

    def _by_node(self, parts: list[Tensor], runs: int) -> Tensor:
        """So many (M·C·H, k, d/H) ↦ ([M], C · k, so many · d): the inverse of `_by_run`."""
        found = torch.stack(parts).unflatten(1, (-1, self.layout.heads)).permute(1, 3, 0, 2, 4)
        rows = found.flatten(2)  # (M · C, k, so many · d)
        return rows.flatten(0, 1) if self._alone else rows.unflatten(0, (-1, runs)).flatten(1, 2)

    def _as_runs(self, scores: Tensor, runs: int) -> Tensor:
        """(M·C·H, c, k) ↦ (M, C, H, c, k), a view."""
        return scores.view(-1, runs, self.layout.heads, *scores.shape[1:])

    @property
    def _wide(self) -> int:
        return self.layout.width // self.layout.heads

    @property
    def _scale(self) -> float:
        return self._wide**-0.5

    # --- loss and head ----------------------------------------------------------------------

    def _head(self, hidden: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the gradient with respect to the last layer's output."""
        layers = self.layers
        read = layers.norm("norm", hidden)
        out = layers.affine("head", read.value)
        log_odds = out.log_softmax(-1)
        answers, share = labels.unsqueeze(-1), weights.unsqueeze(-1)
        loss = -(log_odds.gather(-1, answers) * share).sum((-2, -1))
        # ∂loss/∂logits = w (softmax − one-hot)
        dout = log_odds.exp_().mul_(share)
        dout.scatter_add_(-1, answers, -share)
        dread = layers.affine_backward("head", dout, read.value)
        return loss, layers.norm_backward("norm", dread, hidden, read)

    # --- backward ---------------------------------------------------------------------------

    def _backward(self, number: int, kept: _Layer, dhidden: Tensor, tree: _Tree) -> Tensor | None:
        """From the gradient of a layer's output to that of its input; None from the first."""
        d, at, layers = self.layout.width, f"encoder.layers.{number}.", self.layers
        dmiddle = layers.feed_forward_backward(at, dhidden, kept.rest)
        dmixed = layers.affine_backward(at + "self_attn.out_proj", dmiddle, kept.mixed)
        dqkv = self._attention_backward(kept, dmixed, tree)
        if number == 0:  # back to the distinct rows
            both = torch.matmul(tree.of_row, torch.cat([dmiddle, dqkv], dim=-1))
            dmiddle, dqkv = both.split([d, 3 * d], dim=-1)
            dqkv = dqkv.contiguous()
        dnormed = layers.affine_backward(at + "self_attn.in_proj_", dqkv, kept.normed.value)
        layers.gradients[at + "self_attn.in_proj_bias"][..., d : 2 * d] = 0
        dentry = layers.norm_backward(at + "norm1", dnormed, kept.entry, kept.normed)
        dentry.add_(dmiddle)
        if number:
            return dentry
        tables = torch.matmul(self._tables, dentry)
        token, position = tables.split([self.layout.tokens, self.layout.positions], dim=-2)
        layers.gradients["token.weight"].copy_(token)
        layers.gradients["position.weight"].copy_(position)
        return None

    def _attention_backward(self, kept: _Layer, dmixed: Tensor, tree: _Tree) -> Tensor:
        """From ([M], n, d) to the gradient of queries, keys and values, ([M], n, 3d)."""
        d, runs, nodes = self.layout.width, len(tree.hidden), len(tree.row)
        fill = len(tree.asking) - nodes  # of the last run
        dmixed = self._by_run(F.pad(dmixed, (0, 0, 0, fill)), runs, 1)[0]
        dvalue = torch.bmm(kept.shares.transpose(1, 2), dmixed)
        dshares = torch.bmm(dmixed, kept.value.transpose(1, 2))
        dscores = torch.ops.aten._softmax_backward_data(dshares, kept.shares, -1, dshares.dtype)
        dkey = torch.bmm(dscores.transpose(1, 2), kept.query)
        dquery = torch.bmm(dscores, kept.key).mul_(self._scale)
        dqkv = dmixed.new_empty(*kept.mixed.shape[:-1], 3 * d)
        dqkv[..., :d] = self._by_node([dquery], runs)[..., :nodes, :]
        dqkv[..., d:] = self._summed(self._by_node([dkey, dvalue], runs), tree)
        return dqkv

    def _summed(self, dseen: Tensor, tree: _Tree) -> Tensor:
        """([M], C · (T + c), 2d) ↦ ([M], n, 2d): each node's sum over the runs that see it."""
        nodes = len(tree.row)
        if dseen.is_cuda:  # in a fixed order, which an atomic sum is not
            each = torch.arange(nodes, device=dseen.device).unsqueeze(1) == tree.seen
            return torch.matmul(each.to(dseen.dtype), dseen)
        sums = dseen.new_zeros(*dseen.shape[:-2], nodes, dseen.shape[-1])
        return sums.index_add_(-2, tree.seen, dseen)
