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
        cut: seeds of which a budget cut one of the two off: their ratio is not known.
    """

    learning_rate: float
    weight_decay: float
    own: tuple[float, float]
    steps: Mapping[int, tuple[float, float]]
    cut: tuple[int, ...] = ()

    @property
    def ratio(self) -> Interval:
        """Grok step here over that of the page's own run: geometric mean over seeds, 95 %."""
        found = mean_interval([math.log(here / own) for here, own in self.steps.values()])
        mean, low, high = (math.exp(x) for x in (found.mean, found.low, found.high))
        return replace(found, mean=mean, low=low, high=high)

    @property
    def judged(self) -> bool:
        """Are there several seeds, and did all of them grok?"""
        return len(self.steps) > 1 and not self.cut

    @property
    def factor(self) -> float:
        """η over the page's own."""
        return self.learning_rate / self.own[0]


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

    A point of which a budget cut a seed off tells nothing: what is left are the quick ones.
    """
    found = [(point, point.ratio) for point in points(paces) if point.judged]
    return [point for point, ratio in found if not ratio.low <= 1 <= ratio.high]


def sentence(paces: Sequence[Pace]) -> str:
    """How grok steps compare at equal ηλ; empty without a pair."""
    there = points(paces)
    if not there:
        return ""
    told = []
    for point in there:
        if not point.steps:
            told.append(f"an unknown number, cut off, at η × {point.factor:g}")
            continue
        ratio, n = point.ratio, len(point.steps)
        off = f", {len(point.cut)} more cut off" if point.cut else ""
        shown = interval(ratio.mean, ratio.low, ratio.high) if n > 1 else show(ratio.mean)
        told.append(f"{shown} times as many at η × {point.factor:g} (n = {n}{off})")
    verdict, off = "", len(missed(paces))
    if off:
        judged = sum(point.judged for point in there)
        some = "" if off == judged else f" in {off} of {judged} points with several seeds"
        verdict = f": the steps do not depend on ηλ alone{some}"
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
