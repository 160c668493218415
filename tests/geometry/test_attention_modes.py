"""Attention: uniform and one-hot rows, brute force over rows, SciPy's entropy."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from small_decoder import SmallDecoder

from grokbook.geometry.attention_modes import entropies, modes, scores


@pytest.fixture(scope="module")
def small():
    return SmallDecoder()


def uniform(length, strings=2, layers=1, heads=1):
    rows = torch.ones(length, length, dtype=torch.float64).tril()
    return (rows / rows.sum(-1, keepdim=True)).expand(layers, strings, heads, length, length)


def test_uniform_attention_over_all_rows_has_the_published_maximum():
    found = entropies(uniform(24))
    assert found.mean == pytest.approx(math.log(math.factorial(24)) / 24, rel=1e-12)
    assert round(found.mean, 4) == 2.2827
    assert found.most == pytest.approx(found.mean) and found.rows == 48
    assert [entropies(s * uniform(3)).residual for s in (0.9, 1.1)] == pytest.approx([0.1, 0.1])
    assert modes(uniform(24)).counting == pytest.approx(0, abs=1e-14)
    own = modes(uniform(4))
    assert own.local == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert own.recent == pytest.approx((1 + 1 + 1 + 3 / 4) / 4)


def test_attention_to_itself():
    eye = torch.eye(5, dtype=torch.float64).expand(1, 3, 2, 5, 5)
    assert entropies(eye).each.tolist() == [[0, 0]]
    found = modes(eye)
    assert found.local.tolist() == [[1, 1]] and found.recent.tolist() == [[1, 1]]
    assert found.counting == pytest.approx(np.log([2, 3, 4, 5]).mean())  # row 0 has no say


@pytest.mark.parametrize("valid", [False, True])
def test_against_rows_one_at_a_time(small, valid):
    attention = small.attention(small.theta)
    rows = small.valid if valid else None
    found, kind = entropies(attention, rows), modes(attention, rows)
    assert found.residual < 1e-14
    a, keep = attention.numpy(), small.valid.numpy() | (not valid)
    for layer in range(2):
        for head in range(2):
            each, most = [], []
            for n, t in zip(*np.nonzero(keep), strict=True):
                each.append(entropy(a[layer, n, head, t, : t + 1]))
                most.append(math.log(t + 1))
            assert found.each[layer, head] == pytest.approx(np.mean(each), rel=1e-12)
            assert found.most == pytest.approx(np.mean(most), rel=1e-12)
            counting, local, recent = [], [], []
            for t in range(6):
                mean = a[layer, keep[:, t], head, t].mean(axis=0)
                local.append(mean[t])
                recent.append(mean[max(0, t - 2) : t + 1].sum())
                if t:
                    counting.append(entropy(mean[: t + 1], np.full(t + 1, 1 / (t + 1))))
            assert kind.counting[layer, head] == pytest.approx(np.mean(counting), rel=1e-11)
            assert kind.local[layer, head] == pytest.approx(np.mean(local), rel=1e-12)
            assert kind.recent[layer, head] == pytest.approx(np.mean(recent), rel=1e-12)
    assert found.rows == keep.sum()


def test_rows_that_no_string_has_are_left_out(small):
    attention = small.attention(small.theta)[:, :1]  # the first string has two brackets
    rows = small.valid[:1]
    found = modes(attention, rows)
    shorter = modes(attention[..., :2, :2], rows[:, :2])
    np.testing.assert_allclose(found.counting, shorter.counting)
    np.testing.assert_allclose(found.local, shorter.local)


def test_scores_by_rows(small):
    logits = small.scores(small.theta)
    w_q, w_k = small.matrices(small.theta)
    found = scores(logits, w_q, w_k, 2, small.valid)
    z = logits.numpy()
    for layer in range(2):
        for head in range(2):
            each = [
                z[layer, n, head, t, : t + 1].var()
                for n, t in zip(*np.nonzero(small.valid.numpy()), strict=True)
                if t
            ]
            assert found.variance[layer, head] == pytest.approx(np.mean(each), rel=1e-12)
            q, k = (w[layer, 2 * head : 2 * head + 2].numpy() for w in (w_q, w_k))
            norms = np.linalg.norm(q) * np.linalg.norm(k)
            assert found.product[layer, head] == pytest.approx(norms, rel=1e-12)
            largest = np.linalg.norm(q.T @ k, 2) / math.sqrt(2)
            assert found.operator[layer, head] == pytest.approx(largest, rel=1e-12)
            assert largest <= norms / math.sqrt(2)


def test_shrinking_w_q_and_w_k_makes_attention_count(small):
    """Weights that decay alone make rows uniform: variance falls as the fourth power of both."""
    theta = small.theta.clone()
    w_q, w_k = small.matrices(theta)
    before = scores(small.scores(theta), w_q, w_k, 2)
    shrunk, parts = theta.clone(), small.matrices(theta)
    where = [(theta[:, None] == p.reshape(1, -1)).any(1) for p in parts]
    shrunk[where[0] | where[1]] *= 0.1
    after = scores(small.scores(shrunk), *small.matrices(shrunk), 2)
    np.testing.assert_allclose(after.variance[0], before.variance[0] * 1e-4, rtol=1e-9)
    np.testing.assert_allclose(after.product, before.product * 1e-2, rtol=1e-9)
    found = entropies(small.attention(shrunk))
    assert found.most - found.mean < 0.01 < found.most - entropies(small.attention(theta)).mean


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: entropies(torch.ones(2, 3, 3)), r"\(layers, N, heads, T, T\)"),
        (lambda: entropies(-uniform(3)), "not negative"),
        (lambda: entropies(uniform(3), torch.ones(2, 4, dtype=torch.bool)), r"bool \(2, 3\)"),
        (lambda: entropies(uniform(3), torch.zeros(2, 3, dtype=torch.bool)), "some true"),
        (lambda: modes(uniform(1)), "two positions"),
        (lambda: scores(uniform(1), *[torch.ones(1, 2, 2)] * 2, 1), "two positions"),
        (lambda: scores(uniform(3), *[torch.ones(1, 3, 3)] * 2, 2), "does not have 2 heads"),
    ],
)
def test_what_is_no_attention_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
