"""Six binary operations on integers modulo p, by name.

Source: 2602.18523 section 2, 2602.16746 section 2 (six operations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from grokbook.tasks.symmetry import BOTH, CROSS, FIRST, SECOND, SWAP, Change


@dataclass(frozen=True)
class Operation:
    """A binary operation modulo p.

    Attributes:
        name: the one name it has in configurations, files and tables.
        formula: as a reader writes it.
        value: (a, b) ↦ an integer before reduction; exact in int64 for p ≤ 65,521.
        symmetries: changes of the operands that never change the label; they generate all swaps
            and changes of sign that never do.
    """

    name: str
    formula: str
    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    symmetries: tuple[Change, ...] = ()


OPERATIONS: dict[str, Operation] = {
    op.name: op
    for op in (
        Operation("add", "a + b", lambda a, b: a + b, (SWAP,)),
        Operation("mul", "a × b", lambda a, b: a * b, (SWAP, BOTH)),
        Operation("sq", "a² + b²", lambda a, b: a * a + b * b, (SWAP, FIRST, SECOND)),
        Operation("sub", "a − b", lambda a, b: a - b, (CROSS,)),
        Operation("x2_xy_y2", "a² + ab + b²", lambda a, b: a * a + a * b + b * b, (SWAP, BOTH)),
        Operation("x3_xy", "a³ + ab", lambda a, b: a * a * a + a * b),
    )
}
"""Registry order is the order of heads: add, mul, sq first, as in the multi-task paper."""

_NICKNAMES = {
    "x2_y2": "sq",
    "sum": "add",
    "addition": "add",
    "product": "mul",
    "times": "mul",
    "multiplication": "mul",
    "subtraction": "sub",
    "minus": "sub",
    "square": "sq",
}


def canonical_tasks(names: Iterable[str], others: Iterable[str] = ()) -> tuple[str, ...]:
    """Task names in registry order.

    Args:
        names: of operations.
        others: tasks of other kinds, which a complaint names as well.

    Raises:
        ValueError: for an unknown or repeated name, or none at all.

    >>> canonical_tasks(["sq", "add"])
    ('add', 'sq')
    """
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",") if part.strip()]
    if not isinstance(names, Iterable):
        raise ValueError(f"tasks must be names, not {names!r}")
    names, known = list(names), ", ".join([*OPERATIONS, *others])
    if not names:
        raise ValueError(f"no task given; known tasks: {known}")
    for name in names:
        if name in others and len(names) > 1:
            raise ValueError(f"{name} is learned alone, not beside other tasks")
        if name not in OPERATIONS:
            hint = f" (did you mean {_NICKNAMES[name]}?)" if name in _NICKNAMES else ""
            raise ValueError(f"unknown task {name!r}{hint}; known tasks: {known}")
        if names.count(name) > 1:
            raise ValueError(f"task {name!r} is given twice")
    return tuple(name for name in OPERATIONS if name in names)
