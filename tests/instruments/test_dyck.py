"""Instruments on a run on balanced brackets: those of weights measure it, the others say so."""

import pytest

from grokbook.config import DyckConfig
from grokbook.instruments.agenda import agenda
from grokbook.instruments.catalogue import INSTRUMENTS, instrument
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

OF_WEIGHTS = ("events", "trajectory", "spectral-edge", "weight-spectra")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    config = DyckConfig(width=16, heads=2, hidden=16, seed=3)
    plan = Plan(steps=150, after_grok=None, cadence=10, window=10, full_state=True)
    found = Store(tmp_path_factory.mktemp("store"))
    run(config, plan, found)
    return found


def test_what_needs_pairs_is_not_measured(store):
    items = {item.name: item for item in agenda(store, store.runs(), list(INSTRUMENTS), {}, of=1)}
    for name, item in items.items():
        pairs = "pairs" in instrument(name).needs
        assert item.lacking == (1 if pairs else 0), name
        assert bool(item.jobs) == (not pairs)
    assert {name for name, item in items.items() if item.jobs} >= {*OF_WEIGHTS}


@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_instruments_of_weights_measure_it(store, name):
    subject, tool = Subject(store.runs()[0], store), instrument(name)
    parameters = tool.complete({})
    points = tool.points(subject, parameters)
    assert tool.take(subject, points[-1], parameters)
