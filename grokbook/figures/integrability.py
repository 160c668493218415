"""Figures of the second chapter: shares against a random walk, subspaces, leads by detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from grokbook.chapters.integrability_paths import BAND, Decline, Share
from grokbook.chapters.wording import counted
from grokbook.events.track_record import TrackRecord
from grokbook.figures.layout import BELOW, MARGIN, hollow
from grokbook.palette import INK, NULL_BAND, PUBLISHED


def first_shares(found: Mapping[str, Share], published: Mapping[str, float]) -> go.Figure:
    """PC1's share of every attention matrix: every seed, the published mean, random walks.

    Args:
        found: matrix ↦ our values and the walks', in %.
        published: matrix ↦ published mean, in %.
    """
    names, figure = list(found), go.Figure()
    figure.add_bar(
        x=names,
        base=[each.low for each in found.values()],
        y=[each.high - each.low for each in found.values()],
        width=0.7,
        marker={"color": NULL_BAND[0], "opacity": 0.4},
        name=f"random walks, {BAND}",
        hovertemplate="random walks, %{x}: %{base:.1f} to %{customdata:.1f} %<extra></extra>",
        customdata=[each.high for each in found.values()],
    )
    most = max((len(each.values) for each in found.values()), default=0)
    figure.add_scatter(
        x=[name for name in names if name in published],
        y=[published[name] for name in names if name in published],
        mode="markers",
        name="published mean",
        marker=hollow("diamond", 14),
        hovertemplate="published, %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.add_scatter(
        x=[name for name, each in found.items() for _ in each.values],
        y=[value for each in found.values() for value in each.values],
        mode="markers",
        name=f"ours, every seed ({counted(most, 'run')})",
        marker={"color": INK, "size": 9},
        hovertemplate="ours, %{x}: %{y:.1f} %<extra></extra>",
    )
    relaxed = {name: each.relaxations for name, each in found.items() if each.relaxations}
    figure.add_scatter(
        x=[name for name, values in relaxed.items() for _ in values],
        y=[value for values in relaxed.values() for value in values],
        mode="markers",
        name="relaxations, mean of every seed",
        marker={"symbol": "line-ew-open", "size": 22, "color": INK, "line": {"width": 1.5}},
        hovertemplate="relaxations, %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.update_yaxes(title_text="PC1 (% of variance)", rangemode="tozero")
    figure.update_xaxes(
        title_text="layer and attention matrix",
        tickvals=names,
        ticktext=[name.replace(".", "\u00a0·\u00a0") for name in names],
    )
    figure.update_layout(
        height=482,
        margin={**MARGIN, "b": 172},
        legend=BELOW,
        title_text="How much is one direction?",
    )
    return figure


def growing(found: Mapping[str, Decline]) -> go.Figure:
    """PC1's share over growing windows of the path, beside the same of random walks."""
    figure = go.Figure()
    for k, (label, each) in enumerate(found.items()):
        at = 100 * (np.arange(len(each.ours)) + 1) / len(each.ours)
        figure.add_scatter(
            x=np.concatenate([at, at[::-1]]),
            y=np.concatenate([each.low, each.high[::-1]]),
            fill="toself",
            mode="none",
            fillcolor=NULL_BAND[0],
            opacity=0.3,
            name="random walks, lowest to highest matrix",
            showlegend=k == 0,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=at,
            y=each.ours,
            mode="lines",
            line={"color": INK, "width": 2.5},
            name=f"ours, mean over the matrices ({counted(len(found), 'run')})",
            showlegend=k == 0,
            hovertemplate=f"{label}<br>%{{x:.0f}} % of the path: %{{y:.1f}} %<extra></extra>",
        )
    figure.update_yaxes(title_text="PC1 (% of variance)", rangemode="tozero")
    figure.update_xaxes(title_text="share of the path looked at (%)")
    figure.update_layout(
        height=400, margin=MARGIN, legend=BELOW, title_text="The share as the path grows"
    )
    return figure


def leads(found: Sequence[TrackRecord]) -> go.Figure:
    """By how many steps every detector comes before the first task groks, one dot a run."""
    figure, names = go.Figure(), [each.name for each in found]
    looks = {
        "published": {"symbol": "circle-open", "size": 11, "color": PUBLISHED[0]},
        "true": {"symbol": "circle", "size": 9, "color": INK},
        "": {"symbol": "x-thin-open", "size": 10, "color": NULL_BAND[0]},
    }
    titles = {
        "published": "on the defect as published",
        "true": "on the true defect",
        "": "knows nothing of geometry",
    }
    for protocol, look in looks.items():
        dots = [
            (lead, each.name, label)
            for each in found
            if each.protocol == protocol
            for label, lead in each.leads.items()
            if lead is not None
        ]
        figure.add_scatter(
            x=[dot[0] for dot in dots],
            y=[dot[1] for dot in dots],
            customdata=[dot[2] for dot in dots],
            mode="markers",
            name=titles[protocol],
            marker={**look, "line": {"width": 2, "color": look["color"]}},
            hovertemplate="%{customdata}<br>%{y}: %{x:,} steps<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], automargin=True)
    figure.update_xaxes(
        title_text="lead (steps)",
        rangemode="tozero",
        zeroline=True,
        tickformat=",",
        nticks=3,  # more run into each other beside the long names on a phone
        tickangle=0,
    )
    figure.update_layout(
        height=24 * len(names) + 200,
        margin=MARGIN,
        legend=BELOW,
        title_text="Who says it first?",
    )
    return figure
