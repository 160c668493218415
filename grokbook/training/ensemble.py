"""Many runs at once: as models of one trainer, on a GPU or on a CPU.

A trainer of M slots takes runs from a queue.  Each slot has its own run, at its own step; when a
run ends, its slot is given to the next one, and when none is left the slot is held still.  So M
never changes, and with it no bit of a neighbour: what a run computes depends on its config and
its numerics (M among them), not on who sits beside it or when.

Every run has its own directory and resume points, as if it had been trained alone.  Metrics and
snapshots leave the device at evaluations only.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.numerics import Numerics
from grokbook.store import Busy, Store, StoreError
from grokbook.sweep import Done, Job
from grokbook.sweep.progress import ProgressFile
from grokbook.training.displacement import DisplacementError
from grokbook.training.memory import fitting, require_memory
from grokbook.training.process import single_thread
from grokbook.training.run import Keeping, Warn, bases_in, has_come_home, require
from grokbook.training.session import Session, measure
from grokbook.training.trainer import Bases, Trainer, kinship

_TOGETHER = 25
"""Updates between two looks at ``stop``."""
_NAME = "ensemble"
"""Stands in progress files where a sweep's name would."""
_PENDING = 24
"""Snapshots of a run that wait in memory before it is saved, whatever the clock says."""


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

    Args:
        jobs: runs and how far each is trained.
        store: where they live.
        models: M; by default what the device's memory holds, at most 512 (on a CPU 4), and no more
            than there are runs.  M is part of a run's numerics: give the same one to go on with
            stopped runs; slots without a run are held still.
        device: ``"cpu"`` or ``"cuda"``.
        stop: when set, every run is saved and the call returns.
        watch: called when a run ends.
        warn: called with one line for what was worked around.

    Returns:
        How every run ended, in the order in which they did.

    Raises:
        ConfigError: if the device is not there, or its memory is too small for M: how much is
            needed, and which M fits.
    """
    stop = stop or threading.Event()
    check_device(device)
    bases = bases_in(store)
    groups: dict[tuple, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[_group(job, bases)].append(job)
    ended: list[Done] = []
    with single_thread():
        for group in groups.values():
            config = group[0].config
            size = models or min(fitting(config, device), len(group))
            require_memory(config, size, device)
            ended += _Ensemble(group, store, size, device, bases, watch, warn).train(stop)
    return ended


def check_device(device: str) -> None:
    """Is the device there?  Sets full float32 products on a GPU: neither TF32 nor bfloat16.

    Raises:
        ConfigError: if not.
    """
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"device must be cpu or cuda, not {device!r}")
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("device cuda is not there: PyTorch finds no GPU")
        torch.set_float32_matmul_precision("highest")


def _group(job: Job, bases: Bases) -> tuple:
    """What the runs of one ensemble share."""
    change = job.config.intervention
    wide = 0 if change is None or change.basis is None else bases(change.basis).shape[1]
    return (kinship(job.config), len(job.config.tasks), job.plan.cadence, wide)


class _Ensemble:
    """Slots, the runs in them, and the runs that wait."""

    def __init__(
        self,
        jobs: Sequence[Job],
        store: Store,
        models: int,
        device: str,
        bases: Bases,
        watch: Callable[[Done], None],
        warn: Warn,
    ) -> None:
        self._store, self._watch, self._warn = store, watch, warn
        self._queue = deque(jobs)
        self._numerics = Numerics.here(device=device, models=models)
        first = [jobs[slot % len(jobs)].config for slot in range(models)]
        self._trainer = Trainer(first, device=device, bases=bases)
        self._trainer.active = [False] * models
        self._keepings: list[Keeping | None] = [None] * models
        self._open = [contextlib.ExitStack() for _ in range(models)]
        self._progress: list[ProgressFile | None] = [None] * models
        self._ended: list[Done] = []

    def train(self, stop: threading.Event) -> list[Done]:
        """Until every run has ended, or ``stop`` is set."""
        try:
            for slot in range(self._trainer.models):
                self._fill(slot)
            while (live := self._live()) and not stop.is_set():
                self._advance(live, stop)
            for slot in self._live():
                self._leave(slot, "interrupted")
            if stop.is_set():
                for job in self._queue:
                    self._say(job.config, "interrupted", 0, 0.0)
        finally:
            for stack in self._open:
                stack.close()
        return self._ended

    def _live(self) -> list[int]:
        return [slot for slot, keeping in enumerate(self._keepings) if keeping is not None]

    def _advance(self, live: list[int], stop: threading.Event) -> None:
        """To the next evaluation of any run, then on with those that have reached theirs."""
        sessions = {slot: self._keepings[slot].session for slot in live}
        until = {slot: session.next_evaluation() for slot, session in sessions.items()}
        left = min(until[slot] - session.step for slot, session in sessions.items())
        while left and not stop.is_set():
            self._trainer.advance(min(_TOGETHER, left))
            left -= min(_TOGETHER, left)
        there = [slot for slot, session in sessions.items() if session.step == until[slot]]
        if there:
            measure([sessions[slot] for slot in there])
        for slot in there:
            keeping, session = self._keepings[slot], sessions[slot]
            at = keeping.progress()
            self._progress[slot].write(keeping.directory.path, at.step, at.rate, at.row)
            if session.over():
                self._leave(slot, session.close())
                self._fill(slot)
                continue
            due = keeping.due() or len(session.pending) >= _PENDING
            if due and not self._save(slot, "running"):
                self._fill(slot)

    def _fill(self, slot: int) -> None:
        """Give a slot to the next run that has anything left to train."""
        while self._queue and self._keepings[slot] is None:
            job = self._queue.popleft()
            try:
                self._enter(slot, job)
            except Busy as error:
                self._release(slot)
                self._say(job.config, "busy", 0, 0.0, str(error))
            except (StoreError, ConfigError, DisplacementError) as error:
                self._release(slot)
                self._say(job.config, "failed", 0, 0.0, str(error))

    def _enter(self, slot: int, job: Job) -> None:
        opened = self._store.open(job.config, self._numerics, warn=self._warn)
        directory = self._open[slot].enter_context(opened)
        require(self._store, job.config, job.plan, directory, self._warn)
        if has_come_home(directory, job.plan):
            self._release(slot)
            self._say(job.config, directory.status, directory.step, directory.seconds)
            return
        self._trainer.place(slot, job.config)
        session = Session(job.config, job.plan, self._trainer, slot)
        keeping = self._keepings[slot] = Keeping(session, directory)
        self._progress[slot] = ProgressFile(_NAME, job.config.tasks, job.plan.steps)
        if not keeping.begin():
            status = directory.status if directory.ended else keeping.finish().status
            self._release(slot)
            self._say(job.config, status, session.step, directory.seconds)

    def _save(self, slot: int, status: str) -> bool:
        """Save a run; one that cannot be saved leaves, the others go on."""
        keeping = self._keepings[slot]
        try:
            keeping.save(status)
        except StoreError as error:
            config, step = keeping.session.config, keeping.directory.step
            self._release(slot)
            self._say(config, "failed", step, keeping.directory.seconds, str(error))
            return False
        return True

    def _leave(self, slot: int, status: str) -> None:
        keeping = self._keepings[slot]
        if self._save(slot, status):
            session, directory = keeping.session, keeping.directory
            self._release(slot)
            self._say(session.config, status, session.step, directory.seconds)

    def _release(self, slot: int) -> None:
        """Hold the slot still and give its directory back."""
        self._keepings[slot] = None
        if self._progress[slot] is not None:
            self._progress[slot].remove()
        self._trainer.active[slot] = False
        self._open[slot].close()

    def _say(
        self, config: RunConfig, status: str, step: int, seconds: float, note: str = ""
    ) -> None:
        done = Done(config.id, config.label, status, step, seconds, note)
        self._ended.append(done)
        self._watch(done)


def throughput(config: RunConfig, *, models: int, device: str, steps: int = 200) -> float:
    """Model-steps a second of an ensemble, evaluation left out, by the wall clock.

    Args:
        config: of the first model; the others differ in their seeds.
        models: M.
        device: ``"cpu"`` or ``"cuda"``.
        steps: timed, after a warm-up of a tenth as many.

    Raises:
        ConfigError: if the device is not there or too small.
    """
    check_device(device)
    require_memory(config, models, device)
    configs = [
        replace(config, **dict.fromkeys(("split_seed", "init_seed", "batch_seed"), seed))
        for seed in range(config.seed, config.seed + models)
    ]
    with single_thread():
        trainer = Trainer(configs, device=device)
        trainer.advance(max(1, steps // 10))
        _wait(device)
        start = time.perf_counter()
        trainer.advance(steps)
        _wait(device)
        return models * steps / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
