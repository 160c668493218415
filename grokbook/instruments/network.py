"""A run's network as functions of its attention matrices, the other parameters as they are.

Directions of the spectral edge are directions of those matrices.  On brackets a network is judged
by the first test strings, as published; in modular arithmetic by its test pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.config import DyckConfig
from grokbook.geometry.perturbation_curves import Network
from grokbook.geometry.strings import Strings
from grokbook.instruments.subject import Subject
from grokbook.models import trunk
from grokbook.models.layout import Layout

ATTENTION = ("in_proj_weight", "out_proj.weight")
"""How the names of the matrices end."""

PAIRS = 1_024
"""Pairs of modular arithmetic that a network is judged by; fixed, of a run's own seed."""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class AttentionSlot:
    """All parameters, of which the attention matrices can be exchanged.

    Attributes:
        layout: of the model.
        theta: (P,) all parameters.
    """

    layout: Layout
    theta: Tensor

    @property
    def attention(self) -> Tensor:
        """(A,) the attention matrices."""
        return self.layout.attention(self.theta[None])[0]

    def whole(self, attention: Tensor) -> Tensor:
        """(P,) θ with other attention matrices (A,), in their precision."""
        parts, at = [], 0
        for name, place in self.layout.slices.items():
            size = place.stop - place.start
            if name.endswith(ATTENTION):
                parts.append(attention[at : at + size])
                at += size
            else:
                parts.append(self.theta[place].to(attention.dtype))
        return torch.cat(parts)

    def of(self, function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """A function of all parameters, as one of the attention matrices."""
        return lambda attention: function(self.whole(attention))

    def norm_of_queries(self, attention: Tensor) -> float:
        """Mean over layers of ‖[W_Q, W_K]‖_F."""
        both = attention.view(self.layout.layers, 4, -1)[:, :2]
        return float(both.double().flatten(1).norm(dim=1).mean())


@dataclass(frozen=True, eq=False)
class Examples:
    """What a network is judged by.

    Attributes:
        logits: θ (P,) ↦ (n, C), a row an example.
        labels: (n,) int64.
        weights: (n,) float64, how often each counts.
        unseen: (n,) float64, the same of a test that training gives nothing away of.
    """

    logits: Callable[[Tensor], Tensor]
    labels: Tensor
    weights: Tensor
    unseen: Tensor

    def loss(self, theta: Tensor) -> Tensor:
        """Mean cross-entropy, nats."""
        nats = F.cross_entropy(self.logits(theta), self.labels, reduction="none")
        weights = self.weights.to(nats.dtype)
        return nats @ (weights / weights.sum())

    def network(self, slot: AttentionSlot, **more) -> Network:
        """The same as a function of the attention matrices."""
        return Network(slot.of(self.logits), self.labels, self.weights, **more)

    @property
    def count(self) -> int:
        """Tokens or pairs."""
        return int(self.weights.sum())


def first_strings(subject: Subject, count: int) -> Strings:
    """The decoder on the first test strings; fewer if there are no more."""
    return Strings.of(subject.layout, subject.table.test_strings[:count])


def judged(subject: Subject, count: int) -> Examples:
    """The first test strings as published, or test pairs.

    Args:
        subject: the run.
        count: of strings.
    """
    if isinstance(subject.config, DyckConfig):
        corpus, strings = subject.table, first_strings(subject, count)
        items = len(corpus.train_tree) + corpus.test_tree.paths[: len(strings.paths)][strings.valid]
        item = np.empty(len(strings.nodes), dtype=np.int64)
        item[strings.tokens] = items
        fresh = corpus.twinless(subject.config.tasks[0])[item]
        labels = torch.from_numpy(corpus.labels[item, 0])
        unseen = torch.from_numpy(fresh.astype(np.float64))
        return Examples(strings.logits, labels, strings.counts, unseen)
    drawn = np.random.default_rng(subject.seed("network/pairs")).permutation(subject.table.test)
    return _pairs(subject, np.sort(drawn[:PAIRS]))


def learned_from(subject: Subject) -> Examples:
    """The whole training set, with the labels that were trained on."""
    if isinstance(subject.config, DyckConfig):
        corpus = subject.table
        strings = Strings.of(subject.layout, corpus.train_strings)
        labels = torch.from_numpy(corpus.labels[: len(corpus.train_tree), 0])
        return Examples(strings.logits, labels, strings.counts, torch.zeros(len(labels)))
    return _pairs(subject, subject.table.train)


def _pairs(subject: Subject, indices: np.ndarray) -> Examples:
    layout, table = subject.layout, subject.table
    pairs = torch.from_numpy(table.pairs[indices])[None]
    fresh = table.twinless(subject.config.tasks[0])[indices]

    def logits(theta: Tensor) -> Tensor:
        return trunk.logits(layout, layout.views(theta[None]), pairs)[0, :, 0]

    return Examples(
        logits,
        torch.from_numpy(table.labels[indices, 0]),
        torch.ones(len(indices), dtype=torch.float64),
        torch.from_numpy(fresh.astype(np.float64)),
    )
