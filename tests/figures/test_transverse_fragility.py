"""Figures of the fifth chapter: doses by colour and label, ways of deleting by mark."""

from dataclasses import replace

import numpy as np
import pytest

from explorable_harness import ARMS, small_trials
from figure_checks import y_titles_fit_a_phone
from grokbook.chapters import transverse_fragility_clock as size
from grokbook.figures import transverse_fragility as draw
from grokbook.figures import transverse_fragility_clock as clock
from grokbook.palette import INK, NULL_BAND, dose_colour
from grokbook.statistics import survival
from grokbook.studies.arms import OWN
from grokbook.studies.deletion import mean_of


@pytest.fixture(scope="module")
def trials():
    return small_trials()


def test_a_dose_has_its_colour_in_every_figure(trials):
    lines = {t.name: t.line for t in draw.survivals(trials).data if t.mode == "lines"}
    assert lines["7 % (n = 3)"].color == dose_colour(0.07)
    assert lines["plain (n = 3)"].color == NULL_BAND[0]
    marks = [t for t in draw.dose_response(trials, {}, None).data if t.name.startswith("ours")]
    assert sum(len(trace.x) for trace in marks) == sum(t.arm == OWN for t in trials.deleted)
    for trace in marks:
        assert list(trace.marker.color) == [
            dose_colour(float(x.removesuffix(" %")) / 100) for x in trace.x
        ]


def test_plain_marks_are_every_execution_and_open_ends_are_of_runs_cut_off(trials):
    (plain,) = (t for t in draw.dose_response(trials, {}, None).data if t.name.startswith("plain"))
    assert len(plain.x) == len(trials.plain) + len(trials.again)
    figure = draw.survivals(trials)
    ends = [t for t in figure.data if t.mode == "markers"]
    lasting = [t for t in figure.data if t.mode == "lines" and t.y[-1] > 0]
    assert [(t.x[0], t.y[0]) for t in ends] == [(t.x[-1], t.y[-1]) for t in lasting] != []


def test_error_bars_are_the_upper_half_of_the_interval(trials):
    two = replace(trials, plain=trials.plain[:2])
    arms, doses = [arm for arm in ARMS if arm.name in (OWN, "update")], (0.07,)
    (bars,) = (t for t in draw.shifts(two, arms, doses).data if t.name.startswith("mean"))
    found = mean_of(two.shifts("update", 0.07).values())
    assert list(bars.error_x.array) == [found.high - found.mean] and list(bars.x) == [found.mean]


def test_neighbouring_curves_differ_without_colour_too(trials):
    lines = [t.line for t in draw.survivals(trials).data if t.mode == "lines"][1:]
    assert all(
        a.dash != b.dash and a.width < b.width for a, b in zip(lines, lines[1:], strict=False)
    )


def test_every_curve_is_named_at_its_end(trials):
    (labels,) = (trace for trace in draw.survivals(trials).data if trace.mode == "text")
    said = " ".join(labels.text)
    assert all(name in said for name in ("plain", "3", "7 %", "25 %"))
    assert "%" not in labels.text[0].split("3")[0], "one unit a label"


def _curve(*steps, last=60_000):
    return survival([step if step < last else None for step in steps], list(steps))


def test_curves_that_end_together_share_a_label():
    curves = [
        ("plain", _curve(9_000, 16_000)),
        ("1 %", _curve(9_500, 15_000)),
        ("7 %", _curve(9_500, 60_000)),
        ("10 %", _curve(60_000, 60_000)),
        ("25 %", _curve(60_000, 60_000)),
    ]
    found = [(words.strip(), place) for *_, words, place in draw._labels(curves, 60_000.0)]
    assert found == [
        ("1 %, plain", "top right"),
        ("7 %", "top left"),
        ("10, 25 %", "top left"),
    ]
    (late,) = draw._labels([("3 %", _curve(40_000, 50_000))], 60_000.0)
    assert late[2:] == ("3 %", "bottom left"), "its own curve falls where the words would stand"


def test_how_many_runs_there_are_is_said_once_where_all_curves_have_as_many(trials):
    same = replace(trials, deleted=tuple(t for t in trials.deleted if t.dose == 0.07))
    figure = draw.survivals(same)
    assert figure.layout.yaxis.title.text == "not grokked yet (% of 3 runs)"
    assert [t.name for t in figure.data if t.mode == "lines"] == ["plain", "7 %"]
    assert y_titles_fit_a_phone(figure)
    assert draw.survivals(trials).layout.yaxis.title.text == "not grokked yet (%)"


def test_controls_are_grey_and_have_a_mark_each(trials):
    marks = [mark for mark in size.clock(trials) if mark.grok is not None]
    controls = {mark.kind for mark in marks if mark.deleted} - {OWN}
    assert len(controls) > 1
    looks = {trace.name: trace.marker for trace in clock.norm_clock(marks, ARMS).data[1:]}
    grey = {name: m.symbol for name, m in looks.items() if name.startswith("control: ")}
    assert len(grey) == len(set(grey.values())) == len(controls)
    assert all(looks[name].color == NULL_BAND[0] for name in (*grey, "plain"))
    assert looks["deleted, as published"].color == INK
    symbols = [marker.symbol for marker in looks.values()]
    assert len(set(symbols)) == len(symbols)


def test_no_mark_of_the_clock_is_lost_where_all_are_cut_off(trials):
    marks = [replace(mark, grok=None) for mark in size.clock(trials)]
    names = [trace.name for trace in clock.norm_clock(marks, ARMS).data[1:]]
    assert names == [f"{who}, cut off: later, or never" for who in ("plain", "deleted", "control")]
    drawn = [y for trace in clock.norm_clock(marks, ARMS).data[1:] for y in trace.y]
    assert np.array_equal(sorted(drawn), sorted(mark.end for mark in marks))
