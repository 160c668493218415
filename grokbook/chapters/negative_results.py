"""Negative results: what of the published protocols, and of our own ideas, did not hold.

Everything is read from recorded runs, but for the commutators, which are taken anew
(`grokbook.chapters.negative_results_defects`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.chapters.negative_results_defects import Reading
from grokbook.claims.readings.incompressibility import decay_share, threshold
from grokbook.claims.readings.paths import RELAXATION, WALK, first_share
from grokbook.claims.readings.place import MATRICES
from grokbook.config import RunConfig
from grokbook.events import PUBLISHED_RULE
from grokbook.geometry.edge_decline import DECLINED
from grokbook.geometry.loss import Loss
from grokbook.geometry.nulls import whole
from grokbook.instruments.runs import Missing, Run
from grokbook.models import trunk
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.record import RunRecord
from grokbook.store.recorded import Results

WANTED: dict[str, dict[str, int]] = {"trajectory": {}, "reconstruction": {}, "spectral-edge": {}}
"""What every run of the page has been measured by."""

LARGE_Z = 5.0
"""The least |z| that 2602.16746 (claim ST-07) reports of a task."""
SPACINGS = ("100 steps", "200 steps")
"""Of the updates in a window; published is the second, for these runs."""
BASES = {
    "published": "the run's own path, the target in it",
    "centred": "the same about its mean, which is added back",
    "no embedding": "the same without the embedding, which stays",
    "held-out": "the path without its last tenth",
    "other seed": "another seed's path",
    "published, random": "random directions of the path's span",
    "published, noise by tensor": "no directions: noise as large in every tensor",
    "published, noise": "no directions: noise as large in all",
}
"""Variants of a reconstruction, in words."""


@dataclass(frozen=True)
class Again:
    """A task of a config that was carried out twice or more often.

    Attributes:
        run: label of the run.
        task: of the run.
        steps: its grok steps, first execution first.
        gaps: steps between the run's first and last task, in each execution.
    """

    run: str
    task: str
    steps: tuple[int, ...]
    gaps: tuple[int, ...]

    @property
    def apart(self) -> int:
        """Steps between the quickest execution and the slowest."""
        return max(self.steps) - min(self.steps)

    @property
    def share(self) -> float:
        """The same over the first one's grok step."""
        return self.apart / self.steps[0]


def again(configs: Iterable[RunConfig], results: Results | None = None) -> list[Again]:
    """Grok steps of every task of the configs of which several executions are recorded.

    An execution of which a task was cut off before it grokked is left out.
    """
    results, found = results or Results(), []
    for config in configs:
        every = [_groks(record) for record in results.executions(config)]
        groks = [each for each in every if None not in each.values()]
        if len(groks) < 2:
            continue
        gaps = tuple(max(each.values()) - min(each.values()) for each in groks)
        found += [
            Again(config.label, task, tuple(each[task] for each in groks), gaps)
            for task in config.tasks
        ]
    return found


def _groks(record: RunRecord) -> dict[str, int | None]:
    return {task: record.grok_step(task, PUBLISHED_RULE) for task in record.config.tasks}


def first_shares(runs: Sequence[Run]) -> dict[str, tuple[list[float], float, float]]:
    """Matrix ↦ first component's share of every run, means of the walk and the relaxation, in %."""
    return {
        matrix: (
            [first_share(run, matrix) for run in runs],
            *(
                float(np.mean([first_share(run, matrix, null) for run in runs]))
                for null in (WALK, RELAXATION)
            ),
        )
        for matrix in MATRICES
    }


def smallest_large_z(runs: Sequence[Run]) -> tuple[float, float] | None:
    """The smallest difference from a random walk, in points, whose |z| is large, and that z."""
    found = [
        (first_share(run, matrix) - first_share(run, matrix, WALK), z)
        for run in runs
        for matrix in MATRICES
        if abs(z := run.number("trajectory", "z", part=matrix, variant=WALK)) > LARGE_Z
    ]
    return min(found, key=lambda pair: abs(pair[0]), default=None)


def outside_by_chance(config: RunConfig) -> tuple[int, float]:
    """Directions of the published basis, two a matrix, and the ρ that as many random ones leave."""
    layout = Layout.of(config)
    count = 2 * len(layout.attention_blocks())
    null = whole(layout.size, count)
    return count, math.sqrt(1 - null.mean**2 - null.sd**2)


def declines(runs: Sequence[Run]) -> dict[tuple[str, str], list[float]]:
    """(Spacing, quantity) ↦ decline of g23 of every run, raw and as a share of Σσ²."""
    return {
        (spacing, quantity): [
            run.rows("spectral-edge", quantity, part=spacing, variant="uncentred")["value"].item()
            for run in runs
        ]
        for quantity in ("decline", "decline_share")
        for spacing in SPACINGS
    }


def thresholds(run: Run) -> dict[str, int | None]:
    """k* by variant of `BASES`; None where no k that was tried is enough."""
    found = {}
    for variant in BASES:
        try:
            found[variant] = threshold(run, variant)
        except Missing:  # a run without a sibling has no other seed's path
            continue
    return found


def captured(run: Run, variant: str) -> float:
    """Share of the displacement in as many directions as were tried, in %."""
    rows = run.at_stop("reconstruction", "captured", variant=variant)
    return 100 * float(rows.sort_values("at")["value"].iloc[-1])


def best_of_worst(run: Run, variant: str) -> float:
    """Test accuracy of the task that does worst, at the k where that is best, in %."""
    curves = [
        run.at_stop("reconstruction", "test_accuracy", part=task, variant=variant)["value"]
        for task in run.tasks
    ]
    return 100 * float(np.min([curve.to_numpy(float) for curve in curves], axis=0).max())


def along_start(runs: Sequence[Run]) -> list[float]:
    """Share of the squared displacement along −θ(0), in %."""
    return [100 * decay_share(run) for run in runs]


def asymmetries() -> tuple[float, float]:
    """Largest |H − Hᵀ| over largest |H| of a small model in float64.

    Returns:
        By `torch.func.hessian`, and by the products of `grokbook.geometry.operators.Hessian`.
    """
    config = RunConfig(tasks=("add", "mul"), modulus=5, width=4, heads=2, hidden=4)
    layout, table = Layout.of(config), config.table()
    theta = initial_parameters(layout, [1], dtype=torch.float64)[0]
    loss = Loss.on(layout, table, table.train)
    product = loss.hessian(theta)
    ours = torch.stack([product @ along for along in torch.eye(len(theta), dtype=theta.dtype)])

    def value(at: Tensor) -> Tensor:
        logits = trunk.logits(layout, layout.views(at[None]), loss.pairs[None])
        return trunk.losses(logits, loss.labels[None]).sum()

    theirs = torch.func.hessian(value)(theta)
    return tuple(float((h - h.T).abs().max() / h.abs().max()) for h in (theirs, ours))


def guard(runs: Sequence[Run], found: Sequence[Reading], executions: Sequence[Again]) -> None:
    """Stop the build if something that the page's prose says no longer holds.

    Raises:
        AssertionError: naming what changed.
    """
    start, end = ([each.defect for each in found if each.trained is late] for late in (False, True))
    assert min(d.published / d.corrected for d in start) > 3, "the start is not rounding"
    assert min(d.rounding / d.published for d in start) > 0.9, "the start is not rounding"
    assert min(d.floor / d.rounding for d in start) > 0.5, "the floor misses the start"
    assert max(d.floor / d.rounding for d in end) < 0.1, "the floor is one after all"
    for matrix, (ours, walk, relaxed) in first_shares(runs).items():
        assert walk > 50, f"{matrix}: a walk has less than half"
        if matrix.endswith("W_V"):
            assert relaxed > np.mean(ours), f"{matrix}: the relaxation has less"
        if matrix.endswith(("W_Q", "W_K")):
            assert relaxed < np.mean(ours), f"{matrix}: the relaxation has more"
    fallen = declines(runs)
    for spacing in SPACINGS:
        assert min(fallen[spacing, "decline"]) > DECLINED, f"{spacing}: the gap does not close"
    raw, part = (np.log(fallen[SPACINGS[1], name]) for name in ("decline", "decline_share"))
    assert (part < raw / 2).all(), "most of the fall is not one of scale"
    for run in runs:
        k = thresholds(run)
        assert k["held-out"] is k["other seed"] is None, f"{run.name}: a control suffices"
        assert captured(run, "held-out") > 90, f"{run.name}: the held-out path holds little"
        assert captured(run, "other seed") < 1, f"{run.name}: another seed's path holds something"
        assert best_of_worst(run, "last seen") < 90, f"{run.name}: a network that had was seen"
    for config in {run.config.label for run in runs}:
        twice = [each for each in executions if each.run == config]
        assert all(each.apart > max(each.gaps) for each in twice), (
            f"{config}: nearly the same twice"
        )
