"""The instrument ``edge`` on small runs: planted answers, and the SVD of the snapshots."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from grokbook.geometry.edge_shares import at_random, share_errors, shares
from grokbook.geometry.edge_windows import window
from grokbook.geometry.spectral_edge import halves
from grokbook.instruments import edge_rows, phases
from grokbook.instruments.edge import EDGE
from grokbook.instruments.edge_path import EdgePath
from grokbook.instruments.subject import Subject

PARAMETERS = EDGE.complete({"draws": 20})


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


@pytest.fixture(scope="module")
def rows(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    return pd.DataFrame(EDGE.rows(subject, 300, PARAMETERS))


def test_a_window_of_a_run(small_strings, rows):
    subject = Subject(small_strings.runs()[0], small_strings)
    theta = subject.attention(range(250, 301, 10)).astype(np.float64)
    decayed = np.stack([subject.run.snapshot(step, "decayed") for step in range(250, 301, 10)])
    moved, decay = np.diff(theta, axis=0), np.diff(decayed, axis=0)
    sigma, v = np.linalg.svd(moved, full_matrices=False)[1:]
    here = rows[rows.part == "5 updates"]
    plain = here[here.variant == "uncentred"]
    for k in range(4):
        assert one(plain, quantity="sigma", at=k + 1).value == pytest.approx(sigma[k], rel=1e-5)
        g, d = (moved - decay) @ v[k], decay @ v[k]
        share = one(plain, quantity="gradient_share", at=k + 1)
        assert share.value == pytest.approx((g**2).sum() / (g**2 + d**2).sum(), abs=share.error)
        align = (g * d).sum() / np.sqrt((g**2).sum() * (d**2).sum())
        assert one(plain, quantity="alignment", at=k + 1).value == pytest.approx(align, abs=1e-3)
        cosine = abs(v[k] @ theta[0 - 1]) / np.linalg.norm(theta[-1])
        row = one(plain, quantity="cos_weights", at=k + 1)
        assert row.value == pytest.approx(cosine, abs=row.error + 1e-9)
    centred = np.linalg.svd(moved - moved.mean(axis=0), compute_uv=False)
    row = one(here[here.variant == "centred"], quantity="g23")
    assert row.value == pytest.approx(centred[1] ** 2 - centred[2] ** 2, abs=row.error)
    # The published decay is that of both ends; it and the logged one are a little apart.
    rate = subject.config.learning_rate * subject.config.weight_decay
    ends = -rate * 10 * (theta[:-1] + theta[1:]) / 2
    d = ends @ v[0]
    g = (moved - ends) @ v[0]
    got = one(here[here.variant == "published"], quantity="gradient_share", at=1)
    assert got.value == pytest.approx((g**2).sum() / (g**2 + d**2).sum(), rel=1e-4)
    last = one(here[here.variant == "published, last interval"], quantity="gradient_share", at=1)
    assert last.value == pytest.approx(g[-1] ** 2 / (g[-1] ** 2 + d[-1] ** 2), rel=1e-4)


def test_rotations_stability_and_orthogonal_updates(small_strings, rows):
    subject = Subject(small_strings.runs()[0], small_strings)
    theta = subject.attention(range(200, 301, 10)).astype(np.float64)
    moved = np.diff(theta, axis=0)

    def first(part):
        return np.linalg.svd(part, full_matrices=False)[2][:2]

    here = rows[(rows.part == "5 updates") & (rows.variant == "uncentred")]
    for name, before in (("rotation", moved[4:9]), ("rotation_disjoint", moved[:5])):
        for k in (0, 1):
            angle = np.degrees(np.arccos(abs(first(before)[k] @ first(moved[5:])[k])))
            assert one(here, quantity=name, at=k + 1).value == pytest.approx(angle, abs=0.05)
    for k in (0, 1):
        alpha = abs(first(moved[5:7])[k] @ first(moved[7:])[k])
        assert one(here, quantity="stability", at=k + 1).value == pytest.approx(alpha, abs=1e-3)
    lengths = np.sort(np.linalg.norm(moved[5:], axis=1))[::-1]
    apart = rows[(rows.part == "5 updates") & (rows.variant == "orthogonal")]
    assert one(apart, quantity="sigma", at=1).value == pytest.approx(lengths[0], rel=1e-5)
    assert one(apart, quantity="rotation_disjoint", at=1).value == pytest.approx(90)


def test_errors_are_of_cosines_and_of_samples():
    generator = np.random.default_rng(0)
    updates = generator.normal(size=(6, 40))
    products = updates @ updates.T
    found = halves(products, k=3)
    said = [row for row in edge_rows._stability(products, "raw", False) if row["at"] <= 3]
    for row, angle, degrees in zip(said, found.angles, found.error, strict=True):
        assert row["value"] == pytest.approx(np.cos(np.radians(angle)))
        assert row["error"] == pytest.approx(np.radians(degrees))  # |d cos| ≤ |d angle|
    decay = generator.normal(size=(6, 40))
    norms = np.linalg.norm(updates - decay, axis=1)
    drawn = at_random(decay, norms, count=2, draws=4, seed=3).published
    (first, second) = (
        row
        for row in edge_rows.by_chance(updates, decay, draws=4, seed=3)
        if row["quantity"] == "gradient_share"
    )
    assert first["value"] == pytest.approx(drawn[:, 0].mean())
    assert second["error"] == pytest.approx(drawn[:, 1].std(ddof=1))


def test_movement_is_that_of_both(rows):
    def of(name):
        return one(rows, quantity=name).value

    assert of("kept") == pytest.approx((1 - 1e-3) ** 300, rel=1e-6)
    assert of("moved") <= of("moved_by_gradient") + of("moved_by_decay")


def test_declines_are_of_full_windows_or_of_all(small_strings, rows):
    """No grok step: the early value is the largest of the run, at its end."""
    subject = Subject(small_strings.runs()[0], small_strings)
    moved = EdgePath.of(subject).updates(slice(0, 30))
    edges = [window(moved[max(0, i - 2) : i + 1]).edge for i in range(1, 30)]
    found = [each.g23 for each in edges]
    here = rows[(rows.part == "3 updates") & (rows.quantity == "early")]
    published = one(here, variant="published")
    assert published.value == pytest.approx(max(found), rel=1e-6) and published["count"] == 29
    assert one(here, variant="uncentred").value == pytest.approx(max(found[1:]), rel=1e-6)
    largest = edges[int(np.argmax(found))]
    assert published.error == pytest.approx(largest.g23_error, rel=1e-6, abs=0)
    assert 0 < published.error < 1e-3 * published.value
    mean = rows[(rows.part == "3 updates") & (rows.quantity == "ratio_early")]
    assert (mean.error > 0).all() and (mean.error < 1e-2 * mean.value).all()
    assert not len(rows[rows.quantity == "decline"])


def test_pure_decay_is_all_decay(small_strings):
    """A path θ_0 Π(1 − ηω): no gradient, v_1 along θ_0, and nothing is left without decay."""
    subject = Subject(small_strings.runs()[0], small_strings)
    real = EdgePath.of(subject)
    theta = real.kept[:, None] * real.theta[0].astype(np.float64)
    planted = EdgePath(real.steps, theta, theta - theta[0], real.rates, real.kept)
    subject = Subject(small_strings.runs()[0], small_strings)
    assert subject.once(("edge path",), lambda: planted) is planted
    found = pd.DataFrame(EDGE.rows(subject, 280, PARAMETERS))
    here = found[(found.part == "5 updates") & (found.variant == "uncentred")]
    assert one(here, quantity="gradient_share", at=1).value == pytest.approx(0, abs=1e-9)
    assert one(here, quantity="cos_start", at=1).value == pytest.approx(1)
    assert one(here, quantity="cos_weights", at=1).value == pytest.approx(1)
    assert not len(found[(found.variant == "less decay") & (found.quantity == "sigma")])


def test_the_bound_on_a_turned_direction_holds():
    generator = np.random.default_rng(0)
    gradient, decay = generator.normal(size=(2, 5, 40))
    v = np.linalg.qr(generator.normal(size=(40, 2)))[0].T
    before = shares(v[:1], gradient, decay, gradient + decay)
    for _ in range(20):
        other = generator.normal(size=40)
        other -= (other @ v[0]) * v[0]
        tilted = v[0] + 1e-5 * other / np.linalg.norm(other)
        after = shares(tilted[None], gradient, decay, gradient + decay)
        bounds = share_errors(before, np.array([1e-5]), gradient, decay, gradient + decay)
        for name, bound in zip(("published", "signed"), bounds, strict=True):
            change = abs(getattr(after, name) - getattr(before, name))
            assert 0 < change[0] < 1.001 * bound[0]


def test_phases_are_multiples_of_the_own_grok_step(monkeypatch):
    seen = SimpleNamespace(steps=np.arange(0, 10_001, 100), last=10_000)
    monkeypatch.setattr(phases, "edge_grok_step", lambda subject: subject.grok)

    def own(grok):
        seen.grok = grok
        return phases.own(seen)

    assert own(600) == {0.5: 300, 1.0: 600, 2.5: 1_500, 20 / 3: 4_000}
    assert own(1_400) == {0.5: 700, 1.0: 1_400, 2.5: 3_500, 20 / 3: 9_300}
    assert list(own(2_000)) == [0.5, 1.0, 2.5]
    assert own(None) == {}
