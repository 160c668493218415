"""Shares and their nulls: known angles, laws against drawn bases, another formula for each."""

import numpy as np
import pytest
from scipy import stats

from grokbook.geometry import bases
from grokbook.geometry.nulls import matched, squares_apart, squares_mixed, whole
from grokbook.geometry.shares import within
from grokbook.geometry.subspaces import Basis, Footprint, energies, project

PARTS = {"a": slice(0, 12), "b": slice(12, 19), "c": slice(19, 60), "d": slice(60, 63)}
GENERATOR = np.random.default_rng(0)
VECTOR = GENERATOR.standard_normal(63) * np.repeat([3.0, 0.1, 1.0, 9.0], [12, 7, 41, 3])


def _orthonormal(size, k, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, k)))[0]


@pytest.fixture
def scattered():
    """A basis with another energy in every part for every column, nothing in d."""
    raw = np.random.default_rng(3).standard_normal((63, 4))
    raw *= np.repeat(
        [[3.0, 1, 0.5, 1], [0.3, 2, 1, 1], [1.0, 1, 1, 0.1], [0] * 4], [12, 7, 41, 3], 0
    )
    return Basis.of(np.linalg.qr(raw)[0])


@pytest.fixture
def blocky():
    """Two directions in a, three in c."""
    return Basis(63, ((PARTS["c"], _orthonormal(41, 3, 1)), (PARTS["a"], _orthonormal(12, 2, 2))))


def test_a_known_angle():
    """v = (3, 0, 4): against the first axis 3/5 is inside, 4/5 outside."""
    share = within(np.array([3.0, 0, 4]), Basis.of(np.eye(3)[:, :1]), seed=0)
    assert (share.inside, share.outside, share.error) == (0.6, 0.8, 0.0)
    # A random line in three dimensions has |cos| uniform in 0 … 1.
    assert share.whole.mean == pytest.approx(0.5, abs=1e-12)
    assert share.whole.sd == pytest.approx(12**-0.5, abs=1e-12)
    assert (share.whole.low, share.whole.high) == pytest.approx((0.025, 0.975), abs=1e-12)
    assert share.ratio == share.matched_ratio == pytest.approx(1.2, abs=1e-12)


def test_the_residual_is_a_spectral_norm():
    """BᵀB − 1 = e [[1, 1], [1, 0]] has the eigenvalues e (1 ± √5)/2; of blocks the worst counts."""
    e = 1e-6
    columns = np.linalg.cholesky(np.eye(2) + e * np.array([[1.0, 1], [1, 0]])).T
    tilted = Basis(5, ((slice(0, 2), columns), (slice(2, 4), np.eye(2))))
    assert tilted.residual == pytest.approx(e * (1 + 5**0.5) / 2, rel=1e-6)
    share = within(np.array([3.0, 0, 0, 0, 4]), tilted, seed=0)
    assert share.error == pytest.approx(0.6 * tilted.residual, rel=1e-5)


def test_what_rounding_leaves_is_a_basis_and_no_more():
    columns = np.eye(3)[:, :1]
    assert Basis.of(columns * (1 + 1e-6)).residual == pytest.approx(2e-6, rel=1e-5)
    with pytest.raises(ValueError, match="2.0e-05"):
        Basis.of(columns * (1 + 1e-5))


def test_the_spread_of_two_draws_is_the_samples(blocky):
    """Of two draws the quantiles give the distance d, and the sample's deviation is d/√2."""
    null = matched(VECTOR, Footprint.of(blocky, PARTS), draws=2, seed=4)
    assert null.sd == pytest.approx((null.high - null.low) / 0.95 / 2**0.5, rel=1e-9)


def test_a_share_has_a_ratio_to_each_null(blocky):
    share = within(VECTOR, blocky, Footprint.of(blocky, PARTS), draws=50, seed=1)
    assert share.ratio == pytest.approx(share.inside / share.whole.mean, rel=1e-14)
    assert share.matched_ratio == pytest.approx(share.inside / share.matched.mean, rel=1e-14)
    assert abs(share.matched_ratio - share.ratio) > 0.05
    outside = np.where(np.arange(63) < 60, 0, VECTOR)  # in d, where no column of this basis lives
    share = within(outside, blocky, Footprint.of(blocky, PARTS), draws=50, seed=1)
    assert share.inside == share.ratio == share.matched.mean == 0
    assert np.isnan(share.matched_ratio)


def test_projection_is_least_squares(scattered, blocky):
    for basis in (scattered, blocky):
        fitted, *_ = np.linalg.lstsq(basis.columns, VECTOR, rcond=None)
        np.testing.assert_allclose(project(VECTOR, basis), basis.columns @ fitted, atol=1e-13)
        share = within(VECTOR, basis, seed=0)
        assert share.inside**2 + share.outside**2 == pytest.approx(1, abs=1e-14)
        assert share.error < 1e-14


def test_blocks_are_the_columns_they_stand_for(blocky):
    dense = Basis.of(blocky.columns)
    assert (dense.rank, blocky.rank, blocky.size) == (5, 5, 63)
    np.testing.assert_allclose(project(VECTOR, blocky), project(VECTOR, dense), atol=1e-15)
    one, other = (Footprint.of(basis, PARTS).energies for basis in (blocky, dense))
    np.testing.assert_allclose(one, other, atol=1e-14)
    np.testing.assert_allclose(
        one, [[0, 0, 0, 1, 1], [0] * 5, [1, 1, 1, 0, 0], [0] * 5], atol=1e-14
    )


def test_a_footprint_by_hand(scattered):
    found = Footprint.of(scattered, PARTS)
    by_hand = [[(column[p] ** 2).sum() for column in scattered.columns.T] for p in PARTS.values()]
    np.testing.assert_allclose(found.energies, by_hand, atol=1e-15)
    np.testing.assert_allclose(found.energies.sum(0), 1, atol=1e-14)
    assert found.sizes.tolist() == [12, 7, 41, 3]
    np.testing.assert_allclose(
        energies(VECTOR, PARTS), [np.linalg.norm(VECTOR[p]) ** 2 for p in PARTS.values()]
    )


def test_the_null_of_the_whole_is_that_of_drawn_bases():
    shares = [within(VECTOR, bases.random(63, 5, seed=s), seed=0).inside for s in range(1500)]
    null = whole(63, 5)
    assert null.draws == 0
    assert np.mean(shares) == pytest.approx(null.mean, abs=4 * null.sd / 1500**0.5)
    assert np.std(shares) == pytest.approx(null.sd, rel=0.08)  # 4 standard errors
    assert np.mean(np.array(shares) < null.low) == pytest.approx(0.025, abs=0.016)
    assert np.mean(np.array(shares) > null.high) == pytest.approx(0.025, abs=0.016)
    assert (whole(7, 7).mean, whole(7, 7).sd) == (1, 0)


def test_the_published_null_is_the_root_mean_square():
    """√(16/290401) = 0.00742 (2602.16746 section 4.5); ρ = 0.99997."""
    null = whole(290_401, 16)
    square = null.mean**2 + null.sd**2
    assert square == pytest.approx(16 / 290_401, rel=1e-12)
    assert null.mean == pytest.approx(square**0.5 * (1 - 1 / 64), rel=2e-4)
    assert round((1 - square) ** 0.5, 5) == 0.99997


@pytest.mark.parametrize("kind", ["scattered", "blocky"])
def test_the_matched_null_is_that_of_drawn_bases(kind, request):
    """The law without a basis against 1,500 bases drawn for real; within 4 standard errors."""
    basis = request.getfixturevalue(kind)
    drawn = [
        within(VECTOR, bases.random_matched(basis, PARTS, seed=s), seed=0).inside
        for s in range(1500)
    ]
    footprint = Footprint.of(basis, PARTS)
    null = matched(VECTOR, footprint, draws=1500, seed=1)
    assert null.mean == pytest.approx(np.mean(drawn), abs=4 * null.sd * (2 / 1500) ** 0.5)
    assert null.sd == pytest.approx(np.std(drawn), rel=0.1)
    assert (null.low, null.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=0.1)
    assert within(VECTOR, basis, footprint, draws=50, seed=1).matched == matched(
        VECTOR, footprint, draws=50, seed=1
    )


def test_both_laws_agree_where_both_hold(blocky):
    """Beta numbers against Wishart factors."""
    weights = energies(VECTOR, PARTS) / (VECTOR @ VECTOR)
    footprint = Footprint.of(blocky, PARTS)
    one, other = (
        law(weights, footprint, 4000, np.random.default_rng(seed))
        for seed, law in enumerate((squares_apart, squares_mixed))
    )
    assert stats.ks_2samp(one, other).pvalue > 0.01
    expected = weights[0] * 2 / 12 + weights[2] * 3 / 41
    assert one.mean() == pytest.approx(expected, abs=4 * one.std() / 4000**0.5)


def test_a_part_that_is_full_holds_all_of_it():
    full = Basis(63, ((PARTS["d"], np.eye(3)),))
    null = matched(VECTOR, Footprint.of(full, PARTS), draws=2, seed=0)
    share = within(VECTOR, full, seed=0).inside
    assert (null.mean, null.sd) == pytest.approx((share, 0), abs=1e-15)


def test_more_columns_than_a_part_has_entries():
    """Five columns with some energy in a part of three entries: its Wishart law is singular."""
    raw = np.random.default_rng(8).standard_normal((63, 5))
    basis = Basis.of(np.linalg.qr(raw)[0])
    drawn = [
        within(VECTOR, bases.random_matched(basis, PARTS, seed=s), seed=0).inside
        for s in range(1500)
    ]
    null = matched(VECTOR, Footprint.of(basis, PARTS), draws=1500, seed=2)
    assert null.mean == pytest.approx(np.mean(drawn), abs=4 * null.sd * (2 / 1500) ** 0.5)


def test_columns_that_crowd_each_other():
    """Four random columns in six dimensions are far from orthogonal: their Gram matrix counts."""
    cut, vector = {"a": slice(0, 3), "b": slice(3, 6)}, np.array([3.0, 1, 0, 0, 1, 1])
    basis = bases.random(6, 4, seed=5)
    drawn = [
        within(vector, bases.random_matched(basis, cut, seed=s), seed=0).inside for s in range(1000)
    ]
    null = matched(vector, Footprint.of(basis, cut), draws=1000, seed=3)
    assert null.mean == pytest.approx(np.mean(drawn), abs=4 * null.sd * (2 / 1000) ** 0.5)
    assert null.sd == pytest.approx(np.std(drawn), rel=0.12)


def test_a_null_repeats_under_its_seed(scattered):
    footprint = Footprint.of(scattered, PARTS)
    one, again, other = (matched(VECTOR, footprint, draws=9, seed=s) for s in (1, 1, 2))
    assert one == again != other


def test_what_is_no_basis():
    with pytest.raises(ValueError, match=r"not orthonormal: ‖BᵀB − I‖ is 3.0e\+00"):
        Basis.of(2 * np.eye(4)[:, :2])
    with pytest.raises(ValueError, match=r"0 < K ≤ P, not \(2, 3\)"):
        Basis.of(np.ones((2, 3)))
    with pytest.raises(ValueError, match="overlaps another block"):
        Basis(4, ((slice(0, 2), np.eye(2)), (slice(1, 3), np.eye(2))))
    with pytest.raises(ValueError, match="leaves 3 entries"):
        Basis(3, ((slice(2, 4), np.eye(2)),))
    with pytest.raises(ValueError, match="has not 2 entries"):
        Basis(4, ((slice(0, 3), np.eye(2)),))
    with pytest.raises(ValueError, match="is inf"):
        Basis(4, ())


def test_what_has_no_share(blocky):
    footprint = Footprint.of(blocky, PARTS)
    with pytest.raises(ValueError, match=r"shape \(3,\), not \(63,\)"):
        within(np.ones(3), blocky, seed=0)
    with pytest.raises(ValueError, match="zeros has no direction"):
        within(np.zeros(63), blocky, footprint, seed=0)
    with pytest.raises(ValueError, match="zeros has no direction"):
        matched(np.zeros(63), footprint, draws=9, seed=0)
    with pytest.raises(ValueError, match="2 draws or more, not 1"):
        matched(VECTOR, footprint, draws=1, seed=0)
    with pytest.raises(ValueError, match="cover the 63 entries once"):
        Footprint.of(blocky, {"a": slice(0, 62)})
    with pytest.raises(ValueError, match="rank 8 in 7 dimensions"):
        whole(7, 8)
