"""Which pairs are trained on: the published split, and one that keeps orbits whole.

The published split shuffles pairs.  (a, b) and (b, a) then fall on either side, and the answer to
a test pair of a commutative task was nearly shown (2602.18523 section 2; our D15).  The symmetric
split shuffles orbits of pairs: no test pair has its answer from a training pair by a change of
the operands that keeps the answer of any of the run's tasks.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import numpy as np

SPLITS = ("published", "symmetric")


def permutation(count: int, seed: int) -> np.ndarray:
    """The published shuffle of ``count`` things: Python's ``random.Random(seed).shuffle``.

    >>> permutation(5, 0).tolist()
    [2, 1, 0, 4, 3]
    """
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return np.array(order, dtype=np.int64)


def published(count: int, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs shuffled, the first so many are trained on.

    Args:
        count: N, pairs.
        wanted: of them to train on.
        seed: of the shuffle.

    Returns:
        The indices of training and of test pairs, in the order of the shuffle.
    """
    order = permutation(count, seed)
    return order[:wanted], order[wanted:]


def symmetric(twins: np.ndarray, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All orbits shuffled, whole ones trained on until as many pairs as possible are.

    Orbits, listed by their first pairs, are gone through in shuffled order.  One is trained on if
    the largest number of training pairs that whole orbits can have, at most ``wanted``, is still
    within reach with those after it.  So that number is always met, it is the same for every seed,
    and until the last few orbits each one drawn is trained on, large or small.  Orbits of one pair
    each give the published split.

    Args:
        twins: (N, K) indices of each pair's orbit under a group, a pair among its own; sizes of
            orbits must divide each other.
        wanted: pairs to train on, at most.
        seed: of the shuffle, a generator of its own.

    Returns:
        The indices of training and of test pairs, orbit after orbit in the order of the shuffle,
        each orbit in ascending order.

    >>> swapped = np.array([[0, 0], [1, 2], [2, 1], [3, 3]])  # of two operands
    >>> [part.tolist() for part in symmetric(swapped, 2, seed=0)]
    [[0, 3], [1, 2]]
    """
    orbit, sizes = np.unique(twins.min(axis=1), return_inverse=True, return_counts=True)[1:]
    order = permutation(len(sizes), seed)
    ahead = Counter(sizes.tolist())
    missing = _reach(wanted, ahead)
    trained = np.zeros(len(sizes), dtype=bool)
    for at in order:
        size = int(sizes[at])
        ahead[size] -= 1
        if size <= missing == size + _reach(missing - size, ahead):
            trained[at] = True
            missing -= size
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    listed = np.argsort(place[orbit], kind="stable")
    inside = trained[orbit[listed]]
    return listed[inside], listed[~inside]


def _reach(limit: int, available: Mapping[int, int]) -> int:
    """The largest sum up to a limit of so many numbers of each size, which divide each other.

    Large ones first is then best: smaller ones that add up to at least a larger one hold some that
    add up to exactly that.

    >>> _reach(9, {4: 1, 2: 1, 1: 0}), _reach(9, {4: 3, 2: 1, 1: 5}), _reach(3, {4: 1})
    (6, 9, 0)
    """
    total = 0
    for size in sorted(available, reverse=True):
        total += size * min(available[size], max(0, limit - total) // size)
    return total
