"""How much memory an ensemble needs, and how many models fit."""

from __future__ import annotations

import torch

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.training.objectives import kind

_SHARE = 0.85
"""Of free memory that an ensemble may take: libraries and the allocator need the rest."""
_MOST = {"cpu": 4, "cuda": 512}
"""Models by default; on a CPU more in one process gain nothing."""
_STATES = 10
"""Vectors of the size of θ: θ, its gradient, two moments, update, two sums, start, two spare."""


def bytes_per_model(config: Config, directions: int = 0) -> int:
    """Upper estimate of what one model of an ensemble needs on its device, in bytes.

    The state vectors, what the backward pass keeps of a batch, and a basis of so many directions.
    """
    layout, held = Layout.of(config), kind(config).activations(config)
    return 4 * ((_STATES + directions) * layout.size + held) + 8 * layout.attention_size


def free_bytes(device: str) -> int | None:
    """Free memory of a device, or None if it cannot be known."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _each(config: Config, device: str, directions: int = 0) -> int:
    window = Plan().window * 8 * Layout.of(config).attention_size
    return bytes_per_model(config, directions) + (window if device == "cpu" else 0)


def fitting(config: Config, device: str, directions: int = 0) -> int:
    """The M that is taken where none is asked for: what fits, up to a limit; at least 1.

    Args:
        config: of one model.
        device: ``"cpu"`` or ``"cuda"``.
        directions: of each model's basis.
    """
    free = free_bytes(device)
    if free is None:
        return _MOST[device]
    return max(1, min(_MOST[device], int(_SHARE * free) // _each(config, device, directions)))


def require_memory(config: Config, models: int, device: str, directions: int = 0) -> None:
    """Refuse an ensemble that cannot fit.

    Args:
        config: of one model.
        models: M.
        device: ``"cpu"`` or ``"cuda"``.
        directions: of each model's basis.

    Raises:
        ConfigError: saying how much is needed, how much is free, and which M fits.
    """
    each = _each(config, device, directions)
    free, need = free_bytes(device), models * each
    if free is not None and need > _SHARE * free:
        most = int(_SHARE * free) // each
        raise ConfigError(
            f"{models} models need about {need / 1e9:.1f} GB on {device}, and {free / 1e9:.1f} GB "
            f"are free: at most {most} fit"
        )
