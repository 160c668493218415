"""The roof: how fast this core multiplies float32 matrices, by the best route that there is.

A training step cannot be faster than its matrix products at this rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SIZES = (
    (256, 256, 256),
    (512, 512, 512),
    (768, 768, 768),
    (512, 128, 128),
    (1024, 128, 256),
    (1024, 256, 128),
    (1024, 128, 384),
    (4096, 256, 256),
)
"""(rows, inputs, outputs): square ones, and tall ones like those of a step."""

_SAMPLE = 5e8
"""FLOP a sample: some milliseconds, long beside the clock's grain, short beside a block."""

Route = Callable[[Tensor, Tensor, Tensor, Tensor], object]


def routes() -> dict[str, Route]:
    """Ways to compute x Wᵀ here, by name, each called with x, W, a bias and room for the result."""

    def mm(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor) -> object:
        return torch.mm(x, weight.t(), out=out)

    def onednn(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor) -> object:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    found: dict[str, Route] = {"mm": mm}
    # A private operator: absent from some builds, which then have one route.
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        found["onednn"] = onednn
    return found


@dataclass(frozen=True)
class Product:
    """One size by one route.

    Attributes:
        route: its name.
        size: (rows, inputs, outputs).
        gflops: GFLOP a CPU second, one a sample.
    """

    route: str
    size: tuple[int, int, int]
    gflops: tuple[float, ...]


class Roof:
    """Samples every size by every route, as often as asked.

    Attributes:
        rates: GFLOP/s of each sample, by route and size.
    """

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self._ways = routes()
        self._operands = {
            (rows, inputs, outputs): (
                torch.randn(rows, inputs, generator=generator),
                torch.randn(outputs, inputs, generator=generator),
                torch.zeros(outputs),
                torch.empty(rows, outputs),
            )
            for rows, inputs, outputs in SIZES
        }
        self.rates: dict[tuple[str, tuple[int, int, int]], list[float]] = {
            (route, size): [] for route in self._ways for size in SIZES
        }
        for route in self._ways.values():  # the first call of a size chooses its kernel
            for operands in self._operands.values():
                route(*operands)

    @torch.no_grad()
    def sample(self) -> None:
        """Time each product once, for some milliseconds, in CPU seconds."""
        for (name, size), rates in self.rates.items():
            flops = 2 * size[0] * size[1] * size[2]
            repeats = max(1, round(_SAMPLE / flops))
            route, operands = self._ways[name], self._operands[size]
            start = time.process_time()
            for _ in range(repeats):
                route(*operands)
            rates.append(flops * repeats / (time.process_time() - start) / 1e9)

    def best(self) -> Product:
        """The product with the highest median rate over the samples."""
        (route, size), rates = max(self.rates.items(), key=lambda item: np.median(item[1]))
        return Product(route, size, tuple(rates))
