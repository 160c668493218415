"""The gap flow: quadratic losses, dense Hessians, windows that really slide."""

import itertools

import numpy as np
import pytest
import torch
from small_decoder import SmallDecoder

from grokbook.geometry.edge_windows import window
from grokbook.geometry.gap_flow import UNITS, Along, along, measured, slide, terms
from grokbook.geometry.spectral_edge import Edge, edge

RATE, DECAY = 1e-3, 0.7


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


def at(gradient, curvature):
    gradient, curvature = np.array(gradient, float), np.array(curvature, float)
    return Along(gradient, curvature, 0.0, np.zeros(len(gradient)))


def test_gradient_and_curvature_of_a_quadratic_loss():
    scale = torch.tensor([3.0, 1.0, 0.5]).double()
    theta = torch.tensor([1.0, 2.0, -4.0]).double()
    found = along(lambda x: (scale * x**2).sum() / 2, theta, np.eye(3))
    np.testing.assert_allclose(found.gradient, [3, 2, -2])
    np.testing.assert_allclose(found.curvature, [3, 1, 0.5])
    by = along(lambda x: (scale * x**2).sum() / 2, theta, np.eye(3), np.array([2.0, 3, 4]))
    np.testing.assert_allclose(by.gradient, [6, 6, -8])
    np.testing.assert_allclose(by.curvature, [6, 3, 2])


def test_against_the_dense_hessian(small):
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(small.size, 3)))[0].T
    dense = torch.autograd.functional.hessian(small.loss, small.theta).numpy()
    slope = torch.autograd.functional.jacobian(small.loss, small.theta).numpy()
    scale = np.random.default_rng(1).uniform(0.5, 2, small.size)
    plain, by = along(small.loss, small.theta, rows), along(small.loss, small.theta, rows, scale)
    np.testing.assert_allclose(plain.gradient, rows @ slope, atol=1e-12)
    np.testing.assert_allclose(plain.curvature, np.diag(rows @ dense @ rows.T), atol=1e-10)
    np.testing.assert_allclose(by.gradient, rows @ (scale * slope), atol=1e-12)
    expected = np.diag((rows * scale) @ dense @ rows.T)
    np.testing.assert_allclose(by.curvature, expected, atol=1e-10)
    narrow = along(small.loss, small.theta.float(), rows)
    exact = along(small.loss, small.theta.float().double(), rows)
    assert (np.abs(narrow.curvature - exact.curvature) < narrow.curvature_floor).all()
    assert (np.abs(narrow.gradient - exact.gradient) < narrow.slope_floor).all()


def test_terms_by_hand():
    spectrum = edge(np.diag([25.0, 9, 1]))
    loss = at([2, -4, 1], [0.3, -0.1, 5])
    got = terms(spectrum, loss, rate=RATE, decay=DECAY, window=3)
    assert got.curvature == pytest.approx(-1e-3 * 0.4 * 4)
    assert got.damping == pytest.approx(-1e-3 * (0.1 + 0.7) * 2)
    assert got.driving == pytest.approx(1e-3 * 3 * (4 / 5 - 16 / 3))
    assert got.gap == pytest.approx(2)
    assert got.total == pytest.approx(got.curvature + got.damping + got.driving)
    assert got.ratio == pytest.approx(got.driving / 1.6e-3)
    second = terms(spectrum, loss, rate=RATE, decay=DECAY, window=3, k=2)
    assert second.curvature == pytest.approx(-1e-3 * (-0.1 - 5) * 2)
    assert second.driving == pytest.approx(1e-3 * 3 * (16 / 3 - 1))
    units = terms(spectrum, loss, rate=RATE, decay=DECAY, window=3, units="in units")
    assert units.driving == pytest.approx(1e-3 * got.driving)
    assert (units.curvature, units.damping) == (got.curvature, got.damping)
    assert got.gap_error == pytest.approx(2 * spectrum.floor)
    still = terms(spectrum, at([1, 1], [-0.7, -0.7]), rate=RATE, decay=DECAY, window=3)
    assert np.isnan(still.ratio)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("size", [1e-6, 1e-2, 0.3])
def test_the_terms_move_by_no_more_than_their_errors(units, k, size):
    """Every σ, slope and curvature to either end of what it may be, and between."""
    sigma, gradient, curvature = np.array([5.0, 3, 1]), np.array([2.0, -4, 1]), [0.3, -0.1, 5]
    floors, about = size * np.array([0.2, 0.5, 0.1]), {"rate": RATE, "decay": DECAY, "window": 3}

    def got(shift):
        moved = Edge(sigma + shift[0] * size, np.eye(3), 1.0, size)
        loss = Along(
            gradient + shift[1] * 2 * size, curvature + shift[2] * floors, 2 * size, floors
        )
        return terms(moved, loss, units=units, k=k, **about)

    found = got(np.zeros((3, 3)))
    names = ("curvature", "damping", "driving", "gap", "total", "ratio")
    largest = dict.fromkeys(names, 0.0)
    ends = np.array([*itertools.product((-1, 1), repeat=6)]).reshape(-1, 3, 2)
    drawn = np.random.default_rng(0).uniform(-1, 1, size=(500, 3, 2))
    for shift in [*ends, *drawn]:
        every = np.zeros((3, 3))
        every[:, k - 1 : k + 1] = shift
        moved = got(every)
        for name in names:
            change = abs(getattr(moved, name) - getattr(found, name))
            largest[name] = max(largest[name], change)
    for name, change in largest.items():
        error = getattr(found, f"{name}_error")
        assert 0 < change <= error * (1 + 1e-9), name
        assert error < 3 * change or not np.isfinite(error), name


def test_a_damping_that_may_vanish_leaves_no_bound_on_the_ratio():
    spectrum = edge(np.diag([25.0, 9]))
    loss = Along(np.array([1.0, 1]), np.array([-0.7, -0.7 + 1e-9]), 0.0, np.full(2, 1e-8))
    got = terms(spectrum, loss, rate=RATE, decay=DECAY, window=3)
    assert np.isfinite(got.ratio) and got.ratio_error == np.inf


def test_units_change_with_the_weights_unit_as_they_should():
    """With θ in units a times smaller: d, g by a; G by 1/a, h by 1/a², η by a², ω by 1/a²."""
    spectrum, a = edge(np.diag([25.0, 9])), 10.0
    wide = edge(np.diag([25.0, 9]) * a**2)
    loss, scaled = at([2, 1], [0.3, 0.1]), at([2 / a, 1 / a], [0.3 / a**2, 0.1 / a**2])
    for units, power in (("in units", 1), ("printed", -1)):
        one = terms(spectrum, loss, rate=RATE, decay=DECAY, window=2, units=units)
        two = terms(wide, scaled, rate=RATE * a**2, decay=DECAY / a**2, window=2, units=units)
        assert two.curvature == pytest.approx(a * one.curvature)
        assert two.damping == pytest.approx(a * one.damping)
        assert two.driving == pytest.approx(a**power * one.driving)  # as printed: a gradient's


def test_curvature_and_damping_are_what_shrinking_rows_do():
    """Rows whose modes shrink by 1 − η(h_j + ω): T1 + T2 is dg/dt, and leaves T3 nothing to do."""
    modes, amounts = np.linalg.qr(np.random.default_rng(2).normal(size=(30, 2)))[0], [5.0, 2.0]
    times = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 2)))[0]
    h = np.array([0.4, 0.9])

    def rows(step):
        kept = np.exp(-RATE * (h + DECAY) * step)
        return (times * amounts * kept) @ modes.T

    gaps = [float(np.diff(window(rows(t)).edge.sigma[[1, 0]])[0]) for t in (-10, 0, 10)]
    slope = measured(np.array([-10, 0, 10]), np.array(gaps))[1]
    got = terms(window(rows(0)).edge, at([0, 0], h), rate=RATE, decay=DECAY, window=4)
    assert got.total == pytest.approx(slope, rel=1e-4) and got.driving == 0


def test_a_window_slides_by_what_comes_and_goes():
    generator = np.random.default_rng(4)
    scale = np.array([8.0, 4, 1, 0.5, 0.2])[:, None]
    rows = scale * np.linalg.qr(generator.normal(size=(40, 5)))[0].T
    rows = np.linalg.qr(generator.normal(size=(5, 5)))[0] @ rows
    shift = generator.normal(size=40)
    before = window(rows)
    errors = []
    for size in (1e-2, 1e-3):
        new = rows[0] + size * shift  # what comes is near to what goes: a small change
        after = window(np.vstack([rows[1:], new]))
        change = np.diff(after.edge.sigma[[1, 0]]) - np.diff(before.edge.sigma[[1, 0]])
        errors.append(abs(float(change[0]) - slide(before, rows[0], new)))
        assert errors[-1] < 0.3 * size * abs(float(change[0])) / 1e-2 or errors[-1] < 1e-6
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.3)  # what is left is of second order


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: terms(edge(np.eye(2)), at([1, 1], [1, 1]), rate=1, decay=0, window=2,
                       units="cgs"), "not 'cgs'"),
        (lambda: terms(edge(np.eye(2)), at([1, 1], [1, 1]), rate=1, decay=0, window=2, k=2),
         "no gap 2 among 2"),
        (lambda: terms(edge(np.eye(3)), at([1], [1]), rate=1, decay=0, window=2), "among 1"),
        (lambda: measured(np.arange(2), np.ones(2)), "not 2"),
        (lambda: measured(np.array([0, 2, 1]), np.ones(3)), "ascending"),
        (lambda: slide(window(np.eye(3), count=2), np.ones(3), np.ones(3), k=2), "among 2"),
        (lambda: along(torch.sum, torch.ones(3), np.eye(2)), r"\(n, 3\), not \(2, 2\)"),
        (lambda: along(torch.sum, torch.ones(2), np.eye(2), np.zeros(2)), "positive"),
    ],
)  # fmt: skip
def test_what_has_no_flow_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
