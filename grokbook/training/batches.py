"""The batch streams: contract of a run, drawn on the CPU, touched by nothing else.

On modular arithmetic, batch t is the t-th draw of a private
``RandomState(seed).randint(0, n_train, batch_size)``, which equals the published loop's draws from
NumPy's global legacy generator (2602.18523 section 1).  On Dyck-1 it is the t-th
``torch.randint(0, n_train, (batch_size,))`` after the draws of the initial weights, as from
PyTorch's global generator (2602.16967 section 3).
"""

from __future__ import annotations

import numpy as np
import torch

from grokbook.models.initialise import draw
from grokbook.models.layout import Layout


class Batches:
    """One model's stream of training indices.

    >>> a, b = Batches(7, 100, 4), Batches(7, 100, 4)
    >>> b.skip(2)
    >>> _ = a.draw(), a.draw()
    >>> bool((a.draw() == b.draw()).all()), a.drawn
    (True, 3)
    """

    def __init__(self, seed: int, n_train: int, batch_size: int) -> None:
        self._generator = np.random.RandomState(seed)
        self._high, self._size = n_train, batch_size
        self.drawn = 0

    def draw(self) -> np.ndarray:
        """The next batch: (batch_size,) int64 positions in the training list, with replacement."""
        self.drawn += 1
        return self._generator.randint(0, self._high, self._size)

    def skip(self, count: int) -> None:
        """Pass over ``count`` batches, as resuming does."""
        for _ in range(count):
            self.draw()


class LaterBatches:
    """One model's stream of training indices, after the draws of a model's initial weights.

    >>> from grokbook.models.layout import DecoderLayout
    >>> layout = DecoderLayout(positions=24, width=8, heads=2, hidden=8)
    >>> a, b = LaterBatches(layout, 7, 100, 4), LaterBatches(layout, 7, 100, 4)
    >>> b.skip(2)
    >>> _ = a.draw(), a.draw()
    >>> bool((a.draw() == b.draw()).all()), a.drawn
    (True, 3)
    """

    def __init__(self, layout: Layout, seed: int, n_train: int, batch_size: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        draw(layout, torch.empty(1, layout.size), self._generator)
        self._high, self._size = n_train, batch_size
        self.drawn = 0

    def draw(self) -> np.ndarray:
        """The next batch: (batch_size,) int64 positions in the training list, with replacement."""
        self.drawn += 1
        return torch.randint(self._high, (self._size,), generator=self._generator).numpy()

    def skip(self, count: int) -> None:
        """Pass over ``count`` batches, as resuming does."""
        for _ in range(count):
            self.draw()
