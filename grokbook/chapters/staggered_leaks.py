"""Chapter 1, leaks: what counting only test pairs without a trained twin does to the grok steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.chapters.staggered_order import races
from grokbook.chapters.wording import share, span
from grokbook.events import PUBLISHED_RULE
from grokbook.record import RunRecord
from grokbook.studies.finishing_order import LeakTest, leak_test

EVALUATION = 100
"""Steps from one evaluation to the next."""


def leak_tests(records: Sequence[RunRecord]) -> list[LeakTest]:
    """The control against its null, for every task of every run with weight decay."""
    return [
        leak_test(record, task, PUBLISHED_RULE)
        for race in races(records)
        for record in race.records
        for task in record.config.tasks
    ]


def leak_sentence(tests: Sequence[LeakTest]) -> str:
    """What the control does to the published grok steps, in plain words."""
    grokked = [test for test in tests if test.plain is not None]
    if not grokked:
        return "No run at hand groks, so there is nothing to apply the control to."
    later = [test for test in grokked if test.later]
    never = [test for test in grokked if test.control is None]
    moved = [test.control - test.plain for test in grokked if test.control is not None]
    text = (
        f"**What the control says.** In {share(len(later), len(grokked))} curves the grok step "
        "on twinless pairs is later than the central 95 % of those on random test subsets of the "
        "same size"
    )
    if later:
        names = sorted({test.task for test in later})
        text += (
            f" ({', '.join(f'{n}: {share(_count(later, n), _count(grokked, n))}' for n in names)})"
        )
        least = [t for t in later if t.control is not None and t.control - t.plain <= EVALUATION]
        text += (
            f"; {share(len(least), len(later))} of these {'is' if len(least) == 1 else 'are'} one "
            "evaluation later than the step on all test pairs, the least that can be seen"
        ) * bool(least)
    if never:
        text += f"; in {share(len(never), len(grokked))} it is not reached before the run ends"
    if moved:
        text += (
            f". Where it is reached, it comes {float(np.median(moved)):,.0f} steps after the step "
            f"on all test pairs in the median, and {max(moved):,} at most"
        )
    text += "."
    shares = {
        task: [100 * test.right for test in grokked if test.task == task and test.pairs]
        for task in sorted({test.task for test in grokked})
    }
    if each := [f"{span(found, ' %')} of {task}" for task, found in shares.items() if found]:
        text += f" At the grok step on all pairs, right on twinless pairs: {', '.join(each)}."
    return text


def _count(tests: Sequence[LeakTest], task: str) -> int:
    return sum(test.task == task for test in tests)
