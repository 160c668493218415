"""Placebos: each threshold from either side, and one interface for all."""

import math

import numpy as np
import pytest

from grokbook.events import (
    MEMORISATION,
    PLACEBOS,
    above,
    below,
    below_share,
    constant_step,
    crossing,
)

STEPS = np.array([0, 1, 100, 200, 300])


def test_each_side_of_each_threshold():
    assert below(0.1, "train_loss")(STEPS, [4.0, 4.0, 0.1, 0.0999, 0.2]).step == 200
    assert above(0.99, "train_accuracy")(STEPS, [0.0, 0.0, 0.989, 0.99, 0.5]).step == 200
    assert below_share(0.5, "norm")(STEPS, [8.0, 9.0, 4.0, 3.9, 1.0]).step == 200
    assert constant_step(101)(STEPS, np.zeros(5)).step == 200
    assert constant_step(100)(STEPS, np.zeros(5)).step == 100


def test_never():
    assert below(0.1, "train_loss")(STEPS, np.ones(5)).reason == "never"
    assert constant_step(301)(STEPS, np.ones(5)).reason == "never"
    assert below_share(0.5, "norm")(STEPS, np.zeros(5)).reason == "no baseline"
    assert below_share(0.5, "norm")([], []).reason == "no baseline"


def test_a_constant_step_does_not_look():
    values = np.random.default_rng(0).normal(size=5)
    assert constant_step(150)(STEPS, values).step == constant_step(150)(STEPS, -values).step


def test_memorisation_is_the_first_crossing():
    accuracy = np.random.default_rng(1).uniform(0.9, 1.0, (50, 5))
    for row in accuracy:
        assert MEMORISATION(STEPS, row).step == crossing(STEPS, row, 0.99)


def test_the_fixed_placebos():
    texts = {name: placebo.text for name, placebo in PLACEBOS.items()}
    assert texts == {
        "constant": "step 1,000",
        "loss": "train loss < 0.1",
        "memorisation": "train accuracy ≥ 0.99",
        "norm": "parameter norm < 0.5 × its first value",
    }
    for placebo in PLACEBOS.values():
        assert placebo(STEPS, np.full(5, math.nan)).undefined == 5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: constant_step(-1), "-1"),
        (lambda: below(math.nan, "x"), "nan"),
        (lambda: above(math.inf, "x"), "inf"),
        (lambda: below_share(1.0, "x"), "1.0"),
        (lambda: below_share(0.0, "x"), "0.0"),
    ],
)
def test_impossible_placebos_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
