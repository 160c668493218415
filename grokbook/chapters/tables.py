"""Tables as every chapter shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from grokbook.instruments.runs import Run

_UNBROKEN = re.compile(r"\[[^]<]*\]|\d of \d")
"""An interval may leave its mean, but does not break itself; nor does a count."""


class Whole(pd.DataFrame):
    """A table that a page shows whole: pandas alone cuts long cells and leaves out rows.

    ``attrs["wraps"]`` says whether its cells may break into lines on a wide screen as well.
    """

    @property
    def _constructor(self) -> type[Whole]:
        return Whole

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            text = self.to_html(classes="gb-wraps" if self.attrs.get("wraps") else None)
        return _UNBROKEN.sub(lambda found: found[0].replace(" ", "\u00a0"), text)


def keyed(rows: Sequence[Mapping[str, object]], key: str, *, wraps: bool = False) -> pd.DataFrame:
    """A table with one header row: the key names the first column and the rows.

    Args:
        rows: column ↦ entry, the key among them.
        key: of the first column.
        wraps: may long entries break into lines?
    """
    table = Whole(rows, columns=None if rows else [key])
    table.attrs["wraps"] = wraps
    return table.set_index(key).rename_axis(index=None, columns=key)


def computed_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The measured runs behind a page, what they cost and what was measured on them."""
    rows = [
        {
            "run": run.config.label,
            "execution": run.name,
            "steps": f"{run.record.last_step:,}",
            "training (core-s)": f"{run.record.seconds:,.0f}",
            "measuring (core-s)": f"{run.seconds - run.record.seconds:,.0f}",
            "measured by": ", ".join(sorted({m.instrument for m in run.measurements})) or "–",
        }
        for run in runs
    ]
    return keyed(rows, "run", wraps=True)
