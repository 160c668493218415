"""How far a run is while it trains, for whoever looks from another terminal.

A worker of a sweep leaves ``progress.json`` in its run's directory. The file is a convenience:
it is not synced, not listed in the marker and never needed to go on; it goes when training ends,
and what a killed worker left goes when the run is next taken up.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from grokbook.store.run_directory import PROGRESS

SECONDS = 2.0
"""Least time between two writes."""


@dataclass(frozen=True)
class Reading:
    """Where a run stood when its worker last wrote.

    Attributes:
        step: updates made.
        end: step at which the plan ends at the latest.
        rate: steps a second since its worker took it up; 0 before the first evaluation.
        accuracy: share of test pairs answered right, by task; empty before the first
            evaluation.
        time: seconds since 1970, of the writing: an old one means that nobody trains.
        sweep: name of the sweep that trains it.
    """

    step: int
    end: int
    rate: float
    accuracy: dict[str, float]
    time: float
    sweep: str


def read_progress(directory: Path) -> Reading | None:
    """What the worker of a run last wrote in its directory; None if no worker of a sweep has it."""
    try:
        return Reading(**json.loads((directory / PROGRESS).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class ProgressFile:
    """The file of one run, written by the one worker that trains it.

    Args:
        sweep: name of the sweep.
        tasks: of the run.
        end: step at which the plan ends at the latest.
    """

    def __init__(self, sweep: str, tasks: tuple[str, ...], end: int) -> None:
        self._sweep, self._tasks, self._end = sweep, tasks, end
        self._written = -math.inf
        self._path: Path | None = None

    def write(
        self, directory: Path, step: int, rate: float = 0.0, row: Mapping[str, float] | None = None
    ) -> None:
        """Write, unless it was written just now; ``row`` is the newest of metrics, if there is one.

        A disk that refuses is passed over: no run ends for want of a progress line.
        """
        now = time.monotonic()
        if now - self._written < SECONDS:
            return
        if row:  # a run that has just begun has more to say at its first evaluation
            self._written = now
        accuracy = {task: row[f"test_accuracy_{task}"] for task in self._tasks} if row else {}
        reading = Reading(step, self._end, rate, accuracy, time.time(), self._sweep)
        # The ending is that of unfinished files, so that a leftover is swept like theirs.
        beside = directory / f".{PROGRESS}.part"
        self._path = directory / PROGRESS
        with contextlib.suppress(OSError):
            beside.write_text(json.dumps(asdict(reading)))
            os.replace(beside, self._path)

    def remove(self) -> None:
        """Training is over; a file of somebody else, who trains in our place, stays."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
