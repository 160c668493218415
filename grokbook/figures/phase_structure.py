"""Figures of the third chapter: grok time over weight decay in steps and in τ, depths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grokbook.figures.layout import BELOW, MARGIN, hollow, log_axis
from grokbook.palette import INK, LIGHT_PAGE, NULL_BAND, PUBLISHED, decay_colour
from grokbook.widgets import Pace
from grokbook.widgets.clocks import Clock

_SYMBOLS = {"dual": "circle", "tri": "triangle-up"}
_ASIDE = {"dual": 0.98, "tri": 1.04}
"""Settings at one weight decay stand beside each other."""

_READINGS = {
    "published": ("as published", "-open", PUBLISHED[0]),
    "corrected": ("converged", "", INK),
}
"""Protocol ↦ what its readings are called, what the symbol's name ends in, colour."""

_HATCHES = ("", "/", "\\", "x")
"""Bands are all of one grey, so each has its own hatching."""

PUBLISHED_RATE = 1e-3
"""η of all published runs of this chapter."""


def collapse(
    paces: Sequence[Pace],
    clocks: Sequence[Clock],
    published: Mapping[str, Mapping[float, float]],
) -> go.Figure:
    """Grok step against λ above, τ at grok below: what the switch of the explorable does.

    Runs without weight decay have no place on a logarithmic axis; runs that were cut off are
    open arrows at their last step.

    Args:
        paces: runs.
        clocks: one a setting, with a band.
        published: setting ↦ λ ↦ mean grok step.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.14,
        subplot_titles=("in steps", "in τ = ηλt"),  # longer ones break on a phone
    )  # fmt: skip
    decays = [p.weight_decay for p in paces if p.weight_decay > 0]
    decays += [decay for steps in published.values() for decay in steps if decay > 0]
    span = [min(decays, default=0.1) / 1.3, max(decays, default=1.0) * 1.3]
    for k, clock in enumerate(clocks):
        figure.add_scatter(
            x=[*span, *span[::-1]],
            y=[clock.high, clock.high, clock.low, clock.low],
            fill="toself",
            mode="none",
            fillcolor=NULL_BAND[0],
            fillpattern={
                "shape": _HATCHES[k % len(_HATCHES)],
                "fillmode": "replace",
                "fgcolor": NULL_BAND[0],
                "size": 9,
                "solidity": 0.25,
            },
            opacity=0.3 if k == 0 else 0.8,
            name=f"a clock, 95 % of further runs, set by {clock.n} {clock.setting} runs at "
            f"λ = {clock.weight_decay:g}",
            hoverinfo="skip",
            row=2,
            col=1,
        )
    for name, steps in published.items():
        for row, factor in ((1, 0.0), (2, 1.0)):
            figure.add_scatter(
                x=[decay * _ASIDE.get(name, 1.0) for decay in steps],
                y=[s * (PUBLISHED_RATE * d) ** factor for d, s in steps.items()],
                mode="markers",
                name=f"{name}, published mean",
                legendgroup=f"{name}, published",
                showlegend=row == 1,
                marker=hollow(_SYMBOLS[name], 12),
                customdata=list(steps),
                hovertemplate="published, λ = %{customdata}: %{y:,.4~g}<extra></extra>",
                row=row,
                col=1,
            )
    for name in dict.fromkeys(_kind(p) for p in paces):
        runs = [p for p in paces if _kind(p) == name and p.weight_decay > 0]
        for row in (1, 2):
            steps = [p.grok if p.grok is not None else p.last_step for p in runs]
            figure.add_scatter(
                x=[p.weight_decay * _ASIDE.get(p.setting, 1.0) for p in runs],
                y=[p.tau(s) if row == 2 else s for p, s in zip(runs, steps, strict=True)],
                customdata=[f"{p.title}{'' if p.grok is not None else ', cut off'}" for p in runs],
                mode="markers",
                name=f"{name}, every seed",
                legendgroup=name,
                showlegend=row == 1,
                marker={
                    "symbol": [_symbol(p) for p in runs],
                    "size": 10,
                    "color": [decay_colour(p.weight_decay) for p in runs],
                    "line": {"width": 1, "color": LIGHT_PAGE},
                },
                hovertemplate="%{customdata}: %{y:,.4~g}<extra></extra>",
                row=row,
                col=1,
            )
    figure.update_xaxes(**log_axis(span))
    figure.update_xaxes(title_text="weight decay λ (log)", row=2, col=1)
    for row, title in ((1, "grok step (log)"), (2, "τ at grok (log)")):
        heights = [y for trace in figure.data if _row(trace) == row for y in trace.y]
        figure.update_yaxes(**log_axis(heights), title_text=title, row=row, col=1)
    figure.update_layout(
        height=680,
        margin={"t": 90, "r": 10, "b": 130, "l": 80},
        legend=BELOW | {"tracegroupgap": 0},  # every entry is a group, and has its space below it
        title_text="Do the points collapse?",
    )
    return figure


def _row(trace: go.Scatter) -> int:
    return 2 if trace.yaxis == "y2" else 1


def _kind(pace: Pace) -> str:
    return f"{pace.setting}, another η" if pace.exchanged else pace.setting


def _symbol(pace: Pace) -> str:
    if pace.grok is None:
        return "arrow-up-open"
    return "square" if pace.exchanged else _SYMBOLS.get(pace.setting, "diamond")


def depths(found: Sequence, published: Mapping[float, Mapping[str, float]]) -> go.Figure:
    """The deepest curvature of every run by both protocols, with residuals as bars.

    Settings have the marks that the explorable gives them.

    Args:
        found: of `grokbook.chapters.phase_structure.Depth`.
        published: λ ↦ mean and sd of the lowest eigenvalue, in nats/|θ|².
    """
    figure = go.Figure()
    decays = sorted({each.weight_decay for each in found} | set(published))
    names = [f"{decay:g}" for decay in decays]
    figure.add_scatter(
        x=[f"{decay:g}" for decay in published],
        y=[-value["mean"] for value in published.values()],
        error_y={"array": [value["sd"] for value in published.values()], "thickness": 1.5},
        mode="markers",
        name="published mean and spread, dual",
        offsetgroup="dual",
        marker=hollow("diamond", 13),
        hovertemplate="published, λ = %{x}: %{y:.3g}<extra></extra>",
    )  # fmt: skip
    for setting in dict.fromkeys(each.setting for each in found):
        for protocol, (title, end, colour) in _READINGS.items():
            mine = [d for d in found if (d.setting, d.protocol) == (setting, protocol)]
            figure.add_scatter(
                x=[f"{each.weight_decay:g}" for each in mine],
                y=[each.depth for each in mine],
                error_y={"array": [each.residual for each in mine], "thickness": 2},
                customdata=[f"{each.label}, step {each.step:,}" for each in mine],
                mode="markers",
                name=f"{setting}, {title}",
                offsetgroup=setting,
                marker={
                    "symbol": _SYMBOLS.get(setting, "diamond") + end,
                    "size": 9,
                    "color": colour,
                    "line": {"width": 2, "color": colour},
                },
                hovertemplate="%{customdata}: %{y:.3g}<extra></extra>",
            )
    figure.update_xaxes(
        title_text="weight decay λ", type="category", categoryorder="array", categoryarray=names
    )
    figure.update_yaxes(title_text="−(lowest curvature)<br>(nats/|θ|²)", rangemode="tozero")
    figure.update_layout(
        height=460,
        margin={**MARGIN, "b": 150},
        legend=BELOW,
        scattermode="group",  # settings of one weight decay side by side
        scattergap=0.5,
        title_text="How deep does the curvature go?",
    )
    return figure
