"""A causal decoder on fixed strings, as functions of all of its parameters.

Tokens with equal prefixes have equal states, so everything is computed once a distinct prefix;
what wants a row a token gathers them.  Everything is in the precision of θ and can be
differentiated twice.  Attention itself is wanted on padded strings, padding included, as
published.  Source: 2604.07380 sections 4.3, 4.10 and 4.12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models import decoder
from grokbook.models.decoder import Nodes
from grokbook.models.functional import layer_norm, linear
from grokbook.models.layout import DecoderLayout
from grokbook.tasks.prefixes import Prefixes


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Strings:
    """A decoder on strings.

    Attributes:
        layout: of the model.
        tree: of the strings' distinct prefixes, N of them.
        nodes: the same, as the model reads it.
        paths: (S, T) int64, the node of every token; −1 past a string's end.
    """

    layout: DecoderLayout
    tree: Prefixes
    nodes: Nodes
    paths: np.ndarray

    @classmethod
    def of(cls, layout: DecoderLayout, sequences: Sequence[Sequence[int]]) -> Strings:
        """The decoder on some strings.

        Raises:
            ValueError: for no strings, or one that is empty.
        """
        tree = Prefixes.of(sequences)
        return cls(layout, tree, Nodes.of(tree), tree.paths)

    @property
    def valid(self) -> np.ndarray:
        """(S, T) bool: is there a token?"""
        return self.paths >= 0

    @property
    def tokens(self) -> np.ndarray:
        """(n,) the node of each token, string by string."""
        return self.paths[self.valid]

    @property
    def counts(self) -> Tensor:
        """(N,) float64, how many tokens have each prefix."""
        return torch.from_numpy(self.tree.counts().astype(np.float64))

    def logits(self, theta: Tensor) -> Tensor:
        """(N, C), a row a distinct prefix."""
        return decoder.logits(self.layout, self.layout.views(theta[None]), self.nodes)[0]

    def loss(self, theta: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of the tokens in nats, for labels (N,) of the prefixes."""
        weights = self.counts.to(theta.dtype)
        nats = F.cross_entropy(self.logits(theta), labels, reduction="none")
        return nats @ (weights / weights.sum())

    def states(self, theta: Tensor) -> dict[str, Tensor]:
        """(N, d) by layer: the embedding, after each block, and behind the last LayerNorm."""
        named = self.layout.views(theta[None])
        found = [each[0] for each in decoder.states(self.layout, named, self.nodes)]
        last = layer_norm(found[-1][None], named["norm.weight"], named["norm.bias"])[0]
        layers = {f"layer {k}": each for k, each in enumerate(found[1:])}
        return {"embedding": found[0], **layers, "norm": last}

    def scores(self, theta: Tensor) -> Tensor:
        """(layers, S, heads, T, T) ⟨q, k⟩/√d_h of strings of one length, before the mask.

        Raises:
            ValueError: if the strings differ in length: pad them.
        """
        if (self.paths < 0).any():
            raise ValueError("attention needs strings of one length, padded ones if need be")
        named, d, found = self.layout.views(theta[None]), self.layout.width, []
        hidden = decoder.states(self.layout, named, self.nodes)
        for layer in range(self.layout.layers):
            at = f"encoder.layers.{layer}."
            norm = [named[f"{at}norm1.{kind}"] for kind in ("weight", "bias")]
            project = [named[f"{at}self_attn.in_proj_{kind}"] for kind in ("weight", "bias")]
            rows = linear(layer_norm(hidden[layer], *norm), *project)[0][self.paths]
            query, key, _ = (
                part.unflatten(-1, (self.layout.heads, -1)).transpose(1, 2)
                for part in rows.split(d, dim=-1)
            )
            found.append(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5)
        return torch.stack(found)


def attention(scores: Tensor) -> Tensor:
    """Causal attention from scores (…, T, T)."""
    length = scores.shape[-1]
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(-1)


def padded(sequences: Sequence[Sequence[int]], length: int, pad: int) -> list[tuple[int, ...]]:
    """Strings of one length.

    Raises:
        ValueError: for a string that is longer.

    >>> padded([(0, 1)], 4, 2)
    [(0, 1, 2, 2)]
    """
    if (longest := max(map(len, sequences), default=0)) > length:
        raise ValueError(f"a string of {longest} does not fit into {length}")
    return [(*each, *[pad] * (length - len(each))) for each in sequences]
