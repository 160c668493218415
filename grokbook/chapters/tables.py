"""Tables as every chapter shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd


def keyed(rows: Sequence[Mapping[str, object]], key: str) -> pd.DataFrame:
    """A table with one header row: the key names the first column and the rows."""
    table = pd.DataFrame(rows, columns=None if rows else [key])
    return table.set_index(key).rename_axis(index=None, columns=key)
