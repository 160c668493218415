"""The published settings, dual and tri: their tasks, their shipped runs, and what runs are called.

Dual (add, mul) and tri (add, mul, sq) at weight decay 1, three published seeds each, trained to
the published stop and 2,000 steps beyond; and dual without weight decay, seed 42, for the
published 50,000 steps (2602.18523, Tables 1 and 2).
"""

from __future__ import annotations

from grokbook.config import RunConfig
from grokbook.studies.study import PUBLISHED_SEEDS

TASKS = {"dual": ("add", "mul"), "tri": ("add", "mul", "sq")}
"""By setting."""

AFTER_GROK = 2_000
"""Steps that a run goes on beyond the published stop."""


def configs() -> list[RunConfig]:
    """The seven runs that ship with chapter 1."""
    decayed = [
        RunConfig(tasks=tasks, weight_decay=1.0, seed=seed)
        for tasks in TASKS.values()
        for seed in PUBLISHED_SEEDS
    ]
    return [*decayed, RunConfig(tasks=TASKS["dual"], weight_decay=0.0, seed=42)]


def setting(config: RunConfig) -> str:
    """``"dual"``, ``"tri"`` or the tasks' names."""
    names = {tasks: name for name, tasks in TASKS.items()}
    return names.get(config.tasks, " + ".join(config.tasks))


def published_setting(config: RunConfig) -> str | None:
    """``"dual"`` or ``"tri"`` if all but the seed is as published at weight decay 1, else None."""
    name = setting(config)
    if name not in TASKS:
        return None
    published = RunConfig(tasks=config.tasks, weight_decay=1.0, seed=config.seed)
    return name if config.id == published.id else None


def group_title(config: RunConfig) -> str:
    """What a run has in common with those of other seeds.

    >>> group_title(RunConfig(tasks=("add", "mul"), weight_decay=0.5))
    'dual, λ = 0.5'
    """
    return f"{setting(config)}, λ = {config.weight_decay:g}"


def run_title(config: RunConfig) -> str:
    """A run among others of its weight decay.

    >>> run_title(RunConfig(tasks=("add", "mul"), seed=42))
    'add + mul, seed 42'
    """
    return f"{' + '.join(config.tasks)}, seed {config.seed}"


def short_name(config: RunConfig) -> str:
    """A run in a table's first column; weight decay 1 goes without saying.

    >>> short_name(RunConfig(tasks=("add", "mul"), weight_decay=0.0))
    'dual, λ 0, seed 42'
    """
    decay = "" if config.weight_decay == 1 else f", λ {config.weight_decay:g}"
    return f"{setting(config)}{decay}, seed {config.seed}"
