"""All of the edge's instruments on one small model that AdamW has really trained.

400 decoupled steps of the small decoder, in float64, with what gradient and decay did logged: what
the parts say of one path has to agree.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_decoder import SmallDecoder

from grokbook.geometry.edge_ablation import ablate
from grokbook.geometry.edge_shares import at_random, cosines, shares, trapezoid
from grokbook.geometry.edge_windows import decay_path, rows_until, window
from grokbook.geometry.functional_content import response
from grokbook.geometry.gap_class import FORMS, classify
from grokbook.geometry.gap_flow import along, measured, slide, terms
from grokbook.geometry.hessian import curvature
from grokbook.geometry.loss_decomposition import decomposition
from grokbook.geometry.operators import Hessian
from grokbook.geometry.perturbation_curves import Network, published_curvature, sizes, sweep
from grokbook.geometry.spectral_edge import halves

RATE, DECAY, EVERY, STEPS = 5e-3, 0.5, 10, 400


@pytest.fixture(scope="module")
def path():
    small = SmallDecoder()
    theta, start = small.theta.clone(), small.theta.clone()
    mean, square = torch.zeros(2, small.size, dtype=torch.float64)
    snapshots, gradient, decay = [theta.numpy().copy()], [], []
    moved = np.zeros((2, small.size))
    for step in range(1, STEPS + 1):
        slope = Hessian.of(small.loss, theta).gradient
        by_decay = -RATE * DECAY * theta
        mean = 0.9 * mean + 0.1 * slope
        square = 0.98 * square + 0.02 * slope**2
        scale = 1 / ((square / (1 - 0.98**step)).sqrt() + 1e-8)
        by_gradient = -RATE * scale * mean / (1 - 0.9**step)
        theta = theta + by_decay + by_gradient
        moved += by_gradient.numpy(), by_decay.numpy()
        if step % EVERY == 0:
            snapshots.append(theta.numpy().copy())
            gradient.append(moved[0].copy())
            decay.append(moved[1].copy())
            moved[:] = 0
    return SimpleNamespace(
        small=small,
        start=start,
        theta=torch.from_numpy(snapshots[-1]),
        snapshots=np.array(snapshots),
        steps=np.arange(0, STEPS + 1, EVERY),
        updates=np.diff(snapshots, axis=0),
        gradient=np.array(gradient),
        decay=np.array(decay),
        preconditioner=scale.numpy(),
    )


def at(path, last, size=5):
    rows = rows_until(last, size)
    return rows, window(path.updates[rows])


def test_what_was_logged_adds_up_and_the_trapezoid_is_near(path):
    rows, found = at(path, 30)
    exact = shares(found.directions, path.gradient[rows], path.decay[rows], path.updates[rows])
    assert (exact.residual < 1e-10).all()
    ends = slice(rows.start, rows.stop + 1)
    by_ends = trapezoid(path.snapshots[ends], path.steps[ends], RATE * DECAY)
    near = shares(found.directions, *by_ends, path.updates[rows])
    np.testing.assert_allclose(near.signed[:2], exact.signed[:2], atol=0.02)
    assert 0 < exact.published[0] < 1
    null = at_random(
        path.decay[rows], np.linalg.norm(path.gradient[rows], axis=1), draws=50, seed=0
    )
    assert null.published.shape == (50, 2) and (null.published >= 0).all()


def test_cosines_and_the_path_of_decay(path):
    rows, found = at(path, 39)
    kept = (1 - RATE * DECAY) ** path.steps
    got = cosines(found, path.snapshots[-1], path.snapshots[0], kept[-1])
    for each in (got.weights, got.start, got.learned):
        assert ((each >= 0) & (each <= 1)).all()
    less = decay_path(path.snapshots[0], kept[rows.start : rows.stop + 1])
    left = window(path.updates[rows], less=less)
    after = cosines(left, path.snapshots[-1], path.snapshots[0], kept[-1])
    assert after.start[0] < got.start[0]  # the start has gone from the edge


def test_the_curve_meets_the_ablation_and_the_curvature(path):
    _, found = at(path, 39)
    v, theta, small = found.directions[0], path.theta, path.small
    taken = ablate(theta, v[None])
    network = Network(small.logits, small.labels)
    along_v = abs(float(v @ theta.numpy()))
    curve = sweep(network, theta, v, sizes(found.edge.size(1), along_v))
    gone = curve.loss[curve.at(curve.removal)]
    assert gone == pytest.approx(small.loss(taken.theta).item(), rel=1e-12)
    near = sweep(network, theta, v, np.array([-0.0025, 0, 0.0025]))
    exact = curvature(Hessian.of(small.loss, theta), torch.from_numpy(v)).value
    assert published_curvature(near) == pytest.approx(exact, rel=1e-3, abs=1e-7)
    hidden = response(lambda x: small.hidden(x)[-1][small.valid], theta, v)
    assert hidden.floor < 1e-9 and np.isfinite(hidden.size).all()


def test_five_directions_have_a_rank_correlation(path):
    _, found = at(path, 39, 20)
    rows = path.updates[-20:]
    v = window(rows, count=5).directions
    alpha = np.cos(np.radians(halves(rows @ rows.T, k=5).angles))
    got = decomposition(path.small.loss, path.small.loss, path.theta, v, alpha)
    assert -1 <= got.spearman() <= 1
    assert np.abs(got.change).max() > got.floor
    np.testing.assert_allclose(found.directions, v[:4], atol=1e-12)


def test_a_real_window_slides_as_it_should_and_the_terms_are_finite(path):
    """Of this path the first order of the slide is nearly all; the terms get no verdict here."""
    ends, slid, gaps, each = [], [], [], {form: ([], []) for form in FORMS}
    for last in range(9, 40):
        rows, found = at(path, last)
        ends.append(path.steps[last + 1])
        gaps.append(found.edge.size(1) - found.edge.size(2))
        if last < 39:
            old, new = path.updates[rows.start], path.updates[last + 1]
            slid.append(slide(found, old, new) / EVERY)
        theta = torch.from_numpy(path.snapshots[last + 1])
        for units, by in FORMS:
            scale = path.preconditioner if by == "preconditioned" else None
            loss = along(path.small.loss, theta, found.directions[:2], scale)
            got = terms(found.edge, loss, rate=RATE, decay=DECAY, window=5, units=units)
            each[units, by][0].append(got.damping)
            each[units, by][1].append(got.driving)
    forward = np.diff(gaps) / np.diff(ends)
    assert np.corrcoef(slid, forward)[0, 1] > 0.8
    assert len(measured(np.array(ends), np.array(gaps))) == 31
    damping, driving = (np.array(t) for t in each["printed", "raw"])
    np.testing.assert_allclose(np.array(each["in units", "raw"][1]), RATE * driving)
    assert np.isfinite(damping).all() and np.isfinite(driving).all()
    named = classify(np.array(ends), 100, {f: tuple(map(np.array, t)) for f, t in each.items()})
    assert named.windows == 21 and named.name in {"functional", "mixed", "compression"}
