"""Movement against commutators: projections in closed form, nulls by Monte Carlo."""

import math

import numpy as np
import pytest
import torch

from grokbook.geometry.converse import converse


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def test_a_plane():
    plane = [torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 1, 0, 0])]
    found = converse(torch.tensor([3.0, 0, 4, 0]), plane)
    assert found.projection == pytest.approx(0.6)
    assert found.cosine == pytest.approx((0.6 + 0.6 / math.sqrt(2)) / 2)
    assert found.count == 2


def test_projection_by_least_squares():
    vectors, moved = normal(6, 40, seed=0), normal(40, seed=1)
    fit = vectors.T.numpy() @ np.linalg.lstsq(vectors.T.numpy(), moved.numpy(), rcond=None)[0]
    found = converse(moved, list(vectors))
    assert found.projection == pytest.approx(np.linalg.norm(fit) / moved.norm().item(), rel=1e-12)
    # Neither lengths nor signs matter.
    other = converse(-3 * moved, [1e-9 * vectors[0], *-vectors[1:]])
    assert other.projection == pytest.approx(found.projection, rel=1e-9)
    assert other.cosine == pytest.approx(found.cosine, rel=1e-12)


def test_random_directions_give_the_null():
    """400 draws: ratios 1 within four standard errors, their sd within 15 %."""
    size, count, draws = 500, 12, 400
    found = [
        converse(moved, list(normal(count, size, seed=k)))
        for k, moved in enumerate(normal(draws, size, seed=10_000))
    ]
    ratios = np.array([one.cosine_ratio for one in found])
    sd = found[0].cosine_sd / found[0].cosine_null
    # |cos| has mean √(2/(πP)) up to 1/(4P) of itself, 5e-4 here.
    assert abs(ratios.mean() - 1) < 4 * sd / math.sqrt(draws) + 5e-4
    assert ratios.std() == pytest.approx(sd, rel=0.15)
    projections = np.array([one.projection / one.projection_null for one in found])
    sd = found[0].projection_sd / found[0].projection_null  # 0.2, a chi of 12 degrees
    assert projections.mean() == pytest.approx(1, abs=4 * sd / math.sqrt(draws))
    assert projections.std() == pytest.approx(sd, rel=0.15)


def test_the_root_mean_square_is_not_the_mean():
    """E share² = K/P exactly, so that chance reads less than 1 against its root: 0.952 at K = 5."""
    size = 100_000
    found = converse(normal(size, seed=0), list(normal(5, size, seed=1)))
    assert found.projection_rms == pytest.approx(math.sqrt(5 / size), rel=1e-15)
    assert found.projection_null / found.projection_rms == pytest.approx(0.952, abs=5e-4)
    square = found.projection_null**2 + found.projection_sd**2
    assert square == pytest.approx(5 / size, rel=1e-9)


def test_the_published_null():
    """2602.16746 section 4.7, for the single-task model."""
    ones = torch.ones(290_401)
    assert converse(ones, [ones]).cosine_null == pytest.approx(1.4806e-3, rel=1e-4)
    assert converse(ones, [ones] * 12).projection_rms == pytest.approx(6.4e-3, rel=0.01)


def test_vanished_vectors_are_left_out():
    moved = torch.tensor([3.0, 4.0])
    found = converse(moved, [torch.zeros(2), torch.tensor([1.0, 0.0])])
    assert found.count == 1 and found.projection == pytest.approx(0.6)
    assert found.projection_rms == pytest.approx(math.sqrt(1 / 2))  # of the one that is left
    assert found.cosine_null == pytest.approx(math.sqrt(1 / math.pi))
    none = converse(moved, [torch.zeros(2)])
    assert none.count == 0 and math.isnan(none.projection) and math.isnan(none.cosine_ratio)


@pytest.mark.parametrize(
    ("moved", "vectors", "says"),
    [
        (torch.ones(2), [], "none"),
        (torch.ones(2), [torch.ones(3)], r"\(3,\)"),
        (torch.zeros(2), [torch.ones(2)], "nothing has moved"),
        (torch.full((2,), math.nan), [torch.ones(2)], "nothing has moved"),
    ],
)
def test_what_cannot_be_compared_is_refused(moved, vectors, says):
    with pytest.raises(ValueError, match=says):
        converse(moved, vectors)
