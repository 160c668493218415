"""The instrument on a real run: its rows are what a direct measurement gives."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from grokbook.config import RunConfig
from grokbook.geometry.converse import converse
from grokbook.geometry.defect import read_pair, referee
from grokbook.geometry.loss import Loss, batches
from grokbook.instruments.commutator import COMMUTATOR
from grokbook.instruments.subject import Subject
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIG = RunConfig(
    tasks=("add", "mul"), modulus=13, width=16, heads=2, hidden=32, batch_size=32, seed=3
)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    plan = Plan(steps=300, cadence=20, full_state=True, after_grok=None)
    return Subject(run(CONFIG, plan, store).directory, store)


@pytest.fixture(scope="module")
def parameters():
    return COMMUTATOR.complete({"batch_pairs": 3, "snapshots": 5, "checkpoints": 0, "referee": 2})


@pytest.fixture(scope="module")
def direct(subject):
    """Step 20 by hand: readings and the movement to step 40."""
    theta = subject.theta(20)
    drawn = batches(subject.table, subject.seed("commutator/batches", 20), 512, 6)
    losses = [Loss.on(subject.layout, subject.table, indices) for indices in drawn]
    pairs = [losses[:2], losses[2:4], losses[4:]]
    readings = [read_pair(*pair, theta, CONFIG.tasks) for pair in pairs]
    return readings, subject.theta(40) - theta


class Stopped(Subject):
    """The same run, had it grokked at 250; this small a model does not."""

    grok = 250


def test_points_are_the_onset_grid_the_stop_and_the_first_three(subject, parameters):
    many = parameters | {"snapshots": 140}
    assert COMMUTATOR.points(subject, many) == [0, 20, 40, 100, 200, 300]
    assert COMMUTATOR.points(subject, parameters | {"snapshots": 2}) == [0, 20, 40, 300]
    assert COMMUTATOR.points(Stopped(subject.run), many) == [0, 20, 40, 100, 200, 240, 300]


def test_the_published_checkpoints_are_those_of_a_run_that_stops(subject, parameters):
    many = parameters | {"snapshots": 140, "checkpoints": 120}
    assert COMMUTATOR.points(subject, many) == list(range(0, 301, 20))
    stopped = Stopped(subject.run)
    assert COMMUTATOR.points(stopped, many) == [*range(0, 241, 20), 300]
    few = many | {"checkpoints": 5}
    assert COMMUTATOR.points(stopped, few) == [0, 20, 40, 60, 100, 120, 180, 200, 240, 300]
    for step, published, corrected in ((60, 1, 0), (100, 0, 1), (0, 1, 1), (20, 0, 0)):
        found = {
            row.variant: row.value
            for row in COMMUTATOR.rows(stopped, step, few | {"batch_pairs": 1, "referee": 100})
            if row.quantity == "reading"
        }
        assert found == {"published": published, "corrected": corrected}
    assert COMMUTATOR.parameters["checkpoints"].default == 120  # 2602.18523 section 4.5
    assert COMMUTATOR.parameters["batch_pairs"].default == 9  # section 4.4


@pytest.fixture(scope="module")
def rows(subject, parameters):
    found = {}
    for row in COMMUTATOR.rows(subject, 20, parameters):
        key = (row.quantity, row.part, row.variant, row.at if row.at < 1 else None)
        assert key not in found and row.step == 20
        found[key] = row
    return found


def test_rows_are_quartiles_of_direct_measurements(rows, direct):
    readings, _ = direct
    for mode in ("", "add×mul"):
        defects = [reading.defects[mode] for reading in readings]
        for variant in ("published", "corrected", "rounding", "floor"):
            values = [getattr(one, variant) for one in defects]
            for at in (0.25, 0.5, 0.75):
                row = rows["defect", mode, variant, at]
                assert row.value == pytest.approx(np.quantile(values, at), rel=1e-12)
                assert row.count == 3
        for quantity in ("relative", "bracket"):
            values = [getattr(one, quantity) for one in defects]
            assert rows[quantity, mode, "corrected", 0.5].value == np.median(values)
        errors = {"published": "rounding", "corrected": "error"}
        for variant, name in errors.items():
            expected = np.median([getattr(one, name) for one in defects])
            assert rows["defect", mode, variant, 0.5].error == expected
        # ‖δ‖ / η² is D ‖g_A‖ ‖g_B‖, and so is what either may be off by.
        expected = [one.error * one.bracket / one.corrected for one in defects]
        row = rows["bracket", mode, "corrected", 0.5]
        assert 0 < row.error == pytest.approx(np.median(expected), rel=1e-9, abs=0)
        norms = [norm for one in defects for norm in one.norms]
        assert rows["gradient", mode, "", 0.5].value == np.median(norms)
        assert rows["gradient", mode, "", 0.5].count == 6
        zeros = np.median([one.zeros for one in defects])
        assert rows["zeros", mode, "published", 0.5].value == zeros
        cosines = [one.cosine for one in defects]
        assert rows["cosine", mode, "", None].value == pytest.approx(np.mean(cosines))
        assert rows["cosine", mode, "", None].error == pytest.approx(
            np.std(cosines, ddof=1) / math.sqrt(3)
        )


def test_rows_by_task(rows, direct):
    for task in CONFIG.tasks:
        cosines = [reading.cosines[task] for reading in direct[0]]
        assert rows["cosine", task, "", None].value == pytest.approx(np.mean(cosines))
        norms = [norm for reading in direct[0] for norm in reading.norms[task]]
        assert rows["gradient", task, "", 0.5].value == np.median(norms)


def test_attention_with_and_without_biases(subject, rows, direct):
    def share(delta, names):
        views = subject.layout.views(delta[None].double())
        inside = sum(v.square().sum() for k, v in views.items() if any(n in k for n in names))
        return (inside / delta.double().square().sum()).sqrt().item()

    weights = ("in_proj_weight", "out_proj.weight")
    for variant, name in (("published", "published_delta"), ("corrected", "delta")):
        deltas = [getattr(reading.defects[""], name) for reading in direct[0]]
        found = rows["attention", "", variant, 0.5].value
        assert found == pytest.approx(np.median([share(d, ("self_attn",)) for d in deltas]))
        found = rows["attention_weights", "", variant, 0.5].value
        assert found == pytest.approx(np.median([share(d, weights) for d in deltas]))


def test_the_referee_sits_on_every_other_point_of_the_grid(subject, rows):
    given = {"batch_pairs": 1, "referee": 2, "checkpoints": 16}
    refereed = [
        step
        for step in (0, 20, 40, 100, 200, 300)  # 20 and 40 are not of the grid
        if any(row.variant == "exact" for row in measured(subject, step, given))
    ]
    assert refereed == [0, 200] and ("defect", "", "exact", 0.5) not in rows


def measured(subject, step, given):
    return COMMUTATOR.rows(subject, step, COMMUTATOR.complete(given))


def test_the_referee_agrees(subject, parameters):
    theta = subject.theta(100)
    drawn = batches(subject.table, subject.seed("commutator/batches", 100), 512, 6)
    losses = [Loss.on(subject.layout, subject.table, indices) for indices in drawn]
    exact = [referee(*losses[k : k + 2], theta) for k in (0, 2, 4)]
    found = {
        (row.quantity, row.variant): row.value
        for row in COMMUTATOR.rows(subject, 100, parameters | {"referee": 1})
        if row.at == 0.5 and not row.part
    }
    assert found["defect", "exact"] == np.median([one.defect for one in exact])
    assert found["bracket", "exact"] == np.median([one.norm for one in exact])
    assert found["relative", "exact"] == np.median([one.relative for one in exact])
    assert found["defect", "exact"] == pytest.approx(found["defect", "corrected"], rel=0.05)
    assert 0.99 < found["agreement", "corrected"] <= 1


def test_the_converse_is_against_the_next_movement(subject, parameters, rows, direct):
    readings, moved = direct
    for variant, name in (("published", "published_delta"), ("corrected", "delta")):
        expected = converse(moved, [getattr(r.defects[""], name) for r in readings])
        row = rows["converse", "", variant, None]
        assert row.value == pytest.approx(expected.cosine_ratio, rel=1e-12) and row.at == 20
        assert row.error == pytest.approx(expected.cosine_sd / expected.cosine_null)
        null = expected.projection_rms if variant == "published" else expected.projection_null
        row = rows["converse_projection", "", variant, None]
        assert row.value == pytest.approx(expected.projection / null, rel=1e-12)
        assert row.error == pytest.approx(expected.projection_sd / null, rel=1e-12)
        assert row.count == 3
    last = {row.quantity for row in COMMUTATOR.rows(subject, 300, parameters)}
    assert "converse" not in last and "defect" in last


def test_a_measurement_repeats_to_the_bit(subject, parameters):
    again = [repr(COMMUTATOR.rows(subject, 200, parameters)) for _ in range(2)]
    assert again[0] == again[1]


def test_one_task_has_no_parts(tmp_path):
    config = RunConfig(tasks=("add",), modulus=7, width=8, heads=2, hidden=8, batch_size=16)
    plan = Plan(steps=20, cadence=20, full_state=True, after_grok=None)
    subject = Subject(run(config, plan, Store(tmp_path)).directory)
    found = COMMUTATOR.rows(subject, 0, COMMUTATOR.complete({"batch_pairs": 1}))
    assert {row.part for row in found} == {""}
    (cosine,) = (row for row in found if row.quantity == "cosine")
    assert math.isnan(cosine.error)  # of one pair


def test_thirty_runs_stay_within_the_budget():
    for tasks in (("add",), ("add", "mul"), ("add", "mul", "sq")):
        config = RunConfig(tasks=tasks)
        sized = SimpleNamespace(config=config, layout=Layout.of(config))  # all that costs hang on
        parameters = COMMUTATOR.complete({})
        points = parameters["snapshots"] + parameters["checkpoints"]
        seconds = 30 * points * COMMUTATOR.seconds(sized, parameters)
        assert seconds < 3600 * COMMUTATOR.budget
    half = COMMUTATOR.seconds(sized, parameters | {"batch_pairs": 1})
    assert half == pytest.approx(COMMUTATOR.seconds(sized, parameters) / 9)
