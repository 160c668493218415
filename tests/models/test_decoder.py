"""The decoder on trees of prefixes against the plain reference on padded strings (contract 8)."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from grokbook.config import DyckConfig
from grokbook.models import decoder, exchange, linear
from grokbook.models.decoder import Nodes
from grokbook.models.decoder_gradient import DecoderGradient
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import DecoderLayout, Layout
from grokbook.models.reference_decoder import PlainDecoder, PlainDecoderLoop, padded
from grokbook.tasks.prefixes import Prefixes
from grokbook.training.trainer import Trainer

CONFIG = DyckConfig(seed=137)
SMALL = {"width": 16, "heads": 2, "hidden": 24}
ROUTES = [linear.MM, *([] if linear.trouble() else [linear.ONEDNN])]


def plain(config, dtype=torch.float32):
    return PlainDecoderLoop(config, dtype).model


def along(tree, nodes):
    """Values of nodes, as far as strings go: (N, C) ↦ (tokens, C), and where they are."""
    paths = torch.from_numpy(tree.paths)
    there = paths >= 0
    return nodes[paths[there]], there


def on_strings(model, strings, wide):
    with torch.no_grad():
        return model(padded(strings)[0])[:, :wide]


def test_the_published_size():
    layout = Layout.of(CONFIG)
    assert layout.size == 273_421 == sum(p.numel() for p in PlainDecoder(CONFIG).parameters())
    assert layout.attention_size == 131_072
    assert Layout.of(replace(CONFIG, positions=24)).size == 270_349
    assert list(layout.attention_blocks()) == [
        f"{layer}.{name}" for layer in (0, 1) for name in ("W_Q", "W_K", "W_V", "W_O")
    ]
    assert list(layout.parts)[-2:] == ["head.weight", "head.bias"]
    assert layout.parts["1.W_O"].stop - layout.parts["1.W_O"].start == 128**2


@pytest.mark.parametrize("config", [CONFIG, DyckConfig(seed=1, positions=24, layers=3, **SMALL)])
def test_initial_weights_are_the_references_bits(config):
    layout, theirs = Layout.of(config), plain(config)
    assert [name for name, _ in theirs.named_parameters()] == list(layout.shapes)
    ours = exchange.to_state_dict(layout, initial_parameters(layout, [config.seed]))
    assert all(torch.equal(value, ours[name]) for name, value in theirs.state_dict().items())
    first, second = (
        {n.replace("layers.1", "layers.0"): v for n, v in ours.items() if f"layers.{k}." in n}
        for k in (0, 1)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)  # as deep copies are


def test_a_smaller_start_scales_what_is_drawn():
    layout = Layout.of(CONFIG)
    whole, quarter = (initial_parameters(layout, [7], scale=scale) for scale in (1, 0.25))
    for name, view in layout.views(quarter).items():
        gain = "norm" in name and name.endswith("weight")
        assert torch.equal(view, layout.views(whole)[name] * (1 if gain else 0.25))
    with torch.no_grad():
        model = plain(replace(CONFIG, init_scale=0.25))
    started = Trainer([replace(CONFIG, init_scale=0.25)])
    assert torch.equal(exchange.from_state_dict(layout, model.state_dict()), started.theta)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_forward(part, dtype):
    table = CONFIG.table()
    strings = {"train": table.train_strings, "test": table.test_strings[:300]}[part]
    tree, layout, model = Prefixes.of(strings), Layout.of(CONFIG), plain(CONFIG, dtype)
    views = layout.views(exchange.from_state_dict(layout, model.state_dict()))
    wanted = on_strings(model, strings, tree.paths.shape[1])
    for product in (decoder.plain_linear, linear.linear):
        with torch.no_grad():
            ours = decoder.logits(layout, views, Nodes.of(tree), linear=product)[0]
        found, there = along(tree, ours)
        tolerance = 1e-12 if dtype == torch.float64 else 5e-6
        torch.testing.assert_close(found, wanted[there], rtol=0, atol=tolerance)


def test_states_are_the_residual_stream():
    strings, layout, model = CONFIG.table().train_strings, Layout.of(CONFIG), plain(CONFIG)
    tree, streams = Prefixes.of(strings), []
    for layer in model.encoder.layers:
        layer.register_forward_hook(lambda _, __, out: streams.append(out))
    model.train()  # evaluation takes a fused path, which calls no hook
    wide = tree.paths.shape[1]
    on_strings(model, strings, wide)
    views = layout.views(exchange.from_state_dict(layout, model.state_dict()))
    found = decoder.states(layout, views, Nodes.of(tree))
    assert len(found) == 3
    for ours, theirs in zip(found[1:], streams, strict=True):
        values, there = along(tree, ours[0])
        torch.testing.assert_close(values, theirs[:, :wide][there], rtol=0, atol=5e-6)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize("batch", ["some", "all"])
def test_the_written_gradient_is_autograds(route, layers, models, batch):
    layout = DecoderLayout(positions=30, layers=layers, **SMALL)
    table = CONFIG.table()
    tree, generator = table.train_tree, torch.Generator().manual_seed(0)
    theta = initial_parameters(layout, range(models), dtype=torch.float64)
    theta += 0.1 * torch.randn(theta.shape, generator=generator).double()
    labels = torch.randint(13, (models, len(tree)), generator=generator)
    weights = torch.rand(models, len(tree), generator=generator).double()
    if batch == "some":
        drawn = torch.from_numpy(tree.counts(torch.arange(20).numpy()))
        weights *= drawn > 0
    found = torch.full_like(theta, torch.nan)
    ours = DecoderGradient(layout, tree, theta, found, route)(labels, weights)
    leaf = theta.clone().requires_grad_()
    loss = decoder.loss(decoder.logits(layout, layout.views(leaf), Nodes.of(tree)), labels, weights)
    (wanted,) = torch.autograd.grad(loss.sum(), leaf)
    torch.testing.assert_close(ours, loss.detach(), rtol=0, atol=1e-11)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-11)
    views = layout.views(found)
    assert (views["encoder.layers.0.self_attn.in_proj_bias"][:, 16:32] == 0).all()
    assert (views["token.weight"][:, 2] == 0).all()
    assert (views["position.weight"][:, 24:] == 0).all()


def test_the_sums_of_a_gpu_are_the_same_sums():
    generator, tree = torch.Generator().manual_seed(0), CONFIG.table().train_tree
    nodes = Nodes.of(tree)
    seen, values = nodes.seen.flatten(), torch.randn(nodes.seen.numel(), 6, generator=generator)
    added = torch.zeros(len(tree), 6).index_add_(0, seen, values)
    each = (torch.arange(len(tree)).unsqueeze(1) == seen).float()
    torch.testing.assert_close(each @ values, added, rtol=0, atol=1e-5)


def test_second_derivatives_are_those_of_differences():
    layout = DecoderLayout(positions=24, width=4, heads=2, hidden=4)
    tree = Prefixes.of(CONFIG.table().train_strings[:4])
    nodes, generator = Nodes.of(tree), torch.Generator().manual_seed(2)
    theta = initial_parameters(layout, [5], dtype=torch.float64)
    along_which = torch.randn(theta.shape, generator=generator).double()
    labels = torch.randint(13, (1, len(tree)), generator=generator)
    weights = torch.full((1, len(tree)), 1 / len(tree)).double()

    def slope(at, keep=False):
        at = at.clone().requires_grad_()
        loss = decoder.loss(decoder.logits(layout, layout.views(at), nodes), labels, weights)
        return at, torch.autograd.grad(loss.sum(), at, create_graph=keep)[0]

    leaf, first = slope(theta, keep=True)
    (curved,) = torch.autograd.grad((first * along_which).sum(), leaf)
    step = 1e-5
    difference = (slope(theta + step * along_which)[1] - slope(theta - step * along_which)[1]) / (
        2 * step
    )
    torch.testing.assert_close(curved, difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(replace(CONFIG, **SMALL), id="small"),
        pytest.param(CONFIG, id="published", marks=[pytest.mark.slow, pytest.mark.long(60)]),
    ],
)
def test_two_hundred_steps_in_float64(config):
    trainer, loop = Trainer([config], dtype=torch.float64), PlainDecoderLoop(config, torch.float64)
    trainer.advance(200)
    loop.advance(200)
    wanted = exchange.from_state_dict(trainer.layout, loop.model.state_dict())
    torch.testing.assert_close(trainer.theta, wanted, rtol=0, atol=1e-10)


def trained_logits(config, theta):
    """Logits of the training prefixes in float64, so that only the weights differ."""
    layout = Layout.of(config)
    with torch.no_grad():
        views = layout.views(theta.double())
        return decoder.logits(layout, views, Nodes.of(config.table().train_tree))


SLOW = [pytest.mark.slow, pytest.mark.long(30)]
PUBLISHED_STEPS = pytest.param(
    *(1e-3, 200),
    marks=[
        *SLOW,
        pytest.mark.xfail(
            strict=True,
            reason="what is asked of every model is not met: plain and written-out loops part ways",
        ),
    ],
)


@pytest.mark.parametrize(
    ("rate", "steps"), [PUBLISHED_STEPS, pytest.param(1e-4, 200, marks=SLOW), (1e-3, 25)]
)
def test_many_steps_in_float32(rate, steps):
    """At the published rate the loops part after some fifty steps, and each from float64."""
    config = DyckConfig(seed=42, learning_rate=rate)
    trainer, loop = Trainer([config]), PlainDecoderLoop(config)
    trainer.advance(steps)
    loop.advance(steps)
    plainly = exchange.from_state_dict(trainer.layout, loop.model.state_dict())
    ours, wanted = (trained_logits(config, theta) for theta in (trainer.theta, plainly))
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.long(30)
def test_rounding_takes_us_no_further_from_float64_than_the_plain_loop():
    config = DyckConfig(seed=42)
    exact, trainer = Trainer([config], dtype=torch.float64), Trainer([config])
    loop = PlainDecoderLoop(config)
    for _ in range(4):
        for each in (exact, trainer, loop):
            each.advance(50)
        plainly = exchange.from_state_dict(trainer.layout, loop.model.state_dict())
        truth, ours, theirs = (
            trained_logits(config, theta) for theta in (exact.theta, trainer.theta, plainly)
        )
        assert (ours - truth).abs().max() <= (theirs - truth).abs().max() < 0.02


def test_the_reference_evaluates_the_same():
    trainer = Trainer([replace(CONFIG, **SMALL)])
    trainer.advance(30)
    found = trainer.objective.evaluate()[0]
    model = PlainDecoder(replace(CONFIG, **SMALL))
    model.load_state_dict(exchange.to_state_dict(trainer.layout, trainer.theta))
    for part, strings in (
        ("train", CONFIG.table().train_strings),
        ("test", CONFIG.table().test_strings),
    ):
        tokens, labels = padded(strings)
        with torch.no_grad():
            out = model(tokens)
        there = labels >= 0
        right = (out.argmax(-1) == labels)[there].double().mean()
        loss = nn.functional.cross_entropy(out[there], labels[there])
        # Logits that all but tie may fall either way.
        assert getattr(found, f"{part}_accuracy")[0] == pytest.approx(float(right), abs=1e-4)
        assert getattr(found, f"{part}_loss")[0] == pytest.approx(float(loss), abs=1e-5)
