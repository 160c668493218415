"""Centroids of depths: points on a line, scikit-learn's PCA and ridge, changes of scale."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from grokbook.geometry.depth_geometry import depth_geometry


@pytest.fixture(scope="module")
def cloud():
    generator = np.random.default_rng(0)
    depths = generator.integers(0, 6, 400)
    axes = generator.normal(size=(2, 9))
    states = np.outer(depths, axes[0]) + np.outer((depths - 2.5) ** 2, axes[1])
    return states + 0.5 * generator.normal(size=(400, 9)), depths


def test_centroids_axes_and_distances(cloud):
    states, depths = cloud
    found = depth_geometry(states, depths)
    centroids = np.array([states[depths == d].mean(axis=0) for d in range(6)])
    np.testing.assert_allclose(found.centroids, centroids, atol=1e-12)
    pca = PCA().fit(centroids)
    np.testing.assert_allclose(found.explained, pca.explained_variance_ratio_[:5], atol=1e-12)
    distances = [np.linalg.norm(centroids[d + 1] - centroids[d]) for d in range(5)]
    np.testing.assert_allclose(found.steps, distances)
    assert found.step == pytest.approx(np.mean(distances))
    own = states - centroids[depths]
    assert found.spread == pytest.approx(np.sqrt((own**2).sum(1).mean()))
    assert found.separation == pytest.approx(found.step / found.spread)
    model = Ridge(alpha=1.0).fit(states, depths)
    assert found.inside == pytest.approx(r2_score(depths, model.predict(states)), rel=1e-10)


def test_the_noise_of_centroids_is_their_spread_over_new_tokens(cloud):
    generator = np.random.default_rng(1)
    depths = np.repeat([0, 1, 2], [10, 40, 160])
    middles = np.array([[0.0, 0, 0], [3, 0, 0], [9, 1, 0]])

    def sample():
        return depth_geometry(middles[depths] + generator.normal(size=(210, 3)), depths)

    drawn = [sample() for _ in range(300)]
    off = [np.linalg.norm(each.centroids - middles, axis=1) ** 2 for each in drawn]
    expected = np.sqrt(np.mean(off, axis=0))
    np.testing.assert_allclose(np.mean([e.noise for e in drawn], axis=0), expected, rtol=0.1)


def test_a_change_of_scale_changes_distances_and_no_separation(cloud):
    states, depths = cloud
    one, small = depth_geometry(states, depths), depth_geometry(0.01 * states - 4, depths)
    assert small.step == pytest.approx(0.01 * one.step)
    assert small.separation == pytest.approx(one.separation)
    np.testing.assert_allclose(small.explained, one.explained, rtol=1e-9)
    assert small.inside < one.inside - 0.1  # the fixed penalty sees the scale


def test_points_on_a_line_have_one_axis():
    depths = np.array([3, 3, 5, 5, 9])
    found = depth_geometry(np.outer(depths, [1.0, -2.0]) + 7, depths)
    assert found.explained[0] == pytest.approx(1) and found.depths.tolist() == [3, 5, 9]
    np.testing.assert_allclose(found.steps, np.array([2, 4]) * np.sqrt(5))
    assert found.spread == 0 and np.isinf(found.separation)
    assert np.isnan(found.noise[2]) and (found.noise[:2] == 0).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: depth_geometry(np.ones(3), np.arange(3)), "need a depth each"),
        (lambda: depth_geometry(np.ones((3, 2)), np.arange(2)), r"not \(2,\)"),
        (lambda: depth_geometry(np.ones((3, 2)), np.zeros(3)), "two depths, not 1"),
        (lambda: depth_geometry(np.ones((3, 2)), np.arange(3)), "all alike"),
    ],
)
def test_what_has_no_geometry_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
