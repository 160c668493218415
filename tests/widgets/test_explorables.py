from __future__ import annotations

import base64
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import traitlets as t

from explorable_harness import small_lanes, synthetic_lane
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.studies.finishing_order import count_orders
from grokbook.widgets import FrontPicture, StaggeredOrder, frame_axis, order_sentence
from grokbook.widgets.front import captions
from grokbook.widgets.packing import pack_lanes, pack_tables, quantise
from grokbook.widgets.staggered import finishing_order

STATIC = Path(__file__).parents[2] / "grokbook" / "widgets" / "static"
HOST = Path(__file__).parents[2] / "grokbook" / "publishing" / "static" / "gb-host.js"


@pytest.fixture(scope="module")
def lanes():
    return small_lanes()


def with_crossings(lane, *steps):
    return replace(lane, crossings=dict.fromkeys(lane.crossings, steps))


def test_finishing_order_keeps_ties_together(lanes):
    tri = lanes[0][2]
    assert finishing_order(with_crossings(tri, 900, 700, 900), "0.98") == (("mul",), ("add", "sq"))
    assert finishing_order(with_crossings(tri, None, 700, None), "0.98") == (("mul",),)


def test_ties_and_unfinished_runs_count_as_in_the_study(lanes):
    dice, tri = random.Random(0), lanes[0][2]
    races = [[dice.choice((700, 800, 900, 900, None)) for _ in tri.tasks] for _ in range(200)]
    records = [
        SimpleNamespace(
            config=SimpleNamespace(tasks=tri.tasks, label=f"run {k}"),
            grok_step=lambda task, rule, control, race=race: race[tri.tasks.index(task)],
        )
        for k, race in enumerate(races)
    ]
    shown = [finishing_order(with_crossings(tri, *race), PUBLISHED_RULE) for race in races]
    done = [order for order in shown if order]
    cut = [order for order in done if sum(map(len, order)) < len(tri.tasks)]
    for order in (("mul", "sq", "add"), ("add", "mul", "sq")):
        count = count_orders(records, order, PUBLISHED_RULE)
        assert (count.n, count.censored) == (len(done), len(cut))
        assert len(count.left_out) == len(races) - len(done)
        whole = tuple((task,) for task in order)
        assert count.strict.runs == done.count(whole) + cut.count(whole[:2]) > 0
        assert count.first.runs == sum(one[0] == (order[0],) for one in done)
        assert count.first_or_tied.runs == sum(order[0] in one[0] for one in done)
    sentence = order_sentence([with_crossings(tri, *race) for race in races], PUBLISHED_RULE)
    assert f"of {count.n} runs that grok" in sentence
    assert f"a + b is first in {count.first.runs}" in sentence
    assert count.undecided == sum(sum(map(len, order)) == 1 for order in cut) > 0
    known = count.censored - count.undecided
    assert f"in {known} runs a + b, a × b and a² + b² had not finished" in sentence
    assert f"in {count.undecided} runs a + b, a × b and a² + b² had not finished" in sentence


@pytest.mark.parametrize(
    ("races", "start"),
    [
        ([(900, 700), (800, 600)], "Yes, in both runs that grok here: a × b, then a + b."),
        ([(900, 700), (600, 800), (900, 700)], "No: of 3 runs that grok, a × b is first in 2 and"),
        (
            [(900, 700), (800, 800)],
            "Not quite: of 2 runs that grok, a × b is first in 1 and 1 is a tie.",
        ),
        (
            [(900, 700), (None, 800)],
            "Yes, in both runs that grok here: a × b, then a + b; in 1 run a + b had not finished "
            "when the run ended, so that comes last.",
        ),
        ([(None, None), (None, None)], "Nothing to order: in none of the 2 runs"),
        (
            [(None, None), (900, 800)],
            "a × b is first in the one run that groks; in 1 run no task",
        ),
    ],
)
def test_the_sentence_comes_from_the_crossings(lanes, races, start):
    changed = [with_crossings(lanes[0][0], *race) for race in races]
    assert order_sentence(changed, "0.98x3").startswith(start)


def test_each_set_of_tasks_is_compared_with_itself(lanes):
    dual, tri = lanes[0][0], lanes[0][2]
    settled = [with_crossings(dual, 900, 700), with_crossings(tri, 900, 700, 800)]
    assert order_sentence(settled, "0.98") == (
        "Yes, in both runs that grok here: a × b, then a + b; and a × b, then a² + b², then a + b."
    )
    changed = [*settled, with_crossings(tri, 800, 700, 900)]
    assert order_sentence(changed, "0.98") == ("a × b is first in all 3 runs that grok.")


def test_what_is_open_is_said_to_be_so_and_nothing_else_is(lanes):
    tri = lanes[0][2]
    one = order_sentence([with_crossings(tri, 900, 700, None)], "0.98")
    assert one == (
        "a × b is first in the one run that groks; in 1 run a² + b² had not finished when the run "
        "ended, so that comes last."
    )
    two = order_sentence([with_crossings(tri, None, 700, None)], "0.98")
    assert two.endswith(
        "; in 1 run a + b and a² + b² had not finished when the run ended, so the last places are "
        "open."
    )


def test_lanes_are_sorted_and_sentences_cover_every_knob(lanes):
    widget = StaggeredOrder(*lanes)
    order = [(raw["decay"], len(raw["tasks"]), raw["seed"]) for raw in widget.lanes]
    assert order == sorted(order)
    assert len(widget.sentences) == 2 * len(RULES)
    assert widget.threshold == PUBLISHED_RULE
    assert widget.rules == [[key, rule.text, rule.accuracy] for key, rule in RULES.items()]
    assert widget.sentences["0.98x3+control"] == order_sentence(lanes[0], "0.98x3", True)


def test_state_outside_the_data_is_refused(lanes):
    widget = StaggeredOrder(*lanes)
    with pytest.raises(t.TraitError, match="run must be 0..3"):
        widget.run = 4
    with pytest.raises(t.TraitError, match="frame must be"):
        widget.frame = 999
    with pytest.raises(t.TraitError):
        widget.threshold = "0.5"
    for run in (4, -1):
        with pytest.raises(t.TraitError, match=rf"run must be 0..3, got {run}"):
            StaggeredOrder(*lanes, run=run)
    with pytest.raises(ValueError, match="at least one lane"):
        StaggeredOrder([], lanes[1])
    with pytest.raises(ValueError, match="answer frames"):
        StaggeredOrder(lanes[0], lanes[1][:-1])


def test_captions_take_their_steps_from_the_run(lanes):
    lane = lanes[0][0]
    memorised, waits, understands = captions(lane)
    train = lane.train_accuracy.min(axis=0)
    test = lane.test_accuracy
    assert memorised["step"] == lane.steps[np.argmax(train >= 0.99)]
    assert memorised["step"] <= waits["step"] < understands["step"]
    stirs, half = (lane.steps[np.argmax(test.max(axis=0) >= part)] for part in (0.1, 0.5))
    assert understands["step"] == stirs
    assert waits["text"] == (
        f"For {stirs - memorised['step']:,} more steps it has less than 10 % of the others right."
    )
    done = lane.steps[np.argmax(test.min(axis=0) >= 0.98)]
    assert understands["text"] == (
        f"Slowly, then fast: half of one task by step {half:,}, nearly all by step {done:,}."
    )


def test_captions_of_a_run_that_does_not_wait(lanes):
    lane = lanes[0][0]
    early = replace(lane, test_accuracy=np.maximum(lane.test_accuracy, 0.2))
    assert captions(early)[1]["text"].startswith("Not in this run: by then it has 10 % of")


def test_captions_admit_a_run_that_never_understands(lanes):
    assert captions(lanes[0][3])[2]["step"] is None
    assert "12,000 steps were not enough" in captions(lanes[0][3])[2]["text"]


def test_quantised_accuracy_gives_back_exact_counts():
    counts = np.arange(9410)
    codes = quantise(counts / 9409)
    assert np.array_equal(np.rint(codes / 65534 * 9409), counts)
    assert quantise(np.array([np.nan]))[0] == 65535


@pytest.mark.parametrize("density", [0.0, 0.002, 0.05, 0.5, 1.0])
def test_tables_stay_near_their_entropy(density):
    rng = np.random.default_rng(1)
    flips = rng.random((64, 1, 96, 96)) < density
    answers = np.bitwise_xor.accumulate(flips, axis=0)
    cells = 64 * 96 * 96
    entropy = cells / 8  # a plain bitmap, where there is nothing to gain
    if density < 1:
        shares = [share for share in (density, 1 - density) if share]
        entropy *= -sum(share * np.log2(share) for share in shares)
    headers = 64 * 6
    assert len(pack_tables(answers)) <= 1.1 * entropy + headers


def test_seven_noisy_lanes_fit_into_two_megabytes():
    frames = frame_axis(17_000)
    tasks, grok = ("add", "mul", "sq"), (13_000, 12_000, 10_500)
    lane = synthetic_lane(frames, tasks, grok, last=17_000, noise=0.2)
    (packed,) = pack_lanes([lane], frames)
    text = sum(len(base64.b64encode(v)) for v in packed.values() if isinstance(v, bytes))
    assert 7 * text <= 2_000_000


def test_modules_are_small():
    modules = [*STATIC.glob("*.js"), HOST]
    assert len(modules) >= 4
    for path in modules:
        assert path.stat().st_size <= 15_000, path.name
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert len(line) <= 120, f"{path.name}:{number}"
    for widget in (StaggeredOrder, FrontPicture):
        assert "://" not in str(widget._esm).replace("http://www.w3.org/2000/svg", "")
        assert "<!--" not in str(widget._esm)
        assert "url(http" not in str(widget._css)
