"""One straight line against two on unseen groups, against closed forms and made-up data."""

import numpy as np
import pytest

from grokbook.statistics import breakpoint_comparison
from grokbook.statistics.breaks import fit_for

X = np.log([1, 2, 10 / 3, 5, 10])  # ln(1/λ) of the published weight decays
AT = np.log(10 / 3)


def groups(change, noise=0.0, seeds=6, seed=0):
    rng = np.random.default_rng(seed)
    bend = 0.9 * X + change * np.maximum(0, X - AT)
    return {str(k): (X, 9 + 0.2 * k + bend + rng.normal(0, noise, X.shape)) for k in range(seeds)}


def test_a_bend_without_noise_is_found_exactly():
    found = breakpoint_comparison(groups(0.5), AT)
    assert (found.n, found.worse, found.two) == (6, 0, True)
    assert found.change == pytest.approx(0.5)
    one = np.polyfit(X, 0.9 * X + 0.5 * np.maximum(0, X - AT), 1)  # the same shape in each group
    assert found.slope == pytest.approx(one[0])
    left = 0.9 * X + 0.5 * np.maximum(0, X - AT) - np.polyval(one, X)
    assert found.gain.mean == pytest.approx((left**2).mean())


def test_no_bend_is_no_gain():
    found = breakpoint_comparison(groups(0.0), AT)
    assert found.slope == pytest.approx(0.9) and found.change == pytest.approx(0, abs=1e-9)
    assert found.gain.mean == pytest.approx(0, abs=1e-12)


def test_a_tie_is_no_better():
    flat = {name: (X, np.zeros_like(X)) for name in "abc"}  # neither law has any error
    found = breakpoint_comparison(flat, AT)
    assert (found.gain.mean, found.worse, found.two) == (0.0, 3, False)


def test_a_straight_line_is_rarely_taken_for_two_and_a_bend_rarely_missed():
    """Two laws fit every draw better; on unseen seeds they win about as often as 2.5 %."""
    straight = [breakpoint_comparison(groups(0.0, 0.1, seed=s), AT) for s in range(200)]
    assert np.mean([found.two for found in straight]) <= 0.05
    assert np.mean([found.gain.mean for found in straight]) < 0
    bent = [breakpoint_comparison(groups(0.5, 0.05, seed=s), AT) for s in range(50)]
    assert np.mean([found.two for found in bent]) >= 0.9


def test_the_height_of_a_group_does_not_matter():
    plain = groups(0.3, 0.05)
    lifted = {name: (x, y + 100 * k) for k, (name, (x, y)) in enumerate(plain.items())}
    a, b = breakpoint_comparison(plain, AT), breakpoint_comparison(lifted, AT)
    assert a.gain.mean == pytest.approx(b.gain.mean) and a.slope == pytest.approx(b.slope)


@pytest.mark.parametrize("kept", [slice(0, 2), slice(0, 4), slice(1, 5), [0, 1, 1, 3, 4]])
def test_a_group_tells_only_with_two_places_on_either_side(kept):
    x = X[kept]
    able = len(set(x[x < AT])) >= 2 and len(set(x[x > AT])) >= 2
    assert fit_for({"a": (x, x)}, AT) == (["a"] if able else [])
    assert able == (kept == [0, 1, 1, 3, 4])


def test_too_few_groups_give_nothing():
    assert breakpoint_comparison(groups(0.5, seeds=2), AT) is None
    assert breakpoint_comparison({}, AT) is None
    short = groups(0.5) | {str(k): (X[:3], X[:3]) for k in range(4)}
    assert breakpoint_comparison(short, AT) is None


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="group a: x and y must be finite and of one length"):
        breakpoint_comparison({"a": (X, X[:-1])}, AT)
    with pytest.raises(ValueError, match="group a"):
        breakpoint_comparison({"a": (X, X * np.nan)}, AT)
