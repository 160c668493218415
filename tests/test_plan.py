"""How far a run goes, and what no plan can be."""

import math

import pytest

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.plan import Plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 150}, "multiple of the evaluation cadence 100, not 150"),
        ({"steps": 0}, "steps must be from 1 to 1000000000, not 0"),
        ({"resume_seconds": math.nan}, "resume seconds must be a finite number, not nan"),
        ({"resume_seconds": -1}, "resume seconds must lie in"),
        ({"after_grok": -500}, "after grok must be at least 0, not -500"),
        ({"after_grok": 1.5}, "after grok must be an integer, not 1.5"),
        ({"dense_until": -3}, "dense until must be at least 0, not -3"),
        ({"window": True}, "window must be an integer, not True"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ConfigError, match=message):
        Plan(**change)


def test_the_end():
    plan = Plan(steps=10_000, after_grok=2_000)
    assert plan.end([None, 300]) == 10_000
    assert plan.end([500, 300]) == 2_500
    assert plan.end([9_900, 300]) == 10_000
    assert Plan(steps=800, after_grok=None).end([100]) == 800


def test_published_budgets():
    decayed, still = (RunConfig(tasks=("add",), weight_decay=w) for w in (0.1, 0.0))
    assert (Plan.published(decayed).steps, Plan.published(still).steps) == (300_000, 50_000)


def test_more_on_disk_for_more_kept():
    config = RunConfig(tasks=("add", "mul"))
    plain = Plan(steps=20_000).disk_bytes(config)
    assert Plan(steps=20_000, full_state=True).disk_bytes(config) > plain
