"""Perturbed parameters of a run, scored on its own data, as rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from torch import Tensor

from grokbook.geometry.perturbation import Perturbed, Score, Scorer, noise, score
from grokbook.geometry.reconstruction import Reconstruction
from grokbook.instruments.instrument import Quantity, Row
from grokbook.instruments.subject import Subject

_SCORED = {
    "test_accuracy": "share of test pairs answered rightly",
    "train_accuracy": "share of training pairs answered rightly",
    "change": "‖θ′ − θ‖ / ‖θ‖",
    "captured": "1 − ‖θ′ − θ‖² / ‖Δ‖², the share of the displacement that is kept",
}


def scored(at: str, family: str = "", text: str = "") -> dict[str, Quantity]:
    """The quantities of perturbed parameters.

    Args:
        at: what the free coordinate is.
        family: of perturbations, the first word of the quantities' names.
        text: what it does, for a reader.
    """
    return {
        _named(family, name): Quantity("1", f"{text}: {meaning}" if text else meaning, at)
        for name, meaning in _SCORED.items()
    }


def _named(family: str, quantity: str) -> str:
    return f"{family}_{quantity}" if family else quantity


class Scoring:
    """Rows about perturbations of one θ.

    Nulls are variants of their own, after a comma: ``"published, noise"``.

    Attributes:
        instrument: for which it scores.
        subject: the run.
        step: of θ.
        draws: of every null.
    """

    def __init__(self, instrument: str, subject: Subject, step: int, draws: int) -> None:
        self.instrument, self.subject, self.step, self.draws = instrument, subject, step, draws
        self._parts = list(subject.layout.slices.values())

    @cached_property
    def theta(self) -> Tensor:
        """θ, (P,) float32."""
        return self.subject.theta(self.step)

    def perturbed(
        self,
        new: Perturbed,
        variant: str,
        at: float = math.nan,
        *,
        family: str = "",
        error: float = math.nan,
    ) -> list[Row]:
        """Accuracies on both halves of the data, and how far θ′ is from θ.

        Args:
            new: θ′.
            variant: of the rows.
            at: of the rows.
            family: of the perturbation, see `scored`.
            error: of the captured share.
        """
        change, captured = _named(family, "change"), _named(family, "captured")
        rows = [
            Row(self.step, change, new.change, "", variant, at),
            Row(self.step, captured, new.kept, "", variant, at, error),
        ]
        for split in ("test", "train"):
            rows += self._accuracies(split, self.score([new.theta], split), variant, at, family)
        return rows

    def null(
        self, thetas: Iterable[Tensor], variant: str, at: float = math.nan, *, family: str = ""
    ) -> list[Row]:
        """Mean test accuracies over several θ′, with their standard deviation as the error."""
        return self._accuracies("test", self.score(thetas), variant, at, family)

    def drawn(
        self, news: Sequence[Perturbed], variant: str, at: float = math.nan, *, family: str = ""
    ) -> list[Row]:
        """`null` with how far the θ′ are from θ, likewise means and standard deviations."""
        rows = self.null((new.theta for new in news), variant, at, family=family)
        for quantity, values in (
            ("change", [new.change for new in news]),
            ("captured", [new.kept for new in news]),
        ):
            mean, sd = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else math.nan
            name, count = _named(family, quantity), len(values)
            rows.append(Row(self.step, name, float(mean), "", variant, at, float(sd), count))
        return rows

    def noise(
        self, new: Perturbed, variant: str, at: float = math.nan, *, family: str = ""
    ) -> list[Row]:
        """`null` for noise as large as θ′ − θ: in all, and within each tensor."""
        rows = []
        for name, parts in (("noise", None), ("noise by tensor", self._parts)):
            kind = f"{variant}, {name}"
            seed = self._seed(family, kind, f"{at:g}")
            thetas = noise(self.theta, new.theta, seed=seed, draws=self.draws, parts=parts)
            rows += self.null(thetas, kind, at, family=family)
        return rows

    def path(self, reconstruction: Reconstruction, variant: str, *, family: str = "") -> list[Row]:
        """`perturbed` for every k of a reconstruction."""
        error = max(basis.error for basis in reconstruction.bases)
        return [
            row
            for k, new in enumerate(reconstruction.path(), start=1)
            for row in self.perturbed(new, variant, k, family=family, error=error)
        ]

    def path_noise(
        self, reconstruction: Reconstruction, variant: str, *, family: str = ""
    ) -> list[Row]:
        """`noise` for every k of a reconstruction."""
        return [
            row
            for k, new in enumerate(reconstruction.path(), start=1)
            for row in self.noise(new, variant, k, family=family)
        ]

    def path_random(
        self,
        reconstruction: Reconstruction,
        variant: str,
        *,
        null: str = "random",
        family: str = "",
    ) -> list[Row]:
        """`drawn` for every k of reconstructions from random directions.

        Args:
            reconstruction: whose directions are replaced.
            variant: of the rows, before the comma.
            null: what is drawn and what stays; see `grokbook.geometry.random_directions`.
            family: of the perturbation.
        """
        kind, rows = f"{variant}, {null}", []
        seeds = [self._seed(family, kind, str(draw)) for draw in range(self.draws)]
        paths = [reconstruction.path(seed=seed, null=null) for seed in seeds]
        for k, drawn in enumerate(zip(*paths, strict=True), start=1):
            rows += self.drawn(drawn, kind, k, family=family)
        return rows

    def _seed(self, *purpose: str) -> int:
        return self.subject.seed("/".join([self.instrument, *purpose]), self.step)

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

    def _accuracies(
        self, split: str, score: Score, variant: str, at: float, family: str
    ) -> list[Row]:
        name = _named(family, f"{split}_accuracy")
        return [
            Row(self.step, name, mean, task, variant, at, error, score.count)
            for task, mean, error in zip(
                self.subject.config.tasks, score.mean.tolist(), score.sd.tolist(), strict=True
            )
        ]


def curve(rows: Iterable[Row], quantity: str, variant: str) -> np.ndarray:
    """(K, T) values of one quantity, from rows in order of ``at``, then of the task."""
    chosen = [row for row in rows if (row.quantity, row.variant) == (quantity, variant)]
    tasks = len({row.part for row in chosen})
    return np.array([row.value for row in chosen]).reshape(-1, tasks)
