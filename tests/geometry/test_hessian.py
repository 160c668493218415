"""Curvature and Weyl's inequality: by hand, dense matrices, finite differences."""

import numpy as np
import pytest
import torch
from small_decoder import SmallDecoder

from grokbook.geometry.eigenpairs import extremes, lanczos
from grokbook.geometry.hessian import Weyl, curvature, second_difference, weyl
from grokbook.geometry.loss import Loss
from grokbook.geometry.operators import Hessian
from tests.geometry.test_eigenpairs import Dense, planted


def test_curvature_by_hand():
    found = curvature(Dense([[2.0, 0.0], [0.0, -4.0]]), torch.tensor([3.0, 4.0]).double())
    # v = (3, 4)/5: vᵀHv = (18 − 64)/25, ‖Hv‖² = (36 + 256)/25
    assert found.value == pytest.approx(-1.84, rel=1e-14)
    assert found.residual == pytest.approx(np.sqrt(11.68 - 1.84**2), rel=1e-12)
    assert found.floor == pytest.approx(16 * np.finfo(float).eps * np.sqrt(11.68), rel=1e-12, abs=0)


def test_along_an_eigenvector_it_is_the_eigenvalue():
    matrix, basis = planted(np.linspace(-2, 3, 30))
    found = curvature(Dense(matrix), torch.from_numpy(7 * basis[:, 4]))
    assert found.value == pytest.approx(np.linspace(-2, 3, 30)[4], rel=1e-12)
    assert found.residual < 1e-13


def test_along_the_gradient_it_is_the_loss_s_second_difference(tiny):
    gradient = tiny.loss.gradient(tiny.theta)
    hessian = tiny.loss.hessian(tiny.theta)
    unit, step = gradient / gradient.norm(), 1e-4
    ahead, here, behind = (tiny.loss.value(tiny.theta + s * step * unit) for s in (1, 0, -1))
    found = curvature(hessian, gradient)
    assert found.value == pytest.approx((ahead - 2 * here + behind) / step**2, rel=1e-5)
    ends = extremes(hessian, seed=1, space=30, tolerance=1e-3).values
    assert ends[0] < found.value < ends[-1]
    single = curvature(tiny.loss.hessian(tiny.theta.float()), gradient)
    assert abs(single.value - found.value) < single.floor


def test_weyl_on_a_common_batch(tiny):
    indices = [0, 3, 3, 5, 8, 9, 11, 14, 15]
    bottoms = [
        extremes(
            Loss.on(tiny.layout, tiny.table, indices, heads).hessian(tiny.theta),
            seed=2,
            ends="low",
            space=30,
            tolerance=1e-3,
        )
        for heads in (None, [0], [1])
    ]
    found = weyl(bottoms[0], bottoms[1:])
    assert found.holds and found.slack > 0
    assert found.slack == pytest.approx(
        bottoms[0].values[0] - sum(b.values[0] for b in bottoms[1:])
    )
    assert found.allowance == pytest.approx(sum(b.residuals[0] for b in bottoms))


def test_weyl_fails_where_matrices_do_not_belong_together():
    low, high = (
        extremes(Dense(planted(np.linspace(bottom, 1, 30))[0]), seed=3, tolerance=1e-8)
        for bottom in (-5, -1)
    )
    assert not weyl(low, [high, high]).holds
    assert weyl(low, [low]).slack == 0
    assert Weyl(slack=-0.5, allowance=0.5).holds and not Weyl(slack=-0.6, allowance=0.5).holds


@pytest.mark.parametrize("vector", [torch.zeros(3), torch.ones(2), torch.full((3,), np.nan)])
def test_what_is_no_direction_is_refused(vector):
    with pytest.raises(ValueError, match=r"\(3,\) finite entries"):
        curvature(Dense(np.eye(3)), vector.double())


def test_weyl_allows_for_the_residuals_of_all():
    """Three steps reach no eigenvalue, so each of the three bottoms has a residual that counts."""
    matrices = [planted(np.linspace(-2, 3, 30), seed)[0] for seed in (1, 2)]
    total, *parts = [lanczos(Dense(m), seed=4, steps=3, keep=1) for m in (sum(matrices), *matrices)]
    residuals = [each.residuals[0] for each in (total, *parts)]
    assert min(residuals) > 0.1
    found = weyl(total, parts)
    assert found.allowance == pytest.approx(sum(residuals), rel=1e-12)
    assert found.slack == pytest.approx(total.values[0] - parts[0].values[0] - parts[1].values[0])


def test_weyl_needs_terms():
    with pytest.raises(ValueError, match="not none"):
        weyl(extremes(Dense(np.eye(9)), seed=0), [])


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


def test_products_of_any_function_are_those_of_the_dense_matrix(small):
    dense = torch.autograd.functional.hessian(small.loss, small.theta)
    operator = Hessian.of(small.loss, small.theta)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        v = torch.randn(small.size, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(operator @ v, dense @ v, rtol=1e-9, atol=1e-10)
        found = curvature(operator, v)
        assert found.value == pytest.approx(float(v @ dense @ v / (v @ v)), rel=1e-9)
        size = float(small.theta.norm())
        assert found.relative(small.theta) == pytest.approx(found.value * size**2, rel=1e-12)
    slope = torch.autograd.functional.jacobian(small.loss, small.theta)
    torch.testing.assert_close(operator.gradient, slope)
    assert not operator.gradient.requires_grad


def test_closed_forms_of_the_hessian_of_a_function():
    matrix = torch.tensor([[2.0, 1.0], [1.0, -3.0]]).double()
    theta = torch.tensor([1.0, 4.0]).double()
    operator = Hessian.of(lambda x: x @ matrix @ x / 2, theta)
    torch.testing.assert_close(operator @ torch.tensor([1.0, 0]).double(), matrix[0])
    torch.testing.assert_close(operator.gradient, matrix @ theta)
    flat = Hessian.of(lambda x: 3 * x.sum(), theta)
    assert curvature(flat, theta).value == 0


def test_relative_curvature_does_not_see_a_change_of_scale():
    """L(θ) and L(θ/c) at cθ: h falls as c⁻², h‖θ‖² stays."""

    def loss(x):
        return (x**4).sum() + x[0] * x[1]

    theta, v = torch.tensor([1.0, 2.0]).double(), torch.tensor([1.0, 1.0])
    here = curvature(Hessian.of(loss, theta), v)
    there = curvature(Hessian.of(lambda x: loss(x / 7), 7 * theta), v)
    assert there.value == pytest.approx(here.value / 49, rel=1e-12)
    assert there.relative(7 * theta) == pytest.approx(here.relative(theta), rel=1e-12)


def test_the_published_second_difference_and_its_floor(small):
    """In float64 only the step differs from vᵀHv; in float32 rounding does, by about the floor."""
    v = torch.randn(small.size, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    exact = curvature(Hessian.of(small.loss, small.theta), v).value
    wide = second_difference(small.loss, small.theta, v)
    assert wide.step == pytest.approx(1e-3 * float(small.theta.norm()), rel=1e-12)
    assert wide.value == pytest.approx(exact, rel=1e-4)
    unit, step = v / v.norm(), wide.step
    ahead, here, behind = (small.loss(small.theta + s * step * unit).item() for s in (1, 0, -1))
    assert wide.value == pytest.approx((ahead - 2 * here + behind) / step**2, rel=1e-9)
    narrow = second_difference(small.loss, small.theta.float(), 5 * v)
    assert narrow.floor == pytest.approx(4 * 2**-24 * here / step**2, rel=1e-5)
    off = abs(narrow.value - wide.value)
    assert wide.floor < 1e-9 and 0 < off < 20 * narrow.floor
    coarse = second_difference(small.loss, small.theta, v, share=0.1)
    assert abs(coarse.value - exact) > 100 * abs(wide.value - exact)


def test_a_second_difference_of_a_parabola_is_exact():
    found = second_difference(
        lambda x: 3 * x[0] ** 2 + x[1],
        torch.tensor([1.0, 2.0]).double(),
        torch.tensor([2.0, 0]),
        share=0.25,
    )
    assert found.value == pytest.approx(6, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Hessian.of(lambda x: x, torch.ones(2)), "finite scalar"),
        (lambda: Hessian.of(lambda x: x.sum() / 0, torch.ones(2)), "finite scalar"),
        (lambda: second_difference(torch.sum, torch.zeros(2), torch.ones(2)), "above 0"),
        (lambda: second_difference(torch.sum, torch.ones(2), torch.zeros(2)), "norm 0"),
        (lambda: second_difference(torch.sum, torch.ones(2), torch.ones(3)), r"\(2,\) finite"),
    ],
)
def test_what_has_no_second_derivative_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
