"""The fast model and step against the plain reference, as the house promises (contract 8)."""

import pytest
import torch

from grokbook.config import RunConfig
from grokbook.models import exchange, reference, trunk
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.training import coefficients
from grokbook.training.adamw import AdamW
from grokbook.training.trainer import Trainer

SETTINGS = {"single": ("add",), "dual": ("add", "mul"), "tri": ("add", "mul", "sq")}


@pytest.fixture(
    params=[
        "dual",
        pytest.param("single", marks=pytest.mark.slow),
        pytest.param("tri", marks=pytest.mark.slow),
    ],
    scope="module",
)
def config(request):
    return RunConfig(tasks=SETTINGS[request.param], seed=137)


def _pairs(layout, models=1, batch=64):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(1, layout.modulus, (models, batch, 2), generator=generator)


def test_initial_weights_are_the_references_bits(config):
    layout = Layout.of(config)
    plain = reference.build(config).state_dict()
    ours = exchange.to_state_dict(layout, initial_parameters(layout, [config.init_seed]))
    assert list(plain) == list(ours)
    assert all(torch.equal(plain[name], ours[name]) for name in plain)


def test_flat_order_is_the_references_parameter_order(config):
    plain = reference.build(config)
    assert [name for name, _ in plain.named_parameters()] == list(Layout.of(config).shapes)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_forward_in_float64(config, layers):
    deep = RunConfig(tasks=config.tasks, seed=config.seed, layers=layers)
    layout = Layout.of(deep)
    plain = reference.build(deep, torch.float64)
    theta = exchange.from_state_dict(layout, plain.state_dict())
    pairs = _pairs(layout)
    ours = trunk.logits(layout, layout.views(theta), pairs)[0]
    torch.testing.assert_close(ours, plain(pairs[0]), rtol=0, atol=1e-12)


def test_forward_in_float32(config):
    layout = Layout.of(config)
    plain = reference.build(config)
    theta = exchange.from_state_dict(layout, plain.state_dict())
    pairs = _pairs(layout, batch=512)
    ours = trunk.logits(layout, layout.views(theta), pairs)[0]
    torch.testing.assert_close(ours, plain(pairs[0]), rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("setting", "batch"),
    [
        ("dual", 32),
        *(pytest.param(setting, 32, marks=pytest.mark.slow) for setting in ("single", "tri")),
        pytest.param("tri", 512, marks=[pytest.mark.slow, pytest.mark.long(55)]),
    ],
)
def test_two_hundred_steps_in_float64(setting, batch):
    """All settings in small batches, that with most heads in the published ones, too."""
    config = RunConfig(tasks=SETTINGS[setting], seed=137, batch_size=batch)
    trainer = Trainer([config], dtype=torch.float64)
    trainer.advance(200)
    plain = exchange.from_state_dict(
        trainer.layout, reference.train(config, 200, torch.float64).state_dict()
    )
    torch.testing.assert_close(trainer.theta, plain, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.long(26)
def test_two_hundred_steps_in_float32():
    config = RunConfig(tasks=("add", "mul"), seed=42)
    trainer = Trainer([config])
    trainer.advance(200)
    plain = reference.train(config, 200)
    pairs = torch.from_numpy(trainer.tables[0].pairs)
    with torch.no_grad():
        ours = trunk.logits(trainer.layout, trainer.layout.views(trainer.theta), pairs[None])[0]
        torch.testing.assert_close(ours, plain(pairs), rtol=0, atol=1e-4)


def test_optimiser_on_identical_gradients():
    config = RunConfig(tasks=("add",), learning_rate=3e-3, weight_decay=0.3)
    generator = torch.Generator().manual_seed(1)
    theta = torch.randn(1, 1000, generator=generator)
    stock = torch.nn.Parameter(theta[0].clone())
    gradient = torch.empty_like(theta)
    ours = AdamW(theta, gradient, beta1=0.9, beta2=0.98, epsilon=1e-8)
    theirs = torch.optim.AdamW([stock], lr=3e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.3)
    for step in range(200):
        # Norms on both sides of the clipping threshold.
        drawn = torch.randn(1, 1000, generator=generator) * (0.1 if step % 2 else 0.01)
        gradient.copy_(drawn)
        stock.grad = drawn[0].clone()
        torch.nn.utils.clip_grad_norm_([stock], 1.0)
        now = coefficients.block([config], [step], 1, [True]).values[0]
        ours.step(torch.from_numpy(now).float().unsqueeze(-1))
        theirs.step()
    torch.testing.assert_close(theta[0], stock.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "batch", [32, pytest.param(512, marks=[pytest.mark.slow, pytest.mark.long(29)])]
)
def test_an_ensemble_is_its_single_runs(batch):
    configs = [
        RunConfig(tasks=("add", "mul"), seed=s, weight_decay=w, learning_rate=r, batch_size=batch)
        for s, w, r in [(1, 1.0, 1e-3), (2, 0.0, 3e-3), (3, 0.3, 1e-3)]
    ]
    together = Trainer(configs, dtype=torch.float64)
    together.advance(50)
    for model, config in enumerate(configs):
        alone = Trainer([config], dtype=torch.float64)
        alone.advance(50)
        torch.testing.assert_close(together.theta[model], alone.theta[0], rtol=0, atol=1e-10)


def test_state_dict_round_trip_and_refusals(config):
    layout = Layout.of(config)
    theta = initial_parameters(layout, [7])
    state = exchange.to_state_dict(layout, theta)
    assert torch.equal(exchange.from_state_dict(layout, state), theta)
    with pytest.raises(ValueError, match="no parameter 'norm.bias'"):
        exchange.from_state_dict(layout, {k: v for k, v in state.items() if k != "norm.bias"})
    with pytest.raises(ValueError, match="'position' has shape"):
        exchange.from_state_dict(layout, state | {"position": torch.zeros(3, 128)})
    with pytest.raises(ValueError, match="unknown parameter 'extra'"):
        exchange.from_state_dict(layout, state | {"extra": torch.zeros(1)})
