"""Chapter 1, staggered order: pairs and their twins on one side of the split.

In the symmetric split no test pair has its answer from a training pair by swapping its operands or
changing their signs.  What is said here holds for the runs at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from grokbook.chapters.staggered_controls import alone, decayed, unique
from grokbook.chapters.staggered_order import counts, races
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import percent, share
from grokbook.claims.numbers import steps_span
from grokbook.config import RunConfig
from grokbook.events import PUBLISHED_RULE
from grokbook.record import RunRecord
from grokbook.studies.settings import short_name
from grokbook.tasks.modular import Table


def apart(records: Sequence[RunRecord]) -> list[RunConfig]:
    """The page's runs in the symmetric split."""
    return unique(replace(config, split="symmetric") for config in decayed(records))


def alone_apart(records: Sequence[RunRecord]) -> list[RunConfig]:
    """One run for every task of the page's runs, by itself, in the symmetric split."""
    return [replace(config, split="symmetric") for config in alone(records)]


def result(records: Sequence[RunRecord]) -> str:
    """What becomes of the order and of grokking, a sentence a setting; empty without runs.

    Args:
        records: of `apart`.
    """
    said = []
    for race in races(records):
        *_, found = counts(race)
        told = []
        if found.n:
            order, runs = found.majority
            other = f"; {' → '.join(order)} holds in {runs}" if runs and order != race.order else ""
            first = share(found.first.runs, found.n)
            told.append(f"{race.order[0]} is strictly first in {first} runs{other}")
        told += [text for task in race.order if (text := _unfinished(task, race.records))]
        if told:
            said.append(
                f"With a pair and its twins on one side of the split and {len(race.order)} tasks, "
                f"{'; '.join(told)}."
            )
    return " ".join(said)


def alone_result(records: Sequence[RunRecord]) -> str:
    """What becomes of tasks that are trained alone in that split; empty without runs.

    Args:
        records: of `alone_apart`.
    """
    told = []
    for task in dict.fromkeys(record.config.tasks[0] for record in records):
        own = [record for record in records if record.config.tasks == (task,)]
        steps = sorted(step for r in own if (step := r.grok_step(task, PUBLISHED_RULE)) is not None)
        if steps:
            told.append(
                f"{task} groks in {_runs(len(steps), len(own))}, after {steps_span(steps)} steps"
            )
        told.append(_unfinished(task, own))
    told = [text for text in told if text]
    return f"Alone in that split, {'; '.join(told)}." if told else ""


def questions(records: Sequence[RunRecord], apart: Sequence[RunRecord]) -> pd.DataFrame:
    """How many distinct questions of each task the training pairs hold, in either split.

    Pairs that are twins are one question.  The symmetric split trains on as many pairs, and so on
    fewer questions; runs are slower there for that reason, too.

    Args:
        records: of the page, in the published split.
        apart: of `apart`; those of the same tasks and seed as one of the page's are counted.
    """
    rows = []
    for other in apart:
        own = next((record for record in records if _same(record.config, other.config)), None)
        if own is None:
            continue
        for task in other.config.tasks:
            (ours, every), (theirs, _) = (_distinct(each.table, task) for each in (own, other))
            rows.append(
                {
                    "run and task": f"{short_name(other.config)} · {task}",
                    "distinct questions": f"{every:,}",
                    "trained on, published split": f"{ours:,}",
                    "trained on, symmetric split": f"{theirs:,}",
                    "left": percent(theirs / ours),
                }
            )
    return keyed(rows, "run and task")


def _same(config: RunConfig, other: RunConfig) -> bool:
    named = (config.tasks, config.seed, config.weight_decay)
    return named == (other.tasks, other.seed, other.weight_decay)


def _distinct(table: Table, task: str) -> tuple[int, int]:
    """Orbits of a task with a training pair, and all of them."""
    first = table.twins(task).min(axis=1)
    return len(np.unique(first[table.trained])), len(np.unique(first))


def _unfinished(task: str, records: Sequence[RunRecord]) -> str:
    """In how many runs a task does not grok, within which budget, how far it comes; or nothing."""
    without = [r for r in records if r.grok_step(task, PUBLISHED_RULE) is None]
    if not without:
        return ""
    budgets = [record.last_step for record in without]
    more = " or more" if len(set(budgets)) > 1 else ""
    best = max(float(record.accuracy(task).max()) for record in without)
    return (
        f"{task} does not grok in {_runs(len(without), len(records))} within {min(budgets):,} "
        f"steps{more}, with {percent(best)} of its test pairs right at best"
    )


def _runs(count: int, of: int) -> str:
    return f"{share(count, of)} run{'s' * (of > 1)}"
