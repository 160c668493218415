"""Where the runs of a study stand.

The store alone tells; nothing is timed, and what is being trained is not disturbed.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grokbook.config import Config
from grokbook.events import PUBLISHED_RULE
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.studies.members import Member
from grokbook.sweep import Job, read_progress

STATES = ("done", "running", "waiting", "diverged")
_SAME = ("cadence", "dense_until", "global_limit", "window")
_AT_LEAST = ("full_state",)

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Standing:
    """Where one run stands.

    Attributes:
        member: of the study.
        config: None as long as the basis that it needs is not measured.
        plan: its plan, with what its snapshots hold where it was begun with more than asked.
        state: one of `STATES`.
        step: updates made.
        end: updates made at the end, at most.
        used: bytes that it takes on disk now.
        rate: steps a second while it is running, else None.
        accuracy: newest test accuracy by task; empty if none is known.
        directory: where it lies; None before it is begun.
    """

    member: Member
    config: Config | None
    plan: Plan
    state: str
    step: int
    end: int
    used: int = 0
    rate: float | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    directory: RunDirectory | None = None

    @property
    def job(self) -> Job | None:
        """What is left to train; None if nothing is, or its basis is still to be measured."""
        left = self.config is not None and self.state in ("running", "waiting")
        return Job(self.config, self.plan) if left else None

    @property
    def left(self) -> int:
        """Steps left at most."""
        return max(0, self.end - self.step) if self.state in ("running", "waiting") else 0


def stand(store: Store, member: Member, warn: Warn = lambda line: None) -> Standing:
    """Where a run stands, done under any numerics.

    Args:
        store: that it lies in, if anywhere.
        member: of a study.
        warn: called with one line for every file that is damaged.

    Raises:
        StoreError: if the note of a basis that it needs is damaged.
    """
    config = member.resolve(store)
    if config is None:
        return Standing(member, None, member.plan, "waiting", 0, member.plan.steps)
    found = [_at(run, member, warn) for run in store.runs(config, warn=warn)]
    if not found:
        return Standing(member, config, member.plan, "waiting", 0, member.plan.steps)
    order = ("done", "diverged", "running", "waiting")
    return min(found, key=lambda standing: (order.index(standing.state), -standing.step))


def _at(run: RunDirectory, member: Member, warn: Warn) -> Standing:
    plan, end = _as_begun(member.plan, run), member.plan.steps
    used = sum(entry["bytes"] for entry in run.entries().values())
    accuracy, state = {}, "waiting"
    if run.status in ("finished", "diverged", "interrupted"):
        try:
            record = run.record()
            accuracy = {task: float(record.accuracy(task)[-1]) for task in run.config.tasks}
            end = plan.end(record.grok_step(task, PUBLISHED_RULE) for task in run.config.tasks)
            if run.ended and covers(run, plan) and record.reaches(plan):
                state = "diverged" if run.status == "diverged" else "done"
        except StoreError as error:
            warn(str(error))
    standing = Standing(
        member, run.config, plan, state, run.step, end, used, accuracy=accuracy, directory=run
    )
    if state != "waiting" or not held(run.path):
        return standing
    standing, now = replace(standing, state="running"), read_progress(run.path)
    # The lock is written to when it is taken: what was said before was said by another process.
    if now is None or now.time < (run.path / "lock").stat().st_mtime:
        return standing
    return replace(standing, step=now.step, rate=now.rate, accuracy=now.accuracy)


def held(path: Path) -> bool:
    """Does a process hold a run's lock?

    A shared lock, which others that ask may have, too, is taken for an instant; whoever is about
    to train waits for longer than that.
    """
    try:
        handle = os.open(path / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def covers(run: RunDirectory, plan: Plan) -> bool:
    """Does a run keep what a plan asks for, or more?"""
    begun = run.marker.get("plan", {})
    return all(begun.get(name, getattr(plan, name)) == getattr(plan, name) for name in _SAME) and (
        all(begun.get(name, False) >= getattr(plan, name) for name in _AT_LEAST if begun)
    )


def _as_begun(plan: Plan, run: RunDirectory) -> Plan:
    """The plan, with the richer snapshots that the run was begun with, which it must keep."""
    begun = run.marker.get("plan", {})
    richer = {name: True for name in _AT_LEAST if begun.get(name)}
    return replace(plan, **richer)


@dataclass(frozen=True)
class Outlook:
    """What is left of a study.

    Attributes:
        counts: runs by state.
        steps: left at most.
        seconds: that they take at the speed seen in the store; None where a run of that size was
            never seen.
        bytes: that they may still need on disk.
    """

    counts: dict[str, int]
    steps: int
    seconds: float | None
    bytes: int


def outlook(
    standings: Iterable[Standing],
    speeds: Callable[[Config], float | None],
    *,
    workers: int = 1,
) -> Outlook:
    """Sum up.

    Args:
        standings: of all runs.
        speeds: from `speeds_seen`.
        workers: runs that are trained at once.
    """
    standings = list(standings)
    counts = Counter(standing.state for standing in standings)
    need, seconds, bases = 0, [], {}
    for standing in standings:
        if standing.left:
            config = standing.config or standing.member.blank
            need += max(0, standing.plan.disk_bytes(config) - standing.used)
            if standing.config is None:  # runs on one source share its basis
                bases[id(standing.member.source)] = standing.member.basis_bytes()
            speed = speeds(config)
            seconds.append(None if speed is None else standing.left / speed)
    # No sooner than the longest run, however many workers there are.
    whole = None if None in seconds else max([sum(seconds) / workers, *seconds]) if seconds else 0.0
    return Outlook(
        {state: counts[state] for state in STATES},
        sum(standing.left for standing in standings),
        whole,
        need + sum(bases.values()),
    )


def speeds_seen(
    runs: Sequence[RunDirectory], *, device: str = "cpu", models: int = 1
) -> Callable[[Config], float | None]:
    """Steps a second of runs in a store, by the size of the model and of the batch.

    Args:
        runs: of the store.
        device: only runs trained on it.
        models: only runs trained in ensembles of so many.

    Returns:
        A function from a config to its speed, or to None if no run of that size was seen.
    """
    steps: Counter = Counter()
    seconds: Counter = Counter()
    for run in runs:
        how = run.numerics.get("device", "cpu"), run.numerics.get("models", 1)
        if run.step and run.seconds and how == (device, models):
            steps[_size(run.config)] += run.step
            seconds[_size(run.config)] += run.seconds
    return lambda config: (
        steps[_size(config)] / seconds[_size(config)] if steps[_size(config)] else None
    )


def _size(config: Config) -> tuple[Layout, int]:
    return Layout.of(config), config.batch_size
