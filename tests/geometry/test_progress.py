"""Restricted and excluded loss: ideal networks, lookup tables, 2-D transforms, brute force."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from grokbook.geometry.cyclic import FourierBasis
from grokbook.geometry.fourier import power_spectrum
from grokbook.geometry.progress import Answers, basis_of, random_frequencies
from grokbook.tasks.modular import Table

P = 13


def table(task, domain):
    return Table.make((task,), P, domain, 0.5, 3)


def clock(task, domain, frequencies, height=3.0):
    """Σ_k cos ω_k(a ∘ b − c) in the task's own group; 0 for a class without a place."""
    pairs, basis = table(task, domain).pairs, basis_of(task, P)
    a, b = basis.places[pairs].T
    logits = np.zeros((len(pairs), P))
    for k in frequencies:
        turns = 2 * np.pi * k / basis.order * (a[:, None] + b[:, None] - np.arange(basis.order))
        logits[:, basis.residues] += height * np.cos(turns)
    return logits, table(task, domain).labels[:, 0], basis


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(("task", "domain"), [("add", "full"), ("mul", "nonzero")])
def test_an_ideal_network_lives_in_its_frequencies(task, domain):
    logits, labels, basis = clock(task, domain, [1, 3, 4])
    answers = Answers.of(logits, labels, basis)
    found = answers.progress([1, 3, 4])
    assert found.restricted == pytest.approx(found.loss, abs=1e-12)
    assert found.excluded == pytest.approx(math.log(P), abs=1e-12)
    assert found.loss < 0.5 and answers.share == pytest.approx(1)
    others = answers.progress([2, 5])
    assert others.restricted == pytest.approx(math.log(P), abs=1e-12)
    assert others.excluded == pytest.approx(found.loss, abs=1e-12)
    shares = power_spectrum(answers.by_residue[0], basis, present=answers.by_residue[1]).shares
    np.testing.assert_allclose(shares, np.array([1, 0, 1, 1, 0, 0]) / 3, atol=1e-13)


@pytest.mark.parametrize("task", ["add", "mul"])
def test_an_ideal_network_looks_random_in_the_other_group(task):
    logits, labels, own = clock(task, "nonzero", [1, 3])
    other = FourierBasis.additive(P) if task == "mul" else FourierBasis.discrete_log(P)
    rows, present = Answers.of(logits, labels, own).by_residue
    assert power_spectrum(rows, own, present=present).participation < 2.1
    assert power_spectrum(rows, other, present=present).participation > 3.5


def test_no_frequency_leaves_the_mean_and_all_leave_the_answer():
    data = table("add", "nonzero")
    logits, labels, basis = noise((144, P)), data.labels[:, 0], FourierBasis.additive(P)
    answers = Answers.of(logits, labels, basis)
    none, every = answers.progress([]), answers.progress(range(1, 7))
    mean = torch.from_numpy(logits.mean(0)).expand(144, P)
    assert none.restricted == pytest.approx(F.cross_entropy(mean, torch.tensor(labels)).item())
    assert none.excluded == pytest.approx(none.loss, abs=1e-14)
    averaged = pd.DataFrame(logits).groupby(labels).transform("mean").to_numpy()
    expected = F.cross_entropy(torch.tensor(averaged), torch.tensor(labels)).item()
    assert every.restricted == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("task", "domain"), [("add", "full"), ("mul", "nonzero")])
def test_the_projection_is_a_mask_on_the_transform_over_both_operands(task, domain):
    labels, basis = table(task, domain).labels[:, 0], basis_of(task, P)
    n = basis.order
    grid = noise((n, n, P))  # by the places of a and b
    a, b = basis.places[table(task, domain).pairs].T
    projected, _ = Answers.of(grid[a, b], labels, basis).project([2, n // 2])
    mask = np.zeros((n, n, 1))
    for k in (0, 2, n // 2):
        mask[k, k] = mask[-k, -k] = 1
    expected = np.fft.ifft2(np.fft.fft2(grid, axes=(0, 1)) * mask, axes=(0, 1)).real
    np.testing.assert_allclose(projected[basis.places[labels]], expected[a, b], atol=1e-13)


@pytest.mark.parametrize("task", ["add", "mul", "sub", "sq"])
def test_losses_by_brute_force_on_every_pair(task):
    """The projection as an (N, N) matrix over the fitted pairs; losses by PyTorch."""
    data, basis, key = table(task, "nonzero"), basis_of(task, P), [1, 4]
    labels, logits = data.labels[:, 0], 3 * noise((144, P))
    turns = 2 * np.pi * basis.places[labels][:, None] * np.array(key) / basis.order
    design = np.hstack([np.ones((144, 1)), np.cos(turns), np.sin(turns)])
    fit, on = data.trained, ~data.trained
    projected = design @ np.linalg.pinv(design[fit]) @ logits[fit]
    mean = logits[fit].mean(0)
    target = torch.from_numpy(labels[on])

    def loss(values):
        return F.cross_entropy(torch.from_numpy(values[on]), target).item()

    found = Answers.of(logits, labels, basis, fitted=fit).progress(key, on=on)
    assert found.loss == pytest.approx(loss(logits), abs=1e-12)
    assert found.restricted == pytest.approx(loss(projected), abs=1e-12)
    assert found.excluded == pytest.approx(loss(logits - projected + mean), abs=1e-12)
    assert (found.pairs, found.fitted) == (72, 72) and found.frequencies == (1, 4)


def test_a_lookup_table_seems_to_make_progress_and_makes_none():
    """It knows the training pairs and says nothing on the others."""
    data, height = table("add", "full"), 8.0
    labels, tested = data.labels[:, 0], ~data.trained
    logits = height * np.eye(P)[labels] * data.trained[:, None]
    published = Answers.of(logits, labels, FourierBasis.additive(P)).progress(
        range(1, 7), on=tested
    )
    corrected = Answers.of(logits, labels, FourierBasis.additive(P), fitted=tested)
    assert published.loss == pytest.approx(math.log(P))
    # All frequencies: the mean logit of an answer is the height times its share in training.
    share = np.array([data.trained[labels == r].mean() for r in range(P)])
    expected = np.log1p((P - 1) * np.exp(-height * share))[labels[tested]].mean()
    assert published.restricted == pytest.approx(expected, abs=1e-12)
    assert published.restricted < 0.4
    found = corrected.progress([1, 2], on=tested)
    assert found.restricted == found.excluded == pytest.approx(math.log(P), abs=1e-12)


def test_what_no_loss_sees_changes_nothing():
    labels, logits = table("add", "nonzero").labels[:, 0], noise((144, P))
    shifted = logits + 5 * noise((144, 1), seed=1)
    one, other = (Answers.of(z, labels, FourierBasis.additive(P)) for z in (logits, shifted))
    assert one.share == pytest.approx(other.share, rel=1e-12)
    first, second = one.progress([2, 3]), other.progress([2, 3])
    for name in ("loss", "restricted", "excluded"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-12)


def test_the_share_of_the_answer_is_an_analysis_of_variance():
    data = table("sq", "nonzero")
    labels, logits, fitted = data.labels[:, 0], noise((144, P)), data.trained
    logits[:, 0] += labels
    frame = pd.DataFrame(logits[fitted] - logits[fitted].mean(1, keepdims=True))
    within = frame - frame.groupby(labels[fitted]).transform("mean")
    total = ((frame - frame.mean()) ** 2).to_numpy().sum()
    found = Answers.of(logits, labels, FourierBasis.additive(P), fitted=fitted).share
    assert found == pytest.approx(1 - (within**2).to_numpy().sum() / total, rel=1e-12)
    by_chance = [
        Answers.of(noise((144, P), seed), labels, FourierBasis.additive(P)).share
        for seed in range(100)
    ]
    spread = np.std(by_chance) / 10
    assert np.mean(by_chance) == pytest.approx((len(set(labels)) - 1) / 143, abs=4 * spread)


def test_rounding_the_logits_changes_no_loss_by_more_than_the_error():
    labels, logits = table("add", "nonzero").labels[:, 0], 30 * noise((144, P))
    exact = Answers.of(logits, labels, FourierBasis.additive(P)).progress([1, 2])
    rounded = Answers.of(logits.astype(np.float32), labels, FourierBasis.additive(P)).progress(
        [1, 2]
    )
    for name in ("loss", "restricted", "excluded"):
        assert abs(getattr(exact, name) - getattr(rounded, name)) <= rounded.error
    assert rounded.error == pytest.approx(np.abs(logits).max() * 2**-23, rel=1e-6)
    assert exact.error < 1e-13


def test_products_of_zero_are_left_out():
    data = table("mul", "full")
    logits, basis = noise((169, P)), FourierBasis.discrete_log(P)
    labels = data.labels[:, 0]
    kept = labels > 0
    whole = Answers.of(logits, labels, basis).progress([1], on=data.trained)
    alone = Answers.of(logits[kept], labels[kept], basis).progress([1], on=data.trained[kept])
    assert whole == alone and whole.fitted == 144


def test_answers_that_never_occur_are_marked():
    labels = np.repeat([1, 2, 3], 4)
    rows, present = Answers.of(noise((12, 5)), labels, FourierBasis.additive(5)).by_residue
    assert present.tolist() == [False, True, True, True, False]
    assert (rows[:, [0, 4]] == 0).all() and (rows[[0, 4]] == 0).all()
    np.testing.assert_allclose(rows[1:4].sum(1), 0, atol=1e-15)


def test_random_frequencies():
    basis = FourierBasis.additive(P)
    sets = random_frequencies(basis, 3, draws=400, seed=1)
    assert sets == random_frequencies(basis, 3, draws=400, seed=1)
    assert all(len(set(chosen)) == 3 for chosen in sets)
    counts = np.bincount(np.concatenate(sets), minlength=7)
    assert counts[0] == 0
    assert counts[1:].min() > 200 - 4 * 10  # 400 tries at ½: deviation 10
    assert random_frequencies(basis, 0, draws=1, seed=1) == [()]


def test_which_group_a_task_has():
    assert basis_of("mul", P).name == "discrete log"
    assert {basis_of(task, P).name for task in ("add", "sub", "sq")} == {"additive"}
    with pytest.raises(ValueError, match="12 is not prime"):
        basis_of("mul", 12)


GOOD, LABELS = np.zeros((4, P)), np.arange(4)


@pytest.mark.parametrize(
    ("logits", "labels", "fitted", "says"),
    [
        (GOOD[:, 1:], LABELS, None, r"not \(N, 13\)"),
        (GOOD, LABELS[1:], None, r"4 pairs have labels of shape \(3,\)"),
        (GOOD[:0], LABELS[:0], None, "0 pairs"),
        (GOOD, LABELS - 1, None, "0 … 12"),
        (GOOD, LABELS + 10, None, "0 … 12"),
        (GOOD, LABELS, np.ones(3, bool), r"fitted is bool \(3,\)"),
        (GOOD, LABELS, LABELS, "fitted is int64"),
        (GOOD, LABELS, np.zeros(4, bool), "no pair to fit"),
    ],
)
def test_what_are_no_answers_is_refused(logits, labels, fitted, says):
    with pytest.raises(ValueError, match=says):
        Answers.of(logits, labels, FourierBasis.additive(P), fitted=fitted)


def test_other_refusals():
    answers = Answers.of(GOOD, LABELS, FourierBasis.additive(P))
    with pytest.raises(ValueError, match="no pair to take"):
        answers.progress([1], on=np.zeros(4, bool))
    with pytest.raises(ValueError, match=r"on is bool \(3,\)"):
        answers.progress([1], on=np.zeros(3, bool))
    with pytest.raises(ValueError, match="frequency 7"):
        answers.progress([7])
    with pytest.raises(ValueError, match="6 frequencies, not 7"):
        random_frequencies(FourierBasis.additive(P), 7, draws=1, seed=0)
    with pytest.raises(ValueError, match="1 draw, not 0"):
        random_frequencies(FourierBasis.additive(P), 2, draws=0, seed=0)
