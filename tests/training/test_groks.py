"""Small runs that really grok: memorise first, understand later."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from grokbook.config import RunConfig
from grokbook.events import grok_step
from grokbook.models import exchange
from grokbook.models.layout import Layout
from grokbook.models.reference import PlainLoop
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.evaluation import evaluate
from grokbook.training.run import run


def grokked(config, store, budget):
    outcome = run(config, Plan(steps=budget), store)
    record = outcome.directory.record()
    grok = record.grok_step(config.tasks[0], "0.98x3")
    assert outcome.status == "finished" and outcome.step == grok  # the published stop
    return grok, record


def memorised_first(record):
    """Did it know the training set before it knew half of the test set?"""
    memorised = record.steps[record.accuracy("add", "train") >= 0.99][0]
    half = record.steps[record.accuracy("add") >= 0.5][0]
    return memorised < half


@cache
def small(seed):
    """Addition modulo 59 until it groks: its config, its grok step and its record."""
    config = RunConfig(
        tasks=("add",), modulus=59, train_fraction=0.6, learning_rate=3e-3, seed=seed
    )
    with TemporaryDirectory() as folder:
        return config, *grokked(config, Store(Path(folder)), 3_000)


@pytest.mark.slow
@pytest.mark.long(31)
def test_addition_modulo_59():
    _, grok, record = small(1)
    assert 600 <= grok <= 1_800
    assert memorised_first(record)
    assert record.twinless_accuracy("add")[-1] > 0.9


@pytest.mark.slow
@pytest.mark.long(60)
def test_addition_modulo_97(tmp_path):
    config = RunConfig(tasks=("add",), learning_rate=3e-3)
    grok, record = grokked(config, Store(tmp_path), 4_000)
    assert 700 <= grok <= 2_000
    if not memorised_first(record):  # a negative result, kept in sight
        pytest.xfail("at this learning rate both come within one evaluation")


@pytest.mark.slow
@pytest.mark.long(200)
def test_the_published_loop_groks_as_ours_does():
    """Within the range of two of our seeds, and their difference on either side.

    From the first dozens of steps on, rounding has made another run of it, so it is compared with
    seeds, not with steps.
    """
    config, first, _ = small(1)
    ours = sorted((first, small(2)[1]))
    spread = max(ours[1] - ours[0], 100)
    loop, table, layout = PlainLoop(config), config.table(), Layout.of(config)
    steps, accuracy = [], []
    while grok_step(steps, accuracy, "0.98x3") is None and len(steps) < 30:
        loop.advance(100)
        theta = exchange.from_state_dict(layout, loop.model.state_dict())
        accuracy.append(evaluate(layout, theta, [table])[0].test_accuracy[0])
        steps.append(100 * (len(steps) + 1))
    theirs = grok_step(steps, accuracy, "0.98x3")
    assert theirs is not None
    assert ours[0] - spread <= theirs <= ours[1] + spread, (ours, theirs)
