"""What chapters ask for: runs by setting, decay and seed, and how far."""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.studies.settings import AFTER_GROK, TASKS


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
    """The published stop and 2,000 steps beyond, within the chapter's budget of steps.

    Snapshots hold all parameters: what one chapter trains another measures.
    """
    far = min(steps, Plan.published(config).steps)
    return Plan(steps=far, after_grok=AFTER_GROK, full_state=True)
