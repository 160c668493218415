"""Figures of the second chapter: the figure and its table speak of one range."""

from types import SimpleNamespace

import pandas as pd
import pytest

from grokbook.chapters import integrability_paths as along
from grokbook.chapters import integrability_tables as tables
from grokbook.claims.readings.place import MATRICES
from grokbook.claims.registry import claims
from grokbook.figures import integrability as draw

SHARE = along.Share((60.0, 62.0), (50.0, 52.0), 44.0, 58.0)


def test_the_legend_and_the_table_name_the_range_that_is_drawn(monkeypatch):
    band = draw.first_shares({"0.W_Q": SHARE}, {}).data[0]
    assert (band.base[0], band.base[0] + band.y[0]) == (44, 58)
    monkeypatch.setattr(tables, "shares", lambda runs: dict.fromkeys(MATRICES, SHARE))
    table = tables.share_table([], claims("multitask", "integrability"))
    (column,) = (name for name in table.columns if "random walks" in name)
    assert along.BAND in column and along.BAND in band.name
    assert set(table[column]) == {"51.0 (44.0 to 58.0)"}


@pytest.mark.parametrize(("mean", "ends"), [(3.0, (0.0, 13.0)), (97.0, (87.0, 100.0))])
def test_a_band_of_walks_ends_where_shares_do(monkeypatch, mean, ends):
    rows = pd.DataFrame({"value": [mean / 100], "error": [0.05]})
    run = SimpleNamespace(at_stop=lambda *_, **__: rows)
    monkeypatch.setattr(along, "first_share", lambda *_: 50.0)
    found = along._share_of("0.W_Q", [run])
    assert (found.low, found.high) == pytest.approx(ends)
