"""Leads: by how many steps an event comes before a task groks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grokbook.events.series import Event


@dataclass(frozen=True)
class Lead:
    """One run's lead; every run has one, also where there is nothing to measure.

    Attributes:
        run: its name; the unit of every statistic.
        grok: grok step; None if it does not grok.
        onset: step of the event; None if there is none.
        lead: grok − onset, in steps; None if either is missing.  Negative if the event is later.
        share: lead / grok; None without a lead.
        usable: grok − the step at which the detector could have known; at most ``lead``.
        spacing: steps from the reading before to the one dated, as far apart as readings are
            there; NaN without an event or a reading before.  It is how finely the event is dated,
            not how far it may be from what it announces.
    """

    run: str
    grok: int | None
    onset: int | None
    lead: int | None
    share: float | None
    usable: int | None
    spacing: float


def lead(run: str, event: Event, grok: int | None) -> Lead:
    """The lead of an event over a grok step.

    Args:
        run: its name.
        event: found in the run.
        grok: step, under whichever rule is asked; published: the earliest task's at 98 % three
            times running for dual, each task's first 90 % for tri (2602.18523 section 4.5).

    Raises:
        ValueError: for a grok step that is not above 0.
    """
    if grok is not None and grok <= 0:
        raise ValueError(f"no task groks at step {grok}")
    spacing = math.nan if event.after is None else float(event.step - event.after)
    if grok is None or event.step is None:
        return Lead(run, grok, event.step, None, None, None, spacing)
    steps = grok - event.step
    return Lead(run, grok, event.step, steps, steps / grok, grok - event.known, spacing)
