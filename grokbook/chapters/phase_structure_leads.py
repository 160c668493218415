"""Chapter 3, phase structure: detectors of the defect's onset, and how far they lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grokbook.chapters.wording import PLACEBO
from grokbook.events.track_record import TrackRecord
from grokbook.statistics import Interval, mean_interval
from grokbook.widgets import Pace
from grokbook.widgets.paces import DETECTORS, FACTOR

TITLES = {"dual": "dual detector", "tri": "tri detector", "ours": f"{FACTOR:g} × the start"}
"""Detectors of the defect, as tables call them; what their names begin with."""


def detectors(paces: Sequence[Pace]) -> list[TrackRecord]:
    """Three detectors on either defect, and placebos, on every run of which the defect is known."""
    known = [pace for pace in paces if pace.onsets]
    groks, found = {pace.title: pace.first_grok for pace in known}, []
    for at, defect in enumerate(("published", "true")):
        for name in DETECTORS:
            kind = "ours" if name == "ours" else "published"
            steps = [pace.onsets[name][at] for pace in known]
            found.append(TrackRecord.of(f"{TITLES[name]}, {defect}", kind, defect, groks, steps))
    for name, title in PLACEBO.items():
        steps = [pace.placebos.get(name) for pace in known]
        found.append(TrackRecord.of(title, "placebo", "", groks, steps))
    return found if known else []


@dataclass(frozen=True)
class Borrowed:
    """How well the onset of the next seed at the same λ does in place of a run's own.

    Attributes:
        ahead: runs that it leads.
        of: runs that grok and have such a neighbour.
    """

    ahead: int
    of: int


def borrowed(paces: Sequence[Pace], name: str, *, true: bool = False) -> Borrowed:
    """A detector whose onset serves another run as well knows the weight decay, not the run."""
    groups: dict[tuple, list[Pace]] = {}
    for pace in paces:
        if pace.onsets and pace.first_grok is not None:
            key = (pace.setting, pace.weight_decay, pace.learning_rate)
            groups.setdefault(key, []).append(pace)
    ahead = of = 0
    for group in (group for group in groups.values() if len(group) > 1):
        for own, neighbour in zip(group, [*group[1:], group[0]], strict=True):
            step = neighbour.onsets[name][true]
            of += 1
            ahead += step is not None and step < own.first_grok
    return Borrowed(ahead, of)


def lead_shares(paces: Sequence[Pace]) -> dict[tuple[str, float], dict[str, Interval]]:
    """Setting and λ ↦ detector ↦ lead / first grok step on the published defect, in %.

    Means over the runs that grok and have an onset, as published.
    """
    values: dict[tuple[str, float], dict[str, list[float]]] = {}
    for pace in paces:
        grok = pace.first_grok
        if grok is None or not pace.onsets or pace.exchanged:
            continue
        cell = values.setdefault((pace.setting, pace.weight_decay), {})
        for name, (step, _) in pace.onsets.items():
            if step is not None:
                cell.setdefault(name, []).append(100 * (grok - step) / grok)
    return {
        key: {name: mean_interval(found) for name, found in values[key].items()}
        for key in sorted(values, key=lambda key: (key[0], -key[1]))
    }
