"""Chapter 5: what deleting the gradient outside a basis does to the grok step."""

from __future__ import annotations

from typing import Any

import numpy as np

from grokbook.claims.numbers import listed
from grokbook.claims.readings.place import Place, Reader, slope
from grokbook.claims.readings.staggered_order import grokked
from grokbook.events import PUBLISHED_RULE
from grokbook.instruments.runs import Missing, Run, TooFew
from grokbook.studies.bases import complete

DOSES = (0.01, 0.02, 0.03, 0.05, 0.07)
"""Up to 7 %: where the published delay rises."""

LEAST_DOSES = 3
"""That a slope takes beside the plain run; through one or two a line says nothing of a rise."""

START = 500
"""The first update from which something is deleted, as published."""

BUDGET = {"dual": 50_000, "tri": 60_000}
LONGER = {"dual": 200_000, "tri": 240_000}
PATH = "trajectory"
BASES = {
    PATH: {"k": 20, "to_grok": True},
    "random_matched": {"k": 20, "to_grok": True},
    "trajectory_attention": {"per_matrix": 2, "to_grok": True},
    "random": {"k": 20},
    "random_attention": {"per_matrix": 2},
}
"""Measures with their parameters, as the studies of the claims have them."""

PCA = {"PCA": "trajectory_attention", "random": "random"}


def deleted(
    at: Place, setting: str, dose: float, basis: str = PATH, transform: str = "delete"
) -> Run:
    """The run of this seed at λ = 1 with part of its updates deleted, from `START` to its end.

    Args:
        at: gives the seed and the shelf.
        setting: what is trained.
        dose: f.
        basis: what the basis was measured by.
        transform: of `grokbook.changes.TRANSFORMS`.

    Raises:
        Missing: if it was not recorded.
    """
    parameters = complete(basis, BASES[basis])
    return at.shelf.intervened(
        at.config(setting, 1.0),
        basis,
        parameters,
        transform=transform,
        strength=dose,
        start=START,
        times=0,
    )


def at_least(run: Run, last: bool = False) -> float:
    """Mean grok step of the tasks, or that of the last; the run's end, a bound, without one."""
    steps = [run.record.grok_step(task, PUBLISHED_RULE) for task in run.tasks]
    found = [run.record.last_step if step is None else step for step in steps]
    return float(max(found) if last else np.mean(found))


def delay(plain: Run, other: Run, *, last: bool = False) -> float:
    """Against the plain run of the same seed and arithmetic, in %."""
    return 100 * (at_least(other, last) / at_least(plain, last) - 1)


def _slope(**arm: Any) -> Reader:
    """Of the delay against the dose, from the plain run on; it takes `LEAST_DOSES`.

    What was cut off counts with the steps that it had, a lower bound; to leave it out would leave
    out the slowest.
    """

    def read(at: Place) -> float:
        points = [(0.0, 0.0)]
        for dose in DOSES:
            try:
                run = deleted(at, at["setting"], dose, **arm)
            except Missing:
                continue
            points.append((100 * dose, delay(at.shelf.twin(run), run)))
        doses = [f"{dose:g}" for dose, _ in points[1:]]
        if not doses:
            raise Missing(f"no dose at seed {at.seed}")
        if len(doses) < LEAST_DOSES:
            raise TooFew("doses", f"{listed(doses)} %")
        return slope(*zip(*points, strict=True))

    return read


def _grokked(setting: str | None, budget: dict[str, int]) -> Reader:
    def read(at: Place) -> float:
        name = setting or at["setting"]
        return grokked(deleted(at, name, float(at["dose"])), budget[name])

    return read


def _delay(basis: str | None = None) -> Reader:
    def read(at: Place) -> float:
        other = deleted(at, "dual", 0.25, basis or PCA[at["basis"]])
        return delay(at.shelf.twin(other), other, last=True)

    return read


def outside(run: Run, quantity: str = "gradient_share", since: int = 0) -> float:
    """1 − share², of the gradient in the path's first 20 directions, mean over checkpoints, in %.

    Args:
        run: measured.
        quantity: ``"gradient_null_matched"`` for random directions with the path's footprint.
        since: the first step that counts.

    Raises:
        Missing: if it was not measured.
    """
    rows = run.rows("integrability", quantity, variant="corrected, full path")
    share = rows.loc[rows["step"].between(since, run.stop), "value"].astype(float)
    return 100 * float((1 - share**2).mean())


def _outside(quantity: str) -> Reader:
    return lambda at: outside(at.run(at["setting"]), quantity)


MATCHED, UPDATE = {"basis": "random_matched"}, {"transform": "delete_update"}

READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-51", "slope"): _slope(),
    ("MT-51", "slope", "matched random basis"): _slope(**MATCHED),
    ("MT-51", "slope", "on the update"): _slope(**UPDATE),
    ("MT-51", "grokked"): _grokked("dual", BUDGET),
    ("MT-52", "slope"): _slope(),
    ("MT-52", "slope", "matched random basis"): _slope(**MATCHED),
    ("MT-52", "slope", "on the update"): _slope(**UPDATE),
    ("MT-52", "grokked"): _grokked("tri", BUDGET),
    ("MT-53", "grokked"): _grokked("tri", BUDGET),
    ("MT-53", "grokked", "longer budget"): _grokked("tri", LONGER),
    ("MT-54", "grokked"): _grokked(None, BUDGET),
    ("MT-54", "grokked", "longer budget"): _grokked(None, LONGER),
    ("MT-55", "delay"): _delay(),
    ("MT-55", "delay", "random in attention"): _delay("random_attention"),
    ("MT-56", "outside"): _outside("gradient_share"),
    ("MT-56", "outside", "random basis"): _outside("gradient_null_matched"),
}
