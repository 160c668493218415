"""Order counts and gaps on records made by hand."""

from dataclasses import replace

import pytest

from grokbook.studies.finishing_order import LeakTest, count_orders, gap
from made_records import DUAL, record


def test_counts():
    found = count_orders(DUAL, ("mul", "add"), "0.98")
    assert (found.n, found.censored, found.left_out) == (4, 1, ())
    held = (found.strict, found.weak, found.first, found.first_or_tied)
    assert [each.runs for each in held] == [1, 2, 1, 2]
    assert found.first.p == pytest.approx(1 - 1 / 2**3)  # a tie is dealt as a tie
    tri = [
        record(5, {"add": 900, "mul": 300, "sq": 600}),
        record(6, {"add": 600, "mul": 300, "sq": 600}),
    ]
    found = count_orders(tri, ("mul", "sq", "add"), "0.90")
    assert [each.runs for each in (found.strict, found.weak, found.first)] == [1, 2, 2]
    assert found.strict.p == pytest.approx(1 / 6)
    twice = count_orders([DUAL[0], DUAL[0]], ("mul", "add"), "0.98")
    assert (twice.n, twice.first.p) == (2, 1 / 4)  # two executions of one config are two runs


def test_gaps_are_paired():
    found = gap(DUAL, "add", "mul", "0.98")
    assert list(found.steps.values()) == [100, 0, -300]
    assert found.interval.mean == pytest.approx(-200 / 3) and found.interval.n == 3
    assert gap(DUAL[3:], "add", "mul", "0.98").interval is None


def test_the_published_rule_is_two_evaluations_later():
    plain, published = (gap(DUAL[:1], "add", "mul", rule) for rule in ("0.98", "0.98x3"))
    assert plain.steps == published.steps
    assert DUAL[0].grok_step("mul", "0.98x3") == DUAL[0].grok_step("mul", "0.98") + 200


def test_later_is_beyond_the_interval_and_not_at_its_end():
    at_end = LeakTest(
        task="add", label="seed 1", pairs=9, orbits=3, right=0.5, plain=400, control=600, low=300,
        high=600, level=0.95,
    )  # fmt: skip
    assert not at_end.later and replace(at_end, control=601).later
    assert replace(at_end, control=None).later  # never is later than anything
    assert not replace(at_end, plain=None, control=None).later


def test_other_tasks_are_refused():
    with pytest.raises(ValueError, match="does not have the tasks"):
        count_orders(DUAL, ("mul", "sq", "add"), "0.98")


def test_the_control_leaves_twins_out():
    shown = record(7, {"add": 800, "mul": 600}, leaked_first=True)
    fair = ~shown.table.trained & ~shown.table.leaked("add")
    assert shown.twinless_accuracy("add")[0] == 0.0 and shown.twinless_accuracy("add")[-1] == 1.0
    assert 0 < fair.sum() < len(shown.table.test)
    assert shown.grok_step("add", "0.98", control=True) == 800
