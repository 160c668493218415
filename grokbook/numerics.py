"""What the bits of a run depend on besides its configuration.

Two runs of one config under one numerics have equal bits; across numerics they are equal only
statistically, and are tested as such.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy
import torch


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """How the arithmetic is carried out.

    Attributes:
        route: of the linear layers; ``"linear"`` is plain `F.linear`.
        device: ``"cpu"`` or ``"cuda"``.
        models: M, the size of the ensemble.
        threads: a process.
        torch, numpy: versions.
        machine: processor architecture.
        capability: vector instructions that PyTorch's kernels use.
    """

    route: str = "linear"
    device: str = "cpu"
    models: int = 1
    threads: int = 1
    torch: str
    numpy: str
    machine: str
    capability: str

    @classmethod
    def here(cls, *, models: int = 1) -> Numerics:
        """The numerics of this process on this machine; nothing is timed."""
        return cls(
            models=models,
            torch=torch.__version__.split("+")[0],
            numpy=numpy.__version__,
            machine=platform.machine(),
            capability=torch.backends.cpu.get_cpu_capability(),
        )

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def hardware() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
