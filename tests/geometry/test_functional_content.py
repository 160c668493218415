"""Functional content: derivatives, scikit-learn's ridge, a linear map with a known answer."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from small_decoder import SmallDecoder

from grokbook.geometry.functional_content import content, random_directions, ratio, response
from grokbook.geometry.probe_splits import split


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


@pytest.fixture(scope="module")
def hidden(small):
    return lambda theta: small.hidden(theta)[-1][small.valid]


@pytest.fixture(scope="module")
def planted():
    """h_n(θ) = A_n θ: the first direction moves features by the target, others at random."""
    generator = np.random.default_rng(0)
    strings = np.repeat(np.arange(50), 6)
    target = generator.integers(0, 5, 300).astype(float)
    maps = np.zeros((300, 7, 10))
    maps[:, :, 0] = target[:, None] * generator.normal(size=7)
    maps[:, :, 0] += 0.3 * generator.normal(size=(300, 7))
    maps[:, :, 1:] = generator.normal(size=(300, 7, 9))
    weights = torch.from_numpy(maps)
    return lambda theta: weights.to(theta.dtype) @ theta, target, strings


def test_a_response_is_two_passes_less_one(small, hidden):
    v = np.random.default_rng(1).normal(size=small.size)
    found = response(hidden, small.theta, v)
    step = 0.005 * float(small.theta.norm())
    assert found.step == pytest.approx(step, rel=1e-12)
    unit = torch.from_numpy(v / np.linalg.norm(v))
    for sign, each in ((1, found.ahead), (-1, found.behind)):
        moved = hidden(small.theta + sign * step * unit) - hidden(small.theta)
        np.testing.assert_allclose(each, moved.numpy(), atol=1e-13)
    np.testing.assert_allclose(found.size, (found.ahead**2).sum(1))
    assert 0 < found.bent < 0.1
    finer = response(hidden, small.theta, v, share=0.0025)
    assert finer.bent == pytest.approx(found.bent / 2, rel=0.05)
    tangent = torch.autograd.functional.jvp(hidden, small.theta, unit)[1].numpy()
    central = (finer.ahead - finer.behind) / step
    assert np.linalg.norm(central - tangent) < 1e-3 * np.linalg.norm(tangent)


def test_signs_and_lengths_of_directions(small, hidden):
    v = np.random.default_rng(2).normal(size=small.size)
    one, other = response(hidden, small.theta, v), response(hidden, small.theta, -3 * v)
    np.testing.assert_allclose(one.ahead, other.behind, atol=1e-14)


def test_the_floor_tells_rounding_from_a_response(small, hidden):
    v = np.random.default_rng(3).normal(size=small.size)
    narrow = response(hidden, small.theta.float(), v)
    wide = response(hidden, small.theta.float().double(), v)
    off = np.linalg.norm(narrow.ahead - wide.ahead) / np.linalg.norm(wide.ahead)
    assert 0 < off < 10 * narrow.floor < 1e-3
    assert wide.floor == pytest.approx(narrow.floor * 2**-29, rel=0.01)
    lost = response(hidden, small.theta.float(), v, share=1e-8)
    assert lost.floor > 0.5


def test_functional_r2_as_published(planted):
    hidden, target, strings = planted
    theta = torch.linspace(1, 2, 10, dtype=torch.float64)
    found = response(lambda x: torch.tanh(hidden(x) / 9), theta, np.eye(10)[0], share=0.2)
    assert found.bent > 0.02  # so that the two signs differ
    got = content(found, target, strings, seed=4)
    assert set(got.probes) == {(f, b) for f in ("raw", "standardised") for b in ("token", "string")}
    parts = split(strings, by="token", seed=4)
    model = Ridge(alpha=1.0).fit(found.ahead[parts.train], target[parts.train])
    expected = r2_score(target[parts.test], model.predict(found.ahead[parts.test]))
    assert got.probes["raw", "token"].r2 == pytest.approx(expected, rel=1e-9)
    assert got.correlation == pytest.approx(pearsonr(found.size, target).statistic, rel=1e-12)
    assert got.floor == found.floor
    more = content(found, target, strings, np.arange(300) // 2, seed=4)
    assert set(more.probes) - set(got.probes) == {("raw", "prefix"), ("standardised", "prefix")}
    assert more.probes["raw", "prefix"].repeated == 0 < more.probes["raw", "token"].repeated


def test_a_small_step_hides_content_from_raw_ridge_alone(planted):
    hidden, target, strings = planted
    theta = torch.linspace(1, 2, 10, dtype=torch.float64)
    near, far = (
        content(response(hidden, theta, np.eye(10)[0], share=s), target, strings, seed=5)
        for s in (1e-4, 1)
    )
    for by in ("token", "string"):
        assert far.probes["raw", by].r2 > 0.9 > 0.1 > near.probes["raw", by].r2
        for each in (near, far):
            assert each.probes["standardised", by].r2 > 0.9
    other = content(response(hidden, theta, np.eye(10)[3]), target, strings, seed=5)
    assert all(abs(each.r2) < 0.25 for each in other.probes.values())


def test_random_directions_are_orthonormal_and_repeat():
    found = random_directions(40, 3, seed=6)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
    np.testing.assert_array_equal(found, random_directions(40, 3, seed=6))
    assert abs(found[0] @ random_directions(40, 3, seed=7)[0]) < 0.7
    with pytest.raises(ValueError, match="4 orthonormal directions do not fit into 3 dimensions"):
        random_directions(3, 4, seed=0)


def test_the_ratio_of_two_kinds_of_tokens(small, hidden):
    found = response(hidden, small.theta, np.ones(small.size))
    opens = (small.tokens == 1)[small.valid].numpy()
    expected = (found.ahead[opens] ** 2).sum(1).mean() / (found.ahead[~opens] ** 2).sum(1).mean()
    assert ratio(found, opens, ~opens) == pytest.approx(expected, rel=1e-12)
    still = response(lambda theta: theta[:4].reshape(2, 2), small.theta, np.eye(small.size)[0])
    with pytest.raises(ValueError, match="do not move"):
        ratio(still, np.array([True, False]), np.array([False, True]))
    with pytest.raises(ValueError, match="both sides"):
        ratio(found, opens, opens & ~opens)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda h, t: response(h, t, np.ones(3)), r"not \(3,\)"),
        (lambda h, t: response(h, t, np.zeros(len(t))), "norm 0"),
        (lambda h, t: response(h, 0 * t, np.ones(len(t))), "above 0, not 0"),
        (lambda h, t: response(lambda x: x, t, np.ones(len(t))), r"\(n, d\)"),
    ],
)
def test_what_has_no_response_is_refused(small, hidden, call, says):
    with pytest.raises(ValueError, match=says):
        call(hidden, small.theta)


def test_a_response_without_variation_has_no_correlation():
    theta = torch.ones(3, dtype=torch.float64)
    found = response(lambda x: x[None].expand(6, 3), theta, np.ones(3))
    target, strings = np.arange(6.0), np.arange(6)
    assert np.isnan(content(found, target, strings, seed=0).correlation)
