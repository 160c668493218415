"""Thinning by rank and at a stride."""

import numpy as np

from grokbook.thinning import one_in, strided, thin


def test_thin_keeps_both_ends():
    steps = np.arange(0, 30_100, 100)
    kept = thin(steps, 64)
    assert len(kept) == 64 and kept[0] == 0 and kept[-1] == 30_000
    assert thin(steps[:5], 64).tolist() == steps[:5].tolist()
    assert thin(steps[:8], 4).tolist() == [0, 200, 500, 700]  # to the nearest of 0, 2⅓, 4⅔, 7


def test_a_stride_keeps_equal_gaps_and_both_ends():
    for count in (1, 2, 109, 110, 111, 333):
        kept = strided(count, 110)
        assert kept[0] == 0 and kept[-1] == count - 1 and len(kept) <= 111
        assert len(set(np.diff(kept)[:-1].tolist())) <= 1
    assert strided(110, 110).tolist() == list(range(110))
    assert one_in(10, 11).tolist() == [0, 10]
