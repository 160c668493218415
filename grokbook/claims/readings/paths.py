"""Chapter 2, integrability: principal components of the path."""

from __future__ import annotations

import numpy as np

from grokbook.claims.readings.place import MATRICES, SINGLE, Place, Reader, Value, each
from grokbook.instruments.runs import Missing, Run

WALK, RELAXATION = "published, random walk", "published, relaxation"


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


def _common_time(at: Place) -> float:
    """The largest τ that all recorded runs of the settings reach."""
    runs = [run for name in ("dual", "tri", *SINGLE) for run in at.every(name, at.decay)]
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
    end = _common_time(at)
    return _by_setting(at, lambda run: _mean_at(run, "share_at_tau", end))


def windows_by_matrix(run: Run, variant: str = "published") -> np.ndarray:
    """(8, n) shares of growing windows of every matrix's path, in points."""
    each_matrix = [
        run.at_stop("trajectory", "expanding", part=matrix, variant=variant)
        .sort_values("at")["value"]
        .to_numpy(float)
        for matrix in MATRICES
    ]
    return 100 * np.array(each_matrix)


def windows(run: Run, variant: str = "published") -> np.ndarray:
    """(n,) the same, mean over the eight matrices."""
    return windows_by_matrix(run, variant).mean(axis=0)


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
}
