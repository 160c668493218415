"""Chapter 2, integrability: what it says of the path, beside random walks and relaxations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokbook.chapters.integrability import grokking
from grokbook.chapters.integrability_paths import Share, shares
from grokbook.chapters.wording import share
from grokbook.claims.readings.paths import WALK
from grokbook.instruments.runs import Missing, Run

FEWEST = 3
"""Runs whose interval can decide something: that of two reaches far beyond what can be."""


def path_sentence(found: Mapping[str, Share], *, named: bool = False) -> str:
    """In how many matrices the first component holds more or less than each null of its own run.

    Args:
        found: matrix ↦ shares of two or more runs.
        named: say which matrices.
    """
    n = len(next(iter(found.values())).values)

    def sides(attribute: str) -> str:
        parts = []
        for side in ("more", "less"):
            names = [matrix for matrix, each in found.items() if getattr(each, attribute) == side]
            where = ", ".join(name.replace(".", " · ") for name in names)
            parts.append(f"{side} in {len(names)}" + f" ({where})" * (named and bool(names)))
        return " and ".join(parts)

    said = (
        f"Of the {len(found)} attention matrices the first component of the path holds "
        f"{sides('beyond')} than random walks with the run's own steps, by the interval over {n} "
        "runs of the difference within a run"
    )
    if any(each.relaxations for each in found.values()):
        said += (
            f"; and {sides('relaxed')} than relaxations from the run's own start, which only decay "
            "and are pushed at random"
        )
    return f"{said}. In the others these runs do not tell."


def undecided(found: Mapping[str, Share], n: int) -> str:
    """Of one or two runs: that they decide nothing, and where their points lie."""
    sides = [each.side for each in found.values()]
    who, points = ("One run", "its point lies") if n == 1 else ("Two runs", "both points lie")
    return (
        f"{who} cannot decide whether the path is more one-dimensional than a random walk with "
        f"the same steps: {points} above what such walks reach in "
        f"{share(sides.count('above'), len(sides))} attention matrices, and below in "
        f"{share(sides.count('below'), len(sides))}."
    )


def path_answer(runs: Sequence[Run]) -> str:
    """What the figures of the path's shares say, and what more of the path would."""
    found = shares(runs)
    if not found:
        return "No run here groks, so there is no path to a published stop."
    n = len(grokking(runs))
    if n < FEWEST:
        said = undecided(found, n)
    else:
        said = path_sentence(found, named=True)
    ends = [end for run in grokking(runs) if (end := _beyond(run)) is not None]
    if ends:
        steps, at_stop, at_end, walk = np.mean(ends, axis=0)
        said += (
            f" The number depends on where one stops looking: {steps:,.0f} steps after the "
            f"published stop the share of all matrices together is {at_end:.1f} % in place of "
            f"{at_stop:.1f} %; a random walk's is {walk:.1f} %."
        )
    return said


def _beyond(run: Run) -> tuple[float, float, float, float] | None:
    """Steps beyond the stop, the share of all matrices at the stop and at the end, a walk's."""
    try:
        last = run.rows("trajectory", "share", variant="published", at=1).sort_values("step")
        walk = run.rows("trajectory", "share", variant=WALK, at=1).sort_values("step")
    except Missing:
        return None
    before = last[last["step"] <= run.stop]
    if before.empty or last["step"].iloc[-1] <= run.stop:
        return None
    ends = (before, last, walk)
    values = [100 * float(rows["value"].iloc[-1]) for rows in ends]
    return float(last["step"].iloc[-1] - run.stop), *values
