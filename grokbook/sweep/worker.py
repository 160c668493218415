"""What a worker does with a run: train it, and say in one line how that ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Busy, RunDirectory, Store
from grokbook.sweep.job import Done, Result, attempt
from grokbook.sweep.order import Order
from grokbook.sweep.progress import ProgressFile, read_progress
from grokbook.training.process import interrupts
from grokbook.training.run import Outcome, Progress, run

LIBRARIES_BYTES = 400_000_000
"""What a worker takes before it has begun anything."""
_RESUME_POINTS = 6
_RATE = 100.0


@dataclass(frozen=True)
class Job:
    """A run to train, and how far."""

    config: RunConfig
    plan: Plan

    @property
    def key(self) -> str:
        """The run's config id."""
        return self.config.id

    @property
    def label(self) -> str:
        """What a person calls the run."""
        return self.config.label

    def memory(self) -> int:
        """Bytes that a worker needs for it: a bound fitted to measured peaks.

        The libraries take 400 MB; training and saving six times the bytes of a resume point; and
        the snapshots that wait for the next save are no more than 100 steps a second make.
        Measured, as the largest resident size (VmHWM) of a worker that trains add and mul modulo
        97, on x86-64 with PyTorch 2.13 for CPU:

            width 128, the published run, 50 steps            464 MB    bound 531 MB
            the same, 600 steps, 60 snapshots of all weights  645 MB    bound 692 MB
            width 256, hidden 512, 10 steps                   780 MB    bound 886 MB
            width 512, hidden 1024, 10 steps                 2011 MB    bound 2315 MB

        Over the published 300,000 steps the log grows, and the bound of the published run to
        693 MB.
        """
        plan, config = self.plan, self.config
        waiting = min(plan.steps, _RATE * plan.resume_seconds) / plan.cadence
        saving = _RESUME_POINTS * plan.resume_bytes(config)
        return LIBRARIES_BYTES + saving + int(waiting * plan.snapshot_bytes(config))

    def reached(self, store: Store) -> tuple[int, float]:
        """Updates and seconds of the furthest, under whatever numerics."""
        furthest = next(iter(store.runs(self.config)), None)
        return (furthest.step, furthest.seconds) if furthest else (0, 0.0)

    def saved(self, store: Store) -> int:
        """Updates under all numerics together."""
        return sum(run.step for run in store.runs(self.config))

    def carry_out(self, store: Store, order: Order) -> Result:
        """Train the run until it ends, is told to stop, or fails."""
        # For good, and not for the run alone: a Dask worker may train in several threads, and the
        # first to finish would give all the others back their many threads in mid-run.
        torch.set_num_threads(1)
        remembering, warnings = _Remembering(store), []

        def act() -> Done | None:
            with interrupts() as stop, order.obeyed(stop):
                outcome = _trained(self, remembering, order, stop, warnings.append)
            if outcome is None:
                return None
            facts = outcome.status, outcome.step, outcome.directory.seconds
            return Done(self.key, self.label, *facts)

        return attempt(self, store, order, act, warnings)


class _Remembering(Store):
    """A store that remembers the run directory it opened."""

    def __init__(self, store: Store) -> None:
        vars(self).update(vars(store))
        self.opened: RunDirectory | None = None

    def open(self, *args: Any, **options: Any) -> RunDirectory:
        self.opened = super().open(*args, **options)
        return self.opened


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
