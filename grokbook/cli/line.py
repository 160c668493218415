"""What is said on standard error while a sweep works: one line that is redrawn, others above it."""

from __future__ import annotations

import sys
import threading
import time
from abc import ABC, abstractmethod
from typing import Any, Self

from tqdm.std import tqdm

from grokbook.sweep import Done


class Line(ABC):
    """One line that moves, where standard error is a terminal; else one a minute.

    Args:
        stop: that the user sets by Ctrl-C; it is answered at once, for saving takes a while.
    """

    saved: str
    """What is saved when it stops."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._done = stop, 0
        self._shown: set[str] = set()
        self._untouched = 0
        self._closed = threading.Event()
        # A terminal wants one line that moves, a log file a line now and then.
        self._bar: tqdm | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(file=sys.stderr, bar_format="{desc}", dynamic_ncols=True, leave=False)
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    @abstractmethod
    def summary(self) -> str:
        """The line."""

    @abstractmethod
    def counted(self, count: int) -> str:
        """So many jobs, in words."""

    @abstractmethod
    def note(self, done: Done) -> str:
        """How a job ended, in one line."""

    @abstractmethod
    def before(self, key: str) -> int:
        """How far a job stood when this began."""

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._ticker.join()
        if self._untouched:
            self.say(f"stopped before their turn: {self.counted(self._untouched)}")
        if self._bar is not None:
            self._bar.close()

    def ended(self, event: Any) -> None:
        """Say how a job ended, once; other events that a sweep may report are not for here.

        Jobs that were stopped where they stood before are only counted.
        """
        if not isinstance(event, Done) or event.key in self._shown:
            return
        self._shown.add(event.key)
        self._done += event.status in ("finished", "diverged")
        stood = event.step <= self.before(event.key)
        if event.status == "interrupted" and stood and not event.note:
            self._untouched += 1
            return
        self.say(self.note(event))
        self.redraw()

    def say(self, line: str) -> None:
        """One line above the one that is redrawn."""
        tqdm.write(line, file=sys.stderr)

    def redraw(self) -> None:
        """Bring the line up to date."""
        if self._bar is not None:
            self._bar.set_description_str(self.summary())

    def _tick(self) -> None:
        seconds, last, answered = 60.0 if self._bar is None else 1.0, time.monotonic(), False
        while not self._closed.wait(0.1):
            if self._stop.is_set() and not answered:
                answered = True
                self._wipe()
                what = f"what is being {self.saved} is saved"
                self.say(f"stopping: {what}; Ctrl-C again ends it at once")
            if time.monotonic() - last < seconds:
                continue
            last = time.monotonic()
            if self._bar is None:
                self.say(self.summary())
            else:
                self.redraw()

    def _wipe(self) -> None:
        """Take away the ^C that a terminal has put behind the line."""
        if self._bar is not None:
            sys.stderr.write("\r\033[K")
