"""What every figure keeps to, read off its layout."""

import plotly.graph_objects as go

LETTER, ENTRY, FOOT = 8.4, 21, 66
"""Pixels, in Chromium: of a y title's letter, a legend's row, and the axis below the plot."""


def y_titles_fit_a_phone(figure: go.Figure) -> bool:
    """Is every y title shorter than its panel where the legend has one row an entry?

    A longer one runs through the figure's title.  Of one in several lines the longest counts.
    """
    entries = sum(trace.showlegend is not False for trace in figure.data)
    margin, height = figure.layout.margin, figure.layout.height
    plot = height - margin.t - max(margin.b, FOOT + ENTRY * entries)
    axes = [axis for axis in figure.select_yaxes() if axis.title.text]
    assert axes
    return all(
        LETTER * max(map(len, axis.title.text.split("<br>"))) <= plot * (high - low)
        for axis in axes
        for low, high in [axis.domain or (0, 1)]
    )
