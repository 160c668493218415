"""Records and measurements made by hand, of which a test knows what must be read off them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from grokbook.config import RunConfig
from grokbook.instruments.catalogue import instrument as declared
from grokbook.instruments.measurement import Measurement, as_frame, as_json
from grokbook.record import RunRecord


def finished(config, metrics, right):
    """A run that has ended, of columns and (E, T, N) answers."""
    return RunRecord(
        config=config,
        status="finished",
        seconds=1.0,
        source="store",
        numerics={},
        metrics=pd.DataFrame(metrics),
        bits=np.packbits(right, axis=-1),
    )


def record(seed, groks, leaked_first=None):
    """A run whose tasks jump from 0 to 1 at given steps (None: never)."""
    config = RunConfig(tasks=tuple(groks), modulus=5, seed=seed)
    steps = np.arange(0, 2_000, 100)
    metrics = {"step": steps}
    pairs = 16
    right = np.zeros((len(steps), len(config.tasks), pairs), dtype=bool)
    for k, task in enumerate(config.tasks):
        at = groks[task]
        up = np.zeros(len(steps)) if at is None else (steps >= at).astype(float)
        metrics[f"test_accuracy_{task}"] = metrics[f"train_accuracy_{task}"] = up
        right[:, k] = up[:, None].astype(bool)
    made = finished(config, metrics, right)
    if leaked_first is not None:  # twins of training pairs are answered from the start
        for k, task in enumerate(config.tasks):
            right[:, k, made.table.leaked(task)] = True
        made = replace(made, bits=np.packbits(right, axis=-1))
    return made


DUAL = [
    record(1, {"add": 500, "mul": 400}),
    record(2, {"add": 500, "mul": 500}),
    record(3, {"add": 400, "mul": 700}),
    record(4, {"add": 400, "mul": None}),
]
"""In one of four mul is strictly first; in one neither is, in one mul never groks."""


class Record:
    """What a reading asks of a run's record."""

    def __init__(self, config, groks, last=900):
        self.config, self.groks, self.last_step, self.seconds = config, groks, last, 2.0

    def grok_step(self, task, rule):
        return self.groks.get(task)


def grokking(seed, groks):
    """A run whose tasks grok (98 % × 3) at given steps: they jump two evaluations before."""
    return record(seed, {task: None if at is None else at - 200 for task, at in groks.items()})


def measured(instrument, rows, counts=1, **parameters):
    """Rows of (step, quantity, part, variant, at, value) as an instrument's measurement."""
    whole = as_json(declared(instrument).complete(parameters))
    columns = ["step", "quantity", "part", "variant", "at", "value"]
    frame = pd.DataFrame(rows, columns=columns).assign(error=np.nan, count=counts)
    kept = as_frame(()).dtypes
    frame = frame.astype({name: kept[name] for name in frame})
    return Measurement(instrument, 1, whole, "c", "n", 900, "", (900,), (900,), 1.0, frame)
