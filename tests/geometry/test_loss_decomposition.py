"""The loss decomposition: finite differences, ranks by hand, losses that are linear."""

import numpy as np
import pytest
import torch
from scipy.linalg import orth
from scipy.stats import rankdata
from small_decoder import SmallDecoder

from grokbook.geometry.loss_decomposition import decomposition


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


@pytest.fixture(scope="module")
def frame(small):
    return orth(np.random.default_rng(0).normal(size=(small.size, 6))).T


def other(small):
    return lambda theta: (small.logits(theta)[::2] ** 2).mean()


def test_predicted_and_measured_by_finite_differences(small, frame):
    alpha = np.linspace(0.9, 0.1, 6)
    found = decomposition(small.loss, other(small), small.theta, frame, alpha)
    for j, v in enumerate(torch.from_numpy(frame)):
        for loss, slope in ((small.loss, found.by_train), (other(small), found.by_val)):
            central = float(loss(small.theta + 1e-5 * v) - loss(small.theta - 1e-5 * v)) / 2e-5
            assert slope[j] == pytest.approx(central, rel=1e-6, abs=1e-8)
        dot = float(v @ small.theta)
        assert found.along[j] == pytest.approx(dot, rel=1e-10)
        after = other(small)(small.theta - dot * v)
        assert found.change[j] == pytest.approx(
            float(after - other(small)(small.theta)), rel=1e-9, abs=1e-12
        )
    expected = np.abs(alpha * found.by_train * found.by_val)
    np.testing.assert_allclose(found.predictions["published"], expected)
    ranks = [rankdata(x) - 3.5 for x in (expected, np.abs(found.change))]
    rho = ranks[0] @ ranks[1] / np.linalg.norm(ranks[0]) / np.linalg.norm(ranks[1])
    assert found.spearman() == pytest.approx(rho, abs=1e-12)
    line = np.corrcoef(expected, np.abs(found.change))[0, 1]
    assert found.pearson() == pytest.approx(line, abs=1e-12)
    here = float(other(small)(small.theta))
    assert found.floor == pytest.approx(4 * 2**-52 * here, rel=1e-12, abs=0)


def test_for_a_linear_loss_the_first_order_is_all(small, frame):
    c = torch.from_numpy(np.random.default_rng(1).normal(size=small.size))
    found = decomposition(lambda x: x.sum(), lambda x: c @ x, small.theta, frame, np.ones(6))
    np.testing.assert_allclose(found.predictions["first order"], np.abs(found.change), rtol=1e-8)
    assert found.spearman("first order") == pytest.approx(1)
    np.testing.assert_allclose(found.change, -found.along * found.by_val, rtol=1e-8)
    below = decomposition(lambda x: x.sum(), lambda x: -5 + 0 * (c @ x), small.theta, frame[:1],
                          np.ones(1))  # fmt: skip
    assert below.floor == pytest.approx(20 * 2**-52, abs=0)  # a size, whatever the sign of the loss
    np.testing.assert_allclose(
        found.predictions["published"], found.predictions["without stability"]
    )


def test_few_directions_have_no_rank_correlation(small, frame):
    found = decomposition(small.loss, small.loss, small.theta, frame[:4], np.ones(4))
    assert np.isnan(found.spearman()) and np.isnan(found.pearson())
    five = decomposition(small.loss, small.loss, small.theta, frame[:5], np.ones(5))
    assert -1 <= five.spearman("removed norm") <= 1


def test_signs_of_directions_do_not_count(small, frame):
    one, two = (
        decomposition(small.loss, other(small), small.theta, v, np.ones(6)) for v in (frame, -frame)
    )
    np.testing.assert_allclose(one.change, two.change, atol=1e-13)
    for name, each in one.predictions.items():
        np.testing.assert_allclose(each, two.predictions[name], rtol=1e-12)


def test_stability_is_asked_of_every_direction(small, frame):
    with pytest.raises(ValueError, match="6 directions need as many"):
        decomposition(small.loss, small.loss, small.theta, frame, np.ones(5))
