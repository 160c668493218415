"""Perturbed parameters, the noise that they are judged against, and how either is scored.

Every test of compression replaces θ by some θ′ and asks what the network can still do.  What θ′
loses beyond ‖θ′ − θ‖ alone is seen beside noise of that norm (2602.18523 section 8.2 has none).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Scorer = Callable[[Tensor], np.ndarray]
"""θ (P,) ↦ accuracies, an array of any one shape."""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Perturbed:
    """θ′, made from θ.

    Attributes:
        theta: (P,) θ′, in the precision of θ.
        change: ‖θ′ − θ‖ / ‖θ‖, of θ′ as it was rounded.
        kept: 1 − ‖θ′ − θ‖² / ‖Δ‖², Δ being the displacement that was reduced; the captured
            variance where θ′ is a projection, and negative where θ′ moved further than Δ is long.
            NaN where Δ = 0.
    """

    theta: Tensor
    change: float
    kept: float

    @classmethod
    def of(cls, theta: Tensor, new: Tensor, displacement: Tensor) -> Perturbed:
        """θ′ = ``new``, rounded to θ's precision.

        Args:
            theta: (P,) θ.
            new: (P,) θ′, in float64 where θ′ was computed.
            displacement: (P,) Δ; zero where the operation may not reach.

        Raises:
            ValueError: if the shapes differ, θ = 0, or θ′ is not finite.
        """
        if not theta.shape == new.shape == displacement.shape:
            shapes = [tuple(part.shape) for part in (theta, new, displacement)]
            raise ValueError(f"θ, θ′ and Δ must have one shape, not {shapes}")
        if not new.isfinite().all():
            raise ValueError("θ′ must be finite")
        new = new.to(theta.dtype)
        size, moved = theta.double().norm().item(), (new.double() - theta.double()).norm().item()
        if size == 0:
            raise ValueError("a relative change needs θ ≠ 0")
        length = displacement.double().norm().item()
        return cls(new, moved / size, 1 - (moved / length) ** 2 if length else float("nan"))


def noise(
    theta: Tensor, new: Tensor, *, seed: int, draws: int, parts: Iterable[slice] | None = None
) -> Iterator[Tensor]:
    """θ + z with ‖z‖ = ‖θ′ − θ‖, isotropic in the coordinates where θ′ differs from θ.

    Args:
        theta: (P,) θ.
        new: (P,) θ′.
        seed: of a private generator on the CPU, drawn in float64.
        draws: how many.
        parts: slices that do not overlap, each of which gets the norm that θ′ − θ has there.
            Without them a tensor of small weights gets as much noise an entry as any other.

    Yields:
        (P,) in θ's precision, whose rounding changes ‖z‖ by less than 1e-7 ‖θ + z‖ in float32; θ
        itself where θ′ = θ.

    Raises:
        ValueError: for no draws.
    """
    _several(draws)
    difference = new.double() - theta.double()
    where = (difference != 0).double()
    parts = [slice(None)] if parts is None else list(parts)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(draws):
        drawn = torch.randn(len(theta), generator=generator, dtype=torch.float64) * where
        z = torch.zeros_like(drawn)
        for part in parts:
            if where[part].any():
                z[part] = drawn[part] * (difference[part].norm() / drawn[part].norm())
        yield (theta.double() + z).to(theta.dtype)


@dataclass(frozen=True, eq=False)
class Score:
    """Accuracies over draws of θ′.

    Attributes:
        mean: of the scorer's shape.
        sd: sample standard deviation over the draws (ddof 1), same shape; NaN for one draw.
        count: draws.
    """

    mean: np.ndarray
    sd: np.ndarray
    count: int


def score(scorer: Scorer, thetas: Iterable[Tensor]) -> Score:
    """The scorer's mean and spread over some θ′; one call of the scorer each.

    Raises:
        ValueError: for no θ′.
    """
    each = np.array([scorer(theta) for theta in thetas], dtype=np.float64)
    _several(len(each))
    spread = each.std(axis=0, ddof=1) if len(each) > 1 else np.full(each.shape[1:], np.nan)
    return Score(each.mean(axis=0), spread, len(each))


def _several(draws: int) -> None:
    if draws < 1:
        raise ValueError(f"a score needs at least one draw, not {draws}")
