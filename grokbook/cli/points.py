"""How a measuring is doing: measurements and points, as they become safe."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from grokbook.cli.line import Line
from grokbook.cli.words import duration, measurements
from grokbook.instruments.agenda import Job
from grokbook.store import StoreError
from grokbook.store.measurements import read
from grokbook.sweep import Done


class Points(Line):
    """On standard error: how many measurements and points are done, and how every one ended.

    Points are counted in the files that workers save every half minute, so one display serves
    every way of measuring.

    Args:
        jobs: what is left to be measured.
        stop: that the user sets by Ctrl-C.
    """

    saved = "measured"

    def __init__(self, jobs: Sequence[Job], stop: threading.Event) -> None:
        super().__init__(stop)
        self._files = {job.measuring.key: job.file for job in jobs}
        self._before = {key: self._safe(file) for key, file in self._files.items()}
        self._all = sum(job.points for job in jobs)
        self._seen: dict[str, tuple[float, int]] = {}
        self._since = time.monotonic()

    def counted(self, count: int) -> str:
        """So many measurements."""
        return measurements(count)

    def before(self, key: str) -> int:
        """Points that were measured before."""
        return self._before.get(key, 0)

    def note(self, done: Done) -> str:
        """How many points were measured, or why not all."""
        points = f"{done.step} points" if done.step != 1 else "1 point"
        what = f"{done.status}, {points}, {duration(done.seconds)} of a core"
        return f"{done.label}: {done.note or what}"

    def summary(self) -> str:
        """Measurements and points done, and for how long this has gone on."""
        points = sum(map(self._points, self._files))
        whole = f"{self._done:,} of {measurements(len(self._files))} done"
        took = duration(time.monotonic() - self._since)
        return f"{whole}, {points:,} of {self._all:,} points are safe, {took}"

    def _points(self, key: str) -> int:
        """Points of one measurement; its file is read again when it has changed."""
        file = self._files[key]
        try:
            changed = file.stat().st_mtime
        except OSError:
            return self._before[key]
        if self._seen.get(key, (None, 0))[0] != changed:
            self._seen[key] = changed, self._safe(file)
        return self._seen[key][1]

    @staticmethod
    def _safe(file: Path) -> int:
        try:
            return len(read(file.read_bytes(), str(file))[1].measured)
        except (OSError, StoreError):  # not there yet; damage is for the worker to say
            return 0
