"""Chapter 6: what the edge does to what a network holds, and which kind of edge that makes."""

from __future__ import annotations

import numpy as np

from grokbook.claims.readings.edge_movement import LOGGED, share
from grokbook.claims.readings.edge_phases import (
    ABLATIONS,
    SHARES,
    Number,
    near,
    number,
    own,
    published,
)
from grokbook.claims.readings.edge_turning import turn
from grokbook.claims.readings.place import Place, Reader, Value, each
from grokbook.geometry.depth_fourier import depth_spectrum
from grokbook.instruments.runs import Missing, Run

INSTRUMENT = "edge-functional"
RAW, TUNED, TUNED_PAIRS = "raw, token", "standardised, prefix", "standardised, pair"
FIRST, BULK, CENTRED, CHANCE = "v1", "v3", "v1 centred", "random"
LONG, LONG_CENTRED = "v1 of 20", "v1 of 20 centred"
MODULAR = ("add", "mul")


def content(part: str, variant: str) -> Number:
    """R² of the task from the response to a direction."""
    return number(INSTRUMENT, "content", part=part, variant=variant)


# --- SE-31: content beside that of random directions


def _beside(part: str) -> Number:
    """The item ``random``, or ``edge``, in whose place a control may put the bulk."""
    of = {"edge": content(part, TUNED), "random": content(CHANCE, TUNED)}
    return lambda at, run, step: of[at["item"]](at, run, step)


# --- SE-32: three columns by one protocol


def _column(centred: bool) -> Reader:
    """At 5/2 of the run's own grok step; of both tasks of modular arithmetic."""
    part, form = (CENTRED, "centred") if centred else (FIRST, LOGGED)

    def of(at: Place, setting: str) -> float:
        run = at.run(setting)
        if at["quantity"] == "turning":
            return turn(run, FIRST)
        if at["quantity"] == "share":
            return near(at, run, "post", share(form))
        tuned = TUNED_PAIRS if setting in MODULAR else TUNED
        return near(at, run, "post", content(part, tuned))

    def read(at: Place) -> Value | dict[str, Value]:
        if at["item"] != "modular":
            return of(at, at["item"])
        return each(MODULAR, lambda task: of(at, task))

    return read


# --- SE-40: one slow wave over depth

FREQUENCY = number(INSTRUMENT, "frequency", part=FIRST)


def elevation(part: str, variant: str = "published") -> Number:
    """F of the response to a direction in units of an even spectrum, as published."""
    return number(INSTRUMENT, "elevation", part=part, variant=variant)


def null(name: str) -> Number:
    """The same of something that has no meaning, over as many depths."""
    return elevation("", f"published, {name}")


def separation(at: Place, run: Run, step: int) -> float:
    """Elevation of v1 less that of v3."""
    return elevation(FIRST)(at, run, step) - elevation(BULK)(at, run, step)


def _of_ramp(at: Place, run: Run, step: int) -> float:
    """Where a straight line over the depths that are there has its largest share."""
    rows = run.rows(INSTRUMENT, "by_depth", part=FIRST)
    depths = np.unique(rows.loc[rows["step"] == step, "at"].to_numpy(float))
    if not depths.size:
        raise Missing(f"{INSTRUMENT} has no by_depth of {run.name} at step {step:,}")
    return float(depth_spectrum(depths, depths).frequency)


# --- SE-50: one wave over the answers


def _largest(part: str) -> Reader:
    """F at the run's end."""
    read = number(INSTRUMENT, "largest", part=part)

    def of(at: Place) -> float:
        run = at.run(at["task"])
        return read(at, run, run.record.last_step)

    return of


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-31", "raw"): published(SHARES, content(FIRST, RAW)),
    ("SE-31", "raw", "own phases"): own(content(FIRST, RAW)),
    ("SE-31", "standardised"): published(SHARES, _beside(FIRST)),
    ("SE-31", "standardised", "own phases"): own(_beside(FIRST)),
    ("SE-31", "standardised", "bulk"): published(SHARES, _beside(BULK)),
    ("SE-32", "columns"): _column(centred=False),
    ("SE-32", "columns", "centred"): _column(centred=True),
    ("SE-40", "elevation"): published(ABLATIONS, elevation(FIRST), phase="at"),
    ("SE-40", "elevation", "own phases"): own(elevation(FIRST), phase="at"),
    ("SE-40", "elevation", "ramp"): published(ABLATIONS, null("ramp"), phase="at"),
    ("SE-40", "elevation", "random walk"): published(ABLATIONS, null("random walk"), phase="at"),
    ("SE-40", "frequency"): published(ABLATIONS, FREQUENCY, phase="at"),
    ("SE-40", "frequency", "own phases"): own(FREQUENCY, phase="at"),
    ("SE-40", "frequency", "ramp"): published(ABLATIONS, _of_ramp, phase="at"),
    ("SE-40", "separation"): published(ABLATIONS, separation, phase="at"),
    ("SE-40", "separation", "own phases"): own(separation, phase="at"),
    ("SE-50", "largest"): _largest(LONG_CENTRED),
    ("SE-50", "largest", "uncentred"): _largest(LONG),
    ("SE-50", "largest", "random direction"): _largest(CHANCE),
}
