"""Runs on which every number of the edge's instruments is planted: no two are alike.

A reading of another seed, decay, step, part, variant or rank than the claim's then reads another
number.
"""

import hashlib
import itertools
import math

import numpy as np

from grokbook.claims.readings import READINGS
from grokbook.claims.readings.place import Place
from grokbook.claims.shelf import Shelf
from grokbook.config import DyckConfig, RunConfig
from grokbook.instruments.runs import Missing, Run
from made_records import Record, measured

NAN = math.nan
GROKS = {42: 800, 7: 1_200}
"""Grok step by seed: half, and 5/2 and 20/3 of it, are no published step."""
PSEUDO = 1_000
BY_STRINGS = tuple(
    f"{form}, {by}" for form in ("raw", "standardised") for by in ("token", "string", "prefix")
)
CHANGES = (
    *("taken out", "random", "random, equal norm", "scaled, equal norm"),
    *("scaled, equal distance", "start", "learned"),
)
NULLS = ("ramp", "parabola", "white noise", "random walk")
PLANTED = {
    "edge": [
        (
            ("gradient_share", "signed_share", "alignment"),
            ("5 updates", "10 updates"),
            ("published", "uncentred", "centred", "less decay", "random gradient"),
            (1, 2, 3, 4),
        ),
        (
            ("rotation", "rotation_disjoint", "stability"),
            ("5 updates", "10 updates"),
            ("uncentred", "centred", "orthogonal"),
            (1, 2, 3),
        ),
        (("g23", "g23_share"), ("5 updates", "10 updates"), ("uncentred", "centred"), (NAN,)),
    ],
    "edge-ablation": [
        (
            ("accuracy_change", "unseen_accuracy_change", "worst_accuracy_change", "loss_change"),
            ("edge", "bulk", "v1"),
            CHANGES,
            (NAN,),
        ),
    ],
    "edge-curves": [
        (("sigma",), ("v1", "v2", "v3", "v4"), ("",), (NAN,)),
        (
            ("own_divergence", "own_loss_change", "largest_divergence", "step_loss_change"),
            ("v1", "v2", "v3", "v4"),
            ("whole", "published", "random", "difference, float32", "difference, float64"),
            (NAN,),
        ),
        (
            ("curvature", "relative_curvature"),
            ("v1", "v2", "v3", "v4", "random"),
            ("exact, test", "exact, training", "difference, float32"),
            (NAN,),
        ),
    ],
    "probes": [
        (("linear", "quadratic", "mlp", "ols"), ("layer 0", "layer 1", "norm"), BY_STRINGS, (NAN,)),
        (
            ("composed",),
            ("composed to depth", "states to depth", "states to token", "token to depth"),
            BY_STRINGS,
            (NAN,),
        ),
        (("axis",), ("layer 0", "layer 1", "norm"), ("",), (1, 2, 3)),
        (("inside", "distance", "separation"), ("layer 0", "layer 1", "norm"), ("",), (NAN,)),
    ],
    "edge-functional": [
        (
            ("content",),
            ("v1", "v2", "v3", "v1 centred", "random"),
            (*BY_STRINGS, "raw, pair", "standardised, pair"),
            (NAN,),
        ),
        (("elevation",), ("v1", "v3", "random"), ("published", "corrected"), (NAN,)),
        (
            ("elevation",),
            ("",),
            tuple(f"{form}, {null}" for form in ("published", "corrected") for null in NULLS),
            (NAN,),
        ),
        (
            ("frequency", "largest"),
            ("v1", "v3", "v1 centred", "v1 of 20", "v1 of 20 centred", "random"),
            ("",),
            (NAN,),
        ),
        (("by_depth",), ("v1",), ("",), tuple(range(11))),
    ],
    "positional": [
        (
            ("largest", "frequency", "top_three"),
            ("embedding", "layer 0", "layer 1", "norm"),
            ("published", "level removed", "full strings", "full strings level removed"),
            (NAN,),
        ),
        (
            ("entropy", "counting", "local"),
            tuple(f"{layer}.{head}" for layer in (0, 1) for head in range(4)),
            ("published", "tokens"),
            (NAN,),
        ),
        (("mean_entropy", "most_entropy"), ("",), ("published", "tokens"), (NAN,)),
    ],
    "gap-flow": [
        (
            ("spearman", "pearson"),
            ("",),
            ("published", "without stability", "first order", "removed norm"),
            (NAN,),
        ),
    ],
    "weight-spectra": [(("ratio", "g12"), ("0.W_Q", "1.W_Q", "0.W_K", "1.W_V"), ("",), (NAN,))],
}
"""Quantities, parts, variants and free coordinates of every instrument."""


class Finished(Record):
    """A record with its evaluations, and a grok step for all rules or one by rule."""

    def __init__(self, config, groks, last):
        super().__init__(config, groks, last)
        self.steps = np.arange(0, last + 1, 100)

    def grok_step(self, task, rule):
        step = super().grok_step(task, rule)
        return step.get(rule) if isinstance(step, dict) else step


class Made(Shelf):
    """A shelf of runs made by hand."""

    def __init__(self, runs):
        super().__init__()
        self._made = {run.config.id: run for run in runs}
        self.__dict__["seeds"] = tuple(dict.fromkeys(run.config.seed for run in runs))

    def run(self, config):
        if config.id not in self._made:
            raise Missing(config.label)
        return self._made[config.id]


def plant(config, *where):
    """A number of its own for every run and row: between 0 and 1."""
    return _number(config.id, *where)


def _number(*where):
    text = "/".join(map(str, where)).encode()  # a checksum would do, but sums of them coincide
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest()) / 2**32


def planted(config, instrument, steps):
    """A measurement with a number of its own in every row."""
    name = config.id  # of every row; hashing a config takes its time
    rows = [
        (step, quantity, part, variant, at, _number(name, quantity, step, part, variant, at))
        for quantities, parts, variants, ranks in PLANTED[instrument]
        for step, quantity, part, variant, at in itertools.product(
            steps, quantities, parts, variants, ranks
        )
    ]
    return measured(instrument, rows)


def rows_of(*series, instrument="edge", count=1):
    """A measurement of (quantity, part, variant, {step: value})."""
    found = measured(
        instrument,
        [
            (step, quantity, part, variant, NAN if at is None else at, value)
            for quantity, part, variant, at, values in series
            for step, value in values.items()
        ],
    )
    found.rows["count"] = np.int32(count)
    return found


def run(config, grok, *measurements, last=10_000):
    """A run on brackets or of one task."""
    return Run(
        config.label, Finished(config, dict.fromkeys(config.tasks, grok), last), measurements
    )


def dyck(seed=42, **fields):
    return DyckConfig(seed=seed, **fields)


def modular(task, seed=42, **fields):
    return RunConfig(tasks=(task,), seed=seed, **fields)


def read(key, runs, labels, seed=42):
    """What a reading says of a cell and seed."""
    shelf = runs if isinstance(runs, Made) else Made(runs)
    return READINGS[tuple(key.split("/"))](Place({"corpus": "dyck"} | labels, seed, shelf))
