"""Spectral edges: the SVD of the updates themselves, closed forms, scipy's principal angles."""

import itertools

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from grokbook.geometry.edge_decline import decline
from grokbook.geometry.spectral_edge import Edge, coarsen, edge, rotation


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


def spectrum(sigma, floor):
    """An edge with these singular values and this floor."""
    sigma = np.array(sigma, dtype=float)
    return Edge(sigma, np.eye(len(sigma)), float((sigma**2).sum()), floor)


@pytest.mark.parametrize(
    ("sigma", "floor"),
    [
        ((10, 4, 2, 0.5), 1e-4),
        ((10, 4, 2, 0.5), 0.2),
        ((10, 5, 2.6, 1.3), 0.05),  # the scores of 1 and 2 are near to one another
        ((3, 2), 0.9),
        ((3, 2.9, 2.8), 0.05),
    ],
)
def test_the_ratio_moves_by_no_more_than_its_error(sigma, floor):
    """Every σ to either end of what it may be, and to a thousand places between."""
    found = spectrum(sigma, floor)
    ends = list(itertools.product((-1, 0, 1), repeat=len(sigma)))
    drawn = np.random.default_rng(0).uniform(-1, 1, size=(1_000, len(sigma)))
    moves = [
        spectrum(np.sort(np.add(sigma, floor * np.array(signs)))[::-1], floor).ratio - found.ratio
        for signs in [*ends, *drawn]
    ]
    largest = np.abs(moves).max()
    assert 0.3 * found.ratio_error < largest <= found.ratio_error * (1 + 1e-9)


def test_where_another_k_may_be_the_edge_the_error_says_so():
    near = spectrum((10, 5, 2.499, 1.3), 0.01)  # scores 20.0 and 10.004: only 1 can be k*
    assert near.k_star == 1 and near.ratio_error == pytest.approx(0.01 * 3 / 4.99, rel=0.01)
    tied = spectrum((10, 5, 1.26, 1.0), 0.02)  # 20 and 19.84: its ratio is 2, that of 2 is 3.97
    assert tied.k_star == 1 and tied.ratio_error > 1.97
    assert spectrum((10,), 0.1).ratio_error == np.inf


def test_rounding_of_the_updates_stays_within_the_errors(updates):
    """As large as the floor of the window and turned every way, the worst for the share too."""
    rows = updates[:8] - 0.9 * updates[:8].mean(axis=0)
    exact, generator = edge(products(rows)), np.random.default_rng(1)
    u, sigma, v = np.linalg.svd(rows, full_matrices=False)
    slope = -exact.g23_share * sigma
    slope[1] += sigma[1]
    slope[2] -= sigma[2]
    size = 1e4 * exact.floor  # of a coarser arithmetic, which moves more than a test's own rounding
    coarse = Edge(exact.sigma, exact.coefficients, exact.total, size)
    worst = (u * slope) @ v
    used = {"g23": [], "g23_share": [], "ratio": []}
    for off in [worst, -worst, *generator.normal(size=(20, *rows.shape))]:
        moved = edge(products(rows + size * off / np.linalg.norm(off)))
        for name, shares in used.items():
            change = abs(getattr(moved, name) - getattr(exact, name))
            shares.append(change / getattr(coarse, f"{name}_error"))
    assert all(max(shares) <= 1 + 10 * size / exact.sigma[2] for shares in used.values())
    assert max(used["g23"]) > 0.5 and max(used["g23_share"]) > 0.5
    single = edge(products(rows.astype(np.float32).astype(np.float64)))
    for name in used:
        change = abs(getattr(single, name) - getattr(exact, name))
        assert 0 < change <= getattr(exact, f"{name}_error")


@pytest.mark.parametrize("grok", [None, 200, 600, 650, 800])
@pytest.mark.parametrize("inclusive", [False, True])
def test_a_decline_moves_by_no_more_than_its_error(grok, inclusive):
    """Every g23 to either end of its error: the bounds hold, and those of the value are reached."""
    errors = np.array([0.3, 0.01, 2.9, 0.1, 0.1, 0.05, 0.02, 3.2])  # the third may be the maximum
    off = RATIOS / 10
    about = {"grok": grok, "inclusive": inclusive}
    found = decline(STEPS, G23, RATIOS, errors=errors, ratio_errors=off, **about)
    plain = decline(STEPS, G23, RATIOS, **about)
    exact = (plain.early_error, plain.at_grok_error, plain.decline_error, plain.ratio_error)
    assert exact == ((0, None, None, 0) if grok is None else (0, 0, 0, 0))
    names = ("early",) if grok is None else ("early", "at_grok", "decline")
    largest = dict.fromkeys(names, 0.0)
    for signs in itertools.product((-1, 1), repeat=len(STEPS)):
        moved = decline(STEPS, G23 + np.array(signs) * errors, RATIOS, **about)
        for name in names:
            change = abs(getattr(moved, name) - getattr(found, name))
            largest[name] = max(largest[name], change)
    for name, change in largest.items():
        assert change <= getattr(found, f"{name}_error") * (1 + 1e-12), name
        if not inclusive or name != "decline":  # else the same window may be both
            assert change == pytest.approx(getattr(found, f"{name}_error"), rel=1e-9), name
    assert found.ratio_error == pytest.approx(
        decline(STEPS, G23, RATIOS + off, **about).ratio_early - found.ratio_early
    )
    for name in ("early", "at_grok", "decline", "increases", "ratio_early", "windows"):
        assert getattr(found, name) == getattr(plain, name)


def test_a_g23_that_may_be_0_has_declined_by_anything():
    assert decline(STEPS, G23, RATIOS, grok=600, errors=1.0).decline_error == np.inf
    gone = decline(STEPS, G23 * (STEPS < 600), RATIOS, grok=600)
    assert gone.decline == gone.decline_error == np.inf
