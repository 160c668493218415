"""Two workers against one: do two single-threaded processes train twice as much?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from grokbook.benchmark.medians import Median, median_interval
from grokbook.config import RunConfig


class WorkerLost(RuntimeError):
    """A worker ended before its time; the message is one line."""


class Worker:
    """One of them, as seen from here; `grokbook.benchmark.worker` is what it does.

    Attributes:
        process: in which it works.
    """

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        package = Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grokbook.benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the one who asked; workers are ended by `close`.
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        self._tell(json.dumps([config.to_json() for config in configs]))

    def _tell(self, line: str) -> None:
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            self._lost()

    def _hear(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            self._lost()
        return line

    def _lost(self) -> NoReturn:
        raise WorkerLost(f"a worker ended with status {self.process.wait()}")

    def wait(self) -> None:
        """Return when it is warm."""
        self._hear()

    def begin(self, seconds: float) -> None:
        """Let it train for so many seconds."""
        self._tell(repr(seconds))

    def rate(self) -> float:
        """Steps a second of wall clock in the time just asked for; returns when that is over."""
        steps, seconds = json.loads(self._hear())
        return steps / seconds

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def _two(configs: Sequence[RunConfig]) -> Iterator[tuple[Worker, Worker]]:
    workers: list[Worker] = []
    try:
        for _ in range(2):
            workers.append(Worker(configs))
        for worker in workers:
            worker.wait()
        yield workers[0], workers[1]
    finally:
        for worker in workers:
            worker.close()


def two_worker_factor(configs: Sequence[RunConfig], *, rounds: int, seconds: float) -> Median:
    """Throughput of two processes over that of one, in steps a second of wall clock.

    Each round runs one of the two alone, in turn, then both; 2 is perfect, 1 says that the second
    worker only slows the first.

    Raises:
        WorkerLost: if a worker ends.
    """
    factors = []
    with _two(configs) as pair:
        for number in range(rounds):
            single = pair[number % 2]
            single.begin(seconds)
            alone = single.rate()
            for worker in pair:
                worker.begin(seconds)
            factors.append(sum([worker.rate() for worker in pair]) / alone)
    return median_interval(factors)
