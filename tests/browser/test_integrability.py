"""The second chapter's explorable in Chromium, on bare pages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from explorable_checks import (
    assert_drawn_within_a_frame,
    assert_fits_a_phone,
    assert_readable,
    control,
    dress,
    on_paper,
    overlaps,
    stroke,
    turn,
)
from explorable_harness import (
    SETTLE,
    hex_of,
    move,
    show,
    small_courses,
    standing_text,
    synthetic_course,
    write_page,
)
from grokbook.events import FACTORS
from grokbook.palette import DARK_PAGE, contrast, task_colour
from grokbook.widgets import Integrability, lead_sentence

LEFT, RIGHT = 52, 14
"""Pixels that a chart leaves free beside its plot."""

RUN = 3
"""The course that the page opens on: seed 137 at λ = 1."""


@pytest.fixture(scope="module")
def courses():
    """As the explorable sorts them: without decay, at 0.5, two at 1."""
    return sorted(small_courses(), key=lambda c: (c.weight_decay, c.seed))


@pytest.fixture(scope="module")
def frames(courses):
    return Integrability(courses).frames


@pytest.fixture(scope="module")
def folder(courses, tmp_path_factory):
    """Pages: index, alone (measured without another seed), long (of published lengths)."""
    root = tmp_path_factory.mktemp("integrability")
    write_page(root, Integrability(courses, run=RUN, frame=0))
    one = courses[RUN]
    unknown = dict(one.shares) | {"other": np.full(len(one.shared), np.nan)}
    write_page(root, Integrability([replace(one, shares=unknown)]), name="alone.html")
    long = [synthetic_course(seed, grok=15_000, last=17_000) for seed in (42, 137, 2024)]
    long.append(synthetic_course(42, grok=None, weight_decay=0.0, last=50_000))
    write_page(root, Integrability(long, run=0), name="long.html")
    return root


@pytest.fixture
def defect(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def lines(page, kind, within=".gb-stack"):
    return page.locator(f"{within} .{kind}")


def place(page, step, last):
    """Where a step lies in the defect's chart, in its own units."""
    width = float(page.locator(".gb-panel").last.get_attribute("width"))
    return LEFT + step / last * (width - LEFT - RIGHT)


def at(steps, step):
    return int(np.searchsorted(steps, step, side="right")) - 1


def words(course, protocol, factor):
    """What the list says of a run."""
    onset = course.onsets[protocol][FACTORS.index(factor)]
    if course.grok is None:
        return ("no flag" if onset is None else f"flag at {onset:,}") + "; never groks"
    if onset is None:
        return f"no flag before {course.grok:,}"
    if onset < course.grok:
        return f"flag {course.grok - onset:,} steps before grokking"
    return f"flag {onset - course.grok:,} steps after grokking"


def test_it_draws_every_part(defect, courses):
    assert defect.locator(".gb-failed").count() == 0
    expect(defect.locator(".gb-title")).to_have_text("Does curvature announce understanding?")
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0))
    assert defect.locator(".gb-panel").count() == 3
    assert lines(defect, "gb-test").count() == 2
    assert lines(defect, "gb-hollow").count() == len(courses[RUN].read)
    assert defect.locator(".gb-lane").count() == len(courses)
    expect(defect.locator(".gb-lane").nth(RUN)).to_have_attribute("aria-checked", "true")
    for path in defect.locator(".gb-explorable path").all():
        assert "NaN" not in (path.get_attribute("d") or "")


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_the_slider_moves_charts_plane_and_strip(defect, courses, frames, share):
    course = courses[RUN]
    end = int(defect.locator(".gb-slider").get_attribute("max"))
    assert frames[end] >= course.last_step > frames[end - 1]
    frame = round(share * end)
    move(defect, frame)
    step = min(frames[frame], course.last_step)
    for cursor in lines(defect, "gb-cursor").all():
        for end_of_line in ("x1", "x2"):
            found = float(cursor.get_attribute(end_of_line))
            assert found == pytest.approx(place(defect, step, course.last_step), abs=0.01)
    assert lines(defect, "gb-cursor").count() == 3
    in_lists = defect.locator(".gb-track .gb-cursor").evaluate_all(
        "all => all.map((c) => c.getAttribute('x1'))"
    )
    assert len(set(in_lists)) == 1
    gone = defect.locator(".gb-gone").get_attribute("d")
    assert len(re.findall("[ML]", gone)) == at(course.path, step) + 1
    now = defect.locator(".gb-now")
    x, y = (float(number) for number in re.split("[ML]", gone)[-1].split())
    assert float(now.get_attribute("cx")) == pytest.approx(x, abs=0.06)
    assert float(now.get_attribute("cy")) == pytest.approx(y, abs=0.06)
    i = at(course.shared, step)
    own = float(np.float32(course.shares["own"][i]))
    said = defect.locator(".gb-strip + figcaption").text_content()
    assert said.startswith(f"At step {course.shared[i]:,}: ")
    inside, digits, power = re.search(
        r": (\S+) of its norm is inside, so ρ = 1 − (\S+)\s×\s10⁻(\S)\.$", said
    ).groups()
    assert float(inside) == pytest.approx(own, rel=0.05)
    left = float(digits) * 10.0 ** -"⁰¹²³⁴⁵⁶⁷⁸⁹".index(power)
    assert left == pytest.approx(1 - np.sqrt(1 - own**2), rel=0.05)
    expect(defect.locator(".gb-when")).to_have_text(f"step {step:,}")


def test_the_strips_mark_moves_with_the_share(defect):
    def mark():
        return float(defect.locator(".gb-share-own").get_attribute("cx"))

    move(defect, 0)
    before = mark()
    move(defect, 90)
    assert mark() > before + 5


def test_the_switch_shows_truth_rounding_and_chance_and_hides_them_again(defect, courses):
    def shown():
        return {
            "true line": lines(defect, "gb-ours").count(),
            "band": lines(defect, "gb-null").count(),
            "rows": defect.locator(".gb-strip [data-kind]").evaluate_all(
                "all => all.map((mark) => mark.dataset.kind)"
            ),
            "walk": "random walk" in defect.locator(".gb-plane + figcaption").text_content(),
            "legend": "rounding alone" in defect.locator(".gb-legend").text_content(),
        }

    plain = shown()
    assert plain == {"true line": 0, "band": 0, "rows": ["own"], "walk": False, "legend": False}
    control(defect)
    assert shown() == {
        "true line": 1,
        "band": 1,
        "rows": ["own", "matched", "whole", "other"],
        "walk": True,
        "legend": True,
    }
    assert lines(defect, "gb-ours").get_attribute("d") != lines(defect, "gb-theirs").get_attribute(
        "d"
    )
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0, control=True))
    widths = defect.locator(".gb-strip rect.gb-null").evaluate_all(
        "all => all.map((band) => +band.getAttribute('width'))"
    )
    assert min(widths) >= 3
    control(defect)
    assert shown() == plain
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0))


@pytest.mark.parametrize("true", [False, True])
def test_the_knob_moves_flag_and_words_to_what_python_says(defect, courses, true):
    course, protocol = courses[RUN], ("published", "corrected")[true]
    if true:
        control(defect)
    for factor in FACTORS:
        turn(defect, factor)
        said = defect.locator(".gb-lane .gb-result").all_text_contents()
        assert said == [words(one, protocol, factor) for one in courses]
        expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, factor, true))
        onset = course.onsets[protocol][FACTORS.index(factor)]
        flag = lines(defect, "gb-flag")
        assert flag.count() == (onset is not None)
        if onset is not None:
            found = float(flag.get_attribute("x1"))
            assert found == pytest.approx(place(defect, onset, course.last_step), abs=0.01)
            expect(lines(defect, "gb-flag-text")).to_have_text(f"{factor:g}-fold")
    both = {one.onsets[protocol] for one in courses}
    assert None in {step for steps in both for step in steps}, "some flag never goes up"


def test_the_grok_step_is_marked_in_every_chart(defect, courses):
    course = courses[RUN]
    marks = lines(defect, "gb-grok")
    assert marks.count() == 3
    for mark in marks.all():
        found = float(mark.get_attribute("x1"))
        assert found == pytest.approx(place(defect, course.grok, course.last_step), abs=0.01)
    defect.locator(".gb-lane").first.click()  # never groks
    assert marks.count() == 0


def test_a_click_on_a_run_changes_every_part(defect, courses):
    before = lines(defect, "gb-theirs").get_attribute("d")
    for index, course in enumerate(courses):
        defect.locator(".gb-lane").nth(index).click()
        expect(defect.locator(".gb-lane").nth(index)).to_have_attribute("aria-checked", "true")
        expect(defect.locator(".gb-lane[aria-checked=true]")).to_have_count(1)
        expect(defect.locator("code")).to_have_text(course.command)
        held = defect.locator(".gb-plane + figcaption")
        expect(held).to_contain_text(f"whole path, to step {course.path[-1]:,}.")
        expect(held).to_contain_text(f"PC1 holds {100 * course.held[0]:.1f} % of its variance")
        assert course.label in defect.locator(".gb-panel").last.get_attribute("aria-label")
        drawn = len(re.findall("[ML]", lines(defect, "gb-theirs").get_attribute("d")))
        assert drawn == len(course.read)
    defect.locator(".gb-lane").nth(1).click()
    assert lines(defect, "gb-theirs").get_attribute("d") != before


def test_a_click_in_a_chart_moves_the_slider_there(defect, courses, frames):
    course = courses[RUN]
    box = defect.locator(".gb-panel").first.bounding_box()
    width = float(defect.locator(".gb-panel").first.get_attribute("width"))
    x = place(defect, 6_000, course.last_step) * box["width"] / width
    defect.mouse.click(box["x"] + x, box["y"] + 50)
    frame = int(defect.locator(".gb-slider").input_value())
    gaps = np.abs(np.array(frames) - 6_000)
    assert gaps[frame] <= gaps.min() + 100
    tip = defect.locator(".gb-tip")
    expect(tip).to_be_visible()
    read = float(np.float32(course.defects["published"][at(course.read, 6_000)]))
    assert f"published {read:.3g}" in tip.text_content()
    assert "true" not in tip.text_content()
    control(defect)
    defect.mouse.move(box["x"] + x, box["y"] + 60)
    expect(tip).to_contain_text(re.compile(r"true [\d.]+, rounding [\d.]+"))


def test_keys(defect):
    slider = defect.locator(".gb-slider")
    slider.focus()
    defect.keyboard.press("ArrowRight")
    defect.keyboard.press("ArrowRight")
    assert slider.input_value() == "2"
    defect.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max")
    defect.locator(".gb-lane[tabindex='0']").focus()
    defect.keyboard.press("ArrowDown")  # comes round
    expect(defect.locator(".gb-lane").first).to_have_attribute("aria-checked", "true")
    expect(defect.locator(".gb-lane").first).to_be_focused()
    defect.keyboard.press("End")
    expect(defect.locator(".gb-lane").nth(RUN)).to_have_attribute("aria-checked", "true")
    defect.locator(".gb-knob input[value='10']").focus()
    defect.keyboard.press("ArrowRight")
    expect(lines(defect, "gb-flag-text")).to_have_text("20-fold")
    defect.locator(".gb-switch input").first.focus()
    defect.keyboard.press("Space")
    assert lines(defect, "gb-ours").count() == 1


def test_tau_is_refused_without_decay_and_says_why(defect, courses, frames):
    box = defect.locator(".gb-switch input").nth(1)
    defect.get_by_text("Count time as").click()
    move(defect, 50)
    tau = courses[RUN].learning_rate * courses[RUN].weight_decay * frames[50]
    expect(defect.locator(".gb-when")).to_have_text(f"τ = {tau:.2f}, step {frames[50]:,}")
    expect(defect.locator(".gb-panel .gb-axis-title")).to_have_text("τ = ηλt")
    still = defect.locator(".gb-lane").first
    expect(still.locator(".gb-result")).to_have_text("τ stays 0: no weight decay")
    still.click()
    expect(box).to_be_disabled()
    expect(box).not_to_be_checked()
    expect(defect.get_by_text("without weight decay τ stays 0")).to_be_visible()
    assert defect.locator(".gb-when").text_content().startswith("step ")
    defect.locator(".gb-lane").nth(1).click()
    expect(box).to_be_checked()


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_restores_the_view(quiet, bench, folder, scheme, courses, frames):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    page.locator(".gb-lane").nth(1).click()
    move(page, 33)
    turn(page, 50)
    control(page)
    page.get_by_text("Count time as").click()
    page.wait_for_timeout(SETTLE)
    address = page.url
    run = courses[1].run_id
    assert address.endswith(f"#defect.run-{run}.frame-33.factor-50.control.tau")
    assert page.evaluate("document.querySelector(location.hash) === null")
    seen = standing_text(page)
    show(page, address)
    expect(page.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".gb-knob input[value='50']")).to_be_checked()
    assert page.locator(".gb-slider").input_value() == "33"
    assert lines(page, "gb-ours").count() == 1
    assert page.locator(".gb-when").text_content().startswith("τ = ")
    assert standing_text(page) == seen
    assert page.url == address


def test_a_mangled_address_is_ignored(quiet, bench):
    page = show(quiet, f"{bench}/index.html#defect.run-nobody.frame-x.factor-7.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    assert page.locator(".gb-slider").input_value() == "0"
    expect(page.locator(".gb-knob input[value='10']")).to_be_checked()


def test_without_another_seed_its_row_is_left_out(quiet, bench):
    page = show(quiet, f"{bench}/alone.html")
    control(page)
    kinds = page.locator(".gb-strip [data-kind]").evaluate_all(
        "all => all.map((mark) => mark.dataset.kind)"
    )
    assert kinds == ["own", "matched", "whole"]


def test_a_screen_reader_hears_step_and_share(defect, frames):
    move(defect, 40)
    live = defect.locator(".gb-live")
    expect(live).to_contain_text(f"step {frames[40]:,}; At step ")
    expect(live).to_contain_text("of its norm is inside, so ρ = 1 − ")


def test_play_goes_on_and_rests(defect):
    button = defect.locator(".gb-play")
    assert defect.locator(".gb-slider").input_value() == "0"  # nothing moves by itself
    button.click()
    defect.wait_for_timeout(700)
    assert int(defect.locator(".gb-slider").input_value()) > 0
    expect(button).to_have_text("Pause")
    move(defect, 60)
    expect(button).to_have_text("Play")


def test_the_download_holds_the_courses_numbers(defect, courses):
    for index in (RUN, 0):
        course = courses[index]
        defect.locator(".gb-lane").nth(index).click()
        with defect.expect_download() as caught:
            defect.get_by_text("Download this data").click()
        assert caught.value.suggested_filename == f"grokbook-{course.run_id}.csv"
        text = Path(caught.value.path()).read_text()
        head, *rows = text.removesuffix("\n").split("\n")
        assert head == "step,tau,defect_published,defect_true,rounding"
        table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
        assert np.array_equal(table[:, 0], course.read)
        tau = course.learning_rate * course.weight_decay * course.read
        assert table[:, 1] == pytest.approx(tau, rel=1e-5)
        for column, values in zip(
            table[:, 2:].T,
            (course.defects["published"], course.defects["corrected"], course.rounding),
            strict=True,
        ):
            assert np.array_equal(column.astype("f4"), values.astype("f4"))
    defect.get_by_text("Re-run this point").click()
    expect(defect.get_by_text(courses[0].command)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_read(defect, theme):
    control(defect)
    dress(defect, theme)
    assert_readable(defect, least=60)
    page = {"light": "#ffffff", "dark": DARK_PAGE}[theme]
    for kind in ("gb-test", "gb-theirs", "gb-ours", "gb-plain", "gb-grok", "gb-flag", "gb-hollow"):
        assert contrast(stroke(lines(defect, kind).first), page) >= 3, kind
    assert (
        stroke(lines(defect, "gb-test").first) == task_colour("add", dark=theme == "dark").lower()
    )


def test_on_paper_it_is_light_and_without_buttons(defect, courses):
    control(defect)
    on_paper(defect)
    for name in (".gb-play", ".gb-foot"):
        expect(defect.locator(name)).to_be_hidden()
    assert stroke(lines(defect, "gb-test").first) == task_colour("add").lower()
    assert contrast(stroke(lines(defect, "gb-ours").first), "#ffffff") >= 7
    ground = defect.locator(".gb-explorable").evaluate("el => getComputedStyle(el).backgroundColor")
    assert hex_of(ground) == "#ffffff"
    assert_readable(defect)
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0, control=True))
    assert defect.pdf().startswith(b"%PDF")


def test_paper_cannot_flip_a_switch_so_it_shows_the_control(defect, courses):
    assert lines(defect, "gb-ours").count() == 0
    defect.emulate_media(media="print")
    defect.wait_for_timeout(150)
    assert lines(defect, "gb-ours").count() == 1
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0, control=True))
    defect.emulate_media(media="screen")
    defect.wait_for_timeout(150)
    assert lines(defect, "gb-ours").count() == 0
    expect(defect.locator(".gb-answer")).to_have_text(lead_sentence(courses, 10.0))


@pytest.mark.parametrize("theirs", [False, True])
def test_a_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, theirs):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    if theirs:
        control(page)
        page.get_by_text("Count time as").click()
    assert_fits_a_phone(page)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_words_of_a_chart_lie_on_others(quiet, bench, width):
    quiet.set_viewport_size({"width": width, "height": 844})
    page = show(quiet, f"{bench}/long.html")
    for run in page.locator(".gb-lane").all():
        run.click()
        assert overlaps(page) == []


@pytest.mark.parametrize(("width", "at"), [(1400, 0), (820, 0), (390, 1)])
def test_the_page_keeps_about_the_room_that_is_needed(quiet, bench, courses, width, at):
    quiet.set_viewport_size({"width": width, "height": 900})
    page = show(quiet, f"{bench}/index.html")
    needed = page.locator(".gb-explorable").bounding_box()["height"]
    assert Integrability(courses).heights[at] == pytest.approx(needed, rel=0.1)


def test_a_move_of_the_slider_is_drawn_within_a_frame(quiet, bench):
    page = show(quiet, f"{bench}/long.html")
    control(page)
    assert_drawn_within_a_frame(page, 101)
