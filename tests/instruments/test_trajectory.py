"""The instrument ``trajectory`` on a run: its rows against the plain computation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from grokbook.config import RunConfig
from grokbook.geometry.trajectory import displacements, spectrum
from grokbook.geometry.trajectory_nulls import (
    decay_factors,
    innovations,
    null_spectrum,
    random_walk,
    relaxation,
)
from grokbook.instruments.subject import Subject
from grokbook.instruments.trajectory import TRAJECTORY
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

TINY = {"tasks": ("add",), "modulus": 13, "width": 16, "heads": 2, "hidden": 32, "batch_size": 32}


def trained(store, plan, **changes):
    return Subject(run(RunConfig(**TINY | changes), plan, store).directory)


def measured(subject, **given):
    parameters = TRAJECTORY.complete({"draws": 3} | given)
    points = TRAJECTORY.points(subject, parameters)
    rows = [row for point in points for row in TRAJECTORY.rows(subject, point, parameters)]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    plan = Plan(steps=400, cadence=10)
    return trained(Store(tmp_path_factory.mktemp("store")), plan, learning_rate=1e-2)


@pytest.fixture(scope="module")
def rows(subject):
    return measured(subject, taus=(1.0, 3.0, 50.0), times=(3.0,))


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_shares_are_those_of_the_matrix(subject, rows):
    weights = subject.attention(subject.spaced(256))
    for part, block in {"0.W_Q": slice(0, 256), "1.W_O": slice(7 * 256, 8 * 256)}.items():
        other = PCA(svd_solver="full").fit(weights[:, block].astype(np.float64))
        shares = other.explained_variance_ratio_
        for k in (1, 2, 10):
            found = one(rows, quantity="share", part=part, variant="published", at=k)
            assert found.value == pytest.approx(shares[k - 1], rel=1e-8)
            assert 0 < found.error < 1e-4
            ten = one(rows, quantity="share_of_ten", part=part, at=k)
            assert ten.value == pytest.approx(shares[k - 1] / shares[:10].sum(), rel=1e-8)
        around = weights[:, block] - weights[:, block].mean(axis=0, dtype=np.float64)
        spread = one(rows, quantity="variance", part=part).value
        assert spread == pytest.approx((around**2).sum(axis=1).mean(), rel=1e-8)
    assert set(rows.part) == {*subject.layout.attention_blocks(), ""}


def test_windows_end_with_the_whole(rows):
    for variant in ("published", "published, random walk", "published, relaxation"):
        windows = rows[(rows.quantity == "expanding") & (rows.variant == variant)]
        windows = windows[windows.part == ""]
        assert windows["count"].tolist() == np.linspace(5, 41, 20).astype(int).tolist()
        whole = one(rows, quantity="share", part="", variant=variant, at=1)
        # of a null the window is the limit, the share a mean of draws
        assert windows.value.iloc[-1] == pytest.approx(whole.value, abs=0.03)
        assert windows["at"].tolist() == pytest.approx((100 * windows["count"] / 41).tolist())


def test_every_window_is_of_its_own_part_of_the_path_and_of_its_null(subject, rows):
    """A null's window is the limit of as long a walk, not of the whole one."""
    steps, block = subject.spaced(256), subject.layout.attention_blocks()["0.W_K"]
    moves = displacements(subject.attention(steps), {"0.W_K": block})["0.W_K"]
    lengths = np.linalg.norm(
        np.diff(subject.attention(steps)[:, block].astype(np.float64), axis=0), axis=1
    )
    windows = rows[(rows.quantity == "expanding") & (rows.part == "0.W_K")]
    for size in (5, 22, 41):
        at = windows[windows["count"] == size]
        path = one(at, variant="published")
        first = subject.attention(steps)[:size, block].astype(np.float64)
        expected = PCA(svd_solver="full").fit(first).explained_variance_ratio_[0]
        assert path.value == pytest.approx(expected, rel=1e-6)
        part = moves.take(np.arange(size))
        assert path.error == spectrum(part.products, rounding=part.rounding).error > 0
        mixing = np.tril(np.ones((size, size)), -1)[:, : size - 1] * lengths[: size - 1]
        walk = PCA(svd_solver="full").fit(mixing).explained_variance_ratio_[0]
        found = one(at, variant="published, random walk")
        assert found.value == pytest.approx(walk, rel=1e-6)


def test_cosines_with_the_weights(subject, rows):
    weights = subject.attention(subject.spaced(256)).astype(np.float64)
    v = PCA(svd_solver="full").fit(weights).components_[0]
    v *= np.sign(v @ weights[0])
    cosines = weights @ v / np.linalg.norm(weights, axis=1)
    assert one(rows, quantity="cos_start", part="", variant="published").value == pytest.approx(
        cosines[0], abs=1e-8
    )
    path = rows[(rows.quantity == "cos_weights") & (rows.part == "")]
    np.testing.assert_allclose(path.value, cosines[(path["at"] / 10).astype(int)], atol=1e-8)
    assert path["at"].iloc[-1] == 400


def test_equal_times_have_equal_counts(subject, rows):
    """ηλt = 3 is step 300: 30 of 31 snapshots; 1 has too few, 50 was never reached."""
    assert rows[rows.quantity == "share_at_tau"]["at"].unique().tolist() == [3.0]
    found = one(rows, quantity="share_at_tau", part="0.W_V", variant="corrected")
    picked = np.unique(np.round(np.linspace(0, 300, 30) / 10).astype(int)) * 10
    block = subject.layout.attention_blocks()["0.W_V"]
    weights = subject.attention(picked)[:, block].astype(np.float64)
    expected = PCA(svd_solver="full").fit(weights).explained_variance_ratio_[0]
    assert found["count"] == len(picked) == 30
    assert found.value == pytest.approx(expected, rel=1e-8)
    same = one(rows, quantity="share_at_time", part="0.W_V", variant="corrected")
    assert same.value == found.value  # λ = 1
    whole = one(rows, quantity="share_of_count", part="0.W_V")
    assert (whole["at"], whole["count"]) == (30, 30)


def test_z_is_of_its_null(subject, rows):
    for name in ("random walk", "relaxation"):
        chosen = {"part": "1.W_K", "variant": f"published, {name}"}
        share = one(rows, quantity="share", part="1.W_K", variant="published", at=1).value
        drawn = one(rows, quantity="share", at=1, **chosen)
        population = drawn.error * np.sqrt(2 / 3)  # of three draws
        expected = (share - drawn.value) / (population + 1e-8)
        assert one(rows, quantity="z", **chosen).value == pytest.approx(expected, rel=1e-12)
        assert drawn["count"] == 3
    start = one(rows, quantity="cos_start", part="1.W_K", variant="published, relaxation")
    assert 0 < start.value < 1
    steps, block = subject.spaced(256), subject.layout.attention_blocks()["1.W_K"]
    moves = displacements(subject.attention(steps), {"1.W_K": block})["1.W_K"]
    decay = decay_factors(steps, 1e-2)
    process = relaxation(float(moves.norms[0]), decay, innovations(moves, decay), 256)
    seed = subject.seed("trajectory/null/1.W_K/relaxation", 400)
    starts = null_spectrum(process, draws=3, seed=seed, components=10).starts
    assert start.value == pytest.approx(starts.mean(), rel=1e-9)
    assert start.error == pytest.approx(starts.std(ddof=1), rel=1e-9)


def test_the_relaxation_is_driven_by_what_the_decay_leaves(subject, rows):
    """By hand, for D → ∞: the last window is the limit of the whole."""
    steps, block = subject.spaced(256), subject.layout.attention_blocks()["0.W_O"]
    weights = subject.attention(steps)[:, block].astype(np.float64)
    kept = (1 - 1e-2) ** np.diff(steps)
    noise = np.linalg.norm(weights[1:] - kept[:, None] * weights[:-1], axis=1)
    mixing = np.zeros((len(steps), len(steps)))
    mixing[0, 0] = np.linalg.norm(weights[0])
    for i in range(1, len(steps)):
        mixing[i] = kept[i - 1] * mixing[i - 1]
        mixing[i, i] = noise[i - 1]
    expected = PCA(svd_solver="full").fit(mixing).explained_variance_ratio_[0]
    windows = rows[(rows.quantity == "expanding") & (rows.variant == "published, relaxation")]
    assert one(windows, part="0.W_O", at=100).value == pytest.approx(expected, rel=1e-4)


def test_without_decay_there_is_no_relaxation(tmp_path):
    subject = trained(Store(tmp_path), Plan(steps=32, cadence=1), weight_decay=0.0)
    rows = measured(subject, draws=1, taus=(0.03,), times=(0.03,))
    assert set(rows.variant) == {"published", "published, random walk", "corrected"}
    assert one(rows, quantity="z", part="").value != 0
    assert rows[rows.variant.str.contains(",") & (rows.quantity == "share")].error.isna().all()
    assert "share_at_tau" not in set(rows.quantity)
    assert "share_at_time" in set(rows.quantity)


def test_nulls_live_in_as_many_dimensions_as_what_they_stand_for(subject, rows):
    """Those of a matrix in its 16 · 16 entries, those of all matrices in all of theirs."""
    steps, blocks = subject.spaced(256), subject.layout.attention_blocks()
    moves = displacements(subject.attention(steps), blocks)
    for part, block, size in (("0.W_Q", "0.W_Q", 256), ("", "all", 8 * 256)):
        process = random_walk(moves[block].steps, size)
        seed = subject.seed(f"trajectory/null/{part}/random walk", 400)
        expected = null_spectrum(process, draws=3, seed=seed, components=10).mean[0]
        found = one(rows, quantity="share", part=part, variant="published, random walk", at=1)
        assert found.value == pytest.approx(expected, rel=1e-12)


def test_rates_that_change_on_the_way_have_no_relaxation_and_no_tau(subject):
    changed = Subject(subject.run)
    changed.config = RunConfig(**TINY, learning_rate=1e-2, schedule=["200:weight_decay=0.5"])
    parameters = TRAJECTORY.complete({"draws": 1, "taus": (3.0,), "times": (3.0,)})
    rows = pd.DataFrame(TRAJECTORY.rows(changed, 400, parameters))
    assert set(rows.variant) == {"published", "published, random walk", "corrected"}
    assert not {"share_at_tau", "share_at_time"} & set(rows.quantity)
    assert "share_of_count" in set(rows.quantity)


def test_a_rate_of_one_is_a_rate_like_any_other(subject):
    """At η = 1 the time ηt is the step, and stays the coordinate."""
    fast = Subject(subject.run)
    fast.config = RunConfig(**TINY, learning_rate=1.0)
    parameters = TRAJECTORY.complete({"draws": 1, "count": 5, "taus": (), "times": (300.0,)})
    rows = pd.DataFrame(TRAJECTORY.rows(fast, 400, parameters))
    assert one(rows, quantity="share_at_time", part="")["at"] == 300
    assert one(rows, quantity="share_of_count", part="")["at"] == 5


class Stopped(Subject):
    """The same run, had it grokked at 305; this small a model does not."""

    grok = 305


def test_a_run_that_groks_is_also_measured_at_the_published_stop(subject):
    parameters = TRAJECTORY.complete({"draws": 1})
    assert TRAJECTORY.points(subject, parameters) == [400]
    stopped = Stopped(subject.run)
    assert TRAJECTORY.points(stopped, parameters) == [300, 400]
    rows = pd.DataFrame(TRAJECTORY.rows(stopped, 300, parameters))
    assert set(rows.step) == {300}
    assert one(rows, quantity="share", part="", variant="published", at=1)["count"] == 31
    assert TRAJECTORY.seconds(subject, parameters) > 0
