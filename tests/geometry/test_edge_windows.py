"""Windows: the SVD of the rows themselves, SciPy's angles, and paths whose edge is known."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles, svd

from grokbook.geometry.edge_windows import WINDOWS, decay_path, rows_until, window
from grokbook.geometry.spectral_edge import halves, rotation
from grokbook.geometry.trajectory_nulls import decay_factors


@pytest.fixture(scope="module")
def path():
    """θ (31, 80): a start that decays, a straight drift and noise."""
    generator = np.random.default_rng(1)
    start, drift = generator.normal(size=(2, 80))
    kept = 0.93 ** np.arange(31)
    noise = 0.05 * generator.normal(size=(31, 80)).cumsum(axis=0)
    return start, kept, kept[:, None] * start + 0.02 * np.arange(31)[:, None] * drift + noise


@pytest.mark.parametrize("size", WINDOWS)
@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("subtract", [False, True])
def test_directions_are_right_singular_vectors(path, size, centred, subtract):
    start, kept, theta = path
    rows = np.diff(theta, axis=0)[rows_until(25, size)]
    less = decay_path(start, kept[26 - size : 27]) if subtract else None
    found = window(rows, centred=centred, less=less)
    plain = rows - less if subtract else rows
    plain = plain - plain.mean(axis=0) if centred else plain
    _, sigma, v = svd(plain, full_matrices=False)
    count = min(4, size - centred)
    assert found.directions.shape == (count, 80)
    np.testing.assert_allclose(found.edge.sigma, sigma[: size - centred], rtol=1e-9)
    cosines = np.abs((found.directions * v[:count]).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, atol=1e-9)
    assert found.residual < 1e-10
    assert found.edge.g23 == pytest.approx(sigma[1] ** 2 - (sigma[2] ** 2 if count > 2 else 0))
    third = sigma[2] if count > 2 else 0
    share = (sigma[1] ** 2 - third**2) / (plain**2).sum()
    assert found.edge.g23_share == pytest.approx(share, rel=1e-9)


def test_centring_and_subtraction_take_a_drift_away():
    """A path of pure decay: its v_1 is θ_0; less the decay path nothing is left to have an edge."""
    start = np.random.default_rng(2).normal(size=50)
    kept = np.cumprod(np.append(1.0, decay_factors(np.arange(0, 1200, 200), 1e-3)))
    updates = np.diff(kept[:, None] * start, axis=0)
    found = window(updates)
    assert len(found.directions) == 1
    assert abs(found.directions[0] @ start) / np.linalg.norm(start) == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="updates that move"):
        window(updates, less=decay_path(start, kept))
    planted = np.random.default_rng(3).normal(size=(5, 50))
    less = decay_path(start, kept)
    recovered = window(updates + 1e-3 * planted, less=less)
    expected = window(1e-3 * planted)
    np.testing.assert_allclose(recovered.edge.sigma, expected.edge.sigma, rtol=1e-9)
    assert recovered.edge.floor > expected.edge.floor * 10  # by what was there before


def test_halves_and_principal_angles(path):
    updates = np.diff(path[2], axis=0)
    for size, first in ((5, 2), (4, 2), (10, 5), (7, 3)):
        rows = updates[:size]
        found = halves(rows @ rows.T, k=2)
        sides = [svd(part, full_matrices=False)[2][:2] for part in (rows[:first], rows[first:])]
        alpha = np.abs((sides[0] * sides[1]).sum(axis=1))
        np.testing.assert_allclose(np.cos(np.radians(found.angles)), alpha, atol=1e-9)
    rows = updates[:20]
    found = rotation(rows @ rows.T, slice(0, 10), slice(10, 20))
    sides = [svd(part, full_matrices=False)[2][:3].T for part in (rows[:10], rows[10:])]
    for j in (1, 2, 3):
        expected = np.degrees(np.sort(subspace_angles(sides[0][:, :j], sides[1][:, :j])))
        np.testing.assert_allclose(found.principal[j - 1], expected, atol=1e-7)
    assert found.spans.tolist() == [each[-1] for each in found.principal]


def test_errors_grow_as_directions_come_near(path):
    rows = np.diff(path[2], axis=0)[:6]
    found = window(rows)
    expected = [np.sin(np.radians(found.edge.turn(k))) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(found.errors, expected, rtol=1e-12)
    near = window(np.array([[1.0, 0, 0], [0, 1 - 1e-9, 0], [0, 0, 0.1]]))
    assert near.errors[0] == 1 and near.errors[2] < 1e-5


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: window(np.ones(4)), r"\(w, P\)"),
        (lambda: window(np.eye(3), count=0), "not 0"),
        (lambda: window(np.eye(3), less=np.ones((2, 3))), r"\(3, 3\), not \(2, 3\)"),
        (lambda: decay_path(np.ones(3), [1.0]), "two factors"),
        (lambda: decay_path(np.ones(3), [1.2, 1.0]), r"\[0, 1\]"),
        (lambda: decay_path(np.ones(3), [0.5, 0.6]), "give back"),
        (lambda: rows_until(0, 5), "two updates, not 1"),
        (lambda: rows_until(9, 1), "two updates, not 1"),
    ],
)
def test_what_is_no_window_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
