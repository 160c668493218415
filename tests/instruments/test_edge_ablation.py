"""The instrument ``edge-ablation`` against the plain decoder on padded strings."""

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook.instruments.edge_ablation import EDGE_ABLATION
from grokbook.instruments.network import AttentionSlot, judged, learned_from
from grokbook.instruments.subject import Subject
from grokbook.models import exchange
from grokbook.models.reference_decoder import PlainDecoder, padded

PARAMETERS = EDGE_ABLATION.complete({"strings": 40, "draws": 3})


@pytest.fixture
def subject(small_strings):
    return Subject(small_strings.runs()[0], small_strings)


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def plainly(subject, theta, strings):
    """Accuracy and loss of tokens, by PyTorch's modules."""
    model = PlainDecoder(subject.config)
    model.load_state_dict(exchange.to_state_dict(subject.layout, theta[None]))
    tokens, labels = padded(strings)
    with torch.no_grad():
        found = model(tokens)[labels >= 0]
    known = labels[labels >= 0]
    loss = torch.nn.functional.cross_entropy(found, known)
    return float((found.argmax(-1) == known).double().mean()), float(loss)


def test_matrices_can_be_exchanged(subject):
    slot = AttentionSlot(subject.layout, subject.theta(300))
    assert torch.equal(slot.whole(slot.attention), slot.theta)
    other = slot.whole(torch.zeros_like(slot.attention))
    for name, place in subject.layout.parts.items():
        zero = name[2:] in ("W_Q", "W_K", "W_V", "W_O")
        assert torch.equal(other[place], slot.theta[place] * (not zero)), name
    doubled = slot.whole(2 * slot.attention.double())
    assert doubled.dtype == torch.float64
    assert torch.equal(subject.layout.attention(doubled[None])[0], 2 * slot.attention.double())


def test_examples_are_the_tokens(subject):
    theta, strings = subject.theta(300), subject.table.test_strings[:40]
    examples = judged(subject, 40)
    _, loss = plainly(subject, theta, strings)
    assert float(examples.loss(theta)) == pytest.approx(loss, rel=1e-5)
    assert examples.count == sum(map(len, strings))
    known = {s[: i + 1] for s in subject.table.train_strings for i in range(len(s))}
    fresh = {s[: i + 1] for s in strings for i in range(len(s))} - known
    assert int(examples.unseen.sum()) == len(fresh)
    _, loss = plainly(subject, theta, subject.table.train_strings)
    assert float(learned_from(subject).loss(theta)) == pytest.approx(loss, rel=1e-5)


def test_what_is_taken_out(subject):
    rows = pd.DataFrame(EDGE_ABLATION.rows(subject, 300, PARAMETERS))
    theta = subject.theta(300)
    slot, strings = AttentionSlot(subject.layout, theta), subject.table.test_strings[:40]
    moved = np.diff(subject.attention(range(250, 301, 10)).astype(np.float64), axis=0)
    v = np.linalg.svd(moved, full_matrices=False)[2]
    a, base = slot.attention.double().numpy(), plainly(subject, theta, strings)
    assert one(rows, quantity="accuracy").value == pytest.approx(base[0])
    for name, k in (("edge", [0, 1]), ("bulk", [2, 3]), ("v1", [0])):
        left = a - v[k].T @ (v[k] @ a)
        gone = plainly(subject, slot.whole(torch.from_numpy(left).float()), strings)
        here = rows[(rows.part == name) & (rows.variant == "taken out")]
        assert one(here, quantity="accuracy_change").value == pytest.approx(gone[0] - base[0])
        change = one(here, quantity="loss_change")
        assert change.value == pytest.approx(gone[1] - base[1], abs=1e-5)
        removed = one(here, quantity="removed").value
        assert removed == pytest.approx(np.linalg.norm(v[k] @ a) / np.linalg.norm(a), rel=1e-4)
        scaled = one(rows, part=name, variant="scaled, equal norm", quantity="loss_change").value
        shorter = slot.whole((np.linalg.norm(left) / np.linalg.norm(a)) * slot.attention)
        assert scaled == pytest.approx(plainly(subject, shorter, strings)[1] - base[1], abs=1e-5)
        equal = one(rows, part=name, variant="random, equal norm", quantity="removed")
        assert equal.value == pytest.approx(removed, rel=1e-4) and equal["count"] == 3
    assert {"start", "learned", "learned, equal distance"} <= set(rows.variant)


def test_a_short_window_has_no_bulk(subject):
    rows = pd.DataFrame(EDGE_ABLATION.rows(subject, 20, PARAMETERS))
    assert set(rows.part) == {"", "edge", "v1", "v2"}
    rows = pd.DataFrame(EDGE_ABLATION.rows(subject, 30, PARAMETERS))
    assert set(rows.part) == {"", "edge", "v1", "v2", "v3"}  # v3 alone is not v3 and v4
