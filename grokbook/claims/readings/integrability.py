"""Chapter 2: the path's directions, commutators, and their alignment."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from grokbook.claims.readings.place import (
    MATRICES,
    SINGLE,
    Place,
    Reader,
    Value,
    each,
    geometric,
)
from grokbook.claims.shelf import Shelf
from grokbook.instruments.runs import Missing, Run

WALK = "published, random walk"
DEFECT = {"published": "published", "exact commutator": "corrected"}
"""Protocol ↦ variant: δ rounded to float32, or from differences of gradients."""


def pairs(run: Run) -> list[str]:
    """Pairs of tasks, as parts of a measurement are called."""
    tasks = run.tasks
    return [f"{a}×{b}" for i, a in enumerate(tasks) for b in tasks[i + 1 :]]


# --- principal components of the path


def first_share(run: Run, matrix: str, variant: str = "published") -> float:
    """The first component's share of a matrix's variance, in %."""
    return 100 * run.number("trajectory", "share", part=matrix, variant=variant, at=1)


def _share(setting: str, variant: str = "published") -> Reader:
    return lambda at: first_share(at.run(setting), f"{at['layer']}.{at['matrix']}", variant)


def _difference(at: Place) -> float:
    run = at.run("dual")
    query, key = (first_share(run, f"{at['layer']}.{kind}") for kind in ("W_Q", "W_K"))
    return query - key


def mean_share(run: Run) -> float:
    """The same, mean over the eight attention matrices."""
    return float(np.mean([first_share(run, matrix) for matrix in MATRICES]))


def _by_setting(at: Place, read) -> Value | dict[str, Value]:
    """Of the item's setting; ``single`` stands for the four tasks trained alone."""
    if at["setting"] != "single":
        return read(at.run(at["setting"], at.decay))
    return each(SINGLE, lambda task: read(at.run(task, at.decay)))


def _mean_at(run: Run, quantity: str, end: float) -> float:
    """Mean over the eight matrices at one place of the free coordinate, in %."""
    found = [
        run.number("trajectory", quantity, part=matrix, variant="corrected", at=end)
        for matrix in MATRICES
    ]
    return 100 * float(np.mean(found))


def _ends(run: Run, quantity: str) -> set[float]:
    rows = run.at_stop("trajectory", quantity, part=MATRICES[0], variant="corrected")
    return set(rows["at"].astype(float))


def _common_time(shelf: Shelf, decay: float) -> float:
    """The largest τ that all recorded runs of the settings reach."""
    place = Place({}, 0, shelf)
    runs = [run for name in ("dual", "tri", *SINGLE) for run in place.every(name, decay)]
    ends = []
    for run in runs:
        try:
            ends.append(_ends(run, "share_at_tau"))
        except Missing:
            continue
    if not ends or not set.intersection(*ends):
        raise Missing("no τ that all runs reach")
    return max(set.intersection(*ends))


def _matched(at: Place) -> Value | dict[str, Value]:
    end = _common_time(at.shelf, at.decay)
    return _by_setting(at, lambda run: _mean_at(run, "share_at_tau", end))


def windows(run: Run, variant: str = "published") -> np.ndarray:
    """Shares of growing windows of the path, mean over the eight matrices, in points."""
    each_matrix = [
        run.at_stop("trajectory", "expanding", part=matrix, variant=variant)
        .sort_values("at")["value"]
        .to_numpy(float)
        for matrix in MATRICES
    ]
    return 100 * np.mean(each_matrix, axis=0)


def _decline(variant: str) -> Reader:
    def read(at: Place) -> float:
        found = windows(at.run(at["setting"]), variant)
        return float(found[0] - found[-1])

    return read


def _rise(at: Place) -> float:
    found = windows(at.run(at["setting"]))
    return float(np.max(found - np.minimum.accumulate(found)))


def _of_ten(at: Place) -> float:
    run = at.run("tri", float(at["item"]))
    found = [
        run.number("trajectory", "share_of_ten", part=matrix, variant="published", at=1)
        for matrix in MATRICES
    ]
    return 100 * float(np.mean(found))


def _equal_duration(at: Place) -> float:
    """Both runs up to the last common ηt before the decayed run of this seed stopped."""
    decayed, run = at.run("tri", 1.0), at.run("tri", float(at["item"]))
    common = _ends(decayed, "share_at_time") & _ends(run, "share_at_time")
    if not common:
        raise Missing("no ηt that both runs reach")
    return _mean_at(run, "share_at_time", max(common))


# --- readouts


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
        at.shelf.weights(run)[f"heads.{run.tasks.index(task)}.weight"].ravel()
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


def _modes(run: Run, mode: str) -> list[str]:
    return [""] if mode in ("total", "same", "defect") else pairs(run)


def _missing(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"], at.decay)
        return 1 - float(np.mean([rho(run, part, variant) for part in _modes(run, at["mode"])]))

    return read


def _missing_at_random(at: Place) -> float:
    """1 − ρ of random bases: their mean share s of the norm leaves √(1 − s²)."""
    run, found = at.run(at["setting"], at.decay), []
    for part in _modes(run, at["mode"]):
        rows = run.rows(
            "integrability",
            "commutator_null_matched",
            part=part,
            variant="published, attention path",
        )
        share = rows.loc[rows["step"] <= run.stop, "value"].astype(float)
        found.append(float((1 - np.sqrt(1 - share**2)).mean()))
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


def _both(names: Iterable[str], claim: str, series: str, reader) -> dict[tuple[str, ...], Reader]:
    """A series as published, and its controls by another protocol."""
    return {
        (claim, series) if name == "published" else (claim, series, name): reader(DEFECT[name])
        for name in names
    }


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-10", "share"): _share("dual"),
    ("MT-10", "share", "random walk"): _share("dual", WALK),
    ("MT-10", "difference"): _difference,
    ("MT-11", "share"): _share("tri"),
    ("MT-11", "share", "random walk"): _share("tri", WALK),
    ("MT-12", "share"): lambda at: _by_setting(at, mean_share),
    ("MT-12", "share", "matched"): _matched,
    ("MT-13", "decline"): _decline("published"),
    ("MT-13", "decline", "random walk"): _decline(WALK),
    ("MT-13", "rise"): _rise,
    ("MT-14", "share"): _of_ten,
    ("MT-14", "share", "matched"): _equal_duration,
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
    **_both(DEFECT, "MT-20", "ratio", _ratio),
    **_both(DEFECT, "MT-21", "defect", _last_defect),
    ("MT-21", "cosine"): _cosine("tri", "same"),
}
