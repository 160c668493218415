"""Ask for a run with its measurements, and it is there or it is made.

As `grokbook.studies.asking`, for what instruments find: recorded results first, then the local
store, else the run is trained and measured, unless ``GROKBOOK_TRAIN`` is ``never``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from grokbook.claims.shelf import Shelf
from grokbook.config import Config
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.measurement import Measurement, as_json
from grokbook.instruments.measuring import Measuring
from grokbook.instruments.runs import Missing, Run
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store
from grokbook.store.derived import Grams, gram_file
from grokbook.studies.asking import MissingRun, say, trained, training_allowed
from grokbook.training.process import interrupts

Wanted = Mapping[str, Mapping[str, Any]]
"""Instrument ↦ parameters; those not given are at their default."""


def ask_all_measured(
    configs: Sequence[Config],
    plan: Callable[[Config], Plan],
    wanted: Wanted,
    *,
    enough: Collection[str] | None = None,
    shelf: Shelf | None = None,
    store: Store | None = None,
) -> list[Run]:
    """Several runs with measurements, as `ask_measured`.

    All are trained before any is measured, for one seed's measurement takes another as a control.

    Args:
        configs: of the runs.
        plan: config ↦ how far it must have been trained.
        wanted: what must have been measured on each.
        enough: instruments that are enough of a recorded run, whatever else is wanted of one that
            is measured now; by default all.
        shelf: where to look first; by default the book's.
        store: where to look second, and to train; by default the user's.

    Raises:
        ConfigError: naming an instrument or a parameter that there is not.
        MissingRun: if something would have to be made and may not be, or it was stopped.
        StoreError: if a file is damaged.
    """
    shelf, store, complete = shelf or Shelf(), store or Store(), _complete(wanted)
    needed = {name: complete[name] for name in (complete if enough is None else enough)}
    found: list[Run | RunDirectory] = []
    for config, far in [(config, plan(config)) for config in configs]:
        found.append(_recorded(config, far, complete, needed, shelf) or _stored(config, far, store))
    return [
        each if isinstance(each, Run) else _with_measurements(each, complete, store)
        for each in found
    ]


def ask_measured(
    config: Config,
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
    (run,) = ask_all_measured([config], lambda _: plan, wanted, shelf=shelf, store=store)
    return run


def at_hand(
    configs: Sequence[Config],
    wanted: Wanted,
    *,
    shelf: Shelf | None = None,
    store: Store | None = None,
) -> list[Run]:
    """Those of the runs that are there, with what was measured on them; nothing is made.

    Args:
        configs: of the runs.
        wanted: what to look for on a run of the store; of a recorded run everything is there.
        shelf: where to look first; by default the book's.
        store: where to look second; by default the user's. A run that has not ended is not there.

    Raises:
        ConfigError: naming an instrument or a parameter that there is not.
        MissingRun: if there is none at all.
        StoreError: if a file is damaged.
    """
    shelf, store, complete = shelf or Shelf(), store or Store(), _complete(wanted)
    found = []
    for config in configs:
        try:
            found.append(shelf.run(config))
        except Missing:
            ended = (each for each in store.runs(config, warn=say) if each.ended)
            if (directory := next(ended, None)) is not None:
                found.append(_as_it_is(directory, complete, store))
    if not found:
        raise MissingRun(
            f"none of {len(configs)} runs is recorded or in the store, such as "
            f"`{configs[0].command}`"
            if configs
            else "no run is asked for"
        )
    return found


def _as_it_is(directory: RunDirectory, wanted: Wanted, store: Store) -> Run:
    """A run of the store with those of the measurements that are complete."""
    done = []
    for name, given in wanted.items():
        job = Measuring.of(name, directory, given)
        measured = job.found(store, Subject(directory, store))
        done += [measured] if measured is not None and measured.complete else []
    return _run(directory, done, wanted)


def _complete(wanted: Wanted) -> dict[str, dict[str, Any]]:
    return {name: instrument(name).complete(given) for name, given in wanted.items()}


def _recorded(
    config: Config, plan: Plan, wanted: Wanted, needed: Wanted, shelf: Shelf
) -> Run | None:
    try:
        run = shelf.run(config)
    except Missing:
        return None
    return replace(run, meant=wanted) if run.record.reaches(plan) and _has(run, needed) else None


def _stored(config: Config, plan: Plan, store: Store) -> RunDirectory:
    """The run in the store, trained if need be."""
    begun = [each for each in store.runs(config, warn=say) if "plan" in each.marker]
    whole = [each for each in begun if each.marker["plan"]["full_state"]]
    for each in whole:
        if each.ended and each.record().reaches(plan):
            return each
    if not training_allowed():
        raise _refused(config)
    if begun and not whole:
        raise MissingRun(
            f"run {config.id} ({config.label}) is in the store with snapshots of the attention "
            "matrices alone, and its instruments read all parameters: set GROKBOOK_STORE to "
            "another directory to train it there"
        )
    return trained(config, replace(plan, full_state=True), store)


def _with_measurements(directory: RunDirectory, wanted: Wanted, store: Store) -> Run:
    done = [_measured(name, directory, given, store) for name, given in wanted.items()]
    return _run(directory, done, wanted)


def _run(directory: RunDirectory, done: Sequence[Measurement], meant: Wanted) -> Run:
    return Run(
        "/".join(directory.path.parts[-2:]),
        directory.record("store"),
        tuple(done),
        read_grams=lambda: Grams.read(gram_file(directory)),
        meant=meant,
    )


def _has(run: Run, wanted: Wanted) -> bool:
    """Was every instrument applied to it, with these parameters?"""
    at_hand = [(each.instrument, each.parameters) for each in run.measurements]
    return all((name, as_json(given)) in at_hand for name, given in wanted.items())


def _refused(config: Config) -> MissingRun:
    return MissingRun(
        f"run {config.id} ({config.label}) is not recorded with all its measurements, and "
        "GROKBOOK_TRAIN is never: unset the variable to train and measure it"
    )


def _measured(name: str, run: RunDirectory, parameters: Mapping[str, Any], store: Store):
    job = Measuring.of(name, run, parameters)
    _, begun = job.begun(store)
    if begun.complete:
        return begun
    if not training_allowed():
        raise _refused(run.config)
    say(f"measuring {job.label}: {len(begun.left)} of {len(begun.points)} points left")
    with interrupts() as stop:
        found = job.measure(store, stop)
    if not found.complete:
        raise MissingRun(
            f"measuring {job.label} was stopped with {len(found.left)} points left; "
            "nothing is lost: ask again to go on"
        )
    return found
