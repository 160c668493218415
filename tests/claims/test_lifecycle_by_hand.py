"""Readings of the lifecycle on records of brackets that were made by hand."""

import numpy as np
import pytest

from grokbook.claims.readings import READINGS, gather
from grokbook.claims.readings.place import Place
from grokbook.claims.registry import claims
from grokbook.claims.shelf import Shelf
from grokbook.claims.verdicts import judge
from grokbook.config import DyckConfig
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.declaring import change, find
from grokbook.studies.members import stages
from grokbook.tasks.dyck import TASK
from made_records import finished

CLAIMS = claims("spectral-edge")


class Made(Shelf):
    """A shelf of runs made by hand."""

    def __init__(self, runs):
        super().__init__()
        self._made = {run.config.id: run for run in runs}
        self.__dict__["seeds"] = tuple(dict.fromkeys(run.config.seed for run in runs))

    def run(self, config):
        if config.id not in self._made:
            raise Missing(config.label)
        return self._made[config.id]


def run(config, groks=None, *, unseen=None, last=10_000, accuracy=None, norm=1.0):
    """A run of which the test accuracy jumps at a step, that on unseen prefixes at another."""
    steps = np.arange(0, last + 1, 100)
    table = config.table()
    right = np.zeros((len(steps), 1, table.count), dtype=bool)
    at = np.inf if unseen is None else unseen
    right[np.ix_(steps >= at, [0], np.flatnonzero(table.twinless(TASK)))] = True
    jump = (steps >= (np.inf if groks is None else groks)).astype(float)
    metrics = {
        "step": steps,
        f"test_accuracy_{TASK}": jump if accuracy is None else accuracy(steps),
        "parameter_norm": np.broadcast_to(norm, steps.shape) + 0.001 * steps,
    }
    return Run(config.label, finished(config, metrics, right))


def read(key, runs, labels, seed=42):
    return READINGS[tuple(key.split("/"))](Place(labels, seed, Made(runs)))


DYCK = {"corpus": "dyck"}


def test_a_run_groks_once_at_95_percent_and_not_otherwise():
    plain = run(DyckConfig(), 600, unseen=900)
    assert read("SE-07/steps", [plain], DYCK) == 600
    assert read("SE-07/steps/unseen prefixes", [plain], DYCK) == 900
    never = run(DyckConfig(weight_decay=0.0))
    labels = DYCK | {"weight decay": "0.0"}
    assert read("SE-06/grokked", [never], labels) == 0
    assert read("SE-06/grokked/unseen prefixes", [never], labels) == 0
    assert read("SE-06/grokked", [plain], DYCK | {"weight decay": "1.0"}) == 1
    seen = run(DyckConfig(), 600)  # and never on what it was not shown
    assert read("SE-06/grokked", [seen], DYCK | {"weight decay": "1.0"}) == 1
    assert read("SE-06/grokked/unseen prefixes", [seen], DYCK | {"weight decay": "1.0"}) == 0
    nearly = run(DyckConfig(), accuracy=lambda steps: 0.949 + 0.002 * (steps == 700))
    assert read("SE-07/steps", [nearly], DYCK) == 700


def test_a_run_that_is_not_at_its_end_is_missing_and_scan_is_not_there():
    short = run(DyckConfig(), last=3_000)
    for key in ("SE-07/steps", "SE-07/steps/unseen prefixes"):
        with pytest.raises(Missing, match=r"3,000 steps of 10,000"):
            read(key, [short], DYCK)
    with pytest.raises(Missing, match="no scan"):
        read("SE-07/steps", [short], {"corpus": "scan"})


def switched(decay, anew, **given):
    """A run that is switched at step 1,000, as the studies declare it."""
    schedule = () if decay == 1 else (f"1000:weight_decay={decay:g}",)
    config = DyckConfig(schedule=(*schedule, *["1000:moments=0"] * anew))
    return run(config, last=10_000 if not config.schedule else 4_000, **given)


def test_the_runs_that_are_read_are_those_of_the_studies():
    trained = {
        member.blank.id
        for name in ("lifecycle", "decay-switched", "decay-switched-anew")
        for member in stages(change(find(name), [], 1))[-1].members
    }
    for anew in (True, False):
        for decay in (0.0, 0.5, 1.0, 2.0):
            assert switched(decay, anew).config.id in trained


def test_accuracy_and_norm_are_those_of_3000_steps_after_the_switch():
    """Of the run that goes to 10,000 steps as well."""
    for anew, key in ((True, "SE-27/norm"), (False, "SE-27/norm/moments kept")):
        for decay in (0.0, 1.0):
            labels = DYCK | {"weight decay": str(decay)}
            assert read(key, [switched(decay, anew, norm=7.0)], labels) == pytest.approx(11)
    rising = switched(2.0, True, accuracy=lambda steps: steps / 10_000)
    labels = DYCK | {"weight decay": "2.0"}
    assert read("SE-25/accuracy", [rising], labels) == pytest.approx(0.4)
    with pytest.raises(Missing):
        read("SE-25/accuracy/moments kept", [rising], labels)
    kept = switched(2.0, False, accuracy=lambda steps: steps / 20_000)
    both = [rising, kept]
    assert read("SE-25/accuracy/moments kept", both, labels) == pytest.approx(0.2)
    assert read("SE-25/accuracy", both, labels) == pytest.approx(0.4)
    short = run(DyckConfig(schedule=("1000:moments=0",)), last=2_000)
    with pytest.raises(Missing, match="no evaluation at step 4,000"):
        read("SE-27/norm", [short], DYCK | {"weight decay": "1.0"})


def test_the_cost_is_that_of_taking_decay_away_over_ten_evaluations():
    """A dip at the last evaluation counts for a tenth; what came before the ten does not."""

    def dips(steps):
        return np.where(steps <= 3_000, 0.2, 0.97) - 0.5 * (steps == 4_000)

    runs = [
        switched(1.0, True, accuracy=lambda steps: np.full(steps.shape, 0.98)),
        switched(0.0, True, accuracy=dips),
    ]
    assert read("SE-25/cost", runs, DYCK) == pytest.approx(0.01 + 0.05)
    kept = [
        switched(decay, False, accuracy=lambda steps, right=right: np.full(steps.shape, right))
        for decay, right in ((1.0, 0.98), (0.0, 0.95))
    ]
    assert read("SE-25/cost/moments kept", runs + kept, DYCK) == pytest.approx(0.03)


def test_five_seeds_and_no_scan_make_a_caveat():
    seeds = (42, 137, 2024, 1, 2)
    runs = [run(DyckConfig(seed=seed), 1_000, unseen=1_100) for seed in seeds]
    found = gather(CLAIMS["SE-07"], Made(runs))
    assert found.evidence["steps"].ours == {"dyck": {str(seed): 1_000 for seed in seeds}}
    assert {run.config.seed for run in found.runs} == set(seeds) and len(found.runs) == 5
    judged = judge(CLAIMS["SE-07"], found.evidence)
    assert (judged.verdict, judged.cell, judged.control) == ("◐", "dyck", "stands")
    assert judged.value == pytest.approx(1_000) and "scan: not run" in judged.why
    late = [run(DyckConfig(seed=seed), 1_000, unseen=9_000) for seed in seeds]
    assert judge(CLAIMS["SE-07"], gather(CLAIMS["SE-07"], Made(late)).evidence).control == "falls"
