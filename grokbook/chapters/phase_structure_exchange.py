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

LEVEL = 0.95
"""Of intervals over seeds."""
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
        cut: seeds of which a budget cut one of the two off: their ratio is not known.
    """

    learning_rate: float
    weight_decay: float
    own: tuple[float, float]
    steps: Mapping[int, tuple[float, float]]
    cut: tuple[int, ...] = ()

    def ratio(self, level: float = LEVEL) -> Interval:
        """Grok step here over that of the page's own run: geometric mean and interval over seeds.

        Args:
            level: of the interval.
        """
        logs = [math.log(here / own) for here, own in self.steps.values()]
        found = mean_interval(logs, level=level)
        mean, low, high = (math.exp(x) for x in (found.mean, found.low, found.high))
        return replace(found, mean=mean, low=low, high=high)

    @property
    def judged(self) -> bool:
        """Are there several seeds, and did all of them grok?"""
        return len(self.steps) > 1 and not self.cut

    @property
    def name(self) -> str:
        """By what η and λ of the page's own are multiplied."""
        rate, decay = self.learning_rate / self.own[0], self.weight_decay / self.own[1]
        whose = "" if self.own[1] == 1 else f" of λ = {self.own[1]:g}"
        return f"η × {rate:g} and λ × {decay:g}{whose}"


def points(paces: Sequence[Pace]) -> list[Point]:
    """Every η and λ with a partner at equal ηλ, by η and λ."""
    runs = [pace for pace in paces if pace.setting == SETTING]
    found: dict[tuple[float, ...], dict[int, tuple[float | None, float | None]]] = {}
    for here in (pace for pace in runs if pace.exchanged):
        for own in (pace for pace in runs if not pace.exchanged and pace.seed == here.seed):
            clocks = [pace.learning_rate * pace.weight_decay for pace in (here, own)]
            if own.weight_decay and math.isclose(*clocks):
                at = (here.learning_rate, here.weight_decay, own.learning_rate, own.weight_decay)
                found.setdefault(at, {})[here.seed] = (here.grok, own.grok)
    return [_point(at, found[at]) for at in sorted(found)]


def _point(at: tuple[float, ...], pairs: Mapping[int, tuple[float | None, float | None]]) -> Point:
    known = {seed: pair for seed, pair in pairs.items() if None not in pair}
    return Point(at[0], at[1], at[2:], known, tuple(seed for seed in pairs if seed not in known))


def missed(paces: Sequence[Pace]) -> list[Point]:
    """The points whose interval over several seeds holds no 1, as a clock would have it.

    The level is corrected for their number (Bonferroni): one of them is enough to say that there is
    no clock.  A point of which a budget cut a seed off tells nothing: what is left are the quick
    ones.
    """
    judged = [point for point in points(paces) if point.judged]
    ratios = [point.ratio(1 - (1 - LEVEL) / len(judged)) for point in judged]
    pairs = zip(judged, ratios, strict=True)
    return [point for point, ratio in pairs if not ratio.low <= 1 <= ratio.high]


def sentence(paces: Sequence[Pace]) -> str:
    """How grok steps compare at equal ηλ; empty without a pair."""
    there = points(paces)
    if not there:
        return ""
    told = []
    for point in there:
        if not point.steps:
            told.append(f"an unknown number, cut off, at {point.name}")
            continue
        ratio, n = point.ratio(), len(point.steps)
        more = f", {len(point.cut)} more cut off" if point.cut else ""
        shown = interval(ratio.mean, ratio.low, ratio.high) if n > 1 else show(ratio.mean)
        told.append(f"{shown} times as many at {point.name} (n = {n}{more})")
    verdict, off, judged = "", len(missed(paces)), sum(point.judged for point in there)
    corrected = f", corrected for {judged} such points" if judged > 1 else ""
    if off:
        some = "" if off == judged else f" in {off} of {judged} points with several seeds"
        verdict = f": the steps do not depend on ηλ alone{some}{corrected}"
    elif judged:
        verdict = f"; with so few seeds{corrected}, these pairs alone do not rule a clock out"
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
