"""Changes of the operands: swaps and signs, and the groups that they generate.

A change is (swap?, (s, t)): first (a, b) becomes (b, a) if it swaps, then (s·a, t·b) modulo p, with
s, t ∈ {1, −1}.  All changes together are a group of eight, the symmetries of the square; the order
of a group of some of them, and so the size of every orbit of pairs, is 1, 2, 4 or 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

Change = tuple[bool, tuple[int, int]]

SWAP: Change = (True, (1, 1))
BOTH: Change = (False, (-1, -1))
FIRST: Change = (False, (-1, 1))
SECOND: Change = (False, (1, -1))
CROSS: Change = (True, (-1, -1))

_NOTHING: Change = (False, (1, 1))


def group(changes: Iterable[Change]) -> tuple[Change, ...]:
    """All changes that some changes make one after another, "none" among them, in order.

    >>> [len(group(some)) for some in ((), (SWAP,), (SWAP, BOTH), (SWAP, FIRST))]
    [1, 2, 4, 8]
    """
    given, found = tuple(changes), {_NOTHING}
    while True:
        grown = found | {_compose(g, h) for g in found for h in given}
        if grown == found:
            return tuple(sorted(found))
        found = grown


def operands(modulus: int, low: int) -> np.ndarray:
    """((p − low)², 2) int64 pairs of operands, a slow and b fast."""
    values = np.arange(low, modulus, dtype=np.int64)
    return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)


def images(changes: Sequence[Change], pairs: np.ndarray, modulus: int, low: int) -> np.ndarray:
    """Where changes take pairs.

    Args:
        changes: K of them.
        pairs: (N, 2) int64 `operands` low … p−1, all of them.
        modulus: p.
        low: the smallest operand, 0 or 1.

    Returns:
        (N, K) indices into ``pairs``.
    """
    side, columns = modulus - low, []
    for swap, (sign_a, sign_b) in changes:
        a, b = pairs.T[::-1] if swap else pairs.T
        a, b = sign_a * a % modulus, sign_b * b % modulus
        columns.append((a - low) * side + (b - low))
    return np.stack(columns, axis=-1)


def _compose(first: Change, then: Change) -> Change:
    """Apply ``first`` to (a, b), then ``then`` to the result."""
    (swap, signs), (swap2, signs2) = first, then
    carried = signs[::-1] if swap2 else signs
    return swap ^ swap2, (carried[0] * signs2[0], carried[1] * signs2[1])
