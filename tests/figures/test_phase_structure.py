"""Figures of the third chapter: a setting has one mark on every picture."""

from dataclasses import replace

from figure_checks import y_titles_fit_a_phone
from grokbook.chapters.phase_structure import Depth
from grokbook.figures import phase_structure as draw

ONE = Depth("dual, seed 1", "dual", 1.0, "published", 40.0, 3.0, 900, 9, 1_000)
FOUND = [
    replace(ONE, setting=setting, protocol=protocol)
    for setting in ("dual", "tri")
    for protocol in ("published", "corrected")
]


def test_settings_are_told_apart_by_the_marks_of_the_explorable():
    figure = draw.depths(FOUND, {1.0: {"mean": -63.4, "sd": 11.9}})
    marks = {trace.name: trace.marker.symbol for trace in figure.data[1:]}
    assert marks == {
        "dual, as published": "circle-open",
        "dual, converged": "circle",
        "tri, as published": "triangle-up-open",
        "tri, converged": "triangle-up",
    }


def test_settings_stand_side_by_side_and_the_published_with_its_own():
    figure = draw.depths(FOUND, {1.0: {"mean": -63.4, "sd": 11.9}})
    assert [t.offsetgroup for t in figure.data] == ["dual", "dual", "dual", "tri", "tri"]
    assert figure.layout.scattermode == "group"
    assert len(draw.depths(FOUND[:2], {}).data) == 3, "no entry of a setting that is not there"


def test_titles_fit_a_phone():
    """The panels' as well: one in two lines runs into the panel above."""
    assert y_titles_fit_a_phone(draw.depths(FOUND, {1.0: {"mean": -63.4, "sd": 11.9}}))
    figure = draw.collapse([], [], {"dual": {1.0: 13_233.0, 0.1: 97_000.0}})
    assert y_titles_fit_a_phone(figure)
    letters = 28  # of a panel's title, 16 px high, on a page 390 px wide
    assert all(len(note.text) <= letters for note in figure.layout.annotations)
