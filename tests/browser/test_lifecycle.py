"""The sixth chapter's explorable in Chromium, on bare pages."""

from __future__ import annotations

import csv
import io
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
    turn,
)
from explorable_harness import (
    SETTLE,
    move,
    show,
    small_passages,
    standing_text,
    synthetic_passage,
    write_page,
)
from grokbook.widgets import EdgeLifecycle, turn_sentence
from grokbook.widgets.lifecycle import in_order
from grokbook.widgets.passages import BARS, MATCHED

LEFT, RIGHT = 52, 14
"""Pixels that a chart leaves free beside its plot."""
NOTES = {"random": "no such run yet: grokbook study random-labels"}


@pytest.fixture(scope="module")
def passages():
    """As the explorable sorts them: two at λ = 1, one without decay, one on random labels."""
    return in_order(small_passages())


@pytest.fixture(scope="module")
def frames(passages):
    return EdgeLifecycle(passages).frames


@pytest.fixture(scope="module")
def folder(passages, tmp_path_factory):
    """Pages: index, long (of published lengths), bare (nothing but windows), nothing (lost)."""
    root = tmp_path_factory.mktemp("lifecycle")
    write_page(root, EdgeLifecycle(passages, NOTES, frame=20))
    long = [synthetic_passage(seed, last=10_000, grok=600 + seed) for seed in (42, 137, 2024)]
    long.append(synthetic_passage(1, grok=None, weight_decay=0.0, last=10_000))
    write_page(root, EdgeLifecycle(long, NOTES), name="long.html")
    write_page(root, EdgeLifecycle([synthetic_passage(measured=False)], NOTES), name="bare.html")
    whole = synthetic_passage()
    no_loss = {name: np.tile([[-2e-4], [0.0]], (1, 8)) for name in whole.changes}
    same = replace(whole, changes=no_loss, alone=np.full(8, -4e-4))
    write_page(root, EdgeLifecycle([same], NOTES, frame=20), name="nothing.html")
    return root


@pytest.fixture
def edge(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def place(page, step, last):
    """Where a step lies in a chart, in its own units."""
    width = float(page.locator(".gb-panel").last.get_attribute("width"))
    return LEFT + step / last * (width - LEFT - RIGHT)


def note(page, which):
    return page.locator(".gb-states figcaption").nth(which).text_content()


def flip(page, text):
    page.get_by_text(text).click()


def test_it_draws_every_part(edge, passages):
    assert edge.locator(".gb-failed").count() == 0
    expect(edge.locator(".gb-title")).to_have_text(
        "Learning, then compressing: or only forgetting the start?"
    )
    expect(edge.locator(".gb-answer")).to_have_text(turn_sentence(passages))
    assert edge.locator(".gb-panel").count() == 3
    title = edge.locator(".gb-panel-title").first
    expect(title).to_have_text("test accuracy; dotted: it groks")
    assert edge.locator(".gb-panel .gb-by-gradient").count() == 1
    assert edge.locator(".gb-panel .gb-by-decay").count() == 1
    assert edge.locator(".gb-lane").count() == len(passages)
    expect(edge.locator(".gb-lane").first).to_have_attribute("aria-checked", "true")
    for path in edge.locator(".gb-explorable path").all():
        assert "NaN" not in (path.get_attribute("d") or "")


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_the_slider_moves_charts_and_states(edge, passages, frames, share):
    one = passages[0]
    frame = round(share * (len(frames) - 1))
    move(edge, frame)
    step = min(frames[frame], one.last_step)
    for cursor in edge.locator(".gb-stack .gb-cursor").all():
        found = float(cursor.get_attribute("x1"))
        assert found == pytest.approx(place(edge, step, one.last_step), abs=0.01)
    expect(edge.locator(".gb-when")).to_have_text(f"step {step:,}")
    last = one.ablated[one.ablated <= step][-1]
    assert note(edge, 0).startswith(f"At step {last:,}: accuracy 98.0\u00a0% after a touch, ")
    assert "38.0\u00a0% with all of it taken out (●, ε = 8.0)" in note(edge, 0)
    assert "Read on the first 200 test strings, the bars on 300" in note(edge, 0)
    assert note(edge, 1).startswith(
        f"At step {last:,} the edge is 60.0\u00a0% of the weights' norm; without it the accuracy "
        "changes by −30.0 points, without v₁ alone by −40.0 "
        "(taking v₂ out as well gives some back), without random directions by 0.0."
    )
    value = float(one.probes["linear"][0][one.probed == last][0])
    assert f"a linear probe has R² = {value:.3f} as published" in note(edge, 2)


def test_no_zero_has_a_sign(quiet, bench):
    """A change that rounds to nothing is neither a loss nor a gain."""
    page = show(quiet, f"{bench}/nothing.html")
    assert "without v₁ alone by 0.0, without random directions by 0.0." in note(page, 1)


def test_the_strings_that_no_probe_was_fitted_on_are_called_strings(edge):
    control(edge)
    assert "strings that it was not fitted on" in note(edge, 2)


def test_before_anything_is_measured_it_says_from_when(edge):
    move(edge, 2)
    for which in range(3):
        assert note(edge, which) == "Measured from step 500 on."


def test_the_band_is_cut_at_the_gradients_share(edge, passages):
    one = passages[0]
    d = edge.locator(".gb-panel .gb-by-gradient").get_attribute("d")
    points = [tuple(map(float, p.split())) for p in re.findall(r"[\d.]+ [\d.]+", d)]
    assert len(points) == 2 * len(one.ends)
    bottom = max(y for _, y in points)
    full = bottom - edge.locator(".gb-panel .gb-by-decay").evaluate(
        "el => Math.min(...el.getAttribute('d').match(/[\\d.]+ [\\d.]+/g)"
        ".map((p) => +p.split(' ')[1]))"
    )
    i = int(np.flatnonzero(one.ends == 900)[0])
    assert (bottom - points[i][1]) / full == pytest.approx(0.05, abs=0.002)
    assert (bottom - points[0][1]) / full == pytest.approx(0.97, abs=0.002)


def test_the_switch_takes_decay_away_and_hides_it_again(edge, passages):
    def shown():
        return {
            "theirs": edge.locator(".gb-panel .gb-theirs").count(),
            "chance": edge.locator(".gb-panel .gb-null").count(),
            "bars": edge.locator("[data-bar]").evaluate_all("a => a.map((b) => b.dataset.bar)"),
            "probes": edge.locator("[data-probe]").count(),
            "random": edge.locator(".gb-states path.gb-null").count(),
            "title": edge.locator(".gb-panel-title").nth(1).text_content(),
        }

    plain = shown()
    assert plain == {
        "theirs": 0, "chance": 0, "bars": list(BARS[:2]), "probes": 3, "random": 0,
        "title": "what moves v₁",
    }  # fmt: skip
    control(edge)
    assert shown() == {
        "theirs": 1, "chance": 1, "bars": list(BARS), "probes": 6, "random": 1,
        "title": "what moves v₁, pure decay taken out",
    }  # fmt: skip
    expect(edge.locator(".gb-answer")).to_have_text(turn_sentence(passages, control=True))
    assert "gradient 94.0\u00a0% there" in edge.locator(".gb-result").first.text_content()
    norm, far = (
        min(passages[0].changes[name][0, 0] for name in MATCHED if name.endswith(end))
        for end in ("norm", "distance")
    )
    assert (
        f"As much of the norm taken elsewhere changes it by −{-100 * norm:.1f}, a move as far by "
        f"−{-100 * far:.1f}, the worst of each." in note(edge, 1)
    )
    control(edge)
    assert shown() == plain


def test_the_knob_turns_to_other_directions(edge, passages):
    for k, name in enumerate(("v₁", "v₂", "v₃", "v₄"), start=1):
        turn(edge, k)
        expect(edge.locator(".gb-panel-title").nth(1)).to_have_text(f"what moves {name}")
        at = int(np.argmin(np.abs(passages[0].ends - 600)))
        share = 100 * passages[0].shares["published"][at, k - 1]
        said = edge.locator(".gb-result").first.text_content()
        assert said == f"groks at 600; gradient {share:.1f}\u00a0% there"
        expect(edge.locator(".gb-states .gb-axis-title").first).to_have_text(
            f"ε taken from θ along {name}, log"
        )


def test_random_labels_take_the_place_of_the_real_ones_where_there_are_any(edge, passages):
    box = edge.locator(".gb-switch input").nth(2)
    expect(box).to_be_enabled()
    flip(edge, "Random labels in place")
    twin = passages[3]
    label = edge.locator(".gb-panel").nth(1).get_attribute("aria-label")
    assert label.endswith(f"{twin.label}, {twin.setting}")
    expect(edge.locator("code")).to_have_text(twin.command)
    title = edge.locator(".gb-panel-title").first
    expect(title).to_have_text("test accuracy; dotted: its plain run groks")
    assert note(edge, 0) == "This was not measured on this run."
    edge.locator(".gb-lane").nth(1).click()  # has no twin
    expect(box).to_be_disabled()
    expect(box).not_to_be_checked()
    expect(edge.get_by_text(NOTES["random"])).to_be_visible()


def test_time_is_counted_by_each_runs_own_grok_step(edge, passages):
    flip(edge, "Count time in grok steps")
    move(edge, 25)
    expect(edge.locator(".gb-when")).to_have_text("4.17 × grok, step 2,500")
    expect(edge.locator(".gb-panel .gb-axis-title")).to_have_text("multiples of the grok step")
    lines = edge.locator(".gb-track .gb-grok")
    marks = [float(line.get_attribute("x1")) for line in lines.all()]
    assert len(marks) == 2 and marks[0] == pytest.approx(marks[1], abs=0.01)
    edge.locator(".gb-lane").nth(1).click()
    expect(edge.locator(".gb-when")).to_have_text("2.50 × grok, step 2,500")


def test_a_click_in_a_chart_moves_the_slider_there(edge, passages, frames):
    box = edge.locator(".gb-panel").nth(1).bounding_box()
    width = float(edge.locator(".gb-panel").nth(1).get_attribute("width"))
    x = place(edge, 3_000, passages[0].last_step) * box["width"] / width
    edge.mouse.click(box["x"] + x, box["y"] + 60)
    assert abs(frames[int(edge.locator(".gb-slider").input_value())] - 3_000) <= 100
    expect(edge.locator(".gb-tip")).to_contain_text("gradient 97.0 %, decay 3.0 %")


def test_keys(edge):
    slider = edge.locator(".gb-slider")
    slider.focus()
    edge.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max")
    edge.locator(".gb-lane[tabindex='0']").focus()
    edge.keyboard.press("ArrowUp")  # comes round
    expect(edge.locator(".gb-lane").last).to_be_focused()
    edge.locator(".gb-knob input[value='1']").focus()
    edge.keyboard.press("ArrowRight")
    expect(edge.locator(".gb-panel-title").nth(1)).to_have_text("what moves v₂")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_restores_the_view(quiet, bench, folder, scheme, passages):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    move(page, 33)
    turn(page, 2)
    control(page)
    flip(page, "Count time in grok steps")
    flip(page, "Random labels in place")
    page.wait_for_timeout(SETTLE)
    address = page.url
    run = passages[0].run_id
    assert address.endswith(f"#edge.run-{run}.frame-33.v-2.control.multiples.random")
    assert page.evaluate("document.querySelector(location.hash) === null")
    seen = standing_text(page)
    show(page, address)
    assert page.locator(".gb-slider").input_value() == "33"
    assert standing_text(page) == seen


def test_a_mangled_address_is_ignored(quiet, bench):
    page = show(quiet, f"{bench}/index.html#edge.run-nobody.frame-x.v-7.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    assert page.locator(".gb-slider").input_value() == "20"
    expect(page.locator(".gb-knob input[value='1']")).to_be_checked()


def test_a_screen_reader_hears_step_share_and_states(edge):
    move(edge, 10)
    expect(edge.locator(".gb-live")).to_contain_text("step 1,000; gradient 5.0 % of v₁; At step")


def test_play_goes_on_and_rests(edge):
    button = edge.locator(".gb-play")
    button.click()
    edge.wait_for_timeout(700)
    assert int(edge.locator(".gb-slider").input_value()) > 20
    move(edge, 30)
    expect(button).to_have_text("Play")


def test_the_download_holds_the_runs_numbers(edge, passages):
    with edge.expect_download() as caught:
        edge.get_by_text("Download this data").click()
    assert caught.value.suggested_filename == f"grokbook-{passages[0].run_id}.csv"
    text = Path(caught.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["step"]) for row in rows] == passages[0].ends.tolist()
    for row, own, less in zip(
        rows, passages[0].shares["published"], passages[0].shares["less decay"], strict=True
    ):
        assert float(row["gradient_share_v2_published"]) == pytest.approx(own[1], abs=1e-4)
        assert float(row["gradient_share_v1_less_decay"]) == pytest.approx(less[0], abs=1e-4)


def test_what_was_not_measured_is_said(quiet, bench):
    page = show(quiet, f"{bench}/bare.html")
    assert [note(page, k) for k in range(3)] == ["This was not measured on this run."] * 3
    control(page)
    assert page.locator(".gb-failed").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("theirs", [False, True])
def test_words_can_be_read(edge, theme, theirs):
    dress(edge, theme)
    if theirs:
        control(edge)
    assert_readable(edge, 40)


def test_paper_cannot_flip_a_switch_so_it_shows_the_control(edge, passages):
    on_paper(edge)
    expect(edge.locator(".gb-answer")).to_have_text(turn_sentence(passages, control=True))
    assert edge.locator("[data-bar]").count() == len(BARS)
    assert_readable(edge, 40)


@pytest.mark.parametrize("theirs", [False, True])
def test_a_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, theirs):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    if theirs:
        control(page)
        flip(page, "Count time in grok steps")
    assert_fits_a_phone(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index", "long"])
def test_no_words_of_a_chart_lie_on_others(quiet, bench, width, name):
    quiet.set_viewport_size({"width": width, "height": 844})
    page = show(quiet, f"{bench}/{name}.html")
    for _ in range(2):
        for run in page.locator(".gb-lane").all():
            run.click()
            assert overlaps(page) == []
        control(page)


@pytest.mark.parametrize(("width", "at"), [(1400, 0), (390, 1)])
def test_the_page_keeps_about_the_room_that_is_needed(quiet, bench, passages, width, at):
    quiet.set_viewport_size({"width": width, "height": 900})
    page = show(quiet, f"{bench}/index.html")
    needed = page.locator(".gb-explorable").bounding_box()["height"]
    assert EdgeLifecycle(passages).heights[at] == pytest.approx(needed, rel=0.1)


def test_a_move_of_the_slider_is_drawn_within_a_frame(quiet, bench):
    page = show(quiet, f"{bench}/long.html")
    control(page)
    assert_drawn_within_a_frame(page, 91)
