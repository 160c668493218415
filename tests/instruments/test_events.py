"""The events of a real run, against its own metrics."""

import math

import pytest

from grokbook.config import RunConfig
from grokbook.events import RULES
from grokbook.instruments.events import EVENTS
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIG = RunConfig(
    tasks=("sq", "add"), modulus=7, width=16, heads=2, hidden=32, batch_size=32,
    train_fraction=0.9, learning_rate=1e-2, weight_decay=0.7,
)  # fmt: skip


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    outcome = run(CONFIG, Plan(steps=300, cadence=20, after_grok=None), store)
    return Subject(outcome.directory, store)


@pytest.fixture(scope="module")
def rows(subject):
    (point,) = EVENTS.points(subject, {})
    return EVENTS.rows(subject, point, EVENTS.complete({}))


def by_loop(steps, hits, row=1):
    """First step of ``row`` hits running, and how long before it the last evaluation was."""
    for k in range(row - 1, len(steps)):
        if all(hits[k - row + 1 : k + 1]):
            return float(steps[k]), float(steps[k] - steps[k - 1]) if k else math.nan
    return math.nan, math.nan


def same(row, expected):
    return (row.value, row.error) == pytest.approx(expected, nan_ok=True)


def test_every_row_is_the_metrics_own(subject, rows):
    record = subject.record
    steps, metrics = record.steps, record.metrics
    expected = {
        ("placebo", "", "norm"): metrics["parameter_norm"] < 0.5 * metrics["parameter_norm"][0],
        ("placebo", "", "constant"): steps >= 1_000,
    }
    for task in CONFIG.tasks:
        memorised = metrics[f"train_accuracy_{task}"] >= 0.99
        expected["memorisation", task, ""] = memorised
        expected["placebo", task, "loss"] = metrics[f"train_loss_{task}"] < 0.1
        for name, rule in RULES.items():
            for quantity, accuracy in (
                ("grok", record.accuracy(task)),
                ("grok_twinless", record.twinless_accuracy(task)),
            ):
                expected[quantity, task, name] = accuracy >= rule.accuracy
    assert {(row.quantity, row.part, row.variant) for row in rows} == set(expected)
    for row in rows:
        hits = list(expected[row.quantity, row.part, row.variant])
        length = RULES[row.variant].row if row.quantity.startswith("grok") else 1
        assert same(row, by_loop(steps, hits, length)), row
        assert row.step == subject.last == 300


def test_this_run_has_both_kinds_of_rows(rows):
    values = {(row.quantity, row.part, row.variant): row.value for row in rows}
    assert 0 < values["memorisation", "sq", ""] < values["grok", "sq", "0.98"] < 300
    assert math.isnan(values["grok", "add", "0.90"])
    assert math.isnan(values["placebo", "", "constant"])  # it ends before step 1,000
    assert len(rows) == 10 * 2 + 2


def test_its_declaration(subject):
    assert 0 < EVENTS.seconds(subject, {}) < 1 and not EVENTS.needs
    assert all(quantity.unit == "steps" for quantity in EVENTS.quantities.values())
