"""Chapter 6: what the gap flow says of a run's kind of edge, and Test 8 of the thesis.

The class rule, its windows and its least number of them are those of
`grokbook.geometry.gap_class`, committed before any term was computed.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from grokbook.claims.readings.edge_phases import (
    Chosen,
    moment,
    number,
    own,
    plain,
    random_labels,
    series,
)
from grokbook.claims.readings.place import Place, Reader
from grokbook.claims.registry import claims
from grokbook.geometry.gap_class import LEAST, OWN, counted
from grokbook.instruments.gap_rows import gap_class
from grokbook.instruments.runs import Run

INSTRUMENT = "gap-flow"
CLASSED = ("damping", "driving", "predicted", "gap_change")
"""Quantities that the class of a run is made of."""
GAP = 1
"""Of the gaps σ_k − σ_{k+1} the one that is published for all runs."""
PRINTED, IN_UNITS = ", ".join(OWN), "in units, raw"


def rows_of(run: Run) -> pd.DataFrame:
    """All rows that the class of a run is made of.

    Raises:
        Missing: if one of them was not measured.
    """
    found = [run.rows(INSTRUMENT, name, variant=None) for name in CLASSED]
    return pd.concat(found, ignore_index=True)


def claimed(corpus: str) -> str:
    """The class that the paper gives a task."""
    return claims("spectral-edge")["SE-33"].published["claimed"][corpus]


def _right(of: Chosen) -> Reader:
    """1 if the class is the claimed one, stands and is supported; else 0."""

    def read(at: Place) -> float:
        run = of(at)
        found = gap_class(rows_of(run), moment(at, run))
        return float(found.name == claimed(at["corpus"]) and found.stands and found.supported)

    return read


def driving(run: Run, grok: float, form: str = PRINTED) -> float:
    """Median of r = T3 / |T2| over the windows that count; NaN with fewer than `LEAST`.

    Raises:
        Missing: if none was measured.
    """
    ends, ratios = series(run, INSTRUMENT, "ratio", variant=form, at=GAP)
    inside = ratios[counted(ends, grok)]
    return float(np.median(inside)) if len(inside) >= LEAST else math.nan


def _driving(form: str) -> Reader:
    """At the width of the item."""

    def read(at: Place) -> float:
        run = at.run(at["corpus"], width=int(at["item"]))
        return driving(run, moment(at, run), form)

    return read


def _spearman(variant: str) -> Reader:
    """Of the window of ten updates that ends at the grok step; NaN of a run that groks before."""
    read = number(INSTRUMENT, "spearman", variant=variant)

    def of(at: Place, run: Run, step: int) -> float:
        first = series(run, INSTRUMENT, "spearman", variant=variant)[0].min()
        return math.nan if step < first else read(at, run, step)

    return own(of, phase="at")


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-33", "right"): _right(plain),
    ("SE-33", "right", "random labels"): _right(random_labels),
    ("SE-34", "driving"): _driving(PRINTED),
    ("SE-34", "driving", "in units"): _driving(IN_UNITS),
    ("SE-47", "correlation"): _spearman("published"),
    ("SE-47", "correlation", "removed norm"): _spearman("removed norm"),
}
