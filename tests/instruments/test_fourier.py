"""The Fourier instrument on a real run: what its rows say, by another way."""

import numpy as np
import pytest
import torch

from grokbook.config import RunConfig
from grokbook.geometry.cyclic import FourierBasis
from grokbook.geometry.fourier import chance, power_spectrum, without
from grokbook.geometry.progress import Answers, basis_of
from grokbook.instruments.fourier import FOURIER
from grokbook.instruments.frequencies import Frequencies
from grokbook.instruments.subject import Subject
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

PARAMETERS = FOURIER.complete({"snapshots": 3, "draws": 2, "top": 3, "excess": 1.1})


def trained(folder, tasks, modulus, steps):
    config = RunConfig(
        tasks=tasks,
        modulus=modulus,
        width=16,
        heads=2,
        hidden=32,
        batch_size=32,
        learning_rate=1e-2,  # so that in so few steps the embedding really moves
        seed=5,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROKBOOK_TRAIN", "allowed")
        run(config, Plan(steps=steps, full_state=True), Store(folder))
    return Subject(Store(folder).runs(config)[0])


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("store"), ("add", "mul"), 13, 200)


@pytest.fixture(scope="module")
def rows(subject):
    points = FOURIER.points(subject, PARAMETERS)
    assert points == [0, 100, 200]
    return {point: FOURIER.rows(subject, point, PARAMETERS) for point in points}


def chosen(rows, quantity, **named):
    return [
        row
        for row in rows
        if row.quantity == quantity and all(getattr(row, k) == v for k, v in named.items())
    ]


def one(rows, quantity, **named):
    (row,) = chosen(rows, quantity, **named)
    return row


def test_every_quantity_occurs_and_no_row_twice(rows):
    assert {row.quantity for point in rows.values() for row in point} == set(FOURIER.quantities)
    for point, found in rows.items():
        assert all(row.step == point and np.isfinite(row.value) for row in found)
        names = [(row.quantity, row.part, row.variant, str(row.at)) for row in found]
        assert len(names) == len(set(names))


def test_points_are_independent_and_repeatable(subject, rows):
    fresh = Subject(subject.run)
    again = FOURIER.rows(fresh, 100, PARAMETERS)
    assert [repr(row) for row in again] == [repr(row) for row in rows[100]]
    # What its points share is kept with the subject, by parameters.
    assert Frequencies.of(fresh, PARAMETERS) is Frequencies.of(fresh, PARAMETERS)
    other = Frequencies.of(fresh, PARAMETERS | {"excess": 3.0})
    assert other.excess == 3.0 and len(fresh.cache) == 2


def test_the_stop_is_a_point(subject):
    stopped = Subject(subject.run)
    stopped.grok = 130
    assert stopped.stop_snapshot == 100
    assert FOURIER.points(stopped, PARAMETERS | {"snapshots": 2}) == [0, 100, 200]


def test_random_frequencies_are_drawn_anew_for_every_part(subject):
    run = Frequencies.of(subject, PARAMETERS | {"draws": 20})
    drawn = [run.random(part, run.bases[0], 3) for part in ("token", "head add", "head mul")]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]
    assert drawn[0] == run.random("token", run.bases[0], 3)


def test_plain_losses_are_those_of_the_loss(subject, rows):
    theta, table = subject.theta(200), subject.table
    for head, task in enumerate(subject.config.tasks):
        for split, indices in (("train", table.train), ("test", table.test)):
            row = one(rows[200], f"{split}_loss", part=task, variant="published")
            # float32 products in two orders
            assert row.value == pytest.approx(subject.loss(indices, [head]).value(theta), rel=1e-5)
            assert row.count == len(indices) and 0 < row.error < 1e-5


def test_shares_are_the_snapshots(subject, rows):
    token = subject.layout.views(subject.theta(100)[None])["token.weight"][0].numpy()
    for basis in (FourierBasis.additive(13), FourierBasis.discrete_log(13)):
        found = power_spectrum(token, basis, present=np.arange(13) > 0)
        shares = chosen(rows[100], "share", part="token", variant=basis.name)
        assert [row.at for row in shares] == basis.frequencies.tolist()
        np.testing.assert_allclose([row.value for row in shares], found.shares)
        row = one(rows[100], "participation", part="token", variant=basis.name)
        assert row.value == found.participation
        row = one(rows[100], "top_share", part="token", variant=basis.name)
        assert (row.value, row.at) == (pytest.approx(found.top_share(3)), 3)
    row = one(rows[100], "even_share", part="token", variant="discrete log")
    assert row.value == pytest.approx(found.even_share)
    first, second = subject.layout.views(subject.theta(100)[None].double())["position"][0]
    apart = (first - second).square().sum() / 2 / (first.square().sum() + second.square().sum())
    row = one(rows[100], "position_difference")
    assert row.value == pytest.approx(apart.item(), rel=1e-6)
    for part, own in (("head mul", "discrete log"), ("logits add", "additive")):
        shares = chosen(rows[100], "share", part=part)
        assert {row.variant for row in shares} == {own}
        assert sum(row.value for row in shares) == pytest.approx(1)


def test_a_head_that_never_sees_zero_has_no_row_for_it(subject, rows):
    """0 is a sum of nonzero operands, and never their product."""
    views = subject.layout.views(subject.theta(200)[None])
    for head, (task, present) in enumerate((("add", None), ("mul", np.arange(13) > 0))):
        readout = views[f"heads.{head}.weight"][0].numpy()
        found = power_spectrum(readout, FourierBasis.additive(13), present=present)
        row = one(rows[200], "gini", part=f"head {task}", variant="additive")
        assert row.value == pytest.approx(found.gini, rel=1e-12)


def test_key_frequencies_are_chosen_at_the_end_from_weights(subject, rows):
    views = subject.layout.views(subject.theta(200)[None])
    expected = {
        ("head add", "additive"): ("heads.0.weight", FourierBasis.additive(13), None),
        ("head mul", "discrete log"): ("heads.1.weight", FourierBasis.discrete_log(13), None),
        ("token", "additive"): ("token.weight", FourierBasis.additive(13), np.arange(13) > 0),
        ("token", "discrete log"): ("token.weight", FourierBasis.discrete_log(13), None),
    }
    for (part, variant), (name, basis, present) in expected.items():
        key = power_spectrum(views[name][0].numpy(), basis, present=present).key(1.1)
        listed = chosen(rows[200], "key_frequency", part=part, variant=variant)
        assert [(row.at, row.value) for row in listed] == list(enumerate(key, start=1))
        row = one(rows[200], "key_frequencies", part=part, variant=variant)
        assert row.value == len(key)
    assert len(chosen(rows[200], "key_frequency")) > 4
    assert not chosen(rows[0] + rows[100], "key_frequency")


@pytest.mark.parametrize("basis", [FourierBasis.additive(13), FourierBasis.discrete_log(13)])
def test_ablation_takes_the_key_frequencies_out_of_the_embedding(subject, rows, basis):
    theta, named = subject.theta(100), {"variant": basis.name}
    token = subject.layout.views(theta[None])["token.weight"][0]
    key = [int(row.value) for row in chosen(rows[200], "key_frequency", part="token", **named)]
    token.copy_(torch.from_numpy(without(token.numpy(), basis, key, present=np.arange(13) > 0)))
    accuracy = subject.loss(subject.table.test).accuracy(theta)
    for head, task in enumerate(subject.config.tasks):
        row = one(rows[100], "ablated_accuracy", part=task, **named)
        assert (row.value, row.at) == (pytest.approx(accuracy[head].item()), len(key))
        row = one(rows[100], "ablated_loss", part=task, **named)
        alone = subject.loss(subject.table.test, [head])
        assert row.value == pytest.approx(alone.value(theta), rel=1e-5)
        null = one(rows[100], "ablated_loss", part=task, variant=f"{basis.name}, random")
        assert null.count == 2 and null.error > 0


def test_what_each_protocol_fits_on(subject, rows):
    """Logits from the loss's own forward pass, one head at a time."""
    table, views = subject.table, subject.layout.views(subject.theta(100)[None])
    logits = subject.loss(range(len(table.pairs))).logits(views)[0].numpy()
    whole, tested = np.ones(len(table.pairs), bool), ~table.trained
    for head, task in enumerate(subject.config.tasks):
        last = chosen(rows[200], "key_frequency", part=f"head {task}")
        key = [int(row.value) for row in last]
        masks = {
            ("train", "published"): (whole, table.trained),
            ("test", "published"): (whole, tested),
            ("train", "corrected"): (table.trained, table.trained),
            ("test", "corrected"): (tested, tested),
        }
        if task == "add":
            masks["test", "twinless"] = (table.twinless(task), table.twinless(task))
        for (split, variant), (fitted, on) in masks.items():
            labels, basis = table.labels[:, head], basis_of(task, 13)
            answers = Answers.of(logits[:, head], labels, basis, fitted=fitted)
            found = answers.progress(key, on=on)
            for kind in ("restricted", "excluded"):
                row = one(rows[100], f"{kind}_{split}_loss", part=task, variant=variant)
                assert row.value == pytest.approx(getattr(found, kind), rel=1e-5)
                assert row.count == on.sum()
            if split == "test":
                row = one(rows[100], "answer_share", part=task, variant=variant)
                assert row.value == pytest.approx(answers.share, rel=1e-4)


def test_the_initial_null_uses_as_many_frequencies_from_the_start(subject, rows):
    table, views = subject.table, subject.layout.views(subject.theta(0)[None])
    first = power_spectrum(views["heads.0.weight"][0].numpy(), FourierBasis.additive(13))
    count = len(chosen(rows[200], "key_frequency", part="head add"))
    at = subject.layout.views(subject.theta(100)[None])
    logits = subject.loss(range(len(table.pairs))).logits(at)[0, :, 0].numpy()
    answers = Answers.of(logits, table.labels[:, 0], FourierBasis.additive(13))
    expected = answers.progress(first.top(count), on=~table.trained)
    row = one(rows[100], "restricted_test_loss", part="add", variant="published, initial")
    assert row.value == pytest.approx(expected.restricted, rel=1e-5)


def test_protocols_and_nulls(rows):
    for task in ("add", "mul"):
        for split in ("train", "test"):
            for kind in ("restricted", "excluded"):
                found = chosen(rows[200], f"{kind}_{split}_loss", part=task)
                variants = {row.variant for row in found}
                for protocol in ("published", "corrected"):
                    assert {protocol, f"{protocol}, initial", f"{protocol}, random"} <= variants
                nulls = [row for row in found if row.variant.endswith("random")]
                assert all(row.count == 2 for row in nulls)
    # About half of the 72 sums tested, so more than 13, have no twin in training.
    assert chosen(rows[200], "test_loss", part="add", variant="twinless")
    null = one(rows[0], "participation", part="head add", variant="additive, random")
    assert null.count == 200 and 4 < null.value < 6 and 0 < null.error < 1
    assert not chosen(rows[100], "participation", variant="additive, random")


def test_what_no_task_answers_is_missing_from_the_null_as_well(subject, rows):
    """No product of residues from 1 on is 0, so the head of mul has a row less than the modulus."""
    run = Frequencies.of(subject, PARAMETERS)
    basis = next(b for b in run.bases if b.name == "additive")
    present, seed = run.answers[1], subject.seed("fourier/chance/head mul/additive")
    assert not present.all()
    given = {"seed": seed, "draws": 200}
    expected = chance(basis, subject.layout.width, run.top(basis), present=present, **given)
    whole = chance(basis, subject.layout.width, run.top(basis), **given)
    found = one(rows[0], "participation", part="head mul", variant="additive, random")
    assert (found.value, found.error) == expected.participation != whole.participation


def test_the_spread_over_draws_is_the_samples(subject, rows):
    run = Frequencies.of(subject, PARAMETERS)
    views = subject.layout.views(subject.theta(100)[None])
    logits = subject.loss(range(len(subject.table.pairs))).logits(views)[0, :, 0].numpy()
    answers = Answers.of(logits, subject.table.labels[:, 0], FourierBasis.additive(13))
    count = len(chosen(rows[200], "key_frequency", part="head add"))
    losses = [
        answers.progress(drawn, on=~subject.table.trained).restricted
        for drawn in run.random("head add", FourierBasis.additive(13), count)
    ]
    row = one(rows[100], "restricted_test_loss", part="add", variant="published, random")
    assert row.value == pytest.approx(np.mean(losses), rel=1e-5)
    assert row.error == pytest.approx(np.std(losses, ddof=1), rel=1e-3)


def test_too_few_twinless_pairs_are_not_projected(subject, rows):
    for task in subject.config.tasks:
        enough = subject.table.twinless(task).sum() >= 13
        assert bool(chosen(rows[200], "test_loss", part=task, variant="twinless")) == enough
    assert min(subject.table.twinless(task).sum() for task in subject.config.tasks) > 0


def test_the_first_corrected_restriction_knows_nothing(rows):
    for task in ("add", "mul"):
        row = one(rows[0], "restricted_test_loss", part=task, variant="corrected")
        assert row.value == pytest.approx(np.log(13), abs=0.2)


def test_a_composite_modulus_has_one_group(tmp_path):
    subject = trained(tmp_path, ("add",), 12, 100)
    found = FOURIER.rows(subject, 100, PARAMETERS)
    assert {row.variant.split(",")[0] for row in chosen(found, "participation")} == {"additive"}
    assert not chosen(found, "even_share")


def test_the_estimate_grows_with_the_draws(subject):
    more = FOURIER.complete({"draws": 20})
    assert 0 < FOURIER.seconds(subject, PARAMETERS) < FOURIER.seconds(subject, more)
