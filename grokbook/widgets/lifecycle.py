"""Chapter explorable: learning, then compressing: or only forgetting the start?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets as t

from grokbook.widgets.assets import css, module
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.lanes import frame_axis
from grokbook.widgets.passages import BARS, DIRECTIONS, POINTS, PROBES, Passage
from grokbook.widgets.turns import turn_sentence

STOPS = 128
"""Of the slider."""
SHOWN = 12
"""Runs that the page keeps room for."""


class EdgeLifecycle(Explorable):
    """One slider over time, one switch for the control, every run in a list.

    Args:
        passages: shown sorted, see `in_order`.
        notes: what to say where something is missing: ``random``, ``measured``.
        kwargs: traits.

    Attributes:
        control: take the path of pure decay away, and show controls of the same size.
        direction: k of v_k; this and the two below follow the reader.
        multiples: count time in grok steps.
        random: show the run on random labels in place of the real one.
        twins: of every run the index of that on random labels with its seed and decay, or −1.
        sentences: the answer to the title, plain and under the control.

    Raises:
        ValueError: if there are no passages.
    """

    _esm = module("parts", "panels", "stage", "passages", "edges", "lifecycle")
    _css = css("parts", "integrability", "lifecycle")

    title = t.Unicode("Learning, then compressing: or only forgetting the start?").tag(sync=True)
    name = t.Unicode("edge").tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    passages = t.List(t.Dict()).tag(sync=True)
    twins = t.List(t.Int()).tag(sync=True)
    notes = t.Dict().tag(sync=True)
    packing = t.Dict().tag(sync=True)
    direction = t.Int(1, min=1, max=DIRECTIONS).tag(sync=True)
    multiples = t.Bool(False).tag(sync=True)
    random = t.Bool(False).tag(sync=True)

    def __init__(
        self,
        passages: Sequence[Passage],
        notes: Mapping[str, str] | None = None,
        **kwargs: object,
    ) -> None:
        if not passages:
            raise ValueError("EdgeLifecycle needs at least one passage")
        ordered = in_order(passages)
        last = max(passage.last_step for passage in ordered)
        frames = [int(step) for step in frame_axis(last, count=STOPS)]
        run = within(int(kwargs.pop("run", opening(ordered))), len(ordered), "run")
        shown = ordered[run]
        at = _telling(shown)
        kwargs.setdefault("frame", min(int(np.searchsorted(frames, at)), len(frames) - 1))
        super().__init__(
            passages=[passage.packed() for passage in ordered],
            twins=[_twin(passage, ordered) for passage in ordered],
            notes={"random": "", "measured": "This was not measured on this run."} | (notes or {}),
            packing={"bars": list(BARS), "kinds": list(PROBES), "most": POINTS},
            frames=frames,
            sentences={
                "plain": turn_sentence(ordered),
                "control": turn_sentence(ordered, control=True),
            },
            run=run,
            heights=[1074 + 46 * min(len(ordered), SHOWN), 2110 + 90 * min(len(ordered), SHOWN)],
            **kwargs,
        )

    def _rows(self) -> int:
        return len(self.passages)


def in_order(passages: Sequence[Passage]) -> list[Passage]:
    """As the list of runs shows them: published ones first, the strongest decay first."""
    return sorted(
        passages, key=lambda p: (not p.plain, -p.weight_decay, p.setting, p.seed, p.label)
    )


def opening(ordered: Sequence[Passage]) -> int:
    """The run with most to see: of the published ones that grok, the most measured."""
    return max(
        range(len(ordered)),
        key=lambda i: (
            ordered[i].plain,
            ordered[i].grok is not None,
            ordered[i].decayed,
            sum(
                len(steps) > 0
                for steps in (ordered[i].ablated, ordered[i].swept, ordered[i].probed)
            ),
            -i,
        ),
    )


def _telling(passage: Passage) -> float:
    """A step after grokking, or late: where all views read the same step, if there is one."""
    late = 0.6 * passage.last_step if passage.unit is None else 1.5 * passage.unit
    read = [set(map(int, steps)) for steps in (passage.ablated, passage.swept) if len(steps)]
    return min(set.intersection(*read), key=lambda s: abs(s - late), default=late) if read else late


def _twin(passage: Passage, others: Sequence[Passage]) -> int:
    """Where the run on random labels is that has the seed and decay of another; −1 if nowhere."""
    if passage.labels == "random":
        return -1
    for place, other in enumerate(others):
        same = (other.seed, other.weight_decay) == (passage.seed, passage.weight_decay)
        if other.labels == "random" and same and other.learning_rate == passage.learning_rate:
            return place
    return -1
