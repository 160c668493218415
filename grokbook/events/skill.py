"""How good a detector is: does it fire where a run groks, and not where none does?

A detector that fires in every run leads every grok step and predicts none (2602.16746 S4).  So
sensitivity comes with the false-positive rate on runs that do not grok.  A run is the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from grokbook.events.series import Detector
from grokbook.statistics.counts import Proportion, proportion
from grokbook.statistics.units import distinct


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Watched:
    """One run as a detector sees it.

    Attributes:
        run: its name.
        steps: (E,) of the readings.
        values: (E,) readings.
        grok: its grok step; None if it does not grok within its budget.
    """

    run: str
    steps: np.ndarray
    values: np.ndarray
    grok: int | None


@dataclass(frozen=True)
class Rates:
    """How often a detector fires, and where.

    Attributes:
        detector: its name.
        sensitivity: of the runs that grok, those in which it could say so before the grok step.
        false_positive_rate: of the runs that do not, those in which it fires.
        hits, false_alarms: names of these runs.
    """

    detector: str
    sensitivity: Proportion
    false_positive_rate: Proportion
    hits: tuple[str, ...]
    false_alarms: tuple[str, ...]


def rates(
    detector: Detector,
    runs: Sequence[Watched],
    *,
    horizon: int | None = None,
    level: float = 0.95,
) -> Rates:
    """Sensitivity and false-positive rate with Clopper–Pearson intervals.

    A run that groks is shown to the detector up to its grok step, one that does not up to
    ``horizon``: the longer a run is watched, the likelier a false alarm, so give the step at which
    comparable runs grok.

    Args:
        detector: to be judged.
        runs: those that grok and those that do not, each once.
        horizon: last step for runs that do not grok; by default all of each.
        level: of the intervals.

    Raises:
        ValueError: if a run is there twice, or there are none of one kind.
    """
    distinct(run.run for run in runs)
    grokking = [run for run in runs if run.grok is not None]
    others = [run for run in runs if run.grok is None]
    if not grokking or not others:
        raise ValueError(
            f"rates need runs that grok and runs that do not, not {len(grokking)} and {len(others)}"
        )
    hits, alarms = [], []
    for run in grokking:
        event = detector(run.steps, run.values, until=run.grok)
        if event.found and event.known < run.grok:
            hits.append(run.run)
    for run in others:
        if detector(run.steps, run.values, until=horizon).found:
            alarms.append(run.run)
    return Rates(
        detector.name,
        proportion(len(hits), len(grokking), level=level),
        proportion(len(alarms), len(others), level=level),
        tuple(hits),
        tuple(alarms),
    )


@dataclass(frozen=True)
class Roc:
    """Rates over a sweep of thresholds.

    Attributes:
        thresholds: from strict to lax.
        points: one a threshold.
        area: under the broken line through (0, 0), the points (false-positive rate, sensitivity)
            and (1, 1).  0.5 tells nothing; a finer sweep moves it towards the chance that a run
            that groks passes a higher threshold than one that does not, ties counting half.
    """

    thresholds: tuple[float, ...]
    points: tuple[Rates, ...]
    area: float


def roc(
    family: Callable[[float], Detector],
    thresholds: Sequence[float],
    runs: Sequence[Watched],
    *,
    horizon: int | None = None,
    level: float = 0.95,
) -> Roc:
    """The operating curve of a family of detectors, such as `grokbook.events.growth_onset`.

    Args:
        family: threshold ↦ detector.
        thresholds: in any order, each once.
        runs: as for `rates`.
        horizon: as for `rates`.
        level: of the intervals.

    Raises:
        ValueError: for no thresholds, or rates that do not grow as the threshold gets lax, in
            whichever direction: then there is no curve.
    """
    if not thresholds or len(set(thresholds)) < len(thresholds):
        raise ValueError(f"thresholds must be some, each once, not {list(thresholds)!r}")
    found = {t: rates(family(t), runs, horizon=horizon, level=level) for t in thresholds}
    strict = sorted(
        found,
        key=lambda t: (found[t].false_positive_rate.share, found[t].sensitivity.share, -t),
    )
    points = tuple(found[t] for t in strict)
    x = np.array([0.0, *(p.false_positive_rate.share for p in points), 1.0])
    y = np.array([0.0, *(p.sensitivity.share for p in points), 1.0])
    if any(a > b for a, b in pairwise(y)):
        raise ValueError("sensitivity falls as the false-positive rate rises: these are no curve")
    return Roc(tuple(strict), points, float(np.trapezoid(y, x)))
