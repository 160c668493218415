"""What the bits of a run depend on besides its configuration.

Two runs of one config under one numerics have equal bits; across numerics they are equal only
statistically, and are tested as such.  PyTorch is loaded only when they are determined: what merely
reads stored runs is quicker without it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy

ARITHMETIC = 1
"""Of the present code.  0: before numbers were kept, the recorded runs of chapter 1 among them;
1: keys and values of later layers from differences, in one product."""


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """How the arithmetic is carried out.

    Attributes:
        route: of the products: ``"mm"`` or ``"onednn"`` with gradients written out
            (`grokbook.models.linear`); ``"linear"`` is `F.linear` under autograd, by which the
            first recorded runs were trained.
        arithmetic: number of the training step's arithmetic, raised whenever a change to the code
            gives it other bits (`ARITHMETIC`).
        device: ``"cpu"`` or ``"cuda"``.
        models: M, the size of the ensemble.
        threads: a process.
        torch, numpy: versions.
        machine: processor architecture.
        capability: vector instructions that PyTorch's kernels use.
        kernels: a hash of a small fixed computation; environment variables and processors that
            choose other kernels change its bits.
    """

    route: str = "linear"
    arithmetic: int = 0
    device: str = "cpu"
    models: int = 1
    threads: int = 1
    torch: str
    numpy: str
    machine: str
    capability: str
    kernels: str = ""

    @classmethod
    def here(cls, *, device: str = "cpu", models: int = 1) -> Numerics:
        """The numerics of this process on this machine; nothing is timed."""
        import torch

        from grokbook.models import linear

        route = linear.route_on(device).name
        return cls(
            route=route,
            arithmetic=ARITHMETIC,
            device=device,
            models=models,
            threads=torch.get_num_threads(),
            torch=torch.__version__.split("+")[0],
            numpy=numpy.__version__,
            machine=platform.machine(),
            capability=_capability(device),
            kernels=_kernels(route, device),
        )

    @property
    def id(self) -> str:
        """Eight hexadecimal digits.

        Fields at their default are left out, so that a field added later changes no id.
        """
        defaults = {f.name: f.default for f in fields(self)}
        named = {k: v for k, v in asdict(self).items() if v != defaults[k]}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:8]


def _capability(device: str) -> str:
    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    return torch.backends.cpu.get_cpu_capability()


def _kernels(route: str, device: str) -> str:
    """Eight hexadecimal digits of what this process computes for fixed input, to the bit."""
    import torch
    import torch.nn.functional as F

    from grokbook.models import linear

    with torch.no_grad():
        x = torch.linspace(-2, 2, 256 * 128).view(256, 128).sin()
        y = F.gelu(F.linear(x, x[:128].cos(), x[0]))
        parts = [y, y.softmax(-1), F.layer_norm(y, (128,)), y.norm(dim=1)]
        if device == "cuda":
            z = x.to(device)
            parts += [F.gelu(torch.bmm(z[None], z[None, :128].cos().transpose(1, 2))).cpu()]
        elif route == "onednn":
            parts += [linear.ROUTES[route].forward(x[None], x[None, :128].cos(), x[None, 0])]
    return hashlib.sha256(b"".join(p.numpy().tobytes() for p in parts)).hexdigest()[:8]


def hardware() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
