"""The published loop and ours, block by block, on one core."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from grokbook.benchmark.arithmetic import published_flops, step_flops
from grokbook.benchmark.medians import Median, median_interval
from grokbook.benchmark.roof import Roof
from grokbook.benchmark.two_workers import two_worker_factor
from grokbook.checks import integer, number
from grokbook.config import RunConfig
from grokbook.geometry.trajectory import gram
from grokbook.models import linear
from grokbook.models.reference import PlainLoop
from grokbook.numerics import hardware
from grokbook.plan import Plan
from grokbook.store.derived import GRAM_POINTS
from grokbook.training.process import single_thread
from grokbook.training.session import Session
from grokbook.training.trainer import Trainer

_WORKER_ROUNDS = 6


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What one call of `measure` found; rates are per CPU second of one thread.

    Attributes:
        config: of the first model; the others of an ensemble differ in their seeds.
        models: M, stacked in ours.
        blocks: of either loop.
        seconds: CPU seconds a block.
        reference, ours: model-steps a second.
        ratio: ours over the reference, by adjacent blocks.
        gemm: GFLOP/s of the best matrix product.
        gemm_route, gemm_size: which one that was, as (rows, inputs, outputs).
        roof: percentage of the time of our step that its matrix products would take at that rate.
        bookkeeping: evaluation, log and snapshot every 100 steps, in percent of training.
        gram: CPU seconds of the Gram matrices that are made of 64 snapshots after a run.
        memory_mb: peak of the process in MB (10⁶ bytes) before the published loop is built.
        two_workers: throughput of two processes over that of one, or None if not asked for.
        route, route_reason: of the linear layers, and why that one.
        elapsed: wall-clock seconds of the measurement.
    """

    config: RunConfig
    models: int
    blocks: int
    seconds: float
    reference: Median
    ours: Median
    ratio: Median
    gemm: Median
    gemm_route: str
    gemm_size: tuple[int, int, int]
    roof: Median
    bookkeeping: Median
    gram: float
    memory_mb: float
    two_workers: Median | None
    route: str
    route_reason: str
    elapsed: float

    @property
    def gflops(self) -> float:
        """GFLOP/s of our step, counted on the products that it makes."""
        return self.ours.value * step_flops(self.config) / 1e9

    @property
    def reference_gflops(self) -> float:
        """GFLOP/s of the published step, counted on the products that it makes."""
        return self.reference.value * published_flops(self.config) / 1e9

    def to_json(self) -> dict[str, Any]:
        """Everything as one flat object, with what it depends on."""
        return {
            "device": "cpu",
            "reference_steps_per_core_s": self.reference.value,
            "steps_per_core_s": self.ours.value,
            "ratio": self.ratio.value,
            "ratio_low": self.ratio.low,
            "ratio_high": self.ratio.high,
            "level": self.ratio.level,
            "roof_percent": self.roof.value,
            "roof_percent_low": self.roof.low,
            "roof_percent_high": self.roof.high,
            "gflops": self.gflops,
            "reference_gflops": self.reference_gflops,
            "gemm_gflops": self.gemm.value,
            "gemm_route": self.gemm_route,
            "gemm_size": list(self.gemm_size),
            "step_gflop": step_flops(self.config) / 1e9,
            "published_gflop": published_flops(self.config) / 1e9,
            "bookkeeping_percent": self.bookkeeping.value,
            "gram_s": self.gram,
            "memory_mb": self.memory_mb,
            "two_worker_factor": self.two_workers and self.two_workers.value,
            "route": self.route,
            "route_reason": self.route_reason,
            "blocks": self.blocks,
            "block_cpu_s": self.seconds,
            "models": self.models,
            "threads": 1,
            "elapsed_s": self.elapsed,
            "torch": torch.__version__,
            "processor": hardware(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "tasks": list(self.config.tasks),
            "config": self.config.to_json(),
        }


def measure(
    config: RunConfig,
    *,
    blocks: int = 20,
    seconds: float = 0.4,
    models: int = 1,
    workers: bool = True,
    watch: Callable[[int, int], None] = lambda done, blocks: None,
) -> Benchmark:
    """Compare the published loop with ours.

    Args:
        config: what both train.
        blocks: of either loop; the order within a pair alternates, so that a drift cancels.
        seconds: CPU seconds a block.
        models: M, stacked in ours with seeds of their own.
        workers: measure two processes against one, too.
        watch: called after every pair of blocks with the number done and ``blocks``.

    Raises:
        ConfigError: if an argument is out of its range.
        WorkerLost: if a worker process ends.
    """
    blocks = integer("blocks", blocks, low=1, high=1_000)
    seconds = number("seconds", seconds, low=0.01, high=60)
    models = integer("models", models, low=1, high=64)
    route, reason = linear.chosen().name, linear.reason()
    start = time.monotonic()
    configs = with_seeds(config, models)
    with single_thread():
        ours = Trainer(configs)
        work = _measured(config)
        work.measure()
        our_steps = _steps(ours, seconds)
        memory = _peak_mb()
        plain, roof = PlainLoop(config), Roof()
        plain_steps = _steps(plain, seconds)
        our_rates, plain_rates, measuring = [], [], []
        for pair in range(blocks):
            turns = [
                (plain, plain_steps, 1, plain_rates),
                (ours, our_steps, models, our_rates),
            ]
            for loop, steps, stacked, rates in turns if pair % 2 == 0 else reversed(turns):
                rates.append(steps * stacked / cpu_seconds(loop.advance, steps))
            roof.sample()
            work.trainer.advance()
            measuring.append(cpu_seconds(work.measure))
            watch(pair + 1, blocks)
    rates, best = np.array(our_rates), roof.best()
    two = (
        two_worker_factor(configs, rounds=min(blocks, _WORKER_ROUNDS), seconds=seconds)
        if workers
        else None
    )
    return Benchmark(
        config=config,
        models=models,
        blocks=blocks,
        seconds=seconds,
        reference=median_interval(plain_rates),
        ours=median_interval(our_rates),
        ratio=median_interval(rates / plain_rates),
        gemm=median_interval(best.gflops),
        gemm_route=best.route,
        gemm_size=best.size,
        roof=median_interval(100 * rates * step_flops(config) / 1e9 / best.gflops),
        bookkeeping=median_interval(100 * rates * measuring / Plan().cadence),
        gram=_gram_seconds(ours),
        memory_mb=memory,
        two_workers=two,
        route=route,
        route_reason=reason,
        elapsed=time.monotonic() - start,
    )


def with_seeds(config: RunConfig, models: int) -> list[RunConfig]:
    """The configuration, and others that differ in their seeds."""
    fresh = {"split_seed": None, "init_seed": None, "batch_seed": None}
    return [config] + [
        replace(config, seed=(config.seed + k) % 2**32, **fresh) for k in range(1, models)
    ]


def _measured(config: RunConfig) -> Session:
    """A run whose every step is one to measure at, so that each measurement keeps a snapshot."""
    return Session.alone(config, Plan(cadence=1))


def _gram_seconds(trainer: Trainer) -> float:
    """CPU seconds of a run's Gram matrices, on as many snapshots of noise."""
    layout = trainer.layout
    shape = (GRAM_POINTS, layout.attention_size)
    snapshots = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    start = time.process_time()
    gram(snapshots, layout.attention_blocks())
    return time.process_time() - start


def cpu_seconds(act: Callable[..., object], *arguments: object) -> float:
    """CPU seconds of this process, all its threads, spent in one call."""
    start = time.process_time()
    act(*arguments)
    return time.process_time() - start


def _steps(loop: PlainLoop | Trainer, seconds: float) -> int:
    """Warm a loop up, and say how many of its steps a block of so many CPU seconds takes."""
    loop.advance(3)
    steps = 1
    while (spent := cpu_seconds(loop.advance, steps)) < seconds / 2:
        steps *= 2
    return max(1, round(seconds * steps / spent))


def _peak_mb() -> float:
    """Most memory that this process ever held, in MB; the system counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
