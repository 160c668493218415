"""Padding of strings; what a decoder does on them is tested by its instruments."""

import pytest

from grokbook.geometry.strings import padded


def test_a_string_longer_than_the_padding_is_refused():
    assert padded([(0, 1, 1), ()], 3, 2) == [(0, 1, 1), (2, 2, 2)]
    assert padded([], 3, 2) == []
    with pytest.raises(ValueError, match="a string of 4 does not fit into 3"):
        padded([(0, 1), (0, 1, 1, 0)], 3, 2)
