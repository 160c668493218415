"""Figures of the first chapter: grok curves, grok steps beside the published, gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.figures.layout import BELOW, hollow
from grokbook.palette import task_colour
from grokbook.record import RunRecord
from grokbook.studies.finishing_order import Gap
from grokbook.studies.settings import short_name

_MARGIN = {"t": 80, "r": 10, "b": 110}


def curves(groups: Mapping[str, Sequence[RunRecord]]) -> go.Figure:
    """Accuracy of every run and task: one panel a group, test solid, train dashed."""
    figure = make_subplots(
        rows=len(groups),
        cols=1,
        subplot_titles=list(groups),
        vertical_spacing=0.3 / max(len(groups), 1),
    )
    shown: set[str] = set()
    for row, records in enumerate(groups.values(), start=1):
        for record in records:
            for task in record.config.tasks:
                for part, dash, width in (("train", "dash", 1.0), ("test", "solid", 1.8)):
                    name = f"{task}, {part}"
                    figure.add_scatter(
                        x=record.steps,
                        y=100 * record.accuracy(task, part),
                        row=row,
                        col=1,
                        mode="lines",
                        name=name,
                        legendgroup=name,
                        showlegend=name not in shown,
                        line={"color": task_colour(task), "dash": dash, "width": width},
                        hovertemplate=f"{record.config.label}<br>{name} %{{y:.1f}} %"
                        "<br>step %{x:,}<extra></extra>",
                    )
                    shown.add(name)
        figure.update_yaxes(title_text="right answers (%)", range=[-3, 103], row=row, col=1)
        figure.update_xaxes(rangemode="tozero", tickformat=",", row=row, col=1)
    figure.update_xaxes(title_text="training step", row=len(groups), col=1)
    figure.update_layout(
        height=220 * len(groups) + 170,
        margin=_MARGIN,
        legend=BELOW,
        hovermode="closest",
        title_text="Right answers during training",
    )
    return figure


def grok_steps(
    records: Sequence[RunRecord],
    published: Mapping[str, Mapping[str, int]],
    rule: str = PUBLISHED_RULE,
) -> go.Figure:
    """Grok step of every task in every run, beside the published one of the same seed.

    Args:
        records: runs, drawn top to bottom.
        published: config id ↦ task ↦ step, drawn hollow and grey.
        rule: of ours; the published rule is 0.98x3.
    """
    figure = go.Figure()
    rows = [short_name(r.config) for r in records]
    ghosts = [
        (step, row, task)
        for r, row in zip(records, rows, strict=True)
        for task, step in published.get(r.config.id, {}).items()
    ]
    figure.add_scatter(
        x=[g[0] for g in ghosts],
        y=[g[1] for g in ghosts],
        mode="markers",
        name="published",
        customdata=[g[2] for g in ghosts],
        marker=hollow("circle", 13),
        hovertemplate="published, %{customdata}: step %{x:,}<br>%{y}<extra></extra>",
    )
    for task in dict.fromkeys(t for r in records for t in r.config.tasks):
        at = [
            (r.grok_step(task, rule), row)
            for r, row in zip(records, rows, strict=True)
            if task in r.config.tasks and r.grok_step(task, rule) is not None
        ]
        figure.add_scatter(
            x=[a[0] for a in at],
            y=[a[1] for a in at],
            mode="markers",
            name=f"{task}, ours",
            marker={
                "color": task_colour(task),
                "size": 11,
                "symbol": "line-ns",
                "line": {"width": 4, "color": task_colour(task)},
            },
            hovertemplate=f"ours, {task}: step %{{x:,}}<br>%{{y}}<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1], automargin=True)
    figure.update_xaxes(
        title_text=f"grok step ({RULES[rule].text})", rangemode="tozero", tickformat=","
    )
    figure.update_layout(
        height=44 * len(rows) + 190,
        margin=_MARGIN,
        legend=BELOW,
        title_text="Grok steps, ours and published",
    )
    return figure


def gaps(
    found: Mapping[str, Sequence[Gap]], published: Mapping[str, float], *, note: str = ""
) -> go.Figure:
    """Gaps between tasks with intervals: one panel a comparison, one row a rule.

    Args:
        found: panel title ↦ one gap a rule.
        published: panel title ↦ the published mean gap under 0.98x3, drawn hollow and grey.
        note: what the title says more.
    """
    figure = make_subplots(
        rows=len(found),
        cols=1,
        subplot_titles=list(found),
        vertical_spacing=0.34 / max(len(found), 1),
    )
    for row, (title, row_gaps) in enumerate(found.items(), start=1):
        for one in row_gaps:
            colour, label = task_colour(one.later), RULES[one.rule].text
            values = list(one.steps.values())
            figure.add_scatter(
                x=values,
                y=[label] * len(values),
                mode="markers",
                showlegend=False,
                row=row,
                col=1,
                customdata=list(one.steps),
                marker={"color": colour, "size": 8, "opacity": 0.6},
                hovertemplate="%{customdata}<br>gap %{x:,} steps<extra></extra>",
            )
            if one.interval is not None and one.interval.n > 1:
                i = one.interval
                figure.add_scatter(
                    x=[i.mean],
                    y=[label],
                    mode="markers",
                    showlegend=False,
                    row=row,
                    col=1,
                    marker={"color": colour, "size": 13, "symbol": "diamond"},
                    error_x={
                        "type": "data",
                        "array": [i.high - i.mean],
                        "color": colour,
                        "thickness": 2,
                    },
                    hovertemplate=f"mean %{{x:,.0f}} steps, n = {i.n}<br>95 % interval "
                    f"{i.low:,.0f} to {i.high:,.0f}<extra></extra>",
                )
        if title in published:
            figure.add_scatter(
                x=[published[title]],
                y=[RULES[PUBLISHED_RULE].text],
                mode="markers",
                row=row,
                col=1,
                name="published mean",
                showlegend=True,
                marker=hollow("diamond", 15),
                hovertemplate="published mean %{x:,} steps<extra></extra>",
            )
        figure.update_yaxes(
            type="category",  # "90 %" would be read as a number
            categoryorder="array",
            row=row,
            col=1,
            automargin=True,
            categoryarray=[rule.text for rule in reversed(RULES.values())],
        )
        figure.update_xaxes(zeroline=True, tickformat=",", row=row, col=1)
    figure.update_xaxes(title_text="steps later", row=len(found), col=1)
    for k, trace in enumerate(t for t in figure.data if t.name == "published mean"):
        trace.showlegend = k == 0
    figure.update_layout(
        height=190 * len(found) + 170,
        margin=_MARGIN,
        legend=BELOW,
        title_text=f"Steps behind multiplication{note}",
    )
    return figure
