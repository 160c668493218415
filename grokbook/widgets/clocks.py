"""The clock: what follows for the grok step if weight decay does nothing but set τ = ηλt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.statistics import prediction_interval
from grokbook.statistics.permutation import PermutationTest, shuffle
from grokbook.widgets.paces import Pace


@dataclass(frozen=True)
class Clock:
    """Where a clock puts the grok steps of all runs of a setting, set by those at one weight decay.

    The clock is set by the runs at the weight decay that has most of them, and by no other, so
    that the others can test it.  Their logarithms give the middle and the interval of one further
    run of the same kind.

    Attributes:
        setting: of the runs.
        weight_decay: λ of the runs that set it.
        n: how many they are.
        tau: geometric mean of τ at grok.
        low, high: 95 % of further runs, if only τ counts; 0 and infinite for a single run.
    """

    setting: str
    weight_decay: float
    n: int
    tau: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Has it a band?"""
        return math.isfinite(self.high)

    def verdict(self, pace: Pace) -> str:
        """``"in"``, ``"early"`` or ``"late"``; empty for a run cut off before it could tell."""
        if pace.grok is None:
            return "late" if pace.tau(pace.last_step) > self.high else ""
        at = pace.tau(pace.grok)
        return "early" if at < self.low else "late" if at > self.high else "in"


def by_decay(paces: Sequence[Pace], setting: str) -> dict[float, list[Pace]]:
    """λ ↦ the runs of a setting that grok at the page's learning rate, strongest decay first."""
    found: dict[float, list[Pace]] = {}
    for pace in paces:
        if pace.setting == setting and pace.grok is not None and not pace.exchanged:
            found.setdefault(pace.weight_decay, []).append(pace)
    return {decay: found[decay] for decay in sorted(found, reverse=True) if decay > 0}


def clock(paces: Sequence[Pace], setting: str, at: float | None = None) -> Clock | None:
    """The clock of a setting; None if no run with weight decay groks.

    Args:
        paces: runs.
        setting: whose.
        at: the weight decay that sets it; by default that with most runs, of several the strongest.
    """
    runs = by_decay(paces, setting)
    if not runs:
        return None
    decay = max(runs, key=lambda decay: (len(runs[decay]), decay)) if at is None else at
    logs = [math.log(pace.tau(pace.grok)) for pace in runs[decay]]
    found = prediction_interval(logs)
    return Clock(
        setting, decay, found.n, math.exp(found.mean), math.exp(found.low), _exp(found.high)
    )


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def others_than(paces: Sequence[Pace], set_by: Clock) -> list[Pace]:
    """The runs of the setting that did not set the clock and have one, at whatever η."""
    return [
        pace
        for pace in paces
        if pace.setting == set_by.setting
        and pace.weight_decay > 0
        and (pace.exchanged or pace.weight_decay != set_by.weight_decay)
    ]


def kept(paces: Sequence[Pace], found: Clock) -> list[str]:
    """Verdicts on the runs that did not set a clock, in the order of `others_than`."""
    return [v for pace in others_than(paces, found) if (v := found.verdict(pace))]


def turned(paces: Sequence[Pace], found: Clock) -> list[tuple[float, list[str]]]:
    """The same with the clock set at every other weight decay that has two runs or more.

    Where runs of one weight decay lie close together and those of another do not, it matters which
    of them sets the clock; a claim that holds one way only does not hold.
    """
    again = []
    for decay, runs in by_decay(paces, found.setting).items():
        if decay != found.weight_decay and len(runs) > 1:
            verdicts = kept(paces, clock(paces, found.setting, decay))
            again.append((decay, verdicts))
    return again


def dealt(paces: Sequence[Pace], setting: str) -> PermutationTest | None:
    """Do weight decays lie further apart in ln τ at grok than if τ were dealt to them at random?

    On a clock τ says nothing of the decay, so it may be dealt anew among the decays of each seed.
    Σ_λ n_λ (mean_λ ln τ − mean ln τ)² is compared with the same of such dealings; bands of single
    clocks are not, since of many runs some fall outside by chance.

    Args:
        paces: runs.
        setting: whose; seeds that grok at one weight decay alone tell nothing and are left out.

    Returns:
        None where fewer than two weight decays share a seed.
    """
    runs = [pace for group in by_decay(paces, setting).values() for pace in group]
    at = {pace.seed: {p.weight_decay for p in runs if p.seed == pace.seed} for pace in runs}
    runs = [pace for pace in runs if len(at[pace.seed]) > 1]
    if not runs:
        return None

    def spread(decays: np.ndarray, logs: np.ndarray) -> float:
        means = [(np.sum(decays == d), logs[decays == d].mean()) for d in np.unique(decays)]
        return float(sum(n * (mean - logs.mean()) ** 2 for n, mean in means))

    return shuffle(
        [pace.weight_decay for pace in runs],
        [math.log(pace.tau(pace.grok)) for pace in runs],
        spread,
        groups=[str(pace.seed) for pace in runs],
        alternative="greater",
        draws=1_999,
    )
