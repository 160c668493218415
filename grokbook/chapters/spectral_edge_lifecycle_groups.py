"""Chapter 6, the spectral edge's lifecycle: what groups of runs say beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from grokbook.chapters.spectral_edge_lifecycle_answers import measuring
from grokbook.chapters.spectral_edge_lifecycle_counts import Gap, gap, turning
from grokbook.chapters.spectral_edge_lifecycle_tables import late_content, late_share
from grokbook.chapters.wording import counted
from grokbook.claims.numbers import show
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import MODULAR
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import said


def gap_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """Does the gap close more where a run groks?"""
    units = {one.run_id: one for one in passages}
    grok, never = list[Gap](), list[Gap]()
    for run in runs:
        one = units.get(run.config.id)
        found = None if one is None else gap(run, one.unit)
        if found is not None:
            (grok if one.grok is not None else never).append(found)
    if not grok:
        return "No run here groks, so there is no decline of the gap to compare."
    text = (
        f"By the published statistic, of windows of three updates, the gap "
        f"{_fold(_geometric([each.published for each in grok]))} up to the grok step "
        f"(n = {len(grok)}), and as a share of all movement it "
        f"{_fold(_geometric([each.share for each in grok]))}"
    )
    if not never:
        return f"{text}; no run that never groks is here to compare."
    apart = [_apart(grok, never, name) for name in ("published", "five", "share")]
    return (
        f"{text}. Read at the same step in {counted(len(never), 'run')} that never "
        f"{'groks' if len(never) == 1 else 'grok'}, it "
        f"{_fold(_geometric([each.published for each in never]))}, which lies {apart[0]}; in "
        f"windows of five it {_fold(_geometric([each.five for each in never]))}, {apart[1]}; as a "
        f"share it {_fold(_geometric([each.share for each in never]))}, {apart[2]}."
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


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def classes_answer(brackets: Sequence[Run], modular: Sequence[Run]) -> str:
    """What of the three classes can be said by one protocol, and what is missing, in one line."""
    groups = {"brackets": _turns_and_shares(brackets), "modular arithmetic": []}
    groups["modular arithmetic"] = _turns_and_shares(modular)
    there = {name: each for name, each in groups.items() if each}
    told = [
        f"in {name} the gradient makes {said(share_of)} of the squared movement late and the first "
        f"direction turns by {turned:.0f}° (n = {len(each)})"
        for name, each in there.items()
        for share_of, turned in [np.mean(each, axis=0).tolist()]
    ]
    alone = " One class alone says nothing of what sets classes apart." * (len(there) == 1)
    first = f"By this protocol {'; '.join(told)}.{alone} " if told else ""
    parts = []
    if not groups["modular arithmetic"]:
        parts.append(
            "modular arithmetic, the functional class: "
            f"`{command('study', MODULAR.name)}` and `{measuring('edge', MODULAR)}`"
        )
    if not any(_has_content(run) for run in (*brackets, *modular)):
        parts.append(f"what the edge does to the states: `{measuring('edge-functional')}`")
    parts.append("SCAN, the compressing class, which is not trained in this book yet")
    return f"{first}*Not here yet: {'; '.join(parts)}.*"


def _turns_and_shares(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Late share of the gradient and mean rotation of v_1, of runs with weight decay."""
    found = []
    for run in runs:
        with suppress(Missing):
            if run.config.weight_decay > 0:
                found.append((late_share(run), turning(run)))
    return found


def _has_content(run: Run) -> bool:
    try:
        late_content(run)
    except Missing:
        return False
    return True
