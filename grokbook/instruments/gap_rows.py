"""The class of a run, and how often its gap was foretold, from the rows of ``gap-flow``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grokbook.geometry.gap_class import FORMS, OWN, GapClass, agreement, classify


def gap_class(rows: pd.DataFrame, grok: float) -> GapClass:
    """By the rule of `grokbook.geometry.gap_class`, about a grok step.

    Of gap 1, as k* = 1 is published for all runs.

    A form that lacks a window that counts, as the preconditioned ones where the run could not be
    trained again to the same bits, has no class, and so none stands.

    Args:
        rows: of one run, with columns ``step``, ``quantity``, ``variant``, ``at`` and ``value``.
        grok: the run's grok step, or a matched pseudo-grok step.

    Raises:
        ValueError: for rows without a window, or as `classify`.
    """
    rows = _of_first(rows)
    ends = _ends(rows)
    terms = {
        (units, by): (
            _series(rows, "damping", by, ends),
            _series(rows, "driving", f"{units}, {by}", ends),
        )
        for units, by in FORMS
    }
    return classify(ends, grok, terms, *_disjoint(rows, ", ".join(OWN)))


def right_signs(rows: pd.DataFrame, by: str = ", ".join(OWN)) -> float:
    """Share of a run's disjoint windows in which dg/dt has the sign that it was said to have.

    NaN with fewer than `grokbook.geometry.gap_class.LEAST` of them.

    Args:
        rows: as for `gap_class`, of gap 1.
        by: a form, or ``"slide"``, which any equation has to reach.

    Raises:
        ValueError: for rows without a window.
    """
    return agreement(*_disjoint(_of_first(rows), by))[0]


def _of_first(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of gap 1."""
    return rows[rows["at"] == 1]


def _ends(rows: pd.DataFrame) -> np.ndarray:
    """(n,) ends of the windows that have terms, ascending."""
    there = rows[(rows.quantity == "damping") & (rows.variant == "raw")]
    if there.empty:
        raise ValueError("these rows have no window with the terms of the gap flow")
    return np.sort(there.step.to_numpy())


def _series(rows: pd.DataFrame, quantity: str, variant: str, ends: np.ndarray) -> np.ndarray:
    chosen = rows[(rows.quantity == quantity) & (rows.variant == variant)]
    return chosen.set_index("step").value.reindex(ends).to_numpy(dtype=np.float64)


def _disjoint(rows: pd.DataFrame, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and measured dg/dt of windows that share nothing, the first full one among them.

    The first window ends after W updates; those that end at its multiples share none with it.
    """
    ends = _ends(rows)
    ends = ends[ends % ends[0] == 0]
    quantity, variant = ("slide", "") if by == "slide" else ("predicted", by)
    seen = _series(rows, "gap_change", "next" if by == "slide" else "central", ends)
    told = _series(rows, quantity, variant, ends)
    there = np.isfinite(told) & np.isfinite(seen)
    return told[there], seen[there]
