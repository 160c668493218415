"""Series: what is refused, what is left out, and how an event is dated."""

import math

import pytest

from grokbook.events.series import Detector, Readings


def at_least_two(series):
    return series.first(series.values >= 2, 2.0, row=2)


DETECTOR = Detector("two", "x", "2 twice", at_least_two)


def test_an_event_says_where_and_between_what():
    event = DETECTOR([0, 100, 250, 300], [1.0, 2.0, 2.5, 3.0])
    assert (event.step, event.after, event.known) == (250, 100, 250)
    assert (event.value, event.threshold) == (2.5, 2.0)
    assert event.found and event.reason == "" and event.readings == 4 and event.undefined == 0


def test_the_first_reading_has_none_before_it():
    detector = Detector("one", "x", "", lambda s: s.first(s.values > 0, 0.0))
    assert detector([7], [1.0]).after is None


def test_an_undefined_reading_is_left_out_counted_and_breaks_a_row():
    values = [1.0, 2.0, math.nan, 2.0, math.inf, 2.0, 2.0]
    event = DETECTOR(range(7), values)
    assert event.step == 6 and event.undefined == 2 and event.readings == 5
    assert DETECTOR(range(6), values[:6]).reason == "never"


def test_a_broken_row_starts_from_nothing():
    detector = Detector("three", "x", "", lambda s: s.first(s.values >= 2, 2.0, row=3))
    values = [2.0, 2.0, math.nan, 2.0, 2.0, 2.0]
    assert detector(range(6), values).step == 5
    assert not detector(range(5), values[:5]).found


def test_no_reading_after_until_is_used():
    assert DETECTOR([0, 100, 200], [2.0, 2.0, 2.0], until=99).step is None
    assert DETECTOR([0, 100, 200], [2.0, 2.0, 2.0], until=100).step == 100


@pytest.mark.parametrize("values", [[], [math.nan], [math.nan] * 3])
def test_a_series_of_nothing_has_no_event(values):
    event = DETECTOR(range(len(values)), values)
    assert event.step is None and event.readings == 0 and math.isnan(event.value)


@pytest.mark.parametrize(
    ("steps", "values", "says"),
    [
        ([0, 100], [1.0], "do not fit"),
        ([[0]], [[1.0]], "do not fit"),
        ([0, 100, 100], [1.0] * 3, "ascend"),
        ([100, 0], [1.0] * 2, "ascend"),
        ([-100, 0], [1.0] * 2, "ascend"),
        ([0, 0.5], [1.0] * 2, "whole"),
    ],
)
def test_what_is_no_series_is_refused(steps, values, says):
    with pytest.raises(ValueError, match=says):
        Readings.of(steps, values)
