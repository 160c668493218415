"""Chapter 3, phase structure: lowest eigenvalues of the Hessian.

The published form reads thirty checkpoints, the control ``converged`` the five preset moments of a
run.  It covers what 25 Lanczos steps on 512 pairs do to a value, and not what lies between the
five: a converged minimum that is as deep confirms the published one; a shallower one tells only if
something was read where the published minimum lies, else it is missing.  ``full data`` of MT-24
reads the published step itself.  See entry 25 of the deviations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokbook.claims.readings.place import Place, Reader, by_strength
from grokbook.claims.readings.staggered_order import grokked
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import PUBLISHED_STEPS_WITHOUT_DECAY
from grokbook.thinning import thin

PRESET = 5
"""Steps at which every run is read, beside the published; see `grokbook.instruments.hessian`."""

TAUS = 10
"""Checkpoints at equal τ = ηλt."""

FULL = {"examples": 4_608}
"""The whole published training set."""


def _part(mode: str) -> str:
    return "" if mode == "total" else mode


CHECKPOINTS = 30
"""Of a published minimum, evenly spaced to the published stop (2602.18523 section 4.6)."""


def lowest(run: Run, part: str = "", variant: str = "published") -> tuple[np.ndarray, np.ndarray]:
    """Steps up to the published stop, and the lowest eigenvalue at each.

    The published protocol was applied at the preset steps, too; they are no checkpoints of its.
    Converged values on the whole training set are of the preset steps alone.

    Raises:
        Missing: if it was not measured, or not at the published checkpoints.
    """
    where = None if variant == "published" else FULL
    rows = run.rows("hessian", "lowest", part=part, variant=variant, at=1, where=where)
    rows = rows[rows["step"] <= run.stop]
    steps, values = rows["step"].to_numpy(), rows["value"].to_numpy(float)
    if variant != "published":
        return steps, values
    chosen = np.isin(steps, published_checkpoints(run, steps))
    return steps[chosen], values[chosen]


def published_checkpoints(run: Run, steps: np.ndarray) -> np.ndarray:
    """Those of the measured steps that the published grid has.

    The grid is at most `CHECKPOINTS` snapshots, evenly spaced by rank; a snapshot was kept every
    2ʲ evaluations, and it is the one j with which the grid has been measured whole.

    Args:
        run: measured.
        steps: ascending, up to its stop.

    Raises:
        Missing: if no such grid was measured.
    """
    if len(steps) <= CHECKPOINTS:
        return steps
    cadence = int(np.diff(run.record.steps[-2:])[0])
    for stride in (2**j for j in range(12)):
        kept = np.union1d(np.arange(0, run.stop + 1, cadence * stride), steps[-1:])
        grid = thin(kept, CHECKPOINTS)
        if np.isin(grid, steps).all() and len(grid) + PRESET >= len(steps):
            return grid
    raise Missing(f"the {CHECKPOINTS} published checkpoints of {run.name} were not measured")


def _converged(run: Run, part: str = "") -> float:
    """The converged minimum, where it can be set beside the published one.

    Raises:
        Missing: if it is shallower, and nothing converged was read within an interval of the
            published checkpoints of where the published minimum lies.
    """
    (steps, values), (grid, published) = lowest(run, part, "corrected"), lowest(run, part)
    at, found = grid[published.argmin()], float(values.min())
    if found > published.min() and np.abs(steps - at).min() > np.diff(grid).max(initial=0):
        raise Missing(f"nothing converged is read of {run.name} near step {at:,}")
    return found


def _lowest(run: Run, variant: str, part: str = "") -> float:
    """The lowest eigenvalue over the run."""
    return _converged(run, part) if variant != "published" else float(lowest(run, part)[1].min())


def depth(run: Run, variant: str = "published") -> float:
    """− lowest eigenvalue of the total loss over the run."""
    return -_lowest(run, variant)


def _minimum(variant: str) -> Reader:
    def read(at: Place) -> float:
        run, part = at.run("dual", at.decay), _part(at.labels.get("mode", "total"))
        return _lowest(run, variant, part)

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
    """Mean over the second half of the published checkpoints, or what was read in those steps."""

    def read(at: Place) -> float:
        run = at.run("tri", at.decay)
        grid = lowest(run)[0]
        steps, values = lowest(run, variant=variant)
        late = values[steps >= grid[len(grid) // 2]]
        if not len(late):
            raise Missing(f"nothing is read in the second half of {run.name}")
        return float(late.mean())

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
