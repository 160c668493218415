"""Steps in two orders: quadratics in closed form, float64 brute force, autograd of torch.func."""

import math

import pytest
import torch
from torch.func import grad, jvp

from grokbook.geometry.commutator import bracket, commutator, cosine, norm

SIZE = 7


def symmetric(seed):
    a = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed)).double()
    return a + a.T


@pytest.fixture(scope="module")
def quadratics():
    """Gradients H θ + b, their H, and θ."""
    h_a, h_b = symmetric(0), symmetric(1)
    offsets = torch.randn(2, SIZE, generator=torch.Generator().manual_seed(2)).double()
    theta = torch.linspace(-1, 2, SIZE).double()
    return (lambda t: h_a @ t + offsets[0]), (lambda t: h_b @ t + offsets[1]), h_a, h_b, theta


@pytest.mark.parametrize("eta", [1e-3, 0.1])
def test_of_quadratics_it_is_the_bracket_at_any_step(quadratics, eta):
    first, second, h_a, h_b, theta = quadratics
    found = commutator(first, second, theta, eta=eta)
    exact = h_b @ first(theta) - h_a @ second(theta)
    # Rounding: 1e-16 of gradients of order 10, over an η² of 1e-6 times their product.
    assert torch.allclose(found.delta / eta**2, exact, rtol=0, atol=1e-10)
    assert torch.allclose(found.stored / eta**2, exact, rtol=0, atol=1e-7)
    assert torch.allclose(bracket((first(theta), second(theta)), (h_a, h_b)).vector, exact)
    assert found.scale == pytest.approx(
        (eta * first(theta)).norm().item() * (eta * second(theta)).norm().item(), rel=1e-12
    )


def test_delta_is_the_difference_of_two_orders(tiny):
    """θ_AB − θ_BA, written out step by step with steps so large that nothing is linear."""
    first, second = (tiny.loss.only((head,)).gradient for head in (0, 1))
    eta = 0.7
    ab = tiny.theta - eta * first(tiny.theta)
    ab = ab - eta * second(ab)
    ba = tiny.theta - eta * second(tiny.theta)
    ba = ba - eta * first(ba)
    found = commutator(first, second, tiny.theta, eta=eta)
    assert (ab - ba).norm() > 0.01
    assert torch.allclose(found.delta, ab - ba, rtol=0, atol=1e-14)
    assert torch.allclose(found.stored, ab - ba, rtol=0, atol=1e-14)


def test_small_steps_approach_the_bracket(tiny):
    """The error is of first order in η: a tenth of the step, a tenth of the error."""
    first, second = (tiny.loss.only((head,)) for head in (0, 1))
    gradients = first.gradient(tiny.theta), second.gradient(tiny.theta)
    exact = bracket(gradients, (first.hessian(tiny.theta), second.hessian(tiny.theta))).vector
    errors = [
        (commutator(first.gradient, second.gradient, tiny.theta, eta=eta).delta / eta**2 - exact)
        .norm()
        .item()
        for eta in (1e-3, 1e-4)
    ]
    assert errors[1] < 0.01 * exact.norm()
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.02)


def test_the_bracket_by_forward_mode_of_another_function():
    """H_B g_A − H_A g_B of two smooth functions, by jvp of torch.func's grad."""
    theta = torch.linspace(-1, 1, SIZE).double()

    def one(t):
        return (t.sin() * t.roll(1)).sum()

    def other(t):
        return (t.exp() + (t * t.roll(2)).cos()).sum()

    g_a, g_b = grad(one)(theta), grad(other)(theta)
    expected = jvp(grad(other), (theta,), (g_a,))[1] - jvp(grad(one), (theta,), (g_b,))[1]
    hessians = torch.func.hessian(one)(theta), torch.func.hessian(other)(theta)
    found = bracket((g_a, g_b), hessians)
    assert torch.allclose(found.vector, expected, atol=1e-12)
    assert found.norm == pytest.approx(expected.norm().item())
    assert found.defect == pytest.approx((expected.norm() / g_a.norm() / g_b.norm()).item())
    parts = (hessians[1] @ g_a).norm() + (hessians[0] @ g_b).norm()
    assert found.relative == pytest.approx((expected.norm() / parts).item())
    near = commutator(grad(one), grad(other), theta, eta=1e-5).delta / 1e-10
    assert torch.allclose(near, expected, atol=1e-3)


def test_equal_losses_commute(quadratics):
    first, _, h_a, _, theta = quadratics
    found = commutator(first, first, theta)
    assert not found.delta.any() and not found.stored.any() and not found.frozen.any()
    assert bracket((first(theta), first(theta)), (h_a, h_a)).relative == 0


def test_swapping_the_batches_swaps_the_sign(quadratics):
    first, second, _, _, theta = quadratics
    there, back = commutator(first, second, theta), commutator(second, first, theta)
    assert torch.equal(there.delta, -back.delta) and torch.equal(there.stored, -back.stored)
    assert torch.equal(there.frozen, -back.frozen)


def test_frozen_gradients_leave_only_rounding():
    """From 1, where the spacing changes from u to 2u, two orders round apart; from 1.5 alike.

    1 − 1.25u is stored as 1 − u, and adding 0.75u gives 1; 1 + 0.75u is stored as 1, and
    subtracting 1.25u gives 1 − u.
    """
    u = 2.0**-24

    def at(value, kind=torch.float32):
        steps = [torch.tensor([k * u], dtype=kind) for k in (1.25, -0.75)]
        theta = torch.tensor([value], dtype=kind)
        return commutator(lambda t: steps[0], lambda t: steps[1], theta, eta=1.0)

    assert at(1.0).frozen.item() == at(1.0).stored.item() == u
    assert at(1.5).frozen.item() == at(1.0, torch.float64).frozen.item() == 0
    assert at(1.0).delta.item() == 0


def test_known_gradients_are_not_asked_again(quadratics):
    first, second, _, _, theta = quadratics
    asked = []

    def counting(gradient):
        return lambda t: asked.append(t) or gradient(t)

    whole = commutator(counting(first), counting(second), theta)
    assert len(asked) == 4
    half = commutator(counting(first), counting(second), theta, at=(first(theta), second(theta)))
    assert len(asked) == 6 and torch.equal(whole.delta, half.delta)


def test_cosine():
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert cosine(a, b) == pytest.approx(24 / 25) and cosine(a, -a) == pytest.approx(-1)
    assert math.isnan(cosine(a, torch.zeros(2)))


def test_lengths_and_cosines_of_tiny_float32_vectors():
    """Squares of 1e-25 are 0 in float32: sums are taken in float64."""
    tiny = torch.full((4,), 1e-25)
    assert norm(tiny) == pytest.approx(2e-25, rel=1e-6, abs=0)
    assert cosine(tiny, -tiny) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("theta", "eta", "gradient", "says"),
    [
        (torch.ones(2), 0.0, lambda t: t, "eta.*0"),
        (torch.ones(2), float("nan"), lambda t: t, "eta.*nan"),
        (torch.ones(2, 2), 1e-3, lambda t: t, r"\(2, 2\)"),
        (torch.ones(0), 1e-3, lambda t: t, r"\(0,\)"),
        (torch.ones(2), 1e-3, lambda t: t[:1], r"\(1,\)"),
        (torch.ones(2), 1e-3, lambda t: t / 0, "not finite"),
        (torch.ones(2), 1e-3, lambda t: t / (t == 1), "not finite"),
    ],
)
def test_what_has_no_commutator_is_refused(theta, eta, gradient, says):
    with pytest.raises(ValueError, match=says):
        commutator(gradient, gradient, theta, eta=eta)
