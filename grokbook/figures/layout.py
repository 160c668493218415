"""What the figures of all chapters share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from grokbook.palette import PUBLISHED

BELOW = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}
"""The legend at the figure's foot, where it covers no axis however many panels there are."""

MARGIN = {"t": 70, "r": 10, "b": 110, "l": 70}
"""Pixels around one panel with a title above and a legend below."""


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """A logarithmic axis whose ticks are written out; those of Plotly are bare digits.

    Args:
        values: that it shows; what is not above zero has no place on it.

    >>> log_axis([0.08, 1.2])["ticktext"]
    ['0.1', '0.2', '0.5', '1']
    >>> log_axis([3, 40_000])["ticktext"]
    ['10', '100', '1,000', '10,000']
    """
    shown = [value for value in values if value > 0]
    if not shown:
        return {"type": "log"}
    low, high = min(shown), max(shown)
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 2, 5) if high / low < 1_000 else (1,)
    # written as text and read, or 2e-1 would be a sum of binary fractions
    ticks = [float(f"{step}e{k}") for k in exponents for step in steps]
    ticks = [tick for tick in ticks if low / 1.2 <= tick <= high * 1.2]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}


def hollow(symbol: str, size: int, colour: str = PUBLISHED[0]) -> dict[str, Any]:
    """The mark of what was published: hollow in every figure, and grey.

    Args:
        symbol: Plotly's name of the filled one.
        size: in pixels.
        colour: of a task, where marks of several tasks share a row.

    >>> hollow("diamond", 14)["symbol"]
    'diamond-open'
    """
    return {
        "symbol": f"{symbol}-open",
        "size": size,
        "color": colour,
        "line": {"width": 2},
    }
