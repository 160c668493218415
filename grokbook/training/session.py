"""One run in memory: what it has measured, what it keeps, when it is over."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from grokbook.config import Config
from grokbook.plan import Plan
from grokbook.store.derived import band_file
from grokbook.store.streams import Streams
from grokbook.training.evaluation import Evaluation
from grokbook.training.log import Log
from grokbook.training.trainer import Bases, Trainer


class Session:
    """A run in a slot of a trainer: its log, its streams, and the rule that ends it.

    Attributes:
        config, plan: of the run.
        slot: where its model is.
        pending: snapshots by step that are not on disk yet.
    """

    def __init__(self, config: Config, plan: Plan, trainer: Trainer, slot: int = 0) -> None:
        self.config, self.plan, self.trainer, self.slot = config, plan, trainer, slot
        self.streams = Streams(plan, trainer.layout.attention_size)
        self.log = Log(config.tasks, trainer.tables[slot].count)
        self.pending: dict[int, dict[str, np.ndarray]] = {}

    @classmethod
    def alone(cls, config: Config, plan: Plan, bases: Bases | None = None) -> Session:
        """A run with a trainer of its own."""
        return cls(config, plan, Trainer([config], bases=bases))

    @property
    def step(self) -> int:
        """Updates made."""
        return self.trainer.steps[self.slot]

    def measure(self) -> None:
        """Evaluate here, and offer a snapshot."""
        measure([self])

    def add(self, result: Evaluation, facts: dict[str, float], attention: np.ndarray) -> None:
        """Write down one evaluation."""
        self.log.add(self.step, result, facts)
        due = self.step % self.plan.cadence == 0
        if due and self.streams.offer(self.step, attention):
            self.pending[self.step] = self.snapshot()

    def snapshot(self) -> dict[str, np.ndarray]:
        """What a snapshot holds here, by the plan: copies on the CPU.

        ``attention`` float32 and ``decayed`` float64, what weight decay has moved those matrices
        by since step 0; the Adam steps moved them by the rest.  ``theta`` if the plan says so.
        """
        trainer, only = self.trainer, slice(self.slot, self.slot + 1)
        parts = {
            "attention": trainer.layout.attention(trainer.theta[only]),
            "decayed": trainer.displacement.decayed[only],
        }
        if self.plan.full_state:
            parts["theta"] = trainer.theta[only]
        return {name: part[0].cpu().numpy().copy() for name, part in parts.items()}

    def end(self) -> int:
        """The step at which the plan ends, as far as is known now."""
        return self.plan.end(self.log.groks)

    def diverged(self) -> bool:
        """Has the loss or the norm stopped being a number?"""
        row = self.log.last
        return not all(
            math.isfinite(row[name]) for name in row if "loss_" in name or name == "parameter_norm"
        )

    def over(self) -> bool:
        """Is there nothing left to train?"""
        return self.step >= self.end() or self.diverged()

    def next_evaluation(self) -> int:
        """The step of the next row: 1, then every multiple of the cadence."""
        cadence = self.plan.cadence
        return 1 if self.step == 0 else self.step + cadence - self.step % cadence

    def close(self) -> str:
        """Keep the last snapshot; how the run ended."""
        if self.streams.keep(self.step):
            self.pending[self.step] = self.snapshot()
        return "diverged" if self.diverged() else "finished"

    def state(self) -> dict[str, np.ndarray]:
        """The resume point."""
        parts = {
            "trainer": {k: v.numpy() for k, v in self.trainer.state(self.slot).items()},
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

        saved = {name: torch.from_numpy(value.copy()) for name, value in part("trainer").items()}
        self.trainer.load(saved, self.slot)
        self.streams.load(part("streams"))
        self.log.load(part("log"))

    def files(self) -> dict[str, bytes]:
        """What a run leaves for readers."""
        streams = self.streams.state()
        band = band_file(streams["band.steps"], streams["band"], self.plan.window)
        return self.log.files() | {"band.npz": band}


def measure(sessions: Sequence[Session]) -> None:
    """Evaluate some runs of one trainer where they are, together.

    All M models pass through, also those that are not asked for: what is computed for a run must
    not depend on how many others are measured with it.
    """
    trainer = sessions[0].trainer
    theta, slots = trainer.theta, [session.slot for session in sessions]
    results = trainer.objective.evaluate()
    attention = trainer.layout.attention(theta)
    embedding = trainer.layout.views(theta)["token.weight"].flatten(1)

    def norm(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.vector_norm(x.double(), dim=1)

    facts = {
        "batch_loss": trainer.loss.sum(1),
        "gradient_norm": trainer.gradient_norm[:, 0],
        "update_norm": norm(trainer.adam.update),
        "parameter_norm": norm(theta),
        "attention_norm": norm(attention),
        "embedding_norm": norm(embedding),
    }
    columns = {name: value.tolist() for name, value in facts.items()}
    moved = {name: value.tolist() for name, value in trainer.displacement.fold(slots).items()}
    weights = attention.cpu().numpy()
    for place, session in enumerate(sessions):
        row = {name: values[session.slot] for name, values in columns.items()}
        if session.step == 0:
            row["update_norm"] = math.nan
        row |= {name: values[place] for name, values in moved.items()}
        session.add(results[session.slot], row, weights[session.slot])
