"""Ask for a run with its measurements, and it is there or it is made.

As `grokbook.studies.asking`, for what instruments find: recorded results first, then the local
store, else the run is trained and measured, unless ``GROKBOOK_TRAIN`` is ``never``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.measurement import as_json
from grokbook.instruments.measuring import Measuring
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store
from grokbook.store.derived import Grams, gram_file
from grokbook.studies.asking import MissingRun, training_allowed
from grokbook.training.process import interrupts
from grokbook.training.progress import ProgressLine
from grokbook.training.run import run as train

Wanted = Mapping[str, Mapping[str, Any]]
"""Instrument ↦ parameters; those not given are at their default."""


def ask_measured(
    config: RunConfig,
    plan: Plan,
    wanted: Wanted,
    *,
    shelf: Shelf | None = None,
    store: Store | None = None,
) -> Run:
    """One run with measurements: recorded, stored, or trained and measured now.

    Args:
        config: of the run.
        plan: how far it must have been trained; snapshots hold all parameters.
        wanted: what must have been measured.
        shelf: where to look first; by default the book's.
        store: where to look second, and to train; by default the user's.

    Raises:
        ConfigError: naming an instrument or a parameter that there is not.
        MissingRun: if something would have to be made and may not be, or it was stopped.
        StoreError: if a file is damaged.
    """
    complete = {name: instrument(name).complete(given) for name, given in wanted.items()}
    try:
        recorded = (shelf or Shelf()).run(config)
    except Missing:
        recorded = None
    if recorded is not None and recorded.record.reaches(plan) and _has(recorded, complete):
        return recorded
    store = store or Store()
    directory = next(
        (
            each
            for each in store.runs(config, warn=_say)
            if each.ended and each.marker["plan"]["full_state"] and each.record().reaches(plan)
        ),
        None,
    )
    if directory is None:
        directory = _trained(config, replace(plan, full_state=True), store)
    measured = [_measured(name, directory, given, store) for name, given in complete.items()]
    return Run(
        "/".join(directory.path.parts[-2:]),
        directory.record("store"),
        tuple(measured),
        read_grams=lambda: Grams.read(gram_file(directory)),
    )


def _has(run: Run, wanted: Wanted) -> bool:
    """Was every instrument applied to it, with these parameters?"""
    at_hand = [(each.instrument, each.parameters) for each in run.measurements]
    return all((name, as_json(given)) in at_hand for name, given in wanted.items())


def _trained(config: RunConfig, plan: Plan, store: Store) -> RunDirectory:
    if not training_allowed():
        raise MissingRun(_refused(config))
    _say(f"training {config.label}: up to {plan.steps:,} steps")
    with interrupts() as stop, ProgressLine(config.tasks) as line:
        outcome = train(config, plan, store, watch=line.show, stop=stop, warn=_say)
    if outcome.status == "interrupted":
        raise MissingRun(
            f"training {config.label} was stopped at step {outcome.step:,}; "
            "nothing is lost: ask again to go on"
        )
    return outcome.directory


def _measured(name: str, run: RunDirectory, parameters: Mapping[str, Any], store: Store):
    job = Measuring.of(name, run, parameters)
    _, begun = job.begun(store)
    if begun.complete:
        return begun
    if not training_allowed():
        raise MissingRun(_refused(run.config))
    _say(f"measuring {job.label}: {len(begun.left)} of {len(begun.points)} points left")
    with interrupts() as stop:
        found = job.measure(store, stop)
    if not found.complete:
        raise MissingRun(
            f"measuring {job.label} was stopped with {len(found.left)} points left; "
            "nothing is lost: ask again to go on"
        )
    return found


def _refused(config: RunConfig) -> str:
    return (
        f"run {config.id} ({config.label}) is not recorded with all its measurements, and "
        "GROKBOOK_TRAIN is never: unset the variable to train and measure it"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr)
