"""Which task finishes first, and by how much (2602.18523, section 3; claims MT-05 and MT-08).

A run's *order* is that of the grok steps of its tasks under one rule.  Evaluations are 100 steps
apart, so equal steps are ties, and a tie is not an order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.events import grok_step
from grokbook.record import RunRecord
from grokbook.statistics import Interval, OrderTest, mean_interval, order_test


def count_orders(
    records: Sequence[RunRecord], order: tuple[str, ...], rule: str, *, control: bool = False
) -> OrderTest:
    """Count runs in which the tasks finish in an order, beside what exchangeable tasks would do.

    Args:
        records: runs that have exactly these tasks, each of them a unit.
        order: the claimed order.
        rule: of `grokbook.events.RULES`.
        control: count only test pairs none of whose twins was trained on.

    Raises:
        ValueError: if a run has other tasks.
    """
    steps = {}
    for k, record in enumerate(records):
        if set(record.config.tasks) != set(order):
            raise ValueError(f"{record.config.label} does not have the tasks {', '.join(order)}")
        # Numbered: executions of one config have one label.
        steps[f"{k}: {record.config.label}"] = {
            task: record.grok_step(task, rule, control=control) for task in order
        }
    return order_test(steps, order)


@dataclass(frozen=True)
class GrokGap:
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
) -> GrokGap:
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
    return GrokGap(later, earlier, rule, steps, interval)


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
