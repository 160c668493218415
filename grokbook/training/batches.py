"""The batch stream: contract of a run, drawn on the CPU, touched by nothing else.

Batch t is the t-th draw of a private ``RandomState(seed).randint(0, n_train, batch_size)``, which
equals the published loop's draws from NumPy's global legacy generator (2602.18523 section 1).
"""

from __future__ import annotations

import numpy as np


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
