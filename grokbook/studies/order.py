"""Which task finishes first, and by how much (2602.18523, section 3; claims MT-05 and MT-08).

A run's *order* is that of the grok steps of its tasks under one rule.  Evaluations are 100 steps
apart, so equal steps are ties, and a tie is not an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

from grokbook.record import RunRecord
from grokbook.statistics import Interval, chance_of_at_least, mean_interval


@dataclass(frozen=True)
class OrderCount:
    """In how many runs an order holds.

    Attributes:
        order: tasks, first to last.
        rule: grok rule.
        runs: runs in which every task groks.
        unfinished: runs in which some task never does; they have no order.
        strict: runs with exactly this order and no tie.
        weak: runs with this order, ties allowed.
        first: runs in which ``order[0]`` is strictly first.
        first_or_tied: runs in which no task is before ``order[0]``.
        chance_strict: chance of at least ``strict`` if all orders were equally likely.
        chance_first: chance of at least ``first`` if every task were first equally often.
    """

    order: tuple[str, ...]
    rule: str
    runs: int
    unfinished: int
    strict: int
    weak: int
    first: int
    first_or_tied: int
    chance_strict: float
    chance_first: float


def count_orders(
    records: Sequence[RunRecord], order: tuple[str, ...], rule: str, *, control: bool = False
) -> OrderCount:
    """Count runs in which the tasks finish in an order.

    Args:
        records: runs that have exactly these tasks.
        order: the claimed order.
        rule: of `grokbook.events.THRESHOLDS`.
        control: count only test pairs none of whose twins was trained on.

    Raises:
        ValueError: if a run has other tasks.
    """
    steps = []
    for record in records:
        if set(record.config.tasks) != set(order):
            raise ValueError(f"{record.config.label} does not have the tasks {', '.join(order)}")
        steps.append([record.grok_step(task, rule, control=control) for task in order])
    ran = [s for s in steps if None not in s]

    def count(holds) -> int:
        return sum(holds(s) for s in ran)

    strict = count(lambda s: all(a < b for a, b in zip(s, s[1:], strict=False)))
    first = count(lambda s: all(s[0] < other for other in s[1:]))
    return OrderCount(
        order,
        rule,
        len(ran),
        len(steps) - len(ran),
        strict,
        count(lambda s: all(a <= b for a, b in zip(s, s[1:], strict=False))),
        first,
        count(lambda s: all(s[0] <= other for other in s[1:])),
        chance_of_at_least(strict, len(ran), 1 / factorial(len(order))),
        chance_of_at_least(first, len(ran), 1 / len(order)),
    )


@dataclass(frozen=True)
class Gap:
    """How many steps later one task groks than another.

    Attributes:
        later, earlier: the tasks; the gap is step(later) − step(earlier).
        rule: grok rule.
        steps: one gap a run in which both grok, in steps, by the run's label.
        interval: mean over runs and its interval; None without runs.
    """

    later: str
    earlier: str
    rule: str
    steps: dict[str, int]
    interval: Interval | None


def gap(
    records: Sequence[RunRecord], later: str, earlier: str, rule: str, *, control: bool = False
) -> Gap:
    """Paired gaps between two tasks over runs; differences within a run, so seeds cancel."""
    steps = {}
    for record in records:
        pair = [record.grok_step(task, rule, control=control) for task in (later, earlier)]
        if None not in pair:
            steps[record.config.label] = pair[0] - pair[1]
    interval = mean_interval(list(steps.values())) if steps else None
    return Gap(later, earlier, rule, steps, interval)
