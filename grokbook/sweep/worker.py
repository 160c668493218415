"""What a worker does: train one run, and say in one line how it ended.

Nothing that goes wrong with one run leaves this room as an exception, so that no run takes others
with it. What cannot be caught, the death of the process, is the business of `grokbook.sweep`.
"""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Busy, RunDirectory, Store, StoreError
from grokbook.sweep.order import TRAIN, Order
from grokbook.sweep.progress import ProgressFile, read_progress
from grokbook.training.run import Outcome, Progress, interrupts, run


@dataclass(frozen=True)
class Job:
    """A run to train, and how far."""

    config: RunConfig
    plan: Plan


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes:
        config_id, label: of its run.
        status: ``"finished"``, ``"diverged"``, ``"interrupted"``, ``"busy"`` (another process
            trains it) or ``"failed"``.
        step: updates that are safe on disk.
        seconds: spent on the run so far, over all its attempts.
        note: one line if the job was not carried out and nobody asked for that, else empty.
    """

    config_id: str
    label: str
    status: str
    step: int
    seconds: float
    note: str = ""


Result = tuple[Done, list[str]]
"""How a job ended, and lines on damage that was worked around."""


def ended(job: Job, store: Store, status: str, note: str = "") -> Done:
    """A job that ended without an outcome; step and seconds are those of the store."""
    furthest = next(iter(store.runs(job.config)), None)
    step, seconds = (furthest.step, furthest.seconds) if furthest else (0, 0.0)
    return Done(job.config.id, job.config.label, status, step, seconds, note)


def describe(error: BaseException) -> str:
    """An error as one line; those of the store say all by themselves."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    if isinstance(error, StoreError):
        return text
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in where)
    return f"{type(error).__name__}: {text}{place}"


class _Remembering(Store):
    """A store that remembers the run directory it opened."""

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))
        self.opened: RunDirectory | None = None

    def open(self, *args: Any, **options: Any) -> RunDirectory:
        self.opened = super().open(*args, **options)
        return self.opened


def train(job: Job, store: Store, order: Order) -> Result:
    """Carry out a job until it ends, is told to stop, or fails."""
    # For good, and not for the run alone: a Dask worker may train in several threads, and the
    # first to finish would give all the others back their many threads in mid-run.
    torch.set_num_threads(1)
    store, warnings = _Remembering(store), []
    word = order.read()
    if word is None:
        host = socket.gethostname()
        note = f"{host} does not see the store {store.root}: a cluster needs a shared folder"
        return ended(job, store, "failed", note), warnings
    if word != TRAIN:
        return ended(job, store, "interrupted"), warnings
    try:
        with interrupts() as stop, order.obeyed(stop):
            outcome = _trained(job, store, order, stop, warnings.append)
    except Busy as error:
        return ended(job, store, "busy", describe(error)), warnings
    except Exception as error:
        return ended(job, store, "failed", describe(error)), warnings
    if outcome is None:
        return ended(job, store, "interrupted"), warnings
    facts = outcome.status, outcome.step, outcome.directory.seconds
    return Done(job.config.id, job.config.label, *facts), warnings


def _trained(
    job: Job,
    store: _Remembering,
    order: Order,
    stop: threading.Event,
    warn: Callable[[str], None],
) -> Outcome | None:
    """The run's outcome, or None if it was stopped before its lock could be had."""
    progress = ProgressFile(order.name, job.config.tasks, job.plan.steps)

    def began(step: int | None) -> None:
        progress.write(store.opened.path, step or 0)

    def watch(now: Progress) -> None:
        progress.write(store.opened.path, now.step, now.rate, now.row)

    try:
        while not stop.is_set():
            try:
                return run(
                    job.config, job.plan, store, watch=watch, began=began, stop=stop, warn=warn
                )
            except Busy:
                if not _ours(store, order):
                    raise
                stop.wait(1)
        return None
    finally:
        progress.remove()


def _ours(store: _Remembering, order: Order) -> bool:
    """Is the run held by an earlier attempt of this very sweep?

    A scheduler that has lost sight of a worker gives its job to another one, though the first
    may train on; and a network file system keeps the lock of a dead machine for a while.
    """
    reading = read_progress(store.opened.path) if store.opened else None
    return reading is not None and reading.sweep == order.name
