"""The instrument ``edge-functional`` against plain PyTorch, scikit-learn and sums by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge

from grokbook.geometry.probe_splits import split
from grokbook.instruments.answer_responses import AnswerResponses
from grokbook.instruments.depth_responses import DepthResponses
from grokbook.instruments.edge_functional import EDGE_FUNCTIONAL, directions
from grokbook.instruments.edge_path import EdgePath
from grokbook.instruments.network import AttentionSlot
from grokbook.instruments.probes import Tokens
from grokbook.instruments.subject import Subject
from grokbook.models import exchange
from grokbook.models.reference import PlainTransformer
from grokbook.models.reference_decoder import PlainDecoder, padded

PARAMETERS = EDGE_FUNCTIONAL.complete({"strings": 40, "draws": 3, "null_draws": 50})


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def of_task(small_sums, task):
    subjects = (Subject(run, small_sums) for run in small_sums.runs())
    return next(each for each in subjects if each.config.tasks == (task,))


def windows(subject, step, cadence, size):
    """v_1 … of a window as it is, and of one without its mean."""
    moved = np.diff(
        subject.attention(range(step - size * cadence, step + 1, cadence)).astype(float), axis=0
    )
    return (np.linalg.svd(each, full_matrices=False)[2] for each in (moved, moved - moved.mean(0)))


def plainly(subject, attention):
    """What the head reads by PyTorch's modules in float64: (n, d) of tokens or pairs."""
    whole = AttentionSlot(subject.layout, subject.theta(subject.last)).whole(attention)
    state = exchange.to_state_dict(subject.layout, whole[None])
    seen = []
    if subject.has("strings"):
        model, (given, labels) = (
            PlainDecoder(subject.config),
            padded(subject.table.test_strings[:40]),
        )
        chosen = labels >= 0
    else:
        model, given = PlainTransformer(subject.config), torch.from_numpy(subject.table.pairs)
    model.double().load_state_dict(state)
    model.norm.register_forward_hook(lambda module, x, out: seen.append(out))
    with torch.no_grad():
        model(given)
    return (seen[0][chosen] if subject.has("strings") else seen[0][:, 0]).numpy()


def responded(subject, v):
    at = AttentionSlot(subject.layout, subject.theta(subject.last)).attention.double()
    step = 0.005 * float(at.norm()) * torch.from_numpy(v)
    return plainly(subject, at + step) - plainly(subject, at), plainly(subject, at)


def shares(means):
    """|Fourier|² by the definition, of frequencies 0 … n/2, on both sides of the spectrum."""
    n, means = len(means), means - means.mean()
    powers = np.array([abs(sum(m * np.exp(2j * np.pi * k * j / n) for j, m in enumerate(means)))**2
                       for k in range(n // 2 + 1)])  # fmt: skip
    return powers / powers.sum()


def test_what_the_edge_says_of_depth(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 300, PARAMETERS))
    (v, centred), (long, both) = windows(subject, 300, 10, 5), windows(subject, 300, 10, 20)
    tokens = Tokens(subject, 40)
    path = EdgePath.of(subject)
    signs = directions(path, path.place(300), 5)
    assert set(signs) == {"v1", "v2", "v3", "v4", "v1 centred", "v1 of 20", "v1 of 20 centred"}
    for part, mine in (("v1", v[0]), ("v3", v[2]), ("v1 centred", centred[0]),
                       ("v1 of 20", long[0]), ("v1 of 20 centred", both[0])):  # fmt: skip
        unit = signs[part]
        assert abs(unit @ mine) == pytest.approx(1, abs=1e-6)
        moved, here = responded(subject, unit)
        f = (moved**2).sum(1)
        about = {"part": part}
        got = one(rows, quantity="response", **about).value
        assert got == pytest.approx(np.linalg.norm(moved) / np.linalg.norm(here), rel=1e-6)
        got = one(rows, quantity="correlation", **about).value
        assert got == pytest.approx(np.corrcoef(f, tokens.depths)[0, 1], rel=1e-6)
        got = one(rows, quantity="open_ratio", **about).value
        assert got == pytest.approx(f[tokens.open].mean() / f[~tokens.open].mean(), rel=1e-6)
        parts = split(tokens.ids, by="token", seed=subject.seed("edge-functional/split"))
        model = Ridge(alpha=1.0).fit(moved[parts.train], tokens.depths[parts.train])
        expected = model.score(moved[parts.test], tokens.depths[parts.test])
        got = one(rows, quantity="content", variant="raw, token", **about).value
        assert got == pytest.approx(expected, abs=1e-6)
        values = np.unique(tokens.depths)
        means = np.array([f[tokens.depths == depth].mean() for depth in values])
        profile = rows[(rows.quantity == "by_depth") & (rows.part == part)]
        np.testing.assert_allclose(profile.value, means, rtol=1e-6)
        spectrum = shares(means)
        assert one(rows, quantity="largest", **about).value == pytest.approx(
            spectrum.max(), rel=1e-6
        )
        assert one(rows, quantity="frequency", **about).value == spectrum.argmax()
        for variant, bins in (("published", len(values) // 2 + 1), ("corrected", len(values) // 2)):
            got = one(rows, quantity="elevation", variant=variant, **about).value
            assert got == pytest.approx(bins * spectrum.max(), rel=1e-6)
    head = subject.layout.views(subject.theta(300)[None])["head.weight"][0].double().numpy()
    logits = responded(subject, signs["v1"])[0] @ head.T
    size = logits.var(axis=1) * logits.shape[1]
    profile = rows[(rows.quantity == "logits_by_depth") & (rows.part == "v1")]
    expected = [size[tokens.depths == depth].mean() for depth in values]
    np.testing.assert_allclose(profile.value, expected, rtol=1e-6)


def test_what_stands_beside_it(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 300, PARAMETERS))
    random = rows[rows.part == "random"]
    assert set(random.quantity) == {"content", "correlation", "elevation", "largest", "response"}
    assert (random["count"] == 3).all() and (random.error > 0).all()
    values = len(np.unique(Tokens(subject, 40).depths))
    line = shares(np.arange(values)).max()
    assert one(rows, part="", quantity="largest", variant="ramp").value == pytest.approx(line)
    for variant, bins in (("published", values // 2 + 1), ("corrected", values // 2)):
        got = one(rows, quantity="elevation", variant=f"{variant}, ramp").value
        assert got == pytest.approx(bins * line)
    walk = rows[rows.variant == "random walk"].set_index("quantity").value
    assert walk.largest_low < walk.largest < walk.largest_high
    contents = set(rows[(rows.quantity == "content") & (rows.part == "v1")].variant)
    assert {"raw, token", "standardised, prefix", "standardised, string"} <= contents
    assert one(rows, part="v1", quantity="bent").value < 0.2
    assert one(rows, part="v1", quantity="rounding").value < 1e-3


@pytest.mark.parametrize("task", ["add", "mul"])
def test_waves_over_answers(small_sums, task):
    subject = of_task(small_sums, task)
    rows = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 60, PARAMETERS))
    answers = subject.table.labels[:, 0]
    logs = {pow(2, t, 11): t for t in range(10)}  # 2 is a primitive root of 11
    places = answers if task == "add" else np.array([logs.get(int(r), -1) for r in answers])
    n = 11 if task == "add" else 10
    path = EdgePath.of(subject)
    for part, v in directions(path, path.place(60), 5).items():
        moved = responded(subject, v)[0][places >= 0]
        f, at = (moved**2).sum(1), places[places >= 0]
        means = np.array([f[at == place].mean() for place in range(n)])
        turns = np.exp(2j * np.pi * np.outer(np.arange(1, n // 2 + 1), np.arange(n)) / n)
        powers = np.abs(turns @ means) ** 2
        if n % 2 == 0:
            powers[-1] /= 2  # one wave, where the others have two
        found = rows[(rows.part == part) & (rows.quantity == "share")].value
        np.testing.assert_allclose(found, powers / powers.sum(), rtol=1e-5)
        frequency = int(powers.argmax()) + 1
        assert one(rows, part=part, quantity="frequency").value == frequency
        largest = one(rows, part=part, quantity="largest").value
        assert largest == pytest.approx(powers.max() / powers.sum(), rel=1e-6)
        elevation = one(rows, part=part, quantity="elevation").value
        assert elevation == pytest.approx(largest * (n // 2))
        if part != "v1":
            continue
        pairs, found = np.arange(len(at)), []
        parts = split(pairs, by="token", seed=subject.seed("edge-functional/split"))
        for wave in (np.cos, np.sin):
            y = wave(2 * np.pi * frequency * at / n)
            if np.ptp(y) < 1e-9:
                continue
            model = Ridge(alpha=1.0).fit(moved[parts.train], y[parts.train])
            found.append(model.score(moved[parts.test], y[parts.test]))
        got = one(rows, part=part, quantity="content", variant="raw, pair").value
        assert got == pytest.approx(np.mean(found), abs=1e-6)
    assert one(rows, quantity="content", part="random")["count"] == 3


def planted_depths(self, theta):
    """Depth along one feature, times what the matrices add up to."""
    amount = theta.sum() / len(theta) ** 0.5
    depths = torch.from_numpy(self.tokens.depths).double()
    fixed = torch.randn(len(depths), 15, generator=torch.Generator().manual_seed(0)).double()
    return torch.column_stack([amount * (2 + torch.cos(2 * torch.pi * depths / 11)), fixed])


def test_a_planted_wave_of_depth_is_found(small_strings, monkeypatch):
    """All directions move one feature by 2 + cos of depth: frequency 1, whatever its size."""
    monkeypatch.setattr(DepthResponses, "hidden", planted_depths)
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 300, PARAMETERS | {"strings": 300}))
    about = {"part": "v1"}
    assert one(rows, quantity="frequency", **about).value == 1
    assert one(rows, quantity="largest", **about).value > 0.8
    assert one(rows, quantity="correlation", **about).value < -0.1  # deep is rare, and cos falls


def planted_answers(self, theta):
    """The wave 3 of the answer's place, of an amplitude that varies with it."""
    amount = theta.sum() / len(theta) ** 0.5
    turn = torch.from_numpy(6 * np.pi * self.basis.places[self.answers] / self.basis.order)
    size = amount * (1 + 0.3 * torch.cos(turn))
    return torch.column_stack([size * turn.cos(), size * turn.sin(), torch.ones_like(turn)])


@pytest.mark.parametrize("task", ["add", "mul"])
def test_a_planted_wave_of_answers_is_found(small_sums, task, monkeypatch):
    monkeypatch.setattr(AnswerResponses, "hidden", planted_answers)
    subject = of_task(small_sums, task)
    rows = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 60, PARAMETERS))
    about = {"part": "v1"}
    assert one(rows, quantity="frequency", **about).value == 3
    assert one(rows, quantity="largest", **about).value > 0.9
    got = one(rows, quantity="content", variant="standardised, pair", **about)
    assert got.value > 0.95


def test_points(small_strings, small_sums):
    subject = Subject(small_strings.runs()[0], small_strings)
    assert EDGE_FUNCTIONAL.points(subject, PARAMETERS) == [200, 300]
    assert EDGE_FUNCTIONAL.points(of_task(small_sums, "add"), PARAMETERS) == [60]
    early = pd.DataFrame(EDGE_FUNCTIONAL.rows(subject, 20, PARAMETERS))
    assert {"v1", "v2"} <= set(early.part) and not {"v3", "v1 of 20"} & set(early.part)
