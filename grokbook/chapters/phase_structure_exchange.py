"""Chapter 3, phase structure: the same clock at another learning rate.

If weight decay only sets the pace, τ = ηλt is all that counts, and a run with η halved and λ
doubled groks after as many steps as before: its decay per step is the same.  Steps are compared
within a seed, whose split, initial weights and batches both runs share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from grokbook.chapters.tables import keyed
from grokbook.claims.numbers import interval, listed, show
from grokbook.statistics import Interval, mean_interval
from grokbook.widgets import Pace

SETTING = "dual"
"""In which both are exchanged."""


@dataclass(frozen=True)
class Point:
    """Runs of another learning rate beside those of the page's own, at equal ηλ.

    Attributes:
        learning_rate: η of these runs.
        weight_decay: λ of these runs.
        own: η and λ of the page's own.
        steps: seed ↦ grok step here and of the page's own run, steps.
    """

    learning_rate: float
    weight_decay: float
    own: tuple[float, float]
    steps: Mapping[int, tuple[float, float]]

    @property
    def ratio(self) -> Interval:
        """Grok step here over that of the page's own run: geometric mean over seeds, 95 %."""
        found = mean_interval([math.log(here / own) for here, own in self.steps.values()])
        mean, low, high = (math.exp(x) for x in (found.mean, found.low, found.high))
        return replace(found, mean=mean, low=low, high=high)

    @property
    def factor(self) -> float:
        """η over the page's own."""
        return self.learning_rate / self.own[0]


def points(paces: Sequence[Pace]) -> list[Point]:
    """Every η and λ with a partner at equal ηλ, by η and λ; runs that were cut off are left out."""
    runs = [pace for pace in paces if pace.setting == SETTING and pace.grok is not None]
    found: dict[tuple[float, float, float, float], dict[int, tuple[float, float]]] = {}
    for here in (pace for pace in runs if pace.exchanged):
        for own in (pace for pace in runs if not pace.exchanged and pace.seed == here.seed):
            clocks = [pace.learning_rate * pace.weight_decay for pace in (here, own)]
            if own.weight_decay and math.isclose(*clocks):
                at = (here.learning_rate, here.weight_decay, own.learning_rate, own.weight_decay)
                found.setdefault(at, {})[here.seed] = (here.grok, own.grok)
    return [Point(at[0], at[1], at[2:], found[at]) for at in sorted(found)]


def sentence(paces: Sequence[Pace]) -> str:
    """How grok steps compare at equal ηλ; empty without a pair."""
    there = points(paces)
    if not there:
        return ""
    told, judged, missed = [], 0, 0
    for point in there:
        ratio, n = point.ratio, len(point.steps)
        many = n > 1
        judged += many
        missed += many and not ratio.low <= 1 <= ratio.high
        shown = interval(ratio.mean, ratio.low, ratio.high) if many else show(ratio.mean)
        told.append(f"{shown} times as many at η × {point.factor:g} (n = {n})")
    verdict = ""
    if missed:
        some = "" if missed == judged else f" in {missed} of {judged} points with several seeds"
        verdict = f": decay is more than the pace{some}"
    return (
        f"At equal ηλ, where a clock asks for equally many steps, {SETTING} groks after "
        f"{listed(told)}{verdict}."
    )


def table(paces: Sequence[Pace]) -> pd.DataFrame:
    """Every pair at equal ηλ, one row an η, λ and seed; steps of the mean over tasks (98 % × 3)."""
    rows = [
        {
            "η, λ and seed": f"{point.learning_rate:g}, {point.weight_decay:g}, seed {seed}",
            "groks at": f"{here:,.0f}",
            f"with η = {point.own[0]:g}": f"{own:,.0f}",
            "and λ": f"{point.own[1]:g}",
            "ratio": show(here / own),
        }
        for point in points(paces)
        for seed, (here, own) in point.steps.items()
    ]
    return keyed(rows, "η, λ and seed")
