"""Figures of the first chapter: every rule has its row, every published step its task."""

import numpy as np

import made_records
from grokbook.config import RunConfig
from grokbook.events import RULES
from grokbook.figures import staggered_order as draw
from grokbook.palette import task_colour
from grokbook.statistics import mean_interval
from grokbook.studies.finishing_order import GrokGap


def gap(rule, *steps):
    """Of sq behind mul under a rule, of so many runs."""
    interval = mean_interval(list(steps)) if steps else None
    return GrokGap("sq", "mul", rule, {f"seed {k}": step for k, step in enumerate(steps)}, interval)


ONE_RULE = {"tri: sq after mul": [gap("0.90", 4_600, 7_900), *(gap(r) for r in list(RULES)[1:])]}


def test_every_rule_has_a_row_in_every_panel():
    three = {"tri: add after mul": [gap(rule, 100, 200, 400) for rule in RULES]}
    figure = draw.gaps(ONE_RULE | three, {})
    texts = [rule.text for rule in reversed(RULES.values())]
    for axis in (figure.layout.yaxis, figure.layout.yaxis2):
        assert list(axis.categoryarray) == list(axis.tickvals) == texts
        assert tuple(axis.range) == (-0.5, 3.5), "rows without a run would be cut off"


def test_a_rule_that_no_run_reaches_says_so():
    figure = draw.gaps(ONE_RULE, {})
    said = [(note.y, note.yref) for note in figure.layout.annotations if note.text == "not reached"]
    assert said == [(text, "y") for text in ("95 %", "98 %", "98 % × 3")]
    assert all(len(trace.x) for trace in figure.data)


def test_two_runs_are_points_and_have_no_bar():
    dots, mean = draw.gaps(ONE_RULE, {}).data
    assert list(dots.x) == [4_600, 7_900] and list(mean.x) == [6_250]
    assert mean.error_x.array is None and "no interval" in mean.hovertemplate
    _, mean = draw.gaps({"dual: add after mul": [gap("0.90", 100, 200, 400)]}, {}).data
    assert mean.error_x.array[0] > 300 and "95 % interval" in mean.hovertemplate


def test_ticks_lie_level_and_are_few():
    axis = draw.gaps(ONE_RULE, {}).layout.xaxis
    assert axis.nticks == 5 and axis.tickangle == 0 and axis.tickformat == ","


def test_a_published_step_tells_its_task_by_colour_shape_and_name():
    run = made_records.record(5, {"add": 600, "mul": 400, "sq": 500})
    steps = {"add": 900, "mul": 700, "sq": 800}
    figure = draw.grok_steps([run], {run.config.id: steps})
    theirs = {trace.name: trace for trace in figure.data if trace.name.endswith(", published")}
    assert list(theirs) == [f"{task}, published" for task in run.config.tasks]
    for task, step in steps.items():
        one = theirs[f"{task}, published"]
        assert list(one.x) == [step] and one.marker.color == task_colour(task)
        assert one.marker.symbol.endswith("-open"), "hollow is what was published"
    assert len({one.marker.symbol for one in theirs.values()}) == 3


def test_a_task_of_which_nothing_was_published_has_no_entry():
    run = made_records.DUAL[0]
    figure = draw.grok_steps([run], {run.config.id: {"add": 900}})
    shown = {trace.name: trace.showlegend for trace in figure.data}
    assert shown["add, published"] is True and shown["mul, published"] is False


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    config, steps = RunConfig(tasks=("add",), modulus=5, seed=1), np.arange(0, 300_000, 100)
    rising = {"train_accuracy_add": steps / 600_000, "test_accuracy_add": steps / 300_000}
    right = np.zeros((len(steps), 1, 25), dtype=bool)
    long = made_records.finished(config, {"step": steps} | rising, right)
    for trace in draw.curves({"one": [long]}).data:
        assert draw.POINTS / 2 < len(trace.x) <= draw.POINTS + 1
        assert (trace.x[0], trace.x[-1]) == (0, 299_900)
        full = {"add, train": 6_000, "add, test": 3_000}[trace.name]
        np.testing.assert_allclose(trace.y, np.asarray(trace.x) / full, rtol=1e-6)
        assert trace.y.dtype == np.float32
    short = made_records.record(1, {"add": 500})
    assert all(list(trace.x) == list(short.steps) for trace in draw.curves({"one": [short]}).data)
