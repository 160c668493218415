"""Many runs: one after another, in this process."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store, StoreError
from grokbook.training.run import Progress, run


@dataclass(frozen=True)
class Job:
    """A run to be carried out."""

    config: RunConfig
    plan: Plan


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes:
        config_id, label: of the run.
        status: ``"finished"``, ``"diverged"``, ``"interrupted"`` or ``"failed"``.
        step: updates made.
        seconds: of training, in all.
        note: why it failed; else empty.
    """

    config_id: str
    label: str
    status: str
    step: int
    seconds: float
    note: str


@dataclass(frozen=True)
class Reading:
    """Where a run stood when it last said so.

    Attributes:
        step, end: updates made, and at most to be made.
        rate: steps a second.
        accuracy: test accuracy by task.
        time: seconds since the epoch.
    """

    step: int
    end: int
    rate: float
    accuracy: dict[str, float]
    time: float


def sweep(
    jobs: Sequence[Job],
    store: Store,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    stop: threading.Event | None = None,
    watch: Callable[[Done], None] = lambda done: None,
    warn: Callable[[str], None] = lambda line: None,
) -> list[Done]:
    """Carry out jobs; ``watch`` is called with each as it ends."""
    stop, found = stop or threading.Event(), []
    for job in jobs:
        if stop.is_set():
            break
        found.append(_one(job, store, stop, warn))
        watch(found[-1])
    return found


def _one(job: Job, store: Store, stop: threading.Event, warn: Callable[[str], None]) -> Done:
    config = job.config

    def tell(progress: Progress) -> None:
        accuracy = {task: progress.row[f"test_accuracy_{task}"] for task in config.tasks}
        said = Reading(progress.step, progress.end, progress.rate, accuracy, time.time())
        path = max(store.root.glob(f"runs/{config.id}/*/lock"), key=os.path.getmtime).parent
        beside = path / "progress.json.part"
        beside.write_text(json.dumps(asdict(said)))
        os.replace(beside, path / "progress.json")

    try:
        outcome = run(config, job.plan, store, watch=tell, stop=stop, warn=warn)
    except StoreError as error:
        return Done(config.id, config.label, "failed", 0, 0.0, str(error))
    seconds = outcome.directory.seconds
    return Done(config.id, config.label, outcome.status, outcome.step, seconds, "")


def read_progress(path: Path) -> Reading | None:
    """What the run in a directory last said, or None."""
    try:
        return Reading(**json.loads((path / "progress.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
