"""Weights that are not ours, from a file or a mapping, checked; and the layout that they have.

They are a ``state_dict`` under the names of `grokbook.models.reference.PlainTransformer`.  A file
is read without unpickling anything; PyTorch's .pt and .bin are pickles and are refused.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from grokbook.checks import integer
from grokbook.models.exchange import from_state_dict
from grokbook.models.layout import SEQUENCE, Layout, TrunkLayout

Weights = Mapping[str, Tensor | np.ndarray]
"""A ``state_dict``: parameters by name."""


def read_weights(source: str | Path | Weights, *, heads: int) -> tuple[Layout, Tensor]:
    """Weights from a file or a mapping, checked.

    Args:
        source: an ``.npz`` or ``.safetensors`` file, or arrays by name.
        heads: attention heads of the model, which no shape tells.

    Returns:
        The layout, inferred from the shapes, and θ (P,): float64 if any parameter is, else
        float32.

    Raises:
        ValueError: in one line, for a source that is no file or mapping; for a file that is
            neither of the two, cannot be read or is damaged; for a snapshot of a run of the store,
            which has no names; for a parameter that is missing, unknown, of another shape, no real
            floating point or not finite; for heads that do not divide the width.
    """
    if not isinstance(source, (str, Path, Mapping)):
        raise ValueError(f"weights come as a file or a state_dict, not as {type(source).__name__}")
    state = source if isinstance(source, Mapping) else _read(Path(source))
    if "theta" in state and "token.weight" not in state:
        raise ValueError(
            "these are a snapshot of a run of ours, all parameters in one vector: "
            "`grokbook measure CONFIG_ID` measures that run"
        )
    tensors = {name: _tensor(name, value) for name, value in state.items()}
    layout = infer_layout({name: tuple(t.shape) for name, t in tensors.items()}, heads=heads)
    exact = any(t.dtype == torch.float64 for t in tensors.values())
    kind = torch.float64 if exact else torch.float32
    return layout, from_state_dict(layout, {name: t.to(kind) for name, t in tensors.items()})[0]


def infer_layout(shapes: Mapping[str, tuple[int, ...]], *, heads: int) -> TrunkLayout:
    """The layout that parameters of these shapes have.

    Raises:
        ValueError: naming the first parameter that is missing or of an impossible shape, or a
            number of heads that does not divide the width; whether all the others fit is for
            `grokbook.models.exchange.from_state_dict` to say.
    """

    def shape(name: str) -> tuple[int, int]:
        if name not in shapes:
            has = ", ".join(list(shapes)[:3]) or "none"
            raise ValueError(f"the state_dict has no parameter {name!r}; its first: {has}")
        if len(shapes[name]) != 2 or 0 in shapes[name]:
            raise ValueError(f"{name!r} must be a matrix, not of shape {shapes[name]}")
        return shapes[name]

    modulus, width = shape("token.weight")
    hidden, _ = shape("encoder.layers.0.linear1.weight")
    if shape("position")[0] != SEQUENCE:
        raise ValueError(
            f"'position' has {shapes['position'][0]} rows; the model reads {SEQUENCE} tokens"
        )
    if width % integer("heads", heads, low=1):
        raise ValueError(f"width {width} is not a multiple of heads {heads}")
    layers, tasks = (
        len({found[1] for name in shapes if (found := re.match(pattern, name))})
        for pattern in (r"encoder\.layers\.(\d+)\.", r"heads\.(\d+)\.")
    )
    if not tasks:
        raise ValueError("the state_dict has no parameter 'heads.0.weight'")
    return TrunkLayout(
        modulus=modulus, tasks=tasks, layers=layers, width=width, heads=heads, hidden=hidden
    )


def _read(path: Path) -> Weights:
    if path.suffix not in (".npz", ".safetensors"):
        hint = ""
        if path.suffix in (".pt", ".pth", ".bin", ".pkl"):
            hint = "; a pickle can run code: convert it with safetensors.torch.save_file"
        raise ValueError(f"weights come as .npz or .safetensors, not as {path.name}{hint}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, BadZipFile, ValueError, TypeError, EOFError, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is no {path.suffix[1:]} file of arrays: {reason}") from None


def _tensor(name: str, value: Tensor | np.ndarray) -> Tensor:
    try:
        tensor = value.detach() if isinstance(value, Tensor) else torch.from_numpy(value)
    except (TypeError, ValueError):  # objects, texts, foreign byte orders
        raise ValueError(f"{name!r} must hold floating-point numbers") from None
    if not tensor.is_floating_point():
        raise ValueError(f"{name!r} must hold floating-point numbers, not {tensor.dtype}")
    if not math.isfinite(tensor.double().abs().sum()):
        raise ValueError(f"{name!r} is not finite")
    return tensor.cpu()
