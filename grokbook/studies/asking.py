"""Ask, and it is there or it is made.

A chapter asks for runs.  Each comes from the recorded results, else from the local store, else it
is trained, with progress and the possibility to stop.  Where ``GROKBOOK_TRAIN`` is ``never``, as
it is when the book is built, a run that would have to be trained is an error instead of an hour.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from grokbook.config import Config
from grokbook.instruments.recorded import Recorded
from grokbook.plan import Plan
from grokbook.record import RunRecord
from grokbook.store import RunDirectory, Store
from grokbook.store.recorded import Results
from grokbook.training.process import interrupts
from grokbook.training.progress import ProgressLine
from grokbook.training.run import run


class MissingRun(RuntimeError):
    """A run is neither recorded nor stored, and training was refused or interrupted."""


def training_allowed() -> bool:
    """False where ``GROKBOOK_TRAIN`` is ``never``.

    Raises:
        MissingRun: if the variable is neither ``never`` nor ``allowed``, nor unset.
    """
    word = os.environ.get("GROKBOOK_TRAIN", "").strip().lower()
    if word not in ("", "allowed", "never"):
        raise MissingRun(f"GROKBOOK_TRAIN is {word!r}; it can be never or allowed")
    return word != "never"


def ask(
    config: Config,
    plan: Plan | None = None,
    *,
    store: Store | None = None,
    results: Results | None = None,
) -> RunRecord:
    """One run's record: recorded, stored, or trained now.

    Args:
        config: of the run.
        plan: how far it must have been trained; by default to the published stop.
        store: where to look second, and to train; by default the user's.
        results: where to look first; by default the book's.

    Raises:
        MissingRun: if it would have to be trained and may not be, or training was stopped.
        StoreError: if a record is damaged.
    """
    plan = plan or Plan.published(config)
    record = _recorded(config, results or Results())
    if record is not None and record.reaches(plan):
        return record
    store = store or Store()
    for directory in store.runs(config, warn=say):
        if directory.ended and (record := directory.record()).reaches(plan):
            return record
    if not training_allowed():
        raise MissingRun(
            f"run {config.id} ({config.label}) is not recorded as far as asked, and "
            f"GROKBOOK_TRAIN is never: train it with `{config.command}`, or unset the variable"
        )
    return trained(config, plan, store).record("trained now")


def at_hand(
    configs: Sequence[Config],
    *,
    store: Store | None = None,
    results: Results | None = None,
) -> list[RunRecord]:
    """Records of those runs that are there, recorded or ended in the store; nothing is trained.

    Args:
        configs: of the runs.
        store: where to look second; by default the user's.
        results: where to look first; by default the book's.

    Raises:
        StoreError: if a record is damaged.
    """
    results, store, found = results or Results(), store or Store(), []
    for config in configs:
        record = _recorded(config, results)
        ended = (each for each in store.runs(config, warn=say) if each.ended)
        if record is None and (directory := next(ended, None)) is not None:
            record = directory.record("store")
        found += [] if record is None else [record]
    return found


def repeated(configs: Sequence[Config], *, results: Results | None = None) -> list[RunRecord]:
    """Every further recorded execution of those runs, by other arithmetic.

    Raises:
        StoreError: if a record is damaged.
    """
    results = results or Results()
    found = Recorded(results).executions()
    return [results.get(name) for config in configs for name in found.get(config.id, [])[1:]]


def _recorded(config: Config, results: Results) -> RunRecord | None:
    """The execution that stands for a config, as it does in the verdicts."""
    names = Recorded(results).executions().get(config.id)
    return results.get(names[0]) if names else None


def trained(config: Config, plan: Plan, store: Store) -> RunDirectory:
    """A run trained now, with its progress shown.

    Raises:
        MissingRun: if it was stopped; what it had is in the store.
        StoreError: if the store cannot be written.
    """
    say(f"training {config.label}: up to {plan.steps:,} steps")
    with interrupts() as stop, ProgressLine(config.tasks) as line:
        outcome = run(config, plan, store, watch=line.show, stop=stop, warn=say)
    if outcome.status == "interrupted":
        raise MissingRun(
            f"training {config.label} was stopped at step {outcome.step:,}; "
            "nothing is lost: ask again to go on"
        )
    return outcome.directory


def say(line: str) -> None:
    """To the reader who waits, not into the page."""
    print(line, file=sys.stderr)
