"""Falls and rises by hand."""

import numpy as np
import pytest

from grokbook.events import fall, rise

STEPS = np.arange(10) * 100


@pytest.mark.parametrize("row", [1, 2])
def test_fall_and_rise_against_plain_loops(row):
    generator = np.random.default_rng(2)
    for _ in range(100):
        curve = 10 ** np.cumsum(generator.normal(0, 0.2, 10))
        low = [curve[i] <= max(curve[: i + 1]) / 1.5 for i in range(10)]
        high = [curve[i] >= 1.5 * min(curve[: i + 1]) for i in range(10)]
        for detector, hit in ((fall, low), (rise, high)):
            expected = next(
                (100 * i for i in range(row - 1, 10) if all(hit[i - row + 1 : i + 1])), None
            )
            event = detector(1.5, "x", row=row)(STEPS, curve)
            assert event.step == expected
            if event.found:
                at = event.step // 100
                seen = curve[: at + 1]
                reference = max(seen) / 1.5 if detector is fall else 1.5 * min(seen)
                assert event.threshold == pytest.approx(reference)


def test_nothing_falls_from_nothing_nor_rises_above_it():
    assert not fall(2, "x")(STEPS, np.zeros(10)).found
    assert not rise(2, "x")(STEPS, np.zeros(10)).found
    assert fall(2, "x")(STEPS[:3], [0.0, 1.0, 0.0]).step == 200
    assert rise(2, "x")(STEPS[:3], [0.0, 1.0, 2.0]).step == 200


def test_falls_and_rises_need_a_factor_and_a_row():
    for make in (fall, rise):
        with pytest.raises(ValueError, match="above 1"):
            make(1.0, "x")
        with pytest.raises(ValueError, match="not 0"):
            make(2.0, "x", row=0)
