"""The instrument ``positional`` against plain PyTorch: hooks, NumPy's own Fourier, sums by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook.geometry.fourier_nulls import NULLS
from grokbook.instruments import positional
from grokbook.instruments.positional import FORMS, POSITIONAL
from grokbook.instruments.subject import Subject
from grokbook.models import exchange
from grokbook.models.reference_decoder import PlainDecoder, padded
from grokbook.tasks import dyck

PARAMETERS = POSITIONAL.complete({"strings": 60, "attended": 20, "switched": 10, "draws": 3})


@pytest.fixture
def subject(small_strings):
    return Subject(small_strings.runs()[0], small_strings)


@pytest.fixture(scope="module")
def rows(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    return pd.DataFrame(POSITIONAL.rows(subject, 300, PARAMETERS))


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def plain(subject, count):
    """The plain decoder in float64 on padded strings; which tokens are none."""
    model = PlainDecoder(subject.config).double()
    theta = subject.theta(300).double()
    model.load_state_dict(exchange.to_state_dict(subject.layout, theta[None]))
    tokens, labels = padded(subject.table.test_strings[:count])
    model.train()  # the fused path of evaluation calls no hooks; there is no dropout
    return model, tokens, (labels >= 0).numpy()


def test_spectra_of_the_plain_decoder(subject, rows):
    model, tokens, valid = plain(subject, 60)
    seen = []
    for layer in (*model.encoder.layers, model.norm):
        layer.register_forward_hook(lambda module, given, out: seen.append(out.numpy()))
    with torch.no_grad():
        model(tokens)
        seen.insert(0, (model.token(tokens) + model.position(torch.arange(24))).numpy())
    whole = valid.all(1)
    for part, states in zip(("embedding", "layer 0", "layer 1", "norm"), seen, strict=True):
        kept = np.where(valid[..., None], states, 0)
        level = kept.sum(1, keepdims=True) / valid.sum(1)[:, None, None]
        less = np.where(valid[..., None], states - level, 0)
        for variant, each in (
            ("published", kept),
            ("level removed", less),
            ("full strings", states[whole]),
            ("full strings level removed", less[whole]),
        ):
            powers = (np.abs(np.fft.fft(each, axis=1)) ** 2)[:, :13].mean(axis=(0, 2))
            expected = powers / powers.sum()
            about = {"part": part, "variant": variant}
            found = rows[(rows.part == part) & (rows.variant == variant)]
            shares = found[found.quantity == "share"].sort_values("at").value
            # The model is float32, the plain one here float64.
            np.testing.assert_allclose(shares, expected, atol=1e-5)
            assert one(rows, quantity="frequency", **about).value == expected.argmax()
            got = one(rows, quantity="top_three", **about).value
            assert got == pytest.approx(np.sort(expected)[-3:].sum(), abs=1e-5)
            got = one(rows, quantity="largest", **about).value
            assert got == pytest.approx(expected.max(), abs=1e-5)
    assert (
        one(rows, part="norm", variant="full strings", quantity="largest")["count"] == whole.sum()
    )


def test_brackets_and_their_running_sum(subject, rows):
    strings = subject.table.test_strings[:60]
    signs, depths = np.zeros((2, 60, 24))
    for row, string in enumerate(strings):
        signs[row, : len(string)] = [1 if token == dyck.OPEN else -1 for token in string]
        depths[row, : len(string)] = dyck.depths(string)
    for part, each in (("brackets", signs), ("depth", depths)):
        powers = (np.abs(np.fft.rfft(each, axis=1)) ** 2).mean(0)
        found = one(rows, part=part, variant="published", quantity="largest").value
        assert found == pytest.approx(powers.max() / powers.sum())
    assert one(rows, part="brackets", variant="published", quantity="share", at=0).value < 1e-12


def test_attention_of_the_plain_decoder(subject, rows):
    model, tokens, valid = plain(subject, 20)
    seen = []

    def look(module, given, out):
        query = given[0]
        mask = torch.full((24, 24), -torch.inf).triu(1).double()
        seen.append(module(query, query, query, attn_mask=mask, average_attn_weights=False)[1])

    handles = [
        layer.norm1.register_forward_hook(
            lambda module, given, out, block=layer.self_attn: look(block, (out,), None)
        )
        for layer in model.encoder.layers
    ]
    with torch.no_grad():
        model(tokens)
    for handle in handles:
        handle.remove()
    for layer, weights in enumerate(seen):
        each = weights.numpy()  # (N, heads, T, T)
        nats = -np.where(each > 0, each * np.log(np.maximum(each, 1e-300)), 0).sum(-1)
        for head in range(2):
            part = f"{layer}.{head}"
            got = one(rows, quantity="entropy", part=part, variant="published").value
            assert got == pytest.approx(nats[:, head].mean(), abs=1e-5)
            got = one(rows, quantity="entropy", part=part, variant="tokens").value
            assert got == pytest.approx(nats[:, head][valid].mean(), abs=1e-5)
            mean = each[:, head].mean(0)
            apart = [
                sum(mean[t, s] * math.log(mean[t, s] * (t + 1)) for s in range(t + 1))
                for t in range(1, 24)
            ]
            got = one(rows, quantity="counting", part=part, variant="published").value
            assert got == pytest.approx(np.mean(apart), abs=1e-5)
            got = one(rows, quantity="local", part=part, variant="published").value
            assert got == pytest.approx(np.diag(mean).mean(), abs=1e-5)
            logs = np.log(np.maximum(each[:, head], 1e-300))
            variance = [logs[:, t, : t + 1].var(axis=1).mean() for t in range(1, 24)]
            got = one(rows, quantity="logit_variance", part=part, variant="published").value
            assert got == pytest.approx(np.mean(variance), rel=1e-3)
        if layer == 0:
            w = model.encoder.layers[0].self_attn.in_proj_weight.detach().numpy()
            sizes = np.linalg.norm(w[:8]) * np.linalg.norm(w[16:24])
            assert one(rows, quantity="size", part="0.0").value == pytest.approx(sizes, rel=1e-6)
    mean = np.mean([-np.where(w > 0, w * np.log(np.maximum(w, 1e-300)), 0).sum(-1).mean()
                    for w in (each.numpy()[:10] for each in seen)])  # fmt: skip
    got = one(rows, quantity="mean_entropy", variant="published")
    assert got.value == pytest.approx(mean, abs=1e-5) and got["count"] == 240
    most = one(rows, quantity="most_entropy", variant="published").value
    assert most == pytest.approx(math.lgamma(25) / 24)
    lengths = [math.lgamma(int(n) + 1) for n in valid.sum(1)]
    most = one(rows, quantity="most_entropy", variant="tokens").value
    assert most == pytest.approx(sum(lengths) / valid.sum())


def test_nulls_stand_beside_the_last_point(subject, rows):
    for variant in FORMS:
        laws = {
            null: one(rows, quantity="largest", part="", variant=f"{variant}, {null}")
            for null in NULLS
        }
        assert laws["white noise"]["count"] == 3 and laws["ramp"]["count"] == 1
        assert laws["white noise"].value < laws["random walk"].value
    ramp = np.tile(np.arange(24.0), (60, 1))
    valid = np.array([len(each) for each in subject.table.test_strings[:60]])[:, None] > ramp
    powers = (np.abs(np.fft.rfft(np.where(valid, ramp, 0), axis=1)) ** 2).mean(0)
    found = one(rows, quantity="largest", part="", variant="published, ramp").value
    assert found == pytest.approx(powers.max() / powers.sum())
    before = pd.DataFrame(POSITIONAL.rows(subject, 100, PARAMETERS))
    assert not {"brackets", "depth"} & set(before.part)
    assert not before.variant.str.contains("ramp").any()


def test_planted_states(subject, monkeypatch):
    """States that alternate on top of a level: 12 without it, 0 as published."""

    def planted(self, theta):
        count, length = self.valid.shape
        wave = 3 + np.where(np.arange(length) % 2, 1.0, -1.0)
        each = np.where(self.valid, wave, 0.0)[..., None]
        return {"layer 1": each * np.ones(4)}

    monkeypatch.setattr(positional._Sequences, "states", planted)
    rows = pd.DataFrame(POSITIONAL.rows(subject, 100, PARAMETERS))
    here = {"part": "layer 1", "quantity": "frequency"}
    assert one(rows, variant="published", **here).value == 0
    assert one(rows, variant="level removed", **here).value == 12
    assert one(rows, variant="full strings level removed", **here).value == 12


def test_points(subject):
    assert POSITIONAL.points(subject, PARAMETERS) == [0, 100, 200, 300]
