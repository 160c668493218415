"""Both routes are F.linear and its gradients, the choice is by what is known, nothing twice."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.models import linear, trunk
from grokbook.models.functional import rows_by_product, scatter_rows
from grokbook.models.layout import Layout
from grokbook.models.linear import MM, ONEDNN
from grokbook.models.trunk_gradient import TrunkGradient
from grokbook.training.trainer import Trainer

ROUTES = [MM, ONEDNN]
SMALL = {"modulus": 13, "width": 16, "heads": 2, "hidden": 24, "batch_size": 32}


def _draw(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def test_onednn_works_here():
    assert linear.trouble() is None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_those_of_f_linear(route, models, dtype):
    x, weight, bias, dy = (
        _draw(models, *shape, dtype=dtype, seed=k)
        for k, shape in enumerate([(40, 24), (17, 24), (17,), (40, 17)])
    )
    dweight = torch.empty_like(weight)
    route.weight_gradient(dy, x, dweight)
    found = [route.forward(x, weight, bias), route.forward(x, weight)]
    found += [route.input_gradient(dy, weight), dweight]
    wide = [t.double() for t in (x, weight, bias, dy)]
    for m in range(models):
        a, w, b, d = (t[m] for t in wide)
        wanted = [F.linear(a, w, b), F.linear(a, w), d @ w, d.t() @ a]
        for ours, theirs in zip(found, wanted, strict=True):
            tolerance = 1e-5 if dtype == torch.float32 else 1e-12
            torch.testing.assert_close(ours[m].double(), theirs, rtol=0, atol=tolerance * 10)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_strided_views_do_as_well(route):
    base, weight = _draw(1, 40, 48), _draw(1, 30, 24)
    x, part = base[:, :, 24:], weight[:, 10:20]
    torch.testing.assert_close(
        route.forward(x, part)[0], F.linear(x[0].contiguous(), part[0].contiguous())
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("models", [1, 2])
def test_the_written_gradient_is_autograds(route, layers, models):
    configs = [
        RunConfig(tasks=("add", "mul", "sq"), layers=layers, seed=seed, **SMALL)
        for seed in range(models)
    ]
    trainer = Trainer(configs, dtype=torch.float64)
    trainer.advance(3)
    chosen = [torch.from_numpy(stream.draw()) for stream in trainer.batches]
    tables = zip(trainer.tables, chosen, strict=True)
    pairs, labels = zip(
        *[
            (torch.from_numpy(t.pairs[t.train])[c], torch.from_numpy(t.labels[t.train])[c])
            for t, c in tables
        ],
        strict=True,
    )
    pairs, labels = torch.stack(pairs), torch.stack(labels)
    theta = trainer.theta.clone().requires_grad_()
    layout = Layout.of(configs[0])
    loss = trunk.losses(trunk.logits(layout, layout.views(theta), pairs), labels)
    (wanted,) = torch.autograd.grad(loss.sum(), theta)
    found = torch.full_like(wanted, torch.nan)
    ours = TrunkGradient(layout, theta.detach(), found, route)(pairs, labels)
    torch.testing.assert_close(ours, loss.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    key_bias = layout.views(found)["encoder.layers.0.self_attn.in_proj_bias"][:, 16:32]
    assert (key_bias == 0).all()


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize("models", [(), (3,)])
def test_rows_are_summed_alike_with_and_without_a_lookup(models, asked):
    x = _draw(*models, 20, asked, 5, dtype=torch.float64)
    token = torch.randint(0, 7, (*models, 20, 2), generator=torch.Generator().manual_seed(1))
    first = torch.arange(models[0]).view(-1, 1, 1) * 14 if models else 0
    found = scatter_rows(x, token + 7 * torch.arange(2) + first, 7, 2)
    by_hand = torch.zeros(*models, 14, 5, dtype=torch.float64)
    for where in np.ndindex(*models, 20, asked):
        row = (*where[:-2], int(token[where]) + 7 * where[-1])
        by_hand[row] += x[where]
    torch.testing.assert_close(found, by_hand, rtol=0, atol=1e-12)
    product = rows_by_product(x, token[..., :asked], 7, 2)
    torch.testing.assert_close(product, by_hand, rtol=0, atol=1e-12)


def test_routes_agree_over_training():
    config = RunConfig(tasks=("add", "mul"), **SMALL)
    trainers = [Trainer([config], route=route) for route in ROUTES]
    for trainer in trainers:
        trainer.advance(100)
    table = torch.from_numpy(trainers[0].tables[0].pairs)[None]
    outs = [trunk.logits(t.layout, t.layout.views(t.theta), table) for t in trainers]
    torch.testing.assert_close(*outs, rtol=0, atol=1e-4)


def test_one_derivative_and_no_second():
    x, weight, bias = (_draw(1, *shape).requires_grad_() for shape in ((8, 6), (5, 6), (5,)))
    loss = linear.linear(x, weight, bias).square().sum()
    (first,) = torch.autograd.grad(loss, x, create_graph=True)
    (wanted,) = torch.autograd.grad(F.linear(x[0], weight[0], bias[0]).square().sum(), x)
    torch.testing.assert_close(first, wanted)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def _fresh(monkeypatch, *, vendor="AuthenticAMD", capability="AVX512", variable=None):
    monkeypatch.setattr(linear, "_vendor", lambda: vendor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    if variable is None:
        monkeypatch.delenv(linear.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(linear.VARIABLE, variable)
    return linear._choice.__wrapped__()


def test_the_table_decides(monkeypatch):
    route, why = _fresh(monkeypatch)
    assert (route, why) == (ONEDNN, "known to be faster on AuthenticAMD AVX512")
    for vendor, capability in [("AuthenticAMD", "AVX2"), ("GenuineIntel", "AVX512")]:
        route, why = _fresh(monkeypatch, vendor=vendor, capability=capability)
        assert route is MM and vendor in why


def test_the_variable_forces(monkeypatch):
    assert _fresh(monkeypatch, variable="mm")[0] is MM
    assert _fresh(monkeypatch, capability="AVX2", variable="onednn")[0] is ONEDNN
    with pytest.raises(ConfigError, match="'fast'; it can be mm or onednn"):
        _fresh(monkeypatch, variable="fast")


def test_an_operator_that_is_wrong_or_gone_is_not_taken(monkeypatch):
    right = ONEDNN.product
    object.__setattr__(ONEDNN, "product", lambda x, w, b: right(x, w, b) * 1.001)
    try:
        route, why = _fresh(monkeypatch)
        assert route is MM and "wrong by" in why
        with pytest.raises(ConfigError, match="is onednn, but the operator is wrong"):
            _fresh(monkeypatch, variable="onednn")
    finally:
        object.__setattr__(ONEDNN, "product", right)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert _fresh(monkeypatch) == (MM, "this PyTorch has no oneDNN")


def test_a_bad_variable_is_one_line():
    shown = subprocess.run(
        [sys.executable, "-m", "grokbook", "train", "--tasks", "add", "--modulus", "7"],
        env={"PATH": "", "GROKBOOK_LINEAR": "fast", "GROKBOOK_STORE": "/nonexistent/store"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 2
    assert shown.stderr == "grokbook: GROKBOOK_LINEAR is 'fast'; it can be mm or onednn\n"
