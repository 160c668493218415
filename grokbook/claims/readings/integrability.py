"""Chapter 2, integrability: readouts, commutators, and what the path's directions hold of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from grokbook.claims.readings.place import (
    Place,
    Reader,
    geometric,
)
from grokbook.instruments.runs import Run


def pairs(run: Run) -> list[str]:
    """Pairs of tasks, as parts of a measurement are called."""
    tasks = run.tasks
    return [f"{a}×{b}" for i, a in enumerate(tasks) for b in tasks[i + 1 :]]


def _largest_cosine(at: Place) -> float:
    run = at.run(at["setting"])
    rows = run.rows("weight-spectra", "head_cosine", part=at["pair"])
    rows = rows[rows["step"] <= run.stop]
    return float(rows["value"].abs().max())


def _last_cosine(at: Place) -> float:
    return at.run(at["setting"]).number("weight-spectra", "head_cosine", part=at["pair"])


def _cosine_across_seeds(at: Place) -> float:
    """Of the final weights, which is what is recorded, 2,000 steps after the stop."""
    own, other = (
        at.shelf.heads(run)[f"heads.{run.tasks.index(task)}.weight"].ravel()
        for run, task in zip(
            (at.run(at["setting"]), at.next(at["setting"])), at["pair"].split("×"), strict=True
        )
    )
    return float(own @ other / (np.linalg.norm(own) * np.linalg.norm(other)))


# --- commutators against bases


def rho(run: Run, part: str, variant: str) -> float:
    """ρ, mean over the checkpoints to the stop at which δ is not 0."""
    rows = run.rows("integrability", "commutator_rho", part=part, variant=variant)
    return float(rows.loc[rows["step"] <= run.stop, "value"].astype(float).mean())


def held(run: Run, quantity: str, variant: str) -> float:
    """A share of ‖δ‖ of the total loss, mean over the checkpoints to the stop."""
    rows = run.rows("integrability", f"commutator_{quantity}", variant=variant)
    return float(rows.loc[rows["step"] <= run.stop, "value"].astype(float).mean())


def _modes(run: Run, mode: str) -> list[str]:
    return [""] if mode in ("total", "same", "defect") else pairs(run)


def _missing(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"], at.decay)
        return 1 - float(np.mean([rho(run, part, variant) for part in _modes(run, at["mode"])]))

    return read


def _missing_at_random(at: Place) -> float:
    """1 − ρ of random bases, from the mean and the standard deviation of the share they hold."""
    run, found = at.run(at["setting"], at.decay), []
    for part in _modes(run, at["mode"]):
        rows = run.rows(
            "integrability",
            "commutator_null_matched",
            part=part,
            variant="published, attention path",
        )
        share = rows.loc[rows["step"] <= run.stop, ["value", "error"]].astype(float)
        square = share["value"] ** 2 + share["error"] ** 2
        found.append(float((1 - np.sqrt(1 - square)).mean()))
    return float(np.mean(found))


# --- commutators themselves


def cosine(run: Run, mode: str) -> float:
    """Mean cosine of two gradients at the published stop, of all tasks' loss or of two tasks'."""
    found = [run.number("commutator", "cosine", part=part) for part in _modes(run, mode)]
    return float(np.mean(found))


def _cosine(setting: str, mode: str | None = None, decay: float | None = None) -> Reader:
    def read(at: Place) -> float:
        run = at.run(setting, at.decay if decay is None else decay)
        return cosine(run, mode or at["mode"])

    return read


def defects(run: Run, variant: str, part: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Steps up to the stop, and the median defect over pairs of batches at each."""
    rows = run.rows("commutator", "defect", part=part, variant=variant, at=0.5)
    rows = rows[rows["step"] <= run.stop]
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def _ratio(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run("dual")
        steps, whole = defects(run, variant)
        across, crossed = defects(run, variant, pairs(run)[0])
        both = np.intersect1d(steps, across)
        ratio = crossed[np.isin(across, both)] / whole[np.isin(steps, both)]
        if at["time"] == "start":
            return float(ratio[both == 0][0]) if 0 in both else math.nan
        later = ratio[(both > 0) & np.isfinite(ratio) & (ratio > 0)]
        return geometric(later) if later.size else math.nan

    return read


def _last_defect(variant: str) -> Reader:
    return lambda at: at.run("tri", at.decay).number(
        "commutator", "defect", variant=variant, at=0.5
    )


def by_protocol(
    claim: str, series: str, reader: Callable[[str], Reader]
) -> dict[tuple[str, ...], Reader]:
    """A series of δ rounded to float32, and its control by δ from differences of gradients."""
    return {
        (claim, series): reader("published"),
        (claim, series, "exact commutator"): reader("corrected"),
    }


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-15", "largest"): _largest_cosine,
    ("MT-15", "last"): _last_cosine,
    ("MT-15", "last", "other seeds"): _cosine_across_seeds,
    ("MT-16", "missing"): _missing("published, attention path"),
    ("MT-16", "missing", "random basis"): _missing_at_random,
    ("MT-16", "missing", "other seed"): _missing("published, attention path of another seed"),
    ("MT-16", "missing", "exact commutator"): _missing("corrected, attention path"),
    ("MT-17", "cosine"): _cosine("dual"),
    ("MT-17", "cosine", "no grokking"): _cosine("dual", decay=0.0),
    ("MT-18", "cosine"): _cosine("tri"),
    ("MT-18", "cosine", "weight decay 1"): _cosine("tri", decay=1.0),
    ("MT-19", "cosine"): _cosine("tri"),
    ("MT-19", "cosine", "weight decay 1"): _cosine("tri", decay=1.0),
    **by_protocol("MT-20", "ratio", _ratio),
    **by_protocol("MT-21", "defect", _last_defect),
    ("MT-21", "cosine"): _cosine("tri", "same"),
}
