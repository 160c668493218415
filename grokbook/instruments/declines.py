"""How far g23 of a run's windows has declined: rows for ``edge`` and ``spectral-edge``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokbook.geometry.edge_decline import Decline, decline
from grokbook.geometry.spectral_edge import Edge
from grokbook.instruments.instrument import Quantity

SERIES = {"": ("squared norm", "g23"), "_share": ("1", "g23 / Σσ²")}
"""Units and names of what declines, by the end of the quantities' names."""

DECLINES = {
    "ratio_early": Quantity("1", "mean R before the grok step, or of all windows"),
    **{
        name + suffix: Quantity(unit if name in ("early", "at_grok") else "1", meaning)
        for suffix, (unit, of) in SERIES.items()
        for name, meaning in (
            ("early", f"largest {of} before the grok step (95 %), or of all windows"),
            ("at_grok", f"{of} of the last window up to the grok step"),
            ("decline", f"of {of}: early / at grok; declined as published if > 1.5"),
            ("increases", f"times that {of} rose from its maximum to the grok step"),
        )
    },
}
"""What `declines` gives."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Series:
    """Windows one after another, to ask how far their g23 has declined.

    Attributes:
        ends: (n,) steps at which the windows end.
        ratios: (n,) R of each.
        ratio_errors: (n,) bounds on their rounding.
        gaps: (n,) g23 of each and its bound, by `SERIES`.
    """

    ends: np.ndarray
    ratios: np.ndarray
    ratio_errors: np.ndarray
    gaps: dict[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, ends: np.ndarray, edges: Sequence[Edge]) -> Series:
        """Of the spectral edge of each."""

        def each(name: str) -> np.ndarray:
            return np.array([getattr(one, name) for one in edges])

        gaps = {end: (each(f"g23{end}"), each(f"g23{end}_error")) for end in SERIES}
        return cls(ends, each("ratio"), each("ratio_error"), gaps)

    def decline(self, suffix: str, grok: int | None) -> Decline:
        """Of one of `SERIES`, as of a grok step."""
        gaps, errors = self.gaps[suffix]
        about = {"errors": errors, "ratio_errors": self.ratio_errors}
        return decline(self.ends, gaps, self.ratios, grok, **about)


def declines(series: Series, grok: int | None) -> Iterator[dict[str, Any]]:
    """The published statistics of the run's own grok step; of none there is the early value.

    Args:
        series: of the run's windows.
        grok: the grok step; nothing is yielded if no window ends before it.
    """
    ends = series.ends
    if not len(ends) or (grok is not None and grok <= ends[0]):
        return
    for suffix in SERIES:
        found = series.decline(suffix, grok)
        about = {"step": int(ends[-1] if grok is None else grok), "count": found.windows}
        for name in ("early", "at_grok", "decline") if grok is not None else ("early",):
            value, error = getattr(found, name), getattr(found, f"{name}_error")
            yield {"quantity": f"{name}{suffix}", "value": value, "error": error} | about
        if grok is not None:
            yield {"quantity": f"increases{suffix}", "value": float(found.increases)} | about
        if not suffix:
            row = {"value": found.ratio_early, "error": found.ratio_error}
            yield {"quantity": "ratio_early"} | row | about
