"""The linear layer and its two gradients, by the fastest route that is right on this machine.

    y = x Wᵀ + b,   ∂x = ∂y W,   ∂W = ∂yᵀ x

Two routes give the same numbers up to rounding:

- ``"mm"``: PyTorch's public products, which call the BLAS that it was built with.
- ``"onednn"``: oneDNN through ``torch.ops.mkldnn._linear_pointwise``, a private operator.  On AMD
  processors MKL uses AVX2 only, at about 105 GFLOP/s a core where it was measured; oneDNN uses
  AVX-512, at about 230.  Strided views are passed as they are: nothing is transposed by hand.

The route is chosen once a process, from a table of what is known, and only if the operator is
there and agrees with ``F.linear``; nothing is timed.  ``GROKBOOK_LINEAR`` forces either.

Neither route is differentiated by autograd in training, where gradients are written out
(`grokbook.models.trunk_gradient`).  `linear` is the form for autograd; it has a first derivative
and raises on a second, since oneDNN's would be silently wrong.  What differentiates twice takes
`grokbook.models.functional.linear`, as `grokbook.models.trunk.logits` does by default.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.checks import ConfigError

VARIABLE = "GROKBOOK_LINEAR"
"""Environment variable that forces a route."""

_FAST = {("AuthenticAMD", "AVX512")}
"""Processor vendor and PyTorch's instruction set for which oneDNN is known to be the faster."""


@dataclass(frozen=True)
class Route:
    """How products are computed.

    Attributes:
        name: ``"mm"`` or ``"onednn"``.
        product: for x (R, in), W (out, in), b (out,) or None ↦ (R, out); views may be strided.
    """

    name: str
    product: Callable[[Tensor, Tensor, Tensor | None], Tensor]

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """y[m] = x[m] W[m]ᵀ + b[m]: x (M, R, in), weight (M, out, in), bias (M, out) ↦ (M, R, out).

        For a single model the axis M may be left out of all of them, here and below.

        >>> MM.forward(torch.ones(1, 2), torch.eye(2), torch.ones(2)).tolist()
        [[2.0, 2.0]]
        """
        if x.dim() == 2:
            return self.product(x, weight, bias)
        if self.name == "mm" or x.is_cuda:
            turned = weight.transpose(1, 2)
            if bias is None:
                return torch.bmm(x, turned)
            return torch.baddbmm(bias.unsqueeze(1), x, turned)
        biases = [None] * len(x) if bias is None else bias
        return torch.stack([self.product(*each) for each in zip(x, weight, biases, strict=True)])

    def input_gradient(self, dy: Tensor, weight: Tensor) -> Tensor:
        """∂x[m] = ∂y[m] W[m]: dy (M, R, out), weight (M, out, in) ↦ (M, R, in)."""
        return self.forward(dy, weight.transpose(-1, -2))

    def weight_gradient(self, dy: Tensor, x: Tensor, out: Tensor) -> None:
        """∂W[m] = ∂y[m]ᵀ x[m], written to ``out`` (M, out, in), which may be strided over m."""
        if x.dim() == 2 and self.name == "mm":
            torch.mm(dy.t(), x, out=out)
        elif x.dim() == 2:
            out.copy_(self.product(dy.t(), x.t(), None))
        elif self.name == "mm" or x.is_cuda:
            out.copy_(torch.bmm(dy.transpose(1, 2), x))
        else:
            for one, other, into in zip(dy, x, out, strict=True):
                into.copy_(self.product(one.t(), other.t(), None))


def _mm(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y = torch.mm(x, weight.t())
    # Not addmm, which first writes the bias into every row of its result.
    return y if bias is None else y.add_(bias)


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if x.dtype != torch.float32:  # the operator knows no double precision
        return _mm(x, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


MM = Route("mm", _mm)
ONEDNN = Route("onednn", _onednn)
ROUTES = {route.name: route for route in (MM, ONEDNN)}


def _vendor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("vendor_id"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


@torch.no_grad()
def trouble() -> str | None:
    """Why oneDNN's operator cannot be used here, in a few words; None if it can.

    It must be there, and agree with ``F.linear`` in float64 to float32 rounding in all three
    products, strided views included.
    """
    if not torch.backends.mkldnn.is_available():
        return "this PyTorch has no oneDNN"
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return "this PyTorch has no mkldnn._linear_pointwise"
    generator = torch.Generator().manual_seed(0)
    x, weight, bias, dy = (
        torch.randn(*shape, generator=generator)
        for shape in ((1, 96, 48), (1, 56, 48), (1, 56), (1, 96, 56))
    )
    found = torch.empty_like(weight)
    try:
        ONEDNN.weight_gradient(dy, x, found)
        pairs = [
            (
                ONEDNN.forward(x, weight, bias),
                F.linear(x[0].double(), weight[0].double(), bias[0].double()),
            ),
            (ONEDNN.input_gradient(dy, weight), dy[0].double() @ weight[0].double()),
            (found, dy[0].double().t() @ x[0].double()),
        ]
    except RuntimeError as error:
        return f"the operator fails: {str(error).splitlines()[0]}"
    worst = max(float((a[0].double() - b).abs().max() / b.abs().max()) for a, b in pairs)
    return None if worst < 1e-5 else f"the operator is wrong by {worst:.1e}"


@functools.cache
def _choice() -> tuple[Route, str]:
    forced = os.environ.get(VARIABLE, "").strip().lower()
    if forced and forced not in ROUTES:
        raise ConfigError(f"{VARIABLE} is {forced!r}; it can be {' or '.join(ROUTES)}")
    here = (_vendor(), torch.backends.cpu.get_cpu_capability())
    if forced == "mm":
        return MM, f"{VARIABLE} says so"
    if forced or here in _FAST:
        problem = trouble()
        if problem and forced:
            raise ConfigError(f"{VARIABLE} is onednn, but {problem}")
        if problem:
            return MM, problem
        return (
            ONEDNN,
            f"{VARIABLE} says so" if forced else f"known to be faster on {' '.join(here)}",
        )
    return MM, f"oneDNN is not known to be faster on {' '.join(here)}"


def chosen() -> Route:
    """The route of this process.

    Raises:
        ConfigError: if the environment asks for a route that does not exist or does not work.
    """
    return _choice()[0]


def route_on(device: str) -> Route:
    """The route on a device; a GPU has its own products."""
    return chosen() if torch.device(device).type == "cpu" else MM


def reason() -> str:
    """Why that one, in a few words."""
    return _choice()[1]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, route: Route) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.route = route
        return route.forward(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        dw = torch.empty_like(weight)
        dy = dy.contiguous()
        ctx.route.weight_gradient(dy, x, dw)
        return ctx.route.input_gradient(dy, weight), dw, dy.sum(1), None


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The chosen route under autograd: x (M, …, in), weight (M, out, in), bias (M, out).

    Raises:
        RuntimeError: when differentiated twice.
    """
    rows = x.reshape(x.shape[0], -1, x.shape[-1])
    return _Linear.apply(rows, weight, bias, chosen()).view(*x.shape[:-1], weight.shape[1])
