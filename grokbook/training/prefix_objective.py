"""Strings with a label at every token: the causal decoder on trees of prefixes, as trained.

A batch of strings is a weight on every distinct prefix of the training strings: how many of its
tokens have that prefix, divided by its tokens.  The mean loss over a batch's tokens, without
padding, is then the weighted sum over prefixes (`grokbook.models.decoder`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.config import DyckConfig
from grokbook.models import decoder, linear
from grokbook.models.decoder import Nodes
from grokbook.models.decoder_gradient import DecoderGradient
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.models.linear import Route
from grokbook.training.batches import LaterBatches
from grokbook.training.evaluation import Evaluation
from grokbook.training.objective import Objective

_TOGETHER = {"cpu": 1, "cuda": 16}
"""Models that are evaluated in one pass."""


class PrefixObjective(Objective):
    """Mean cross-entropy over the tokens of a batch of training strings."""

    def __init__(
        self, configs: Sequence[DyckConfig], theta: Tensor, gradient: Tensor, route: Route
    ) -> None:
        super().__init__(configs, theta)
        tree, device = self.tables[0].train_tree, theta.device
        self._gradient = DecoderGradient(self.layout, tree, theta, gradient, route)
        within = np.zeros((self.drawn_from, len(tree)))
        for row, path in zip(within, tree.paths, strict=True):
            row[path[path >= 0]] = 1
        self._within = torch.from_numpy(within).to(theta)
        self._lengths = self._within.sum(1, keepdim=True)
        self._labels = torch.zeros(len(configs), len(tree), dtype=torch.int64, device=device)
        self._ones = theta.new_ones(len(configs) * configs[0].batch_size)
        self._trees = [
            Nodes.of(part, device=device)
            for part in (self.tables[0].train_tree, self.tables[0].test_tree)
        ]

    @staticmethod
    def kinship(config: DyckConfig) -> tuple:
        """Shapes and corpus; labels are each model's own."""
        return (Layout.of(config), config.data_seed, config.batch_size)

    @staticmethod
    def activations(config: DyckConfig) -> int:
        """Of a prefix and layer about 8 d + 2 f, the scores of all pairs of them, the logits."""
        layout, nodes = Layout.of(config), len(config.table().train_tree)
        row = layout.layers * (8 * layout.width + 2 * layout.hidden) + 2 * layout.answers
        scores = (layout.layers + 3) * layout.heads * nodes**2
        return 3 * nodes * row // 2 + scores

    def initial(self, config: DyckConfig) -> Tensor:
        """(P,) initial weights of a run."""
        kind, scale = self.theta.dtype, config.init_scale
        return initial_parameters(self.layout, [config.init_seed], dtype=kind, scale=scale)[0]

    def stream(self, config: DyckConfig) -> LaterBatches:
        """A run's batches, from the first."""
        return LaterBatches(self.layout, config.batch_seed, self.drawn_from, config.batch_size)

    def place(self, slot: int, config: DyckConfig) -> None:
        """Upload a run's training labels."""
        table = self.tables[slot] = config.table()
        labels = torch.from_numpy(table.labels[table.trained, 0])
        self._labels[slot] = labels.to(self._labels.device)

    def __call__(self, index: Tensor) -> Tensor:
        """Loss (M, 1) on strings of the training lists, laid end to end."""
        models = len(self.theta)
        drawn = self._ones.new_zeros(models * self.drawn_from)
        drawn = drawn.scatter_add_(0, index, self._ones).view(models, -1)
        weights = torch.matmul(drawn, self._within) / torch.matmul(drawn, self._lengths)
        return self._gradient(self._labels, weights).unsqueeze(1)

    @torch.no_grad()
    def evaluate(self) -> list[Evaluation]:
        """All M models on all prefixes of training and of test strings."""
        device = self.theta.device.type
        product = linear.linear if device == "cpu" else decoder.plain_linear
        found, size = [], _TOGETHER[device]
        for start in range(0, len(self.theta), size):
            part = slice(start, start + size)
            views = self.layout.views(self.theta[part])
            out = torch.cat(
                [decoder.logits(self.layout, views, tree, linear=product) for tree in self._trees],
                dim=1,
            )
            for each, table in zip(out, self.tables[part], strict=True):
                labels = torch.from_numpy(table.labels[:, 0]).to(each.device)
                right = (each.argmax(-1) == labels).cpu().numpy()
                nats = F.cross_entropy(each, labels, reduction="none").double().cpu().numpy()
                found.append(_summarise(right, nats, table))
        return found


def _summarise(right: np.ndarray, nats: np.ndarray, table) -> Evaluation:
    loss = [table.average(nats[None], part) for part in ("train", "test")]
    accuracy = [table.average(right[None], part) for part in ("train", "test")]
    return Evaluation(right[:, None], *loss, *accuracy)
