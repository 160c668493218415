"""Chapter 6, the spectral edge's lifecycle: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle import gather
from grokbook.chapters.spectral_edge_lifecycle_counts import Removal, medians, removals
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import give_or_take, mean_over, middle_of, step_of
from grokbook.claims.numbers import show
from grokbook.claims.registry import Claim
from grokbook.instruments.phases import MULTIPLES, nearest, place
from grokbook.widgets.lifecycle import in_order, opening
from grokbook.widgets.passages import FORMS, MATCHED, Passage
from grokbook.widgets.turns import AT, Turn, grokking

NAMES = {
    "random, equal norm": "a random vector",
    "scaled, equal norm": "all weights, scaled to the norm left",
    "scaled, equal distance": "all weights, scaled as far",
    "start, equal distance": "along the initial weights, as far",
    "learned, equal distance": "along what was learned, as far",
}
"""Removals of the edge's size, as a reader calls them."""

KINDS = {"linear": "linear", "quadratic": "products of two features", "mlp": "one hidden layer"}
FORMS_OF_PROBES = {
    "raw, token": "as published",
    "standardised, string": "standardised, unseen strings",
}


def _percent(values: Sequence[float]) -> str:
    return mean_over([100 * v for v in values if np.isfinite(v)])


def _spread(values: Sequence[float]) -> str:
    return give_or_take([100 * v for v in values if np.isfinite(v)])


def as_published_table(passages: Sequence[Passage], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """Gradient's share along v_1 at the published steps, of the runs that grok, in %."""
    before, at, later = (claims[name].published for name in ("SE-01", "SE-02", "SE-03"))
    published = {each["steps"]["dyck"]: each["values"]["dyck"] for each in (before, at)}
    published |= {
        step: later["values"]["dyck"][phase] for phase, step in later["steps"]["dyck"].items()
    }
    rows = []
    for step, value in published.items():
        found: dict[str, list[float]] = {form: [] for form in (*FORMS, "signed")}
        for one in grokking(passages):
            if step > one.last_step:
                continue
            i = place(one.ends, step)
            for form in FORMS:
                found[form].append(float(one.shares[form][i, 0]))
            found["signed"].append(float(one.signed[i, 0]))
        rows.append(
            {
                "window to step": f"{step:,}",
                "n": len(found[FORMS[0]]),
                "published, one seed (%)": show(float(value)),
                "ours (%)": _percent(found[FORMS[0]]),
                "with sign (%)": _percent(found["signed"]),
                "pure decay taken out (%)": _percent(found[FORMS[1]]),
            }
        )
    return keyed(rows, "window to step")


def share_table(passages: Sequence[Passage]) -> pd.DataFrame:
    """Gradient's share along v_1 at multiples of each run's grok step: median and range."""
    rows = []
    for name, runs in gather(passages).items():
        turns = [Turn.of(run) for run in runs]
        at = {
            f"{multiple:.2g} × grok (%)": _middle([t.shares[multiple] for t in turns])
            for multiple in MULTIPLES
        }
        rows.append({"windows to": name, "n": len(runs)} | at)
    return keyed(rows, "windows to")


def _upright(columns: Mapping[str, Mapping[str, object]], key: str) -> pd.DataFrame:
    """A table of few columns and long entries."""
    names = next(iter(columns.values()), {})
    rows = [{key: row} | {name: of[row] for name, of in columns.items()} for row in names]
    return keyed(rows, key)


def turn_table(passages: Sequence[Passage]) -> pd.DataFrame:
    """When every run groks, turns to decay and back, and what is there at the grok step."""
    rows = []
    for one in in_order(passages):
        turn, less = Turn.of(one), Turn.of(one, FORMS[1])
        rows.append(
            {
                "run": f"{one.setting}, {one.label}",
                "groks at": step_of(one.grok),
                "on unseen prefixes": step_of(one.grok_unseen),
                "turns to decay at": step_of(turn.first),
                "and back at": step_of(turn.back),
                "|cos| with the start, at grok": _two(turn.start),
                "pure decay taken out, at grok (%)": _middle([less.shares[AT]]),
            }
        )
    return keyed(rows, "run")


def _two(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _middle(values: Sequence[float]) -> str:
    return middle_of([100 * v for v in values if np.isfinite(v)])


def removal_table(passages: Sequence[Passage]) -> pd.DataFrame:
    """Change of the accuracy without the edge, and without as much of something else, in points."""
    columns: dict[str, dict[str, object]] = {}
    for multiple in MULTIPLES:
        found: list[Removal] = removals(passages, multiple)
        if found:
            columns[f"{multiple:.2g} × grok"] = {
                "the edge's part of the norm (%)": _spread([each.removed for each in found]),
                "the edge": _spread([each.edge for each in found]),
                "random directions, as published": _spread([each.random for each in found]),
                **{
                    NAMES[name]: _spread([each.matched.get(name, np.nan) for each in found])
                    for name in MATCHED
                },
                "n": len(found),
            }
    return _upright(columns, "taken out")


def probe_table(passages: Sequence[Passage]) -> pd.DataFrame:
    """R² of depth at the grok step and long after it, by probe and reading; medians over runs."""
    rows = [
        {
            "probe": KINDS[kind],
            "read": FORMS_OF_PROBES[reading],
            "R² at the grok step": f"{at:.3f}",
            "R² long after": f"{late:.3f}",
            "change": show(round(late - at, 3)),
            "n": n,
        }
        for (kind, reading), (at, late, n) in medians(passages).items()
    ]
    return keyed(rows, "probe")


SHOWN = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
"""Multiples of the grok step in `course_table`; the last window is added."""


def course_table(passages: Sequence[Passage]) -> pd.DataFrame:
    """What the explorable shows of the run that it opens on, at some windows and at the end."""
    ordered = in_order(passages)
    one = ordered[opening(ordered)]
    unit = one.unit or one.last_step / 10
    steps = [nearest(one.ends, multiple * unit) for multiple in SHOWN]
    rows = []
    for step in dict.fromkeys([*(s for s in steps if s < one.ends[-1]), int(one.ends[-1])]):
        i = place(one.ends, step)
        e = int(np.searchsorted(one.steps, step, side="right")) - 1
        cosines = one.cosines[FORMS[0]][:, i, 0]
        rows.append(
            {
                "window to step": f"{step:,}",
                "test accuracy (%)": f"{100 * one.accuracy[e]:.1f}",
                "gradient's share (%)": f"{100 * one.shares[FORMS[0]][i, 0]:.1f}",
                "pure decay taken out (%)": show(round(100 * float(one.shares[FORMS[1]][i, 0]), 1)),
                "|cos| with the weights": f"{cosines[0]:.2f}",
                "with the start": f"{cosines[1]:.2f}",
                "with what was learned": f"{cosines[2]:.2f}",
            }
        )
    return keyed(rows, "window to step")
