"""Many runs: one single-threaded worker a core, on this machine or on a Dask cluster.

    done = sweep([Job(config, plan) for config in configs], Store())

Workers are processes of joblib's loky; ``scheduler="tcp://host:8786"`` takes those of a Dask
cluster instead, whose machines share the store's folder. A job trains a run, or measures one
(`grokbook.instruments.measuring`); nothing about it depends on who carries it out, and the bits of
a run are those of a run trained alone.

A sweep can lose any worker at any moment. A run whose worker was killed is given to another one
and goes on from its last resume point, so that a death costs at most a minute of training. Run
directories are locked, so that nothing is trained twice. On Ctrl-C the workers save and return;
the same sweep given again goes on. How far each run is can be read from another terminal
(`read_progress`), and how much memory a worker needs is stated in `Job.memory`.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from typing import TypeVar

from grokbook.checks import ConfigError, integer
from grokbook.store import Store
from grokbook.sweep.cluster import ClusterPool, SchedulerError, require_scheduler
from grokbook.sweep.job import Done, Result, Work, describe, ended
from grokbook.sweep.local import LocalPool, staff
from grokbook.sweep.order import Order
from grokbook.sweep.progress import Reading, read_progress
from grokbook.sweep.worker import Job
from grokbook.training.process import interrupts

__all__ = [
    "Done",
    "Job",
    "Reading",
    "SchedulerError",
    "Work",
    "distinct",
    "read_progress",
    "require_workers",
    "sweep",
]

Kind = TypeVar("Kind", bound=Work)

LIVES = 3
"""Workers that may die of a job without bringing it further."""
GRACE = 60.0
"""Seconds that workers have to save when they are asked to stop."""


def sweep(
    jobs: Iterable[Work],
    store: Store,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    stop: threading.Event | None = None,
    watch: Callable[[Done], None] = lambda done: None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Done]:
    """Carry out jobs; what goes wrong with one does not touch the others.

    Args:
        jobs: what to carry out; a key that is asked for twice is carried out once.
        store: where they live; on a cluster a folder that all its machines see.
        workers: how many at a time; by default one a usable core, fewer if memory is short, or
            all threads of the cluster.
        scheduler: address of a Dask scheduler; None for processes of this machine.
        stop: when set, every run is saved and the call returns; by default that is what Ctrl-C
            does, and a second Ctrl-C ends the workers on the spot.
        watch: called with each job that has ended, as it ends.
        warn: called with one line for everything that was worked around.

    Returns:
        How each job ended, in the order of the jobs.

    Raises:
        ConfigError: if one key is asked for with two jobs, or memory has no room for so many
            workers.
        SchedulerError: if the scheduler does not answer, or Dask is not installed.
        StoreError: if the store cannot be written.
    """
    jobs = list(jobs)
    once = distinct(jobs)
    if not jobs:
        return []
    if workers is not None:
        integer("workers", workers, low=1)
    store = copy.copy(store)
    store.root = store.root.absolute()  # workers may stand in another folder
    number = staff(once, workers, warn) if scheduler is None else workers
    with (
        nullcontext(stop) if stop is not None else interrupts() as stop,
        Order.given(store.root) as order,
    ):
        if scheduler is None:
            pool = LocalPool(number, store, order)
        else:
            pool = ClusterPool(scheduler, number, store, order, warn)
        work, hard = _Jobs(once, store, pool, watch, warn), True
        try:
            work.carry_out(order, stop)
            hard = bool(work.running)
        except Exception:
            order.stop()
            hard = False
            raise
        finally:
            pool.close(hard=hard)
    return [work.done[job.key] for job in jobs]


def require_workers(
    jobs: Iterable[Work], *, workers: int | None = None, scheduler: str | None = None
) -> None:
    """Refuse what `sweep` would refuse, before anything is begun.

    Raises:
        ConfigError: if one key is asked for with two jobs, or memory has no room for so many
            workers.
        SchedulerError: if the scheduler does not answer, or Dask is not installed.
    """
    once = distinct(jobs)
    if scheduler is not None:
        require_scheduler(scheduler)
    elif once:
        staff(once, workers)


def distinct(jobs: Iterable[Kind]) -> list[Kind]:
    """Every key once.

    Raises:
        ConfigError: if one is asked for with two jobs, as a run is with two plans.
    """
    found: dict[str, Kind] = {}
    for job in jobs:
        if found.setdefault(job.key, job) != job:
            raise ConfigError(f"run {job.key} ({job.label}) is asked for with two plans")
    return list(found.values())


class _Jobs:
    """The jobs of a sweep: waiting, running, done."""

    def __init__(
        self,
        jobs: list[Work],
        store: Store,
        pool: LocalPool | ClusterPool,
        watch: Callable[[Done], None],
        warn: Callable[[str], None],
    ) -> None:
        self.waiting = deque(jobs)
        self.running: dict[Future[Result], Work] = {}
        self.done: dict[str, Done] = {}
        self._deaths = dict.fromkeys((job.key for job in jobs), 0)
        self._began: dict[str, int] = {}
        self._store, self._pool, self._watch, self._warn = store, pool, watch, warn

    def carry_out(self, order: Order, stop: threading.Event) -> None:
        """Until all are done; what is left running did not stop in time."""
        asked = None
        try:
            while self.waiting or self.running:
                if stop.is_set() and asked is None:
                    order.stop()
                    asked = time.monotonic()
                if asked is not None:
                    while self.waiting:
                        self._end(self.waiting.popleft(), "interrupted")
                    if time.monotonic() - asked > GRACE:
                        for job in self.running.values():
                            self._end(job, "interrupted", f"did not answer within {GRACE:g} s")
                        return
                while self.waiting and self._pool.room() > 0:
                    self._give(self.waiting.popleft())
                if self.running:
                    wait(self.running, timeout=0.1, return_when=FIRST_COMPLETED)
                else:
                    stop.wait(0.1)
                for future in [future for future in self.running if future.done()]:
                    self._settle(future)
        except SchedulerError as error:
            for job in [*self.waiting, *self.running.values()]:
                self._end(job, "failed", describe(error))

    def _give(self, job: Work) -> None:
        self._began[job.key] = job.saved(self._store)
        self.running[self._pool.submit(job)] = job

    def _settle(self, future: Future[Result]) -> None:
        deaths = self._pool.deaths(future)
        job = self.running.pop(future)
        if deaths:
            self._mourn(job, deaths)
        elif error := future.exception():
            self._end(job, "failed", describe(error))
        else:
            done, lines = future.result()
            for line in lines:
                self._warn(f"{done.label}: {line}")
            self._report(done)

    def _mourn(self, job: Work, deaths: int) -> None:
        """Give a job to another worker, unless it is the death of every one."""
        name, step = job.key, job.saved(self._store)
        further = step > self._began[name]
        self._deaths[name] = 1 if further else self._deaths[name] + deaths
        if self._deaths[name] >= LIVES:
            note = f"its worker died {self._deaths[name]} times at step {step:,}"
            self._end(job, "failed", f"{note}: killed, or out of memory")
            return
        self._warn(f"{job.label}: its worker died; it goes on from step {step:,}")
        self.waiting.appendleft(job)

    def _end(self, job: Work, status: str, note: str = "") -> None:
        self._report(ended(job, self._store, status, note))

    def _report(self, done: Done) -> None:
        self.done[done.key] = done
        self._watch(done)
