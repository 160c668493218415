"""Chapter 1, staggered order: an order, or difficulties, or luck?

Two controls, of runs that differ from the page's own in one thing each: another weight decay; one
task alone, on the operands that they share a trunk on.  Only runs that are at hand count; what is
not is named with the command that makes it.  Others are in `grokbook.chapters.staggered_twins`
and `grokbook.chapters.staggered_leaks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from grokbook.chapters.staggered_order import CLAIMED, counts, races
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import percent, share, step_of
from grokbook.claims.numbers import listed
from grokbook.config import RunConfig
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.record import RunRecord
from grokbook.statistics import mean_interval
from grokbook.studies.command import command
from grokbook.studies.published import DECAYS
from grokbook.studies.settings import setting


def swept(records: Sequence[RunRecord]) -> list[RunConfig]:
    """The page's runs at every published weight decay above 0, largest first."""
    return unique(
        replace(config, weight_decay=decay)
        for decay in DECAYS
        if decay > 0
        for config in decayed(records)
    )


def undecayed(records: Sequence[RunRecord]) -> list[RunConfig]:
    """The page's runs without weight decay."""
    return unique(replace(config, weight_decay=0.0) for config in decayed(records))


def alone(records: Sequence[RunRecord]) -> list[RunConfig]:
    """One run for every task of the page's runs, by itself, on operands without 0."""
    return unique(
        replace(config, tasks=(task,), domain="nonzero")
        for config in decayed(records)
        for task in config.tasks
    )


def decayed(records: Sequence[RunRecord]) -> list[RunConfig]:
    """Configs of the runs with weight decay."""
    return [record.config for record in records if record.config.weight_decay > 0]


def unique(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """The same configs, each once."""
    return list({config.id: config for config in configs}.values())


def lacking(
    wanted: Sequence[RunConfig], found: Sequence[RunRecord], study: str, *changes: str
) -> str:
    """Which runs a control still needs, in one line with their command; empty if none.

    Args:
        wanted: of the control.
        found: of them.
        study: that trains all of them.
        changes: of the study, as for ``--set``.
    """
    there = {record.config.id for record in found}
    missing = [config for config in wanted if config.id not in there]
    if not missing:
        return ""
    trains = command("study", study, changes=changes)
    if not found:
        who = "The one run" if len(wanted) == 1 else f"None of the {len(wanted)} runs"
        return f"*{who} of this control is{' not' * (len(wanted) == 1)} trained yet: `{trains}`.*"
    are = "is" if len(missing) == 1 else "are"
    return (
        f"*{len(missing)} of {len(wanted)} runs of this control {are} not trained yet: `{trains}`.*"
    )


def order_over_decay(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Order counts and how far apart the tasks are (98 % × 3), one row a setting and λ."""
    rows = []
    for race in races(records):
        *_, found = counts(race)
        first, last = race.order[0], race.order[-1]
        gaps = [
            100 * (b / a - 1)
            for record in race.records
            if (a := record.grok_step(first, PUBLISHED_RULE)) is not None
            and (b := record.grok_step(last, PUBLISHED_RULE)) is not None
        ]
        rows.append(
            {
                "runs": f"{race.name}, λ {race.weight_decay:g}",
                "n": str(len(race.records)),
                f"{first} first": share(found.first.runs, found.n),
                "whole order": share(found.strict.runs, found.n),
                "as many whole orders by chance": percent(found.strict.p),
                f"{last} after {first}, %": _interval(gaps),
            }
        )
    return keyed(rows, "runs")


def _interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval over runs."""
    if not values:
        return "–"
    found = mean_interval(list(values))
    mean, low, high = (
        f"{x:.1f}".replace("-0.0", "0.0") for x in (found.mean, found.low, found.high)
    )
    text = mean if found.n < 2 else f"{mean} ({low} to {high})"
    return text.replace("-", "−")


def alone_table(records: Sequence[RunRecord], singles: Sequence[RunRecord]) -> pd.DataFrame:
    """Grok steps (98 % × 3) of each task alone and on a shared trunk, one row a task and seed.

    Args:
        records: with several tasks.
        singles: with one; a seed and weight decay without any has no row.
    """
    rows = []
    for record in singles:
        (task,), config = record.config.tasks, record.config
        row = {
            "task and seed": f"{task}{_decay(config)}, seed {config.seed}",
            "alone": step_of(record.grok_step(task, PUBLISHED_RULE)),
        }
        for name in CLAIMED:
            other = _together(records, name, config)
            known = other is not None and task in other.config.tasks
            row[f"in {name}"] = step_of(other.grok_step(task, PUBLISHED_RULE)) if known else "–"
        rows.append(row)
    return keyed(rows, "task and seed")


def _decay(config: RunConfig) -> str:
    return "" if config.weight_decay == 1 else f", λ {config.weight_decay:g}"


def _together(records: Sequence[RunRecord], name: str, single: RunConfig) -> RunRecord | None:
    """The run with several tasks of a setting that a run with one task belongs to."""
    return next(
        (
            record
            for record in records
            if setting(record.config) == name
            and (record.config.seed, record.config.weight_decay)
            == (single.seed, single.weight_decay)
        ),
        None,
    )


def alone_sentence(records: Sequence[RunRecord], singles: Sequence[RunRecord]) -> str:
    """Does difficulty alone give the order, and what does sharing a trunk change?"""
    said = [_same_order(records, singles, name) for name in CLAIMED]
    said = [text for text in said if text]
    if not said:
        return "No run of one task alone is at hand, so the order may be nothing but difficulty."
    factors = _factors(records, singles)
    if factors:
        words = [
            f"{task} {np.exp(np.mean(logs)):.2f} times ({len(logs)} run{'s' * (len(logs) > 1)})"
            for task, logs in factors.items()
        ]
        said.append(f"Sharing a trunk multiplies the grok step: {', '.join(words)}.")
    return "**Difficulty alone.** " + " ".join(said)


def alone_result(records: Sequence[RunRecord], singles: Sequence[RunRecord]) -> str:
    """The same for the top of the page, in a sentence; empty without such runs."""
    orders = [_same_order(records, singles, name) for name in CLAIMED]
    means = [float(np.exp(np.mean(logs))) for logs in _factors(records, singles).values()]
    if not any(orders) or not means:
        return ""
    low, high = f"{min(means):.2g}", f"{max(means):.2g}"
    span = low if low == high else f"{low} to {high}"
    return f"Trained alone, a task groks {span} times as early as on a shared trunk. " + " ".join(
        text for text in orders if text
    )


def _same_order(records: Sequence[RunRecord], singles: Sequence[RunRecord], name: str) -> str:
    """In how many seeds do tasks alone come in the order in which they come together?"""
    order, same, runs = CLAIMED[name], 0, 0
    for record in records:
        if setting(record.config) != name or record.config.weight_decay == 0:
            continue
        own = {
            single.config.tasks[0]: single.grok_step(single.config.tasks[0], PUBLISHED_RULE)
            for single in singles
            if (single.config.seed, single.config.weight_decay)
            == (record.config.seed, record.config.weight_decay)
        }
        together = {task: record.grok_step(task, PUBLISHED_RULE) for task in order}
        if any(own.get(task) is None or together[task] is None for task in order):
            continue
        runs += 1
        ways = [sorted(order, key=lambda task: (steps[task], task)) for steps in (own, together)]
        tied = any(len(set(steps.values())) < len(order) for steps in (own, together))
        same += ways[0] == ways[1] and not tied
    if not runs:
        return ""
    return (
        f"Each by itself, {listed(order)} finish in the same order as together in "
        f"{share(same, runs)} run{'s' * (runs > 1)} ({RULES[PUBLISHED_RULE].text}; ties count as "
        "different)."
    )


def _factors(records: Sequence[RunRecord], singles: Sequence[RunRecord]) -> dict[str, list[float]]:
    """Task and setting ↦ ln(grok step together / alone), one a run."""
    found: dict[str, list[float]] = {}
    for single in singles:
        (task,) = single.config.tasks
        step = single.grok_step(task, PUBLISHED_RULE)
        for name in CLAIMED:
            other = _together(records, name, single.config)
            if step is None or other is None or task not in other.config.tasks:
                continue
            if (late := other.grok_step(task, PUBLISHED_RULE)) is not None:
                found.setdefault(f"{task} in {name}", []).append(float(np.log(late / step)))
    return found
