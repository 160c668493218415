"""What the figures of all chapters share."""

from __future__ import annotations

from typing import Any

from grokbook.palette import PUBLISHED

BELOW = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}
"""The legend at the figure's foot, where it covers no axis however many panels there are."""

MARGIN = {"t": 70, "r": 10, "b": 110, "l": 70}
"""Pixels around one panel with a title above and a legend below."""


def hollow(symbol: str, size: int) -> dict[str, Any]:
    """The mark of what was published: hollow and grey in every figure.

    Args:
        symbol: Plotly's name of the filled one.
        size: in pixels.

    >>> hollow("diamond", 14)["symbol"]
    'diamond-open'
    """
    return {
        "symbol": f"{symbol}-open",
        "size": size,
        "color": PUBLISHED[0],
        "line": {"width": 2},
    }
