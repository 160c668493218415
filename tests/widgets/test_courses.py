"""Courses, the sentence made from them, and the second chapter's explorable without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import traitlets as t

from explorable_harness import page_html, small_courses, synthetic_course
from grokbook.events import FACTORS
from grokbook.palette import decay_colour
from grokbook.widgets import Integrability, frame_axis, lead_sentence
from grokbook.widgets.courses import BARS, PROTOCOLS
from grokbook.widgets.integrability import FACTOR

STATIC = Path(__file__).parents[2] / "grokbook" / "widgets" / "static"


@pytest.fixture(scope="module")
def course():
    return synthetic_course()


def without_last(values):
    return values[..., :-1]


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("accuracy", without_last, r"accuracy must be \(2, 111\), got \(2, 110\)"),
        ("accuracy", lambda a: a[:1], r"accuracy must be \(2, 111\), got \(1, 111\)"),
        ("loss", without_last, r"loss must be \(111,\), got \(110,\)"),
        ("gradient", without_last, r"gradient must be \(111,\), got \(110,\)"),
        ("rounding", without_last, r"rounding must be \(56,\), got \(55,\)"),
        ("plane", without_last, r"plane must be \(111, 2\), got \(111, 1\)"),
        ("steps", lambda s: s[::-1], "steps must be two or more steps that increase"),
        ("read", lambda s: np.zeros_like(s), "read must be two or more steps that increase"),
        ("path", lambda s: s - 1, "path must be two or more steps that increase"),
        ("shared", lambda s: s[:1], "shared must be two or more steps that increase"),
        (
            "defects",
            lambda d: {"published": d["published"]},
            "defects must have published, corrected, got published$",
        ),
        (
            "defects",
            lambda d: d | {"corrected": d["corrected"][1:]},
            r"each of defects must be \(56,\)",
        ),
        ("shares", lambda s: s | {"more": s["own"]}, "shares must have own, .*, got own, .*, more"),
        ("shares", lambda s: s | {"own": s["own"][1:]}, r"each of shares must be \(\d+,\)"),
        (
            "onsets",
            lambda o: {"published": o["published"]},
            "onsets must have one entry a factor and protocol",
        ),
        ("onsets", lambda o: o | {"corrected": (100,)}, "onsets must have one entry a factor"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(course, name, change, reason):
    with pytest.raises(ValueError, match=rf"^course 'add \+ mul, seed 42': {reason}") as caught:
        replace(course, **{name: change(getattr(course, name))})
    assert "\n" not in str(caught.value)


def test_packed_bytes_are_the_values(course):
    raw = course.packed()

    def whole(name):
        return np.frombuffer(raw[name], "<u4")

    def single(name):
        return np.frombuffer(raw[name], "<f4")

    for name in ("steps", "read", "path", "shared"):
        assert np.array_equal(whole(name), getattr(course, name))
    lines = single("curves").reshape(4, -1)
    for line, values in zip(lines, (*course.accuracy, course.loss, course.gradient), strict=True):
        assert np.array_equal(line, values.astype("f4"))
    lines = single("defects").reshape(3, -1)
    for line, values in zip(
        lines, (*(course.defects[name] for name in PROTOCOLS), course.rounding), strict=True
    ):
        assert np.array_equal(line, values.astype("f4"))
    assert np.array_equal(single("plane").reshape(-1, 2), course.plane.astype("f4"))
    for line, name in zip(single("shares").reshape(6, -1), BARS, strict=True):
        assert np.array_equal(line, course.shares[name].astype("f4"))
    assert raw["onsets"] == {name: list(course.onsets[name]) for name in PROTOCOLS}
    assert raw["ink"] == [decay_colour(1.0), decay_colour(1.0, dark=True)]
    assert (raw["grok"], raw["decay"], raw["rate"], raw["seed"]) == (9000, 1.0, 1e-3, 42)
    plain = {key: value for key, value in raw.items() if not isinstance(value, bytes)}
    assert json.loads(json.dumps(plain)) == plain


def test_an_unknown_share_stays_unknown(course):
    shares = dict(course.shares) | {"other": np.full(len(course.shared), np.nan)}
    packed = np.frombuffer(replace(course, shares=shares).packed()["shares"], "<f4")
    assert np.isnan(packed.reshape(6, -1)[BARS.index("other")]).all()
    assert np.isfinite(packed.reshape(6, -1)[: BARS.index("other")]).all()


def dated(course, onset, grok, *, true=None):
    """A course with its onset at factor 10, and a true onset of its own if one is given."""

    def at_ten(step):
        return tuple(step if factor == FACTOR else None for factor in FACTORS)

    onsets = {"published": at_ten(onset), "corrected": at_ten(true)}
    return replace(course, onsets=onsets, grok=grok)


def test_a_lead_is_the_grok_step_minus_the_onset(course):
    one = dated(course, 4_000, 9_000, true=9_500)
    assert one.lead("published", 10.0) == 5_000
    assert one.lead("corrected", 10.0) == -500
    assert one.lead("published", 2.0) is None
    assert dated(course, 4_000, None).lead("published", 10.0) is None
    assert one.last_step == 11_000


GROWN = "the published defect has grown 10-fold"
BEFORE = "before the first task groks"


@pytest.mark.parametrize(
    ("grokking", "silent", "said"),
    [
        (
            [(4_000, 9_000), (5_000, 8_000), (1_000, 9_000)],
            [],
            f"In all 3 runs that grok {GROWN} 5,000 steps (median) {BEFORE}; no run that never "
            "groks is shown here, so nothing says what this is worth.",
        ),
        (
            [(4_000, 9_000)],
            [300],
            f"In the run that groks {GROWN} 5,000 steps {BEFORE}; so it has by step 9,000 in the "
            "one run that never groks.",
        ),
        (
            [(4_000, 9_000), (1_000, 6_000)],
            [9_100],
            f"In both runs that grok {GROWN} 5,000 steps (median) {BEFORE}; it has not by step "
            "9,000 in the one run that never groks.",
        ),
        (
            [(4_000, 9_000), (9_500, 9_000), (None, 9_000), (9_000, 9_000)],
            [None],
            f"In 1 of 4 runs that grok {GROWN} 5,000 steps {BEFORE}, and 0 to 500 steps after it "
            "in 2; it has not by step 9,000 in the one run that never groks.",
        ),
        (
            [(9_500, 9_000), (None, 8_000)],
            [300, None, 500],
            f"No: in none of the 2 runs that grok {GROWN} {BEFORE}; so it has by step 9,000 in 2 "
            "of 3 runs that never grok.",
        ),
        (
            [(None, 9_000)],
            [None, None],
            f"No: in the run that groks {GROWN} at no step {BEFORE}; it has by step 9,000 in none "
            "of 2 runs that never grok.",
        ),
        (
            [],
            [300, 400],
            "No run here groks, so there is nothing to announce; the published defect grows "
            "10-fold in 2 of 2.",
        ),
    ],
)
def test_the_sentence_comes_from_the_onsets(course, grokking, silent, said):
    courses = [dated(course, *one) for one in grokking]
    courses += [dated(course, onset, None) for onset in silent]
    assert lead_sentence(courses, 10.0) == said


def test_the_control_looks_at_the_true_defect(course):
    courses = [
        dated(course, 8_000, 9_000, true=2_000),
        dated(course, None, 9_000, true=3_000),
        dated(course, None, None, true=400),
    ]
    assert lead_sentence(courses, 10.0) == (
        f"In 1 of 2 runs that grok {GROWN} 1,000 steps (median) {BEFORE}; it has not by step "
        "9,000 in the one run that never groks."
    )
    assert lead_sentence(courses, 10.0, control=True) == (
        f"In both runs that grok the true defect has grown 10-fold 6,500 steps (median) {BEFORE}; "
        "so it has by step 9,000 in the one run that never groks."
    )


def test_every_factor_is_read_at_its_own_place(course):
    """Onsets 100, 200, … by factor and a grok step of 450: four factors lead, three do not."""
    onsets = tuple(100 * (at + 1) for at in range(len(FACTORS)))
    one = replace(course, onsets=dict.fromkeys(PROTOCOLS, onsets), grok=450)
    for onset, factor in zip(onsets, FACTORS, strict=True):
        said = lead_sentence([one], factor)
        assert f"{factor:g}-fold" in said
        assert (f"{450 - onset:,} steps before" in said) is (onset < 450)
        assert said.startswith("In the run that groks" if onset < 450 else "No: ")


def test_runs_are_sorted_and_it_opens_at_the_last_one_late():
    given = small_courses()
    widget = Integrability(given)
    order = [(raw["decay"], len(raw["tasks"]), raw["seed"]) for raw in widget.courses]
    assert order == sorted(order) != [(c.weight_decay, len(c.tasks), c.seed) for c in given]
    assert widget.run == len(given) - 1
    last = widget.courses[-1]
    wanted = 0.6 * np.frombuffer(last["steps"], "<u4")[-1]
    assert widget.frames[widget.frame - 1] < wanted <= widget.frames[widget.frame]
    assert (widget.factor, widget.control, widget.tau) == (FACTOR, False, False)
    assert widget.frames[-1] >= max(course.last_step for course in given)
    assert Integrability(given, run=0, frame=3, factor=2.0).frame == 3


def test_sentences_cover_every_position_of_knob_and_switch():
    courses = small_courses()
    widget = Integrability(courses)
    assert len(widget.sentences) == 2 * len(FACTORS)
    assert widget.factors == list(FACTORS)
    for factor in FACTORS:
        for control, key in ((False, f"{factor:g}"), (True, f"{factor:g}+control")):
            assert widget.sentences[key] == lead_sentence(courses, factor, control)


def test_state_outside_the_data_is_refused():
    courses = small_courses()
    widget = Integrability(courses)
    count = len(widget.frames)
    with pytest.raises(t.TraitError, match=r"run must be 0..3, got 4"):
        widget.run = 4
    with pytest.raises(t.TraitError, match=rf"frame must be 0..{count - 1}, got {count}"):
        widget.frame = count
    with pytest.raises(t.TraitError):
        widget.factor = 4.0
    for run in (4, -1):
        with pytest.raises(t.TraitError, match=rf"run must be 0..3, got {run}"):
            Integrability(courses, run=run)
    with pytest.raises(t.TraitError, match="frame must be"):
        Integrability(courses, frame=999)
    with pytest.raises(ValueError, match="at least one course"):
        Integrability([])


def test_four_long_runs_fit_into_a_page():
    """Three published runs of 17,000 steps and one of 50,000, read as the chapter reads them."""
    runs = [synthetic_course(seed, grok=15_000, last=17_000) for seed in (42, 137, 2024)]
    runs.append(synthetic_course(42, grok=None, weight_decay=0.0, last=50_000))
    assert len(page_html(Integrability(runs)).encode()) <= 160_000


def test_modules_are_small_and_ask_nobody():
    modules = sorted(STATIC.glob("*.js"))
    assert {"parts.js", "panels.js", "planes.js", "stage.js", "integrability.js"} <= {
        path.name for path in modules
    }
    for path in modules:
        assert path.stat().st_size <= 15_000, path.name
    assert "://" not in str(Integrability._esm).replace("http://www.w3.org/2000/svg", "")
    assert "<!--" not in str(Integrability._esm)
    assert "url(http" not in str(Integrability._css)


def test_the_axis_of_frames_reaches_the_longest_run():
    frames = Integrability(small_courses()).frames
    assert frames == frame_axis(14_000, count=128).tolist()
    assert (frames[0], frames[-1]) == (0, 14_000)
