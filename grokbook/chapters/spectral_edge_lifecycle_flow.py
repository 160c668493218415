"""Chapter 6, the spectral edge's lifecycle: the published equation of its gap, evaluated.

Classes are those of `grokbook.geometry.gap_class`, a rule that was written down before any term of
the equation had been computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle_answers import measuring
from grokbook.chapters.spectral_edge_lifecycle_counts import timed
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import counted, percent, share
from grokbook.claims.numbers import show
from grokbook.claims.readings.edge_flow import CLASSED, INSTRUMENT, claimed
from grokbook.geometry.gap_class import AFTER, LEAST, NONE, UNTIL, GapClass
from grokbook.instruments.gap_rows import gap_class, right_signs
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets.from_edges import setting
from grokbook.widgets.passages import Passage

SLIDE = "slide"
"""What the gap does for the updates that leave a window and come into it, to first order."""


@dataclass(frozen=True, eq=False)
class Flow:
    """What the equation says of one run.

    Attributes:
        run: of which its terms are measured.
        groks: does the run grok? Else it is read at the grok step of its twin.
        found: its class, and how often the equation has the sign of dg/dt right.
        slide: how often `SLIDE` has it right; NaN with too few windows.
    """

    run: Run
    groks: bool
    found: GapClass
    slide: float


def flows(runs: Sequence[Run], passages: Sequence[Passage]) -> list[Flow]:
    """Of the runs whose terms are measured, about the grok step of each passage."""
    there = []
    for run, one in timed(runs, passages):
        try:
            rows = pd.concat(
                [run.rows(INSTRUMENT, name, variant=None) for name in (*CLASSED, SLIDE)]
            )
        except Missing:
            continue
        found = gap_class(rows, one.unit)
        there.append(Flow(run, one.grok is not None, found, right_signs(rows, SLIDE)))
    return there


def flow_table(runs: Sequence[Run], passages: Sequence[Passage]) -> pd.DataFrame:
    """R = T3 / |T2| and the class of every run, and how often the sign of dg/dt is told rightly.

    By the equation, by whoever always says the same, and by the updates that leave and come.
    """
    rows = [
        {
            "run": f"{setting(run.config)}, seed {run.config.seed}",
            "r": show(found.ratio),
            "class (forms)": (
                f"{found.name} ({sum(name == found.name for name in found.forms.values())} of "
                f"{len(found.forms)})"
            ),
            "equation (%)": _sign(found.agreement),
            "constant (%)": _sign(found.guess),
            "updates (%)": _sign(slide),
        }
        for each in flows(runs, passages)
        for run, found, slide in [(each.run, each.found, each.slide)]
    ]
    return keyed(rows, "run")


def _foretold(classes: Sequence[GapClass], slides: Sequence[float]) -> str:
    """How often the sign of the gap's change is told rightly, where windows are enough to say."""
    known = [
        (each.agreement, each.guess, slide)
        for each, slide in zip(classes, slides, strict=True)
        if np.isfinite([each.agreement, each.guess, slide]).all()
    ]
    if not known:
        return "Too few of their windows share nothing to say how often the equation is right."
    right, constant, updates = np.mean(known, axis=0)
    beats = sum(each.supported for each in classes)
    return (
        f"The equation gives the gap's change the right sign in {percent(right)} of the windows, "
        f"and always saying the same in {percent(constant)}; it does better in "
        f"{share(beats, len(known))}. The updates that leave the window and come into it tell the "
        f"sign in {percent(updates)}."
    )


def _sign(part: float) -> str:
    return f"{100 * part:.0f}" if np.isfinite(part) else "–"


def flow_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """What the equation says of the gap, and whether it may."""
    every = flows(runs, passages)
    grok = [(each.found, each.slide) for each in every if each.groks]
    if not grok:
        return (
            f"*No term of the equation is measured on a run that groks: `{measuring(INSTRUMENT)}`.*"
        )
    grok = [(found, slide) for found, slide in grok if found.name != NONE]
    if not grok:
        return (
            f"Of no run that groks {LEAST} windows end from {AFTER:g} to {UNTIL:g} times its grok "
            "step, and with fewer the rule gives no class."
        )
    classes, slides = [found for found, _ in grok], [slide for _, slide in grok]
    names = sorted({each.name for each in classes})
    expected = claimed("dyck")
    right = sum(each.name == expected for each in classes)
    of = len(classes)
    ratio = float(np.nanmedian([abs(each.ratio) for each in classes]))
    said = (
        f"In {counted(of, 'run')} that {'groks' if of == 1 else 'grok'} the driving has "
        f"{show(ratio)} times the size of the damping{' (median)' * (of > 1)}. By our rule that is "
        f"{' or '.join(f'*{name}*' for name in names)}; the paper says *{expected}* of "
        f"brackets, which {share(right, of)} {'is' if right == 1 else 'are'}. "
        f"{_foretold(classes, slides)}"
    )
    never = [each.found for each in every if not each.groks and each.found.name != NONE]
    if never:
        same = sum(each.name in names for each in never)
        if len(never) == 1:
            who, have = "The run that never groks", "has" if same else "has not"
        else:
            who, have = f"Of the {len(never)} runs that never grok", f"{same or 'none'} have"
        said += f" {who}, read at the same step, {have} that class."
    return said
