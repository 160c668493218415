"""The instrument ``probes``: scikit-learn on the plain decoder's states, and planted depths."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge

from grokbook.geometry.probe_splits import split
from grokbook.instruments import probes
from grokbook.instruments.probes import PROBES, Tokens
from grokbook.instruments.subject import Subject
from grokbook.models import exchange
from grokbook.models.reference_decoder import PlainDecoder, padded

PARAMETERS = PROBES.complete({"strings": 40, "layered": 50})


@pytest.fixture
def subject(small_strings):
    return Subject(small_strings.runs()[0], small_strings)


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_states_are_those_of_the_plain_decoder(subject):
    theta, strings = subject.theta(300), subject.table.test_strings[:40]
    model = PlainDecoder(subject.config)
    model.load_state_dict(exchange.to_state_dict(subject.layout, theta[None]))
    tokens, labels = padded(strings)
    valid, seen = labels >= 0, []
    for layer in model.encoder.layers:
        layer.register_forward_hook(lambda module, given, out: seen.append(out))
    model.train()  # the fused path of evaluation calls no hooks; there is no dropout
    with torch.no_grad():
        model(tokens)
        last = model.norm(seen[1])
    mine = Tokens(subject, 40)
    states = mine.states(theta)
    for name, each in (("layer 0", seen[0]), ("layer 1", seen[1]), ("norm", last)):
        np.testing.assert_allclose(states[name], each[valid].numpy(), atol=1e-5)
    np.testing.assert_array_equal(mine.depths, labels[valid].numpy())
    np.testing.assert_array_equal(mine.open, (tokens == 0)[valid].numpy())
    rows = [i for i, string in enumerate(strings) for _ in string]
    for i, j in zip(range(200), range(200, 400), strict=True):
        assert (mine.ids[i] == mine.ids[j]) == (strings[rows[i]] == strings[rows[j]])


def test_the_published_probe_by_scikit_learn(subject):
    rows = pd.DataFrame(PROBES.rows(subject, 200, PARAMETERS))
    tokens = Tokens(subject, 40)
    states = tokens.states(subject.theta(200))["layer 1"]
    parts = split(tokens.ids, by="token", seed=subject.seed("probes/split"))
    model = Ridge(alpha=1.0).fit(states[parts.train], tokens.depths[parts.train])
    expected = model.score(states[parts.test], tokens.depths[parts.test])
    found = one(rows, quantity="linear", part="layer 1", variant="raw, token")
    assert found.value == pytest.approx(expected, abs=1e-8) and found.error > 0
    kinds = set(zip(rows.quantity, rows.part, rows.variant, strict=True))
    for kind in ("linear", "quadratic", "mlp"):
        for variant in ("raw, token", "standardised, string", "standardised, prefix"):
            assert (kind, "layer 1", variant) in kinds
    assert one(rows, quantity="repeated", variant="prefix").value == 0
    assert one(rows, quantity="leaked", variant="string").value == 0
    assert one(rows, quantity="leaked", variant="token").value > 0.5
    composed = one(rows, quantity="composed", part="composed to depth", variant="raw, token")
    assert composed.value > 0.99  # the label is among what it is composed from
    assert not {"mlp", "quadratic"} & {
        row.quantity for row in PROBES.rows(subject, 100, PARAMETERS)
    }


def test_planted_depths_are_read_whatever_their_size(subject, monkeypatch):
    """Along one axis, 1e-4 long: the fixed penalty of the published probe loses them."""

    def planted(self, theta):
        generator = np.random.default_rng(0)
        axis = generator.normal(size=16)
        each = np.outer(self.depths, axis) + 0.01 * generator.normal(size=(len(self.depths), 16))
        return dict.fromkeys(("embedding", "layer 0", "layer 1", "norm"), 1e-4 * each)

    monkeypatch.setattr(probes.Tokens, "states", planted)
    rows = pd.DataFrame(PROBES.rows(subject, 100, PARAMETERS))
    here = rows[(rows.part == "layer 1") & (rows.quantity == "linear")]
    assert one(here, variant="raw, token").value < 0.1
    assert one(here, variant="standardised, prefix").value > 0.999
    assert one(rows, part="layer 1", quantity="axis", at=1).value > 0.99
    distance = one(rows, part="layer 1", quantity="distance").value
    length = np.linalg.norm(np.random.default_rng(0).normal(size=16))
    assert distance == pytest.approx(1e-4 * length, rel=0.02)
