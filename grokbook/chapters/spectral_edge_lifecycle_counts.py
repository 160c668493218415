"""Chapter 6, the spectral edge's lifecycle: removals, probes and gaps, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.claims.readings.edge_gap import OF_PAPER, OF_TABLE, SHARE, fall
from grokbook.instruments.phases import nearest, place
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets.passages import EDGE, MATCHED, PROBES, READINGS, Passage
from grokbook.widgets.turns import AT, LATE, grokking


def timed(runs: Sequence[Run], passages: Sequence[Passage]) -> list[tuple[Run, Passage]]:
    """Runs with their passage, of those that have a time: their own grok step, or a twin's."""
    of = {one.run_id: one for one in passages if one.unit is not None}
    return [(run, of[run.config.id]) for run in runs if run.config.id in of]


# --- is the edge critical?

REGISTERED = MATCHED[:2]
"""Removals that SE-12 and SE-14 were to be compared with before any was measured."""
MOVED = MATCHED[2:]
"""Moves as far: where less of a thing is there than the edge takes, they go past its removal."""


@dataclass(frozen=True)
class Removal:
    """What a network loses with its edge, beside what it loses with as much of something else.

    Attributes:
        step: at which it was measured.
        removed: ‖θ′ − θ‖ / ‖θ‖ of the edge.
        edge: change of the accuracy without the edge.
        matched: of `MATCHED` ↦ change with as much taken elsewhere.
        random: change without random directions, as published: next to nothing is taken.
    """

    step: int
    removed: float
    edge: float
    matched: dict[str, float]
    random: float

    @property
    def dearest(self) -> float:
        """Change by the one of `REGISTERED` that costs more."""
        return min(self.matched[name] for name in REGISTERED)

    @property
    def moved(self) -> str:
        """The one of `MOVED` that costs most."""
        return min(MOVED, key=self.matched.__getitem__)

    @property
    def stands_out(self) -> bool:
        """Does the edge cost more than both of `REGISTERED`?"""
        return self.edge < self.dearest


def removal(passage: Passage, step: float) -> Removal | None:
    """At the measured step nearest to one; None where nothing was measured.

    Args:
        passage: one run.
        step: in updates.
    """
    if not len(passage.ablated) or step > passage.last_step:
        return None
    i = place(passage.ablated, step)
    value = {name: float(each[0, i]) for name, each in passage.changes.items()}
    matched = {name: value[name] for name in MATCHED}
    if not np.isfinite([*matched.values()]).all():
        return None
    where, removed = int(passage.ablated[i]), float(passage.removed[i])
    return Removal(where, removed, value[EDGE], matched, value["random"])


def removals(passages: Sequence[Passage], multiple: float) -> list[Removal]:
    """Of every run that groks, at a multiple of its own grok step."""
    found = [removal(one, multiple * one.unit) for one in grokking(passages)]
    return [each for each in found if each is not None]


# --- is it re-encoded?


@dataclass(frozen=True)
class Reading:
    """R² of one kind of probe at the grok step and long after it.

    Attributes:
        kind: of `PROBES`.
        reading: of `READINGS`.
        at: R² at the grok step.
        late: R² at the last of `MULTIPLES` that the run reaches, or at its end.
    """

    kind: str
    reading: str
    at: float
    late: float


def readings(passage: Passage) -> list[Reading]:
    """Of one run that groks; those that were not measured at both steps are left out."""
    if not len(passage.probed) or passage.unit is None:
        return []
    found = []
    late = min(LATE * passage.unit, passage.last_step)
    for kind in PROBES:
        for form, reading in enumerate(READINGS):
            values = passage.probes[kind][form]
            there = passage.probed[np.isfinite(values)]
            if len(there) < 2:
                continue
            at, end = (nearest(there, step) for step in (AT * passage.unit, late))
            if at == end:
                continue
            ends = (float(values[passage.probed == step][0]) for step in (at, end))
            found.append(Reading(kind, reading, *ends))
    return found


def medians(passages: Sequence[Passage]) -> dict[tuple[str, str], tuple[float, float, int]]:
    """(kind, reading) ↦ median R² at the grok step, long after, and over how many runs.

    R² has no lower bound, and one unseen prefix far from all that were fitted on can take a linear
    probe to −1,000: a mean over runs would be that run's.
    """
    every: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for passage in grokking(passages):
        for each in readings(passage):
            every.setdefault((each.kind, each.reading), []).append((each.at, each.late))
    return {key: (*np.median(pairs, axis=0).tolist(), len(pairs)) for key, pairs in every.items()}


# --- does the gap close?


@dataclass(frozen=True)
class GapDecline:
    """How far g23 has fallen from its early maximum at a step: early over late.

    Attributes:
        published: in windows of three updates, of which the published numbers are.
        five: in those of everything else on the page.
        share: of all movement, in windows of three.
    """

    published: float
    five: float
    share: float


def gap(run: Run, step: int) -> GapDecline | None:
    """Of one run, by full windows.

    Args:
        run: with ``edge`` measured.
        step: the grok step, or that of the run's twin.

    Returns:
        The declines; None without windows before the step.
    """
    try:
        return GapDecline(
            fall(run, step, OF_TABLE).decline,
            fall(run, step, OF_PAPER).decline,
            fall(run, step, OF_TABLE, SHARE).decline,
        )
    except Missing:
        return None
