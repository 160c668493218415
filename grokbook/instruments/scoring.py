"""Perturbed parameters of a run, scored on its own data, as rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from grokbook.geometry.compression import tensors
from grokbook.geometry.perturbation import Perturbed, Score, Scorer, noise, score
from grokbook.geometry.reconstruction import Reconstruction
from grokbook.instruments.instrument import Quantity, Row
from grokbook.instruments.subject import Subject

SHARED = {
    "test accuracy": Quantity("1", "share of test pairs answered rightly; part: the task"),
    "train accuracy": Quantity("1", "share of training pairs answered rightly; part: the task"),
    "change": Quantity("1", "‖θ′ − θ‖ / ‖θ‖"),
    "captured": Quantity("1", "1 − ‖θ′ − θ‖² / ‖Δ‖², the share of the displacement that is kept"),
}
"""Quantities of every instrument that perturbs parameters."""


def target(subject: Subject) -> int:
    """The published θ_T: the last snapshot at or before the published stop.

    Of a run that never grokked it is the last one.
    """
    return int(subject.spaced(1_000_000, until=subject.grok)[-1])


class Scoring:
    """Rows about perturbations of one θ.

    Attributes:
        subject: the run.
        step: of θ.
        draws: of every null.
    """

    def __init__(self, subject: Subject, step: int, draws: int) -> None:
        self.subject, self.step, self.draws = subject, step, draws
        self._parts = list(tensors(subject.layout).values())

    @cached_property
    def theta(self) -> Tensor:
        """θ, (P,) float32."""
        return self.subject.theta(self.step)

    def perturbed(
        self, new: Perturbed, variant: str, at: float = math.nan, *, error: float = math.nan
    ) -> list[Row]:
        """Accuracies on both halves of the data, and how far θ′ is from θ.

        Args:
            new: θ′.
            variant: of the rows.
            at: of the rows.
            error: of the captured share.
        """
        rows = [
            Row(self.step, "change", new.change, "", variant, at),
            Row(self.step, "captured", new.kept, "", variant, at, error),
        ]
        for split in ("test", "train"):
            rows += self._accuracies(split, self.score([new.theta], split), variant, at)
        return rows

    def null(self, thetas: Iterable[Tensor], variant: str, at: float = math.nan) -> list[Row]:
        """Mean test accuracies over several θ′, with their standard deviation as the error."""
        return self._accuracies("test", self.score(thetas), variant, at)

    def drawn(self, news: Sequence[Perturbed], variant: str, at: float = math.nan) -> list[Row]:
        """`null` with how far the θ′ are from θ, likewise means and standard deviations."""
        rows = self.null((new.theta for new in news), variant, at)
        for quantity, values in (
            ("change", [new.change for new in news]),
            ("captured", [new.kept for new in news]),
        ):
            mean, sd = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else math.nan
            rows.append(
                Row(self.step, quantity, float(mean), "", variant, at, float(sd), len(values))
            )
        return rows

    def noise(self, new: Perturbed, variant: str, at: float = math.nan) -> list[Row]:
        """`null` for noise as large as θ′ − θ: in all, and within each tensor."""
        rows = []
        for name, parts in (("noise", None), ("noise by tensor", self._parts)):
            kind = f"{variant} {name}"
            seed = self.subject.seed(f"{kind} {at}", self.step)
            thetas = noise(self.theta, new.theta, seed=seed, draws=self.draws, parts=parts)
            rows += self.null(thetas, kind, at)
        return rows

    def path(self, reconstruction: Reconstruction, variant: str) -> list[Row]:
        """`perturbed` for every k of a reconstruction."""
        error = max(basis.error for basis in reconstruction.bases)
        return [
            row
            for k, new in enumerate(reconstruction.path(), start=1)
            for row in self.perturbed(new, variant, k, error=error)
        ]

    def path_noise(self, reconstruction: Reconstruction, variant: str) -> list[Row]:
        """`noise` for every k of a reconstruction."""
        return [
            row
            for k, new in enumerate(reconstruction.path(), start=1)
            for row in self.noise(new, variant, k)
        ]

    def path_random(self, reconstruction: Reconstruction, variant: str) -> list[Row]:
        """`null` for every k of reconstructions from random directions of the same span."""
        kind, rows = f"{variant} random", []
        seeds = [self.subject.seed(f"{kind} {draw}", self.step) for draw in range(self.draws)]
        paths = [reconstruction.path(seed=seed) for seed in seeds]
        for k, drawn in enumerate(zip(*paths, strict=True), start=1):
            rows += self.drawn(drawn, kind, k)
        return rows

    def score(self, thetas: Iterable[Tensor], split: str = "test") -> Score:
        """Accuracies (T,) on the full test or training set."""
        return score(self._scorers[split], thetas)

    @cached_property
    def _scorers(self) -> dict[str, Scorer]:
        table = self.subject.table
        losses = {"test": self.subject.loss(table.test), "train": self.subject.loss(table.train)}

        def scorer(split: str) -> Scorer:
            return lambda theta: losses[split].accuracy(theta).numpy()

        return {split: scorer(split) for split in losses}

    def _accuracies(self, split: str, score: Score, variant: str, at: float) -> list[Row]:
        return [
            Row(self.step, f"{split} accuracy", mean, task, variant, at, error, score.count)
            for task, mean, error in zip(
                self.subject.config.tasks, score.mean.tolist(), score.sd.tolist(), strict=True
            )
        ]


def curve(rows: Iterable[Row], quantity: str, variant: str) -> np.ndarray:
    """(K, T) values of one quantity, from rows in order of ``at``, then of the task."""
    chosen = [row for row in rows if (row.quantity, row.variant) == (quantity, variant)]
    tasks = len({row.part for row in chosen})
    return np.array([row.value for row in chosen]).reshape(-1, tasks)
