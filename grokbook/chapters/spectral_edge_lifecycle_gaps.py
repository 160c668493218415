"""Chapter 6, the spectral edge's lifecycle: its gap, at the same step in runs and controls."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle_counts import Gap, gap, timed
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import counted
from grokbook.claims.numbers import show
from grokbook.claims.readings.place import geometric
from grokbook.instruments.runs import Run
from grokbook.widgets.from_edges import setting
from grokbook.widgets.passages import Passage


def gap_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """Does the gap close more where a run groks?"""
    grok, never = list[Gap](), list[Gap]()
    for run, one in timed(runs, passages):
        found = gap(run, one.unit)
        if found is not None:
            (grok if one.grok is not None else never).append(found)
    if not grok:
        return "No run here groks, so there is no decline of the gap to compare."
    text = (
        f"By the published statistic, of windows of three updates, the gap "
        f"{_fold(geometric([each.published for each in grok]))} up to the grok step "
        f"({_number(grok)}), and as a share of all movement it "
        f"{_fold(geometric([each.share for each in grok]))}"
    )
    if not never:
        return f"{text}; no run that never groks is here to compare."
    apart = [_apart(grok, never, name) for name in ("published", "five", "share")]
    return (
        f"{text}. Read at the same step in {counted(len(never), 'run')} that never "
        f"{'groks' if len(never) == 1 else 'grok'}, it "
        f"{_fold(geometric([each.published for each in never]))}, which lies {apart[0]}; in "
        f"windows of five it {_fold(geometric([each.five for each in never]))}, {apart[1]}; as a "
        f"share it {_fold(geometric([each.share for each in never]))}, {apart[2]}."
    )


def _apart(grok: Sequence[Gap], never: Sequence[Gap], name: str) -> str:
    """Where runs that never grok lie beside those that do."""
    ours, theirs = ([getattr(each, name) for each in group] for group in (grok, never))
    if max(theirs) < min(ours):
        return "below every run that groks"
    if min(theirs) > max(ours):
        return "above every run that groks"
    return "among the runs that grok"


def _fold(ratio: float) -> str:
    """What a ratio of the largest so far over the last says; it is 1 or more.

    >>> _fold(5.7), _fold(1.0)
    ('falls 5.7-fold', 'does not fall')
    """
    return f"falls {show(ratio)}-fold" if ratio > 1 else "does not fall"


def _number(group: Sequence[Gap]) -> str:
    return f"{'geometric mean, ' * (len(group) > 1)}n = {len(group)}"


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
                "read at step": f"{one.unit:,}" + " (its twin's)" * (one.grok is None),
                "g₂₃, as published": f"{show(found.published)} ×",
                "windows of five": f"{show(found.five)} ×",
                "as a share of all movement": f"{show(found.share)} ×",
            }
        )
    return keyed(rows, "run")
