"""Chapter 4: reconstruction from few directions, and compression after grokking."""

from __future__ import annotations

import math

import numpy as np

from grokbook.claims.readings.place import Place, Reader, Value, minus
from grokbook.instruments.runs import Run

HELD_OUT, RANDOM, NOISE = "held-out", "published, random", "published, noise"
BY_TENSOR = "published, noise by tensor"
MODULES = {"other": 0, "block 0": 1, "block 1": 2, "heads": 3}


# --- directions of the path


def threshold(run: Run, variant: str = "published") -> Value:
    """k*, the fewest directions with which every task has 90 %; None if not by 20."""
    found = run.number("reconstruction", "threshold", variant=variant)
    return None if math.isnan(found) else int(found)


def _threshold(setting: str, variant: str = "published") -> Reader:
    return lambda at: threshold(at.run(setting, at.decay), variant)


def _held(variant: str, basis: str) -> Reader:
    """Share of the displacement along k* directions; k* of the basis that is looked at."""

    def read(at: Place) -> Value:
        run = at.run("dual", at.decay)
        k = threshold(run, basis)
        if k is None:
            return math.nan
        return 100 * run.number("reconstruction", "captured", variant=variant, at=k)

    return read


def _surplus(variant: str) -> Reader:
    def read(at: Place) -> Value:
        dual, tri = (threshold(at.run(name, at.decay), variant) for name in ("dual", "tri"))
        return minus(dual, tri)

    return read


def accuracy(run: Run, instrument: str, quantity: str, variant: str, at: float) -> list[float]:
    """Test accuracy of every task, in %, in the order of the heads."""
    return [
        100 * run.number(instrument, quantity, part=task, variant=variant, at=at)
        for task in run.tasks
    ]


def _worst_of_two(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"], at.decay)
        return min(accuracy(run, "reconstruction", "test_accuracy", variant, 2))

    return read


def _with_one(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"], at.decay)
        return 100 * run.number(
            "reconstruction", "test_accuracy", part=at["task"], variant=variant, at=1
        )

    return read


def _first_direction(at: Place) -> float:
    run = at.run(at["setting"], at.decay)
    return 100 * run.number("reconstruction", "captured", variant="published", at=1)


def decay_share(run: Run) -> float:
    """Share of ‖Δ‖² along −θ(0), Δ = θ_T − θ(0), from the norms of all three.

    2 θ(0)·Δ = ‖θ_T‖² − ‖θ(0)‖² − ‖Δ‖², and ‖Δ‖² = (change · ‖θ_T‖)² / (1 − captured).
    """
    start, end = (run.number("reconstruction", "norm", part=part) for part in ("start", "end"))
    change, captured = (
        run.number("reconstruction", name, variant="published", at=1)
        for name in ("change", "captured")
    )
    moved = (change * end) ** 2 / (1 - captured)
    along = (end**2 - start**2 - moved) / (2 * start)
    return along**2 / moved if along < 0 else 0.0


# --- compression after grokking


def _compressed(quantity: str, variant: str) -> Reader:
    label = {"truncation": "rank", "pruning": "kept"}[quantity]

    def read(at: Place) -> float:
        return 100 * at.run("dual").number(
            "compression",
            f"{quantity}_test_accuracy",
            part=at["task"],
            variant=variant,
            at=float(at[label]),
        )

    return read


def _scaled(variant: str) -> Reader:
    def read(at: Place) -> float:
        scale = float(at["scale"])
        found = accuracy(at.run("dual"), "compression", "scaling_test_accuracy", variant, scale)
        return float(np.mean(found))

    return read


def _swapped(variant: str) -> Reader:
    def read(at: Place) -> float:
        quantity = f"{at['test']}_test_accuracy"
        module = MODULES[at["module"]]
        return float(np.mean(accuracy(at.run("dual"), "compression", quantity, variant, module)))

    return read


def _components(variant: str) -> Reader:
    def read(at: Place) -> float:
        k = float(at["components"])
        found = accuracy(at.run("dual"), "reconstruction", "test_accuracy", variant, k)
        return float(np.mean(found))

    return read


def _best(at: Place, variant: str) -> float:
    """Over all k of the ablation."""
    rows = at.run("dual").at_stop(
        "ablations", f"{at['ablation']}_test_accuracy", part=at["task"], variant=variant
    )
    return 100 * float(rows["value"].max())


def _three(at: Place, variant: str) -> float:
    return 100 * at.run("dual").number(
        "ablations", f"{at['ablation']}_test_accuracy", part=at["task"], variant=variant, at=3
    )


ON_THE_WEIGHTS = "corrected"

READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-39", "threshold"): _threshold("dual"),
    ("MT-39", "threshold", "held-out basis"): _threshold("dual", HELD_OUT),
    ("MT-39", "threshold", "random basis"): _threshold("dual", RANDOM),
    ("MT-40", "held"): _held("published", "published"),
    ("MT-40", "held", "random basis"): _held(RANDOM, "published"),
    ("MT-40", "held", "held-out basis"): _held(HELD_OUT, "published"),
    ("MT-41", "threshold"): _threshold("tri"),
    ("MT-41", "threshold", "held-out basis"): _threshold("tri", HELD_OUT),
    ("MT-41", "threshold", "random basis"): _threshold("tri", RANDOM),
    ("MT-42", "surplus"): _surplus("published"),
    ("MT-42", "surplus", "held-out basis"): _surplus(HELD_OUT),
    ("MT-43", "two"): _worst_of_two("published"),
    ("MT-43", "two", "random perturbation"): _worst_of_two(NOISE),
    ("MT-43", "one"): _with_one("published"),
    ("MT-43", "one", "random perturbation"): _with_one(NOISE),
    ("MT-44", "held"): _first_direction,
    ("MT-44", "held", "decay alone"): lambda at: 100 * decay_share(at.run(at["setting"], at.decay)),
    ("MT-45", "accuracy"): _compressed("truncation", "published"),
    ("MT-45", "accuracy", "on the weights"): _compressed("truncation", ON_THE_WEIGHTS),
    ("MT-45", "accuracy", "random perturbation"): _compressed("truncation", NOISE),
    ("MT-46", "accuracy"): _compressed("pruning", "published"),
    ("MT-46", "accuracy", "on the weights"): _compressed("pruning", ON_THE_WEIGHTS),
    ("MT-46", "accuracy", "random perturbation"): _compressed("pruning", NOISE),
    ("MT-47", "accuracy"): _scaled("published"),
    ("MT-47", "accuracy", "on the weights"): _scaled(ON_THE_WEIGHTS),
    ("MT-47", "accuracy", "random perturbation"): _scaled(NOISE),
    ("MT-48", "accuracy"): _swapped("published"),
    ("MT-48", "accuracy", "random perturbation"): _swapped(BY_TENSOR),
    ("MT-49", "accuracy"): _components("centred"),
    ("MT-49", "accuracy", "random perturbation"): _components("centred, noise"),
    ("MT-49", "accuracy", "held-out basis"): _components("centred held-out"),
    ("MT-50", "best"): lambda at: _best(at, "published"),
    ("MT-50", "best", "random rank"): lambda at: _best(at, RANDOM),
    ("MT-50", "three"): lambda at: _three(at, "published"),
    ("MT-50", "three", "random rank"): lambda at: _three(at, RANDOM),
}
