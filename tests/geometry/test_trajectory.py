"""Trajectories: brute force over the snapshots, closed forms, and scikit-learn's PCA."""

import time

import numpy as np
import pytest
from sklearn.decomposition import PCA

from grokbook.geometry.trajectory import (
    Displacements,
    direction,
    displacements,
    gram,
    plane,
    spectrum,
    updates,
    window_sizes,
)

BLOCKS = {"a": slice(0, 25), "b": slice(25, 40)}


@pytest.fixture(scope="module")
def walk():
    """12 float32 snapshots of 40 entries, far from the origin."""
    steps = np.random.default_rng(0).normal(size=(12, 40))
    return (2 + steps.cumsum(axis=0)).astype(np.float32)


def test_inner_products_by_brute_force(walk):
    found = displacements(walk, BLOCKS)
    moved = walk.astype(np.float64) - walk[0].astype(np.float64)
    origin = walk[0].astype(np.float64)
    for name, part in {**BLOCKS, "all": slice(0, 40)}.items():
        brute = [[float((x[part] * y[part]).sum()) for y in moved] for x in moved]
        np.testing.assert_allclose(found[name].products, brute, rtol=1e-12)
        np.testing.assert_allclose(found[name].start, moved[:, part] @ origin[part], rtol=1e-12)
        assert found[name].square == pytest.approx((origin[part] ** 2).sum(), rel=1e-14)
        np.testing.assert_allclose(
            found[name].norms, np.linalg.norm(walk[:, part].astype(float), axis=1), rtol=1e-12
        )
        np.testing.assert_array_equal(gram(walk, BLOCKS)[name], found[name].products)


def test_a_partial_cover_has_no_total():
    assert "all" not in gram(np.ones((2, 4)), {"a": slice(0, 3)})


def test_updates_are_differences_of_snapshots(walk):
    moves = displacements(walk, BLOCKS)["all"]
    steps = np.diff(walk.astype(np.float64), axis=0)
    np.testing.assert_allclose(updates(moves.products), steps @ steps.T, atol=1e-11)
    np.testing.assert_allclose(moves.steps, np.linalg.norm(steps, axis=1), rtol=1e-12)


def test_the_spectrum_is_that_of_another_librarys_pca(walk):
    found = spectrum(gram(walk, BLOCKS)["all"])
    other = PCA(svd_solver="full").fit(walk.astype(np.float64))
    np.testing.assert_allclose(found.shares, other.explained_variance_ratio_[:11], rtol=1e-9)
    assert found.total == pytest.approx(11 * other.explained_variance_.sum(), rel=1e-12)
    assert found.shares.sum() == pytest.approx(1, abs=1e-14)


def test_the_plane_is_that_of_another_librarys_pca(walk):
    products = gram(walk, BLOCKS)["all"]
    points, held = plane(products)
    other = PCA(2, svd_solver="full").fit(walk.astype(np.float64))
    np.testing.assert_allclose(held, other.explained_variance_ratio_, rtol=1e-9)
    expected = other.transform(walk.astype(np.float64))
    signs = np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-9)
    assert (points[-1] >= points[0]).all()
    with pytest.raises(ValueError, match="three snapshots, not 2"):
        plane(products[:2, :2])


def test_some_snapshots_have_the_spectrum_of_those_alone(walk):
    chosen = np.array([2, 5, 6, 11])
    moves = displacements(walk, BLOCKS)["a"].take(chosen)
    other = PCA(svd_solver="full").fit(walk[chosen, :25].astype(np.float64))
    found = spectrum(moves.products).shares
    np.testing.assert_allclose(found, other.explained_variance_ratio_[:3], rtol=1e-9)
    np.testing.assert_allclose(
        moves.norms, np.linalg.norm(walk[chosen, :25].astype(float), axis=1), rtol=1e-12
    )
    cosines = direction(moves).cosines
    expected = walk[chosen, :25].astype(float) @ other.components_[0]
    np.testing.assert_allclose(np.abs(cosines), np.abs(expected) / moves.norms, rtol=1e-9)


def test_shares_among_the_first_few(walk):
    found = spectrum(gram(walk, BLOCKS)["all"])
    np.testing.assert_allclose(found.among(3), found.shares[:3] / sum(found.shares[:3]), rtol=1e-14)
    assert found.among(11) == pytest.approx(found.shares, rel=1e-12)


def test_a_straight_path_has_one_component():
    """v_t = v_0 + t·w: the shares are 1, 0, …; v_1 = ±w, so its cosines are those of w."""
    start, along = np.array([3.0, 0, 4, 0]), np.array([0.6, 0.8, 0, 0])
    path = start + np.arange(6)[:, None] * along
    moves = displacements(path, {"w": slice(0, 4)})["w"]
    assert spectrum(moves.products).shares == pytest.approx([1, 0, 0, 0, 0], abs=1e-15)
    found = direction(moves)
    assert found.start == pytest.approx(1.8 / 5, abs=1e-14)
    np.testing.assert_allclose(
        found.cosines, path @ along / np.linalg.norm(path, axis=1), atol=1e-14
    )


@pytest.mark.parametrize("k", [1, 2, 4])
def test_directions_are_those_of_the_svd(walk, k):
    moves = displacements(walk, BLOCKS)["all"]
    rows = walk.astype(np.float64)
    v = np.linalg.svd(rows - rows.mean(axis=0))[2][k - 1]
    v *= np.sign(v @ rows[0])
    found = direction(moves, k)
    np.testing.assert_allclose(found.cosines, rows @ v / np.linalg.norm(rows, axis=1), atol=1e-11)
    assert found.start == pytest.approx(found.cosines[0], abs=1e-12)


def test_rounding_moves_results_by_less_than_their_errors():
    """Weights in float64 against the same weights as a run stores them."""
    generator = np.random.default_rng(3)
    exact = 50 + generator.normal(size=(8, 30)).cumsum(axis=0)
    blocks = {"w": slice(0, 30)}
    true = displacements(exact, blocks)["w"]
    stored = displacements(exact.astype(np.float32), blocks)["w"]
    found = spectrum(stored.products, rounding=stored.rounding)
    off = np.abs(found.shares - spectrum(true.products).shares)
    assert 0 < off.max() <= found.error < 1e-3
    off = np.abs(direction(stored).cosines - direction(true).cosines)
    assert 0 < off.max() <= direction(stored).error < 1e-3
    lost = np.linalg.norm(exact - exact.astype(np.float32))
    assert lost <= stored.rounding <= 5 * lost


def test_errors_are_the_bounds_that_they_say():
    """A share: 4r(1 + r), r = ‖E‖/√Σσ², and n ε/2 of the products; a cosine: ‖E‖ over the gap."""
    products = np.outer([0.0, 3, 6], [0.0, 3, 6])  # Σσ² = 18
    assert spectrum(products, rounding=0.3).error == pytest.approx(
        4 * (0.3 / 18**0.5) * (1 + 0.3 / 18**0.5), rel=1e-12
    )
    assert spectrum(products).error == pytest.approx(4 * 3 * 2.0**-53, rel=1e-9, abs=0)
    # Two directions: σ² are 2·9 and 2·1 about the mean, and the third is none at all.
    path = np.array([[3.0, 0, 5], [-3, 0, 5], [0, 1, 5], [0, -1, 5]])
    moves = displacements(path, {"w": slice(0, 3)})["w"]
    gaps = {1: 18**0.5 - 2**0.5, 2: 2**0.5}  # the second lies nearer to nothing than to the first
    for k, gap in gaps.items():
        assert direction(moves, k).error == pytest.approx(moves.rounding / gap, rel=1e-9)
    # σ² are 18 and 1.5, and no third: the rest of space is a neighbour that no eigenvalue shows.
    few = displacements(np.array([[3.0, 0], [-3, 0], [0, 1.5]]), {"w": slice(0, 2)})["w"]
    assert direction(few, 2).error == pytest.approx(few.rounding / 1.5**0.5, rel=1e-9)
    near = displacements(1e9 + path, {"w": slice(0, 3)})["w"]
    assert near.rounding > gaps[1] and direction(near).error == 1.0  # no cosine is off by more


def test_window_sizes_are_the_published_ones():
    assert window_sizes(164).tolist() == np.linspace(8, 164, 20).astype(int).tolist()
    assert window_sizes(30, 15)[[0, -1]].tolist() == [5, 30]
    assert window_sizes(3).tolist() == [3]


FLAT = Displacements(np.zeros((3, 3)), np.zeros(3), 1.0)
LINE = Displacements(np.outer([0, 1, 2], [0.0, 1, 2]), np.zeros(3), 1.0)
ALONG = np.array([0.0, 0.7, 1.1, 2.3, 3.1])
NEARLY = Displacements(np.outer(ALONG, ALONG), ALONG, 1.0)
"""On a line but for rounding, which leaves a second eigenvalue of some 1e-16."""


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: spectrum(np.zeros((3, 3))), "variance is 0"),
        (lambda: spectrum(np.zeros((2, 3))), "not \\(2, 3\\)"),
        (lambda: spectrum(np.zeros((1, 1))), "n ≥ 2"),
        (lambda: spectrum(LINE.products).among(3), "not 3"),
        (lambda: spectrum(LINE.products).among(0), "not 0"),
        (lambda: direction(FLAT), "no direction 1"),
        (lambda: direction(LINE, 2), "no direction 2"),
        (lambda: direction(NEARLY, 2), "no direction 2"),
        (lambda: direction(LINE, 3), "not 3"),
        (lambda: direction(LINE, 0), "not 0"),
        (lambda: direction(Displacements(LINE.products, np.zeros(3), 0.0)), "start of 0"),
        (lambda: window_sizes(1), "not 1 and 20"),
        (lambda: window_sizes(9, 0), "not 9 and 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.slow
def test_a_whole_run_takes_three_cpu_seconds():
    """256 snapshots of 131,072 parameters, eight matrices and all, with 20 windows each."""
    walk = np.random.default_rng(0).standard_normal((256, 131_072), dtype=np.float32)
    blocks = {str(k): slice(k * 16_384, (k + 1) * 16_384) for k in range(8)}
    begun = time.process_time()
    for moves in displacements(walk, blocks).values():
        for size in window_sizes(256):
            spectrum(moves.products[:size, :size], rounding=moves.rounding)
        direction(moves)
    assert time.process_time() - begun <= 3
