"""Which task finishes first, and by how much (2602.18523, section 3; claims MT-05 and MT-08).

A run's *order* is that of the grok steps of its tasks under one rule.  Evaluations are 100 steps
apart, so equal steps are ties, and a tie is not an order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np

from grokbook.events import grok_step
from grokbook.record import RunRecord
from grokbook.statistics import Interval, chance_of_at_least, mean_interval


@dataclass(frozen=True)
class OrderCount:
    """In how many runs an order holds.

    A task that never groks within a run comes after all that do; a run in which none does has no
    order and is left out.

    Attributes:
        order: tasks, first to last.
        rule: grok rule.
        runs: runs in which some task groks.
        censored: those of them in which some task does not, before the run ends.
        left_out: runs in which no task groks.
        strict: runs with exactly this order and no tie.
        weak: runs with this order, ties allowed.
        first: runs in which ``order[0]`` is strictly first.
        first_or_tied: runs in which no task is before ``order[0]``.
        chance_strict: chance of at least ``strict`` if all orders were equally likely.
        chance_first: chance of at least ``first`` if every task were first equally often.  Chance
            here knows no ties, so both are upper bounds.
    """

    order: tuple[str, ...]
    rule: str
    runs: int
    censored: int
    left_out: int
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
        rule: of `grokbook.events.RULES`.
        control: count only test pairs none of whose twins was trained on.

    Raises:
        ValueError: if a run has other tasks.
    """
    ran, left_out = [], 0
    for record in records:
        if set(record.config.tasks) != set(order):
            raise ValueError(f"{record.config.label} does not have the tasks {', '.join(order)}")
        found = [record.grok_step(task, rule, control=control) for task in order]
        steps = [math.inf if step is None else step for step in found]
        if min(steps) < math.inf:
            ran.append(steps)
        else:
            left_out += 1
    strict = sum(all(a < b for a, b in pairwise(s)) for s in ran)
    first = sum(all(s[0] < other for other in s[1:]) for s in ran)
    return OrderCount(
        order=order,
        rule=rule,
        runs=len(ran),
        censored=sum(math.inf in s for s in ran),
        left_out=left_out,
        strict=strict,
        weak=sum(all(a <= b for a, b in pairwise(s)) for s in ran),
        first=first,
        first_or_tied=sum(s[0] == min(s) for s in ran),
        chance_strict=chance_of_at_least(strict, len(ran), 1 / factorial(len(order))),
        chance_first=chance_of_at_least(first, len(ran), 1 / len(order)),
    )


@dataclass(frozen=True)
class Gap:
    """How many steps later one task groks than another.

    Attributes:
        later, earlier: the tasks; the gap is step(later) − step(earlier).
        rule: grok rule.
        steps: one gap a run in which both grok, in steps, by the run's label.
        interval: mean over runs and its 95 % interval; None without runs.
    """

    later: str
    earlier: str
    rule: str
    steps: dict[str, int]
    interval: Interval | None


def gap(
    records: Sequence[RunRecord], later: str, earlier: str, rule: str, *, control: bool = False
) -> Gap:
    """Paired gaps between two tasks over the runs in which both grok.

    A delay that both tasks of a run share cancels.

    Args:
        records: runs that have both tasks.
        later: the task expected to be later; the gap is its step minus the other's.
        earlier: the task expected to be earlier.
        rule: of `grokbook.events.RULES`.
        control: count only test pairs none of whose twins was trained on.
    """
    steps = {}
    for record in records:
        pair = [record.grok_step(task, rule, control=control) for task in (later, earlier)]
        if None not in pair:
            steps[record.config.label] = pair[0] - pair[1]
    interval = mean_interval(list(steps.values())) if steps else None
    return Gap(later, earlier, rule, steps, interval)


@dataclass(frozen=True)
class LeakTest:
    """What counting only twinless test pairs does to one task of one run.

    Attributes:
        task: its name.
        label: of the run.
        pairs: twinless test pairs.
        orbits: that they make up: a pair without a trained twin comes with all its twins, which
            have one answer, so these and not the pairs are independent.
        right: share of these pairs that is right at the grok step on all; NaN without one.
        plain: grok step on all test pairs.
        control: grok step on the twinless ones; None if it is not reached before the run ends.
        low, high: central 95 % of the grok step on random subsets of the test set of that size,
            infinite where a subset never gets there: what the size of the sample alone would do.
        level: of that interval.
    """

    task: str
    label: str
    pairs: int
    orbits: int
    right: float
    plain: int | None
    control: int | None
    low: float
    high: float
    level: float

    @property
    def later(self) -> bool:
        """Is the control later than subsets of its size are by chance?"""
        return self.plain is not None and _number(self.control) > self.high


def _number(step: int | None) -> float:
    return math.inf if step is None else float(step)


def leak_test(
    record: RunRecord, task: str, rule: str, *, draws: int = 200, seed: int = 0, level: float = 0.95
) -> LeakTest:
    """Compare the control with random test subsets of the same size.

    The twinless pairs are few, and few pairs cross a threshold at other steps than many: random
    subsets of their size show how much of a difference that makes by itself.  Subsets are looked at
    where answers are kept, which is from half of the test pairs on.

    Args:
        record: the run.
        task: one of its tasks.
        rule: of `grokbook.events.RULES`.
        draws: random subsets, without replacement, of the test pairs.
        seed: of the draws.
        level: of the central interval.
    """
    k = record.config.tasks.index(task)
    correct = record.correct()[:, k, ~record.table.trained]
    twinless = record.table.twinless(task)
    size = int(twinless.sum())
    plain = record.grok_step(task, rule)
    at = np.flatnonzero(record.steps == plain) if size and plain is not None else ()
    generator = np.random.default_rng(seed)
    steps = (
        [
            _number(grok_step(record.answer_steps, correct[:, chosen].mean(axis=1), rule))
            for chosen in (
                generator.choice(correct.shape[1], size, replace=False) for _ in range(draws)
            )
        ]
        if size
        else [math.inf]
    )
    tail = (1 - level) / 2
    low, high = np.quantile(steps, [tail, 1 - tail], method="inverted_cdf")
    return LeakTest(
        task,
        record.config.label,
        size,
        len(np.unique(record.table.twins(task)[twinless].min(axis=1))),
        float(record.twinless_accuracy(task)[at[0]]) if len(at) else math.nan,
        plain,
        record.grok_step(task, rule, control=True) if size else None,
        float(low),
        float(high),
        level,
    )
