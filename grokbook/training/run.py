"""Carrying out a run: train, evaluate, keep snapshots, survive.

    outcome = run(RunConfig(tasks=("add", "mul")), Plan(steps=1_000), Store())

The same call on a run that was stopped or killed goes on where the last resume point left it, to
the bits of a run never stopped; on a finished run with a longer plan it trains further.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from grokbook.config import RunConfig
from grokbook.numerics import Numerics
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.training.process import single_thread
from grokbook.training.session import Session
from grokbook.training.trainer import Bases

Warn = Callable[[str], None]
_TOGETHER = 8
"""Updates between two looks at the clock and at ``stop``: a fifth of a second."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands, handed to whoever watches it.

    Attributes:
        step: updates made.
        end: step at which the plan ends at the latest.
        rate: steps a second since this process took the run up.
        row: newest row of metrics, by column.
    """

    step: int
    end: int
    rate: float
    row: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        directory: where it lies.
        status: ``"finished"``, ``"interrupted"`` or ``"diverged"``.
        step: updates made.
        resumed_at: step at which this call took it up, or None if it began here.
    """

    directory: RunDirectory
    status: str
    step: int
    resumed_at: int | None


class Keeping:
    """A session and its directory: how the one is kept in the other.

    Attributes:
        session: the run in memory.
        directory: where it lives; held by this process.
        resumed_at: step at which it was taken up, or None if it begins.
    """

    def __init__(self, session: Session, directory: RunDirectory) -> None:
        self.session, self.directory = session, directory
        _same_streams(directory, session.plan)
        saved = directory.resume()
        self._spent = 0.0 if saved is None else directory.seconds
        self.resumed_at: int | None = None
        if saved is not None:
            session.load(saved)
            self.resumed_at = session.step
        self._begun = self._saved = time.monotonic()
        self._first = session.step

    def begin(self) -> bool:
        """Measure a run that begins; is there anything left to train?

        A run that had ended, and has now a damaged file, has its files written again.
        """
        session, directory = self.session, self.directory
        if self.resumed_at is None:
            session.measure()
            return not session.over()
        if not session.over():
            return True
        if not directory.ended or directory.step != session.step:
            self.finish()  # stopped beyond this plan's end, or just before it was said to end
        elif not directory.marker["files"]:
            self.save(directory.status)
        return False

    def due(self) -> bool:
        """Is it time for a resume point?"""
        return time.monotonic() - self._saved >= self.session.plan.resume_seconds

    def progress(self) -> Progress:
        """Where the run stands."""
        session = self.session
        rate = (session.step - self._first) / max(time.monotonic() - self._begun, 1e-9)
        return Progress(session.step, session.plan.steps, rate, session.log.last)

    def save(self, status: str) -> Outcome:
        """Make everything so far durable."""
        session = self.session
        self._saved = time.monotonic()
        self.directory.commit(
            session.step,
            status,
            session.state(),
            session.pending,
            session.streams.steps,
            facts={
                "seconds": round(self._spent + self._saved - self._begun, 3),
                "plan": session.plan.to_json(),
                "global_stride": session.streams.stride,
            },
            files=session.files() if status != "running" else None,
        )
        session.pending.clear()
        return Outcome(self.directory, status, session.step, self.resumed_at)

    def finish(self) -> Outcome:
        """The last snapshot, the files for readers, the end."""
        return self.save(self.session.close())


def run(
    config: RunConfig,
    plan: Plan,
    store: Store,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    warn: Warn = lambda line: None,
    began: Callable[[int | None], None] = lambda step: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train a run as far as the plan says, or until ``stop`` is set.

    Args:
        config: what to train.
        plan: how far.
        store: where it lives, and where the basis of an intervention is looked up.
        watch: called after every evaluation.
        warn: called with one line for every damaged file that was worked around.
        began: called once before training, with the step resumed at or None; not at all if
            nothing is left to train.
        stop: looked at every few updates; when set, the run is saved and the call returns.

    Raises:
        Busy: if another process trains this run.
        DiskFull: before the start if the disk cannot hold the run, or during it; what was
            committed stays.
        StoreError: if the run's record was edited or cannot be read, or a basis is missing.
        ConfigError: if the environment asks for a linear layer that is not there.
        DisplacementError: if decay and Adam steps do not add up to the movement of the weights;
            what was committed stays.
    """
    stop = stop or threading.Event()
    with single_thread():
        numerics = Numerics.here()
        with store.open(config, numerics, warn=warn) as directory:
            require_disk(store, plan, directory)
            warn_of_others(store, directory, warn)
            if has_come_home(directory, plan):
                return Outcome(directory, directory.status, directory.step, directory.step)
            session = Session.alone(config, plan, bases_in(store))
            return _carry_out(Keeping(session, directory), watch, began, stop)


def has_come_home(directory: RunDirectory, plan: Plan) -> bool:
    """Was the run trained elsewhere as far as the plan says, and unpacked without resume points?"""
    alone = directory.ended and not directory.marker["resume"]
    return alone and directory.record().reaches(plan)


def bases_in(store: Store) -> Bases:
    """Looks up the bases of interventions among a store's artefacts."""
    artefacts = Artefacts(store)
    return lambda name: artefacts.get(name).arrays["basis"]


def require_disk(store: Store, plan: Plan, directory: RunDirectory) -> None:
    """Refuse a run that the disk cannot hold.

    Raises:
        DiskFull: saying what is needed and what is free.
    """
    used = sum(entry["bytes"] for entry in directory.entries().values())
    store.require_space(plan.disk_bytes(directory.config) - used)


def warn_of_others(store: Store, directory: RunDirectory, warn: Warn) -> None:
    """Say of a run that begins where it stands under other numerics."""
    if directory.step:
        return
    for other in store.runs(directory.config):
        if other.step:
            warn(
                f"this run stands at step {other.step:,} under other numerics "
                f"(torch {other.numerics['torch']}, {other.numerics['capability']}, "
                f"{other.numerics['route']}); under the present ones it starts at step 0"
            )


def _same_streams(directory: RunDirectory, plan: Plan) -> None:
    """A run keeps the cadences and streams that it was begun with."""
    begun = directory.marker.get("plan", {})
    for name in ("cadence", "dense_until", "global_limit", "window", "full_state"):
        before, now = begun.get(name, getattr(plan, name)), getattr(plan, name)
        if before != now:
            raise StoreError(
                f"run {directory.config.id} was begun with {name.replace('_', ' ')} {before}, "
                f"not {now}; a run that goes on keeps it"
            )


def _carry_out(
    keeping: Keeping,
    watch: Callable[[Progress], None],
    began: Callable[[int | None], None],
    stop: threading.Event,
) -> Outcome:
    session, directory = keeping.session, keeping.directory
    if keeping.resumed_at is None:
        began(None)
        keeping.begin()
    elif keeping.begin():
        began(keeping.resumed_at)
    else:
        return Outcome(directory, directory.status, session.step, keeping.resumed_at)
    together = _TOGETHER if session.plan.resume_seconds >= 1 else 1
    while not session.over():
        until = session.next_evaluation()
        while session.step < until and not stop.is_set():
            session.trainer.advance(min(together, until - session.step))
            if keeping.due():
                break
        if session.step == until:
            session.measure()
            watch(keeping.progress())
        if stop.is_set():
            return keeping.save("interrupted")
        if keeping.due():
            keeping.save("running")
    return keeping.finish()
