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
from grokbook.store.compact import read_answers
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
        bits: (A, T, ⌈N/8⌉) packed right/wrong answers.
        answered: (A,) the evaluation steps of ``bits``; None if it is all of them, A = E.
        twinless: (T, E) how many twinless test pairs were right; None where ``bits`` says it.
    """

    config: Config
    status: str
    seconds: float
    source: str
    numerics: dict[str, Any]
    metrics: pd.DataFrame
    bits: np.ndarray
    hardware: str = ""
    answered: np.ndarray | None = None
    twinless: np.ndarray | None = None

    @classmethod
    def read(cls, config: Config, files: dict[str, bytes], **facts: Any) -> RunRecord:
        """From the bytes of ``metrics.parquet`` and ``answers.npz``."""
        metrics = parquet.table(files["metrics.parquet"]).to_pandas(use_threads=False)
        answers = read_answers(files["answers.npz"])
        return cls(config=config, metrics=metrics, **answers, **facts)

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

    @property
    def answer_steps(self) -> np.ndarray:
        """(A,) the steps whose answers are kept, the first and the last among them.

        The store keeps every evaluation's; of a long run that is recorded, see
        `grokbook.store.compact.kept`.
        """
        return self.steps if self.answered is None else self.answered

    def correct(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(rows, T, N) bool, right or wrong, at chosen ones of ``answer_steps``."""
        return np.unpackbits(self.bits[rows], axis=-1, count=self.table.count).astype(bool)

    def reaches(self, plan: Plan) -> bool:
        """Has the run ended, and gone as far as a plan asks or diverged before?"""
        if self.status == "partial":
            return False
        return self.status == "diverged" or self.last_step >= plan.end(self.groks)

    def continues(self, before: RunRecord) -> bool:
        """Is it another record again, to the same rows, or a partial one that has gone further?"""
        if before.status != "partial":
            return self.status != "partial" and before.metrics.equals(self.metrics)
        return before.metrics.equals(self.metrics.iloc[: len(before.metrics)])

    @property
    def groks(self) -> list[int | None]:
        """The published grok step of each task, or None."""
        return [self.grok_step(task, PUBLISHED_RULE) for task in self.config.tasks]

    @cached_property
    def twinless_right(self) -> np.ndarray:
        """(T, E) how many test pairs without a trained twin are answered right."""
        if self.twinless is not None:
            return self.twinless
        fair = [self.table.twinless(task) for task in self.config.tasks]
        correct = self.correct()
        return np.stack([correct[:, k, pairs].sum(axis=1) for k, pairs in enumerate(fair)])

    def twinless_accuracy(self, task: str) -> np.ndarray:
        """(E,) accuracy on test pairs none of whose symmetry twins was trained on.

        The control of 2602.18523's split, which puts (a, b) and (b, a) on either side; NaN if
        there is no such pair.
        """
        right = self.twinless_right[self.config.tasks.index(task)]
        pairs = int(self.table.twinless(task).sum())
        return right / pairs if pairs else np.full(len(right), np.nan)

    def grok_step(self, task: str, rule: str, *, control: bool = False) -> int | None:
        """The step at which a task groks under a rule of `grokbook.events.RULES`."""
        accuracy = self.twinless_accuracy(task) if control else self.accuracy(task)
        return grok_step(self.steps, accuracy, rule)

    def grok_steps(self, task: str) -> dict[str, int | None]:
        """The same under every rule."""
        return {rule: self.grok_step(task, rule) for rule in RULES}
