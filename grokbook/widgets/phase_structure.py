"""Chapter explorable: is weight decay a phase parameter, or a clock?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets as t

from grokbook.widgets.assets import css, module
from grokbook.widgets.clock_words import clock_sentence
from grokbook.widgets.clocks import clock
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.lanes import frame_axis
from grokbook.widgets.paces import Pace, samples_of

SHOWN = 12
"""Runs that the list shows before it scrolls."""


STOPS = 96
"""Of the slider over a run, at the least about half as many."""


class PhaseStructure(Explorable):
    """One slider over time, one switch that turns steps into τ, every run a point and a row.

    Args:
        paces: shown sorted by weight decay, number of tasks, learning rate, seed.
        published: setting ↦ λ ↦ published mean grok step of its tasks.
        notes: what to say where something is missing: ``exchange``, ``hessian``, ``leads``.
        kwargs: traits.

    Attributes:
        control: count time as τ = ηλt, everywhere.
        clocks: setting ↦ where a clock puts the grok steps, as τ, low, high, λ and n.
        sentences: the answer to the title, plain and under the control.

    Raises:
        ValueError: if there are no runs.
    """

    _esm = module("parts", "panels", "scatter", "strips", "stage", "phase")
    _css = css("parts", "integrability", "phase")

    title = t.Unicode("Is weight decay a phase parameter, or a clock?").tag(sync=True)
    name = t.Unicode("clock").tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    paces = t.List(t.Dict()).tag(sync=True)
    published = t.Dict().tag(sync=True)
    clocks = t.Dict().tag(sync=True)
    notes = t.Dict().tag(sync=True)

    def __init__(
        self,
        paces: Sequence[Pace],
        published: Mapping[str, Mapping[float, float]] | None = None,
        notes: Mapping[str, str] | None = None,
        **kwargs: object,
    ) -> None:
        if not paces:
            raise ValueError("PhaseStructure needs at least one run")
        ordered = sorted(
            paces,
            key=lambda p: (p.weight_decay, len(p.tasks), p.learning_rate, p.seed, p.label),
        )
        frames = _frames([pace.last_step for pace in ordered])
        run = within(int(kwargs.pop("run", _opening(ordered))), len(ordered), "run")
        # Where about half of the waiting is over, and the first runs have grokked.
        opening = int(np.searchsorted(frames, ordered[run].last_step * 0.8))
        kwargs.setdefault("frame", min(opening, len(frames) - 1))
        shown = min(len(ordered), SHOWN)
        super().__init__(
            paces=[pace.packed(samples_of(len(ordered))) for pace in ordered],
            published={
                name: [[decay, step] for decay, step in steps.items()]
                for name, steps in (published or {}).items()
            },
            clocks={
                found.setting: [found.tau, found.low, found.high, found.weight_decay, found.n]
                for name in dict.fromkeys(p.setting for p in ordered)
                if (found := clock(ordered, name)) is not None and found.known
            },
            notes=dict(notes or {}),
            frames=frames,
            sentences={
                "plain": clock_sentence(ordered),
                "control": clock_sentence(ordered, control=True),
            },
            run=run,
            heights=[1130 + 52 * shown, 1900 + 92 * shown],
            **kwargs,
        )

    def _rows(self) -> int:
        return len(self.paces)


def _frames(lasts: Sequence[int]) -> list[int]:
    """Steps that the slider stops at.

    Runs under weak decay are ten times as long as others, and one axis for all would leave few
    stops for the short ones: so there is one for the longest, for half of it, and so on.
    """
    found, longest = set[int](), max(lasts)
    while longest > min(lasts) / 2 and longest >= STOPS:
        found |= set(frame_axis(longest, count=STOPS).tolist())
        longest //= 2
    return sorted(found | set(frame_axis(max(lasts), count=STOPS).tolist()))


def _opening(ordered: Sequence[Pace]) -> int:
    """The run with most to see: of the strongest decay, measured, with two tasks."""
    return max(
        range(len(ordered)),
        key=lambda i: (
            not ordered[i].exchanged,
            bool(ordered[i].curvature),
            bool(ordered[i].onsets),
            ordered[i].weight_decay,
            -len(ordered[i].tasks),
            -i,
        ),
    )
