"""The instrument ``spectral-edge`` on a run: its rows against the SVD of the snapshots' updates."""

import dataclasses
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from grokbook.config import RunConfig
from grokbook.geometry.spectral_edge import rotation
from grokbook.instruments.phases import edge_grok_step
from grokbook.instruments.spectral_edge import SPECTRAL_EDGE, published_spacing
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

TINY = {"modulus": 13, "width": 16, "heads": 2, "hidden": 32, "batch_size": 32}
PARAMETERS = SPECTRAL_EDGE.complete({"window": 4, "strides": (1, 2, 5), "rotation_window": 2})
"""Every 20 steps a snapshot: spacings of 20, 40 and 100, which is the published one."""


class Grokked(Subject):
    """The same run, had its test accuracy been 1 from step 440 on; this small a model has not."""

    since = 440

    @cached_property
    def record(self):
        record = super().record
        metrics = record.metrics.copy()
        metrics["test_accuracy_add"] = np.where(metrics["step"] >= self.since, 1.0, 0.2)
        return dataclasses.replace(record, metrics=metrics)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    config = RunConfig(tasks=("add",), learning_rate=3e-3, **TINY)
    plan = Plan(steps=500, cadence=20)
    return Grokked(run(config, plan, Store(tmp_path_factory.mktemp("store"))).directory)


@pytest.fixture(scope="module")
def rows(subject):
    return pd.DataFrame(SPECTRAL_EDGE.rows(subject, 500, PARAMETERS))


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def plain(rows):
    return (rows.part == "20 steps") & (rows.variant == "uncentred")


def svd(subject, end, spacing, window=4, centred=False):
    """Singular values and directions of a window, from snapshots alone."""
    weights = subject.attention(range(end - window * spacing, end + 1, spacing)).astype(np.float64)
    updates = np.diff(weights, axis=0)
    if centred:
        updates = updates - updates.mean(axis=0)
    return np.linalg.svd(updates, full_matrices=False)[1:]


@pytest.mark.parametrize("spacing", [20, 40, 100])
@pytest.mark.parametrize("centred", [False, True])
def test_windows_before_and_in_the_band(subject, rows, spacing, centred):
    """The band begins at step 400; both sides, where there are full windows."""
    found = rows[rows.variant == ("centred" if centred else "uncentred")]
    found = found[found.part == f"{spacing} steps"]
    ends = found[found.quantity == "g23"].step.tolist()
    assert ends == list(range(4 * spacing, 501, spacing))
    for end in {ends[0], ends[-1]}:
        sigma, _ = svd(subject, end, spacing, centred=centred)
        at = found[found.step == end]
        values = at[at.quantity == "sigma"].value
        np.testing.assert_allclose(values, sigma[:3], rtol=1e-6)
        g23 = sigma[1] ** 2 - sigma[2] ** 2
        row = one(at, quantity="g23")
        assert abs(row.value - g23) <= row.error < 1e-3 * sigma[0] ** 2
        share = one(at, quantity="g23_share")
        assert share.value == pytest.approx(g23 / (sigma**2).sum(), rel=1e-4)
        assert share.error == pytest.approx(row.error / (sigma**2).sum(), rel=1e-5, abs=0)
        kept = sigma[:3] if centred else sigma
        k = np.argmax(kept[:-1] ** 2 / kept[1:])
        assert one(at, quantity="k_star").value == k + 1
        assert one(at, quantity="ratio").value == pytest.approx(kept[k] / kept[k + 1], rel=1e-5)
        unweighted = np.argmax(kept[:-1] / kept[1:]) + 1
        assert one(at, quantity="k_star_unweighted").value == unweighted


def test_rotations(subject, rows):
    for quantity, shift in (("rotation", 1), ("rotation_disjoint", 2)):
        v = svd(subject, 500, 20, window=2)[1][0]
        w = svd(subject, 500 - 20 * shift, 20, window=2)[1][0]
        angle = np.degrees(np.arccos(abs(v @ w)))
        chosen = rows[(rows.quantity == quantity) & plain(rows)]
        assert one(chosen, step=500, at=1).value == pytest.approx(angle, abs=1e-3)


def test_centred_rotations_are_of_centred_updates(subject):
    given = PARAMETERS | {"rotation_window": 4, "strides": (1,), "snapshots": 2}
    rows = pd.DataFrame(SPECTRAL_EDGE.rows(subject, 500, given))
    v = svd(subject, 500, 20, centred=True)[1][0]
    w = svd(subject, 480, 20, centred=True)[1][0]
    angle = np.degrees(np.arccos(abs(v @ w)))
    chosen = rows[(rows.variant == "centred") & (rows.step == 500)]
    found = one(chosen, quantity="rotation", at=1)
    assert found.value == pytest.approx(angle, abs=1e-3)
    uncentred = one(rows[plain(rows) & (rows.step == 500)], quantity="rotation", at=1)
    assert abs(found.value - uncentred.value) > 1  # degree


def test_every_direction_turns_by_itself_and_has_its_own_error(subject):
    """Windows of three updates; the plane of two directions turns by another angle than either."""
    given = PARAMETERS | {"rotation_window": 3, "strides": (1,), "snapshots": 2}
    rows = pd.DataFrame(SPECTRAL_EDGE.rows(subject, 500, given))
    chosen = rows[plain(rows) & (rows.step == 500)]
    weights = subject.attention(range(420, 501, 20)).astype(np.float64)
    updates = np.diff(weights, axis=0)
    found = rotation(updates @ updates.T, slice(0, 3), slice(1, 4), k=3)
    for j in (1, 2, 3):
        row = one(chosen, quantity="rotation", at=j)
        assert row.value == pytest.approx(found.angles[j - 1], abs=1e-3)
        assert row.error == pytest.approx(found.error[j - 1], rel=1e-3, abs=0)
    assert max(found.error) > 1.1 * min(found.error)
    for j in (2, 3):
        plane = one(chosen, quantity="rotation_of_span", at=j).value
        assert plane == pytest.approx(found.spans[j - 1], abs=1e-3)
    assert np.ptp(found.spans) > 0.1


def test_cosines_with_the_weights(subject, rows):
    v = svd(subject, 480, 40)[1][0]
    for quantity, step in (("cos_start", 0), ("cos_weights", 480)):
        weights = subject.attention([step])[0].astype(np.float64)
        expected = abs(v @ weights) / np.linalg.norm(weights)
        row = one(rows, quantity=quantity, variant="uncentred", part="40 steps", step=480)
        assert row.value == pytest.approx(expected, abs=row.error + 1e-9)
        assert row.error < 1e-4


def test_the_published_statistics(subject, rows):
    assert edge_grok_step(subject) == 440
    summary = rows[plain(rows)]
    g23 = summary[summary.quantity == "g23"].set_index("step").value
    early = g23.loc[:420].max()  # windows that end before the grok step
    assert one(summary, quantity="early").value == early
    assert one(summary, quantity="at_grok").value == g23[440]
    assert one(summary, quantity="decline").value == early / g23[440]
    errors = summary[summary.quantity == "g23"].set_index("step").error
    off, last = errors[g23.loc[:420].idxmax()], errors[440]
    assert one(summary, quantity="early").error == pytest.approx(off, rel=1e-6, abs=0)
    assert one(summary, quantity="at_grok").error == last
    # As far as both can be off, in opposite directions.
    expected = (early + off) / (g23[440] - last) - early / g23[440]
    fall = one(summary, quantity="decline")
    assert fall.error == pytest.approx(expected, rel=1e-4, abs=0) and fall.error < 0.1 * fall.value
    assert one(summary, quantity="running_decline", step=440).error == fall.error
    fallen = g23.loc[g23.loc[:420].idxmax() : 440].to_numpy()
    assert one(summary, quantity="increases").value == (np.diff(fallen) > 0).sum()
    ratios = summary[summary.quantity == "ratio"].set_index("step").value
    mean = ratios.loc[:420].mean()
    row = one(summary, quantity="ratio_early")
    assert row.value == pytest.approx(mean, rel=1e-12)
    errors = summary[summary.quantity == "ratio"].set_index("step").error
    assert 0 < row.error == pytest.approx(errors.loc[:420].mean(), rel=1e-12, abs=0)
    assert one(summary, quantity="running_ratio", step=440).error == row.error
    # As of its own step the running decline is the decline at that grok step.
    assert one(summary, quantity="running_decline", step=440).value == early / g23[440]
    assert one(summary, quantity="running_ratio", step=440).value == pytest.approx(mean, rel=1e-12)
    shares = summary[summary.quantity == "g23_share"].set_index("step")
    expected = shares.value.loc[:420].max() / shares.value[440]
    assert one(summary, quantity="decline_share").value == pytest.approx(expected, rel=1e-12)
    # The published run ends at the third evaluation of 1, step 480.
    last = one(summary, quantity="k_terminal")
    assert last.step == subject.grok == 480
    assert last.value == one(summary, quantity="k_star", step=480).value


def test_the_grok_step_is_that_of_the_last_task_to_reach_95_percent():
    curves = {"add": [0.0, 0.96, 0.97, 0.99, 1.0], "mul": [0.0, 0.2, 0.949, 0.95, 0.97]}
    seen = SimpleNamespace(
        config=SimpleNamespace(tasks=("add", "mul")),
        record=SimpleNamespace(steps=np.arange(5) * 100, accuracy=curves.__getitem__),
    )
    assert edge_grok_step(seen) == 300


def test_published_is_a_spacing(rows):
    published = rows[rows.variant == "published"]
    assert set(published.part) == {"100 steps"}
    same = rows[(rows.part == "100 steps") & (rows.variant == "uncentred")]
    same = same[same.quantity.isin(set(published.quantity))]
    assert published.quantity.tolist() == same.quantity.tolist()
    assert published.value.tolist() == same.value.tolist()
    assert one(published, quantity="decline").step == 440


@pytest.mark.parametrize(
    ("tasks", "decay", "spacing"),
    [(1, 1.0, 100), (1, 0.0, 500), (2, 0.5, 200), (2, 0.0, 500), (3, 1.0, 200), (3, 0.0, 200)],
)
def test_published_spacings(tasks, decay, spacing):
    config = RunConfig(tasks=("add", "mul", "sq")[:tasks], weight_decay=decay)
    assert published_spacing(config) == spacing


def test_a_run_that_never_groks(subject):
    never = Subject(subject.run)
    assert edge_grok_step(never) is None
    rows = pd.DataFrame(SPECTRAL_EDGE.rows(never, 500, PARAMETERS))
    rows = rows[plain(rows)]
    assert not {"at_grok", "decline"} & set(rows.quantity)
    assert one(rows, quantity="early").value == rows[rows.quantity == "g23"].value.max()
    assert one(rows, quantity="k_terminal").step == 500
    # A matched pseudo-grok step reads the running decline there.
    assert one(rows, quantity="running_decline", step=300).value > 0
    first = rows[rows.quantity == "running_decline"].step.min()
    assert first == rows[rows.quantity == "g23"].step.min() + 20  # the first has none before it


def test_a_grok_step_at_the_first_window_has_none_before_it(subject):
    early = Grokked(subject.run)
    early.since = 80
    rows = pd.DataFrame(SPECTRAL_EDGE.rows(early, 500, PARAMETERS))
    assert edge_grok_step(early) == rows[rows.quantity == "g23"].step.min() == 80
    assert "early" not in set(rows[plain(rows)].quantity)
    assert one(rows[plain(rows)], quantity="k_terminal").step == early.grok


def test_one_point_a_run(subject):
    assert SPECTRAL_EDGE.points(subject, PARAMETERS) == [500]
    assert SPECTRAL_EDGE.seconds(subject, PARAMETERS) > 0
    unfit = SPECTRAL_EDGE.complete({"strides": (3,)})  # 10 updates of 60 steps are not in the band
    assert SPECTRAL_EDGE.rows(subject, 500, unfit) == []
