"""Spectral edges: the SVD of the updates themselves, closed forms, scipy's principal angles."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from grokbook.geometry.edge_decline import decline
from grokbook.geometry.spectral_edge import coarsen, edge, rotation


@pytest.fixture(scope="module")
def updates():
    """20 updates of 60 entries that share a drift."""
    generator = np.random.default_rng(0)
    return generator.normal(size=60) + generator.normal(size=(20, 60))


def products(rows):
    return rows @ rows.T


def with_sigma(*sigma):
    """A window with these singular values."""
    return edge(np.diag(np.square(np.array(sigma, dtype=float))))


@pytest.mark.parametrize("centred", [False, True])
def test_the_edge_is_the_svd_of_the_updates(updates, centred):
    rows = updates[10:]
    found = edge(products(rows), centred=centred)
    if centred:
        rows = rows - rows.mean(axis=0)
    _, sigma, v = np.linalg.svd(rows, full_matrices=False)
    count = 9 if centred else 10  # centring takes one away
    assert len(found.sigma) == count
    np.testing.assert_allclose(found.sigma, sigma[:count], rtol=1e-11)
    assert found.g23 == pytest.approx(sigma[1] ** 2 - sigma[2] ** 2, rel=1e-10)
    assert found.g23_share == pytest.approx(found.g23 / (rows**2).sum(), rel=1e-12)
    directions = found.coefficients.T @ updates[10:]
    np.testing.assert_allclose(directions @ directions.T, np.eye(count), atol=1e-12)
    np.testing.assert_allclose(np.abs((directions * v[:count]).sum(axis=1)), 1, rtol=1e-12)
    y = np.arange(60.0)
    assert found.along(2, updates[10:] @ y) == pytest.approx(directions[1] @ y, rel=1e-12)


def test_scores_by_hand():
    found = with_sigma(10, 9, 1, 0.2)
    total = 20.2
    expected = [10 / total * 10 / 9, 9 / total * 9, 1 / total * 5]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-12)
    assert (found.k_star, found.ratio) == (2, pytest.approx(9))
    assert found.k_star_unweighted == 2
    tail = with_sigma(10, 4, 2, 0.2)  # the ratio alone is largest where nothing is left
    assert (tail.k_star, tail.ratio, tail.k_star_unweighted) == (1, pytest.approx(2.5), 3)
    assert tail.g23 == pytest.approx(16 - 4, rel=1e-12)


def test_two_updates_and_one_direction():
    assert with_sigma(3, 2).g23 == pytest.approx(4, rel=1e-12)
    assert with_sigma(3, 2).size(3) == 0
    parallel = edge(np.array([[1.0, 2], [2, 4]]))
    assert len(parallel.sigma) == 1 and parallel.g23 == 0
    assert (parallel.k_star, parallel.k_star_unweighted, parallel.ratio) == (1, 1, np.inf)


def test_rounding_stays_within_the_floor(updates):
    """Updates as the band has them, rounded to float32, against the exact ones."""
    exact = edge(products(updates[:8]))
    stored = edge(products(updates[:8].astype(np.float32).astype(np.float64)))
    assert 0 < np.abs(stored.sigma - exact.sigma).max() <= stored.floor < 1e-4
    assert abs(stored.g23 - exact.g23) <= stored.g23_error < 1e-2
    off = stored.coefficients[:, 0] @ updates[:8] @ updates[:8].T @ exact.coefficients[:, 0]
    angle = np.degrees(np.arccos(min(1, abs(off))))
    assert angle <= stored.turn(1) < 0.01
    assert with_sigma(2, 2 + 1e-12, 1).turn(1) == 90  # nothing tells these two apart
    floor = 2**-24 * 5 + 4 * np.sqrt(2 * 2**-53)
    assert with_sigma(3, 4).floor == pytest.approx(floor, rel=1e-12)
    for sigma, gap in (((4, 3), 1), ((4, 1, 0), 1), ((3, 0.5), 0.5)):  # 0 is a neighbour, too
        found = with_sigma(*sigma)
        expected = np.degrees(np.arcsin(found.floor / gap))
        assert found.turn(2) == pytest.approx(expected, rel=1e-6)


def test_errors_of_gaps_and_of_centred_windows(updates):
    """Each σ may be off by the floor; a mean that was taken away leaves its rounding behind."""
    found = with_sigma(4, 3, 2)
    expected = 2 * found.floor * (3 + 2 + found.floor)
    assert found.g23_error == pytest.approx(expected, rel=1e-12, abs=0)
    assert (3 + found.floor) ** 2 - (2 - found.floor) ** 2 - 5 <= found.g23_error * (1 + 1e-6)
    far = updates[:8] + 1e3
    centred = edge(products(far), centred=True)
    assert centred.floor >= 2**-24 * np.linalg.norm(far) > 100 * 2**-24 * centred.total**0.5
    off = np.abs(edge(products(far.astype(np.float32).astype(float)), centred=True).sigma
                 - centred.sigma)  # fmt: skip
    assert 0 < off.max() <= centred.floor


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_coarser_updates_are_sums_of_finer_ones(updates, stride):
    """A path seen at every stride-th snapshot, counted from its end."""
    path = np.vstack([np.zeros(60), updates.cumsum(axis=0)])
    seen = path[::-1][::stride][::-1]
    coarse = np.diff(seen, axis=0)
    found = coarsen(products(updates), stride)
    np.testing.assert_allclose(found, products(coarse), atol=1e-10)
    batch = coarsen(np.stack([products(updates), 2 * products(updates)]), stride)
    np.testing.assert_allclose(batch[1], 2 * found, rtol=1e-12)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    ("earlier", "later"), [(slice(0, 10), slice(1, 11)), (slice(0, 10), slice(10, 20))]
)
def test_rotation_against_the_directions_themselves(updates, earlier, later, centred):
    found = rotation(products(updates), earlier, later, k=3, centred=centred)
    sides = []
    for part in (earlier, later):
        rows = updates[part] - (updates[part].mean(axis=0) if centred else 0)
        sides.append(np.linalg.svd(rows, full_matrices=False)[2][:3])
    cosines = np.abs((sides[0] * sides[1]).sum(axis=1))
    np.testing.assert_allclose(np.cos(np.radians(found.angles)), cosines, atol=1e-11)
    for j in (1, 2, 3):
        expected = np.degrees(subspace_angles(sides[0][:j].T, sides[1][:j].T).max())
        assert found.spans[j - 1] == pytest.approx(expected, abs=1e-8)
    assert found.spans[0] == found.angles[0]
    edges = [edge(products(updates[part]), centred=centred) for part in (earlier, later)]
    expected = [sum(each.turn(j) for each in edges) for j in (1, 2, 3)]
    np.testing.assert_allclose(found.error, expected, rtol=1e-9)  # either side may be turned
    assert (found.error < 0.1).all()


def test_rotations_ends():
    same = products(np.vstack([np.diag([3.0, 2, 1]), np.diag([3.0, 2, 1])]))
    found = rotation(same, slice(0, 3), slice(3, 6))
    assert found.angles == pytest.approx([0, 0, 0], abs=1e-5)
    apart = products(np.diag([3.0, 2, 1, 3, 2, 1]))
    found = rotation(apart, slice(0, 3), slice(3, 6))
    assert found.angles == pytest.approx([90, 90, 90])


STEPS = np.arange(100, 900, 100)
G23 = np.array([2.0, 6, 3, 4, 3, 1, 0.5, 9])
RATIOS = np.array([1.0, 2, 3, 4, 5, 9, 10, 14])


def test_the_published_decline():
    found = decline(STEPS, G23, RATIOS, grok=650)
    assert (found.early, found.at_grok, found.decline) == (6, 1, 6)
    assert found.declined and found.increases == 1 and found.windows == 6
    assert found.ratio_early == 4
    assert not decline(STEPS, [3, 2, 1, 1, 1, 1, 1, 1], RATIOS, grok=200).declined  # 1.5 is not >
    level = decline(STEPS, [9, 4, 4, 5, 5, 1, 1, 1], RATIOS, grok=700)
    assert level.increases == 1  # what stays as it is has not risen
    assert decline(STEPS, G23 * (STEPS < 600), RATIOS, grok=600).decline == np.inf


def test_early_is_strictly_before_the_grok_step_and_its_own_window_counts_there():
    at = decline(STEPS, G23, RATIOS, grok=600)
    assert (at.early, at.at_grok, at.windows, at.ratio_early) == (6, 1, 5, 3)
    assert at.increases == 1
    risen = decline(STEPS, G23, RATIOS, grok=200)
    assert (risen.early, risen.at_grok, risen.decline) == (2, 6, 2 / 6)
    assert (risen.increases, risen.declined) == (1, False)


def test_a_control_declines_only_at_a_pseudo_grok_step():
    never = decline(STEPS, G23, RATIOS, grok=None)
    assert (never.early, never.ratio_early, never.windows) == (9, 6, 8)
    assert never.at_grok is None and never.decline is None and not never.declined
    assert decline(STEPS, G23, RATIOS, grok=700).decline == 12


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: edge(np.zeros((4, 4))), "largest σ is 0"),
        (lambda: edge(np.ones((4, 4)), centred=True), "updates that move"),
        (lambda: edge(np.ones((1, 1))), "n ≥ 2"),
        (lambda: edge(np.ones((2, 3))), "not \\(2, 3\\)"),
        (lambda: coarsen(np.eye(4), 5), "1 … 4, not 5"),
        (lambda: coarsen(np.eye(4), 0), "not 0"),
        (lambda: rotation(np.eye(6), slice(0, 3), slice(3, 6), k=4), "1 … 3"),
        (lambda: rotation(np.eye(6), slice(0, 3), slice(3, 6), k=0), "not 0"),
        (lambda: decline(STEPS, G23, RATIOS, grok=100), "before step 100"),
        (lambda: decline(STEPS, G23[1:], RATIOS, grok=500), "not 8, 7"),
    ],
)
def test_what_has_no_edge_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
