"""The instruments that perturb parameters, on a run that really trained."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokbook.config import RunConfig
from grokbook.geometry.ablations import ablations
from grokbook.geometry.compression import scaled, truncated
from grokbook.geometry.perturbation import noise
from grokbook.geometry.random_directions import NULLS
from grokbook.geometry.reconstruction import reconstructions, threshold
from grokbook.instruments.ablations import ABLATIONS
from grokbook.instruments.compression import COMPRESSION
from grokbook.instruments.reconstruction import RECONSTRUCTION
from grokbook.instruments.scoring import Scoring
from grokbook.instruments.subject import Subject
from grokbook.models.initialise import initial_parameters
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIGS = [
    RunConfig(
        tasks=("add", "mul"), modulus=13, width=16, heads=2, hidden=32, batch_size=32, seed=seed
    )
    for seed in (3, 4)
]
TASKS = CONFIGS[0].tasks


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """Two seeds of a tiny run, 200 steps, 21 snapshots."""
    store = Store(tmp_path_factory.mktemp("store"))
    plan = Plan(steps=200, cadence=10, full_state=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROKBOOK_TRAIN", "allowed")
        ran = [run(config, plan, store).directory for config in CONFIGS]
    return [Subject(directory, store) for directory in ran]


@pytest.fixture(scope="module")
def tables(subjects):
    """Rows of each instrument by (quantity, part, variant, at)."""
    found = {}
    for instrument, given in (
        (RECONSTRUCTION, {"k": 12, "draws": 2, "level": 0.3}),
        (ABLATIONS, {"draws": 2}),
        (COMPRESSION, {"draws": 2}),
    ):
        parameters = instrument.complete(given)
        (point,) = instrument.points(subjects[0], parameters)
        rows = instrument.rows(subjects[0], point, parameters)
        assert {row.step for row in rows} == {200}
        keyed = {(row.quantity, row.part, row.variant, key(row.at)): row for row in rows}
        assert len(keyed) == len(rows)
        found[instrument.name] = keyed
    return found


def key(at):
    return None if math.isnan(at) else at


def accuracies(subject, theta, split):
    return subject.loss(getattr(subject.table, split)).accuracy(theta).tolist()


def of(table, quantity, variant, at=None):
    """Values by task, of rows that are there."""
    return [table[quantity, task, variant, at].value for task in TASKS]


def test_the_target_is_the_last_snapshot_before_the_published_stop(subjects):
    subject = subjects[0]
    for instrument in (RECONSTRUCTION, ABLATIONS, COMPRESSION):
        assert subject.grok is None and instrument.points(subject, {}) == [200]
        stopped = Subject(subject.run)
        stopped.grok = 109
        assert instrument.points(stopped, {}) == [100]


@pytest.mark.parametrize("k", [1, 5, 12])
def test_reconstruction_rows_are_the_geometrys(subjects, tables, k):
    subject, table = subjects[0], tables["reconstruction"]
    snapshots, other = (s.thetas(s.spaced(100)) for s in subjects)
    where = np.zeros(subject.layout.size, dtype=bool)
    where[32 : 32 + 13 * 16] = True  # after 2 × 16 positions: the embedding
    for variant, reconstruction in reconstructions(
        snapshots, count=12, other=other, apart_from=where
    ):
        new = list(reconstruction.path())[k - 1]
        for split in ("test", "train"):
            expected = accuracies(subject, new.theta, split)
            assert of(table, f"{split}_accuracy", variant, k) == expected
        assert table["captured", "", variant, k].value == new.kept
        assert table["change", "", variant, k].value == new.change
        assert 0 <= table["captured", "", variant, k].error < 1e-4
        share = reconstruction.bases[0].shares[k - 1]
        assert table["spectrum", "", variant, k].value == share


def test_thresholds_are_those_of_the_rows(tables):
    table = tables["reconstruction"]
    variants = {variant for quantity, _, variant, _ in table if quantity == "threshold"}
    assert variants == {
        "published",
        "published, noise",
        "published, noise by tensor",
        "published, random",
        "published, own first",
        "published, own lengths",
        "published, mixtures",
        "held-out",
        "centred",
        "centred, noise",
        "centred, noise by tensor",
        "centred held-out",
        "other seed",
        "no embedding",
    }
    found = 0
    for quantity, split in (("threshold", "test"), ("train_threshold", "train")):
        for (name, _, variant, at), row in table.items():
            if name == quantity:
                assert at == 12
                accuracy = [of(table, f"{split}_accuracy", variant, k) for k in range(1, 13)]
                expected = threshold(np.array(accuracy), 0.3)
                assert row.value == expected or (math.isnan(row.value) and expected is None)
                found += expected is not None
    assert found  # the training set is known by heart, so some path gives it back


def test_nulls_of_a_reconstruction_are_recomputed_from_their_seeds(subjects, tables):
    subject, table = subjects[0], tables["reconstruction"]
    snapshots = subject.thetas(subject.spaced(100))
    variants = dict(reconstructions(snapshots, count=12))
    for null in NULLS:
        seeds = [
            subject.seed(f"reconstruction//published, {null}/{draw}", 200) for draw in range(2)
        ]
        drawn = [list(variants["published"].path(seed=seed, null=null))[4] for seed in seeds]
        each = np.array([accuracies(subject, new.theta, "test") for new in drawn])
        found = of(table, "test_accuracy", f"published, {null}", 5)
        assert found == pytest.approx(each.mean(axis=0).tolist(), rel=1e-12)
        row = table["captured", "", f"published, {null}", 5]
        assert row.value == pytest.approx(np.mean([new.kept for new in drawn]), rel=1e-12)
        assert row.count == 2
    seed = subject.seed("reconstruction//centred, noise/5", 200)
    target = list(variants["centred"].path())[4].theta
    each = [
        accuracies(subject, theta, "test")
        for theta in noise(subject.theta(200), target, seed=seed, draws=2)
    ]
    found = of(table, "test_accuracy", "centred, noise", 5)
    assert found == pytest.approx(np.mean(each, axis=0).tolist(), rel=1e-12)
    first, kept = (
        table["captured", "", f"published{null}", 1].value for null in ("", ", own first")
    )
    assert kept == pytest.approx(first, rel=1e-9)


def test_norms_drift_and_the_last_seen_snapshot(subjects, tables):
    subject, table = subjects[0], tables["reconstruction"]
    first, last = (subject.theta(step).double() for step in (0, 200))
    assert table["norm", "start", "", None].value == pytest.approx(first.norm().item(), rel=1e-12)
    assert table["norm", "end", "", None].value == pytest.approx(last.norm().item(), rel=1e-12)
    moved = np.stack([subject.theta(step).double() - first for step in range(10, 210, 10)])
    v = np.linalg.svd(moved, full_matrices=False)[2][0]
    v *= np.sign(v @ moved[-1])
    cosine = -(v @ first.numpy()) / first.norm().item()
    assert table["drift", "", "published", None].value == pytest.approx(cosine, rel=1e-10)
    # 21 snapshots, of which ⌊0.9 · 21⌋ = 18 are seen, the last of them at step 170.
    seen = subject.theta(170)
    assert of(table, "test_accuracy", "last seen") == accuracies(subject, seen, "test")
    change = ((seen - last).norm() / last.norm()).item()
    assert table["change", "", "last seen", None].value == pytest.approx(change, rel=1e-6)


def test_nulls_are_means_over_draws_with_their_spread(subjects, tables):
    for table in tables.values():
        nulls = [row for row in table.values() if row.count == 2]
        assert nulls and all(row.error >= 0 for row in nulls)
        variants = {row.variant for row in nulls}
        for kind in (", noise", ", noise by tensor"):
            assert any(variant.endswith(kind) for variant in variants)
        assert not any(row.quantity.endswith("train_accuracy") for row in nulls)
    table, subject = tables["compression"], subjects[0]
    others = initial_parameters(subject.layout, [4, 5])
    drawn = [scaled(subject.theta(200), other, 0.5) for other in others]
    each = np.array([accuracies(subject, new.theta, "test") for new in drawn])
    for place, task in enumerate(TASKS):
        row = table["scaling_test_accuracy", task, "published, other init", 0.5]
        assert row.value == pytest.approx(each[:, place].mean(), rel=1e-12)
        assert row.error == pytest.approx(each[:, place].std(ddof=1), rel=1e-12)
    change = table["scaling_change", "", "published, other init", 0.5]
    changes = [new.change for new in drawn]
    assert change.value == pytest.approx(np.mean(changes), rel=1e-12)
    assert change.error == pytest.approx(np.std(changes, ddof=1), rel=1e-9)


def test_random_directions_are_of_the_same_span(tables):
    """All of them together are the span, so the last captures what the last direction does."""
    table = tables["ablations"]
    shares = [table["v1_captured", "", "corrected, random", k].value for k in range(1, 9)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(table["v1_captured", "", "corrected", 8].value, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "family", "variant"),
    [
        ("v1", "v1", "published"),
        ("v1 removed", "v1_removed", "published"),
        ("v1 uncentred", "v1", "corrected"),
        ("v1 uncentred removed", "v1_removed", "corrected"),
        ("v2", "v2", "published"),
        ("v4", "v4", "published"),
        ("v1 on weights", "v1", "weights"),
        ("v1 on weights removed", "v1_removed", "weights"),
        ("v4 on weights", "v4", "weights"),
    ],
)
def test_ablation_rows_are_the_geometrys(subjects, tables, name, family, variant):
    subject, table = subjects[0], tables["ablations"]
    found = dict(ablations(subject.layout, subject.thetas(subject.spaced(100))))[name]
    for k, new in enumerate(found.path(), start=1):
        for split in ("test", "train"):
            expected = accuracies(subject, new.theta, split)
            assert of(table, f"{family}_{split}_accuracy", variant, k) == expected
        assert table[f"{family}_captured", "", variant, k].value == new.kept
    if name == "v4":  # on the weights the directions are the same, and said once
        shares = [table["v4_spectrum", "", variant, k].value for k in range(1, 4)]
        assert shares == found.bases[0].shares[:3].tolist()


def test_compression_is_from_both_origins(subjects, tables):
    subject, table = subjects[0], tables["compression"]
    theta = subject.theta(200)
    origins = {"published": subject.theta(0), "corrected": torch.zeros_like(theta)}
    for protocol, origin in origins.items():
        for family, attention in (("truncation", False), ("attention_truncation", True)):
            new = truncated(subject.layout, theta, origin, [5], attention=attention)[5]
            for split in ("test", "train"):
                found = of(table, f"{family}_{split}_accuracy", protocol, 5)
                assert found == accuracies(subject, new.theta, split)
            assert table[f"{family}_change", "", protocol, 5].value == new.change
        for family, at in (("truncation", 128), ("pruning", 1.0), ("scaling", 1.0)):
            found = of(table, f"{family}_test_accuracy", protocol, at)
            assert found == accuracies(subject, theta, "test")
            assert table[f"{family}_change", "", protocol, at].value == 0
    heads, start = subject.layout.offsets["heads.0.weight"], subject.theta(0)
    for family, swapped in (  # modules 0 … 3: the rest, two blocks, the heads
        ("remove", torch.cat([theta[:heads], start[heads:]])),
        ("keep", torch.cat([start[:heads], theta[heads:]])),
    ):
        found = of(table, f"{family}_test_accuracy", "published", 3)
        assert found == accuracies(subject, swapped, "test")
        change = (swapped - theta).norm() / theta.norm()
        row = table[f"{family}_change", "", "published", 3]
        assert row.value == pytest.approx(change.item(), rel=1e-5)
        assert (f"{family}_change", "", "published", 4) not in table


def test_every_quantity_is_measured(tables):
    for instrument in (RECONSTRUCTION, ABLATIONS, COMPRESSION):
        found = {quantity for quantity, *_ in tables[instrument.name]}
        assert found == set(instrument.quantities)


def test_nulls_are_drawn_by_themselves(subjects):
    """Neither another instrument nor another family gives the same noise."""
    theta = subjects[0].theta(200)
    new = scaled(theta, torch.zeros_like(theta), 0.5)
    drawn = {
        str([row.value for row in Scoring(name, subjects[0], 200, 3).noise(new, "x", 1, family=f)])
        for name in ("a", "b")
        for f in ("", "f")
    }
    assert len(drawn) == 4


class Stopped(Subject):
    """The same run, had it grokked at 109; this small a model does not."""

    grok = 109

    def sibling(self):
        other = super().sibling()
        return None if other is None else Stopped(other.run, self.store)


def test_no_path_goes_past_the_published_stop(subjects):
    """Neither its own nor the other seed's: both end at step 100, and so have 11 snapshots."""
    subject = Stopped(subjects[0].run, subjects[0].store)
    own, other = (s.thetas(np.arange(0, 110, 10)) for s in subjects)
    given = {"k": 3, "draws": 1}
    rows = RECONSTRUCTION.rows(subject, 100, RECONSTRUCTION.complete(given))
    shares = {
        name: reconstruction.bases[0].shares[:3].tolist()
        for name, reconstruction in reconstructions(own, count=3, other=other)
    }
    for name in ("published", "other seed"):
        found = [r.value for r in rows if (r.quantity, r.variant) == ("spectrum", name)]
        assert found == pytest.approx(shares[name], rel=1e-12)
    rows = ABLATIONS.rows(subject, 100, ABLATIONS.complete({"draws": 1}))
    whole = dict(ablations(subject.layout, own))["v4"].bases[0].shares
    found = [row.value for row in rows if row.quantity == "v4_spectrum"]
    assert found == pytest.approx(whole[: len(found)].tolist(), rel=1e-12) and len(found) == 9


def test_the_drift_knows_no_sign_of_a_direction(subjects):
    snapshots = subjects[0].thetas(subjects[0].spaced(100))
    _, found = next(iter(reconstructions(snapshots, count=2)))
    (basis,) = found.bases
    turned = replace(found, bases=(replace(basis, modes=-basis.modes),))
    assert turned.drift == pytest.approx(found.drift, rel=1e-12)


def test_noise_in_all_and_noise_in_each_tensor(subjects):
    """Recomputed from their seeds; and a path is off by the worst of its bases."""
    subject = subjects[0]
    theta, scoring = subject.theta(200), Scoring("a", subject, 200, 2)
    new = scaled(theta, subject.theta(0), 0.5)
    rows = scoring.noise(new, "x", 1, family="f")
    tensors = list(subject.layout.slices.values())
    for kind, parts in (("noise", None), ("noise by tensor", tensors)):
        seed = subject.seed(f"a/f/x, {kind}/1", 200)
        drawn = list(noise(theta, new.theta, seed=seed, draws=2, parts=parts))
        expected = np.mean([accuracies(subject, each, "train") for each in drawn], axis=0)
        by_train = scoring.score(drawn, "train").mean
        assert by_train == pytest.approx(expected, rel=1e-12)
        mean = scoring.score(drawn).mean
        found = [row.value for row in rows if row.variant == f"x, {kind}"]
        assert found == mean.tolist()
    assert len({tuple(row.value for row in rows if row.variant == v) for v in
                ("x, noise", "x, noise by tensor")}) == 2  # fmt: skip
    ablation = dict(ablations(subject.layout, subject.thetas(subject.spaced(100))))["v1"]
    errors = [basis.error for basis in ablation.bases]
    assert max(errors) > min(errors)
    rows = scoring.path(ablation, "x")
    assert {row.error for row in rows if row.quantity == "captured"} == {max(errors)}


def test_a_run_without_siblings_is_measured_without_them(subjects):
    parameters = RECONSTRUCTION.complete({"k": 2, "draws": 1, "snapshots": 5})
    rows = RECONSTRUCTION.rows(Subject(subjects[0].run), 200, parameters)
    assert "other seed" not in {row.variant for row in rows}
    assert all(math.isnan(row.error) for row in rows if row.variant == "published, noise")


def test_estimates_grow_with_the_draws(subjects):
    for instrument in (RECONSTRUCTION, ABLATIONS, COMPRESSION):
        few, many = (
            instrument.seconds(subjects[0], instrument.complete({"draws": draws}))
            for draws in (1, 9)
        )
        assert 0 < few < many
