"""How good a detector is: does it fire where a run groks, and not where none does?

A detector that fires in every run leads every grok step and predicts none (2602.16746 S4).  So
sensitivity comes with the false-positive rate on runs that do not grok.  A run is the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
