"""What a sweep carries out: jobs that can be stopped, killed and taken up again.

A job is small and can be sent to another process; what it does is safe in the store.
"""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grokbook.store import Busy, Store, StoreError
from grokbook.sweep.order import TRAIN, Order


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes:
        key, label: of the job; the key of a run that is trained is its config id.
        status: ``"finished"``, ``"diverged"``, ``"interrupted"``, ``"busy"`` (another process
            has it) or ``"failed"``.
        step: how far it is safe on disk: updates, or points measured.
        seconds: spent on it so far, over all its attempts.
        note: one line if the job was not carried out and nobody asked for that, else empty.
    """

    key: str
    label: str
    status: str
    step: int
    seconds: float
    note: str = ""


Result = tuple[Done, list[str]]
"""How a job ended, and lines on damage that was worked around."""


class Work(Protocol):
    """A job as a sweep sees it."""

    @property
    def key(self) -> str:
        """Names it; a key asked for twice is carried out once."""

    @property
    def label(self) -> str:
        """What a person calls it."""

    def memory(self) -> int:
        """Bytes that a worker needs for it at most, the libraries included."""

    def reached(self, store: Store) -> tuple[int, float]:
        """How far it is safe on disk, and the seconds that took."""

    def saved(self, store: Store) -> int:
        """Grows with everything about it that is made safe: does a worker bring it further?"""

    def carry_out(self, store: Store, order: Order) -> Result:
        """Until it ends, fails, or the order says stop."""


def ended(job: Work, store: Store, status: str, note: str = "") -> Done:
    """A job that ended without an outcome; step and seconds are those of the store."""
    return Done(job.key, job.label, status, *job.reached(store), note)


def attempt(
    job: Work, store: Store, order: Order, act: Callable[[], Done | None], warnings: list[str]
) -> Result:
    """Do what a job does, so that nothing that goes wrong with it leaves as an exception.

    What cannot be caught, the death of the process, is the business of `grokbook.sweep`.

    Args:
        job: that is carried out.
        store: where it is safe.
        order: that the worker obeys; if it is withdrawn or says stop, nothing is begun.
        act: carries the job out; None if it was stopped before it began.
        warnings: lines that ``act`` adds to.
    """
    word = order.read()
    if word is None:
        host = socket.gethostname()
        note = f"{host} does not see the store {store.root}: a cluster needs a shared folder"
        return ended(job, store, "failed", note), warnings
    if word != TRAIN:
        return ended(job, store, "interrupted"), warnings
    try:
        done = act()
    except Busy as error:
        return ended(job, store, "busy", describe(error)), warnings
    except Exception as error:
        return ended(job, store, "failed", describe(error)), warnings
    return done or ended(job, store, "interrupted"), warnings


def describe(error: BaseException) -> str:
    """An error as one line; those of the store say all by themselves."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    if isinstance(error, StoreError):
        return text
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in where)
    return f"{type(error).__name__}: {text}{place}"
