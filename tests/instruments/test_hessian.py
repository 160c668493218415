"""The instrument on a run that was trained here, and its steps on one that was not."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from grokbook.config import RunConfig
from grokbook.geometry.eigenpairs import extremes, lanczos
from grokbook.geometry.hessian import curvature
from grokbook.instruments.hessian import HESSIAN, batch_of, effort, near, preset
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

QUICK = {
    "examples": 60,
    "checkpoints": 3,
    "subsets": 2,
    "tolerance": 1e-2,
    "eigenpairs": 2,
    "space": 40,
}


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A dual run of 600 steps; ten times the published rate takes it to τ = 6."""
    config = RunConfig(
        tasks=("add", "mul"),
        modulus=13,
        width=16,
        heads=2,
        hidden=32,
        batch_size=32,
        learning_rate=1e-2,
    )
    store = Store(tmp_path_factory.mktemp("hessian"))
    outcome = run(config, Plan(steps=600, full_state=True), store)
    return Subject(outcome.directory, store)


def pick(rows, **about):
    return [row for row in rows if all(getattr(row, key) == want for key, want in about.items())]


def test_points_are_the_preset_steps_and_the_published_checkpoints(subject):
    assert preset(subject) == [0, 100, 300, 500, 600]
    assert HESSIAN.points(subject, HESSIAN.complete({"checkpoints": 0})) == preset(subject)
    assert HESSIAN.points(subject, HESSIAN.complete({"checkpoints": 7})) == list(range(0, 700, 100))
    stopped = Subject(subject.run)
    stopped.grok = 300  # the published run ends there, ours does not
    found = HESSIAN.points(stopped, HESSIAN.complete({"checkpoints": 4}))
    assert found == sorted({*preset(subject), 0, 100, 200, 300})
    assert HESSIAN.parameters["checkpoints"].default == 30  # 2602.18523 section 4.6
    assert HESSIAN.seconds(subject, HESSIAN.complete({})) > 0


@pytest.mark.parametrize(
    ("decay", "expected"), [(1.0, 5_000), (0.5, 10_000), (0.1, 20_000), (0.0, 5_000)]
)
def test_tau_five_is_published_step_five_thousand(decay, expected):
    # at λ = 0.1 it is step 50,000, of which this run, with a snapshot every 4,000, keeps none
    config = SimpleNamespace(learning_rate=1e-3, weight_decay=decay)
    steps = np.array([0, 5_000, 10_000, 20_000])
    run_seen = SimpleNamespace(config=config, steps=steps, last=50_000)
    assert near(run_seen, 5.0) == expected
    assert near(run_seen, 100.0) is None


def test_a_point_with_all_three_variants(subject):
    rows = HESSIAN.rows(subject, 500, HESSIAN.complete(QUICK))
    assert {row.count for row in pick(rows, variant="corrected")} == {60}
    for part, heads in {"": None, "add": [0], "mul": [1]}.items():
        corrected = pick(rows, variant="corrected", part=part)
        low, second = pick(corrected, quantity="lowest")
        high, _ = pick(corrected, quantity="highest")
        (along,) = pick(corrected, quantity="curvature")
        (share,) = pick(corrected, quantity="converged")
        assert low.value <= second.value <= along.value <= high.value
        assert (low.at, second.at, share.value) == (1.0, 2.0, 1.0)
        assert 0 < low.error <= 1e-2 * abs(low.value)
        flags = [pick(corrected, quantity=f"{end}_converged") for end in ("lowest", "highest")]
        assert [[(row.at, row.value) for row in each] for each in flags] == [[(1, 1), (2, 1)]] * 2
        published = pick(rows, variant="published", part=part)
        assert len(pick(published, quantity="lowest")) == 5
        assert pick(published, quantity="products")[0].value == 25
        resampled = pick(rows, variant="resampled", part=part)
        assert len(resampled) == (0 if heads is None else 4)
        by_batch = pick(resampled, quantity="lowest_by_batch")
        assert [row.at for row in by_batch] == [0, 1][: len(by_batch)]
        assert heads is None or len({row.value for row in by_batch}) == 2
        flags = pick(resampled, quantity="lowest_by_batch_converged")
        assert [row.value for row in flags] == [1] * len(by_batch)
    # mul's head alone, along its own gradient, on the batch of the run
    loss = subject.loss(batch_of(subject, subject.seed("hessian/batch"), 60), [1])
    theta = subject.theta(500)
    hessian, gradient = loss.hessian(theta), loss.gradient(theta.double())
    along, low = (
        pick(rows, variant="corrected", part="mul", quantity=name)[0].value
        for name in ("curvature", "lowest")
    )
    assert along == pytest.approx(curvature(hessian, gradient).value, rel=1e-5)
    assert low == pytest.approx(extremes(hessian, seed=1, ends="low").values[0], rel=1e-3)
    (slack,) = pick(rows, quantity="slack")
    bottoms = [
        pick(rows, variant="corrected", part=part, quantity="lowest", at=1.0)[0].value
        for part in ("", "add", "mul")
    ]
    assert slack.value == pytest.approx(bottoms[0] - bottoms[1] - bottoms[2])
    assert slack.value >= -slack.error


def test_a_checkpoint_between_the_preset_steps_is_read_as_published_alone(subject):
    rows = HESSIAN.rows(subject, 200, HESSIAN.complete(QUICK))
    assert {row.variant for row in rows} == {"published"}
    assert [repr(row) for row in HESSIAN.rows(subject, 200, HESSIAN.complete(QUICK))] == [
        repr(row) for row in rows
    ]
    for part, heads in {"": None, "mul": [1]}.items():  # a batch and a start of their own
        batch, start = (
            subject.seed(f"hessian/published/{name}/{part}", 200) for name in ("batch", "start")
        )
        loss = subject.loss(batch_of(subject, batch, 512), heads)
        expected = lanczos(loss.hessian(subject.theta(200)), seed=start)
        found = pick(rows, quantity="lowest", part=part)
        assert [row.value for row in found] == expected.values.tolist()
        assert [row.error for row in found] == expected.residuals.tolist()
        (share,) = pick(rows, quantity="converged", part=part)
        assert share.value == expected.converged.mean()
    assert [repr(row) for row in HESSIAN.rows(subject, 200, HESSIAN.complete(QUICK))] == [
        repr(row) for row in rows
    ]
    draws = {row.part: row.value for row in pick(rows, quantity="lowest", at=1.0)}
    assert len(set(draws.values())) == 3  # a batch of its own for each mode


def test_the_share_of_pairs_that_converged_is_a_share(subject):
    """With so loose a tolerance some of the five bottoms are within it, and some are not."""
    hessian = subject.loss(batch_of(subject, 1, 60)).hessian(subject.theta(500))
    pairs = lanczos(hessian, seed=1)
    nearest = np.sort(pairs.residuals / np.abs(pairs.values))
    pairs = lanczos(hessian, seed=1, tolerance=float(nearest[1] + nearest[2]) / 2)
    share, products = effort(0, pairs)
    assert (share.quantity, share.value) == ("converged", 0.4)
    assert (products.quantity, products.value) == ("products", 25)


@pytest.mark.parametrize("tolerance", [0.5, 1e-4])
def test_every_search_goes_on_to_the_tolerance_and_no_further(subject, tolerance):
    """Residuals of a space of 12: within the loose tolerance, and not within the tight one."""
    given = QUICK | {"tolerance": tolerance, "eigenpairs": 1, "space": 12, "checkpoints": 0}
    rows = HESSIAN.rows(subject, 500, HESSIAN.complete(given))
    for variant, names in (
        ("corrected", ("lowest", "highest")),
        ("resampled", ("lowest_by_batch",)),
    ):
        ends = [row for name in names for row in pick(rows, variant=variant, quantity=name)]
        shares = [row.error / abs(row.value) for row in ends]
        assert max(shares) <= tolerance
        assert tolerance < 0.5 or max(shares) > 1e-4


def test_an_end_that_has_not_converged_is_named(subject):
    """Published Lanczos takes 25 steps whatever the tolerance: its flags are those of its pairs."""
    rows = HESSIAN.rows(subject, 200, HESSIAN.complete(QUICK))
    for row in pick(rows, quantity="lowest_converged", variant="published"):
        (value,) = pick(rows, quantity="lowest", part=row.part, at=row.at)
        assert row.value == (value.error <= 1e-3 * abs(value.value))


def test_batches_are_resampled(subject, monkeypatch):
    monkeypatch.setattr("grokbook.instruments.hessian.PUBLISHED_BATCH", 30)
    rows = HESSIAN.rows(subject, 500, HESSIAN.complete(QUICK))
    for draw in (0, 1):
        seed = subject.seed(f"hessian/resampled/batch/{draw}", 500)
        hessian = subject.loss(batch_of(subject, seed, 30), [1]).hessian(subject.theta(500))
        expected = extremes(hessian, seed=1, ends="low").values[0]
        (row,) = pick(rows, quantity="lowest_by_batch", part="mul", at=draw)
        assert row.value == pytest.approx(expected, rel=1e-3)
        assert row.count == 30


def test_without_decay_no_batches_are_resampled(subject):
    """The published per-task table is of λ = 1; at λ = 0 the same step is τ = 5, too."""
    config = subject.config
    control = Subject(subject.run)
    control.config = dataclasses.replace(config, weight_decay=0.0)
    assert near(control, 5.0) == 500
    given = QUICK | {"eigenpairs": 1, "examples": 20, "space": 20, "tolerance": 0.1}
    rows = HESSIAN.rows(control, 500, HESSIAN.complete(given))
    assert {row.variant for row in rows} == {"published", "corrected"}


def test_batches_are_training_pairs_without_replacement(subject):
    train = set(subject.table.train.tolist())
    first, again, other = (batch_of(subject, seed, 40).tolist() for seed in (1, 1, 2))
    assert first == again and set(first) != set(other)
    assert len(set(first)) == 40 and set(first) < train
    assert set(batch_of(subject, 1, 10_000).tolist()) == train


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"examples": 0}, "at least 1, not 0"),
        ({"precision": "half"}, "'half'"),
        ({"tolerance": -1.0}, "-1.0"),
    ],
)
def test_parameters_out_of_range_are_refused(subject, given, says):
    with pytest.raises(ValueError, match=says):
        HESSIAN.rows(subject, 100, HESSIAN.complete(QUICK | given))


def test_a_single_task_is_the_whole_and_all_pairs_are_a_batch_that_no_draw_changes(tmp_path):
    config = RunConfig(tasks=("add",), modulus=13, width=16, heads=2, hidden=32, batch_size=32)
    outcome = run(config, Plan(steps=100, full_state=True), Store(tmp_path))
    alone = Subject(outcome.directory)
    whole = HESSIAN.complete(QUICK | {"examples": 10_000, "precision": "float64"})
    rows = HESSIAN.rows(alone, 100, whole)
    assert {row.part for row in rows} == {""} and not pick(rows, quantity="slack")
    assert {row.variant for row in rows} == {"corrected", "published"}
    train = alone.table.train
    assert {row.count for row in rows} == {len(train)}
    hessian = alone.loss(train).hessian(alone.theta(100).double())
    found = extremes(hessian, seed=1, space=30, tolerance=1e-3)
    corrected = pick(rows, variant="corrected", at=1.0)
    lowest, highest = (pick(corrected, quantity=name)[0] for name in ("lowest", "highest"))
    assert lowest.value == pytest.approx(found.values[0], rel=1e-5)
    assert highest.value == pytest.approx(found.values[-1], rel=1e-5)
