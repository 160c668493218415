from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from grokbook import palette
from grokbook.palette import DARK_PAGE, LIGHT_PAGE, TASKS, contrast
from grokbook.tasks.operations import OPERATIONS

BOOK_CSS = Path(__file__).parents[2] / "grokbook" / "publishing" / "static" / "gb-book.css"

DECAYS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
DOSES = (0.01, 0.03, 0.07, 0.1, 0.25, 0.5)
PAGES = ((False, LIGHT_PAGE), (True, DARK_PAGE))


def test_the_dark_page_is_the_books():
    css = BOOK_CSS.read_text(encoding="utf-8")
    colours = re.findall(r"--pst-color-background:\s*(#[0-9a-fA-F]{6})", css)
    assert colours == [DARK_PAGE]


def test_every_task_has_a_colour():
    assert list(TASKS) == list(OPERATIONS)


def test_the_palette_needs_no_widgets():
    code = "import sys, grokbook.palette; sys.exit('anywidget' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_three_fixed_colours():
    assert palette.task_colour("add") == "#0072B2"
    assert palette.task_colour("mul") == "#D55E00"
    assert palette.task_colour("sq") == "#009E73"


@pytest.mark.parametrize(("dark", "page"), PAGES)
@pytest.mark.parametrize("task", TASKS)
def test_tasks_stand_out_from_the_page(task, dark, page):
    assert contrast(palette.task_colour(task, dark), page) >= 3
    assert contrast(palette.task_text_colour(task, dark), page) >= 4.5


@pytest.mark.parametrize(("dark", "page"), PAGES)
def test_decay_ramp_is_legible_and_light_means_weak(dark, page):
    colours = [palette.decay_colour(value, dark) for value in DECAYS]
    assert all(contrast(colour, page) >= 3 for colour in colours)
    lightness = [contrast(colour, "#000000") for colour in colours]
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(colours)) == len(DECAYS)


def test_decay_ramp_ends_and_refuses():
    assert palette.decay_colour(5.0) == palette.decay_colour(1.0)
    for value in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="weight decay"):
            palette.decay_colour(value)


@pytest.mark.parametrize("ground", [LIGHT_PAGE, DARK_PAGE])
def test_dose_ramp_is_legible_on_both_pages_and_pale_means_little(ground):
    assert all(contrast(palette.dose_colour(dose), ground) >= 3 for dose in (0, *DOSES, 1))
    lightness = [contrast(palette.dose_colour(dose), "#000000") for dose in DOSES]
    assert lightness == sorted(lightness, reverse=True) and len(set(lightness)) == len(DOSES)


def test_dose_ramp_ends_and_refuses():
    assert palette.dose_colour(1) == palette.dose_colour(0.5)
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="dose"):
            palette.dose_colour(value)


def test_a_dose_looks_like_nothing_else():
    others = {(name, dark): palette.task_colour(name, dark) for name in TASKS for dark in (0, 1)}
    others |= {("λ", v, dark): palette.decay_colour(v, dark) for v in DECAYS for dark in (0, 1)}
    others |= {("null", 0): palette.NULL_BAND[0], ("ink", 0): palette.INK}
    others |= {("published", dark): palette.PUBLISHED[dark] for dark in (0, 1)}
    for dose in DOSES:
        for name, other in others.items():
            assert _distance(palette.dose_colour(dose), other) > 25, (dose, name)


def test_neighbouring_doses_can_be_told_apart():
    colours = [palette.dose_colour(dose) for dose in DOSES]
    assert all(_distance(a, b) > 5 for a, b in zip(colours, colours[1:], strict=False))


@pytest.mark.parametrize(("dark", "page"), PAGES)
def test_published_and_nulls_stand_out(dark, page):
    assert contrast(palette.PUBLISHED[dark], page) >= 4.5
    assert contrast(palette.NULL_BAND[dark], page) >= 3
    assert contrast(palette.INK, page) >= 3


def test_no_colour_is_typed_twice():
    """A colour of its own in a figure was readable on one of the two pages alone."""
    package = BOOK_CSS.parents[2]
    typed = {
        f"{path.relative_to(package)}: {colour}"
        for path in package.rglob("*.py")
        if path.name != "palette.py"
        for colour in re.findall(r"#[0-9a-fA-F]{6}\b", path.read_text(encoding="utf-8"))
    }
    assert not typed


def _lab(colour: str) -> tuple[float, float, float]:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    ]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(m * c for m, c in zip(row, linear, strict=True)) for row in rows]
    x, y, z = (
        v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116
        for v in (xyz[0] / 0.9505, xyz[1], xyz[2] / 1.089)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _distance(first: str, second: str) -> float:
    return sum((p - q) ** 2 for p, q in zip(_lab(first), _lab(second), strict=True)) ** 0.5


@pytest.mark.parametrize("dark", [False, True])
def test_no_two_tasks_look_alike(dark):
    for first, second in combinations(TASKS, 2):
        distance = _distance(palette.task_colour(first, dark), palette.task_colour(second, dark))
        assert distance > 25, (first, second, distance)


def test_css_carries_the_same_numbers():
    css = palette.css_variables(".box")
    light, dark = css.split("\n")[:2]
    for task in TASKS:
        assert f"--gb-task-{task}:{palette.task_colour(task)}" in light
        assert f"--gb-task-{task}:{palette.task_colour(task, dark=True)}" in dark
    assert 'html[data-theme="dark"] .box' in dark
    assert 'body[data-jp-theme-light="false"] .box' in dark


def test_unknown_task_is_named():
    with pytest.raises(ValueError, match="'div'.*add, mul"):
        palette.task_colour("div")
