"""Chapter 6, the spectral edge's lifecycle: what a run's own record tells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokbook.claims.readings.place import Place, Reader, Value
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.lifecycle import AFTERWARDS, SWITCHED
from grokbook.tasks.dyck import TASK

RULE = "0.95"
"""Grokked by 2604.07380: once at 95 %."""
LAST = 10
"""Evaluations that are averaged where a single one may fall into a spike."""
SWITCH = SWITCHED[1]
"""The published switch of weight decay, in updates."""


def grok(run: Run, *, unseen: bool = False) -> int | None:
    """The grok step within the published budget; None if there is none.

    Args:
        run: of brackets.
        unseen: by the distinct test prefixes that no training string has, each counting once.

    Raises:
        Missing: if it has not grokked, and was not trained that far.
    """
    if not unseen:
        return run.grok(TASK, RULE)
    budget = run.config.published_steps
    step = run.record.grok_step(TASK, RULE, control=True)
    if step is not None and step <= budget:
        return step
    if run.record.last_step < budget:
        raise Missing(f"{run.name} goes to {run.record.last_step:,} steps of {budget:,}")
    return None


def switched(at: Place, weight_decay: float, *, anew: bool, step: int = SWITCH) -> Run:
    """The run of this seed whose decay was switched; kept at 1 it is the plain run.

    Args:
        at: gives the seed and the shelf.
        weight_decay: from the switch on.
        anew: were the optimiser's moments set to 0 there?
        step: of the switch, in updates.

    Raises:
        Missing: if it was not recorded.
    """
    schedule = [f"{step}:weight_decay={weight_decay:g}"] * (weight_decay != 1)
    return at.run("dyck", schedule=(*schedule, *[f"{step}:moments=0"] * anew))


def after(run: Run, values: np.ndarray, count: int = 1) -> float:
    """Mean of the last evaluations up to `AFTERWARDS` steps after the switch.

    Args:
        run: switched, or as long.
        values: (E,) one an evaluation.
        count: of evaluations.

    Raises:
        Missing: if the run was not trained that far.
    """
    end = np.flatnonzero(run.record.steps == SWITCH + AFTERWARDS)
    if not end.size:
        raise Missing(f"{run.name} has no evaluation at step {SWITCH + AFTERWARDS:,}")
    return float(np.mean(values[: end[0] + 1][-count:]))


def _grokked(unseen: bool) -> Reader:
    def read(at: Place) -> float:
        return float(grok(at.run(at["corpus"], at.decay), unseen=unseen) is not None)

    return read


def _steps(unseen: bool) -> Reader:
    def read(at: Place) -> Value:
        return grok(at.run(at["corpus"]), unseen=unseen)

    return read


def _switched(of: Callable[[Run], np.ndarray], anew: bool) -> Reader:
    def read(at: Place) -> float:
        run = switched(at, at.decay, anew=anew)
        return after(run, of(run))

    return read


def _accuracy(run: Run) -> np.ndarray:
    return run.record.accuracy(TASK)


def _norm(run: Run) -> np.ndarray:
    return run.record.metrics["parameter_norm"].to_numpy()


def _cost(anew: bool) -> Reader:
    def read(at: Place) -> float:
        plain, without = (switched(at, decay, anew=anew) for decay in (1.0, 0.0))
        return after(plain, _accuracy(plain), LAST) - after(without, _accuracy(without), LAST)

    return read


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-06", "grokked"): _grokked(unseen=False),
    ("SE-06", "grokked", "unseen prefixes"): _grokked(unseen=True),
    ("SE-07", "steps"): _steps(unseen=False),
    ("SE-07", "steps", "unseen prefixes"): _steps(unseen=True),
    ("SE-25", "accuracy"): _switched(_accuracy, anew=True),
    ("SE-25", "accuracy", "moments kept"): _switched(_accuracy, anew=False),
    ("SE-25", "cost"): _cost(anew=True),
    ("SE-25", "cost", "moments kept"): _cost(anew=False),
    ("SE-27", "norm"): _switched(_norm, anew=True),
    ("SE-27", "norm", "moments kept"): _switched(_norm, anew=False),
}
