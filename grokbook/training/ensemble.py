"""Many runs at once: as models of one trainer, on a GPU or on a CPU.

Runs of one architecture, optimiser and cadence make an ensemble, and pass through the slots of a
trainer (`grokbook.training.slots`).  Every run has its own directory and resume points, as if it
had been trained alone.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from grokbook.models.layout import Layout
from grokbook.store import Store, StoreError
from grokbook.sweep import Done, Job, distinct
from grokbook.training.coefficients import changed_part
from grokbook.training.memory import fitting, require_memory
from grokbook.training.process import prepare_device, single_thread
from grokbook.training.run import Warn, bases_in
from grokbook.training.slots import Slots
from grokbook.training.trainer import Bases, kinship


def train_ensembles(
    jobs: Sequence[Job],
    store: Store,
    *,
    models: int | None = None,
    device: str = "cpu",
    stop: threading.Event | None = None,
    watch: Callable[[Done], None] = lambda done: None,
    warn: Warn = lambda line: None,
) -> list[Done]:
    """Train runs as ensembles, one for each architecture, table size, optimiser and cadence.

    Runs that change the gradient, and runs that change the Adam step, are ensembles of their own,
    one for each number of directions.

    Args:
        jobs: runs and how far each is trained.
        store: where they live.
        models: M.  By default that of runs among them which were begun, for it is part of their
            numerics; else what the device's memory holds, at most 512 (on a CPU 4), and no more
            than there are runs.  Slots without a run are held still.
        device: ``"cpu"`` or ``"cuda"``.
        stop: when set, every run is saved and the call returns.
        watch: called when a run ends.
        warn: called with one line for what was worked around.

    Returns:
        How every run ended, in the order in which they did.

    Raises:
        ConfigError: before anything is trained: if the device is not there, or its memory is too
            small for M of any group: how much is needed, and which M fits; or if a run is asked for
            with two plans.
    """
    stop = stop or threading.Event()
    prepare_device(device)
    bases, ended = bases_in(store), []
    groups: dict[_Shared, list[Job]] = defaultdict(list)
    for job in distinct(jobs):
        try:
            groups[_shared(job, bases)].append(job)
        except StoreError as error:
            ended.append(Done(job.config.id, job.config.label, "failed", 0, 0.0, str(error)))
            watch(ended[-1])
    sized = [
        (shared, group, models or _size(group, store, device, shared.directions))
        for shared, group in groups.items()
    ]
    for shared, group, size in sized:  # of all, before the first is trained
        require_memory(group[0].config, size, device, shared.directions)
    with single_thread():
        for _, group, size in sized:
            ended += Slots(group, store, size, device, bases, watch, warn).train(stop)
    return ended


class _Shared(NamedTuple):
    """What the runs of one ensemble share."""

    kinship: tuple
    cadence: int
    part: str  # that interventions change
    directions: int  # of their bases


def _shared(job: Job, bases: Bases) -> _Shared:
    """What a run shares with its ensemble.

    Raises:
        StoreError: if the run's basis is missing, or belongs to another architecture.
    """
    change, directions = job.config.intervention, 0
    if change is not None and change.basis is not None:
        parameters, directions = bases(change.basis).shape
        size = Layout.of(job.config).size
        if parameters != size:
            raise StoreError(
                f"basis {change.basis[:12]} is of {parameters:,} parameters, and the model of "
                f"{job.config.label} has {size:,}"
            )
    part = changed_part(job.config)  # without one, the basis is no part of the step
    return _Shared(kinship(job.config), job.plan.cadence, part, directions if part else 0)


def _size(group: Sequence[Job], store: Store, device: str, directions: int) -> int:
    """M where none is asked for: that of runs which were begun, else what fits and is needed."""
    begun = [
        run.numerics["models"]
        for job in group
        for run in store.runs(job.config)
        if run.step and not run.ended and run.numerics["device"] == device
    ]
    return max(begun, default=min(fitting(group[0].config, device, directions), len(group)))
