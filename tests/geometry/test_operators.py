"""Hessians by their products; closed forms and dense matrices are in test_hessian and test_loss."""

import numpy as np
import pytest
import torch

from grokbook.geometry.operators import Hessian, unit_vector


def test_many_leaves_have_the_hessian_of_one(tiny):
    one = Hessian.of(lambda theta: tiny.loss.total(tiny.layout.views(theta[None])), tiny.theta)
    many = tiny.loss.hessian(tiny.theta)
    assert (many.size, many.dtype) == (one.size, one.dtype) == (tiny.layout.size, torch.float64)
    assert torch.equal(many.gradient, one.gradient)
    v = torch.randn(one.size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert torch.equal(many @ v, one @ v)


def test_a_leaf_that_is_linear_has_no_curvature():
    square, line = (torch.tensor([k], requires_grad=True) for k in (3.0, 5.0))
    operator = Hessian((square**2 + 7 * line).sum(), [square, line])
    assert (operator @ torch.tensor([1.0, 1.0])).tolist() == [2.0, 0.0]
    assert operator.gradient.tolist() == [6.0, 7.0]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_unit_vectors_of_arrays_and_tensors_have_the_same_bits(kind):
    backwards = np.random.default_rng(0).standard_normal(501).astype(kind)[::-1]
    found = unit_vector(backwards, 501)
    assert found.dtype == torch.float64 and float(found.norm()) == pytest.approx(1, abs=1e-15)
    assert torch.equal(found, unit_vector(torch.from_numpy(backwards.copy()), 501))
    for wrong in (np.ones(3), np.zeros(501), np.full(501, np.nan), np.ones((501, 1))):
        with pytest.raises(ValueError, match=r"needs \(501,\) finite entries"):
            unit_vector(wrong, 501)
