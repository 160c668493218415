"""Where each parameter lies in the flat vector θ.

All parameters of M models live in one (M, P) buffer, so that AdamW, clipping, norms and
snapshots are a few operations on one tensor.  The order is the published one, which is that of
the plain reference's parameters (`grokbook.models.reference`); names are the reference's.

`Layout.of` gives the layout of a run's model.  A layout of its own has every architecture; what
they share, blocks of attention and feed-forward layers, is found by the names of PyTorch's modules.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from grokbook.config import Config, DyckConfig, RunConfig
from grokbook.tasks import dyck

if TYPE_CHECKING:  # a study's outlook asks for sizes alone, and PyTorch takes seconds to load
    from torch import Tensor

SEQUENCE = 2
"""Tokens an example of modular arithmetic: a and b, nothing else."""

ATTENTION = ("W_Q", "W_K", "W_V", "W_O")
"""The four attention matrices of a block, in the order of every attention vector."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Names, shapes and offsets of the parameters of one model.

    Attributes:
        layers, width, heads, hidden: of the encoder's blocks.
    """

    layers: int = 2
    width: int = 128
    heads: int = 4
    hidden: int = 256

    @staticmethod
    def of(config: Config) -> Layout:
        """The layout of a configuration's model."""
        blocks = {name: getattr(config, name) for name in ("layers", "width", "heads", "hidden")}
        if isinstance(config, DyckConfig):
            return DecoderLayout(positions=config.positions, **blocks)
        if isinstance(config, RunConfig):
            return TrunkLayout(modulus=config.modulus, tasks=len(config.tasks), **blocks)
        raise TypeError(f"no layout for a {type(config).__name__}")

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes by name, in flat order, without the model axis."""

    def _blocks(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the encoder's blocks and of the LayerNorm after them."""
        d, f = self.width, self.hidden
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            at = f"encoder.layers.{layer}."
            shapes |= {
                at + "self_attn.in_proj_weight": (3 * d, d),
                at + "self_attn.in_proj_bias": (3 * d,),
                at + "self_attn.out_proj.weight": (d, d),
                at + "self_attn.out_proj.bias": (d,),
                at + "linear1.weight": (f, d),
                at + "linear1.bias": (f,),
                at + "linear2.weight": (d, f),
                at + "linear2.bias": (d,),
            }
            shapes |= {at + f"norm{k}.{part}": (d,) for k in (1, 2) for part in ("weight", "bias")}
        return shapes | {"norm.weight": (d,), "norm.bias": (d,)}

    @cached_property
    def offsets(self) -> dict[str, int]:
        """First index of each parameter in the flat vector."""
        offsets, start = {}, 0
        for name, shape in self.shapes.items():
            offsets[name] = start
            start += math.prod(shape)
        return offsets

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each parameter lies in the flat vector; together all of it."""
        return {
            name: slice(start, start + math.prod(self.shapes[name]))
            for name, start in self.offsets.items()
        }

    @cached_property
    def parts(self) -> dict[str, slice]:
        """`slices` with the attention matrices by their own names, W_Q, W_K, W_V one by one.

        >>> TrunkLayout(modulus=97, tasks=1).parts["0.W_K"]
        slice(29056, 45440, None)
        """
        found, step = {}, self.width**2
        for name, place in self.slices.items():
            prefix, _, last = name.partition(".self_attn.")
            layer = prefix.rpartition(".")[2]
            if last == "in_proj_weight":
                for k, matrix in enumerate(ATTENTION[:3]):
                    start = place.start + k * step
                    found[f"{layer}.{matrix}"] = slice(start, start + step)
            else:
                found[f"{layer}.{ATTENTION[3]}" if last == "out_proj.weight" else name] = place
        return found

    @cached_property
    def size(self) -> int:
        """P, the number of parameters of one model."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Parameters by name as views of a flat (M, P) buffer; each has shape (M, *shape)."""
        models = flat.shape[0]
        return {
            name: flat[:, place].view(models, *self.shapes[name])
            for name, place in self.slices.items()
        }

    @property
    def attention_size(self) -> int:
        """Entries of the attention matrices W_Q, W_K, W_V, W_O of all layers, without biases."""
        return self.layers * 4 * self.width**2

    def attention(self, flat: Tensor) -> Tensor:
        """The attention matrices as one vector a model: (M, layers · 4 · d²).

        Block by block W_Q, W_K, W_V, W_O, each d × d, row-major, rows being outputs.
        """
        import torch

        parts = []
        for layer in range(self.layers):
            for name in ("in_proj_weight", "out_proj.weight"):
                key = f"encoder.layers.{layer}.self_attn.{name}"
                parts.append(flat[:, self.slices[key]])
        return torch.cat(parts, dim=1)

    def attention_blocks(self) -> dict[str, slice]:
        """Slices of the attention vector by matrix, ``"0.W_Q"`` … ``"1.W_O"``."""
        step = self.width**2
        names = [f"{layer}.{matrix}" for layer in range(self.layers) for matrix in ATTENTION]
        return {name: slice(k * step, (k + 1) * step) for k, name in enumerate(names)}


@dataclass(frozen=True, kw_only=True)
class TrunkLayout(Layout):
    """Of the shared trunk with a head a task (2602.18523 section 2).

    Attributes:
        modulus: p, the size of the vocabulary and of every head.
        tasks: T, the number of heads.

    >>> TrunkLayout(modulus=97, tasks=2).size
    302914
    """

    modulus: int
    tasks: int

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes by name, in flat order, without the model axis."""
        p, d = self.modulus, self.width
        shapes = {"position": (SEQUENCE, d), "token.weight": (p, d)} | self._blocks()
        for head in range(self.tasks):
            shapes |= {f"heads.{head}.weight": (p, d), f"heads.{head}.bias": (p,)}
        return shapes


@dataclass(frozen=True, kw_only=True)
class DecoderLayout(Layout):
    """Of the causal decoder with an answer at every position (2602.16967 section 3).

    Attributes:
        positions: rows of the table of positions, of which the task may read fewer.
        tokens: V, the size of the vocabulary, padding included.
        answers: C, the size of the head.

    >>> DecoderLayout(positions=48).size
    273421
    """

    positions: int
    tokens: int = dyck.TOKENS
    answers: int = dyck.DEPTHS

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameter shapes by name, in flat order, without the model axis."""
        d = self.width
        shapes = {"token.weight": (self.tokens, d), "position.weight": (self.positions, d)}
        return (
            shapes
            | self._blocks()
            | {"head.weight": (self.answers, d), "head.bias": (self.answers,)}
        )
