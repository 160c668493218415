"""A run as a reader of results sees it, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from grokbook.config import Config
from grokbook.events import PUBLISHED_RULE, RULES, grok_step
from grokbook.plan import Plan
from grokbook.store import parquet
from grokbook.store.compact import answer_bits
from grokbook.tasks.examples import Examples


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class RunRecord:
    """Measurements of one run.

    Attributes:
        config: what was trained.
        status: ``"finished"`` or ``"diverged"``; ``"partial"`` if the run did not end.
        seconds: of training, evaluation and saving.
        source: ``"recorded"`` (ships with the book), ``"store"`` or ``"trained now"``.
        numerics: under which it ran.
        hardware: the processor's name; empty if it was not written down.
        metrics: one row an evaluation; see `grokbook.training.log`.
        bits: (E, T, ⌈N/8⌉) packed right/wrong answers, one evaluation a row of ``metrics``.
    """

    config: Config
    status: str
    seconds: float
    source: str
    numerics: dict[str, Any]
    metrics: pd.DataFrame
    bits: np.ndarray
    hardware: str = ""

    @classmethod
    def read(cls, config: Config, files: dict[str, bytes], **facts: Any) -> RunRecord:
        """From the bytes of ``metrics.parquet`` and ``answers.npz``."""
        metrics = parquet.table(files["metrics.parquet"]).to_pandas(use_threads=False)
        return cls(config=config, metrics=metrics, bits=answer_bits(files["answers.npz"]), **facts)

    @cached_property
    def table(self) -> Examples:
        """Items, labels and split."""
        return self.config.table()

    @property
    def steps(self) -> np.ndarray:
        """(E,) evaluation steps."""
        return self.metrics["step"].to_numpy()

    @property
    def last_step(self) -> int:
        """The step of the last evaluation."""
        return int(self.steps[-1])

    def accuracy(self, task: str, part: str = "test") -> np.ndarray:
        """(E,) accuracy on the full train or test set."""
        return self.metrics[f"{part}_accuracy_{task}"].to_numpy()

    def correct(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(rows, T, N) bool, right or wrong, for chosen evaluations."""
        return np.unpackbits(self.bits[rows], axis=-1, count=self.table.count).astype(bool)

    def reaches(self, plan: Plan) -> bool:
        """Has the run ended, and gone as far as a plan asks or diverged before?"""
        if self.status == "partial":
            return False
        return self.status == "diverged" or self.last_step >= plan.end(self.groks)

    @property
    def groks(self) -> list[int | None]:
        """The published grok step of each task, or None."""
        return [self.grok_step(task, PUBLISHED_RULE) for task in self.config.tasks]

    @cached_property
    def _twinless(self) -> dict[str, np.ndarray]:
        correct = self.correct()
        found = {}
        for k, task in enumerate(self.config.tasks):
            fair = self.table.twinless(task)
            found[task] = (
                correct[:, k, fair].mean(axis=1) if fair.any() else np.full(len(self.steps), np.nan)
            )
        return found

    def twinless_accuracy(self, task: str) -> np.ndarray:
        """(E,) accuracy on test pairs none of whose symmetry twins was trained on.

        The control of 2602.18523's split, which puts (a, b) and (b, a) on either side; NaN if
        there is no such pair.
        """
        return self._twinless[task]

    def grok_step(self, task: str, rule: str, *, control: bool = False) -> int | None:
        """The step at which a task groks under a rule of `grokbook.events.RULES`."""
        accuracy = self.twinless_accuracy(task) if control else self.accuracy(task)
        return grok_step(self.steps, accuracy, rule)

    def grok_steps(self, task: str, *, control: bool = False) -> dict[str, int | None]:
        """The same under every rule."""
        return {rule: self.grok_step(task, rule, control=control) for rule in RULES}
