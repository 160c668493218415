"""Carrying out a study: what it depends on first, then the bases, then its own runs.

Everything can be stopped and given again: a run goes on from its last resume point, a basis that
was measured stays, and what is done is not done twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from grokbook.store import Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.studies.bases import measure_basis
from grokbook.studies.members import Member, Stage
from grokbook.studies.standing import Standing, Warn, covers, stand
from grokbook.sweep import Done, Job

Train = Callable[[list[Job]], list[Done]]


def carry_out(
    stages: Sequence[Stage],
    store: Store,
    train: Train,
    *,
    stop: threading.Event | None = None,
    warn: Warn = lambda line: None,
) -> list[Done]:
    """Carry out the wanted runs of a chain of studies, in order.

    Args:
        stages: from `grokbook.studies.members.stages`.
        store: where everything lives.
        train: trains jobs; `grokbook.sweep.sweep` with what else it needs.
        stop: when set, what is being trained is saved and the call returns.
        warn: called with one line for every file that is damaged, and for every run that has to
            be left out because the run that would give its basis diverged or failed.

    Returns:
        How every run that was trained now ended.

    Raises:
        StoreError: if a basis cannot be measured or stored.
    """
    stop, ended = stop or threading.Event(), []
    for stage in stages:
        _measure(stage, store, stop, warn)
        jobs = [job for each in stage.members if (job := stand(store, each, warn).job)]
        if jobs and not stop.is_set():
            ended += train(jobs)
        if stop.is_set():
            break
    return ended


def _measure(stage: Stage, store: Store, stop: threading.Event, warn: Warn) -> None:
    """Measure the bases that a stage needs and that are not there."""
    bases: dict[int, str | None] = {}
    for member in stage.members:
        source = member.source
        if source is not None and id(source) not in bases and not stop.is_set():
            on_it = [each for each in stage.members if each.source is source]
            bases[id(source)] = _basis(on_it, stand(store, source, warn), store, warn)
            if bases[id(source)] is None:
                warn(f"study {stage.study.name}: {source.title} of {source.study} gives no basis")


def _basis(members: Sequence[Member], source: Standing, store: Store, warn: Warn) -> str | None:
    """The hash of the basis of some members, measured if need be; None if it cannot be had."""
    artefacts, after = Artefacts(store), members[0].after
    known = members[0].find_basis(store)
    if known is not None:
        # A pack brings no basis with runs that have ended: where all have, it is not missed.
        if not artefacts.path(known).exists() and not any(stand(store, m).left for m in members):
            return known
        try:
            artefacts.get(known)
            return known
        except StoreError as error:
            warn(f"{error}; it is measured again")
    if source.state != "done":
        return None
    return measure_basis(store, source.directory, after.measure, after.parameters, lost=known)


def conflicts(standings: Sequence[Standing], here: str) -> list[str]:
    """Runs in the store that cannot go on as the study asks, one line each.

    A run keeps the cadence and the kinds of snapshots that it was begun with; one that was begun
    with fewer than a study needs is in its way, unless it was begun under other numerics.

    Args:
        standings: of the study's runs.
        here: id of the numerics under which they would go on.
    """
    return [
        f"run {run.config.id} ({run.config.label}) was begun with other snapshots than study "
        f"{standing.member.study} asks for; move {run.path} away, or change the plan with --set"
        for standing in standings
        if (run := standing.directory) is not None
        and standing.state in ("running", "waiting")
        and run.path.name == here
        and not covers(run, standing.plan)
    ]
