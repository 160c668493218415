"""Curvature and Weyl's inequality: by hand, dense matrices, finite differences."""

import numpy as np
import pytest
import torch

from grokbook.geometry.eigenpairs import extremes, lanczos
from grokbook.geometry.hessian import Weyl, curvature, weyl
from grokbook.geometry.loss import Loss
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
