"""In how many runs does an order of tasks hold, and how often would it by chance?

Null: within a run the tasks are exchangeable, so that its grok steps, ties and all, might have been
dealt to the tasks in any way.  Runs are independent; the count over runs is a sum of unequal coins,
whose distribution is computed exactly.  Source: 2602.18523 claim MT-08.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np

from grokbook.statistics.units import caution

Steps = tuple[float, ...]
"""The grok steps of a run's tasks."""


@dataclass(frozen=True)
class Held:
    """How often a statement about a run's order holds.

    Attributes:
        runs: in which it does.
        expected: runs in which it would, were tasks exchangeable.
        p: exact chance of at least as many runs.
    """

    runs: int
    expected: float
    p: float


@dataclass(frozen=True)
class OrderTest:
    """Counts of an order over runs.

    A task that never groks comes after all that do, tied with others that do not.

    Attributes:
        order: tasks, claimed first to last.
        n: runs in which some task groks; with none, every chance is 1.
        censored: those of them in which some task does not; a single one is the last for certain.
        undecided: those in which several do not, so that the last places are open.
        left_out: names of runs in which none does.
        strict: exactly this order, without a tie.
        weak: this order, ties allowed.
        first: ``order[0]`` before all others.
        first_or_tied: no task before ``order[0]``.
        last: ``order[-1]`` after all others.
        majority: the commonest strict order, and its runs; the empty order if every run has a tie.
    """

    order: tuple[str, ...]
    n: int
    censored: int
    undecided: int
    left_out: tuple[str, ...]
    strict: Held
    weak: Held
    first: Held
    first_or_tied: Held
    last: Held
    majority: tuple[tuple[str, ...], int]

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return caution(self.n) if self.n > 1 else ("one run" if self.n else "no run groks")


def order_test(steps: Mapping[str, Mapping[str, int | None]], order: Sequence[str]) -> OrderTest:
    """Count an order over runs.

    Args:
        steps: run ↦ task ↦ grok step or None.
        order: tasks, claimed first to last; at most seven.

    Raises:
        ValueError: for an order that names a task twice or fewer than two, or a run with other
            tasks.

    >>> runs = {"a": {"mul": 100, "add": 200}, "b": {"mul": 100, "add": 100}}
    >>> test = order_test(runs, ["mul", "add"])
    >>> test.strict.runs, test.strict.p, test.weak.runs
    (1, 0.5, 2)
    """
    order = tuple(order)
    if not 2 <= len(order) <= 7 or len(set(order)) < len(order):
        raise ValueError(f"an order has two to seven tasks, each once, not {order!r}")
    ran: list[Steps] = []
    left_out = []
    for run, found in steps.items():
        if set(found) != set(order):
            raise ValueError(f"run {run} does not have the tasks {', '.join(order)}")
        row = tuple(math.inf if found[task] is None else float(found[task]) for task in order)
        if min(row) < math.inf:
            ran.append(row)
        else:
            left_out.append(run)
    strict_orders: dict[tuple[str, ...], int] = {}
    for row in ran:
        if len(set(row)) == len(row):
            seen = tuple(sorted(order, key=dict(zip(order, row, strict=True)).__getitem__))
            strict_orders[seen] = strict_orders.get(seen, 0) + 1
    common = max(strict_orders, key=strict_orders.__getitem__, default=())
    return OrderTest(
        order=order,
        n=len(ran),
        censored=sum(math.inf in row for row in ran),
        undecided=sum(row.count(math.inf) > 1 for row in ran),
        left_out=tuple(left_out),
        strict=_held(ran, lambda s: all(a < b for a, b in pairwise(s))),
        weak=_held(ran, lambda s: all(a <= b for a, b in pairwise(s))),
        first=_held(ran, lambda s: all(s[0] < other for other in s[1:])),
        first_or_tied=_held(ran, lambda s: s[0] == min(s)),
        last=_held(ran, lambda s: all(s[-1] > other for other in s[:-1])),
        majority=(common, strict_orders.get(common, 0)),
    )


def _held(runs: Sequence[Steps], says: Callable[[Steps], bool]) -> Held:
    """A statement's count, with its exact distribution under exchangeable tasks."""
    dealt = [[says(deal) for deal in permutations(run)] for run in runs]
    chances = [sum(each) / len(each) for each in dealt]
    count = sum(says(run) for run in runs)
    return Held(count, sum(chances), chance_of_sum(count, chances))


def chance_of_sum(count: int, chances: Sequence[float]) -> float:
    """P(X₁ + … + X_n ≥ count) for independent X_r, each 1 with its own chance.

    >>> chance_of_sum(2, [0.5, 0.5])
    0.25
    """
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(min(1.0, distribution[max(0, count) :].sum()))
