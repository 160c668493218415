"""Figures of the second chapter: shares against a random walk, subspaces, leads by detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from grokbook.events.track_record import TrackRecord
from grokbook.palette import NULL_BAND, PUBLISHED, published_colour

_INK = "#4d5560"
"""Of what has no task and no decay: readable on both grounds."""

_MARGIN = {"t": 70, "r": 10, "b": 110, "l": 70}
_BELOW = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}


def first_shares(
    found: Mapping[str, tuple[Sequence[float], float]], published: Mapping[str, float]
) -> go.Figure:
    """PC1's share of every attention matrix: every seed, the published mean, a random walk.

    Args:
        found: matrix ↦ our values and the walk's mean, in %.
        published: matrix ↦ published mean, in %.
    """
    names, figure = list(found), go.Figure()
    walks = [walk for _, walk in found.values()]
    figure.add_scatter(
        x=names + names[::-1],
        y=[w - 0.5 for w in walks] + [w + 0.5 for w in walks[::-1]],
        fill="toself",
        mode="none",
        fillcolor=NULL_BAND[0],
        opacity=0.4,
        name="random walk, same steps",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[name for name in names if name in published],
        y=[published[name] for name in names if name in published],
        mode="markers",
        name="published mean",
        marker={
            "symbol": "diamond-open",
            "size": 14,
            "color": published_colour(),
            "line": {"width": 2},
        },
        hovertemplate="published, %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.add_scatter(
        x=[name for name, (values, _) in found.items() for _ in values],
        y=[value for values, _ in found.values() for value in values],
        mode="markers",
        name="ours, every seed",
        marker={"color": _INK, "size": 9},
        hovertemplate="ours, %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.update_yaxes(title_text="first component (% of the variance)", rangemode="tozero")
    figure.update_xaxes(title_text="layer and attention matrix")
    figure.update_layout(
        height=420, margin=_MARGIN, legend=_BELOW, title_text="One direction, or a random walk?"
    )
    return figure


def growing(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """PC1's share over growing windows of the path, beside the same of a random walk."""
    figure = go.Figure()
    for k, (label, (ours, walk)) in enumerate(found.items()):
        at = 100 * (np.arange(len(ours)) + 1) / len(ours)
        figure.add_scatter(
            x=np.concatenate([at, at[::-1]]),
            y=np.concatenate([walk - 0.5, walk[::-1] + 0.5]),
            fill="toself",
            mode="none",
            fillcolor=NULL_BAND[0],
            opacity=0.3,
            name="random walk, same steps",
            showlegend=k == 0,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=at,
            y=ours,
            mode="lines",
            line={"color": _INK, "width": 2},
            name="ours, every seed",
            showlegend=k == 0,
            hovertemplate=f"{label}<br>%{{x:.0f}} % of the path: %{{y:.1f}} %<extra></extra>",
        )
    figure.update_yaxes(title_text="first component (% of the variance)", rangemode="tozero")
    figure.update_xaxes(title_text="share of the path looked at (%)")
    figure.update_layout(
        height=400, margin=_MARGIN, legend=_BELOW, title_text="The longer the path, the less"
    )
    return figure


def leads(found: Sequence[TrackRecord]) -> go.Figure:
    """By how many steps every detector comes before the first task groks, one dot a run."""
    figure, names = go.Figure(), [each.name for each in found]
    looks = {
        "published": {"symbol": "circle-open", "size": 11, "color": PUBLISHED[0]},
        "ours": {"symbol": "circle", "size": 9, "color": _INK},
        "placebo": {"symbol": "x-thin-open", "size": 10, "color": NULL_BAND[0]},
    }
    titles = {
        "published": "published detector",
        "ours": "growth over the start",
        "placebo": "knows nothing of geometry",
    }
    for kind, look in looks.items():
        dots = [
            (lead, each.name, label)
            for each in found
            if each.kind == kind
            for label, lead in each.leads.items()
            if lead is not None
        ]
        figure.add_scatter(
            x=[dot[0] for dot in dots],
            y=[dot[1] for dot in dots],
            customdata=[dot[2] for dot in dots],
            mode="markers",
            name=titles[kind],
            marker={**look, "line": {"width": 2}},
            hovertemplate="%{customdata}<br>%{y}: %{x:,} steps<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], automargin=True)
    figure.update_xaxes(
        title_text="steps before the first task groks", zeroline=True, tickformat=","
    )
    figure.update_layout(
        height=24 * len(names) + 200,
        margin=_MARGIN,
        legend=_BELOW,
        title_text="Who says it first?",
    )
    return figure
