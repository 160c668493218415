"""Chapter 6, the spectral edge's lifecycle: its gap, at the same step in runs and controls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle_counts import GapDecline, gap, timed
from grokbook.chapters.tables import keyed
from grokbook.claims.numbers import show
from grokbook.instruments.runs import Run
from grokbook.widgets.from_edges import setting
from grokbook.widgets.passages import Passage


def gap_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """Does the gap close more where a run groks? Settings are compared, and none are pooled."""
    grok, never = list[GapDecline](), dict[str, list[GapDecline]]()
    for run, one in timed(runs, passages):
        found = gap(run, one.unit)
        if found is None:
            continue
        if one.grok is None:
            never.setdefault(one.setting, []).append(found)
        elif one.plain:
            grok.append(found)
    if not grok:
        if any(one.grok is not None for one in passages):
            return "The runs that grok do so before their windows are full."
        return "No run here groks, so there is no decline of the gap to compare."
    text = (
        f"By the published statistic, of windows of three updates, the gap "
        f"{_fold(grok, 'published')} up to the grok step, and as a share of all movement it "
        f"{_fold(grok, 'share')}."
    )
    if not never:
        return f"{text[:-1]}; no run that never groks is here to compare."
    told = [
        f"{_fold(theirs, 'published')} with {name}{_pairs(grok, theirs, 'published')}, and as a "
        f"share {_fold(theirs, 'share')}{_pairs(grok, theirs, 'share')}"
        for name, theirs in never.items()
    ]
    return f"{text} Read at the same step in runs that never grok, it {'; it '.join(told)}."


def _pairs(grok: Sequence[GapDecline], never: Sequence[GapDecline], name: str) -> str:
    """In how many pairs of a run that groks and one that does not the latter falls further."""
    ours, theirs = ([getattr(each, name) for each in group] for group in (grok, never))
    further, n = sum(b > a for a in ours for b in theirs), len(ours) * len(theirs)
    if n == 1:
        return f", {'further' if further else 'no further'} than in the run that groks"
    return f", further in {further or 'none'} of {n} pairs of runs"


def _fold(group: Sequence[GapDecline], name: str) -> str:
    """What ratios of the largest so far over the last say: their median and range, each 1 or more.

    >>> _fold([GapDecline(5.7, 1.0, 1.0)], "published"), _fold([GapDecline(5.7, 1.0, 1.0)], "share")
    ('falls 5.7-fold', 'does not fall')
    >>> _fold([GapDecline(4.0, 1, 1), GapDecline(200.0, 1, 1), GapDecline(6.0, 1, 1)], "published")
    'falls 6-fold (median; 4 to 200 over 3 runs)'
    """
    ratios = sorted(getattr(each, name) for each in group)
    middle = float(np.median(ratios))
    said = f"falls {show(middle)}-fold" if middle > 1 else "does not fall"
    if len(ratios) == 1:
        return said
    return f"{said} (median; {show(ratios[0])} to {show(ratios[-1])} over {len(ratios)} runs)"


def gap_table(runs: Sequence[Run], passages: Sequence[Passage]) -> pd.DataFrame:
    """How far the gap has fallen from its early maximum, at the same step in runs and controls."""
    rows = []
    for run, one in timed(runs, passages):
        found = gap(run, one.unit)
        if found is None:
            continue
        rows.append(
            {
                "run": f"{setting(run.config)}, seed {run.config.seed}",
                "read at step": f"{one.unit:,}" + " (its plain run's)" * (one.grok is None),
                "g₂₃, as published": f"{show(found.published)} ×",
                "windows of five": f"{show(found.five)} ×",
                "as a share of all movement": f"{show(found.share)} ×",
            }
        )
    return keyed(rows, "run")
