"""Workers on this machine: one single-threaded process a core, as many as memory allows."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker

import joblib
from joblib.externals.loky import ProcessPoolExecutor

from grokbook.checks import ConfigError
from grokbook.store import Store
from grokbook.sweep.job import Result, Work
from grokbook.sweep.order import Order
from grokbook.training.memory import free_bytes


def cores() -> int:
    """Cores that this process may use."""
    return joblib.cpu_count()


def staff(
    jobs: Sequence[Work], wanted: int | None, warn: Callable[[str], None] = lambda line: None
) -> int:
    """How many workers these jobs get: one a usable core, no more than jobs or memory.

    Args:
        jobs: at least one.
        wanted: how many were asked for, or None for one a core.
        warn: called with one line if memory does not allow what would be started by default.

    Raises:
        ConfigError: if memory does not allow what was asked for, or not even one.
    """
    workers = min(cores() if wanted is None else wanted, len(jobs))
    free, each = free_bytes("cpu"), max(job.memory() for job in jobs)
    if free is None or workers * each <= free:
        return workers
    room = free // each
    line = f"a worker needs up to {each / 1e9:.2f} GB of memory and {free / 1e9:.2f} GB are free"
    if wanted is not None or not room:
        raise ConfigError(f"{line}: room for {room} at a time, not {workers}")
    warn(f"{line}: {room} at a time, not {workers}")
    return room


_AT_WORK = threading.Lock()
"""Held by a worker while it has a job."""


def _work(job: Work, store: Store, order: Order) -> Result:
    with _AT_WORK:
        return job.carry_out(store, order)


def _begin(parent: int) -> None:
    """First act of a worker: between jobs, Ctrl-C is its parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """Outlive a parent that was killed only to save."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)  # in training it means save; else it is the end
    with _AT_WORK:
        os._exit(1)


@contextmanager
def _sheltered() -> Iterator[None]:
    """What is started here does not hear Ctrl-C until it says so.

    A terminal sends it to every process of the sweep, and one that is still importing would die
    of it with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LocalPool:
    """Single-threaded worker processes on this machine: joblib's loky, one executor a worker.

    Loky gives up a whole executor when one of its processes dies, and kills the others; with an
    executor for each, a death costs only the job that died, and there is no doubt which it was.

    Args:
        workers: how many.
        store, order: what every job is given.
    """

    _THREADS = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    )

    def __init__(self, workers: int, store: Store, order: Order) -> None:
        self._given = store, order
        self._free: list[ProcessPoolExecutor | None] = [None] * workers
        self._taken: dict[Future[Result], ProcessPoolExecutor] = {}
        resource_tracker.ensure_running()  # its start would end the shelter of the first worker

    def room(self) -> int:
        """Jobs that can be taken now."""
        return len(self._free)

    def submit(self, job: Work) -> Future[Result]:
        """Have a job carried out."""
        executor = self._free.pop()
        try:
            executor, future = self._start(executor, job)
        except BrokenProcessPool:  # killed while it was idle
            executor, future = self._start(None, job)
        self._taken[future] = executor
        return future

    def _start(
        self, executor: ProcessPoolExecutor | None, job: Work
    ) -> tuple[ProcessPoolExecutor, Future[Result]]:
        executor = executor or self._executor()
        with _sheltered():
            return executor, executor.submit(_work, job, *self._given)

    def _executor(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, initializer=_begin, initargs=(os.getpid(),), env=self._THREADS
        )

    def deaths(self, future: Future[Result]) -> int:
        """Workers that died of an ended job; its place is free again."""
        executor = self._taken.pop(future)
        died = isinstance(future.exception(), BrokenProcessPool)
        self._free.append(None if died else executor)
        return int(died)

    def close(self, *, hard: bool) -> None:
        """End the workers; those that still train only if ``hard``, by killing them."""
        executors = [e for e in (*self._free, *self._taken.values()) if e is not None]
        with ThreadPoolExecutor(len(self._free) + len(self._taken)) as all_at_once:
            list(all_at_once.map(lambda e: e.shutdown(kill_workers=hard), executors))
