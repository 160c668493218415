"""Throughput of an ensemble on a GPU."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from grokbook.benchmark.arithmetic import step_flops
from grokbook.benchmark.comparison import with_seeds
from grokbook.benchmark.medians import Median, median_interval
from grokbook.checks import integer
from grokbook.config import RunConfig
from grokbook.training.memory import require_memory
from grokbook.training.process import prepare_device, single_thread
from grokbook.training.trainer import Trainer

_STEPS = 200


@dataclass(frozen=True, kw_only=True)
class GpuBenchmark:
    """What one call of `measure_gpu` found.

    Attributes:
        config: of the first model; the others differ in their seeds.
        models: stacked.
        gpu: the card's name.
        rate: model-steps a second of wall clock.
        elapsed: wall-clock seconds of the measurement.
    """

    config: RunConfig
    models: int
    gpu: str
    rate: Median
    elapsed: float

    @property
    def gflops(self) -> float:
        """GFLOP a second, counted on the matrix products of our form."""
        return self.rate.value * step_flops(self.config) / 1e9

    def to_json(self) -> dict[str, Any]:
        """Everything as one flat object."""
        return {
            "device": "cuda",
            "gpu": self.gpu,
            "models": self.models,
            "steps_per_s": self.rate.value,
            "steps_per_s_low": self.rate.low,
            "steps_per_s_high": self.rate.high,
            "level": self.rate.level,
            "blocks": self.rate.n,
            "gflops": self.gflops,
            "elapsed_s": self.elapsed,
            "torch": torch.__version__,
            "tasks": list(self.config.tasks),
            "config": self.config.to_json(),
        }


def measure_gpu(config: RunConfig, *, models: int = 256, blocks: int = 6) -> GpuBenchmark:
    """Time an ensemble on the GPU.

    Args:
        config: what is trained.
        models: M, stacked; a single one is bound by kernel launches, not by the GPU.
        blocks: of 200 steps of the ensemble.

    Raises:
        ConfigError: if there is no GPU here, or an argument is out of its range.
    """
    models = integer("models", models, low=1, high=100_000)
    blocks = integer("blocks", blocks, low=1, high=1_000)
    start = time.monotonic()
    rates = [throughput(config, models=models, device="cuda", steps=_STEPS) for _ in range(blocks)]
    return GpuBenchmark(
        config=config,
        models=models,
        gpu=torch.cuda.get_device_name(),
        rate=median_interval(rates),
        elapsed=time.monotonic() - start,
    )


def throughput(config: RunConfig, *, models: int, device: str, steps: int = _STEPS) -> float:
    """Model-steps a second of an ensemble, evaluation left out, by the wall clock.

    Args:
        config: of the first model; the others differ in their seeds.
        models: M.
        device: ``"cpu"`` or ``"cuda"``.
        steps: timed, after a warm-up of a tenth as many.

    Raises:
        ConfigError: if the device is not there or too small.
    """
    prepare_device(device)
    require_memory(config, models, device)
    with single_thread():
        trainer = Trainer(with_seeds(config, models), device=device)
        trainer.advance(max(1, steps // 10))
        _wait(device)
        start = time.perf_counter()
        trainer.advance(steps)
        _wait(device)
        return models * steps / (time.perf_counter() - start)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
