"""Carrying out a run: train, evaluate, keep snapshots, survive.

    outcome = run(RunConfig(tasks=("add", "mul")), Plan(steps=1_000), Store())

The same call on a run that was stopped or killed goes on where the last resume point left it, to
the bits of a run never stopped; on a finished run with a longer plan it trains further.
"""

from __future__ import annotations

import io
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from grokbook.config import RunConfig
from grokbook.numerics import Numerics
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.streams import Streams
from grokbook.training.evaluation import evaluate
from grokbook.training.log import Log
from grokbook.training.trainer import Trainer


@dataclass(frozen=True)
class Progress:
    """Where a run stands, handed to whoever watches it.

    Attributes:
        step: updates made.
        end: step at which the plan ends at the latest.
        rate: steps a second since this process took the run up.
        row: newest row of metrics, by column.
    """

    step: int
    end: int
    rate: float
    row: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        directory: where it lies.
        status: ``"finished"``, ``"interrupted"`` or ``"diverged"``.
        step: updates made.
        resumed_at: step at which this call took it up, or None if it began here.
    """

    directory: RunDirectory
    status: str
    step: int
    resumed_at: int | None


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread: the numerics that runs are recorded under, and the fastest use of a core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set an event instead of ending the process; a second Ctrl-C does."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Run:
    """A run in memory: trainer, streams and log, and the rule that says when it is over."""

    def __init__(self, config: RunConfig, plan: Plan) -> None:
        self.config, self.plan = config, plan
        self.trainer = Trainer([config], displacements=plan.displacements)
        self.table = self.trainer.tables[0]
        self.streams = Streams(plan, self.trainer.layout.attention_size)
        self.log = Log(config.tasks, len(self.table.pairs))
        self.pending: dict[int, dict[str, np.ndarray]] = {}

    def measure(self) -> None:
        """Evaluate here, and offer a snapshot."""
        trainer, layout = self.trainer, self.trainer.layout
        attention = layout.attention(trainer.theta)[0]
        result = evaluate(layout, trainer.theta, self.table)
        norms = {
            "parameter_norm": trainer.theta,
            "attention_norm": attention,
            "embedding_norm": layout.views(trainer.theta)["token.weight"],
        }
        self.log.add(
            trainer.step,
            result,
            {
                "batch_loss": float(trainer.loss.sum()),
                "gradient_norm": float(trainer.gradient_norm[0]),
                **{name: float(torch.linalg.vector_norm(x.double())) for name, x in norms.items()},
            },
        )
        due = trainer.step % self.plan.cadence == 0
        if due and self.streams.offer(trainer.step, attention.numpy()):
            self.pending[trainer.step] = self.snapshot()

    def snapshot(self) -> dict[str, np.ndarray]:
        """What a snapshot holds here, by the plan: copies."""
        trainer, layout = self.trainer, self.trainer.layout
        parts = {"attention": layout.attention(trainer.theta)}
        if self.plan.full_state:
            parts["theta"] = trainer.theta
        if self.plan.displacements:
            parts |= {
                "decayed": layout.attention(trainer.adam.decayed),
                "learned": layout.attention(trainer.adam.learned),
            }
        return {name: part[0].numpy().copy() for name, part in parts.items()}

    def end(self) -> int:
        """The step at which the plan ends, as far as is known now."""
        return self.plan.end(self.log.groks)

    def diverged(self) -> bool:
        """Has the loss or the norm stopped being a number?"""
        row = self.log.last
        return not all(
            math.isfinite(row[name]) for name in row if "loss_" in name or name == "parameter_norm"
        )

    def state(self) -> dict[str, np.ndarray]:
        """The resume point."""
        parts = {
            "trainer": {k: v.numpy() for k, v in self.trainer.state().items()},
            "streams": self.streams.state(),
            "log": self.log.state(),
        }
        # Safetensors writes bytes as they lie: a strided view would come back scrambled.
        return {
            f"{room}.{name}": np.ascontiguousarray(value)
            for room, values in parts.items()
            for name, value in values.items()
        }

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Return to a resume point."""

        def part(room: str) -> dict[str, np.ndarray]:
            return {
                name.removeprefix(f"{room}."): value
                for name, value in state.items()
                if name.startswith(f"{room}.")
            }

        self.trainer.load({k: torch.from_numpy(v.copy()) for k, v in part("trainer").items()})
        self.streams.load(part("streams"))
        self.log.load(part("log"))

    def files(self) -> dict[str, bytes]:
        """What a run leaves for readers."""
        band = io.BytesIO()
        np.savez_compressed(
            band,
            steps=np.array(self.streams.band_steps, dtype=np.int64),
            products=self.streams.state()["band"],
            window=np.array(self.plan.window),
        )
        return self.log.files() | {"band.npz": band.getvalue()}


def run(
    config: RunConfig,
    plan: Plan,
    store: Store,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
    warn: Callable[[str], None] = lambda line: None,
    began: Callable[[int | None], None] = lambda step: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train a run as far as the plan says, or until ``stop`` is set.

    Args:
        config: what to train.
        plan: how far.
        store: where it lives.
        watch: called after every evaluation.
        warn: called with one line for every damaged file that was worked around.
        began: called once before training, with the step resumed at or None; not at all if
            nothing is left to train.
        stop: checked after every step; when set, the run is saved and the call returns.

    Raises:
        Busy: if another process trains this run.
        DiskFull: before the start if the disk cannot hold the run, or during it; what was
            committed stays.
        StoreError: if the run's record was edited or cannot be read.
    """
    stop = stop or threading.Event()
    with single_thread():
        numerics = Numerics.here()
        with store.open(config, numerics, warn=warn) as directory:
            used = sum(entry["bytes"] for entry in directory.entries().values())
            store.require_space(plan.disk_bytes(config) - used)
            if not directory.step:
                for other in store.runs(config):
                    if other.step:
                        warn(
                            f"this run stands at step {other.step:,} under other numerics "
                            f"(torch {other.numerics['torch']}, {other.numerics['capability']}); "
                            "under the present ones it starts at step 0"
                        )
            return _carry_out(Run(config, plan), directory, watch, began, stop)


def _same_streams(directory: RunDirectory, plan: Plan) -> None:
    """A run keeps the cadences and streams that it was begun with."""
    begun = directory.marker.get("plan", {})
    for name in ("cadence", "dense_until", "global_limit", "window", "full_state", "displacements"):
        before, now = begun.get(name, getattr(plan, name)), getattr(plan, name)
        if before != now:
            raise StoreError(
                f"run {directory.config.id} was begun with {name.replace('_', ' ')} {before}, "
                f"not {now}; a run that goes on keeps it"
            )


def _carry_out(
    work: Run,
    directory: RunDirectory,
    watch: Callable[[Progress], None],
    began: Callable[[int | None], None],
    stop: threading.Event,
) -> Outcome:
    trainer, plan = work.trainer, work.plan
    status, spent = directory.status, directory.seconds
    _same_streams(directory, plan)
    saved = directory.resume()
    resumed_at = None
    if saved is None:
        began(None)
        work.measure()
    else:
        work.load(saved)
        resumed_at = trainer.step
    start = last = time.monotonic()
    first = trainer.step

    def save(status: str) -> None:
        nonlocal last
        last = time.monotonic()
        ended = status != "running"
        directory.commit(
            trainer.step,
            status,
            work.state(),
            work.pending,
            work.streams.steps,
            facts={
                "seconds": round(spent + last - start, 3),
                "plan": plan.to_json(),
                "global_stride": work.streams.stride,
            },
            files=work.files() if ended else None,
        )
        work.pending.clear()

    def over() -> bool:
        return trainer.step >= work.end()

    if (
        saved is not None
        and directory.step == trainer.step
        and directory.ended
        and (status == "diverged" or over())
    ):
        if not directory.marker["files"]:  # one was damaged: write them again
            save(status)
        return Outcome(directory, status, trainer.step, resumed_at)
    if saved is not None:
        began(resumed_at)

    def due() -> bool:
        return time.monotonic() - last >= plan.resume_seconds

    while not over() and not work.diverged():
        next_evaluation = trainer.step + plan.cadence - trainer.step % plan.cadence
        until = 1 if trainer.step == 0 else next_evaluation
        while trainer.step < until and not stop.is_set():
            trainer.advance()
            if due():
                break
        if trainer.step == until:
            work.measure()
            rate = (trainer.step - first) / max(time.monotonic() - start, 1e-9)
            watch(Progress(trainer.step, plan.steps, rate, work.log.last))
        if stop.is_set():
            save("interrupted")
            return Outcome(directory, "interrupted", trainer.step, resumed_at)
        if due():
            save("running")
    status = "diverged" if work.diverged() else "finished"
    if work.streams.keep(trainer.step):
        work.pending[trainer.step] = work.snapshot()
    save(status)
    return Outcome(directory, status, trainer.step, resumed_at)
