"""What the explorables have in common: a slider, a switch, and a list of runs."""

from __future__ import annotations

import anywidget
import traitlets as t


class Explorable(anywidget.AnyWidget):
    """The picture at the head of a chapter.

    Attributes:
        title: the question that it answers.
        name: of its state in a page's address.
        frames: (F,) the moments that the slider stops at, in steps; empty where it is no clock.
        frame: index of the one shown; this and the two below follow the reader and can be set.
        run: index of the run shown, in the order of the list.
        control: show the control.
        heights: pixels that a page keeps free until it is drawn: wide, narrow.
    """

    title = t.Unicode().tag(sync=True)
    name = t.Unicode().tag(sync=True)
    frames = t.List(t.Int()).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    run = t.Int(0).tag(sync=True)
    control = t.Bool(False).tag(sync=True)
    heights = t.List(t.Int()).tag(sync=True)

    def _rows(self) -> int:
        """How many runs the list has; without a list any index will do."""
        return 0

    @t.validate("run")
    def _run_exists(self, proposal: dict) -> int:
        return within(proposal["value"], self._rows(), "run")

    @t.validate("frame")
    def _frame_exists(self, proposal: dict) -> int:
        return within(proposal["value"], len(self.frames), "frame")


def within(value: int, count: int, name: str) -> int:
    """The index itself, if there is such a place; where there are none yet, anything goes.

    Raises:
        TraitError: naming what it is an index of.
    """
    if count and not 0 <= value < count:
        raise t.TraitError(f"{name} must be 0..{count - 1}, got {value}")
    return value
