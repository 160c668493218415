"""PyTorch's permutation of a seed, without PyTorch: declaring a run does not load it.

On a CPU ``torch.randperm`` shuffles by Fisher and Yates with the outputs of a 32-bit Mersenne
Twister, for up to 2³² / 20 things.  NumPy's legacy generator gives the same stream of a seed.
"""

from __future__ import annotations

import numpy as np


def torch_permutation(count: int, seed: int) -> np.ndarray:
    """What ``torch.randperm(count)`` gives with a CPU generator of this seed; (count,) int64.

    >>> torch_permutation(10, 0).tolist()
    [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]
    """
    draws = np.random.RandomState(seed).randint(0, 2**32, size=max(0, count - 1), dtype=np.uint32)
    order = np.arange(count, dtype=np.int64)
    for at, draw in enumerate(draws.tolist()):
        other = at + draw % (count - at)
        order[at], order[other] = order[other], order[at]
    return order
