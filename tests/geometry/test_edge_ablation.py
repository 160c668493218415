"""Ablations of the edge and what they are compared with: projections, norms, planted directions."""

import numpy as np
import pytest
import torch
from scipy.linalg import orth
from scipy.stats import kstest

from grokbook.geometry.edge_ablation import CONTROLS, DRAWN, ablate, controls, reached
from grokbook.geometry.edge_windows import window

SIZE = 90


@pytest.fixture(scope="module")
def weights():
    """θ, θ_0, θ − kept θ_0 and an edge that holds most of θ."""
    generator = np.random.default_rng(0)
    start, learned = generator.normal(size=(2, SIZE))
    theta = 0.6 * start + learned
    edge = orth(np.stack([theta + 0.3 * generator.normal(size=SIZE), start]).T).T
    return torch.from_numpy(theta), torch.from_numpy(start), torch.from_numpy(learned), edge


def gathered(weights, draws=40, seed=1, edge=None):
    theta, start, learned, own = weights
    edge = own if edge is None else edge
    found = {}
    for name, each in controls(theta, edge, start=start, learned=learned, draws=draws, seed=seed):
        found.setdefault(name, []).append(each)
    return found


def test_full_removal_leaves_nothing_along_the_directions(weights):
    theta, _, _, edge = weights
    found = ablate(theta, edge)
    projector = np.eye(SIZE) - np.linalg.pinv(edge) @ edge
    np.testing.assert_allclose(found.theta.numpy(), projector @ theta.numpy(), atol=1e-12)
    assert np.abs(edge @ found.theta.numpy()).max() < 1e-13
    assert found.left < 1e-14
    share = np.linalg.norm(edge @ theta.numpy()) / np.linalg.norm(theta)
    assert found.removed == pytest.approx(share, rel=1e-12) and share > 0.8
    assert found.norm == pytest.approx(np.sqrt(1 - share**2), rel=1e-12)
    one_by_one = ablate(ablate(theta, edge[:1]).theta, edge[1:]).theta
    torch.testing.assert_close(one_by_one, found.theta, rtol=0, atol=1e-13)
    again = ablate(found.theta, edge)
    assert again.removed < 1e-14


def test_signs_of_directions_do_not_count_and_none_is_a_no_op(weights):
    theta, _, _, edge = weights
    torch.testing.assert_close(ablate(theta, -edge).theta, ablate(theta, edge).theta)
    none = ablate(theta, np.zeros((0, SIZE)))
    assert torch.equal(none.theta, theta) and (none.removed, none.norm, none.left) == (0, 1, 0)


def test_float32_leaves_its_rounding(weights):
    theta, _, _, edge = weights
    found = ablate(theta.float(), edge)
    assert found.theta.dtype == torch.float32 and 1e-10 < found.left < 1e-6
    along = np.linalg.norm(edge @ found.theta.double().numpy())
    assert found.left == pytest.approx(along / float(theta.float().double().norm()), rel=1e-6)


def test_controls_take_as_much_as_the_edge(weights):
    theta, start, learned, edge = weights
    taken, found = ablate(theta, edge), gathered(weights)
    assert set(found) == set(CONTROLS)
    for name, each in found.items():
        assert len(each) == (40 if name in DRAWN else 1)
    for name in CONTROLS:
        if name.endswith(("equal distance", "random, equal norm")):
            assert [e.removed for e in found[name]] == pytest.approx([taken.removed] * len(
                found[name]), rel=1e-12)  # fmt: skip
    (scaled,) = found["scaled, equal norm"]
    assert scaled.norm == pytest.approx(taken.norm, rel=1e-12)
    torch.testing.assert_close(scaled.theta, taken.norm * theta)
    (nearer,) = found["scaled, equal distance"]
    torch.testing.assert_close(nearer.theta, (1 - taken.removed) * theta)
    for name, vector in (("start", start), ("learned", learned)):
        (whole,) = found[name]
        unit = vector / vector.norm()
        torch.testing.assert_close(whole.theta, theta - (theta @ unit) * unit)
        (step,) = found[f"{name}, equal distance"]
        moved = step.theta - theta
        torch.testing.assert_close(moved, -moved.norm() * torch.sign(theta @ unit) * unit)
    opposite = dict(controls(theta, edge, start=-start, learned=learned, draws=1, seed=1))
    (step,) = found["start, equal distance"]
    torch.testing.assert_close(opposite["start, equal distance"].theta, step.theta)


def test_the_published_random_directions_hold_next_to_nothing(weights):
    """Removed: √Beta(k/2, (P − k)/2) of θ, whatever θ is."""
    shares = [each.removed for each in gathered(weights, draws=400)["random"]]
    assert kstest(np.square(shares), "beta", args=(1, SIZE / 2 - 1)).pvalue > 1e-3
    lengths = gathered(weights, draws=400)["random, equal norm"]
    moves = torch.stack([each.theta - weights[0] for each in lengths])
    assert len({round(float(m[0]), 9) for m in moves}) == 400
    cosines = moves @ weights[0] / (moves.norm(dim=1) * weights[0].norm())
    assert kstest((cosines.numpy() + 1) / 2, "beta", args=((SIZE - 1) / 2,) * 2).pvalue > 1e-3


def test_an_edge_that_takes_nothing_has_controls_that_do_nothing(weights):
    theta, start, learned, edge = weights
    free = orth(np.random.default_rng(3).normal(size=(SIZE, 3)))
    across = free - np.outer(theta, theta @ free) / float(theta @ theta)
    found = gathered(weights, draws=2, edge=orth(across)[:, :1].T)
    for name, each in found.items():
        if "equal" in name:
            assert [e.removed for e in each] == pytest.approx([0] * len(each), abs=1e-12)
    at_start = dict(controls(start, edge, start=start, learned=0 * start, draws=1, seed=0))
    assert not {"learned", "learned, equal distance"} & set(at_start)
    assert at_start["start"].norm < 1e-15  # along θ itself is all there is
    rounding = dict(controls(start, edge, start=start, learned=1e-14 * learned, draws=1, seed=0))
    assert set(rounding) == set(at_start)  # rounding has a direction, of no meaning


def test_a_window_of_pure_decay_takes_the_start_and_nothing_else(weights):
    theta, start, learned, _ = weights
    path = (0.9 ** np.arange(6))[:, None] * start.numpy()
    v = window(np.diff(path, axis=0)).directions[:1]
    found = dict(controls(theta, v, start=start, learned=learned, draws=1, seed=0))
    torch.testing.assert_close(ablate(theta, v).theta, found["start"].theta)
    torch.testing.assert_close(ablate(theta, v).theta, found["start, equal distance"].theta)


def test_draws_that_reach_the_effect_by_hand():
    assert reached(-0.4, np.array([-0.1, -0.3, 0.1, -0.5])) == 0.25
    assert reached(0.5, np.array([-0.5, 0.4])) == 0.5  # as large is enough, whatever its sign
    assert reached(-0.4, np.zeros(20)) == 0
    assert reached(np.nan, np.full(3, np.nan)) == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ablate(torch.ones(3), np.eye(2)), r"\(k, 3\), not \(2, 2\)"),
        (lambda: ablate(torch.ones(2), np.ones((1, 2))), "not orthonormal, by 1.0e"),
        (lambda: ablate(torch.zeros(2), np.eye(2)), "θ = 0"),
        (lambda: reached(1, np.array([])), "needs draws"),
        (lambda: list(controls(torch.ones(3), np.eye(3)[:1], start=torch.ones(3),
                               learned=torch.ones(3), draws=0, seed=0)), "not 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_out_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
