"""A worker: a process that trains on demand, ``python -m grokbook.benchmark.worker``.

It reads one JSON line, the configurations to stack; answers ``ready`` when it is warm; and from
then on answers every line of seconds with the steps it made and the seconds they took.  It ends
with its input, so it never outlives whoever started it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TextIO

from grokbook.config import RunConfig
from grokbook.training.process import single_thread
from grokbook.training.trainer import Trainer


def serve(asked: TextIO, answered: TextIO) -> None:
    """What a worker does, from its first line to the end of its input."""

    def answer(line: str) -> None:
        print(line, file=answered, flush=True)

    with single_thread():
        trainer = Trainer([RunConfig.from_json(values) for values in json.loads(asked.readline())])
        trainer.advance(5)
        answer("ready")
        for line in asked:
            first, start = trainer.step, time.monotonic()
            while (passed := time.monotonic() - start) < float(line):
                trainer.advance()
            answer(json.dumps([trainer.step - first, passed]))


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
