"""Leads over runs, with the runs that have none, and beside those of a placebo.

A run is the unit.  A mean lead knows only of runs that have both an onset and a grok step; which
they are, and how many are not, is part of the answer (2602.16746 S5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grokbook.events.leads import Lead
from grokbook.statistics.counts import Proportion, chance_of_at_least, proportion
from grokbook.statistics.intervals import Interval, mean_interval
from grokbook.statistics.permutation import PermutationTest, sign_flip
from grokbook.statistics.units import distinct


@dataclass(frozen=True)
class LeadSummary:
    """Leads over runs, and the runs that have none.

    Attributes:
        runs: in all.
        grokked: those that grok.
        without: names of those that grok without an event; a mean lead does not know of them.
        positive, tied, negative: runs with a lead above, at and below 0.
        mean: lead in steps over the grokking runs with an event; None without one.
        mean_positive: over those with a positive lead alone, as published; None without one.
        share: mean of lead / grok, as published (a mean of ratios); None without one.
        share_of_means: mean lead / mean grok step, over the same runs; None without one.
        positive_share: of grokking runs, those with a positive lead.
        p: chance of at least so many positive leads of ``grokked`` runs if either sign were as
            likely; a run without an event counts as not positive.
    """

    runs: int
    grokked: int
    without: tuple[str, ...]
    positive: int
    tied: int
    negative: int
    mean: Interval | None
    mean_positive: Interval | None
    share: Interval | None
    share_of_means: float | None
    positive_share: Proportion
    p: float


def summarise(leads: Sequence[Lead], *, level: float = 0.95) -> LeadSummary:
    """Summarise leads, one a run.

    Leads over several tasks of one run are not independent: summarise each task by itself.

    Raises:
        ValueError: if a run is there twice, or none groks.
    """
    distinct(each.run for each in leads)
    grokked = [each for each in leads if each.grok is not None]
    if not grokked:
        raise ValueError(f"none of {len(leads)} runs groks, so there is no lead")
    led = [each for each in grokked if each.lead is not None]
    steps = [each.lead for each in led]
    positive = [x for x in steps if x > 0]
    return LeadSummary(
        runs=len(leads),
        grokked=len(grokked),
        without=tuple(each.run for each in grokked if each.lead is None),
        positive=len(positive),
        tied=steps.count(0),
        negative=sum(x < 0 for x in steps),
        mean=mean_interval(steps, level) if led else None,
        mean_positive=mean_interval(positive, level) if positive else None,
        share=mean_interval([each.share for each in led], level) if led else None,
        share_of_means=sum(steps) / sum(each.grok for each in led) if led else None,
        positive_share=proportion(len(positive), len(grokked), level=level),
        p=chance_of_at_least(len(positive), len(grokked), 0.5),
    )


@dataclass(frozen=True)
class Against:
    """A detector's leads beside a placebo's, run by run.

    Attributes:
        extra: mean of lead − the placebo's lead, in steps, over runs in which both have one;
            negative if the placebo is earlier.
        test: two-sided sign-flip test that ``extra`` is 0.
        only_detector, only_placebo, neither: names of grokking runs without a pair.
    """

    extra: Interval
    test: PermutationTest
    only_detector: tuple[str, ...]
    only_placebo: tuple[str, ...]
    neither: tuple[str, ...]


def against(
    leads: Sequence[Lead], placebo: Sequence[Lead], *, level: float = 0.95, seed: int = 0
) -> Against:
    """Does a detector lead by more than a placebo in the same runs?

    Raises:
        ValueError: if a run is there twice, the runs or their grok steps differ, or no grokking
            run has both events.
    """
    ours, theirs = ({each.run: each for each in group} for group in (leads, placebo))
    for group in (leads, placebo):
        distinct(each.run for each in group)
    if {r: x.grok for r, x in ours.items()} != {r: x.grok for r, x in theirs.items()}:
        raise ValueError("a detector and its placebo need the same runs and grok steps")
    grokked = [run for run in ours if ours[run].grok is not None]
    both = {
        run: ours[run].lead - theirs[run].lead
        for run in grokked
        if ours[run].lead is not None and theirs[run].lead is not None
    }
    if not both:
        raise ValueError("no grokking run has both events")

    def names(first: bool, second: bool) -> tuple[str, ...]:
        return tuple(
            run
            for run in grokked
            if (ours[run].lead is not None, theirs[run].lead is not None) == (first, second)
        )

    return Against(
        mean_interval(both, level),
        sign_flip(both, seed=seed),
        names(True, False),
        names(False, True),
        names(False, False),
    )
