"""What every chapter rests on: the network."""

from __future__ import annotations

from grokbook.claims.readings.place import Place, Reader


def _parameters(at: Place) -> float:
    from grokbook.models.layout import Layout

    return float(Layout.of(at.run(at["setting"]).config).size)


def _plain(at: Place) -> float:
    """Of PyTorch's own encoder, two embeddings and one linear layer a task."""
    from torch import nn

    config = at.run(at["setting"]).config
    block = nn.TransformerEncoderLayer(
        config.width, config.heads, config.hidden, dropout=0.0, batch_first=True, norm_first=True
    )
    parts = [
        nn.TransformerEncoder(block, config.layers, enable_nested_tensor=False),
        nn.LayerNorm(config.width),
        nn.Embedding(config.modulus, config.width),
        nn.Embedding(2, config.width),
        *(nn.Linear(config.width, config.modulus) for _ in config.tasks),
    ]
    return float(sum(p.numel() for part in parts for p in part.parameters()))


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-68", "parameters"): _parameters,
    ("MT-68", "parameters", "plain"): _plain,
}
