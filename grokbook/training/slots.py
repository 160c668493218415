"""The slots of an ensemble: runs that come from a queue and share one trainer.

A trainer of M slots takes runs from a queue.  Each slot has its own run, at its own step; when a
run ends, its slot is given to the next one, and when none is left the slot is held still.  So M
never changes, and with it no bit of a neighbour: what a run computes depends on its config and
its numerics (M among them), not on who sits beside it or when.  Metrics and snapshots leave the
device at evaluations only.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.numerics import Numerics
from grokbook.store import Busy, Store, StoreError
from grokbook.sweep import Done, Job
from grokbook.sweep.progress import ProgressFile
from grokbook.training.displacement import DisplacementError
from grokbook.training.run import Keeping, Warn, has_come_home, require_disk, warn_of_others
from grokbook.training.session import Session, measure
from grokbook.training.trainer import Bases, Trainer

_TOGETHER = 25
"""Updates between two looks at ``stop``."""
_NAME = "ensemble"
"""Stands in progress files where a sweep's name would."""
_PENDING = 24
"""Snapshots of a run that wait in memory before it is saved, whatever the clock says."""


class Slots:
    """Slots, the runs in them, and the runs that wait.

    Args:
        jobs: runs of one architecture, optimiser and cadence, in the order of the queue.
        store: where they live.
        models: M, the number of slots.
        device: ``"cpu"`` or ``"cuda"``.
        bases: gives the bases of interventions by name.
        watch: called when a run ends.
        warn: called with one line for what was worked around.
    """

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
        """Train until every run has ended, or ``stop`` is set.

        Returns:
            How every run ended, in the order in which they did.
        """
        try:
            self._fill()
            while (live := self._live()) and not stop.is_set():
                self._advance(live, stop)
                self._fill()
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
        for slot in self._measure(there):
            keeping, session = self._keepings[slot], sessions[slot]
            at = keeping.progress()
            self._progress[slot].write(keeping.directory.path, at.step, at.rate, at.row)
            if session.over():
                self._leave(slot, session.close())
            elif keeping.due() or len(session.pending) >= _PENDING:
                self._save(slot, "running")

    def _measure(self, slots: list[int]) -> list[int]:
        """Evaluate some runs together; those whose displacements do not add up leave.

        Returns:
            The slots that were measured.
        """
        while slots:
            try:
                measure([self._keepings[slot].session for slot in slots])
                break
            except DisplacementError as error:
                slots = [slot for slot in slots if slot not in error.slots]
                for slot in error.slots:
                    self._fail(slot, str(error))
        return slots

    def _fill(self) -> None:
        """Give free slots to runs that have anything left to train, as long as there are any."""
        while self._queue and (free := [s for s, k in enumerate(self._keepings) if k is None]):
            free = free[: len(self._queue)]
            new = [slot for slot in free if self._enter(slot, self._queue.popleft())]
            # Together, since all M models pass through every evaluation.
            for slot in self._measure(new):
                session = self._keepings[slot].session
                if session.over():
                    self._leave(slot, session.close())

    def _enter(self, slot: int, job: Job) -> bool:
        """Take a run into a slot; is it at its beginning, to be measured there?"""
        try:
            opened = self._store.open(job.config, self._numerics, warn=self._warn)
            directory = self._open[slot].enter_context(opened)
            require_disk(self._store, job.plan, directory)
            warn_of_others(self._store, directory, self._warn)
            if not has_come_home(directory, job.plan):
                self._trainer.place(slot, job.config)
                session = Session(job.config, job.plan, self._trainer, slot)
                keeping = Keeping(session, directory)
                if keeping.resumed_at is None or keeping.begin():
                    self._keepings[slot] = keeping
                    self._progress[slot] = ProgressFile(_NAME, job.config.tasks, job.plan.steps)
                    return keeping.resumed_at is None
            self._say(job.config, directory.status, directory.step, directory.seconds)
        except (StoreError, ConfigError) as error:
            status = "busy" if isinstance(error, Busy) else "failed"
            self._say(job.config, status, 0, 0.0, str(error))
        self._release(slot)
        return False

    def _save(self, slot: int, status: str) -> bool:
        """Save a run; one that cannot be saved leaves, the others go on."""
        try:
            self._keepings[slot].save(status)
        except StoreError as error:
            self._fail(slot, str(error))
            return False
        return True

    def _fail(self, slot: int, note: str) -> None:
        """A run leaves as it was last saved."""
        keeping = self._keepings[slot]
        self._release(slot)
        directory = keeping.directory
        self._say(keeping.session.config, "failed", directory.step, directory.seconds, note)

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

    def _say(self, config: Config, status: str, step: int, seconds: float, note: str = "") -> None:
        done = Done(config.id, config.label, status, step, seconds, note)
        self._ended.append(done)
        self._watch(done)
