"""What training, log and records ask of a task's data, whatever the task."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Examples(Protocol):
    """Items that are answered, each right or wrong, in a training and a test part.

    `grokbook.tasks.modular.Table` has pairs of operands, `grokbook.tasks.dyck.Corpus` prefixes of
    strings; of either there are N.
    """

    tasks: tuple[str, ...]

    @property
    def count(self) -> int:
        """N, the number of items."""

    @property
    def drawn_from(self) -> int:
        """How many examples batches draw from."""

    @property
    def labels(self) -> np.ndarray:
        """(N, T) int64, the right answers."""

    @property
    def trained(self) -> np.ndarray:
        """(N,) bool: is the item one of the training part?"""

    def average(self, values: np.ndarray, part: str) -> np.ndarray:
        """Mean over a part, ``"train"`` or ``"test"``: (…, N) ↦ (…); items may weigh unequally."""

    def twinless(self, task: str) -> np.ndarray:
        """(N,) bool: test items whose answer no training example gives away."""
