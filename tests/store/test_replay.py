"""Recorded runs are real: their start, trained again, gives the recorded rows."""

import dataclasses

import pytest

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.studies.replaying import against, compare, replay, retrain
from grokbook.training.run import run

SMALL = RunConfig(tasks=("add", "mul"), modulus=23, width=32, hidden=32, batch_size=64, seed=9)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return run(SMALL, Plan(steps=300), store).directory.record()


def test_a_true_record_replays_to_the_bit(record):
    result = replay(record, 200)
    assert result.rows == 4 and result.same_numerics and result.identical and result.agrees


def test_a_false_record_is_found(record):
    forged = record.metrics.copy()
    forged.loc[2, "test_accuracy_mul"] += 0.01
    result = replay(dataclasses.replace(record, metrics=forged), 200)
    assert not result.agrees and "DIFFERS" in result.text()


def test_other_numerics_are_compared_within_tolerance(record):
    near = record.metrics.copy()
    near["test_loss_add"] *= 1 + 1e-4
    assert compare("near", record.metrics, near, same=False).agrees
    assert not compare("near", record.metrics, near, same=True).agrees
    near["test_loss_add"] *= 1.01
    assert not compare("far", record.metrics, near, same=False).agrees


def test_rows_of_other_steps_are_not_compared(record):
    with pytest.raises(ValueError, match="at other steps"):
        against(record, record.metrics[1:3])


def test_a_deleted_run_is_its_plain_one_until_the_deletion_starts(record):
    change = {"transform": "delete", "strength": 0.5, "start": 200, "basis": "a" * 64}
    deleted = dataclasses.replace(
        record, config=RunConfig(**SMALL.dynamics() | {"intervention": change})
    )
    assert replay(deleted, 200).identical
    with pytest.raises(ConfigError, match="up to step 200 only: there its intervention starts"):
        replay(deleted, 300)


@pytest.mark.parametrize("name", sorted(Results().manifest()))
def test_every_execution_answers_to_its_name(name):
    entry, found = Results().manifest()[name], Results().get(name)
    assert (found.numerics, found.seconds) == (entry["numerics"], entry["seconds"])
    assert (
        Results().get(name.partition("-")[0]).numerics
        == (Results().manifest()[name.partition("-")[0]]["numerics"])
    )


def one_of_each_kind():
    """Names of the records of one run a kind: tasks, and with or without weight decay.

    A run and what it becomes by a change that comes later are one run until then, and it is taken
    where most records can be compared.  The others replay by ``grokbook replay``; all of them here
    would take longer with every run that is recorded.
    """
    alike, kinds = {}, {}
    for name in sorted(Results().manifest()):
        plain = dataclasses.replace(Results().get(name).config, intervention=None)
        alike.setdefault(plain, []).append(name)
    for plain, names in sorted(alike.items(), key=lambda each: -len(each[1])):
        kinds.setdefault((plain.tasks, plain.weight_decay > 0), names)
    return kinds.values()


@pytest.mark.slow
@pytest.mark.long(20)
@pytest.mark.parametrize("names", one_of_each_kind(), ids="-".join)
def test_recorded_runs_replay(names):
    """A run that was recorded more than once is trained once, and compared with every record."""
    results = Results()
    again = retrain(results.get(names[0]), 300)
    for name in names:
        result = against(results.get(name), again)
        assert result.rows == len(again) == 5 and result.agrees, (name, result.text())
