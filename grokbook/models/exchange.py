"""Weights to and from the plain reference's ``state_dict``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grokbook.models.layout import Layout


def to_state_dict(layout: Layout, flat: Tensor, model: int = 0) -> dict[str, Tensor]:
    """One model's weights under the reference's names; copies, free of the buffer."""
    return {name: view[model].clone() for name, view in layout.views(flat.detach()).items()}


def from_state_dict(layout: Layout, state: Mapping[str, Tensor]) -> Tensor:
    """A flat (1, P) buffer from the reference's ``state_dict``.

    Raises:
        ValueError: naming the first parameter that is missing, unknown or of another shape.
    """
    unknown = sorted(set(state) - set(layout.shapes))
    if unknown:
        raise ValueError(f"unknown parameter {unknown[0]!r} in the state_dict")
    for name, shape in layout.shapes.items():
        if name not in state:
            raise ValueError(f"the state_dict has no parameter {name!r}")
        if tuple(state[name].shape) != shape:
            raise ValueError(f"{name!r} has shape {tuple(state[name].shape)}, not {shape}")
    return torch.cat([state[name].detach().reshape(1, -1) for name in layout.shapes], dim=1)
