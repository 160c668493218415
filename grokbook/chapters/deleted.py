"""Ask for runs with deletion: those that are there, and on request those that are not.

The plain runs are asked for as any chapter's.  Of the deleted ones the page shows what there is, so
that it grows by itself, and says what trains the rest; with ``train`` they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from grokbook.chapters.asked import plan
from grokbook.chapters.measured import ask_all_measured
from grokbook.checks import ConfigError, number
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.instruments.runs import Run
from grokbook.store import Store
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.asking import MissingRun, say, training_allowed
from grokbook.studies.carrying_out import carry_out
from grokbook.studies.deleted_runs import gather, stored_interventions
from grokbook.studies.deletion import Trials
from grokbook.studies.members import Stage, stages
from grokbook.studies.published import STUDIES
from grokbook.studies.settings import setting
from grokbook.sweep import sweep
from grokbook.training.process import interrupts


def checked(doses: Sequence[float]) -> tuple[float, ...]:
    """Doses, rising, each once.

    Raises:
        ConfigError: for none, or one that is not above 0 and at most 1.

    >>> checked([0.5, 0.07, 0.5])
    (0.07, 0.5)
    """
    if not doses:
        raise ConfigError("doses must name at least one")
    return tuple(sorted({number("a dose", d, low=0, high=1, open_low=True) for d in doses}))


def ask_all(
    configs: Sequence[RunConfig],
    arms: Sequence[Arm],
    doses: Sequence[float],
    *,
    steps: int,
    train: bool,
    shelf: Shelf | None = None,
    store: Store | None = None,
) -> list[Trials]:
    """All runs of every setting: the plain ones, and of the deleted ones those that are there.

    Args:
        configs: of the plain runs, which are made if they are not there.
        arms: of which deleted runs are looked for.
        doses: that are trained where they are missing, if ``train``.
        steps: budget of what has to be trained.
        train: also make the deleted runs that are missing.
        shelf: where to look first; by default the book's.
        store: where to look second, and to train; by default the user's.

    Raises:
        MissingRun: if something would have to be made and may not be, or it was stopped.
        StoreError: if a file is damaged, or a run gives no basis.
    """
    shelf, store = shelf or Shelf(), store or Store()
    plain = ask_all_measured(configs, lambda c: plan(c, steps), {}, shelf=shelf, store=store)
    found = _gathered(plain, arms, shelf, store)
    if train and any(wanting(trials, arms, doses) for trials in found):
        for trials in found:
            for arm in arms:
                _train(trials, arm, doses, steps, store)
        found = _gathered(plain, arms, shelf, store)
    return found


def _gathered(
    plain: Sequence[Run], arms: Sequence[Arm], shelf: Shelf, store: Store
) -> list[Trials]:
    def interventions(config: RunConfig) -> list[Run]:
        return [
            *shelf.interventions(config),
            *stored_interventions(store, config, say),
        ]

    kinds: dict[str, list[Run]] = {}
    for run in plain:
        kinds.setdefault(setting(run.config), []).append(run)
    return [gather(runs, arms, shelf.executions, interventions) for runs in kinds.values()]


def _train(trials: Trials, arm: Arm, doses: Sequence[float], steps: int, store: Store) -> None:
    """The missing runs of an arm, and before them what their bases are measured on."""
    seeds = tuple(trial.seed for trial in trials.plain)
    open_doses = tuple(dose for dose in doses if set(trials.of(arm.name, dose)) != set(seeds))
    if not open_doses:
        return
    if not training_allowed():
        raise MissingRun(
            f"runs of {arm.study} are missing and GROKBOOK_TRAIN is never: unset the variable"
        )
    chain = _chain(trials, arm, open_doses, steps)
    say(f"training {arm.study}: {len(chain[-1].members)} runs of at most {steps:,} steps")
    with interrupts() as stop:
        carry_out(
            chain, store, lambda jobs: sweep(jobs, store, stop=stop, warn=say), stop=stop, warn=say
        )
        if stop.is_set():
            raise MissingRun(f"{arm.study} was stopped; nothing is lost: ask again to go on")


def _chain(trials: Trials, arm: Arm, doses: Sequence[float], steps: int) -> tuple[Stage, ...]:
    """The arm's study on these plain runs, and the study that they come from."""
    like = trials.plain[0].run.config
    rest = {k: v for k, v in like.dynamics().items() if k not in ("seed", "intervention")}
    rest["weight_decay"] = like.weight_decay
    seeds = tuple(trial.seed for trial in trials.plain)
    source = STUDIES[arm.declared.after.study]
    grid = {"weight_decay": (like.weight_decay,)}
    base = {name: value for name, value in rest.items() if name != "weight_decay"}
    far = plan(like, steps)
    budget = {"steps": far.steps, "after_grok": far.after_grok, "full_state": True}
    before = replace(source, base=base, grid=grid, seeds=seeds, plan=budget)
    change = {k: v for k, v in arm.declared.base.items() if k.startswith("intervention.")}
    study = replace(
        arm.declared,
        base=rest | change,
        grid={"intervention.strength": tuple(doses)},
        seeds=seeds,
        plan={"steps": steps},
        after=replace(arm.declared.after, parameters=arm.parameters),
    )
    return stages((before, study))


def wanting(
    trials: Trials, arms: Sequence[Arm], doses: Sequence[float]
) -> dict[tuple[str, float], str]:
    """(arm, dose) of which some seed is missing ↦ the command that trains what is."""
    seeds, found = [trial.seed for trial in trials.plain], {}
    like = trials.plain[0].run.config
    for arm in arms:
        for dose in doses:
            missing = [seed for seed in seeds if seed not in trials.of(arm.name, dose)]
            if missing:
                found[arm.name, dose] = arm.command(like, [dose], missing)
    return found


class DoseGap(NamedTuple):
    """Runs of one arm that are not there.

    Attributes:
        arm: of all of them.
        doses: rising, each lacking the same seeds.
        seeds: of the plain runs; every one, or those that lack.
        command: that trains them.
    """

    arm: Arm
    doses: tuple[float, ...]
    seeds: tuple[int, ...]
    command: str


def gaps(
    trials: Trials, arms: Sequence[Arm], doses: Sequence[float], published: Sequence[float] = ()
) -> list[DoseGap]:
    """What is not there, arm by arm: as few commands as train it, whole doses first.

    Args:
        trials: of one setting.
        arms: that are looked for.
        doses: of every arm.
        published: more doses of the published arm.
    """
    like, seeds = trials.plain[0].run.config, tuple(trial.seed for trial in trials.plain)
    found = []
    for arm in arms:
        lacking: dict[tuple[int, ...], list[float]] = {seeds: []}
        for dose in sorted({*doses, *(published if arm.name == OWN else ())}):
            there = trials.of(arm.name, dose)
            lacking.setdefault(tuple(s for s in seeds if s not in there), []).append(dose)
        found += [
            DoseGap(arm, tuple(some), who, arm.command(like, some, who))
            for who, some in lacking.items()
            if who and some
        ]
    return found


def all_doses(found: Sequence[Trials], doses: Sequence[float]) -> list[float]:
    """Those that were asked for and those of which there is a run, rising."""
    return sorted({*doses, *(dose for trials in found for dose in trials.doses)})
