"""Chapter 1, staggered order: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from grokbook.chapters.staggered_order import COUNTED, counts, races
from grokbook.chapters.staggered_published import published_steps
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import percent, share, step_of
from grokbook.claims.registry import Claim
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.record import RunRecord
from grokbook.statistics import mean_interval
from grokbook.studies.finishing_order import LeakTest
from grokbook.studies.settings import published_setting, short_name


def grok_table(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """Grok step of every task and run under each rule, beside the published one."""
    published = published_steps(claims)
    rows = []
    for record in records:
        for task in record.config.tasks:
            ghost = published.get(record.config.id, {}).get(task)
            steps = record.grok_steps(task)
            never = f"not by {record.last_step:,}"
            ours = {
                RULES[rule].text: never if step is None else f"{step:,}"
                for rule, step in steps.items()
            }
            rows.append(
                {
                    "run and task": f"{short_name(record.config)} · {task}",
                    **ours,
                    f"published, {RULES[PUBLISHED_RULE].text}": "–"
                    if ghost is None
                    else f"{ghost:,}",
                }
            )
    return keyed(rows, "run and task")


def mean_table(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """Mean grok steps (98 % × 3) at weight decay 1 beside MT-02, MT-03 and MT-07."""
    tri = claims["MT-07"].at(1.0)
    published = [
        ("MT-02", "dual", "add", claims["MT-02"].at(1.0)),
        ("MT-03", "dual", "mul", claims["MT-03"].at(1.0)),
        *(("MT-07", "tri", task, value) for task, value in tri.items()),
    ]
    rows = []
    for name, kind, task, value in published:
        runs = [r for r in records if published_setting(r.config) == kind]
        steps = [step for r in runs if (step := r.grok_step(task, PUBLISHED_RULE)) is not None]
        ours = mean_interval(steps) if steps else None
        sure = ours is not None and ours.n > 1
        rows.append(
            {
                "claim": f"{name}, {kind} · {task}",
                "published mean ± sd": f"{value['mean']:,} ± {value['sd']:,}",
                "their n": claims[name].n,
                "our mean": "–" if ours is None else f"{ours.mean:,.0f}",
                "95 % interval": f"{ours.low:,.0f} to {ours.high:,.0f}" if sure else "–",
                "our n": len(steps),
            }
        )
    return keyed(rows, "claim")


def order_table(records: Sequence[RunRecord], *, control: bool = False) -> pd.DataFrame:
    """Order counts under three rules; with the control, also how many runs it leaves unfinished."""
    rows = []
    for race in races(records):
        for rule, count in zip(COUNTED, counts(race, control=control), strict=True):
            row = {
                "runs, rule": f"{race.title}, {RULES[rule].text}",
                f"{count.order[0]} first": share(count.first.runs, count.n),
                "as many firsts by chance": percent(count.first.p),
                "first or tied": share(count.first_or_tied.runs, count.n),
                "whole order": share(count.strict.runs, count.n),
            }
            if control:
                row["cut off by the end"] = share(count.censored, count.n)
            rows.append(row)
    return keyed(rows, "runs, rule")


def leak_table(records: Sequence[RunRecord], tests: Sequence[LeakTest]) -> pd.DataFrame:
    """Plain and control grok steps beside the null, one row a curve."""
    names = {record.config.label: short_name(record.config) for record in records}
    rows = [
        {
            "run and task": f"{names[test.label]} · {test.task}",
            "all test pairs": step_of(test.plain),
            "twinless": step_of(test.control),
            "pairs": f"{test.pairs:,}",
            "in orbits": f"{test.orbits:,}",
            "right by then (%)": "–" if test.right != test.right else f"{100 * test.right:.1f}",
            "random subsets, 95 %": f"{_end(test.low)} to {_end(test.high)}",
            "later?": "later" if test.later else "within",
        }
        for test in tests
    ]
    return keyed(rows, "run and task")


def _end(step: float) -> str:
    return "never" if step == float("inf") else f"{step:,.0f}"


def computed_table(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Which runs the page rests on: id, source, length, time."""
    rows = [
        {
            "run": r.config.label,
            "config": r.config.id,
            "from": r.source,
            "steps": f"{r.last_step:,}",
            "minutes": f"{r.seconds / 60:.0f}",
            "torch": r.numerics.get("torch", "?"),
            "instructions": r.numerics.get("capability", "?"),
        }
        for r in records
    ]
    return keyed(rows, "run", wraps=True)
