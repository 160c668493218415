"""Figures of the fifth chapter: dose response, survival, shifts between arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from grokbook.figures.layout import BELOW, MARGIN, hollow
from grokbook.palette import INK, NULL_BAND, dose_colour
from grokbook.statistics import Survival
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Trials, mean_of

_DASHES = ("solid", "dash", "dot", "dashdot")
"""Neighbouring doses differ in one, for print in grey."""


def dose_response(
    trials: Trials, published: Mapping[float, int | None], budget: int | None
) -> go.Figure:
    """Step at which the last task groks against the dose: every seed, the published, the noise.

    Args:
        trials: of one setting.
        published: dose ↦ step, None where it was cut off by the budget.
        budget: published, in steps.
    """
    figure = go.Figure()
    doses = sorted({0.0, *trials.doses, *published})
    names = [f"{100 * dose:g} %" if dose else "plain" for dose in doses]
    at = dict(zip(doses, names, strict=True))
    theirs = [(dose, step) for dose, step in published.items() if step is not None]
    failed = [dose for dose, step in published.items() if step is None]
    figure.add_scatter(
        x=[at[dose] for dose, _ in theirs],
        y=[step for _, step in theirs],
        mode="markers",
        name="published, one seed",
        marker=hollow("diamond", 12),
        hovertemplate="published, %{x}: %{y:,}<extra></extra>",
    )
    figure.add_scatter(
        x=[at[dose] for dose in failed],
        y=[budget for _ in failed],
        mode="markers",
        name="published, cut off by its budget",
        marker=hollow("triangle-up", 12),
        hovertemplate="published, %{x}: not within %{y:,}<extra></extra>",
    )
    plain = [trial for trial in (*trials.plain, *trials.again) if trial.grok is not None]
    figure.add_scatter(
        x=[at[0.0] for _ in plain],
        y=[trial.grok for trial in plain],
        customdata=[trial.run.name for trial in plain],
        mode="markers",
        name="plain, every execution",
        marker={"symbol": "circle", "color": NULL_BAND[0], "size": 9},
        hovertemplate="%{customdata}: %{y:,}<extra></extra>",
    )
    own = [trial for trial in trials.deleted if trial.arm == OWN]
    for name, symbol, chosen in (
        ("ours, every seed", "circle", [trial for trial in own if trial.grok is not None]),
        ("ours, cut off: later, or never", "triangle-up", [t for t in own if t.grok is None]),
    ):
        figure.add_scatter(
            x=[at[trial.dose] for trial in chosen],
            y=[trial.end for trial in chosen],
            customdata=[f"seed {trial.seed}" for trial in chosen],
            mode="markers",
            name=name,
            marker={
                "symbol": symbol,
                "color": [dose_colour(trial.dose) for trial in chosen],
                "size": 10,
            },
            hovertemplate="%{customdata}, %{x}: %{y:,}<extra></extra>",
        )
    figure.update_xaxes(
        title_text="deleted outside the path (%)",
        type="category",
        categoryorder="array",
        categoryarray=names,
        tickvals=names,
        ticktext=[name.removesuffix(" %") for name in names],  # or a phone turns them on their side
        tickangle=0,
        range=[-0.5, len(names) - 0.5],
    )
    figure.update_yaxes(title_text="last task groks (step)", rangemode="tozero", tickformat=",")
    figure.update_layout(height=440, margin=MARGIN, legend=BELOW, title_text="The more, the later?")
    return figure


def survivals(trials: Trials) -> go.Figure:
    """The share of runs that have not grokked yet: plain, and under every dose."""
    figure = go.Figure()
    curves = [("plain", trials.curve(), NULL_BAND[0], "solid", 5.0)]
    curves += [
        (f"{100 * dose:g} %", curve, dose_colour(dose), _DASHES[k % len(_DASHES)], 1.8 + 0.3 * k)
        for k, dose in enumerate(trials.doses)
        if (curve := trials.curve(OWN, dose)) is not None
    ]
    sizes = {curve.n for _, curve, *_ in curves}
    for name, curve, colour, dash, width in curves:
        figure.add_scatter(
            x=[0, *curve.steps],
            y=[100, *(100 * curve.share)],
            mode="lines",
            name=name if len(sizes) == 1 else f"{name} (n = {curve.n})",
            line={"shape": "hv", "color": colour, "dash": dash, "width": width},
            hovertemplate=f"{name}<br>step %{{x:,}}: %{{y:.0f}} %<extra></extra>",
        )
        if curve.share[-1] > 0:  # what is cut off has an open end, not a zero
            figure.add_scatter(
                x=[curve.steps[-1]],
                y=[100 * curve.share[-1]],
                mode="markers",
                showlegend=False,
                marker={"symbol": "circle-open", "color": colour, "size": 10},
                hovertemplate=f"{name}: cut off<extra></extra>",
            )
    last = max(float(curve.steps[-1]) for _, curve, *_ in curves)
    labels = _labels([(name, curve) for name, curve, *_ in curves], last)
    figure.add_scatter(
        x=[label[0] for label in labels],
        y=[label[1] for label in labels],
        text=[label[2] for label in labels],
        textposition=[label[3] for label in labels],
        mode="text",
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
    )
    figure.update_xaxes(title_text="training step", range=[0, 1.05 * last], tickformat=",")
    runs = f" of {sizes.pop()} runs" if sizes != {1} and len(sizes) == 1 else ""
    low = -13 if any(label[3].startswith("bottom") for label in labels) else -3
    figure.update_yaxes(
        title_text=f"not grokked yet (%{runs})",
        range=[low, 114],  # a label stands above the highest curve
        tickvals=[0, 20, 40, 60, 80, 100],
    )
    figure.update_layout(
        height=390 + 21 * len(curves),  # of which the legend may take as many rows on a phone
        margin=MARGIN,
        legend=BELOW,
        showlegend=True,
        title_text="Later, or never?",
    )
    return figure


def _labels(curves: Sequence[tuple[str, Survival]], last: float) -> list[tuple]:
    """Step, height, words and place of the labels at the ends of curves; one where ends meet.

    Curves that come down to zero share one label beside the last, in the order in which they do.
    """
    ends: dict[tuple, list[tuple[float, str]]] = {}
    for name, curve in curves:
        step, height = float(curve.steps[-1]), round(100 * float(curve.share[-1]), 6)
        ends.setdefault((height, step if height else None), []).append((step, name))
    found = []
    for (height, _), those in ends.items():
        those.sort(key=lambda end: end[0])
        step, early = those[-1][0], those[-1][0] < 0.6 * last
        # beside a late fall to zero there is no room but below
        place = "bottom" if not height and not early else "top"
        words = _together([name for _, name in those])
        if early:
            words = f"\N{NO-BREAK SPACE}{words}"  # or its first letter stands on the curve
        found.append((step, height + 1, words, f"{place} {'right' if early else 'left'}"))
    return found


def _together(names: Sequence[str]) -> str:
    """Names of doses with one unit.

    >>> _together(["plain", "1 %", "3 %"])
    'plain, 1, 3 %'
    >>> _together(["1 %", "plain"])
    '1 %, plain'
    """
    pairs = zip(names, [*names[1:], ""], strict=True)
    return ", ".join(n.removesuffix(" %") if after.endswith(" %") else n for n, after in pairs)


def shifts(trials: Trials, arms: Sequence[Arm], doses: Sequence[float]) -> go.Figure:
    """Every control against the published deletion at equal dose, and the same-seed noise."""
    figure, floor = go.Figure(), trials.floor
    rows = [
        (f"{arm.title}, {100 * dose:g} %", found)
        for arm in arms
        if arm.name != OWN
        for dose in doses
        if (found := trials.shifts(arm.name, dose))
    ]
    if floor is not None:
        figure.add_vrect(x0=-floor, x1=floor, fillcolor=NULL_BAND[0], opacity=0.3, line_width=0)
    for bound, name, symbol in (
        ("", "every seed", "circle"),
        ("at least", "at least", "triangle-right-open"),
        ("at most", "at most", "triangle-left-open"),
    ):
        dots = [
            (change.percent, row, seed)
            for row, found in rows
            for seed, change in found.items()
            if change.bound == bound
        ]
        figure.add_scatter(
            x=[dot[0] for dot in dots],
            y=[dot[1] for dot in dots],
            customdata=[f"seed {dot[2]}" for dot in dots],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "color": INK, "size": 9},
            hovertemplate="%{customdata}<br>%{y}: %{x:.0f} points<extra></extra>",
        )
    means = [(row, mean) for row, found in rows if (mean := mean_of(found.values()))]
    sure = [(row, mean) for row, mean in means if mean.n > 1]
    figure.add_scatter(
        x=[mean.mean for _, mean in sure],
        y=[row for row, _ in sure],
        mode="markers",
        name="mean and interval over seeds",
        marker={"symbol": "diamond-open", "color": INK, "size": 14, "line": {"width": 2}},
        error_x={"type": "data", "array": [mean.high - mean.mean for _, mean in sure]},
        hovertemplate="%{y}: %{x:.0f} points<extra></extra>",
    )
    figure.update_yaxes(categoryorder="array", categoryarray=[row for row, _ in rows[::-1]])
    figure.update_yaxes(automargin=True)
    figure.update_xaxes(title_text="shift (points)", zeroline=True)
    figure.update_layout(
        height=30 * len(rows) + 260,
        margin=MARGIN,
        legend=BELOW,
        title_text="Does the way of deleting matter?",
    )
    return figure
