"""Figures of the sixth chapter: the turn, removals of one size, probes on two scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grokbook.chapters.spectral_edge_lifecycle_counts import removals
from grokbook.chapters.spectral_edge_lifecycle_tables import KINDS
from grokbook.chapters.wording import counted
from grokbook.claims.registry import Claim
from grokbook.figures.layout import BELOW, MARGIN, hollow
from grokbook.instruments.phases import MULTIPLES
from grokbook.palette import (
    DARK_PAGE,
    INK,
    LIGHT_PAGE,
    NULL_BAND,
    contrast,
    decay_colour,
)
from grokbook.widgets.passages import FORMS, READINGS, Passage
from grokbook.widgets.turns import grokking

SPAN = (0, 3_000)
"""Steps of the figure of turns: all that happens in it, and the grok steps."""

_SHORT = {
    "random, equal norm": "a random vector",
    "scaled, equal norm": "all, equal norm",
    "scaled, equal distance": "all, equal distance",
    "start, equal distance": "along the start",
    "learned, equal distance": "along the learned",
}
"""Removals of the edge's size, in few letters."""
_PANEL = 118
"""Height of one setting's panel, in pixels."""


def turns(passages: Sequence[Passage]) -> go.Figure:
    """The gradient's share along v_1 over training: one panel a setting, one line a run.

    Grey lines are the same runs with the path of pure decay taken out.  Runs without decay are
    left out: nothing can turn there.
    """
    groups: dict[str, list[Passage]] = {}
    for passage in passages:
        if passage.decayed:
            groups.setdefault(passage.setting, []).append(passage)
    titles = [f"{name} ({counted(len(runs), 'run')})" for name, runs in groups.items()]
    rows = max(1, len(groups))
    figure = make_subplots(
        rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.3 / rows, subplot_titles=titles
    )
    for row, runs in enumerate(groups.values(), start=1):
        for passage in runs:
            _shares(figure, passage, row, legend=row == 1 and passage is runs[0])
        _groks(figure, runs, row)
        figure.add_hline(y=50, line={"color": INK, "width": 1, "dash": "dot"}, row=row, col=1)
        figure.update_yaxes(range=[-4, 108], tickvals=[0, 50, 100], row=row, col=1)
    if chosen := grokking(passages):
        _chance(figure, chosen[0], 1 + list(groups).index(chosen[0].setting))
    figure.update_yaxes(title_text="gradient (%)", row=1, col=1)
    figure.update_xaxes(range=SPAN, title_text="training step", row=rows, col=1)
    figure.update_xaxes(range=SPAN, tickangle=0, tickformat=",")
    figure.update_annotations(font_size=12)  # so that the longest fits on a phone
    figure.update_layout(
        height=210 + _PANEL * rows,
        margin=_room(figure),
        legend=BELOW,
        title_text="Who moves the first direction?",
    )
    return figure


def _shares(figure: go.Figure, passage: Passage, row: int, *, legend: bool) -> None:
    """One run's, as published and with the path of pure decay taken out."""
    kept = passage.ends <= SPAN[1]
    for form, name, ink, width in (
        (FORMS[1], "pure decay taken out", NULL_BAND[0], 1.5),
        (FORMS[0], "as published", _readable(passage), 2),
    ):
        figure.add_scatter(
            x=passage.ends[kept],
            y=100 * passage.shares[form][kept, 0],
            mode="lines",
            line={"color": ink, "width": width},
            name=name,
            legendgroup=name,
            showlegend=legend,
            hovertemplate=f"{passage.label}, {passage.setting}, {name}<br>"
            "to step %{x:,}: %{y:.1f} %<extra></extra>",
            row=row,
            col=1,
        )


def _groks(figure: go.Figure, runs: Sequence[Passage], row: int) -> None:
    """Where the runs of a panel grok, as marks on its upper edge."""
    steps = [run.grok for run in runs if run.grok is not None]
    figure.add_scatter(
        x=steps,
        y=[104] * len(steps),
        mode="markers",
        marker={"symbol": "triangle-down", "size": 9, "color": INK},
        name="groks",
        showlegend=bool(steps) and not any(trace.name == "groks" for trace in figure.data),
        hovertemplate="groks at step %{x:,}<extra></extra>",
        row=row,
        col=1,
    )


def _room(figure: go.Figure) -> dict[str, int]:
    """Margins with the first panel's title below the figure's, and a legend of one row an entry."""
    entries = sum(trace.showlegend is not False for trace in figure.data)
    return MARGIN | {"t": 90, "b": 66 + 24 * entries}


def _readable(passage: Passage) -> str:
    """The decay's colour, of its two that which can be seen on both pages."""
    both = [decay_colour(passage.weight_decay, dark=dark) for dark in (False, True)]
    return max(both, key=lambda ink: min(contrast(ink, page) for page in (LIGHT_PAGE, DARK_PAGE)))


def _chance(figure: go.Figure, passage: Passage, row: int) -> None:
    """Shares with gradients as long, in random directions, of one run."""
    kept = passage.ends <= SPAN[1]
    at = passage.ends[kept]
    low, high = (100 * passage.chance[kept, side] for side in (0, 1))
    figure.add_scatter(
        x=np.concatenate([at, at[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        mode="lines",
        line={"color": NULL_BAND[0], "width": 0.5},
        fillcolor=NULL_BAND[0],
        opacity=0.5,
        name=f"random gradients, {passage.label}",
        hoverinfo="skip",
        row=row,
        col=1,
    )


def losses(passages: Sequence[Passage]) -> go.Figure:
    """What is lost without the edge, and without as much of something else, one dot a run."""
    figure = make_subplots(
        rows=len(MULTIPLES), cols=1, shared_xaxes=True, vertical_spacing=0.05,
        subplot_titles=[f"at {multiple:.2g} × grok" for multiple in MULTIPLES],
    )  # fmt: skip
    names = ["the edge", *_SHORT.values()]
    for row, multiple in enumerate(MULTIPLES, start=1):
        found = removals(passages, multiple)
        dots = [(100 * each.edge, names[0]) for each in found]
        others = [
            (100 * value, _SHORT[name]) for each in found for name, value in each.matched.items()
        ]
        for kind, look, group in (
            (f"the edge ({counted(len(found), 'run')})", {"color": INK, "size": 10}, dots),
            (
                "as much taken elsewhere",
                {"color": NULL_BAND[0], "size": 11, "symbol": "line-ns-open", "line": {"width": 3}},
                others,
            ),
        ):
            figure.add_scatter(
                x=[x for x, _ in group],
                y=[y for _, y in group],
                mode="markers",
                marker=look,
                name=kind,
                legendgroup=kind[:8],
                showlegend=row == 1,
                hovertemplate="%{y}: %{x:.1f} points<extra></extra>",
                row=row,
                col=1,
            )
        figure.update_yaxes(
            categoryorder="array", categoryarray=names[::-1], automargin=True, row=row, col=1
        )
    figure.update_xaxes(zeroline=True, nticks=5, tickangle=0)
    figure.update_xaxes(title_text="accuracy, points", row=len(MULTIPLES), col=1)
    figure.update_layout(
        height=200 * len(MULTIPLES) + 150,
        margin=_room(figure),
        legend=BELOW,
        title_text="Without the edge",
    )
    return figure


def probes(passages: Sequence[Passage], published: Mapping[str, Claim]) -> go.Figure:
    """R² of the linear probe and of the small network over time, on two scales; every run."""
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1,
        subplot_titles=(KINDS["linear"], KINDS["mlp"]),
    )  # fmt: skip
    runs = [p for p in passages if p.plain and len(p.probed)]
    looks = (
        ("as published", {"dash": "dash", "width": 1.6}, "circle-open"),
        ("standardised, unseen strings", {"dash": "solid", "width": 2.2}, "circle"),
    )
    for row, (kind, claim) in enumerate((("linear", "SE-20"), ("mlp", "SE-21")), start=1):
        points = published[claim].published["seed 42"]
        figure.add_scatter(
            x=list(points),
            y=list(points.values()),
            mode="markers",
            marker=hollow("diamond", 12),
            name="published, one seed",
            showlegend=row == 1,
            hovertemplate="published, step %{x:,}: %{y:.3f}<extra></extra>",
            row=row,
            col=1,
        )
        for passage in runs:
            alike = [p for p in runs if p.setting == passage.setting]
            for form, (_, (name, line, symbol)) in enumerate(zip(READINGS, looks, strict=True)):
                values = passage.probes[kind][form]
                there = np.isfinite(values)
                figure.add_scatter(
                    x=passage.probed[there],
                    y=values[there],
                    mode="lines+markers",
                    line=line | {"color": _readable(passage)},
                    marker={"symbol": symbol, "size": 6},
                    name=f"{passage.setting}, {name} ({counted(len(alike), 'run')})",
                    legendgroup=f"{passage.setting}, {name}",
                    showlegend=row == 1 and passage is alike[0],
                    hovertemplate=f"{passage.label}, {passage.setting}, {name}<br>"
                    "step %{x:,}: %{y:.3f}<extra></extra>",
                    row=row,
                    col=1,
                )
        # R² on strings unlike those fitted on has no lower end; such points lie below.
        figure.update_yaxes(title_text="R², from 0", range=[0, 1.07], row=row, col=1)
    figure.update_xaxes(tickformat=",", nticks=5, tickangle=0)
    figure.update_xaxes(title_text="training step", row=2, col=1)
    figure.update_layout(
        height=640, margin=_room(figure), legend=BELOW, title_text="What a probe reads of the depth"
    )
    return figure
