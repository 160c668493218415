"""Figure of the fifth chapter: the clock that the size of the weights would be."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from grokbook.chapters.transverse_fragility_clock import AGAIN, PLAIN, Mark
from grokbook.figures.layout import BELOW, MARGIN
from grokbook.palette import INK, NULL_BAND
from grokbook.studies.arms import Arm

_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "star", "pentagon", "hexagon", "bowtie")


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
    looks = {PLAIN: ("plain", "circle", NULL_BAND[0])}
    looks[AGAIN] = ("plain, carried out again", "triangle-down", NULL_BAND[0])
    looks |= {
        arm.name: (f"deleted, {arm.title}", _SYMBOLS[k % len(_SYMBOLS)], INK)
        for k, arm in enumerate(arms)
    }
    for kind, (words, symbol, colour) in looks.items():
        for cut_off in (False, True):
            chosen = [m for m in marks if m.kind == kind and (m.grok is None) == cut_off]
            if not chosen:
                continue
            shape = "triangle-up" if cut_off else symbol
            figure.add_scatter(
                x=[edge if mark.falls is None else mark.falls for mark in chosen],
                y=[mark.end for mark in chosen],
                customdata=[_clock_words(mark) for mark in chosen],
                mode="markers",
                name=f"{words}, cut off: later, or never" if cut_off else words,
                marker={"symbol": shape, "color": colour, "size": 10},
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
