"""Figures of the fourth chapter: what is read off an axis, and what cannot be."""

import numpy as np

from grokbook.figures import incompressibility as draw


def test_every_five_directions_have_a_tick_and_the_axis_is_named_in_words():
    axis = draw.thresholds({"dual, λ = 1": {"published": [6, 20, None]}}, {}).layout.xaxis
    assert list(axis.tickvals) == [0, 5, 10, 15, 20, draw.BEYOND]
    assert list(axis.ticktext) == ["0", "5", "10", "15", "20", "never"]
    assert axis.title.text == "directions, k*"


def test_a_band_stays_within_what_an_accuracy_can_be():
    curves = [np.array([0.0, 50.0, 100.0]), np.array([0.2, 60.0, 99.9])]
    found = {"dual, λ = 1": {"own, random": curves}}
    null = next(name for name in draw.BASES if "," in name)
    band = draw.rebuilt({"dual, λ = 1": {null: found["dual, λ = 1"]["own, random"]}}).data[0]
    assert band.y.min() == 0 and band.y.max() == 100
    assert 60.5 in band.y and 49.5 in band.y  # elsewhere a point wide at the least
