"""The plain reference: `nn.TransformerEncoder`, stock AdamW, stock clipping.

Nothing here is clever, on purpose.  The fast model and the fast training step are tested against
it, and the benchmark measures itself beside it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grokbook.config import Config, RunConfig
from grokbook.models.layout import SEQUENCE


def encoder(config: Config) -> nn.TransformerEncoder:
    """PyTorch's encoder of pre-norm blocks; all of them start as copies of one."""
    layer = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        config.hidden,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)


def optimiser(config: Config, model: nn.Module) -> torch.optim.AdamW:
    """PyTorch's AdamW on all parameters."""
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
    )


class PlainTransformer(nn.Module):
    """The paper's model from PyTorch's modules, built in the paper's order (2602.18523 § 2)."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        width = config.width
        self.token = nn.Embedding(config.modulus, width)
        self.position = nn.Parameter(torch.randn(SEQUENCE, width) / math.sqrt(width))
        self.encoder = encoder(config)
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleList(nn.Linear(width, config.modulus) for _ in config.tasks)

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits (B, T, p) for pairs (B, 2)."""
        hidden = self.encoder(self.token(pairs) + self.position)
        read = self.norm(hidden)[:, 0]
        return torch.stack([head(read) for head in self.heads], dim=1)


def build(config: RunConfig, dtype: torch.dtype = torch.float32) -> PlainTransformer:
    """A reference model initialised from the global generator, which is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.init_seed)
        return PlainTransformer(config).to(dtype)


class PlainLoop:
    """The published training loop, plain (2602.18523 § 3).

    A step draws a batch with NumPy, sums the heads' mean cross-entropies, clips, and lets stock
    AdamW update.  The examples lie in tensors; the published scripts index Python lists of
    tuples, which costs more.

    Attributes:
        model: what is trained, from the paper's initialisation.
    """

    def __init__(self, config: RunConfig, dtype: torch.dtype = torch.float32) -> None:
        self.model = build(config, dtype)
        self._config, self._table = config, config.table()
        self._pairs = torch.from_numpy(self._table.pairs)
        self._labels = torch.from_numpy(self._table.labels)
        self._optimiser = optimiser(config, self.model)
        self._draws = np.random.RandomState(config.batch_seed)

    def advance(self, steps: int = 1) -> None:
        """Make ``steps`` updates."""
        config, train = self._config, self._table.train
        for _ in range(steps):
            chosen = torch.from_numpy(train[self._draws.randint(0, len(train), config.batch_size)])
            outputs = self.model(self._pairs[chosen])
            loss = sum(
                F.cross_entropy(outputs[:, task], self._labels[chosen, task])
                for task in range(len(config.tasks))
            )
            self._optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
            self._optimiser.step()


def train(config: RunConfig, steps: int, dtype: torch.dtype = torch.float32) -> PlainTransformer:
    """The model after ``steps`` steps of the plain loop."""
    loop = PlainLoop(config, dtype)
    loop.advance(steps)
    return loop.model
