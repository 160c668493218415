"""Chapter 3, phase structure: lowest eigenvalues of the Hessian.

The control ``converged`` has the five preset moments of a run, the published form thirty
checkpoints.  It covers what 25 Lanczos steps on 512 pairs do to a value, and not what lies between
the five: a converged minimum that is as deep confirms the published one, a shallower one leaves
open whether the five missed it.  ``full data`` of MT-24 reads the published step itself.  See entry
25 of the deviations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokbook.claims.readings.place import Place, Reader, by_strength
from grokbook.claims.readings.staggered_order import grokked
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import PUBLISHED_STEPS_WITHOUT_DECAY

TAUS = 10
"""Checkpoints at equal τ = ηλt."""

FULL = {"examples": 4_608}
"""The whole published training set."""


def _part(mode: str) -> str:
    return "" if mode == "total" else mode


def lowest(run: Run, part: str = "", variant: str = "published") -> tuple[np.ndarray, np.ndarray]:
    """Steps up to the published stop, and the lowest eigenvalue at each.

    Converged values on the whole training set are of the five preset steps, not of thirty.
    """
    where = None if variant == "published" else FULL
    rows = run.rows("hessian", "lowest", part=part, variant=variant, at=1, where=where)
    rows = rows[rows["step"] <= run.stop]
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def depth(run: Run, variant: str = "published") -> float:
    """− lowest eigenvalue of the total loss over the run."""
    return -float(lowest(run, variant=variant)[1].min())


def _minimum(variant: str) -> Reader:
    def read(at: Place) -> float:
        run, part = at.run("dual", at.decay), _part(at.labels.get("mode", "total"))
        return float(lowest(run, part, variant)[1].min())

    return read


def _depth(variant: str) -> Reader:
    return lambda at: by_strength(at, lambda run: depth(run, variant))


def _depth_at_equal_tau(at: Place) -> float:
    """Over checkpoints nearest to ten values of τ, up to the largest that every run reaches."""
    runs = [run for decay in (0.3, 0.5) for run in at.every("dual", decay)]
    ends = [run.stop * run.config.weight_decay for run in runs]
    if len(ends) < 2:
        raise Missing("equal τ takes two runs")
    run = at.run("dual", float(at["item"]))
    steps, values = lowest(run)
    wanted = np.linspace(0, min(ends) / run.config.weight_decay, TAUS)
    return -float(values[[int(np.abs(steps - step).argmin()) for step in wanted]].min())


def _first(run: Run) -> str | None:
    """The task that groks strictly first."""
    steps = {task: run.grok(task) for task in run.tasks}
    known = {task: step for task, step in steps.items() if step is not None}
    first = [task for task, step in known.items() if step == min(known.values())]
    return first[0] if len(first) == 1 else None


def _resampled(run: Run, task: str) -> float:
    rows = run.rows("hessian", "lowest_by_batch", part=task, variant="resampled")
    if len(rows) < 10:
        raise Missing(f"fewer than ten sets of training pairs of {run.name}")
    return float(rows["value"].astype(float).mean())


def _at_5000(run: Run, task: str) -> float:
    """The converged eigenvalue on the whole training set at the preset step nearest to 5,000."""
    steps, values = lowest(run, task, "corrected")
    return float(values[np.abs(steps - 5_000).argmin()])


def _right(value: Callable[[Run, str], float]) -> Reader:
    def read(at: Place) -> float:
        run = at.run("dual", at.decay)
        deepest = min(run.tasks, key=lambda task: value(run, task))
        return float(deepest == _first(run))

    return read


def _late(variant: str) -> Reader:
    """Mean over the second half of the checkpoints."""

    def read(at: Place) -> float:
        values = lowest(at.run("tri", at.decay), variant=variant)[1]
        return float(values[len(values) // 2 :].mean())

    return read


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-22", "lowest"): _minimum("published"),
    ("MT-22", "lowest", "converged"): _minimum("corrected"),
    ("MT-23", "depth"): _depth("published"),
    ("MT-23", "depth", "converged"): _depth("corrected"),
    ("MT-24", "right"): _right(_resampled),
    ("MT-24", "right", "always mul"): lambda at: float(_first(at.run("dual", at.decay)) == "mul"),
    ("MT-24", "right", "full data"): _right(_at_5000),
    ("MT-25", "lowest"): _minimum("published"),
    ("MT-25", "lowest", "converged"): _minimum("corrected"),
    ("MT-25", "grokked"): lambda at: grokked(
        at.run("dual", at.decay), PUBLISHED_STEPS_WITHOUT_DECAY
    ),
    ("MT-26", "lowest"): _late("published"),
    ("MT-26", "lowest", "converged"): _late("corrected"),
    ("MT-27", "depth"): _depth("published"),
    ("MT-27", "depth", "matched"): _depth_at_equal_tau,
}
