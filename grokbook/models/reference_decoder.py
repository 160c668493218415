"""The plain reference of the causal decoder: padded sequences, `nn.TransformerEncoder`.

As `grokbook.models.reference` for modular arithmetic: nothing here is clever, on purpose.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grokbook.config import DyckConfig
from grokbook.models.reference import encoder, optimiser
from grokbook.tasks import dyck

IGNORED = -100
"""Label of padding."""


class PlainDecoder(nn.Module):
    """The published model from PyTorch's modules, in the published order (2602.16967 § 3)."""

    def __init__(self, config: DyckConfig) -> None:
        super().__init__()
        width = config.width
        self.token = nn.Embedding(dyck.TOKENS, width)
        self.position = nn.Embedding(config.positions, width)
        self.encoder = encoder(config)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, dyck.DEPTHS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, 13) for padded tokens (B, T)."""
        length = tokens.shape[1]
        hidden = self.token(tokens) + self.position(torch.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=hidden.dtype)
        return self.head(self.norm(self.encoder(hidden, mask=mask, is_causal=True)))


def padded(strings: tuple[tuple[int, ...], ...]) -> tuple[Tensor, Tensor]:
    """Tokens and true depths, (S, 24) each; padding has the third token and no label."""
    tokens = torch.full((len(strings), dyck.LENGTH), dyck.PAD)
    labels = torch.full((len(strings), dyck.LENGTH), IGNORED)
    for row, string in enumerate(strings):
        tokens[row, : len(string)] = torch.tensor(string)
        labels[row, : len(string)] = torch.from_numpy(dyck.depths(string))
    return tokens, labels


class PlainDecoderLoop:
    """The published training loop, plain, on true depths (2602.16967 § 3).

    One generator gives the initial weights and then every batch.

    Attributes:
        model: what is trained, from the published initialisation.
    """

    def __init__(self, config: DyckConfig, dtype: torch.dtype = torch.float32) -> None:
        self._config = config
        self._tokens, self._labels = padded(config.table().train_strings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = PlainDecoder(config)
            self._stream = torch.get_rng_state()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if "norm" not in name:
                    parameter.mul_(config.init_scale)
        self.model.to(dtype)
        self._optimiser = optimiser(config, self.model)

    def advance(self, steps: int = 1) -> None:
        """Make ``steps`` updates."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._stream)
            for _ in range(steps):
                self._step()
            self._stream = torch.get_rng_state()

    def _step(self) -> None:
        chosen = torch.randint(0, len(self._tokens), (self._config.batch_size,))
        outputs = self.model(self._tokens[chosen])
        loss = F.cross_entropy(
            outputs.flatten(0, 1), self._labels[chosen].flatten(), ignore_index=IGNORED
        )
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self._config.clip_norm)
        self._optimiser.step()
