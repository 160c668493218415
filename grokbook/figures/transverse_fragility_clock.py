"""Figure of the fifth chapter: the clock that the size of the weights would be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import plotly.graph_objects as go

from grokbook.chapters.transverse_fragility_clock import AGAIN, PLAIN, Mark
from grokbook.figures.layout import BELOW, MARGIN
from grokbook.palette import INK, NULL_BAND
from grokbook.studies.arms import OWN, Arm

_CONTROLS = (
    "square",
    "diamond",
    "star",
    "hourglass",
    "bowtie",
    "pentagon",
    "cross",
    "x",
    "hexagon",
)
"""One a control, all of one grey, and filled, since what is hollow was published."""


def norm_clock(marks: Sequence[Mark], arms: Sequence[Arm]) -> go.Figure:
    """When a run groks against when its norm has fallen to where the plain run groks.

    Only a deleted run can miss the diagonal, so without one there is none. A run whose norm never
    falls that low stands at the right edge.

    Args:
        marks: of `grokbook.chapters.transverse_fragility_clock.clock`.
        arms: for their titles.
    """
    figure = go.Figure()
    most = max((max(mark.falls or 0, mark.end) for mark in marks), default=0)
    edge = 1.15 * most
    if any(mark.deleted for mark in marks):
        figure.add_scatter(
            x=[0, most],
            y=[0, most],
            mode="lines",
            line={"color": NULL_BAND[0], "width": 8},
            opacity=0.4,
            name="groks when the norm says so",
            hoverinfo="skip",
        )
    for words, look, chosen in _groups(marks, arms):
        figure.add_scatter(
            x=[edge if mark.falls is None else mark.falls for mark in chosen],
            y=[mark.end for mark in chosen],
            customdata=[_clock_words(mark) for mark in chosen],
            mode="markers",
            name=words,
            marker=look,
            zorder=int(look["color"] == INK),  # what was deleted as published lies over controls
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.update_xaxes(
        title_text="step at which ‖θ‖ is small enough",
        rangemode="tozero",
        tickformat=",",
    )
    if any(mark.falls is None for mark in marks):
        ticks = _round_steps(most)
        figure.add_vline(x=edge, line={"color": NULL_BAND[0], "width": 1, "dash": "dot"})
        figure.update_xaxes(
            range=[0, 1.15 * edge],
            tickangle=0,
            tickvals=[*ticks, edge],
            ticktext=[*(f"{step:,}" for step in ticks), "not in<br>its record"],
        )
    figure.update_yaxes(title_text="last task groks (step)", rangemode="tozero", tickformat=",")
    figure.update_layout(
        height=360 + 21 * len(figure.data),  # a row of the legend each on a phone
        margin=MARGIN,
        legend=BELOW,
        title_text="Is the delay in the weights' size?",
    )
    return figure


def _groups(marks: Sequence[Mark], arms: Sequence[Arm]) -> list[tuple[str, dict, list[Mark]]]:
    """What the legend says, the look, and the marks that have it; controls cut off share one."""
    grey = NULL_BAND[0]
    thin = {"color": grey, "size": 9, "line": {"color": grey, "width": 2}}  # it has no area to fill
    controls = [arm for arm in arms if arm.name != OWN]
    looks = [
        ("plain", {PLAIN}, thin | {"symbol": "cross-thin"}),
        ("plain, carried out again", {AGAIN}, thin | {"symbol": "x-thin"}),
        ("deleted, as published", {OWN}, {"symbol": "circle", "color": INK, "size": 11}),
    ]
    looks += [
        (f"control: {arm.title}", {arm.name}, {"symbol": symbol, "color": grey, "size": 10})
        for arm, symbol in zip(controls, cycle(_CONTROLS), strict=False)
    ]
    found = [
        (words, look, [mark for mark in marks if mark.kind in kinds and mark.grok is not None])
        for words, kinds, look in looks
    ]
    found += [
        (
            f"{words}, cut off: later, or never",
            {"symbol": "triangle-up", "color": colour, "size": size},
            [mark for mark in marks if mark.kind in kinds and mark.grok is None],
        )
        for words, kinds, colour, size in (
            ("plain", {PLAIN, AGAIN}, grey, 8),
            ("deleted", {OWN}, INK, 11),
            ("control", {arm.name for arm in controls}, grey, 10),
        )
    ]
    return [group for group in found if group[-1]]


def _clock_words(mark: Mark) -> str:
    who = mark.label + (f", {100 * mark.dose:g} %" if mark.dose else "")
    small = (
        f"in its record never below {mark.smallest:.1f}"
        if mark.falls is None
        else f"{mark.falls:,}"
    )
    groks = f"groks {mark.end:,}" if mark.grok else f"not by {mark.end:,}"
    return f"{who}<br>norm {small} (plain groks at {mark.size:.1f}), {groks}"


def _round_steps(most: int) -> list[int]:
    """Two to four round steps of an axis, with room for a last label, on a phone too."""
    power = 10 ** (len(str(most)) - 2)
    every = next(e for e in (5 * power, 10 * power, 20 * power, 50 * power) if most <= 4 * e)
    return list(range(0, most - every // 2, every))
