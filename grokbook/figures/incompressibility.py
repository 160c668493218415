"""Figures of the fourth chapter: k* by basis, curves of fair nulls, accuracy against size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grokbook.chapters.incompressibility import BASES, Cut
from grokbook.chapters.wording import counted
from grokbook.figures.layout import BELOW, MARGIN, hollow
from grokbook.palette import INK, NULL_BAND, PUBLISHED

BEYOND = 25
"""Where a run is drawn that no number of directions within reach rebuilds."""

ACCURACY = "test accuracy (%)"
"""Mean of the tasks; short, as a y title longer than its panel runs through the figure's."""

_SHAPES = {"scale": "circle", "share": "diamond", "rank": "square"}
_CUTS = {"scale": "scaled", "share": "pruned", "rank": "cut in rank"}


def thresholds(
    found: Mapping[str, Mapping[str, Sequence[int | None]]], published: Mapping[str, float]
) -> go.Figure:
    """k* of every run by basis, the published mean hollow; what is never reached lies beyond.

    There all runs have one place, so that settings stand side by side.

    Args:
        found: setting and decay ↦ basis ↦ k*, None if it is not reached.
        published: setting and decay ↦ published mean.
    """
    figure, names = go.Figure(), {}
    for by_basis in found.values():
        names |= {variant: BASES[variant] for variant in by_basis}
    order = [names[variant] for variant in BASES if variant in names]
    for place, (name, by_basis) in enumerate(found.items()):
        dots = [(k, BASES[variant]) for variant, each in by_basis.items() for k in each]
        symbol = ("circle", "square", "diamond", "triangle-up")[place % 4]
        beyond = BEYOND + 1.8 * (place - (len(found) - 1) / 2)
        figure.add_scatter(
            x=[beyond if k is None else k for k, _ in dots],
            y=[text for _, text in dots],
            customdata=["never, up to the largest tried" if k is None else k for k, _ in dots],
            mode="markers",
            name=f"{name}, every run",
            marker={"color": INK, "size": 10, "symbol": symbol},
            hovertemplate=f"{name}<br>%{{y}}: %{{customdata}}<extra></extra>",
        )
        if name in published:
            figure.add_scatter(
                x=[published[name]],
                y=[BASES["published"]],
                mode="markers",
                name=f"published mean, {name}",
                marker=hollow(symbol, 17),
                hovertemplate=f"published, {name}: %{{x:.1f}}<extra></extra>",
            )
    reach = range(0, BEYOND, 5)
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], automargin=True)
    figure.update_xaxes(
        title_text="directions, k*",
        range=[0, BEYOND + 1 + 0.9 * len(found)],
        tickangle=0,
        tickvals=[*reach, BEYOND],
        ticktext=[*map(str, reach), "never"],
    )
    figure.update_layout(
        height=34 * len(order) + 260,
        margin={**MARGIN, "b": 150},
        legend=BELOW,
        title={"text": "Which path? Every task at 90 %", "x": 0, "xref": "container"},
    )
    return figure


def rebuilt(found: Mapping[str, Mapping[str, Sequence[np.ndarray]]]) -> go.Figure:
    """Accuracy over k: a panel a kind of random directions, their band beside the run's own lines.

    Args:
        found: setting and decay ↦ basis ↦ a curve a run, in %.
    """
    nulls = dict.fromkeys(v for by_basis in found.values() for v in by_basis if "," in v)
    panels = [
        (name, null)
        for null in [each for each in BASES if each in nulls] or [None]
        for name, by_basis in found.items()
        if null is None or null in by_basis
    ]
    columns = min(2, max(1, len(found)))
    rows = max(1, -(-len(panels) // columns))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        shared_yaxes="all",
        subplot_titles=[_panel_title(name, null, found[name]) for name, null in panels],
        vertical_spacing=0.3 / rows,
        horizontal_spacing=0.06,
    )
    shown: set[str] = set()
    for place, (name, null) in enumerate(panels):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        if null is not None:
            figure.add_scatter(
                **_band(found[name][null]), showlegend="band" not in shown, legendgroup="band", **at
            )
            shown.add("band")
        for variant, dash in (("held-out", "dash"), ("published", "solid")):
            for curve in found[name].get(variant, []):
                figure.add_scatter(
                    x=np.arange(len(curve)) + 1,
                    y=curve,
                    mode="lines",
                    line={"color": INK, "width": 2, "dash": dash},
                    name=f"{BASES[variant]}, every run",
                    legendgroup=variant,
                    showlegend=variant not in shown,
                    hovertemplate="k = %{x}: %{y:.1f} %<extra></extra>",
                    **at,
                )
                shown.add(variant)
    figure.update_annotations(font_size=12)  # two columns of titles on a phone
    figure.update_yaxes(range=[-3, 103])
    figure.update_yaxes(title_text=ACCURACY, col=1)
    figure.update_xaxes(title_text="directions k", row=rows)
    figure.update_layout(
        height=200 * rows + 190,
        margin={**MARGIN, "t": 100, "b": 130},
        legend=BELOW,
        title_text="Whose directions?",
    )
    return figure


def _panel_title(name: str, null: str | None, by_basis: Mapping[str, Sequence[np.ndarray]]) -> str:
    n = len(by_basis[null]) if null else max(map(len, by_basis.values()))
    where = f"{name}, {counted(n, 'run')}"
    return where if null is None else f"{BASES[null]}<br>{where}"


def _band(curves: Sequence[np.ndarray]) -> dict[str, Any]:
    """From the lowest to the highest run, a point wide so that it can be seen, from 0 to 100 %."""
    n = min(map(len, curves))
    each, k = np.array([curve[:n] for curve in curves]), np.arange(n) + 1
    low, high = np.clip([each.min(axis=0) - 0.5, each.max(axis=0) + 0.5], 0, 100)
    return {
        "x": np.concatenate([k, k[::-1]]),
        "y": np.concatenate([high, low[::-1]]),
        "fill": "toself",
        "mode": "lines",
        "line": {"width": 1, "color": NULL_BAND[0]},
        "fillcolor": NULL_BAND[0],
        "opacity": 0.55,
        "name": "what the panel names, lowest to highest run",
        "hoverinfo": "skip",
    }


def same_size(found: Sequence[Cut]) -> go.Figure:
    """Accuracy against how far the weights moved: every cut of every run, and noise."""
    figure = go.Figure()
    looks = {
        "published": {"color": PUBLISHED[0], "size": 9},
        "corrected": {"color": INK, "size": 8},
    }
    for end, text, symbol in (
        ("noise", "noise of that size in all", "x-thin-open"),
        ("by tensor", "the same in every tensor", "cross-thin-open"),
    ):
        noise = [cut for cut in found if cut.protocol.endswith(end)]
        figure.add_scatter(
            x=[cut.change for cut in noise],
            y=[cut.accuracy for cut in noise],
            customdata=[_words(cut) for cut in noise],
            mode="markers",
            name=text,
            marker={"symbol": symbol, "size": 8, "color": NULL_BAND[0], "line": {"width": 1.5}},
            hovertemplate="%{customdata}<extra></extra>",
        )
    for protocol, text in (("published", "as published"), ("corrected", "the weights themselves")):
        for kind, symbol in _SHAPES.items():
            dots = [cut for cut in found if (cut.protocol, cut.kind) == (protocol, kind)]
            shape = symbol if protocol == "corrected" else f"{symbol}-open"
            figure.add_scatter(
                x=[cut.change for cut in dots],
                y=[cut.accuracy for cut in dots],
                customdata=[_words(cut) for cut in dots],
                mode="markers",
                name=f"{_CUTS[kind]}, {text}",
                marker={**looks[protocol], "symbol": shape, "line": {"width": 1.5}},
                hovertemplate="%{customdata}<extra></extra>",
            )
    figure.update_yaxes(title_text=ACCURACY, range=[-3, 103])
    figure.update_xaxes(title_text="‖θ′ − θ‖ / ‖θ‖, log", type="log", range=[-2.2, 0.6])
    figure.update_layout(
        height=502,
        margin={**MARGIN, "b": 182},
        legend=BELOW,
        title_text="How far did the test move the weights?",
    )
    return figure


def _words(cut: Cut) -> str:
    depth = f"{cut.depth:g}"
    return (
        f"{cut.run}<br>{_CUTS[cut.kind]}, {depth}, {cut.protocol}<br>"
        f"moved {100 * cut.change:.3g} %: {cut.accuracy:.1f} % right"
    )
