"""Front page picture: what does it look like when a network understands?"""

from __future__ import annotations

import anywidget
import numpy as np
import traitlets as t

from grokbook.events import crossing
from grokbook.widgets.assets import css, module
from grokbook.widgets.lanes import Lane
from grokbook.widgets.packing import pack_lanes

MEMORISED = 0.99
"""A network has memorised when every task is this accurate on the pairs it was shown."""

UNDERSTOOD = 0.98
"""It has understood when every task is this accurate on the pairs it was not shown."""

STIRS = 0.1
"""The wait is over when one task has this share of the unseen pairs right, ten times chance."""

HALF = 0.5
"""From slowly to fast: one task has half of the unseen pairs right."""


def captions(lane: Lane) -> list[dict]:
    """The three captions with the step from which each is lit; steps come from the data.

    Each is ``{"step": int | None, "head": str, "text": str}``; None: it never happens in this run.
    """
    end = lane.last_step
    memorised = crossing(lane.steps, lane.train_accuracy.min(axis=0), MEMORISED)
    understood = crossing(lane.steps, lane.test_accuracy.min(axis=0), UNDERSTOOD)
    stirs, half = (crossing(lane.steps, lane.test_accuracy.max(axis=0), s) for s in (STIRS, HALF))
    wait_from = None
    if memorised is None:
        memorise = f"In {end:,} steps it never gets all the faint pairs right."
        wait = "It goes on practising."
    else:
        memorise = f"After {memorised:,} steps it knows the faint pairs, the ones it was shown."
        until = max(memorised, end if stirs is None else stirs)
        wait = (
            f"For {until - memorised:,} more steps it has less than {100 * STIRS:.0f} % of the "
            "others right."
            if until > memorised
            else f"Not in this run: by then it has {100 * STIRS:.0f} % of the others right."
        )
        wait_from = memorised + (until - memorised) // 10
    flood = None if understood is None else stirs
    if understood is None:
        understand = f"Not in this run: {end:,} steps were not enough."
    else:
        understand = (
            f"Slowly, then fast: half of one task by step {half:,}, nearly all by step "
            f"{understood:,}."
        )
    return [
        {"step": memorised, "head": "It memorises.", "text": memorise},
        {"step": wait_from, "head": "It waits.", "text": wait},
        {"step": flood, "head": "It understands.", "text": understand},
    ]


class FrontPicture(anywidget.AnyWidget):
    """Answer tables of one real run that plays by itself once, then rests.

    Args:
        lane: the run.
        frames: (F,) steps of its tables, see `frame_axis`.
        kwargs: traits.

    Attributes:
        title: empty, it leaves the heading to the page.
        frame: index of the moment shown; follows the reader and can be set.
        heights: pixels that a page keeps free until it is drawn: wide, narrow.
    """

    _esm = module("front")
    _css = css("front")

    title = t.Unicode("What does it look like when a network understands?").tag(sync=True)
    lanes = t.List(t.Dict()).tag(sync=True)
    frames = t.List(t.Int()).tag(sync=True)
    captions = t.List(t.Dict()).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    heights = t.List(t.Int(), [760, 640]).tag(sync=True)

    def __init__(self, lane: Lane, frames: np.ndarray, **kwargs: object) -> None:
        frames = np.asarray(frames)
        super().__init__(
            lanes=pack_lanes([lane], frames),
            frames=[int(step) for step in frames],
            captions=captions(lane),
            **kwargs,
        )
