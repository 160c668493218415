"""How a sweep is doing: one line that is redrawn, and one for every run that ends."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from tqdm.std import tqdm

from grokbook.config import RunConfig
from grokbook.store import Store
from grokbook.studies.standing import Outlook, Standing
from grokbook.sweep import Done, Job, read_progress


def duration(seconds: float) -> str:
    """A time as a person says it, to the two largest units.

    >>> duration(45), duration(3_900), duration(100_000)
    ('45 s', '1 h 5 min', '1 d 3 h')
    """
    left, parts = round(seconds), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def size(count: float) -> str:
    """Bytes as a person says them.

    >>> size(3_400), size(2.5e8), size(3.2e10)
    ('1 MB', '250 MB', '32.0 GB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def counts(ahead: Outlook) -> str:
    """How many runs are in which state, and what is left of them."""
    runs = sum(ahead.counts.values())
    states = ", ".join(
        f"{count} {state}"
        for state, count in ahead.counts.items()
        if count or state in ("done", "running", "waiting")
    )
    left = f"; at most {ahead.steps:,} steps left" if ahead.steps else ""
    return f"{runs} {'run' if runs == 1 else 'runs'}: {states}{left}"


def rows(
    standings: Sequence[Standing],
    speeds: Callable[[RunConfig], float | None] = lambda config: None,
) -> list[str]:
    """One line a run: id, state, step, what it is, test accuracies, speed, time left at most."""
    width, lines = max(len(standing.member.title) for standing in standings), []
    for standing in standings:
        name = standing.config.id if standing.config else "basis first"
        step = f"{standing.step:,}/{standing.end:,}"
        parts = [f"{name:12}  {standing.state:8}  {step:>17}  {standing.member.title:{width}}"]
        parts += [f"{task} {share:.1%}" for task, share in standing.accuracy.items()]
        if standing.rate is not None:
            parts.append(f"{standing.rate:,.1f} steps/s")
        rate = standing.rate or speeds(standing.member.blank)
        if standing.left and rate:
            parts.append(f"at most {duration(standing.left / rate)} left")
        lines.append("  ".join(parts).rstrip())
    return lines


class Display:
    """On standard error: what runs, how fast, how long at most; and how every run ended.

    Running runs are followed by what they themselves write down, so one display serves every way
    of training.

    Args:
        store: where they live.
        standings: of all runs, before this.
    """

    def __init__(self, store: Store, standings: Sequence[Standing]) -> None:
        self._store, self._runs = store, len(standings)
        self._done = sum(each.state in ("done", "diverged") for each in standings)
        self._all = sum(each.left for each in standings)
        self._left = {each.config.id: each.left for each in standings if each.config}
        self._jobs: dict[str, Job] = {}
        self._shown: set[str] = set()
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
        if self._bar is not None:
            self._bar.close()

    def begin(self, jobs: Sequence[Job]) -> None:
        """Follow jobs that are about to be trained."""
        self._jobs |= {job.config.id: job for job in jobs}
        self._redraw()

    def ended(self, event: Any) -> None:
        """Say how a run ended, once; other events that a sweep may report are not for here."""
        if not isinstance(event, Done) or event.key in self._shown:
            return
        self._shown.add(event.key)
        self._done += event.status in ("finished", "diverged")
        what = f"{event.status} at step {event.step:,} after {duration(event.seconds)}"
        self.say(f"{event.label}: {event.note or what}")
        self._redraw()

    def say(self, line: str) -> None:
        """One line above the one that is redrawn."""
        tqdm.write(line, file=sys.stderr)

    def _tick(self) -> None:
        while not self._closed.wait(60.0 if self._bar is None else 1.0):
            if self._bar is None:
                self.say(self._summary())
            else:
                self._redraw()

    def _redraw(self) -> None:
        if self._bar is not None:
            self._bar.set_description_str(self._summary())

    def _summary(self) -> str:
        running, rate, left = 0, 0.0, self._all
        for name, job in list(self._jobs.items()):
            before = self._left.get(name, job.plan.steps)
            if name in self._shown:
                left -= before
            elif (now := self._reading(name)) is not None:
                left -= before - (now.end - now.step)
                running, rate = running + 1, rate + now.rate
        parts = [f"{self._done} of {self._runs} runs done"]
        if running:
            parts.append(f"{running} running at {rate:,.1f} steps/s")
            parts.append(f"at most {duration(left / max(rate, 1e-9))} left")
        return ", ".join(parts)

    def _reading(self, name: str) -> Any:
        """What a run said last, if it said so since this display began."""
        readings = map(read_progress, self._store.root.glob(f"runs/{name}/*"))
        return next((r for r in readings if r is not None and r.time >= self._since), None)
