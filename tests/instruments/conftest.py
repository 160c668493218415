"""Two small runs that differ in their seed, trained once."""

import pytest

from grokbook.config import DyckConfig, RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIG = {
    "tasks": ("add", "mul"),
    "modulus": 11,
    "width": 16,
    "heads": 2,
    "hidden": 16,
    "batch_size": 16,
}
PLAN = Plan(steps=60, cadence=2, dense_until=20, full_state=True, after_grok=None)


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory):
    """A store with runs of seeds 1 and 2: 60 steps, 31 full snapshots, windows of 20 updates."""
    store = Store(tmp_path_factory.mktemp("small") / "store")
    for seed in (1, 2):
        run(RunConfig(**CONFIG, seed=seed), PLAN, store)
    return store


@pytest.fixture
def small_run(small_runs):
    """The run of seed 1 as an instrument sees it."""
    from grokbook.instruments.subject import Subject

    return Subject(small_runs.runs(RunConfig(**CONFIG, seed=1))[0], small_runs)


@pytest.fixture(scope="session")
def small_strings(tmp_path_factory):
    """A store with a run on balanced brackets: 300 steps, 31 full snapshots."""
    store = Store(tmp_path_factory.mktemp("strings") / "store")
    config = DyckConfig(width=16, heads=2, hidden=16, seed=3)
    run(config, Plan(steps=300, after_grok=None, cadence=10, full_state=True), store)
    return store


@pytest.fixture(scope="session")
def small_sums(tmp_path_factory):
    """A store with runs of add and of mul alone: 60 steps, 31 full snapshots."""
    store = Store(tmp_path_factory.mktemp("sums") / "store")
    for task in ("add", "mul"):
        run(RunConfig(**CONFIG | {"tasks": (task,)}, seed=1), PLAN, store)
    return store
