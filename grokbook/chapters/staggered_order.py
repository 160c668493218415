"""Chapter 1, staggered order: which runs it asks for, and its sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.claims.registry import Claim
from grokbook.config import ConfigError, RunConfig
from grokbook.events import THRESHOLDS
from grokbook.record import RunRecord
from grokbook.statistics import mean_interval
from grokbook.studies.first_light import AFTER_GROK, TASKS, setting, short_name
from grokbook.studies.order import Gap, OrderCount, count_orders, gap
from grokbook.training.plan import Plan

CLAIMED = {"dual": ("mul", "add"), "tri": ("mul", "sq", "add")}
"""The published order of each setting, first to last (MT-05, MT-08)."""

RULES = ("0.90", "0.95", "0.98x3")
"""The three thresholds at which orders are counted; the last is the published one."""

_RULE_TEXT = {"0.90": "90 %", "0.95": "95 %", "0.98": "98 %", "0.98x3": "98 % × 3"}


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


def decayed(records: Sequence[RunRecord], name: str) -> list[RunRecord]:
    """Runs of one setting that have weight decay."""
    return [r for r in records if setting(r.config) == name and r.config.weight_decay > 0]


def groups(records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs by setting and weight decay, titled for panels."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        tasks = " + ".join(record.config.tasks)
        title = f"{tasks}, weight decay {record.config.weight_decay:g}"
        found.setdefault(title, []).append(record)
    return found


def counts(records: Sequence[RunRecord], *, control: bool = False) -> list[OrderCount]:
    """Order counts of every setting that has runs, under each rule."""
    return [
        count_orders(decayed(records, name), order, rule, control=control)
        for name, order in CLAIMED.items()
        if decayed(records, name)
        for rule in RULES
    ]


def gaps(records: Sequence[RunRecord], *, control: bool = False) -> dict[str, list[Gap]]:
    """Gaps behind mul by panel title, one gap a rule of `grokbook.events.THRESHOLDS`."""
    panels = {}
    for name, order in CLAIMED.items():
        runs = decayed(records, name)
        for later in order[1:] if runs else ():
            panels[f"{name}: {later} after {order[0]}"] = [
                gap(runs, later, order[0], rule, control=control) for rule in THRESHOLDS
            ]
    return panels


def _table(rows: Sequence[Mapping[str, object]], key: str) -> pd.DataFrame:
    """A table with one header row: the key names the first column and the rows."""
    table = pd.DataFrame(rows, columns=None if rows else [key])
    return table.set_index(key).rename_axis(index=None, columns=key)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _share(count: int, of: int) -> str:
    return f"{count} of {of}"


def finding(records: Sequence[RunRecord]) -> str:
    """The chapter's finding in plain words, from the runs at hand."""
    sentences = []
    for name, order in CLAIMED.items():
        runs = decayed(records, name)
        if not runs:
            continue
        per_rule = {rule: count_orders(runs, order, rule) for rule in RULES}
        published, loose = per_rule["0.98x3"], per_rule["0.90"]
        tasks = f"{len(order)} tasks ({', '.join(sorted(order))})"
        if published.runs == 0:
            sentences.append(f"With {tasks}, no run at hand groks every task.")
            continue
        text = (
            f"With {tasks}, {order[0]} is strictly first in "
            f"{_share(published.first, published.runs)} runs by the published rule"
        )
        text += (
            f", and in {_share(loose.first, loose.runs)} by the first crossing of 90 %. "
            f"Chance alone would do as well {_percent(published.chance_first)} of the time."
        )
        if len(order) > 2:
            text += (
                f" The full order {' → '.join(order)} holds, without ties, in "
                f"{_share(published.strict, published.runs)}."
            )
        sentences.append(text)
    still = [r for r in records if r.config.weight_decay == 0]
    never = [r for r in still if all(r.grok_step(t, "0.90") is None for t in r.config.tasks)]
    if still:
        steps = max(int(r.steps[-1]) for r in still)
        verb = "does" if len(still) == 1 else "do"
        sentences.append(
            f"Without weight decay {_share(len(never), len(still))} "
            f"run{'s' * (len(still) > 1)} {verb} not grok within {steps:,} steps."
        )
    return " ".join(sentences)


def leak_sentence(records: Sequence[RunRecord]) -> str:
    """How many test pairs the control leaves, and what it does to the grok steps."""
    runs = [record for name in CLAIMED for record in decayed(records, name)]
    if not runs:
        return "There is no run with weight decay to apply the control to."
    widest = max(runs, key=lambda record: len(record.config.tasks))
    table = widest.table
    left = {t: int((~table.trained & ~table.leaked(t)).sum()) for t in widest.config.tasks}
    text = (
        f"Of the {len(table.test):,} test pairs of {widest.config.label}, the control leaves "
        + ", ".join(f"{count:,} for {task}" for task, count in left.items())
        + ". "
    )
    moved, flipped, seen = [], 0, 0
    for record in runs:
        tasks = record.config.tasks
        plain = [record.grok_step(t, "0.98x3") for t in tasks]
        fair = [record.grok_step(t, "0.98x3", control=True) for t in tasks]
        moved += [b - a for a, b in zip(plain, fair, strict=True) if None not in (a, b)]
        if None not in plain + fair:
            seen += 1
            flipped += _ranks(plain) != _ranks(fair)
    if not moved:
        return text + "No run at hand groks with and without it."
    change = float(np.mean(moved))
    return text + (
        f"It moves the grok step (98 % × 3) by {abs(change):,.0f} steps "
        f"{'later' if change > 0 else 'earlier'} on average over {len(moved)} curves, and changes "
        f"the order of finish, ties included, in {_share(flipped, seen)} runs. "
        f"Where it leaves few pairs, one wrong answer weighs much."
    )


def _ranks(steps: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(steps).index(step) for step in steps)


def grok_table(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """Grok step of every task and run under each rule, beside the published one."""
    published = published_steps(claims)
    rows = []
    for record in records:
        for task in record.config.tasks:
            ghost = published.get(record.config.id, {}).get(task)
            ours = {_RULE_TEXT[rule]: _step(record.grok_step(task, rule)) for rule in THRESHOLDS}
            rows.append(
                {
                    "run and task": f"{short_name(record.config)} · {task}",
                    **ours,
                    "published, 98 % × 3": "–" if ghost is None else f"{ghost:,}",
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
        if (ours := record.grok_step(task, "0.98x3")) is not None
    ]
    if not off:
        return "None of the runs at hand has a published twin."
    return (
        f"Over the {len(off)} curves that have a published twin of the same seed, our grok step "
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
        runs = [r for r in decayed(records, kind) if _as_published(r.config)]
        steps = [step for r in runs if (step := r.grok_step(task, "0.98x3")) is not None]
        ours = mean_interval(steps) if steps else None
        sure = ours is not None and ours.n > 1
        rows.append(
            {
                "claim": f"{name}, {kind} · {task}",
                "published mean ± sd, n = 3": f"{value['mean']:,} ± {value['sd']:,}",
                "our mean": "–" if ours is None else f"{ours.mean:,.0f}",
                "95 % interval": f"{ours.low:,.0f} to {ours.high:,.0f}" if sure else "–",
                "n": len(steps),
            }
        )
    return _table(rows, "claim")


def _as_published(config: RunConfig) -> bool:
    """Is this a published setting at weight decay 1, whatever the seed?"""
    return config.id == RunConfig(tasks=config.tasks, weight_decay=1.0, seed=config.seed).id


def order_table(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Order counts under three rules, plain and with the control."""
    rows = []
    for plain, fair in zip(counts(records), counts(records, control=True), strict=True):
        rows.append(
            {
                "runs, rule": f"{'dual' if len(plain.order) == 2 else 'tri'}, "
                f"{_RULE_TEXT[plain.rule]}",
                f"{plain.order[0]} first": _share(plain.first, plain.runs),
                "by chance": _percent(plain.chance_first),
                "first or tied": _share(plain.first_or_tied, plain.runs),
                "whole order": _share(plain.strict, plain.runs),
                "first, control": _share(fair.first, fair.runs),
            }
        )
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
            "steps": f"{int(r.steps[-1]):,}",
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
    for count in counts(records):
        if count.rule == "0.98x3":
            assert count.first_or_tied == count.runs, f"{count.order[0]} was beaten: {count}"
