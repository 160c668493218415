"""Chapter 1, staggered order: which runs it asks for, and its sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grokbook.claims.registry import Claim
from grokbook.config import ConfigError, RunConfig
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.plan import Plan
from grokbook.record import RunRecord
from grokbook.statistics import mean_interval
from grokbook.studies.first_light import AFTER_GROK, TASKS, setting, short_name
from grokbook.studies.order import Gap, LeakTest, OrderCount, count_orders, gap, leak_test

CLAIMED = {"dual": ("mul", "add"), "tri": ("mul", "sq", "add")}
"""The published order of each setting, first to last (MT-05, MT-08)."""

COUNTED = ("0.90", "0.95", PUBLISHED_RULE)
"""The three rules under which orders are counted."""


@dataclass(frozen=True)
class Race:
    """Runs that differ in nothing but their seeds, so that each is one independent unit.

    Attributes:
        name: of the setting, ``"dual"`` or ``"tri"``.
        weight_decay: λ, above 0.
        order: the published order of the tasks.
        records: the runs.
    """

    name: str
    weight_decay: float
    order: tuple[str, ...]
    records: tuple[RunRecord, ...]

    @property
    def title(self) -> str:
        """``"dual"``, with the weight decay where it is not 1."""
        return self.name if self.weight_decay == 1 else f"{self.name}, λ {self.weight_decay:g}"


def wanted(
    settings: Sequence[str],
    weight_decays: Sequence[float],
    seeds: Sequence[int],
    *,
    modulus: int,
    learning_rate: float,
    without_decay: bool,
) -> list[RunConfig]:
    """The runs that the chapter's parameters name.

    Raises:
        ConfigError: for an unknown setting or a value that no run can have.
    """
    for name in settings:
        if name not in TASKS:
            raise ConfigError(f"unknown setting {name!r}; known settings: {', '.join(TASKS)}")
    common = {"modulus": modulus, "learning_rate": learning_rate}
    runs = [
        RunConfig(tasks=TASKS[name], weight_decay=decay, seed=seed, **common)
        for name in settings
        for decay in weight_decays
        for seed in seeds
    ]
    if without_decay:
        control = RunConfig(tasks=TASKS["dual"], weight_decay=0.0, seed=42, **common)
        runs += [control] if control.id not in {run.id for run in runs} else []
    return runs


def plan(config: RunConfig, steps: int) -> Plan:
    """The published stop and 2,000 steps beyond, within the chapter's budget of steps."""
    return Plan(steps=min(steps, Plan.published(config).steps), after_grok=AFTER_GROK)


def races(records: Sequence[RunRecord]) -> list[Race]:
    """Runs with weight decay, by setting and weight decay, in the order of settings."""
    found: dict[tuple[str, float], list[RunRecord]] = {}
    for name in CLAIMED:
        for record in records:
            decay = record.config.weight_decay
            if setting(record.config) == name and decay > 0:
                found.setdefault((name, decay), []).append(record)
    return [Race(name, decay, CLAIMED[name], tuple(runs)) for (name, decay), runs in found.items()]


def groups(records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs by setting and weight decay, titled for panels."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        tasks = " + ".join(record.config.tasks)
        title = f"{tasks}, weight decay {record.config.weight_decay:g}"
        found.setdefault(title, []).append(record)
    return found


def counts(race: Race, *, control: bool = False) -> list[OrderCount]:
    """Order counts of a race under each rule of `COUNTED`."""
    return [count_orders(race.records, race.order, rule, control=control) for rule in COUNTED]


def gaps(records: Sequence[RunRecord], *, control: bool = False) -> dict[str, list[Gap]]:
    """Gaps behind the task that should be first, by panel title, one a rule."""
    return {
        f"{race.title}: {later} after {race.order[0]}": [
            gap(race.records, later, race.order[0], rule, control=control) for rule in RULES
        ]
        for race in races(records)
        for later in race.order[1:]
    }


def _table(rows: Sequence[Mapping[str, object]], key: str) -> pd.DataFrame:
    """A table with one header row: the key names the first column and the rows."""
    table = pd.DataFrame(rows, columns=None if rows else [key])
    return table.set_index(key).rename_axis(index=None, columns=key)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share >= 0.0005 else "less than 0.1 %"


def _share(count: int, of: int) -> str:
    return f"{count} of {of}"


def finding(records: Sequence[RunRecord]) -> str:
    """The chapter's finding in plain words, from the runs at hand."""
    return " ".join([*map(_race_sentence, races(records)), *_stillness(records)])


def _race_sentence(race: Race) -> str:
    *_, published = counts(race)
    where = "" if race.weight_decay == 1 else f" at weight decay {race.weight_decay:g}"
    start = f"With {len(race.order)} tasks{where}, "
    if published.runs == 0:
        return f"{start}no task groks in any run at hand."
    text = (
        f"{start}{race.order[0]} is strictly first in {_share(published.first, published.runs)} "
        f"runs (chance alone: at most {_percent(published.chance_first)})"
    )
    if len(race.order) > 2:
        text += (
            f"; the full order {' → '.join(race.order)} holds in "
            f"{_share(published.strict, published.runs)}"
        )
        *_, fair = counts(race, control=True)
        if fair.censored:
            text += (
                f", but is open on test pairs without a trained twin: "
                f"{_share(fair.censored, fair.runs)} runs end before every task is right on them"
            )
        elif fair.runs:
            text += (
                f", and in {_share(fair.strict, fair.runs)} on test pairs without a trained twin"
            )
    return f"{text}."


def _stillness(records: Sequence[RunRecord]) -> list[str]:
    """What runs without weight decay do, if there are any."""
    still = [r for r in records if r.config.weight_decay == 0]
    if not still:
        return []
    never = [r for r in still if all(r.grok_step(t, "0.90") is None for t in r.config.tasks)]
    steps = max(r.last_step for r in still)
    return [
        f"Without weight decay, {_share(len(never), len(still))} "
        f"run{'s' * (len(still) > 1)} did not grok within {steps:,} steps."
    ]


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
        f"**What the control says.** In {_share(len(later), len(grokked))} curves the grok step "
        "on twinless pairs is later than on 95 % of random test subsets of the same size"
    )
    if later:
        names = sorted({test.task for test in later})
        text += (
            f" ({', '.join(f'{n}: {_share(_count(later, n), _count(grokked, n))}' for n in names)})"
        )
    if never:
        text += f"; in {_share(len(never), len(grokked))} it is not reached before the run ends"
    if moved:
        text += (
            f". Where it is reached, it comes {float(np.median(moved)):,.0f} steps after the "
            f"published one in the median, and {max(moved):,} at most"
        )
    return text + "."


def _count(tests: Sequence[LeakTest], task: str) -> int:
    return sum(test.task == task for test in tests)


def leak_table(records: Sequence[RunRecord], tests: Sequence[LeakTest]) -> pd.DataFrame:
    """Plain and control grok steps beside the null, one row a curve."""
    names = {record.config.label: short_name(record.config) for record in records}
    rows = [
        {
            "run and task": f"{names[test.label]} · {test.task}",
            "all test pairs": _step(test.plain),
            "twinless": _step(test.control),
            "their number": f"{test.pairs:,}",
            "random subsets, 95 %": f"{_end(test.low)} to {_end(test.high)}",
            "later?": "later" if test.later else "within",
        }
        for test in tests
    ]
    return _table(rows, "run and task")


def _end(step: float) -> str:
    return "never" if step == float("inf") else f"{step:,.0f}"


def grok_table(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """Grok step of every task and run under each rule, beside the published one."""
    published = published_steps(claims)
    rows = []
    for record in records:
        for task in record.config.tasks:
            ghost = published.get(record.config.id, {}).get(task)
            steps = record.grok_steps(task)
            ours = {RULES[rule].text: _step(step) for rule, step in steps.items()}
            rows.append(
                {
                    "run and task": f"{short_name(record.config)} · {task}",
                    **ours,
                    f"published, {RULES[PUBLISHED_RULE].text}": "–"
                    if ghost is None
                    else f"{ghost:,}",
                }
            )
    return _table(rows, "run and task")


def _step(step: int | None) -> str:
    return "never" if step is None else f"{step:,}"


def closeness_sentence(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> str:
    """How near our grok steps are to the published ones of the same seeds, in plain words."""
    published = published_steps(claims)
    off = [
        abs(ours - theirs) / theirs
        for record in records
        for task, theirs in published.get(record.config.id, {}).items()
        if (ours := record.grok_step(task, PUBLISHED_RULE)) is not None
    ]
    if not off:
        return "None of the runs at hand was published."
    return (
        f"Over the {len(off)} curves that were published for the same seed, our grok step "
        f"differs from the published one by {_percent(float(np.mean(off)))} on average, and by "
        f"{_percent(max(off))} at most."
    )


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
        runs = [r for r in records if setting(r.config) == kind and _as_published(r.config)]
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
    return _table(rows, "claim")


def _as_published(config: RunConfig) -> bool:
    """Is this a published setting at weight decay 1, whatever the seed?"""
    return config.id == RunConfig(tasks=config.tasks, weight_decay=1.0, seed=config.seed).id


def order_table(records: Sequence[RunRecord], *, control: bool = False) -> pd.DataFrame:
    """Order counts under three rules; with the control, also how many runs it leaves unfinished."""
    rows = []
    for race in races(records):
        for count in counts(race, control=control):
            row = {
                "runs, rule": f"{race.title}, {RULES[count.rule].text}",
                f"{count.order[0]} first": _share(count.first, count.runs),
                "at most by chance": _percent(count.chance_first),
                "first or tied": _share(count.first_or_tied, count.runs),
                "whole order": _share(count.strict, count.runs),
            }
            if control:
                row["cut off by the end"] = _share(count.censored, count.runs)
            rows.append(row)
    return _table(rows, "runs, rule")


def published_list(claims: Mapping[str, Claim]) -> str:
    """The chapter's claims as published, as a Markdown list."""
    return "\n".join(
        f"- **{c.id}** · {c.statement} *{_published(c)}* ({c.where}; "
        f"{c.n} run{'s' * (c.n > 1)}). To decide: {c.test}."
        for c in claims.values()
    )


def _published(claim: Claim) -> str:
    at = claim.at(1.0)
    if claim.kind == "ordering":
        overall = claim.published["overall"]
        return (
            f"holds strictly in {_share(at['strict'], at['n'])} at λ = 1, in "
            f"{_share(overall['strict'], overall['n'])} over all λ"
        )
    if "mean" in at:
        spread = f" ± {at['sd']:,}" if "sd" in at else ""
        return f"{at['mean']:,}{spread} {claim.published['unit']} at λ = 1"
    if "seeds" in at and isinstance(next(iter(at["seeds"].values())), int):
        return "; ".join(f"seed {seed}: {step:,}" for seed, step in at["seeds"].items())
    if "seeds" in at:
        return "; ".join(
            f"seed {seed}: " + ", ".join(f"{t} {s:,}" for t, s in steps.items())
            for seed, steps in at["seeds"].items()
        )
    return "; ".join(f"{task} {v['mean']:,} ± {v['sd']:,}" for task, v in at.items())


def published_steps(claims: Mapping[str, Claim]) -> dict[str, dict[str, int]]:
    """Published grok steps at weight decay 1, by config id and task."""
    steps: dict[str, dict[str, int]] = {}

    def put(kind: str, seed: int, found: Mapping[str, int]) -> None:
        config = RunConfig(tasks=TASKS[kind], weight_decay=1.0, seed=seed)
        steps.setdefault(config.id, {}).update(found)

    for task, name in (("add", "MT-02"), ("mul", "MT-03")):
        for seed, step in claims[name].at(1.0)["seeds"].items():
            put("dual", seed, {task: step})
    for seed, per_task in claims["MT-06"].at(1.0)["seeds"].items():
        put("tri", seed, per_task)
    return steps


def published_gaps(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Published mean gaps at weight decay 1, by the titles of `gaps`."""
    tri = claims["MT-06"].at(1.0)["seeds"].values()
    found = {"dual: add after mul": float(claims["MT-05"].at(1.0)["mean"])}
    for later in ("sq", "add"):
        found[f"tri: {later} after mul"] = sum(s[later] - s["mul"] for s in tri) / len(tri)
    return found


def computed_table(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Which runs the page rests on: id, source, length, time."""
    rows = [
        {
            "run": r.config.id,
            "what": r.config.label,
            "from": r.source,
            "steps": f"{r.last_step:,}",
            "minutes": f"{r.seconds / 60:.0f}",
            "torch": r.numerics.get("torch", "?"),
            "instructions": r.numerics.get("capability", "?"),
        }
        for r in records
    ]
    return _table(rows, "run")


def guard(records: Sequence[RunRecord]) -> None:
    """Assert what the page says of its own runs, so that a change of the record is noticed.

    Raises:
        AssertionError: naming the run that no longer does what the page says.
    """
    for record in records:
        for task in record.config.tasks:
            step = record.grok_step(task, "0.90")
            groks = record.config.weight_decay > 0
            assert (step is not None) == groks, f"{record.config.label}: {task} at {step}"
    for race in races(records):
        *_, published = counts(race)
        assert published.first_or_tied == published.runs, f"{race.order[0]} was beaten: {published}"
