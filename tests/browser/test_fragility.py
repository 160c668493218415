"""The fifth chapter's explorable in Chromium, on bare pages."""

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
    ARMS,
    DOSES,
    SETTLE,
    move,
    show,
    small_groups,
    small_trials,
    standing_text,
    write_page,
)
from grokbook.palette import DARK_PAGE, contrast
from grokbook.publishing.tiles import QUESTIONS
from grokbook.widgets import Fragility
from grokbook.widgets.delays import deletion_sentence, shift_sentence

BY_NAME = {arm.name: arm for arm in ARMS}


@pytest.fixture(scope="module")
def trials():
    return small_trials()


@pytest.fixture(scope="module")
def made():
    return Fragility(small_groups(), DOSES, ARMS, frame=0, arm="update")


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    """Pages: index, bare (no deleted run yet)."""
    root = tmp_path_factory.mktemp("fragility")
    write_page(root, made)
    write_page(root, Fragility(small_groups()[1:], DOSES, ARMS), name="bare.html")
    return root


@pytest.fixture
def deletion(quiet, bench):
    return show(quiet, f"{bench}/index.html")


def count(page, kind, within=".gb-stack"):
    return page.locator(f"{within} {kind}").count()


def test_it_draws_every_part(deletion, trials):
    assert deletion.locator(".gb-failed").count() == 0
    question = "What happens when you delete what points off the path?"
    expect(deletion.locator(".gb-title")).to_have_text(question)
    assert QUESTIONS["transverse-fragility"] == question  # the front page asks the same
    expect(deletion.locator(".gb-answer")).to_have_text(deletion_sentence(trials, 0.07))
    # Playwright takes all spaces for one; between a number and its per cent no line may end.
    said = deletion.locator(".gb-answer").evaluate("(p) => p.textContent")
    assert "\u00a0%" in said and " %" not in said
    assert deletion.locator(".gb-panel").count() == 3
    assert count(deletion, "path.gb-ours") == 2 * 3 and count(deletion, "path.gb-ghost") == 2 * 3
    assert count(deletion, "path.gb-wide") == 0
    assert deletion.locator(".gb-lane").count() == 4
    for path in deletion.locator(".gb-explorable path").all():
        assert "NaN" not in (path.get_attribute("d") or "")


def test_the_knob_changes_every_part(deletion, trials):
    for value in DOSES:
        turn(deletion, value)
        expect(deletion.locator(".gb-answer")).to_have_text(deletion_sentence(trials, value))
        here = trials.of("own", value)
        assert count(deletion, "path.gb-ours") == 2 * len(here)
        cut = sum(trial.grok is None for trial in here.values())
        assert count(deletion, ".gb-open-end") == 2 * cut
        found = deletion.locator(".gb-changes [data-arm=own][data-value]")
        values = found.evaluate_all("all => all.map((mark) => +mark.dataset.value)")
        assert values == pytest.approx([c.percent for c in trials.delays("own", value).values()])
        said = deletion.locator(".gb-lane .gb-result").all_text_contents()
        for row, trial in zip(said, trials.plain, strict=False):
            mine = here.get(trial.seed)
            if mine is None:
                assert row.startswith("not here yet")
            elif mine.grok is None:
                assert row.startswith(f"cut off at {mine.end:,}")
            else:
                way = "later" if mine.grok > trial.grok else "earlier"
                assert row.startswith(f"{abs(mine.grok - trial.grok):,} steps {way} (")
                percent = float(re.search(r"\((.*)\u00a0%\)", row)[1].replace("−", "-"))
                assert percent == pytest.approx(100 * (mine.grok / trial.grok - 1), abs=0.51)
    expect(deletion.locator(".gb-missing code")).to_have_text(
        "grokbook study deletion --set intervention.strength=0.5"
    )


def test_the_switch_sets_a_control_beside_and_takes_it_away_again(deletion, trials):
    def shown():
        return {
            "lines": count(deletion, "path.gb-wide"),
            "survival": count(deletion, "path.gb-wide", ".gb-time > .gb-state"),
            "rows": deletion.locator(".gb-changes text").all_text_contents()[-8:],
            "dots": count(deletion, ".gb-control-dot", ".gb-doses"),
            "legend": "control: on the update" in deletion.locator(".gb-legend").text_content(),
        }

    plain = shown()
    assert plain["lines"] == plain["survival"] == plain["dots"] == 0 and not plain["legend"]
    control(deletion)
    found = shown()
    assert (found["lines"], found["survival"], found["dots"]) == (6, 1, 2)  # one is a triangle
    assert count(deletion, ".gb-control-dot-open", ".gb-doses") == 1
    assert found["legend"] and "amplified inside" in found["rows"] and "none yet" in found["rows"]
    second = deletion.locator(".gb-second")
    expect(second).to_have_text(shift_sentence(trials, BY_NAME["update"], 0.07))
    control(deletion)
    assert shown() == plain


def test_a_control_can_be_chosen_and_switches_itself_on(deletion, trials):
    for each in ARMS[1:]:
        turn(deletion, each.name)
        expect(deletion.locator(".gb-switch input").first).to_be_checked()
        expect(deletion.locator(".gb-second")).to_have_text(shift_sentence(trials, each, 0.07))
        here = trials.of(each.name, 0.07)
        assert count(deletion, "path.gb-wide") == 2 * len(here)
        values = deletion.locator(f".gb-changes [data-arm={each.name}][data-value]").evaluate_all(
            "all => all.map((mark) => +mark.dataset.value)"
        )
        shifts = trials.shifts(each.name, 0.07)
        assert values == pytest.approx([change.percent for change in shifts.values()])
    turn(deletion, "amplify")
    expect(deletion.locator(".gb-missing code")).to_have_text("grokbook study deletion-amplify")


@pytest.mark.parametrize("share", [0.1, 0.45, 1.0])
def test_the_slider_moves_every_cursor_and_the_share_of_survivors(deletion, made, trials, share):
    control(deletion)
    end = int(deletion.locator(".gb-slider").get_attribute("max"))
    frame = round(share * end)
    move(deletion, frame)
    step = min(made.frames[frame], 24_000)
    expect(deletion.locator(".gb-when")).to_have_text(f"step {step:,}")
    across = deletion.locator(".gb-panel .gb-cursor").evaluate_all(
        "all => all.map((line) => +line.getAttribute('x1'))"
    )
    assert len(across) == 3 and len(set(across)) == 1
    width = float(deletion.locator(".gb-panel").first.get_attribute("width"))
    assert across[0] == pytest.approx(58 + step / 24_000 * (width - 58 - 14), abs=0.01)
    parts = []
    for name, which in (("plain", ""), ("control", "update"), ("deleted", "own")):
        left = trials.curve(which, 0.07 if which else 0).at(step)
        parts.append(f"{name} {'not known' if np.isnan(left) else f'{round(100 * left)} %'}")
    said = deletion.locator(".gb-time figcaption")
    expect(said).to_have_text(f"Not grokked by step {step:,}: {', '.join(parts)}.")


def test_doses_stand_at_their_steps_and_a_click_chooses_one(deletion, trials):
    chart = deletion.locator(".gb-doses")
    dots = chart.locator("circle.gb-own-dot")
    assert dots.count() == 7 and count(deletion, ".gb-own-dot-open", ".gb-doses") == 1
    heights = dots.evaluate_all("all => all.map((dot) => +dot.getAttribute('cy'))")
    groks = [trial.grok for trial in trials.deleted if trial.arm == "own" and trial.grok]
    fit = np.polyfit(groks, heights, 1)
    assert np.polyval(fit, groks) == pytest.approx(heights, abs=0.1) and fit[0] < 0
    assert chart.locator(".gb-hollow").count() == 4
    words = chart.locator("title").all_text_contents()
    assert "published, 10 %: cut off at 20,000" in words
    assert "add + mul, seed 42, 25 % deleted: cut off at 24,000" in words
    box = chart.bounding_box()
    label = chart.locator("text", has_text=re.compile("^25$")).bounding_box()
    deletion.mouse.click(label["x"] + label["width"] / 2, box["y"] + 90)
    expect(deletion.locator(".gb-knob input[value='0.25']")).to_be_checked()


def test_the_noise_is_a_band_and_its_absence_is_said(deletion):
    band = deletion.locator(".gb-changes rect.gb-null")
    expect(band).to_have_count(1)
    note = deletion.locator(".gb-changes + figcaption")
    expect(note).to_contain_text("Band: what two executions of one run differ by.")
    deletion.locator(".gb-lane").nth(3).click()
    expect(band).to_have_count(0)
    expect(note).to_contain_text("No run was carried out twice")


def test_the_band_lies_on_both_sides_of_nothing(deletion, trials):
    band = deletion.locator(".gb-changes rect.gb-null")
    left, width = (float(band.get_attribute(name)) for name in ("x", "width"))
    zero = deletion.locator(".gb-changes text", has_text=re.compile("^0$"))
    assert float(zero.get_attribute("x")) == pytest.approx(left + width / 2, abs=0.01)
    dot = deletion.locator(".gb-changes circle[data-arm=own]").first
    far = float(dot.get_attribute("cx")) - (left + width / 2)
    assert far == pytest.approx(
        float(dot.get_attribute("data-value")) / trials.floor * width / 2, rel=1e-3
    )


def test_a_bound_points_where_it_is_open_and_its_sign_is_explained_where_it_stands(deletion):
    """At 25 % one deleted run is cut off: at least so late; the update's at 7 % likewise."""
    note = deletion.locator(".gb-changes + figcaption")

    def bounds():
        return deletion.locator(".gb-changes path[data-bound]").evaluate_all(
            """all => all.map((mark) => {
                const at = mark.getAttribute("d").match(/-?[0-9.]+/g).map(Number)[0];
                const box = mark.getBBox();
                return [mark.dataset.bound, Math.sign(at - (box.x + box.width / 2)),
                    mark.querySelector("title").textContent];
            })"""
        )

    assert bounds() == [] and "▶" not in note.text_content()
    turn(deletion, 0.25)
    ((bound, way, said),) = bounds()
    assert (bound, way) == ("at least", 1) and "seed 42: at least +" in said
    expect(note).to_contain_text("▶ at least so much.")
    assert "◀" not in note.text_content() and "◇" not in note.text_content()


def test_a_click_on_a_seed_brings_it_forward(deletion):
    for index in (1, 2):
        deletion.locator(".gb-lane").nth(index).click()
        expect(deletion.locator(".gb-lane[aria-checked=true]")).to_have_count(1)
        behind = deletion.locator(".gb-stack path.gb-ours.gb-behind")
        assert behind.count() == 2 * 2
    deletion.locator(".gb-lane").nth(3).click()
    assert count(deletion, "path.gb-ours") == 0
    expect(deletion.locator(".gb-answer")).to_contain_text("No run with 7 % deleted is here yet")
    assert "tri" in deletion.locator(".gb-panel").first.get_attribute("aria-label")


def test_hovering_says_what_every_run_does(deletion, trials):
    control(deletion)
    box = deletion.locator(".gb-panel").first.bounding_box()
    deletion.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 80)
    tip = deletion.locator(".gb-tip")
    expect(tip).to_contain_text(re.compile(r"seed 42, step [\d,]+"))
    expect(tip).to_contain_text(re.compile(r"plain: [\d.]+ %, ‖θ‖ [\d.]+"))
    expect(tip).to_contain_text(re.compile(r"7 % deleted: [\d.]+ %"))
    expect(tip).to_contain_text("on the update: ")


def test_keys(deletion):
    slider = deletion.locator(".gb-slider")
    slider.focus()
    deletion.keyboard.press("ArrowRight")
    assert slider.input_value() == "1"
    deletion.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max")
    deletion.locator(".gb-lane[tabindex='0']").focus()
    deletion.keyboard.press("ArrowDown")
    expect(deletion.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    deletion.locator(".gb-knob input[value='0.07']").focus()
    deletion.keyboard.press("ArrowRight")
    expect(deletion.locator(".gb-knob input[value='0.25']")).to_be_checked()
    deletion.locator(".gb-switch input").first.focus()
    deletion.keyboard.press("Space")
    expect(deletion.locator(".gb-knob input[value='update']")).to_be_checked()


def test_time_can_be_counted_as_decay_feels_it(deletion, made):
    deletion.get_by_text("Count time as").click()
    move(deletion, 50)
    step = made.frames[50]
    expect(deletion.locator(".gb-when")).to_have_text(f"τ = {step / 1000:.2f}, step {step:,}")
    expect(deletion.locator(".gb-panel .gb-axis-title").first).to_have_text("τ = ηλt")
    # No axis, caption or result stays in steps.
    expect(deletion.locator(".gb-lane-foot .gb-axis-title")).to_have_text("τ = ηλt")
    expect(deletion.locator(".gb-doses .gb-panel-title")).to_have_text("last task groks at τ = ηλt")
    said = deletion.locator(".gb-time figcaption")
    expect(said).to_contain_text(f"Not grokked by τ = {step / 1000:.2f}: plain")
    for result in deletion.locator(".gb-lane .gb-result").all_text_contents():
        assert "step" not in result and "τ " in result
    words = deletion.locator(".gb-doses title").all_text_contents()
    assert "published, 10 %: cut off at τ = 20.00" in words
    assert "add + mul, seed 42, 25 % deleted: cut off at τ = 24.00" in words
    # λ is 1 and η 0.001 in every run here: the same picture in other units.
    places = "all => all.map((el) => el.getBBox().y + el.getBBox().x)"
    drawn = deletion.locator(".gb-lane path, .gb-doses :is(path, circle)")
    counted = drawn.evaluate_all(places)
    deletion.get_by_text("Count time as").click()
    assert drawn.evaluate_all(places) == pytest.approx(counted)
    expect(deletion.locator(".gb-lane-foot .gb-axis-title")).to_have_text("training step")


def test_hollow_is_published_and_what_was_cut_off_is_filled(deletion):
    """A triangle of ours has the ink of its run; the published one is hollow, as the note says."""
    turn(deletion, 0.25)
    control(deletion)
    page = deletion.evaluate("getComputedStyle(document.body).backgroundColor")
    ours = ".gb-open-end, .gb-own-dot-open, .gb-plain-dot-open, .gb-control-dot-open"
    assert deletion.locator(ours).count() >= 5
    looks = "all => all.map((el) => [getComputedStyle(el).fill, getComputedStyle(el).stroke])"
    for fill, stroked in deletion.locator(ours).evaluate_all(looks):
        assert fill == stroked not in ("none", page)
    theirs = deletion.locator(".gb-doses path.gb-hollow")
    assert [fill for fill, _ in theirs.evaluate_all(looks)] == ["none"]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_address_restores_the_view(quiet, bench, folder, scheme, trials):
    base = bench if scheme == "http" else f"file://{folder}"
    page = show(quiet, f"{base}/index.html")
    assert "#" not in page.url
    page.locator(".gb-lane").nth(1).click()
    move(page, 33)
    turn(page, 0.03)
    turn(page, "other-seed")
    page.get_by_text("Count time as").click()
    page.wait_for_timeout(SETTLE)
    address = page.url
    run = trials.plain[1].run.name
    assert address.endswith(f"#deletion.run-{run}.frame-33.dose-3.arm-other-seed.control.tau")
    seen = standing_text(page)
    show(page, address)
    assert standing_text(page) == seen
    expect(page.locator(".gb-lane").nth(1)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".gb-knob input[value='0.03']")).to_be_checked()
    assert page.url == address


def test_a_mangled_address_is_ignored(quiet, bench):
    page = show(quiet, f"{bench}/index.html#deletion.run-nobody.frame-x.dose-11.arm-own.%E0%A4%A")
    assert page.locator(".gb-failed").count() == 0
    expect(page.locator(".gb-knob input[value='0.07']")).to_be_checked()


def test_without_deleted_runs_it_says_what_trains_them(quiet, bench):
    page = show(quiet, f"{bench}/bare.html")
    assert page.locator(".gb-failed").count() == 0
    expect(page.locator(".gb-missing code")).to_have_text("grokbook study deletion")
    control(page)
    expect(page.locator(".gb-missing code")).to_have_count(2)
    expect(page.locator(".gb-changes .gb-none")).to_have_count(5)
    page.get_by_text("Re-run this point").click()
    expect(page.locator(".gb-again code")).to_have_text("grokbook study deletion")


def test_a_screen_reader_hears_step_and_survivors(deletion, made):
    move(deletion, 40)
    step = made.frames[40]
    expect(deletion.locator(".gb-live")).to_contain_text(f"step {step:,}; Not grokked by step")


def test_play_goes_on_and_rests(deletion):
    button = deletion.locator(".gb-play")
    assert deletion.locator(".gb-slider").input_value() == "0"
    button.click()
    deletion.wait_for_timeout(700)
    assert int(deletion.locator(".gb-slider").input_value()) > 0
    move(deletion, 60)
    expect(button).to_have_text("Play")


def test_the_download_holds_the_runs_numbers(deletion, trials):
    control(deletion)
    with deletion.expect_download() as caught:
        deletion.get_by_text("Download this data").click()
    head, *rows = Path(caught.value.path()).read_text().removesuffix("\n").split("\n")
    assert head == "arm,dose,step,test_accuracy_worst_task,norm"
    cells = [row.split(",") for row in rows]
    for name, trial in (
        ("plain", trials.plain_of(42)),
        ("own", trials.of("own", 0.07)[42]),
        ("update", trials.of("update", 0.07)[42]),
    ):
        mine = [row for row in cells if row[0] == name]
        metrics = trial.run.record.metrics.set_index("step").loc[[int(row[2]) for row in mine]]
        worst = metrics[["test_accuracy_add", "test_accuracy_mul"]].min(axis=1)
        assert [float(row[3]) for row in mine] == pytest.approx(worst.tolist(), abs=2e-5)
        norms = metrics["parameter_norm"].tolist()
        assert [float(row[4]) for row in mine] == pytest.approx(norms, abs=0.006)
        assert {float(row[1]) for row in mine} == {trial.dose}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_read(deletion, theme):
    turn(deletion, 0.25)
    control(deletion)
    dress(deletion, theme)
    assert_readable(deletion, least=60)
    page = {"light": "#ffffff", "dark": DARK_PAGE}[theme]
    for kind in ("gb-ours", "gb-ghost", "gb-open-end", "gb-hollow", "gb-wide", "gb-edge"):
        line = deletion.locator(f".gb-explorable .{kind}").first
        assert contrast(stroke(line), page) >= 3, kind


def test_on_paper_it_is_light_and_without_buttons(deletion):
    on_paper(deletion)
    for name in (".gb-play", ".gb-foot"):
        expect(deletion.locator(name)).to_be_hidden()
    assert_readable(deletion)
    assert deletion.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("theirs", [False, True])
def test_a_phone_has_no_sideways_scroll_and_room_for_fingers(quiet, bench, theirs):
    quiet.set_viewport_size({"width": 390, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    if theirs:
        control(page)
        page.get_by_text("Count time as").click()
    assert_fits_a_phone(page)


@pytest.mark.parametrize("width", [390, 760, 1280])
def test_no_words_of_a_chart_lie_on_others(quiet, bench, width):
    quiet.set_viewport_size({"width": width, "height": 844})
    page = show(quiet, f"{bench}/index.html")
    for beside in (False, True):
        for value in DOSES:
            turn(page, value)
            assert overlaps(page) == [], (beside, value)
        control(page)


@pytest.mark.parametrize(("width", "at"), [(1400, 0), (820, 0), (390, 1)])
def test_the_page_keeps_about_the_room_that_is_needed(quiet, bench, made, width, at):
    quiet.set_viewport_size({"width": width, "height": 900})
    page = show(quiet, f"{bench}/index.html")
    needed = page.locator(".gb-explorable").bounding_box()["height"]
    assert made.heights[at] == pytest.approx(needed, rel=0.1)


def test_a_move_of_the_slider_is_drawn_within_a_frame(quiet, bench):
    page = show(quiet, f"{bench}/index.html")
    control(page)
    assert_drawn_within_a_frame(page, 101)
