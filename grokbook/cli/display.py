"""How a sweep is doing: one line that is redrawn, and one for every run that ends.

Steps left are the budget's: at most so many.  Times are what these steps take at a speed that was
seen once: about so long.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from grokbook.cli.line import Line
from grokbook.cli.words import duration, roughly, runs
from grokbook.config import Config
from grokbook.store import Store
from grokbook.studies.standing import Outlook, Standing
from grokbook.sweep import Done, Job, read_progress

SETTLED = 30.0
"""Seconds for which no time is told: the first steps of a run are slow."""


def counts(ahead: Outlook) -> str:
    """How many runs are in which state, and what is left of them."""
    states = ", ".join(
        f"{count} {state}"
        for state, count in ahead.counts.items()
        if count or state in ("done", "running", "waiting")
    )
    left = f"; at most {ahead.steps:,} steps left" if ahead.steps else ""
    return f"{runs(sum(ahead.counts.values()))}: {states}{left}"


def rows(
    standings: Sequence[Standing],
    speeds: Callable[[Config], float | None] = lambda config: None,
) -> list[str]:
    """One line a run: id, state, step, what it is, test accuracies, about how long it still takes.

    Accuracies are rounded down: 100% is every pair.  A published run takes at most 100 columns.
    """
    cells = []
    for standing in standings:
        rate = standing.rate or speeds(standing.member.blank)
        shares = standing.accuracy.items()
        told = [f"{task} {math.floor(100 * share + 1e-9)}%" for task, share in shares]
        left = f"~{roughly(standing.left / rate)} left" if standing.left and rate else ""
        cells.append(
            (
                standing.config.id if standing.config else "basis first",
                standing.state,
                f"{standing.step:,}/{standing.end:,}",
                standing.member.title,
                " ".join(told),
                left,
            )
        )
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(row, "<<><<<", wide, strict=True)
            if width
        ).rstrip()
        for row in cells
    ]


class Display(Line):
    """On standard error: what runs, how fast, about how long; and how every run ended.

    Running runs are followed by what they themselves write down, so one display serves every way
    of training.

    Args:
        store: where they live.
        standings: of all runs, before this.
        stop: that the user sets by Ctrl-C.
    """

    saved = "trained"

    def __init__(self, store: Store, standings: Sequence[Standing], stop: threading.Event) -> None:
        super().__init__(stop)
        self._store, self._runs = store, len(standings)
        self._done = sum(each.state in ("done", "diverged") for each in standings)
        self._all = sum(each.left for each in standings)
        known = [each for each in standings if each.config]
        self._left = {each.config.id: each.left for each in known}
        self._step = {each.config.id: each.step for each in known}
        self._jobs: dict[str, Job] = {}
        self._since = time.time()

    def begin(self, jobs: Sequence[Job]) -> None:
        """Follow jobs that are about to be trained."""
        self._jobs |= {job.config.id: job for job in jobs}
        self.redraw()

    def counted(self, count: int) -> str:
        """So many runs."""
        return runs(count)

    def before(self, key: str) -> int:
        """The step at which a run stood."""
        return self._step.get(key, 0)

    def note(self, done: Done) -> str:
        """Where a run ended, or why."""
        what = f"{done.status} at step {done.step:,} after {duration(done.seconds)}"
        # Who is busy with a run names it.
        return done.note if done.status == "busy" else f"{done.label}: {done.note or what}"

    def summary(self) -> str:
        """Runs done and running, their speed, about how long it takes."""
        rates, left = [], self._all
        for name, job in list(self._jobs.items()):
            before = self._left.get(name, job.plan.steps)
            if name in self._shown:
                left -= before
            elif (now := self._reading(name)) is not None:
                left -= before - (now.end - now.step)
                rates.append(now.rate)
        parts = [f"{self._done} of {runs(self._runs)} done"]
        if rates:
            parts.append(f"{len(rates)} running at {sum(rates):,.1f} steps/s")
        if rates and all(rates) and time.time() - self._since > SETTLED:
            parts.append(f"about {roughly(left / sum(rates))} left")
        return ", ".join(parts)

    def _reading(self, name: str) -> Any:
        """What a run said last, if it said so since this display began."""
        readings = map(read_progress, self._store.root.glob(f"runs/{name}/*"))
        return next((r for r in readings if r is not None and r.time >= self._since), None)
