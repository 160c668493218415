"""What a training step has to compute: the multiplications and additions of its matrix products.

A product of (n × i) by (i × o) costs 2 n i o operations.  Backward it costs twice that again, one
product for the gradient of each factor, so a step is three times its forward pass.  Everything
else (LayerNorm, GELU, softmax, AdamW) is left out, as is usual: it costs time, but is not what a
processor's rate is quoted in.
"""

from __future__ import annotations

from grokbook.config import RunConfig
from grokbook.models.layout import SEQUENCE

_STEP = 2 * 3
"""Operations a step for each multiply-add of the forward pass."""


def published_flops(config: RunConfig) -> int:
    """FLOP a step of the textbook form, the published one, attention's two products included.

    With B examples, width d, hidden width f, T tasks and L layers the forward pass makes
    L · (2B (4d² + 2df) + 8Bd) + BTpd multiply-adds.

    >>> published_flops(RunConfig(tasks=("add", "mul")))
    1693188096
    """
    batch, d, f = config.batch_size, config.width, config.hidden
    layer = SEQUENCE * batch * (4 * d * d + 2 * d * f)
    attention = 2 * batch * SEQUENCE * SEQUENCE * d
    return _STEP * (config.layers * (layer + attention) + _heads(config))


def step_flops(config: RunConfig) -> int:
    """FLOP a model-step of `grokbook.models.trunk_gradient`, which computes the same with less.

    Multiply-adds of the forward pass, rows × what each costs:

        layer 1           query, key and value of the 2p distinct rows      2p · 3d²
        later layers      query at both positions, in the last at 0 alone   2B or B · d²
                          key, once, of the difference of the positions     B · d²
                          value at both positions                           2B · d²
        every layer       output projection and feed-forward at both
                          positions, in the last at 0 alone                 2B or B · (d² + 2df)
        heads             at position 0                                     B · Tpd

    Attention over two positions is a sum of pointwise products, and not counted.

    >>> step_flops(RunConfig(tasks=("add", "mul")))
    1089798144
    """
    batch, d, f = config.batch_size, config.width, config.hidden
    total = _heads(config)
    for layer in range(config.layers):
        read = 1 if layer == config.layers - 1 else SEQUENCE  # positions that go on
        if layer == 0:
            total += SEQUENCE * config.modulus * 3 * d * d
        else:
            total += (read + 1 + SEQUENCE) * batch * d * d
        total += read * batch * (d * d + 2 * d * f)
    return _STEP * total


def _heads(config: RunConfig) -> int:
    return config.batch_size * len(config.tasks) * config.modulus * config.width
