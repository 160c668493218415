"""The explorables in Chromium, on bare pages that hold them as a built chapter does."""

from __future__ import annotations

import json
from pathlib import Path

import anywidget
import numpy as np
import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from explorable_harness import SETTLE, hex_of, move, show, small_lanes, write_page
from grokbook.palette import DARK_PAGE, contrast, task_colour
from grokbook.widgets import FrontPicture, StaggeredOrder, order_sentence


class Broken(anywidget.AnyWidget):
    """A module that fails while it is imported."""

    _esm = "throw new Error('no such luck'); export default {}"


@pytest.fixture(scope="session")
def made():
    lanes, frames = small_lanes()
    ordered = sorted(lanes, key=lambda lane: (lane.weight_decay, lane.seed))
    return ordered, frames


@pytest.fixture(scope="session")
def folder(made, tmp_path_factory):
    """Pages: index (two views of one explorable and an anchor), front, broken, lab."""
    lanes, frames = made
    root = tmp_path_factory.mktemp("explorables")
    order = StaggeredOrder(lanes, frames, run=2, frame=0)
    write_page(root, order, before='<a href="#below">below</a>')
    both = write_page(root, order, order, name="twice.html")
    both.write_text(both.read_text().replace("</body>", '<h2 id="below">Below</h2></body>'))
    write_page(root, FrontPicture(lanes[2], frames), name="front.html")
    write_page(root, Broken(), FrontPicture(lanes[2], frames, title=""), name="broken.html")
    return root


@pytest.fixture
def order(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def counts(page):
    return page.locator(".gb-state .gb-count").all_text_contents()


def pixels(page):
    return page.locator("canvas").evaluate_all("all => all.map((c) => c.toDataURL())")


def expected(lane, frame, control=False):
    texts = []
    for t in range(len(lane.tasks)):
        mask = lane.control_pairs[t] if control else ~lane.trained
        right = int(lane.answers[frame, t][mask].sum())
        noun = "twinless pairs" if control else "test pairs"
        texts.append(f"{right:,} of {mask.sum():,} {noun} right")
    return texts


def test_decoded_tables_are_the_ones_python_packed(order, made):
    lanes, frames = made
    for index, lane in enumerate(lanes):
        order.locator(".gb-lane").nth(index).click()
        last = int(order.locator(".gb-slider").get_attribute("max"))
        assert frames[last] >= lane.last_step
        for frame in (0, 5, last // 2, last):
            move(order, frame)
            assert counts(order) == expected(lane, frame), (lane.label, frame)


def test_slider_moves_every_view(order, made):
    lanes, frames = made
    cursor = order.locator(".gb-curves .gb-cursor")
    lane_cursor = order.locator(".gb-track .gb-cursor").first
    before = (cursor.get_attribute("x1"), lane_cursor.get_attribute("x1"), pixels(order))
    move(order, 20)
    after = (cursor.get_attribute("x1"), lane_cursor.get_attribute("x1"), pixels(order))
    assert float(after[0]) > float(before[0])
    assert float(after[1]) > float(before[1])
    assert all(a != b for a, b in zip(after[2], before[2], strict=True))
    assert order.locator(".gb-when").text_content() == f"step {frames[20]:,}"


def test_run_changes_every_view(order, made):
    lanes, _ = made
    curve = order.locator(".gb-curves .gb-test").first
    before = curve.get_attribute("d")
    order.locator(".gb-lane").nth(1).click()
    assert curve.get_attribute("d") != before
    assert order.locator(".gb-state").count() == len(lanes[1].tasks)
    assert order.locator(".gb-curves .gb-test").count() == 3
    assert order.locator("code").text_content() == lanes[1].command
    expect(order.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    expect(order.locator(".gb-lane[aria-checked=true]")).to_have_count(1)


def test_threshold_moves_ticks_and_ties_stay_visible(order, made):
    lanes, _ = made
    for threshold in ("0.90", "0.98x3"):
        order.locator(f".gb-knob input[value='{threshold}']").check(force=True)
        for index, lane in enumerate(lanes):
            row = order.locator(".gb-lane").nth(index)
            steps = row.locator(".gb-tick").evaluate_all("all => all.map((r) => +r.dataset.step)")
            assert steps == [s for s in lane.crossing(threshold) if s is not None]
            never = sum(step is None for step in lane.crossing(threshold))
            assert row.locator(".gb-open").count() == never
    bands = order.locator(".gb-tick").evaluate_all(
        "all => all.map((r) => { const b = r.getBoundingClientRect(); return [b.top, b.bottom]; })"
    )
    assert len(bands) == sum(step is not None for lane in lanes for step in lane.crossing("0.98x3"))
    bands.sort()
    assert all(a[1] <= b[0] + 0.5 for a, b in zip(bands, bands[1:], strict=False))
    assert "never within 12,000 steps" in order.locator(".gb-lane").first.text_content()


def test_control_changes_counts_curves_ticks_and_sentence(order, made):
    lane = made[0][2]
    move(order, 16)
    curve = order.locator(".gb-curves .gb-test").first
    before, drawn = curve.get_attribute("d"), pixels(order)
    order.get_by_text("Apply the control").click()
    assert counts(order) == expected(lane, 16, control=True)
    assert curve.get_attribute("d") != before
    assert pixels(order) != drawn
    expect(order.locator(".gb-legend")).to_contain_text("twinless pairs")
    switch = order.locator(".gb-switch").first
    expect(switch).to_contain_text("counts only test pairs with no trained twin")
    assert "operands swapped or their signs changed" in switch.get_attribute("title")
    expect(order.locator(".gb-answer")).to_have_text(order_sentence(made[0], "0.98x3", True))
    steps = (
        order.locator(".gb-lane")
        .nth(2)
        .locator(".gb-tick")
        .evaluate_all("all => all.map((r) => +r.dataset.step)")
    )
    assert tuple(steps) == lane.crossing("0.98x3", control=True)
    assert lane.crossing("0.98x3", control=True) != lane.crossing("0.98x3")


def test_tau_is_refused_without_decay_and_says_why(order):
    box = order.locator(".gb-switch input").nth(1)
    order.get_by_text("Count time as").click()
    move(order, 10)
    assert order.locator(".gb-when").text_content().startswith("τ = ")
    assert "τ" in order.locator(".gb-curves .gb-axis-title").text_content()
    order.locator(".gb-lane").first.click()
    expect(box).to_be_disabled()
    expect(order.get_by_text("without weight decay τ stays 0")).to_be_visible()
    assert order.locator(".gb-when").text_content().startswith("step ")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_address_restores_the_view(quiet, bench, folder, scheme, made):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    page.locator(".gb-lane").nth(1).click()
    move(page, 13)
    page.locator(".gb-knob input[value='0.95']").check(force=True)
    page.get_by_text("Apply the control").click()
    page.get_by_text("Count time as").click()
    page.wait_for_timeout(SETTLE)
    address, seen = page.url, counts(page)
    assert "#order." in address
    # Themes hand the fragment to querySelector.
    assert page.evaluate("document.querySelector(location.hash) === null")
    show(page, address)
    assert counts(page) == seen == expected(made[0][1], 13, control=True)
    expect(page.locator(".gb-knob input[value='0.95']")).to_be_checked()
    assert page.locator(".gb-when").text_content().startswith("τ = ")
    assert page.url == address


def test_ordinary_anchors_are_left_alone(quiet, bench):
    page = show(quiet, f"{bench}/twice.html#below")
    page.wait_for_timeout(SETTLE)
    assert page.url.endswith("#below")
    assert page.locator(".gb-slider").first.input_value() == "0"
    page.evaluate("location.hash = '#order.frame-7'")
    expect(page.locator(".gb-slider").first).to_have_value("7")


def test_a_mangled_address_is_ignored(quiet, bench):
    page = show(quiet, f"{bench}/index.html#order.run-nobody.frame-x.at-7.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    assert page.locator(".gb-slider").input_value() == "0"


def test_views_of_one_model_move_together_and_python_state_is_a_plain_model(quiet, bench):
    page = show(quiet, f"{bench}/twice.html")
    move(page, 9)
    assert page.locator(".gb-slider").nth(1).input_value() == "9"
    frame = page.evaluate(
        "Object.values(window.grokbook.models).filter((m) => !m.foreign).map((m) => m.get('frame'))"
    )
    assert frame == [9]
    assert page.locator("style").count() == 2  # the harness's own and one for both views


def test_keyboard(order):
    slider = order.locator(".gb-slider")
    slider.focus()
    order.keyboard.press("ArrowRight")
    order.keyboard.press("ArrowRight")
    assert slider.input_value() == "2"
    order.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max")
    order.locator(".gb-lane[tabindex='0']").focus()
    order.keyboard.press("ArrowUp")
    expect(order.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    expect(order.locator(".gb-lane").nth(1)).to_be_focused()
    order.keyboard.press("Home")
    expect(order.locator(".gb-lane").first).to_have_attribute("aria-checked", "true")
    order.locator(".gb-switch input").first.focus()
    order.keyboard.press("Space")
    assert counts(order)[0].endswith("twinless pairs right")
    outline = order.locator(".gb-switch input").first.evaluate(
        "el => getComputedStyle(el.nextElementSibling).outlineStyle"
    )
    assert outline == "solid"


def test_screen_reader_hears_step_and_counts(order, made):
    _, frames = made
    move(order, 12)
    live = order.locator(".gb-live")
    expect(live).to_contain_text(f"step {frames[12]:,}; a + b: {counts(order)[0]}")
    label = order.locator("canvas").first.get_attribute("aria-label")
    assert counts(order)[0] in label
    assert order.locator("canvas").first.get_attribute("role") == "img"


def test_play_goes_once_through_and_rests(order):
    assert order.locator(".gb-slider").input_value() == "0"  # nothing moves by itself
    button = order.locator(".gb-play")
    button.click()
    order.wait_for_timeout(700)
    assert int(order.locator(".gb-slider").input_value()) > 0
    expect(button).to_have_text("Pause")
    move(order, 20)
    expect(button).to_have_text("Play")


def test_download_and_command(order, made):
    lane = made[0][2]
    with order.expect_download() as caught:
        order.get_by_text("Download this data").click()
    rows = Path(caught.value.path()).read_text().splitlines()
    assert rows[0] == "step,tau,task,train_accuracy,test_accuracy,control_accuracy"
    assert len(rows) == 1 + lane.steps.size * 2
    last = rows[-1].split(",")
    assert (int(last[0]), last[2]) == (lane.last_step, "mul")
    assert float(last[4]) == pytest.approx(lane.test_accuracy[1, -1], abs=2e-5)
    order.get_by_text("Re-run this point").click()
    expect(order.get_by_text(lane.command)).to_be_visible()


def stroke_of_first_task(page):
    curve = page.locator(".gb-curves .gb-test").first
    return curve.evaluate("el => getComputedStyle(el).stroke")


def test_dark_theme_live_and_legible(order):
    move(order, 20)
    light = pixels(order)
    order.evaluate("document.documentElement.dataset.theme = 'dark'")
    order.wait_for_timeout(150)
    assert pixels(order) != light
    texts = order.locator(
        ".gb-title, .gb-answer, .gb-count, .gb-task, .gb-who, .gb-result, .gb-button, .gb-when, "
        ".gb-explorable small, .gb-key, .gb-knob span"
    ).evaluate_all(
        "all => all.map((el) => { let b = el; const see = (x) => getComputedStyle(x)"
        ".backgroundColor; while (b.parentElement && /, 0\\)$|transparent/.test(see(b))) "
        "b = b.parentElement; return [el.className, getComputedStyle(el).color, see(b)]; })"
    )
    assert len(texts) > 20
    for name, ink, page in texts:
        assert contrast(hex_of(ink), hex_of(page)) >= 4.5, (name, ink, page)
    stroke = stroke_of_first_task(order)
    assert hex_of(stroke) == task_colour("add", dark=True).lower()
    assert contrast(hex_of(stroke), DARK_PAGE) >= 3


def test_jupyterlab_theme_is_followed(order):
    order.evaluate("document.body.dataset.jpThemeLight = 'false'")
    stroke = stroke_of_first_task(order)
    assert hex_of(stroke) == task_colour("add", dark=True).lower()


@pytest.mark.parametrize("name", ["index", "front"])
def test_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, name):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/{name}.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.locator("button, summary, .gb-slider, .gb-knob label, .gb-lane, .gb-switch")
    for box in small.evaluate_all("all => all.map((el) => el.getBoundingClientRect().height)"):
        assert box >= 40
    sizes = page.locator(".gb-explorable :is(p, b, span, small, text, button, figcaption, li)")
    texts = sizes.evaluate_all(
        "all => all.map((el) => [el.className.baseVal ?? el.className, "
        "parseFloat(getComputedStyle(el).fontSize)])"
    )
    assert [pair for pair in texts if pair[1] < 13 and "gb-play" not in pair[0]] == []
    if name == "front":
        assert page.evaluate("document.documentElement.scrollHeight") <= 844


def test_phone_stacks_and_the_slider_sticks(quiet, bench):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    tops = [page.locator(f".gb-{part}").bounding_box()["y"] for part in ("time", "states", "runs")]
    assert tops == sorted(tops)
    bar = page.locator(".gb-bar")
    box = bar.bounding_box()
    assert abs(box["y"] + box["height"] - 844) < 1
    page.mouse.wheel(0, 250)
    page.wait_for_timeout(100)
    box = bar.bounding_box()
    assert abs(box["y"] + box["height"] - 844) < 1
    # At the end it rests below the rest and covers nothing.
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(100)
    foot = page.locator(".gb-foot").bounding_box()
    assert bar.bounding_box()["y"] >= foot["y"] + foot["height"]


def test_front_plays_once_when_seen(quiet, bench, made):
    page = show(quiet, f"{bench}/front.html")
    page.wait_for_timeout(500)
    first = page.locator(".gb-when").text_content()
    assert first != "step 0"
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
    page.locator(".gb-play").click()
    rest = page.locator(".gb-when").text_content()
    page.wait_for_timeout(300)
    assert page.locator(".gb-when").text_content() == rest


def test_front_captions_light_up_in_turn(quiet, bench, made):
    page = show(quiet, f"{bench}/front.html")
    lane = made[0][2]
    captions = FrontPicture(lane, made[1]).captions
    lit = page.locator(".gb-beats li.gb-lit")
    for index, caption in enumerate(captions):
        move(page, int(np.searchsorted(lane.steps, caption["step"])))
        expect(lit).to_have_count(1)
        assert caption["head"] in lit.text_content()
        assert page.locator(".gb-beats li.gb-passed").count() == index
    move(page, 0)
    expect(lit).to_have_count(0)


def test_reduced_motion_shows_the_end_and_moves_nothing(quiet, bench, made):
    lane = made[0][2]
    quiet.emulate_media(reduced_motion="reduce")
    page = show(quiet, f"{bench}/front.html")
    expect(page.locator(".gb-when")).to_have_text(f"step {lane.last_step:,}")
    page.wait_for_timeout(300)
    expect(page.locator(".gb-play")).to_have_text("Play")
    page = show(page, f"{bench}/index.html")
    page.locator(".gb-play").click()
    slider = page.locator(".gb-slider")
    assert slider.input_value() == slider.get_attribute("max")
    expect(page.locator(".gb-play")).to_have_text("Play")


def test_a_broken_module_says_so_in_its_place(quiet, folder):
    page = show(quiet, f"file://{folder}/broken.html")
    expect(page.locator(".gb-failed")).to_have_text("This figure did not load: no such luck.")
    expect(page.locator(".gb-front .gb-state")).to_have_count(2)  # its neighbour is untouched


def test_damaged_data_says_so(quiet, folder, made):
    text = (folder / "index.html").read_text()
    start = text.index('{"version_major"')
    state, _ = json.JSONDecoder().raw_decode(text[start:])
    for record in state["state"].values():
        for buffer in record.get("buffers", []):
            if buffer["path"][-1] == "tables":
                buffer["data"] = buffer["data"][:-8]
    end = text.index("</script>", start)
    damaged = text[:start] + json.dumps(state).replace("<", "\\u003c") + text[end:]
    (folder / "damaged.html").write_text(damaged)
    page = show(quiet, f"file://{folder}/damaged.html")
    expect(page.locator(".gb-failed")).to_contain_text("the answer tables are damaged")
