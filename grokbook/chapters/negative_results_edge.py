"""Negative results of the spectral edge: what its published life owes to how it was read.

What is counted and said, chapter 6 counts and says; here is what the page's prose relies on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from grokbook.chapters.spectral_edge_lifecycle import STRINGS, others, wanted
from grokbook.chapters.spectral_edge_lifecycle_counts import gap, removals, timed
from grokbook.chapters.spectral_edge_lifecycle_flow import flows
from grokbook.chapters.spectral_edge_lifecycle_windows import brackets, follows
from grokbook.claims.readings.edge_probes import BY_STRING, LATE, TUNED, r2
from grokbook.geometry.gap_class import NONE
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets.from_edges import passages
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import AT, grokking, surviving

LARGE = 0.3
"""A part of the weights' norm that is no small cut."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Runs on brackets and what the chapter's picture shows of them.

    Attributes:
        runs: of the published study, as far as they are recorded or stored.
        passages: those of which ``edge`` is measured.
    """

    runs: list[Run]
    passages: list[Passage]


def edges() -> Edges:
    """What is there of the published study; nothing is made."""
    runs = others([], wanted(STRINGS), show=True).seeds
    return Edges(runs, passages(runs))


def guard(found: Edges) -> None:
    """Stop the build if something that the page's prose says of edges no longer holds.

    Raises:
        AssertionError: naming what changed.
    """
    chosen = [one for one in grokking(found.passages) if one.weight_decay == 1.0]
    assert chosen, "no run on brackets groks"
    for one in chosen:
        turned, left = surviving([one])
        assert turned, f"{one.label}: the edge does not turn to decay"
        assert not left, f"{one.label}: the turn is not the start's"
    grok = {one.run_id for one in chosen}
    turns = brackets([run for run in found.runs if run.config.id in grok])
    assert follows(turns), "the turn does not follow the length of the window"
    taken = removals(chosen, AT)
    assert taken, "no removal of the edge is measured"
    for each in taken:
        assert each.removed > LARGE, "the edge is a small part of the weights"
        assert each.dearest < -0.01, "a removal of its size costs nothing"
    every = [one for one in flows(found.runs, found.passages) if one.found.name != NONE]
    assert every, "no run has windows enough for the gap's equation"
    for each in every:
        assert abs(each.found.ratio) < 0.01, f"{each.run.name}: the driving is something"
        assert not each.found.supported, f"{each.run.name}: the equation beats a constant"
    classes = {each.found.name for each in every}
    assert len(classes) == 1, "runs fall into several classes"
    by_prefix, by_string = by_split(found)
    assert by_string and min(by_string) > 0.9, "split by string, products do not read the depth"
    assert min(by_prefix) < 0, "split by prefix, no run goes below zero"
    closing, never = _gaps(found)
    assert closing and never, "no run that never groks is there to compare"
    assert max(never) > min(closing), "the gap closes less in every run that never groks"


def by_split(found: Edges) -> tuple[list[float], list[float]]:
    """R² of the probe of products late in the runs that grok: split by prefix, and by string."""
    grok = {one.run_id for one in grokking(found.passages) if one.weight_decay == 1.0}
    pairs = []
    for run in found.runs:
        if run.config.id in grok:
            with suppress(Missing):
                pairs.append([r2(run, LATE, "quadratic", form) for form in (TUNED, BY_STRING)])
    return [by_prefix for by_prefix, _ in pairs], [by_string for _, by_string in pairs]


def _gaps(found: Edges) -> tuple[list[float], list[float]]:
    """Published declines of g23 at the grok step: of runs that grok, of twins that do not."""
    groups: tuple[list[float], list[float]] = ([], [])
    for run, one in timed(found.runs, found.passages):
        fallen = gap(run, one.unit)
        if fallen is not None:
            groups[one.grok is None].append(fallen.published)
    return groups
