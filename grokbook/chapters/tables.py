"""Tables as every chapter shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from grokbook.instruments.runs import Run


def keyed(rows: Sequence[Mapping[str, object]], key: str) -> pd.DataFrame:
    """A table with one header row: the key names the first column and the rows."""
    table = pd.DataFrame(rows, columns=None if rows else [key])
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
    return keyed(rows, "run")
