"""What a trainer asks of the task that it trains: data, first weights, batches, gradients, marks.

A trainer knows its models as rows of a buffer and a batch as so many indices; everything else is
behind `Objective`, with one implementation a kind of task (`grokbook.training.objectives`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from grokbook.config import Config
from grokbook.models.layout import Layout
from grokbook.tasks.examples import Examples
from grokbook.training.evaluation import Evaluation


class Stream(Protocol):
    """The batches of one run: a contract of the run, drawn on the CPU, touched by nothing else.

    Attributes:
        drawn: batches so far.
    """

    drawn: int

    def draw(self) -> np.ndarray:
        """The next batch: (B,) int64 positions in the training list, with replacement."""

    def skip(self, count: int) -> None:
        """Pass over ``count`` batches, as resuming does."""


class Objective(ABC):
    """The task of M models.

    Args:
        configs: of the models, of one `kinship`; they are placed by the trainer.
        theta: (M, P) parameters, read in place.

    Attributes:
        layout: of the models.
        tables: data, by slot.
        drawn_from: examples that each model's batches draw from.
    """

    def __init__(self, configs: Sequence[Config], theta: Tensor) -> None:
        self.layout, self.theta = Layout.of(configs[0]), theta
        self.tables: list[Examples] = [config.table() for config in configs]
        self.drawn_from = self.tables[0].drawn_from

    @staticmethod
    @abstractmethod
    def kinship(config: Config) -> tuple:
        """What models must have in common to be trained as one ensemble, besides the optimiser."""

    @staticmethod
    @abstractmethod
    def activations(config: Config) -> int:
        """Upper estimate of the numbers that a step holds of one model's batch."""

    @abstractmethod
    def initial(self, config: Config) -> Tensor:
        """(P,) initial weights of a run."""

    @abstractmethod
    def stream(self, config: Config) -> Stream:
        """A run's batches, from the first."""

    @abstractmethod
    def place(self, slot: int, config: Config) -> None:
        """Put a run's data into a slot."""

    @abstractmethod
    def __call__(self, index: Tensor) -> Tensor:
        """Fill the gradient of the loss, summed over tasks; no branches on values on a GPU.

        Args:
            index: (M · B,) training examples, those of slot m from m · ``drawn_from`` on.

        Returns:
            (M, T) mean loss of each task in nats.
        """

    @abstractmethod
    def evaluate(self) -> list[Evaluation]:
        """All M models on all their items."""
