"""Ask, and it is there or it is made.

A chapter asks for runs.  Each comes from the recorded results, else from the local store, else it
is trained, with progress and the possibility to stop.  Where ``GROKBOOK_TRAIN`` is ``never``, as
it is when the book is built, a run that would have to be trained is an error instead of an hour.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from grokbook.config import RunConfig
from grokbook.record import RunRecord
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.store.run_directory import RunDirectory
from grokbook.training.plan import Plan
from grokbook.training.progress import Line
from grokbook.training.run import interrupts, run


class MissingRun(RuntimeError):
    """A run is neither recorded nor stored, and training was refused or interrupted."""


def from_store(directory: RunDirectory, source: str = "store") -> RunRecord:
    """The record of a finished run in the store; its files are checked."""
    files = {name: directory.file(name).read_bytes() for name in ("metrics.parquet", "answers.npz")}
    return RunRecord.read(
        directory.config,
        files,
        status=directory.status,
        source=source,
        seconds=directory.marker["seconds"],
        numerics=directory.numerics,
    )


def ask(
    config: RunConfig,
    plan: Plan | None = None,
    *,
    store: Store | None = None,
    results: Results | None = None,
) -> RunRecord:
    """One run's record: recorded, stored, or trained now.

    Args:
        config: of the run.
        plan: how far to train if it must be; by default the published stop.
        store: where to look second, and to train; by default the user's.
        results: where to look first; by default the book's.

    Raises:
        MissingRun: if it would have to be trained and may not be, or training was stopped.
    """
    if (record := (results or Results()).find(config)) is not None:
        return record
    store = store or Store()
    for directory in store.find(config):
        if directory.status in ("finished", "diverged"):
            return from_store(directory)
    if os.environ.get("GROKBOOK_TRAIN") == "never":
        raise MissingRun(
            f"run {config.id} ({config.label}) is not recorded, and GROKBOOK_TRAIN "
            "is never: train it with `grokbook train`, or unset the variable"
        )
    plan = plan or Plan.published(config)
    print(f"training {config.label}: up to {plan.steps:,} steps", file=sys.stderr)
    with interrupts() as stop, Line(config.tasks) as line:
        outcome = run(
            config,
            plan,
            store,
            watch=line.show,
            stop=stop,
            warn=lambda text: print(text, file=sys.stderr),
        )
    if outcome.status == "interrupted":
        raise MissingRun(
            f"training {config.label} was stopped at step {outcome.step:,}; "
            "nothing is lost: ask again to go on"
        )
    return from_store(outcome.directory, "trained now")


def ask_all(configs: Iterable[RunConfig], **options: object) -> list[RunRecord]:
    """`ask` for each configuration, in order."""
    return [ask(config, **options) for config in configs]
