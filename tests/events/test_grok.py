"""Grok steps by hand."""

import numpy as np
import pytest

from grokbook.events import RULES, crossing, grok_step

STEPS = np.array([0, 1, 100, 200, 300, 400, 500, 600])
CURVE = np.array([0.01, 0.01, 0.91, 0.985, 0.97, 0.98, 0.99, 1.0])


def test_four_rules():
    assert {rule: grok_step(STEPS, CURVE, rule) for rule in RULES} == {
        "0.90": 100,
        "0.95": 200,
        "0.98": 200,
        "0.98x3": 600,
    }


def test_a_dip_starts_the_row_again_and_the_threshold_itself_counts():
    assert crossing(STEPS, CURVE, 0.98, row=2) == 500
    assert crossing(STEPS, np.full(8, 0.98), 0.98, row=3) == 100


def test_never():
    assert crossing(STEPS, np.zeros(8), 0.9) is None
    assert crossing(STEPS, CURVE, 0.9, row=9) is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: crossing(STEPS, CURVE[:-1], 1.1), "8 steps do not go with 7 accuracies"),
        (lambda: crossing(STEPS, CURVE[:-1], 0.0), "8 steps do not go with 7 accuracies"),
        (lambda: crossing(STEPS, CURVE, 0.9, row=0), "at least one evaluation, not 0"),
        (lambda: grok_step(STEPS, CURVE, "0.99"), "no rule '0.99'; there are 0.90, 0.95"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
