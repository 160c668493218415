"""The instrument on real runs: its rows are what brute force on the snapshots gives."""

import math

import numpy as np
import pytest
import torch

from grokbook.config import RunConfig
from grokbook.geometry.defect import read_pair
from grokbook.geometry.loss import batches
from grokbook.instruments.integrability import INTEGRABILITY
from grokbook.instruments.spaces import trajectories
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIG = {
    "tasks": ("add", "mul"),
    "modulus": 13,
    "width": 16,
    "heads": 2,
    "hidden": 32,
    "batch_size": 32,
}
PLAN = Plan(steps=300, cadence=20, full_state=True, after_grok=None)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    first, _ = (run(RunConfig(**CONFIG, seed=seed), PLAN, store).directory for seed in (3, 4))
    return Subject(first, store)


@pytest.fixture(scope="module")
def parameters():
    return INTEGRABILITY.complete(
        {"snapshots": 4, "batch_pairs": 3, "k": 5, "rank": 2, "draws": 100}
    )


@pytest.fixture(scope="module")
def rows(subject, parameters):
    return INTEGRABILITY.rows(subject, 100, parameters)


@pytest.fixture(scope="module")
def found(rows):
    """Rows at the default dimension by (quantity, part, variant)."""
    return keyed(rows)


def keyed(rows):
    found = [row for row in rows if math.isnan(row.at)]
    by = {(row.quantity, row.part, row.variant): row for row in found}
    assert len(by) == len(found)
    return by


@pytest.fixture(scope="module")
def deltas(subject):
    """Three pairs of batches at step 100, by hand."""
    theta = subject.theta(100)
    drawn = batches(subject.table, subject.seed("integrability/batches", 100), 512, 6)
    losses = [subject.loss(indices) for indices in drawn]
    pairs = (losses[:2], losses[2:4], losses[4:])
    return [read_pair(*pair, theta, CONFIG["tasks"]).defects for pair in pairs]


def _share(vector, columns):
    inner = np.linalg.qr(columns)[0].T @ vector
    return np.linalg.norm(inner) / np.linalg.norm(vector)


def _attention_pcs(subject, steps):
    """(P, 16) by an SVD of every matrix's centred trajectory, straight from full snapshots."""
    layout, columns = subject.layout, []
    views = layout.views(torch.from_numpy(subject.thetas(steps)).double())
    places = layout.views(torch.arange(layout.size)[None])
    d = layout.width
    for layer in (0, 1):
        at = f"encoder.layers.{layer}.self_attn."
        blocks = [(at + "in_proj_weight", slice(k * d, k * d + d)) for k in range(3)]
        for name, rows in [*blocks, (at + "out_proj.weight", slice(0, d))]:
            walk = views[name][:, rows].flatten(1).numpy()
            right = np.linalg.svd(walk - walk.mean(0), full_matrices=False)[2]
            for direction in right[:2]:
                columns.append(np.zeros(layout.size))
                columns[-1][places[name][0, rows].flatten().numpy()] = direction
    return np.stack(columns, axis=1)


class Stopped(Subject):
    """The same run, had it grokked at 250; this small a model does not."""

    grok = 250


def test_points_are_spread_up_to_the_stop(subject, parameters):
    assert INTEGRABILITY.points(subject, parameters) == [0, 100, 200, 300]
    assert INTEGRABILITY.points(Stopped(subject.run), parameters) == [0, 80, 160, 240, 300]
    assert INTEGRABILITY.parameters["snapshots"].default == 100  # 2602.18523 section 4.3


def test_the_share_is_that_of_brute_force(subject, found, deltas):
    columns = _attention_pcs(subject, np.arange(0, 301, 20))
    for mode in ("", "add×mul"):
        shares = [_share(each[mode].delta.double().numpy(), columns) for each in deltas]
        first = deltas[0][mode].published_delta.double().numpy()
        assert len(set(shares)) == 3 and sorted(shares)[1] != shares[0]
        for protocol, expected, count in (
            ("corrected", sorted(shares)[1], 3),
            ("published", _share(first, columns), 1),
        ):
            row, rho = (
                found[f"commutator_{what}", mode, f"{protocol}, attention path"]
                for what in ("share", "rho")
            )
            assert row.value == pytest.approx(expected, rel=1e-6)
            assert row.count == count
            assert rho.value == pytest.approx(math.sqrt(1 - expected**2), abs=1e-9)
            if count == 3:
                assert row.error == pytest.approx(np.std(shares, ddof=1), rel=1e-5)
            else:
                assert row.error < 1e-6  # of one vector the basis's residual alone
            assert rho.error == pytest.approx(row.error * row.value / rho.value, rel=1e-9)
            gone = found["commutator_vanished", mode, protocol]
            assert (gone.value, gone.count) == (0, count)
            for name in ("whole", "matched"):
                null, ratio = (
                    found[f"commutator_{what}_{name}", mode, f"{protocol}, attention path"]
                    for what in ("null", "ratio")
                )
                assert ratio.error == pytest.approx(row.error / null.value, rel=1e-9, abs=0)


def test_the_gradient_is_that_of_the_first_batches(subject, found):
    columns, theta = _attention_pcs(subject, np.arange(0, 301, 20)), subject.theta(100).double()
    drawn = batches(subject.table, subject.seed("integrability/batches", 100), 512, 6)
    gradients = [subject.loss(indices).gradient(theta).numpy() for indices in list(drawn)[::2]]
    shares = sorted(_share(gradient, columns) for gradient in gradients)
    row = found["gradient_share", "", "corrected, attention path"]
    assert (row.value, row.count) == (pytest.approx(shares[1], rel=1e-6), 3)


def test_the_other_bases_by_brute_force(subject, found):
    theta = subject.thetas([0, 80, 100]).astype(np.float64)
    step = theta[2] - theta[1]
    halves = _attention_pcs(subject, np.arange(0, 141, 20))
    other = _attention_pcs(subject.sibling(), np.arange(0, 301, 20))
    walk = subject.thetas(np.arange(0, 301, 20)).astype(np.float64)
    full = np.linalg.svd(walk[1:] - walk[0], full_matrices=False)[2][:5].T
    expected = {
        "attention path of the first half": halves,
        "attention path of another seed": other,
        "full path": full,
    }
    for name, columns in expected.items():
        row = found["step_share", "", f"corrected, {name}"]
        assert row.value == pytest.approx(_share(step, columns), rel=1e-6)
    # Projected onto the top singular directions of a matrix is truncated there.
    layout = subject.layout
    for name, values in (("weights", theta[2]), ("displacements", theta[2] - theta[0])):
        held, d = 0.0, layout.width
        attention = layout.attention(torch.from_numpy(np.stack([values, step])))
        for block in layout.attention_blocks().values():
            matrix, moved = attention[:, block].view(2, d, d).numpy()
            left, _, right = np.linalg.svd(matrix)
            held += sum((left[:, k] @ moved @ right[k]) ** 2 for k in (0, 1))
        row = found["step_share", "", f"corrected, {name}"]
        assert row.value == pytest.approx(math.sqrt(held) / np.linalg.norm(step), rel=1e-9)


def test_rho_never_comes_alone(rows):
    wanted = {"rho", "share"} | {
        f"{kind}_{name}"
        for kind in ("null", "low", "high", "ratio")
        for name in ("whole", "matched")
    }
    by = {}
    for row in rows:
        vector, _, what = row.quantity.partition("_")
        by.setdefault((vector, row.part, row.variant, str(row.at)), {})[what] = row
    assert sum("rho" in group for group in by.values()) > 50
    for group in by.values():
        if "rho" not in group:
            continue
        assert wanted <= set(group)
        for name in ("whole", "matched"):
            null, ratio = group[f"null_{name}"], group[f"ratio_{name}"]
            assert ratio.value == pytest.approx(group["share"].value / null.value)
            assert group[f"low_{name}"].value <= null.value <= group[f"high_{name}"].value


def test_the_matched_null_knows_where_the_vector_is(subject, found):
    """Its mean square is Σ ‖v_b‖² k_b / d_b over ‖v‖², the attention share times K/D."""
    theta = torch.from_numpy(subject.thetas([80, 100])).double()
    step = theta[1] - theta[0]
    inside = subject.layout.attention(step[None]).norm() ** 2 / step.norm() ** 2
    row = found["step_null_matched", "", "corrected, attention path"]
    square = row.value**2 + row.error**2
    assert square == pytest.approx(inside.item() * 2 / 16**2, rel=0.1)
    assert row.count == 100


def test_what_the_weights_have_moved_lies_in_their_trajectory_and_no_others(found):
    own, other = (
        found["step_ratio_matched", "", f"corrected, full path{name}"].value
        for name in ("", " of another seed")
    )
    assert own > 3 * other
    ratio = found["step_ratio_other", "", "corrected, full path"].value
    shares = [
        found["step_share", "", f"corrected, full path{name}"].value
        for name in ("", " of another seed")
    ]
    assert ratio == pytest.approx(shares[0] / shares[1])


def test_dimensions_are_swept_and_the_start_has_no_displacement(subject, parameters, rows):
    swept = ("commutator_share", "", "corrected, weights")
    shares = {
        row.at: row.value
        for row in rows
        if (row.quantity, row.part, row.variant) == swept and not math.isnan(row.at)
    }
    assert list(shares) == [1, 2, 3, 4, 8, 16]  # a matrix of 16 × 16 has no more
    assert list(shares.values()) == sorted(shares.values())
    at_start = INTEGRABILITY.rows(subject, 0, parameters)
    assert swept in keyed(at_start)
    assert not any("displacements" in row.variant or "step" in row.quantity for row in at_start)


def test_a_second_time_gives_the_same(subject, parameters, rows):
    assert str(INTEGRABILITY.rows(subject, 100, parameters)) == str(rows)
    fresh = Subject(subject.run, subject.store)
    assert str(INTEGRABILITY.rows(fresh, 100, parameters)) == str(rows)
    assert list(fresh.cache) == [("integrability", 5)]  # and so of other k other bases


def test_a_vector_with_nothing_in_attention_has_a_share_of_0_and_no_ratio(subject, parameters):
    """Weights of 0 move the readouts' biases alone: no basis in attention holds any of that."""

    class Still(Subject):
        def theta(self, step):
            return super().theta(step) * (step != 100)

    still = Still(subject.run, subject.store)
    rows = keyed(INTEGRABILITY.rows(still, 100, parameters | {"batch_pairs": 1}))
    named = "", "corrected, attention path"
    assert rows["gradient_share", *named].value == rows["gradient_null_matched", *named].value == 0
    for what in (rows["gradient_ratio_matched", *named], rows["gradient_ratio_whole", *named]):
        assert math.isnan(what.value) == what.quantity.endswith("matched")
    assert math.isnan(rows["gradient_ratio_other", *named].value)  # neither seed's holds any


def test_bases_end_at_the_published_stop_and_three_tasks_have_three_directions(subject, tmp_path):
    stopped = trajectories(Stopped(subject.run), 5, half=False)
    columns = _attention_pcs(subject, np.arange(0, 241, 20))
    inner = np.linalg.svd(columns.T @ stopped["attention path"].columns)[1]
    np.testing.assert_allclose(inner, 1, atol=1e-9)
    config = RunConfig(
        tasks=("add", "mul", "sq"), modulus=7, width=8, heads=2, hidden=8, batch_size=16
    )
    plan = Plan(steps=60, cadence=10, full_state=True, after_grok=None)
    tri = Subject(run(config, plan, Store(tmp_path)).directory)
    assert trajectories(tri, 5, half=False)["attention path"].rank == 24  # 2602.18523 section 4.3
    assert stopped["attention path"].rank == 16


def test_without_another_seed_there_is_no_such_control(subject, parameters):
    alone = INTEGRABILITY.rows(Subject(subject.run), 100, parameters)
    assert not any("other" in row.variant + row.quantity for row in alone)


def test_every_null_is_drawn_by_itself(found):
    whole = {row.value for key, row in found.items() if key[0] == "commutator_null_matched"}
    assert len(whole) == sum(key[0] == "commutator_null_matched" for key in found)


def test_what_it_costs_is_declared(subject, parameters):
    assert INTEGRABILITY.seconds(subject, parameters) > 0
    assert INTEGRABILITY.needs == ("theta", "attention", "pairs")


@pytest.mark.parametrize(("steps", "enough"), [((0, 12, 24, 60), True), ((0, 12, 60), False)])
def test_the_first_half_of_the_path_needs_its_directions(small_run, steps, enough):
    few = Subject(small_run.run)
    few.steps = np.array(steps)
    assert INTEGRABILITY.lacking(few) == ("" if enough else "more snapshots")
