"""Pairs of operands: modular arithmetic on a shared trunk, as a trainer sees it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook.config import RunConfig
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import SEQUENCE, Layout
from grokbook.models.linear import Route
from grokbook.models.trunk_gradient import TrunkGradient
from grokbook.training.batches import Batches
from grokbook.training.evaluation import Evaluation, evaluate
from grokbook.training.objective import Objective


class PairObjective(Objective):
    """Mean cross-entropy of every head on batches of training pairs."""

    def __init__(
        self, configs: Sequence[RunConfig], theta: Tensor, gradient: Tensor, route: Route
    ) -> None:
        super().__init__(configs, theta)
        self._gradient = TrunkGradient(self.layout, theta, gradient, route)
        rows, tasks = len(configs) * self.drawn_from, len(configs[0].tasks)
        self._pairs, self._labels = (
            torch.zeros(rows, wide, dtype=torch.int64, device=theta.device) for wide in (2, tasks)
        )

    @staticmethod
    def kinship(config: RunConfig) -> tuple:
        """Shapes and table size."""
        table = (config.modulus, config.domain, config.train_fraction, config.batch_size)
        if config.split != "published":  # how many pairs whole orbits can have is up to the tasks
            table += (config.split, config.tasks)
        return (Layout.of(config), *table)

    @staticmethod
    def activations(config: RunConfig) -> int:
        """Of a position and layer about 8 d + 2 f, what is gathered, and the logits."""
        layout = Layout.of(config)
        row = layout.layers * (8 * layout.width + 2 * layout.hidden) + 6 * layout.width
        kept = SEQUENCE * row + 2 * layout.tasks * layout.modulus
        return 3 * config.batch_size * kept // 2

    def initial(self, config: RunConfig) -> Tensor:
        """(P,) initial weights of a run."""
        return initial_parameters(self.layout, [config.init_seed], dtype=self.theta.dtype)[0]

    def stream(self, config: RunConfig) -> Batches:
        """A run's batches, from the first."""
        return Batches(config.batch_seed, self.drawn_from, config.batch_size)

    def place(self, slot: int, config: RunConfig) -> None:
        """Upload a run's training pairs."""
        table = self.tables[slot] = config.table()
        rows = slice(slot * self.drawn_from, (slot + 1) * self.drawn_from)
        self._pairs[rows] = torch.from_numpy(table.pairs[table.train]).to(self._pairs.device)
        self._labels[rows] = torch.from_numpy(table.labels[table.train]).to(self._labels.device)

    def __call__(self, index: Tensor) -> Tensor:
        """Loss (M, T) on rows of the training lists, laid end to end."""
        models = len(self.theta)
        pairs = self._pairs.index_select(0, index).view(models, -1, 2)
        labels = self._labels.index_select(0, index).view(*pairs.shape[:2], -1)
        return self._gradient(pairs, labels)

    def evaluate(self) -> list[Evaluation]:
        """All M models on all pairs."""
        return evaluate(self.layout, self.theta, self.tables)
