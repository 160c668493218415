"""Chapter explorable: does curvature announce understanding?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import traitlets as t

from grokbook.claims.numbers import steps_span
from grokbook.events import FACTORS
from grokbook.widgets.assets import css, module
from grokbook.widgets.courses import PROTOCOLS, Course
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.lanes import frame_axis

FACTOR = 10.0
"""Where a single threshold must stand for the sweep."""


def lead_sentence(courses: Sequence[Course], factor: float, control: bool = False) -> str:
    """One sentence that answers the title from the data.

    Counts the runs in which the defect has grown by ``factor`` before the first task groks, and
    beside it those that never grok and raise the same flag, watched no longer than until the last
    of the others groks.

    Args:
        courses: runs.
        factor: of `FACTORS`.
        control: look at the true defect in place of the published one.
    """
    protocol = PROTOCOLS[control]
    what = "true" if control else "published"
    grokked = [course for course in courses if course.grok is not None]
    others = [course for course in courses if course.grok is None]
    at = FACTORS.index(factor)
    leads = [lead for course in grokked if (lead := course.lead(protocol, factor)) is not None]
    early = [lead for lead in leads if lead > 0]
    until = max((course.grok for course in grokked), default=math.inf)
    flags = [course.onsets[protocol][at] for course in others]
    raised = sum(flag is not None and flag <= until for flag in flags)
    if not grokked:
        return (
            f"No run here groks, so there is nothing to announce; the {what} defect grows "
            f"{factor:g}-fold in {raised} of {len(others)}."
        )
    grown = f"the {what} defect has grown {factor:g}-fold"
    before = "before the first task groks"
    if not early and len(grokked) == 1:
        first = f"No: in the run that groks {grown} at no step {before}"
    elif not early:
        first = f"No: in none of the {len(grokked)} runs that grok {grown} {before}"
    elif len(grokked) == 1:
        first = f"In the run that groks {grown} {early[0]:,} steps {before}"
    elif len(early) < len(leads):  # a median of the early ones alone would flatter it
        spans = [steps_span(early), steps_span([-lead for lead in leads if lead <= 0])]
        first = (
            f"In {len(early)} of {len(grokked)} runs that grok {grown} {spans[0]} steps {before}, "
            f"and {spans[1]} steps after it in {len(leads) - len(early)}"
        )
    else:
        count = f"{len(early)} of {len(grokked)}"
        if len(early) == len(grokked):
            count = "both" if len(early) == 2 else f"all {len(early)}"
        first = f"In {count} runs that grok {grown} {np.median(early):,.0f} steps (median) {before}"
    if len(others) == 1:
        second = "; so it has" if raised else "; it has not"
        second += f" by step {until:,} in the one run that never groks"
    elif others:
        many = f"{raised or 'none'} of {len(others)} runs that never grok"
        second = f"; {'so ' * bool(raised)}it has by step {until:,} in {many}"
    else:
        second = "; no run that never groks is shown here, so nothing says what this is worth"
    return first + second + "."


class Integrability(Explorable):
    """One slider over time, one switch for the control, every run in a list.

    Args:
        courses: shown sorted by weight decay, number of tasks, seed.
        kwargs: traits.

    Attributes:
        control: show the true defect, rounding, and what random bases hold.
        factor: growth of the defect that raises the flag, of `grokbook.events.FACTORS`; this and
            the one below follow the reader.
        tau: count time as τ = ηλ·step.
        sentences: the answer to the title by factor, with ``+control`` for the control.

    Raises:
        ValueError: if there are no courses.
    """

    _esm = module("parts", "panels", "planes", "stage", "integrability")
    _css = css("parts", "integrability")

    title = t.Unicode("Does curvature announce understanding?").tag(sync=True)
    name = t.Unicode("defect").tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    courses = t.List(t.Dict()).tag(sync=True)
    factors = t.List(list(FACTORS)).tag(sync=True)
    factor = t.Enum(FACTORS, FACTOR).tag(sync=True)
    tau = t.Bool(False).tag(sync=True)

    def __init__(self, courses: Sequence[Course], **kwargs: object) -> None:
        if not courses:
            raise ValueError("Integrability needs at least one course")
        ordered = in_order(courses)
        frames = _frames(max(course.last_step for course in ordered))
        run = within(int(kwargs.pop("run", len(ordered) - 1)), len(ordered), "run")
        opening = int(np.searchsorted(frames, ordered[run].last_step * 0.6))
        kwargs.setdefault("frame", min(opening, len(frames) - 1))
        super().__init__(
            courses=[course.packed() for course in ordered],
            frames=frames,
            sentences={
                f"{factor:g}{'+control' if control else ''}": lead_sentence(
                    ordered, factor, control
                )
                for factor in FACTORS
                for control in (False, True)
            },
            run=run,
            heights=[920 + 50 * len(ordered), 1630 + 90 * len(ordered)],
            **kwargs,
        )

    def _rows(self) -> int:
        return len(self.courses)


def in_order(courses: Sequence[Course]) -> list[Course]:
    """As the list of runs shows them; the explorable opens on the last."""
    return sorted(courses, key=lambda c: (c.weight_decay, len(c.tasks), c.seed, c.label))


def _frames(last: int, count: int = 128) -> list[int]:
    """Steps that the slider stops at, multiples of 100 and denser at the start."""
    return [int(step) for step in frame_axis(last, count=count)]
