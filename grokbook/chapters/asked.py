"""What chapters ask for: runs by setting, decay and seed, and how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.plan import Plan
from grokbook.studies.settings import AFTER_GROK, TASKS
from grokbook.tasks.dyck import TASK

BRACKETS = {"brackets": (TASK,)}
"""What the sixth chapter's runs learn, as `TASKS` of the others."""


def wanted(
    settings: Sequence[str],
    weight_decays: Sequence[float],
    seeds: Sequence[int],
    *,
    seeds_without_decay: Sequence[int] = (),
    width: int | None = None,
    among: Mapping[str, tuple[str, ...]] = TASKS,
    **common: object,
) -> list[Config]:
    """The runs that the chapter's parameters name.

    Args:
        settings: of ``among``.
        weight_decays: λ of each.
        seeds: of each.
        seeds_without_decay: of dual runs at λ = 0 beside them.
        width: of the residual stream; hidden layers are twice as wide. By default as published.
        among: name ↦ tasks.
        common: further fields of all configs.

    Raises:
        ConfigError: for an unknown setting or a value that no run can have.
    """
    for name in settings:
        if name not in among:
            known = ", ".join(among)
            raise ConfigError(f"unknown setting {name!r}; known settings: {known}")

    if width is not None:
        common = common | {"width": width, "hidden": 2 * width}

    def config(tasks: tuple[str, ...], decay: float, seed: int) -> Config:
        return Config.of(tasks)(tasks=tasks, weight_decay=decay, seed=seed, **common)

    runs = [
        config(among[name], decay, seed)
        for name in settings
        for decay in weight_decays
        for seed in seeds
    ]
    controls = [config(TASKS["dual"], 0.0, seed) for seed in seeds_without_decay]
    return list({run.id: run for run in [*runs, *controls]}.values())


def plan(config: Config, steps: int) -> Plan:
    """As far as published and 2,000 steps beyond, within the chapter's budget of steps.

    Runs that are published without a stop rule go to their budget.  Snapshots hold all parameters:
    what one chapter trains another measures.
    """
    far = min(steps, config.published_steps)
    return Plan(steps=far, after_grok=AFTER_GROK if config.stops else None, full_state=True)
