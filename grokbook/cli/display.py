"""How a sweep is doing: one line that is redrawn, and one for every run that ends.

Steps left are the budget's: at most so many.  Times are what these steps take at a speed that was
seen once: about so long.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from tqdm.std import tqdm

from grokbook.cli.words import duration, roughly, runs
from grokbook.config import RunConfig
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
    speeds: Callable[[RunConfig], float | None] = lambda config: None,
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


class Display:
    """On standard error: what runs, how fast, about how long; and how every run ended.

    Running runs are followed by what they themselves write down, so one display serves every way
    of training.

    Args:
        store: where they live.
        standings: of all runs, before this.
        stop: that the user sets by Ctrl-C; it is answered at once, for saving takes a while.
    """

    def __init__(self, store: Store, standings: Sequence[Standing], stop: threading.Event) -> None:
        self._store, self._runs, self._stop = store, len(standings), stop
        self._done = sum(each.state in ("done", "diverged") for each in standings)
        self._all = sum(each.left for each in standings)
        known = [each for each in standings if each.config]
        self._left = {each.config.id: each.left for each in known}
        self._step = {each.config.id: each.step for each in known}
        self._jobs: dict[str, Job] = {}
        self._shown: set[str] = set()
        self._untouched = 0
        self._since = time.time()
        self._closed = threading.Event()
        # A terminal wants one line that moves, a log file a line now and then.
        self._bar: tqdm | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(file=sys.stderr, bar_format="{desc}", dynamic_ncols=True, leave=False)
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._ticker.join()
        if self._untouched:
            self.say(f"stopped before their turn: {runs(self._untouched)}")
        if self._bar is not None:
            self._bar.close()

    def begin(self, jobs: Sequence[Job]) -> None:
        """Follow jobs that are about to be trained."""
        self._jobs |= {job.config.id: job for job in jobs}
        self._redraw()

    def ended(self, event: Any) -> None:
        """Say how a run ended, once; other events that a sweep may report are not for here.

        Runs that were stopped where they stood before are only counted.
        """
        if not isinstance(event, Done) or event.key in self._shown:
            return
        self._shown.add(event.key)
        self._done += event.status in ("finished", "diverged")
        stood = event.step <= self._step.get(event.key, 0)
        if event.status == "interrupted" and stood and not event.note:
            self._untouched += 1
            return
        what = f"{event.status} at step {event.step:,} after {duration(event.seconds)}"
        # Who is busy with a run names it.
        self.say(event.note if event.status == "busy" else f"{event.label}: {event.note or what}")
        self._redraw()

    def say(self, line: str) -> None:
        """One line above the one that is redrawn."""
        tqdm.write(line, file=sys.stderr)

    def _tick(self) -> None:
        seconds, last, answered = 60.0 if self._bar is None else 1.0, time.monotonic(), False
        while not self._closed.wait(0.1):
            if self._stop.is_set() and not answered:
                answered = True
                self._wipe()
                self.say("stopping: what is being trained is saved; Ctrl-C again ends it at once")
            if time.monotonic() - last < seconds:
                continue
            last = time.monotonic()
            if self._bar is None:
                self.say(self._summary())
            else:
                self._redraw()

    def _wipe(self) -> None:
        """Take away the ^C that a terminal has put behind the line."""
        if self._bar is not None:
            sys.stderr.write("\r\033[K")

    def _redraw(self) -> None:
        if self._bar is not None:
            self._bar.set_description_str(self._summary())

    def _summary(self) -> str:
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
