"""The third chapter's explorable in Chromium, on bare pages."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

import explorable_checks as checks
from explorable_checks import (
    assert_drawn_within_a_frame,
    assert_fits_a_phone,
    assert_readable,
    dress,
    on_paper,
    overlaps,
    stroke,
)
from explorable_harness import (
    SETTLE,
    hex_of,
    move,
    show,
    small_paces,
    synthetic_pace,
    write_page,
)
from grokbook.palette import DARK_PAGE, contrast, task_colour
from grokbook.widgets import PhaseStructure, clock_sentence

RATE = 1e-3
SLID = 750
"""ms: longer than the points slide."""

PUBLISHED = {"dual": {1.0: 13_233.0, 0.5: 16_234.0, 0.1: 98_400.0}}
NOTES = {
    "hessian": "No curvature yet: `grokbook measure dual --instruments hessian`.",
    "leads": "No defect yet: `grokbook measure dual --instruments commutator`.",
}
EXCHANGE = {"exchange": "No run has another learning rate yet: `grokbook study exchange`."}


@pytest.fixture(scope="module")
def paces():
    """As the explorable sorts them."""
    return sorted(
        small_paces(), key=lambda p: (p.weight_decay, len(p.tasks), p.learning_rate, p.seed)
    )


@pytest.fixture(scope="module")
def run(paces):
    """The one that the page opens on: measured, at λ = 1."""
    (at,) = (i for i, pace in enumerate(paces) if pace.curvature)
    return at


@pytest.fixture(scope="module")
def frames(paces):
    return PhaseStructure(paces).frames


@pytest.fixture(scope="module")
def folder(paces, tmp_path_factory):
    """Pages: index, few (nothing measured, one decay cut off), long (of published lengths)."""
    root = tmp_path_factory.mktemp("phases")
    write_page(root, PhaseStructure(paces, PUBLISHED, NOTES, frame=0))
    few = [synthetic_pace(42), synthetic_pace(42, (None, None), 0.0, last=50_000)]
    write_page(root, PhaseStructure(few, PUBLISHED, NOTES | EXCHANGE), name="few.html")
    long = [
        synthetic_pace(
            seed,
            (round(13_000 / decay**0.9) + 100 * seed, round(13_100 / decay**0.9)),
            decay,
            last=round(16_000 / decay**0.9 / 100) * 100 + 1_000,
            tasks=tasks,
            measured=decay == 1,
        )
        if len(tasks) == 2
        else synthetic_pace(
            seed,
            tuple(round(18_000 / decay) + 300 * k for k in range(3)),
            decay,
            last=round(20_000 / decay / 100) * 100,
            tasks=tasks,
        )
        for tasks in (("add", "mul"), ("add", "mul", "sq"))
        for decay in (1.0, 0.5, 0.3, 0.2, 0.1)
        for seed in (1, 2, 3)
    ]
    long.append(synthetic_pace(42, (None, None), 0.0, last=150_000))
    write_page(root, PhaseStructure(long, PUBLISHED, NOTES), name="long.html")
    return root


@pytest.fixture
def phase(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def control(page, wait=SLID):
    checks.control(page)
    page.wait_for_timeout(wait)


def heights(page):
    """Run ↦ pixels from the top at which its point lies."""
    found = page.locator(".gb-scatter .gb-run").evaluate_all(
        "all => all.map((g) => [g.dataset.run, g.getAttribute('transform')])"
    )
    return {run: float(re.search(r" (\S+)\)", place)[1]) for run, place in found}


def shown_time(pace, tau):
    """What the height of a point stands for, in steps or in τ in units of 1/η."""
    step = pace.grok if pace.grok is not None else pace.last_step
    return pace.tau(step) / RATE if tau else step


def test_it_draws_every_part(phase, paces, run):
    assert phase.locator(".gb-failed").count() == 0
    expect(phase.locator(".gb-title")).to_have_text(
        "Is weight decay a phase parameter, or a clock?"
    )
    expect(phase.locator(".gb-answer")).to_have_text(clock_sentence(paces))
    assert phase.locator(".gb-panel:visible").count() == 3
    assert phase.locator(".gb-stack .gb-test").count() == 2
    assert phase.locator(".gb-scatter .gb-run").count() == len(paces)
    assert phase.locator(".gb-scatter .gb-theirs-mark").count() == len(PUBLISHED["dual"])
    assert phase.locator(".gb-lane").count() == len(paces)
    expect(phase.locator(".gb-lane").nth(run)).to_have_attribute("aria-checked", "true")
    for path in phase.locator(".gb-explorable path").all():
        assert "NaN" not in (path.get_attribute("d") or "")
    for place in phase.locator(".gb-explorable [transform]").all():
        assert "NaN" not in place.get_attribute("transform")


@pytest.mark.parametrize("tau", [False, True])
def test_a_points_height_is_the_logarithm_of_its_time(phase, paces, tau):
    if tau:
        control(phase)
    found = heights(phase)
    kept = [pace for pace in paces if pace.weight_decay > 0]
    logs = np.log([shown_time(pace, tau) for pace in kept])
    ys = np.array([found[pace.run_id] for pace in kept])
    slope, intercept = np.polyfit(logs, ys, 1)
    assert slope < -20
    assert ys == pytest.approx(slope * logs + intercept, abs=0.02)


def test_under_the_control_points_of_equal_tau_lie_at_one_height_and_those_at_unit_decay_stay(
    phase, paces
):
    before = heights(phase)
    control(phase)
    after = heights(phase)
    pair = [p.run_id for p in paces if p.exchanged]
    own = next(p.run_id for p in paces if p.curvature)
    assert abs(before[pair[0]] - before[pair[1]]) > 40
    for run in pair:  # half η, twice the steps: the same clock
        assert after[run] == pytest.approx(after[own], abs=2)
    for pace in paces:
        if pace.weight_decay == 1 and not pace.exchanged:
            assert after[pace.run_id] == pytest.approx(before[pace.run_id], abs=0.02)
        elif pace.weight_decay not in (0, 1):
            assert after[pace.run_id] > before[pace.run_id] + 20
    control(phase)
    assert heights(phase) == before


def test_the_slide_takes_half_a_second_and_does_not_bounce(phase, paces):
    run = next(p.run_id for p in paces if p.weight_decay == 0.5)
    track = phase.evaluate(
        """run => new Promise((done) => {
          const seen = [], begun = performance.now(), name = `.gb-run[data-run='${run}']`;
          document.querySelector('.gb-switch input').click();
          const look = () => {
            const place = document.querySelector(name).getAttribute('transform');
            seen.push([performance.now() - begun, +place.match(/ (\\S+)\\)/)[1]]);
            if (performance.now() - begun < 1200) requestAnimationFrame(look); else done(seen);
          };
          look();
        })""",
        run,
    )
    times, ys = np.array(track).T
    assert (np.diff(ys) >= 0).all(), "it goes one way"
    moving = times[(ys > ys[0]) & (ys < ys[-1])]
    assert len(moving) >= 3 and 300 < moving[-1] - moving[0] < 800


def test_with_reduced_motion_it_is_there_at_once(quiet, bench, paces):
    quiet.emulate_media(reduced_motion="reduce")
    page = show(quiet, f"{bench}/index.html")
    control(page, wait=0)
    first = heights(page)
    page.wait_for_timeout(300)
    assert heights(page) == first
    logs = np.log([shown_time(p, True) for p in paces if p.weight_decay > 0])
    ys = [first[p.run_id] for p in paces if p.weight_decay > 0]
    assert abs(np.corrcoef(logs, ys)[0, 1]) > 0.9999


def test_what_never_finishes_has_an_open_end_and_no_grok_step(phase, paces):
    still = next(p for p in paces if p.weight_decay == 0)
    cut = next(p for p in paces if p.weight_decay == 0.3)
    for pace in (still, cut):
        point = phase.locator(f".gb-run[data-run='{pace.run_id}']")
        expect(point).to_have_attribute("data-open", "true")
        assert point.locator(".gb-up").count() == 1
        lane = phase.locator(f".gb-lane[data-run='{pace.run_id}']")
        assert lane.locator(".gb-cut").count() == 1 and lane.locator(".gb-grok").count() == 0
        expect(lane.locator(".gb-result")).to_contain_text(f"cut off at {pace.last_step:,}")
    assert phase.locator(".gb-run .gb-up").count() == 2
    control(phase)
    point = phase.locator(f".gb-run[data-run='{still.run_id}']")
    assert float(point.evaluate("el => getComputedStyle(el).opacity")) == 0
    assert float(phase.locator(".gb-still").evaluate("el => getComputedStyle(el).opacity")) == 1
    result = phase.locator(f".gb-lane[data-run='{still.run_id}'] .gb-result")
    expect(result).to_have_text("τ stays 0: no weight decay")
    phase.locator(f".gb-lane[data-run='{still.run_id}']").click()
    phase.wait_for_timeout(50)
    assert phase.locator(".gb-when").text_content().startswith("step ")
    expect(phase.locator(".gb-scatter + figcaption")).to_contain_text("Of this run τ stays 0")
    move(phase, 40)  # no time, no cursor, no error
    expect(phase.locator(".gb-scatter .gb-cursor")).to_be_hidden()


@pytest.mark.parametrize("tau", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.6, 0.85, 1.0])
def test_points_fill_as_their_runs_grok(phase, paces, run, frames, share, tau):
    if tau:
        control(phase)
    end = int(phase.locator(".gb-slider").get_attribute("max"))
    move(phase, round(share * end))
    own = paces[run]
    step = min(frames[round(share * end)], own.last_step)
    now = own.tau(step) / RATE if tau else step
    filled = {p.run_id for p in paces if p.grok is not None and shown_time(p, tau) <= now + 1e-6}
    seen = phase.locator(".gb-gone-by").evaluate_all("all => all.map((g) => g.dataset.run)")
    assert set(seen) == filled
    when = f"τ = {own.tau(step):.2f}" if tau else f"step {step:,}"
    expect(phase.locator(".gb-scatter + figcaption")).to_contain_text(
        f"By {when}, {len(filled)} of {len(paces)} runs have grokked."
    )
    cursor = phase.locator(".gb-scatter .gb-cursor")
    found, at = heights(phase), float(cursor.get_attribute("y1"))
    for pace in paces:
        if pace.grok is not None:
            assert (found[pace.run_id] >= at - 0.5) == (pace.run_id in filled)


def test_the_slider_moves_every_cursor(phase, run, paces, frames):
    move(phase, 70)
    own = paces[run]
    step = min(frames[70], own.last_step)
    expect(phase.locator(".gb-when")).to_have_text(f"step {step:,}")
    for chart in phase.locator(".gb-panel:visible").all():
        width = float(chart.get_attribute("width"))
        at = 52 + step / own.last_step * (width - 52 - 14)
        assert float(chart.locator(".gb-cursor").get_attribute("x1")) == pytest.approx(at, abs=0.01)
    strip = phase.locator(".gb-strip")
    at = 128 + step / own.last_step * (float(strip.get_attribute("width")) - 128 - 16)
    assert float(strip.locator(".gb-cursor").get_attribute("x1")) == pytest.approx(at, abs=0.01)
    lists = phase.locator(".gb-track .gb-cursor").evaluate_all(
        "all => all.map((c) => c.getAttribute('x1'))"
    )
    assert len(set(lists)) == 1


def test_the_band_is_the_clocks_and_only_under_the_control(phase, paces):
    band = phase.locator(".gb-clock-band")
    assert float(band.evaluate("el => getComputedStyle(el).opacity")) == 0
    assert "a clock" not in phase.locator(".gb-states .gb-legend").text_content()
    control(phase)
    assert float(band.evaluate("el => getComputedStyle(el).opacity")) == 1
    expect(phase.locator(".gb-states .gb-legend")).to_contain_text(
        "a clock, set by 3 runs at λ = 1"
    )
    corners = [float(y) for y in re.findall(r" (-?[\d.]+)", band.get_attribute("d"))]
    _, low, high, *_ = PhaseStructure(paces).clocks["dual"]
    found = heights(phase)
    kept = [p for p in paces if p.weight_decay > 0]
    slope, intercept = np.polyfit(
        np.log([shown_time(p, True) for p in kept]), [found[p.run_id] for p in kept], 1
    )
    top, bottom = (slope * np.log(tau / RATE) + intercept for tau in (high, low))
    assert corners == pytest.approx([top, top, bottom, bottom], abs=0.3)
    phase.locator(".gb-lane").filter(has_text="add + mul + sq").first.click()
    expect(phase.locator(".gb-states .gb-legend")).to_contain_text("a clock, set by 2 runs")
    expect(phase.locator(".gb-answer")).to_have_text(clock_sentence(paces, control=True))


def test_residual_bars_are_drawn_at_every_reading(phase, run, paces):
    curvature = paces[run].curvature
    assert phase.locator(".gb-bar-gb-theirs").count() == len(curvature["published"].steps)
    assert phase.locator(".gb-bar-gb-ours").count() == len(curvature["corrected"].steps)
    chart = phase.locator(".gb-panel").nth(1)
    bars = phase.locator(".gb-bar-gb-theirs").evaluate_all(
        "all => all.map((b) => [+b.getAttribute('y1'), +b.getAttribute('y2')])"
    )
    ys = [
        float(y)
        for y in re.findall(
            r"[ML]\S+ (\S+?)(?=L|$)", chart.locator(".gb-theirs").get_attribute("d")
        )
    ]
    for (low, high), y in zip(bars, ys, strict=True):
        assert high < y < low
    expect(phase.locator(".gb-lacking")).to_be_hidden()


def test_the_strip_shows_every_detector_where_it_fires(phase, run, paces):
    own, strip = paces[run], phase.locator(".gb-strip")
    width = float(strip.get_attribute("width"))
    for name, pair in own.onsets.items():
        marks = strip.locator(f"circle[data-detector='{name}']")
        steps = [step for step in pair if step is not None]
        places = [
            float(re.search(r"\((\S+) ", m.get_attribute("transform"))[1]) for m in marks.all()
        ]
        assert places == pytest.approx(
            [128 + step / own.last_step * (width - 144) for step in steps], abs=0.06
        )
    assert strip.locator("path.gb-blind").count() == 3  # one of four has no event
    expect(phase.locator(".gb-leads figcaption")).to_contain_text(
        "dual detector: never; tri detector: 7,100 steps before; 10 × the start: 8,500 steps before"
    )


def test_a_run_that_was_not_measured_says_what_measures_it(phase, run):
    phase.locator(".gb-lane").nth(run + 1).click()
    expect(phase.locator(".gb-lacking")).to_be_visible()
    expect(phase.locator(".gb-lacking code")).to_have_text(
        "grokbook measure dual --instruments hessian"
    )
    expect(phase.locator(".gb-leads figcaption code")).to_have_text(
        "grokbook measure dual --instruments commutator"
    )
    assert phase.locator(".gb-panel:visible").count() == 2
    assert "another learning rate" not in phase.locator(".gb-states").text_content()


def test_few_runs_are_a_whole_picture_too(quiet, bench):
    page = show(quiet, f"{bench}/few.html")
    expect(page.locator(".gb-answer")).to_contain_text("so nothing can be compared yet")
    expect(page.locator(".gb-states code")).to_have_text("grokbook study exchange")
    control(page)
    assert float(page.locator(".gb-clock-band").evaluate("el => getComputedStyle(el).opacity")) == 0
    assert page.locator(".gb-failed").count() == 0


def test_a_click_on_a_run_or_on_its_point_changes_every_part(phase, paces):
    for at, pace in enumerate(paces):
        if at % 2:
            phase.locator(".gb-lane").nth(at).click()
        else:
            phase.locator(f".gb-run[data-run='{pace.run_id}'] .gb-mark").dispatch_event("click")
        expect(phase.locator(".gb-lane").nth(at)).to_have_attribute("aria-checked", "true")
        expect(phase.locator(".gb-lane[aria-checked=true]")).to_have_count(1)
        expect(phase.locator(".gb-again code")).to_have_text(pace.command)
        assert pace.label in phase.locator(".gb-panel").first.get_attribute("aria-label")
        assert phase.locator(".gb-ring").count() == 1
        assert phase.locator(".gb-stack .gb-test").count() == len(pace.tasks)
    tri = sum(pace.setting == "tri" for pace in paces)
    phase.locator(".gb-lane").filter(has_text="add + mul + sq").first.click()
    assert phase.locator(".gb-aside").count() == len(paces) - tri


def test_ghosts_are_the_other_runs_of_the_setting_and_end_with_the_axis(phase, paces, run):
    others = [p for p in paces if p.setting == "dual" and p is not paces[run]]
    accuracy = phase.locator(".gb-panel").first
    assert accuracy.locator(".gb-ghost").count() == len(others)
    width = float(accuracy.get_attribute("width"))
    for ghost in accuracy.locator(".gb-ghost").all():
        xs = [float(x) for x in re.findall(r"[ML](\S+?) ", ghost.get_attribute("d"))]
        assert max(xs) <= width - 14 + 0.1
    control(phase)
    assert accuracy.locator(".gb-ghost").count() == len(others) - 1  # one clock stands still


def test_a_click_in_a_chart_moves_the_slider_there(phase, paces, run, frames):
    own, chart = paces[run], phase.locator(".gb-panel").first
    box, width = chart.bounding_box(), float(chart.get_attribute("width"))
    x = 52 + 6_000 / own.last_step * (width - 66)
    phase.mouse.click(box["x"] + x * box["width"] / width, box["y"] + 60)
    gaps = np.abs(np.array(frames) - 6_000)
    assert gaps[int(phase.locator(".gb-slider").input_value())] <= gaps.min() + 100
    tip = phase.locator(".gb-tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(re.compile(r"add: [\d.]+ %"))
    expect(tip).to_contain_text(
        re.compile(r"depth at [\d,]+, converged: [\d.]+ \(residual 0.0200\)")
    )


def test_keys(phase, paces, run):
    slider = phase.locator(".gb-slider")
    slider.focus()
    phase.keyboard.press("ArrowRight")
    assert slider.input_value() == "1"
    phase.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max")
    phase.locator(".gb-lane[tabindex='0']").focus()
    phase.keyboard.press("Home")
    expect(phase.locator(".gb-lane").first).to_have_attribute("aria-checked", "true")
    expect(phase.locator(".gb-lane").first).to_be_focused()
    phase.keyboard.press("ArrowUp")
    expect(phase.locator(".gb-lane").nth(len(paces) - 1)).to_be_focused()
    phase.locator(".gb-switch input").focus()
    phase.keyboard.press("Space")
    expect(phase.locator(".gb-switch input")).to_be_checked()


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_restores_the_view(quiet, bench, folder, scheme, paces):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    page.locator(".gb-lane").nth(2).click()
    move(page, 33)
    control(page)
    page.wait_for_timeout(SETTLE)
    address = page.url
    assert address.endswith(f"#clock.run-{paces[2].run_id}.frame-33.control")
    assert page.evaluate("document.querySelector(location.hash) === null")
    places = heights(page)
    show(page, address)
    expect(page.locator(".gb-lane").nth(2)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".gb-switch input")).to_be_checked()
    assert page.locator(".gb-slider").input_value() == "33"
    page.wait_for_timeout(SLID)
    assert heights(page) == places


def test_a_mangled_address_is_ignored(quiet, bench, run):
    page = show(quiet, f"{bench}/index.html#clock.run-nobody.frame-x.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    assert page.locator(".gb-slider").input_value() == "0"
    expect(page.locator(".gb-lane").nth(run)).to_have_attribute("aria-checked", "true")


def test_a_screen_reader_hears_the_step_and_who_has_grokked(phase, frames):
    move(phase, 20)
    expect(phase.locator(".gb-live")).to_contain_text(f"step {frames[20]:,}; By step ")
    expect(phase.locator(".gb-live")).to_contain_text("runs have grokked")


def test_play_goes_on_and_rests(phase):
    button = phase.locator(".gb-play")
    assert phase.locator(".gb-slider").input_value() == "0"  # nothing moves by itself
    button.click()
    phase.wait_for_timeout(700)
    assert int(phase.locator(".gb-slider").input_value()) > 0
    move(phase, 60)
    expect(button).to_have_text("Play")


def test_the_download_holds_every_run(phase, paces):
    with phase.expect_download() as caught:
        phase.get_by_text("Download this data").click()
    assert caught.value.suggested_filename == "grokbook-grok-steps.csv"
    rows = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_text())))
    assert [row["run"] for row in rows] == [p.run_id for p in paces]
    for row, pace in zip(rows, paces, strict=True):
        assert float(row["weight_decay"]) == pace.weight_decay
        assert float(row["learning_rate"]) == pace.learning_rate
        assert int(row["last_step"]) == pace.last_step
        if pace.grok is None:  # an open end is not a number
            assert row["mean_grok_step"] == row["tau_at_grok"] == ""
        else:
            assert float(row["mean_grok_step"]) == pytest.approx(pace.grok)
            assert float(row["tau_at_grok"]) == pytest.approx(pace.tau(pace.grok), rel=1e-5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_read(phase, theme):
    control(phase)
    dress(phase, theme)
    assert_readable(phase, least=60)
    page = {"light": "#ffffff", "dark": DARK_PAGE}[theme]
    for kind in ("gb-test", "gb-mark", "gb-theirs-mark", "gb-pace", "gb-cut", "gb-ring", "gb-up"):
        for line in phase.locator(f".gb-explorable .{kind}").all():
            assert contrast(stroke(line), page) >= 3, kind
    first = phase.locator(".gb-stack .gb-test").first
    assert stroke(first) == task_colour("add", dark=theme == "dark").lower()


def test_on_paper_it_is_light_and_whole(phase, paces):
    control(phase)
    on_paper(phase)
    for name in (".gb-play", ".gb-foot"):
        expect(phase.locator(name)).to_be_hidden()
    assert_readable(phase)
    for within in (".gb-scatter", ".gb-states .gb-legend"):
        marks = phase.locator(f"{within} .gb-mark").all()
        assert len(marks) >= 3
        for mark in marks:
            drawn = mark.evaluate("el => getComputedStyle(el).stroke")
            assert drawn != "none" and contrast(hex_of(drawn), "#ffffff") >= 3, within
    expect(phase.locator(".gb-answer")).to_have_text(clock_sentence(paces, control=True))
    assert phase.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("theirs", [False, True])
def test_a_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, theirs):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    if theirs:
        control(page)
    assert_fits_a_phone(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index", "few", "long"])
def test_no_words_of_a_chart_lie_on_others(quiet, bench, name, width):
    quiet.set_viewport_size({"width": width, "height": 844})
    page = show(quiet, f"{bench}/{name}.html")
    for tau in (False, True):
        if tau:
            control(page)
        rows = page.locator(".gb-lane").all()
        for row in rows[:: max(1, len(rows) // 8)]:
            row.click()
            assert overlaps(page) == []


@pytest.mark.parametrize(("width", "at"), [(1400, 0), (820, 0), (390, 1)])
def test_the_page_keeps_about_the_room_that_is_needed(quiet, bench, paces, width, at):
    quiet.set_viewport_size({"width": width, "height": 900})
    page = show(quiet, f"{bench}/index.html")
    needed = page.locator(".gb-explorable").bounding_box()["height"]
    assert PhaseStructure(paces).heights[at] == pytest.approx(needed, rel=0.1)


def test_many_runs_scroll_in_their_own_box_and_a_chosen_one_is_seen(quiet, bench):
    page = show(quiet, f"{bench}/long.html")
    box = page.locator(".gb-lanes")
    assert box.evaluate("el => el.scrollHeight > el.clientHeight + 400")
    assert box.bounding_box()["height"] <= 660
    page.locator(".gb-lane[tabindex='0']").focus()
    page.keyboard.press("Home")
    expect(page.locator(".gb-lane").first).to_be_in_viewport()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_list_with_more_below_or_above_says_so_and_is_shaded_there(quiet, bench, theme):
    page = show(quiet, f"{bench}/long.html")
    dress(page, theme)
    count = page.locator(".gb-lane").count()
    expect(page.locator(".gb-scrolls")).to_have_text(f"{count} runs; scroll for more")
    box = page.locator(".gb-lanes")
    box.scroll_into_view_if_needed()

    def shades(share):
        box.evaluate("(el, s) => { el.scrollTop = s * el.scrollHeight; }", share)
        page.wait_for_timeout(100)
        above = box.evaluate("el => getComputedStyle(el, '::before').content !== 'none'")
        foot = box.locator(".gb-lane-foot")
        below = foot.evaluate("el => getComputedStyle(el, '::before').content !== 'none'")
        return above, below

    assert shades(0) == (False, True)
    assert shades(0.3) == (True, True)
    assert shades(1) == (True, False)
    few = show(quiet, f"{bench}/few.html")
    expect(few.locator(".gb-scrolls")).to_be_hidden()


@pytest.mark.parametrize("tau", [False, True])
def test_a_move_of_the_slider_is_drawn_within_a_frame(quiet, bench, tau):
    page = show(quiet, f"{bench}/long.html")
    if tau:
        control(page)
    assert_drawn_within_a_frame(page, 61)


def test_in_a_long_list_the_run_that_is_shown_is_seen(quiet, bench):
    page = show(quiet, f"{bench}/long.html")
    seen = """() => {
        const list = document.querySelector(".gb-lanes").getBoundingClientRect();
        const row = document.querySelector(".gb-lane[aria-checked=true]").getBoundingClientRect();
        return row.top >= list.top && row.bottom <= list.bottom;
    }"""
    rows = page.locator(".gb-lane")
    assert rows.count() > 20 and page.evaluate(seen)
    page.locator(".gb-lane[aria-checked=true]").press("Home")
    page.wait_for_timeout(200)
    assert rows.first.get_attribute("aria-checked") == "true" and page.evaluate(seen)
    page.locator(".gb-lane[aria-checked=true]").press("End")
    page.wait_for_timeout(200)
    assert rows.last.get_attribute("aria-checked") == "true" and page.evaluate(seen)
