"""Chapter 6, the spectral edge's lifecycle: removals, probes and gaps, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.geometry.edge_decline import decline
from grokbook.instruments.phases import nearest
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets.from_edges import WINDOW
from grokbook.widgets.passages import EDGE, MATCHED, PROBES, READINGS, Passage
from grokbook.widgets.turns import AT, LATE, grokking

# --- is the edge critical?


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
    def worst(self) -> str:
        """The removal of its size that costs most."""
        return min(self.matched, key=self.matched.__getitem__)

    @property
    def stands_out(self) -> bool:
        """Does the edge cost more than every removal of its size?"""
        return self.edge < self.matched[self.worst]


def removal(passage: Passage, step: float) -> Removal | None:
    """At the measured step nearest to one; None where nothing was measured.

    Args:
        passage: one run.
        step: in updates.
    """
    if not len(passage.ablated) or step > passage.last_step:
        return None
    i = int(np.flatnonzero(passage.ablated == nearest(passage.ablated, step))[0])
    value = {name: float(each[0, i]) for name, each in passage.changes.items()}
    matched = {name: value[name] for name in MATCHED if np.isfinite(value[name])}
    if not matched:
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


def means(passages: Sequence[Passage]) -> dict[tuple[str, str], tuple[float, float, int]]:
    """(kind, reading) ↦ mean R² at the grok step, long after, and over how many runs."""
    every: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for passage in grokking(passages):
        for each in readings(passage):
            every.setdefault((each.kind, each.reading), []).append((each.at, each.late))
    return {key: (*np.mean(pairs, axis=0).tolist(), len(pairs)) for key, pairs in every.items()}


# --- does the gap close?


def gap(run: Run, step: int | None) -> tuple[float, float] | None:
    """g23 by the published statistic, and as a share of what is moved: early over at a step.

    Args:
        run: with ``edge`` measured.
        step: the grok step, or that of the run's twin.

    Returns:
        Both ratios; None without windows before the step.
    """
    if step is None:
        return None
    about = {"part": WINDOW, "variant": "uncentred"}
    try:
        ratios = run.rows("edge", "ratio", **about)["value"].to_numpy(float)
        found = []
        for name in ("g23", "g23_share"):
            rows = run.rows("edge", name, **about)
            steps, values = rows["step"].to_numpy(), rows["value"].to_numpy(float)
            found.append(decline(steps, values, ratios, step).decline)
    except (Missing, ValueError):
        return None
    return found[0], found[1]


def turning(run: Run, direction: int = 1) -> float:
    """Mean angle in degrees by which v_k turns from one window to the next; 4 of 5 updates shared.

    Raises:
        Missing: if it was not measured.
    """
    rows = run.rows("edge", "rotation", part=WINDOW, variant="uncentred", at=direction)
    return float(rows["value"].mean())
