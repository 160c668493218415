"""Fewer points of a curve or a path, first and last included: by rank, or at an even stride.

By rank as many remain as are asked for, and gaps differ by one at most.  At a stride all gaps but
the last are equal, so that curves with one cadence keep the same steps; what remains is at most
what is asked for, and the last.
"""

from __future__ import annotations

import numpy as np


def thin(steps: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the steps, evenly spaced by rank."""
    if len(steps) <= count:
        return np.asarray(steps)
    return np.asarray(steps)[np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))]


def one_in(stride: int, count: int) -> np.ndarray:
    """Places of one in so many of ``count`` points, and of the last.

    >>> one_in(3, 9).tolist()
    [0, 3, 6, 8]
    """
    return np.unique(np.append(np.arange(0, count, stride), count - 1))


def strided(count: int, most: int) -> np.ndarray:
    """Places at the least stride that keeps ``most`` of ``count`` points, and of the last.

    >>> strided(4, 400).tolist(), strided(1200, 400)[[0, 1, -2, -1]].tolist()
    ([0, 1, 2, 3], [0, 3, 1197, 1199])
    """
    return one_in(-(-count // most), count)
