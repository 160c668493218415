"""The fourth chapter's explorable in Chromium, on bare pages."""

from __future__ import annotations

import re
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
    move,
    show,
    small_surgeries,
    synthetic_surgery,
    write_page,
)
from grokbook.palette import DARK_PAGE, contrast, task_colour
from grokbook.widgets import Incompressibility, cut_sentence

LEFT, RIGHT = 52, 14
"""Pixels that a chart leaves free beside its plot."""

CUTS = ("scale", "share", "rank", "directions")


@pytest.fixture(scope="module")
def surgeries():
    return small_surgeries()


@pytest.fixture(scope="module")
def folder(surgeries, tmp_path_factory):
    """Pages: index, and large, of the published size."""
    root = tmp_path_factory.mktemp("surgery")
    write_page(root, Incompressibility(surgeries))
    many = [synthetic_surgery(modulus=97)]
    many += [synthetic_surgery(seed, tables=False, modulus=97) for seed in (137, 2024)]
    many += [
        synthetic_surgery(seed, ("add", "mul", "sq"), kinds=("directions",), tables=False)
        for seed in (42, 137, 2024)
    ]
    write_page(root, Incompressibility(many), name="large.html")
    return root


@pytest.fixture
def cut(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def percent(value):
    return f"{100 * float(np.float32(value)):.1f} %"


def place(page, depth, last):
    width = float(page.locator(".gb-stack .gb-panel").last.get_attribute("width"))
    return LEFT + depth / last * (width - LEFT - RIGHT)


def test_it_draws_every_part(cut, surgeries):
    assert cut.locator(".gb-failed").count() == 0
    expect(cut.locator(".gb-title")).to_have_text("Is the solution fragile, or is the test?")
    expect(cut.locator(".gb-answer")).to_have_text(cut_sentence(surgeries, "scale"))
    expect(cut.locator(".gb-when")).to_have_text("s = 0.95")
    assert cut.locator(".gb-stack .gb-panel").count() == 2
    assert cut.locator(".gb-table").count() == 2
    assert cut.locator(".gb-lane").count() == 3
    for kind in CUTS:
        turn(cut, kind)
        for path in cut.locator(".gb-explorable path").all():
            assert "NaN" not in (path.get_attribute("d") or "")


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("controlled", [False, True])
def test_the_knob_moves_cursor_answers_and_words(cut, surgeries, kind, controlled):
    if controlled:
        control(cut)
    turn(cut, kind)
    one, line = surgeries[0], "control" if controlled else "published"
    data = one.cuts[kind]
    expect(cut.locator(".gb-answer")).to_have_text(cut_sentence(surgeries, kind, controlled))
    assert cut.locator(".gb-slider").get_attribute("max") == str(len(data.at) - 1)
    for i in (0, len(data.at) // 2, len(data.at) - 1):
        move(cut, i)
        # The sentence is made of what is seen at the slider.
        said = cut_sentence(surgeries, kind, controlled, data.at[i])
        expect(cut.locator(".gb-answer")).to_have_text(said)
        for cursor in cut.locator(".gb-stack .gb-cursor").all():
            at = place(cut, data.at[i], data.at[-1])
            assert float(cursor.get_attribute("x1")) == pytest.approx(at, abs=0.01)
        moved = f"θ moves by {percent(data.change[line][i])} of its length."
        expect(cut.locator(".gb-cut-note")).to_contain_text(moved)
        said = cut.locator(".gb-lane .gb-result").first
        expect(said).to_contain_text(percent(data.accuracy[line].astype("f4")[:, i].mean()))
        if data.tables:
            test = data.tables[line][i][:, ~one.trained]
            counts = [f"{right} of {test.shape[1]} test pairs right" for right in test.sum(axis=1)]
            assert cut.locator(".gb-count").all_text_contents() == counts
            expect(cut.locator(".gb-cut-note")).to_contain_text("step 16,900, the curves of step")
        else:
            bars = cut.locator(".gb-bars").get_attribute("aria-label")
            each = [percent(value) for value in data.accuracy[line][:, i]]
            assert bars == f"Test accuracy: add {each[0]}, mul {each[1]}"


def test_the_switch_shows_the_control_and_hides_it_again(cut):
    def shown():
        return {
            "own": cut.locator(".gb-stack .gb-dotted").count(),
            "dashed": cut.locator(".gb-stack .gb-dashed").count(),
            "published": cut.locator(".gb-stack .gb-theirs:not(.gb-dashed)").count(),
            "band": cut.locator(".gb-stack .gb-null").count(),
            "words": "on the weights" in cut.locator(".gb-legend").text_content(),
        }

    plain = shown()
    assert plain == {"own": 0, "dashed": 0, "published": 3, "band": 1, "words": False}
    band = cut.locator(".gb-stack .gb-null").get_attribute("d")
    control(cut)
    assert shown() == {"own": 2, "dashed": 3, "published": 3, "band": 1, "words": True}
    assert cut.locator(".gb-stack .gb-null").get_attribute("d") != band
    control(cut)
    assert shown() == plain


def test_singular_values_have_their_cut(cut, surgeries):
    turn(cut, "rank")
    panel = cut.locator(".gb-answers .gb-panel")
    assert panel.count() == 1 and panel.locator(".gb-theirs").count() == 1
    control(cut)
    assert panel.locator(".gb-ours").count() == 1
    turn(cut, "scale")
    assert panel.count() == 0


def test_a_run_that_was_not_cut_so_shows_how_it_was(cut, surgeries):
    rows = cut.locator(".gb-lane")
    lacking = cut.locator(".gb-runs .gb-lacking")
    expect(lacking).to_have_text("One more run is not measured for this cut.")
    expect(rows.nth(2)).to_be_hidden()
    rows.nth(0).focus()
    cut.keyboard.press("End")
    expect(cut.locator(".gb-knob input[value='directions']")).to_be_checked()
    expect(rows.nth(2)).to_be_visible()
    expect(rows.nth(2)).to_have_attribute("aria-checked", "true")
    expect(lacking).to_have_text("")
    expect(cut.locator(".gb-when")).to_have_text("k = 5")
    assert cut.locator(".gb-bars rect.gb-room").count() == 3
    turn(cut, "scale")  # and back to a run that was
    expect(rows.first).to_have_attribute("aria-checked", "true")
    expect(cut.locator(".gb-when")).to_have_text("s = 0.95")
    rows.nth(1).click()
    assert cut.locator(".gb-table").count() == 0 and cut.locator(".gb-bars").count() == 1
    expect(cut.locator("code")).to_have_text(surgeries[1].command)


def test_a_click_in_a_chart_moves_the_knob_there(cut, surgeries):
    turn(cut, "rank")
    box = cut.locator(".gb-stack .gb-panel").first.bounding_box()
    width = float(cut.locator(".gb-stack .gb-panel").first.get_attribute("width"))
    x = place(cut, 94, 128) * box["width"] / width
    cut.mouse.click(box["x"] + x, box["y"] + 90)
    expect(cut.locator(".gb-when")).to_have_text("rank 96")
    tip = cut.locator(".gb-tip")
    expect(tip).to_be_visible()
    published = surgeries[0].cuts["rank"].accuracy["published"][:, 4]
    said = ", ".join(f"{t} {percent(v)}" for t, v in zip(("add", "mul"), published, strict=True))
    expect(tip).to_contain_text(said)
    assert "on the weights" not in tip.text_content()
    control(cut)
    cut.mouse.move(box["x"] + x, box["y"] + 100)
    expect(tip).to_contain_text("on the weights, C(θ): add")


def test_keys(cut):
    slider = cut.locator(".gb-slider")
    slider.focus()
    cut.keyboard.press("ArrowRight")
    expect(cut.locator(".gb-when")).to_have_text("s = 1")
    cut.keyboard.press("Home")
    expect(cut.locator(".gb-when")).to_have_text("s = 0.1")
    cut.locator(".gb-lane[tabindex='0']").focus()
    cut.keyboard.press("ArrowDown")
    expect(cut.locator(".gb-lane").nth(1)).to_be_focused()
    cut.locator(".gb-knob input[value='scale']").focus()
    cut.keyboard.press("ArrowRight")
    expect(cut.locator(".gb-knob input[value='share']")).to_be_checked()
    cut.locator(".gb-switch input").focus()
    cut.keyboard.press("Space")
    assert cut.locator(".gb-dotted").count() == 2


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_restores_the_view(quiet, bench, folder, scheme):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    page.locator(".gb-lane").nth(1).click()
    turn(page, "rank")
    move(page, 4)
    control(page)
    page.wait_for_timeout(SETTLE)
    address = page.url
    assert address.endswith("#surgery.run-cut137t2.cut-rank.frame-4.control")
    show(page, address)
    expect(page.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".gb-knob input[value='rank']")).to_be_checked()
    expect(page.locator(".gb-when")).to_have_text("rank 96")
    assert page.locator(".gb-stack .gb-dotted").count() == 2


def test_a_mangled_address_is_ignored(quiet, bench):
    page = show(quiet, f"{bench}/index.html#surgery.run-nobody.cut-heads.frame-9x.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    expect(page.locator(".gb-when")).to_have_text("s = 0.95")
    far = show(quiet, f"{bench}/index.html#surgery.run-cut42t3.cut-rank.frame-700")
    expect(far.locator(".gb-when")).to_have_text("k = 20")


def test_play_sweeps_the_knob_and_rests(cut):
    button = cut.locator(".gb-play")
    move(cut, 0)
    button.click()
    expect(button).to_have_text("Pause")
    cut.wait_for_timeout(2500)
    assert int(cut.locator(".gb-slider").input_value()) > 0
    move(cut, 2)
    expect(button).to_have_text("Play")


def test_a_screen_reader_hears_depth_and_accuracy(cut, surgeries):
    move(cut, 2)
    each = [percent(value) for value in surgeries[0].cuts["scale"].accuracy["published"][:, 2]]
    expect(cut.locator(".gb-live")).to_have_text(f"s = 0.9: add {each[0]}, mul {each[1]}")


def test_the_download_holds_the_numbers(cut, surgeries):
    one = surgeries[0]
    with cut.expect_download() as caught:
        cut.get_by_text("Download this data").click()
    assert caught.value.suggested_filename == f"grokbook-{one.run_id}.csv"
    head, *rows = Path(caught.value.path()).read_text().removesuffix("\n").split("\n")
    assert head == "cut,depth,protocol,task,test_accuracy,relative_change"
    assert len(rows) == sum(3 * 2 * len(each.at) for each in one.cuts.values())
    found = {tuple(row.split(",")[:4]): row.split(",")[4:] for row in rows}
    accuracy, change = found["rank", "96", "control", "mul"]
    data = one.cuts["rank"]
    assert float(accuracy) == pytest.approx(data.accuracy["control"][1, 4], rel=1e-6)
    assert float(change) == pytest.approx(data.change["control"][4], rel=1e-6)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_read(cut, theme):
    control(cut)
    dress(cut, theme)
    assert_readable(cut)
    page = {"light": "#ffffff", "dark": DARK_PAGE}[theme]
    for kind in ("gb-test", "gb-theirs", "gb-ours"):
        assert contrast(stroke(cut.locator(f".gb-stack .{kind}").first), page) >= 3, kind
    assert (
        stroke(cut.locator(".gb-stack .gb-test").first)
        == task_colour("add", dark=theme == "dark").lower()
    )


def test_on_paper_it_is_light_and_without_buttons(cut, surgeries):
    control(cut)
    on_paper(cut)
    for name in (".gb-play", ".gb-foot"):
        expect(cut.locator(name)).to_be_hidden()
    assert_readable(cut)
    expect(cut.locator(".gb-answer")).to_have_text(cut_sentence(surgeries, "scale", True))
    assert cut.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("kind", CUTS)
def test_a_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, kind):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/large.html")
    control(page)
    turn(page, kind)
    assert_fits_a_phone(page)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_words_of_a_chart_lie_on_others(quiet, bench, width):
    quiet.set_viewport_size({"width": width, "height": 844})
    page = show(quiet, f"{bench}/large.html")
    for turned in (False, True):
        if turned:
            control(page)
        for kind in CUTS:
            turn(page, kind)
            assert overlaps(page) == [], (kind, turned)


@pytest.mark.parametrize(("width", "at"), [(1280, 0), (390, 1)])
def test_the_page_keeps_about_the_room_that_is_needed(quiet, bench, width, at):
    quiet.set_viewport_size({"width": width, "height": 900})
    page = show(quiet, f"{bench}/large.html")
    needed = page.locator(".gb-explorable").bounding_box()["height"]
    one = synthetic_surgery(tables=False)
    other = synthetic_surgery(kinds=("directions",), tables=False)
    heights = Incompressibility([one] * 3 + [other] * 3).heights
    assert heights[at] == pytest.approx(needed, rel=0.12)


@pytest.mark.parametrize("kind", CUTS)
def test_a_move_of_the_knob_is_drawn_within_a_frame(quiet, bench, kind):
    page = show(quiet, f"{bench}/large.html")
    control(page)
    turn(page, kind)
    assert_drawn_within_a_frame(page, 30, passes=6)


def test_no_request_leaves_the_page(cut):
    """`hushed` fails at its end if one did; every control was moved for it here."""
    control(cut)
    for kind in CUTS:
        turn(cut, kind)
        move(cut, 1)
    assert re.match("http://127.0.0.1", cut.url)
