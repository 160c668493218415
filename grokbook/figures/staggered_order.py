"""Figures of the first chapter: grok curves, grok steps beside the published, gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.figures.layout import BELOW, hollow
from grokbook.palette import task_colour
from grokbook.record import RunRecord
from grokbook.studies.finishing_order import GrokGap
from grokbook.studies.settings import short_name
from grokbook.thinning import strided

FEWEST = 3
"""Runs whose interval is drawn: that of two is many times as wide as the axis."""

_SHAPES = {"add": "circle", "mul": "square", "sq": "diamond"}
"""Of published steps, as colour tells nothing alone."""

POINTS = 400
"""Of a curve at most, about one a pixel: a run to 300,000 steps has 3,000 evaluations."""

_MARGIN = {"t": 80, "r": 10, "b": 110}


def curves(groups: Mapping[str, Sequence[RunRecord]]) -> go.Figure:
    """Accuracy of every run and task: one panel a group, test solid, train dashed.

    Of a long run every second, third, … evaluation is drawn, and the last, so that a curve has
    about `POINTS` at most.
    """
    figure = make_subplots(
        rows=len(groups),
        cols=1,
        subplot_titles=list(groups),
        vertical_spacing=0.3 / max(len(groups), 1),
    )
    shown: set[str] = set()
    for row, records in enumerate(groups.values(), start=1):
        for record in records:
            kept = strided(len(record.steps), POINTS)
            for task in record.config.tasks:
                for part, dash, width in (("train", "dash", 1.0), ("test", "solid", 1.8)):
                    name = f"{task}, {part}"
                    # Single precision: half as many bytes, and a tenth of a per cent needs no more.
                    figure.add_scatter(
                        x=record.steps[kept].astype(np.int32),
                        y=100 * record.accuracy(task, part)[kept].astype(np.float32),
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
) -> go.Figure:
    """Grok step (98 % × 3) of every task in every run, beside the published one of its seed.

    Args:
        records: runs, drawn top to bottom.
        published: config id ↦ task ↦ step, drawn hollow in the task's colour.
    """
    figure = go.Figure()
    rows = [short_name(r.config) for r in records]
    for task in dict.fromkeys(t for r in records for t in r.config.tasks):
        theirs = [
            (step, row)
            for r, row in zip(records, rows, strict=True)
            if (step := published.get(r.config.id, {}).get(task)) is not None
        ]
        figure.add_scatter(
            x=[each[0] for each in theirs],
            y=[each[1] for each in theirs],
            mode="markers",
            name=f"{task}, published",
            showlegend=bool(theirs),
            marker=hollow(_SHAPES.get(task, "circle"), 13, task_colour(task)),
            hovertemplate=f"published, {task}: step %{{x:,}}<br>%{{y}}<extra></extra>",
        )
    for task in dict.fromkeys(t for r in records for t in r.config.tasks):
        at = [
            (r.grok_step(task, PUBLISHED_RULE), row)
            for r, row in zip(records, rows, strict=True)
            if task in r.config.tasks and r.grok_step(task, PUBLISHED_RULE) is not None
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
        title_text=f"grok step ({RULES[PUBLISHED_RULE].text})", rangemode="tozero", tickformat=","
    )
    figure.update_layout(
        height=44 * len(rows) + 190,
        margin=_MARGIN,
        legend=BELOW,
        title_text="Grok steps, ours and published",
    )
    return figure


def gaps(
    found: Mapping[str, Sequence[GrokGap]], published: Mapping[str, float], *, note: str = ""
) -> go.Figure:
    """Gaps between tasks, in steps: one panel a comparison, one row a rule, reached or not.

    A mean over fewer than `FEWEST` runs has no bar: that of two would squash the axis.

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
    labels = [rule.text for rule in reversed(RULES.values())]
    for row, (title, row_gaps) in enumerate(found.items(), start=1):
        at = {"row": row, "col": 1}
        for one in row_gaps:
            _gap(figure, one, at)
        if title in published:
            figure.add_scatter(
                x=[published[title]],
                y=[RULES[PUBLISHED_RULE].text],
                mode="markers",
                name="published mean",
                marker=hollow("diamond", 15),
                hovertemplate="published mean %{x:,} steps<extra></extra>",
                **at,
            )
        figure.update_yaxes(
            type="category",  # "90 %" would be read as a number
            categoryorder="array",
            categoryarray=labels,
            tickvals=labels,
            range=[-0.5, len(labels) - 0.5],  # also rows without a run
            automargin=True,
            **at,
        )
        figure.update_xaxes(
            zeroline=True, rangemode="tozero", tickformat=",", nticks=5, tickangle=0, **at
        )
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


def _gap(figure: go.Figure, one: GrokGap, at: Mapping[str, int]) -> None:
    """One row: its runs, their mean, its interval; or that there is no pair of steps."""
    colour, label = task_colour(one.later), RULES[one.rule].text
    if one.interval is None:
        figure.add_annotation(
            x=0.5, xref="x domain", y=label, text="not reached", showarrow=False, **at
        )
        return
    figure.add_scatter(
        x=list(one.steps.values()),
        y=[label] * len(one.steps),
        mode="markers",
        showlegend=False,
        customdata=list(one.steps),
        marker={"color": colour, "size": 8, "opacity": 0.6},
        hovertemplate="%{customdata}<br>gap %{x:,} steps<extra></extra>",
        **at,
    )
    i = one.interval
    if i.n > 1:
        width = "no interval" if i.n < FEWEST else f"95 % interval {i.low:,.0f} to {i.high:,.0f}"
        bar = {"array": [i.high - i.mean], "color": colour, "thickness": 2}
        figure.add_scatter(
            x=[i.mean],
            y=[label],
            mode="markers",
            showlegend=False,
            marker={"color": colour, "size": 13, "symbol": "diamond"},
            error_x={"type": "data", **bar} if i.n >= FEWEST else None,
            hovertemplate=f"mean %{{x:,.0f}} steps, n = {i.n}<br>{width}<extra></extra>",
            **at,
        )
