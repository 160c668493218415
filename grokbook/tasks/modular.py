"""Modular arithmetic: six binary operations on integers modulo p, and the published split.

An example is an ordered pair (a, b); its label under a task is an integer in 0 … p−1.  Pairs are
listed with a as the slow and b as the fast index, so pair k of a table of side n is
(low + k // n, low + k % n).  Source: 2602.18523 section 2, 2602.16746 section 2 (six operations).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Sign = tuple[int, int]


@dataclass(frozen=True)
class Operation:
    """A binary operation modulo p.

    Attributes:
        name: the one name it has in configurations, files and tables.
        formula: as a reader writes it.
        value: (a, b) ↦ an integer before reduction; exact in int64 for p ≤ 65,521.
        symmetries: changes of the operands that never change the label, as (swap?, signs).
    """

    name: str
    formula: str
    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    symmetries: tuple[tuple[bool, Sign], ...] = ()


_SWAP = (True, (1, 1))
_BOTH = (False, (-1, -1))

OPERATIONS: dict[str, Operation] = {
    op.name: op
    for op in (
        Operation("add", "a + b", lambda a, b: a + b, (_SWAP,)),
        Operation("mul", "a × b", lambda a, b: a * b, (_SWAP, _BOTH)),
        Operation(
            "sq", "a² + b²", lambda a, b: a * a + b * b, (_SWAP, (False, (-1, 1)), (False, (1, -1)))
        ),
        Operation("sub", "a − b", lambda a, b: a - b),
        Operation("x2_xy_y2", "a² + ab + b²", lambda a, b: a * a + a * b + b * b, (_SWAP, _BOTH)),
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


def canonical_tasks(names: Iterable[str]) -> tuple[str, ...]:
    """Task names in registry order.

    Raises:
        ValueError: for an unknown or repeated name, or none at all.

    >>> canonical_tasks(["sq", "add"])
    ('add', 'sq')
    """
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",") if part.strip()]
    if not isinstance(names, Iterable):
        raise ValueError(f"tasks must be names, not {names!r}")
    names = list(names)
    if not names:
        raise ValueError(f"no task given; known tasks: {', '.join(OPERATIONS)}")
    for name in names:
        if name not in OPERATIONS:
            hint = f" (did you mean {_NICKNAMES[name]}?)" if name in _NICKNAMES else ""
            raise ValueError(f"unknown task {name!r}{hint}; known tasks: {', '.join(OPERATIONS)}")
        if names.count(name) > 1:
            raise ValueError(f"task {name!r} is given twice")
    return tuple(name for name in OPERATIONS if name in names)


def default_domain(tasks: tuple[str, ...]) -> str:
    """The published domain: all residues for one task that is not mul, else the nonzero ones."""
    return "full" if len(tasks) == 1 and tasks != ("mul",) else "nonzero"


def lowest_operand(domain: str) -> int:
    """0 for the full domain, 1 for the nonzero one."""
    return {"full": 0, "nonzero": 1}[domain]


def is_prime(n: int) -> bool:
    """Trial division; moduli are small.

    >>> [n for n in range(20) if is_prime(n)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))


def check_domain(tasks: tuple[str, ...], modulus: int, domain: str) -> None:
    """Refuse an unknown domain, and mul on a composite modulus.

    Raises:
        ValueError: unknown domain; mul where not every nonzero residue has an inverse, so that
            its rows are no longer permutations, on either domain.
    """
    if domain not in ("full", "nonzero"):
        raise ValueError(f"unknown domain {domain!r}; known domains: full, nonzero")
    if "mul" in tasks and not is_prime(modulus):
        raise ValueError(
            f"modulus {modulus} is not prime, and mul needs a prime: modulo a "
            "composite number not every nonzero residue has an inverse"
        )


def permutation(count: int, seed: int) -> np.ndarray:
    """The published shuffle of ``count`` pairs: Python's ``random.Random(seed).shuffle``.

    >>> permutation(5, 0).tolist()
    [2, 1, 0, 4, 3]
    """
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return np.array(order, dtype=np.int64)


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Table:
    """All pairs of a domain, their labels under each task, and the split.

    Attributes:
        tasks: T task names.
        modulus: p.
        low: smallest operand, 0 or 1.
        train: (n_train,) pair indices in the order in which batches index them.
        test: (n_test,) pair indices.
    """

    tasks: tuple[str, ...]
    modulus: int
    low: int
    train: np.ndarray
    test: np.ndarray

    @classmethod
    def make(
        cls, tasks: tuple[str, ...], modulus: int, domain: str, train_fraction: float, seed: int
    ) -> Table:
        """The published split: shuffle all pairs, the first ⌊fraction · N⌋ are trained on."""
        low = lowest_operand(domain)
        count = (modulus - low) ** 2
        order = permutation(count, seed)
        cut = int(train_fraction * count)
        return cls(tasks, modulus, low, order[:cut], order[cut:])

    @property
    def side(self) -> int:
        """n, the number of values that an operand takes."""
        return self.modulus - self.low

    @cached_property
    def pairs(self) -> np.ndarray:
        """(n², 2) int64 operands, a slow and b fast."""
        values = np.arange(self.low, self.modulus, dtype=np.int64)
        return np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)

    @cached_property
    def labels(self) -> np.ndarray:
        """(n², T) int64 labels in 0 … p−1."""
        a, b = self.pairs.T
        return np.stack([OPERATIONS[t].value(a, b) % self.modulus for t in self.tasks], axis=-1)

    @cached_property
    def trained(self) -> np.ndarray:
        """(n²,) bool: is the pair in the training set?"""
        mask = np.zeros(len(self.pairs), dtype=bool)
        mask[self.train] = True
        return mask

    def twins(self, task: str) -> np.ndarray:
        """(n², K) indices of the pairs that share this pair's label by a symmetry of the task.

        The orbit of the pair under swapping operands and changing signs, as far as the task
        allows them; a pair is its own twin.  K is the order of the group: 1, 2, 4 or 8.

        >>> Table.make(("add",), 5, "full", .5, 0).twins("add")[1].tolist()  # (0, 1), (1, 0)
        [1, 5]
        """
        group: set[tuple[bool, Sign]] = {(False, (1, 1))}
        while True:
            grown = group | {_compose(g, h) for g in group for h in OPERATIONS[task].symmetries}
            if grown == group:
                break
            group = grown
        columns = []
        for swap, (sign_a, sign_b) in sorted(group):
            a, b = self.pairs.T[::-1] if swap else self.pairs.T
            a, b = sign_a * a % self.modulus, sign_b * b % self.modulus
            columns.append((a - self.low) * self.side + (b - self.low))
        return np.stack(columns, axis=-1)

    def leaked(self, task: str) -> np.ndarray:
        """(n²,) bool: is this a test pair, one of whose twins was trained on?"""
        return ~self.trained & self.trained[self.twins(task)].any(axis=1)

    def twinless(self, task: str) -> np.ndarray:
        """(n²,) bool: is this a test pair, none of whose twins was trained on?"""
        return ~self.trained & ~self.leaked(task)


def _compose(first: tuple[bool, Sign], then: tuple[bool, Sign]) -> tuple[bool, Sign]:
    """Apply ``first`` to (a, b), then ``then`` to the result."""
    (swap, signs), (swap2, signs2) = first, then
    carried = signs[::-1] if swap2 else signs
    return swap ^ swap2, (carried[0] * signs2[0], carried[1] * signs2[1])
