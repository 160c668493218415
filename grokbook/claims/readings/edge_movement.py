"""Chapter 6: does the first direction of the window move by the gradient, or by weight decay?

``published`` has the trapezoid's decay, ``uncentred`` the displacements that were logged.
"""

from __future__ import annotations

import math

import numpy as np

from grokbook.claims.readings.edge_phases import (
    SHARES,
    Chosen,
    Number,
    moment,
    near,
    number,
    own,
    plain,
    published,
    random_labels,
    series,
    value,
)
from grokbook.claims.readings.place import Place, Reader, Value, each
from grokbook.geometry.edge_windows import WINDOW
from grokbook.instruments.runs import Run

TRAPEZOID, LOGGED, CHANCE = "published", "uncentred", "random gradient"
HALF = 0.5
AFTER = 1.5
"""Grok steps from which on a window is one of afterwards."""
OTHER_DECAYS = (0.5, 2.0)


def share(variant: str) -> Number:
    """E_grad / (E_grad + E_wd) on v1 of the window that ends at a step, in %."""
    read = number("edge", "gradient_share", part=WINDOW, variant=variant, at=1)
    return lambda at, run, step: 100 * read(at, run, step)


def alignment(variant: str, direction: str = "") -> Number:
    """Of gradient and decay along ``v1`` … ``v4``, by default the cell's direction."""

    def read(at: Place, run: Run, step: int) -> float:
        k = int((direction or at["direction"]).removeprefix("v"))
        return value(run, "edge", "alignment", step, part=WINDOW, variant=variant, at=k)

    return read


FIRST = alignment(LOGGED, "v1")


def flip(run: Run) -> float:
    """End of the first window in which the logged share on v1 is below half; NaN without one.

    Raises:
        Missing: if the shares were not measured.
    """
    steps, shares = series(run, "edge", "gradient_share", part=WINDOW, variant=LOGGED, at=1)
    below = np.flatnonzero(shares < HALF)
    return float(steps[below[0]]) if below.size else math.nan


def mean_after(at: Place, run: Run, variant: str) -> float:
    """Mean share on v1 over the windows that end from `AFTER` grok steps on, in %.

    NaN if the run ends before.
    """
    steps, shares = series(run, "edge", "gradient_share", part=WINDOW, variant=variant, at=1)
    after = shares[steps >= AFTER * moment(at, run)]
    return 100 * float(after.mean()) if after.size else math.nan


def _flip(of: Chosen) -> Reader:
    def read(at: Place) -> float:
        run = of(at)
        return flip(run) / moment(at, run)

    return read


def _small_start(at: Place) -> Run:
    return at.run(at["corpus"], init_scale=0.25)


def _same_clock(at: Place) -> Run:
    return at.run(at["corpus"], 2.0, learning_rate=5e-4)


def _other_decays(at: Place) -> Value | dict[str, Value]:
    def read(decay: float) -> Value:
        return near(at, at.run(at["corpus"], decay), "at", FIRST)

    return each(OTHER_DECAYS, read)


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-01", "share"): published(SHARES, share(TRAPEZOID), phase="pre"),
    ("SE-01", "share", "logged"): published(SHARES, share(LOGGED), phase="pre"),
    ("SE-01", "share before"): own(share(LOGGED), phase="pre"),
    ("SE-01", "share before", "random gradient"): own(share(CHANCE), phase="pre"),
    ("SE-02", "share"): published(SHARES, share(TRAPEZOID), phase="at"),
    ("SE-02", "share", "logged"): published(SHARES, share(LOGGED), phase="at"),
    ("SE-02", "share", "own phases"): own(share(TRAPEZOID), phase="at"),
    ("SE-02", "flip over grok"): _flip(plain),
    ("SE-02", "flip over grok", "random labels"): _flip(random_labels),
    ("SE-02", "flip over grok", "small start"): _flip(_small_start),
    ("SE-02", "flip over grok", "same clock"): _flip(_same_clock),
    ("SE-03", "share"): published(SHARES, share(TRAPEZOID)),
    ("SE-03", "share", "logged"): published(SHARES, share(LOGGED)),
    ("SE-03", "share", "own phases"): own(share(TRAPEZOID)),
    ("SE-03", "share after"): lambda at: mean_after(at, plain(at), LOGGED),
    ("SE-03", "share after", "random gradient"): lambda at: mean_after(at, plain(at), CHANCE),
    ("SE-04", "alignment"): published(SHARES, alignment(TRAPEZOID), phase="at"),
    ("SE-04", "alignment", "logged"): published(SHARES, alignment(LOGGED), phase="at"),
    ("SE-04", "alignment", "own phases"): own(alignment(TRAPEZOID), phase="at"),
    ("SE-04", "alignment", "random labels"): own(
        alignment(TRAPEZOID), phase="at", of=random_labels
    ),
    ("SE-05", "alignment"): own(FIRST, phase="at"),
    ("SE-05", "alignment", "random labels"): own(FIRST, phase="at", of=random_labels),
    ("SE-05", "alignment", "other decays"): _other_decays,
}
