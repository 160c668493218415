"""The frequencies of a run: its bases, the rows that count, which frequencies are key.

Key frequencies are chosen from the last snapshot's weights, by their spectrum alone: no loss, and
no example of either split, is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.cyclic import FourierBasis
from grokbook.geometry.fourier import PowerSpectrum, power_spectrum
from grokbook.geometry.progress import basis_of, random_frequencies
from grokbook.instruments.subject import Subject
from grokbook.models import trunk
from grokbook.tasks.modular import is_prime


class Frequencies:
    """What the points of one run share: bases, which rows count, key frequencies."""

    def __init__(self, subject: Subject, parameters: Mapping[str, Any]) -> None:
        self.subject, self.excess = subject, parameters["excess"]
        self.draws, self.most = parameters["draws"], parameters["top"]
        self.modulus, self.tasks = subject.config.modulus, subject.config.tasks
        self.bases = [FourierBasis.additive(self.modulus)]
        if is_prime(self.modulus):
            self.bases.append(FourierBasis.discrete_log(self.modulus))
        residues = np.arange(self.modulus)
        self.tokens = np.isin(residues, subject.table.pairs)
        self.answers = [np.isin(residues, column) for column in subject.table.labels.T]

    @classmethod
    def of(cls, subject: Subject, parameters: Mapping[str, Any]) -> Frequencies:
        """Made once a subject and parameters."""
        key = ("fourier", *sorted(parameters.items()))
        return subject.once(key, lambda: cls(subject, parameters))

    def weights(self, step: int) -> dict[str, np.ndarray]:
        """The parameters at a snapshot, by name."""
        views = self.subject.layout.views(self.subject.theta(step)[None])
        return {name: view[0].numpy() for name, view in views.items()}

    def logits(self, theta: Tensor, pairs: np.ndarray) -> np.ndarray:
        """(N, T, p) float32."""
        layout = self.subject.layout
        with torch.no_grad():
            views = layout.views(theta[None])
            return trunk.logits(layout, views, torch.from_numpy(pairs)[None])[0].numpy()

    def head(self, step: int, number: int) -> PowerSpectrum:
        """The spectrum of a head's readout in its own basis."""
        rows = self.weights(step)[f"heads.{number}.weight"]
        basis = basis_of(self.tasks[number], self.modulus)
        return power_spectrum(rows, basis, present=self.answers[number])

    @cached_property
    def key_of_heads(self) -> list[np.ndarray]:
        """The frequencies that stand out in each head's last readout, largest first."""
        last = self.subject.last
        return [self.head(last, number).key(self.excess) for number in range(len(self.tasks))]

    @cached_property
    def key_of_token(self) -> list[np.ndarray]:
        """The frequencies that stand out in the last embedding, in each basis."""
        rows = self.weights(self.subject.last)["token.weight"]
        return [power_spectrum(rows, b, present=self.tokens).key(self.excess) for b in self.bases]

    def top(self, basis: FourierBasis) -> int:
        """How many frequencies count as the largest; small groups have fewer."""
        return min(self.most, len(basis.frequencies))

    def random(self, part: str, basis: FourierBasis, count: int) -> list[tuple[int, ...]]:
        """As many of all frequencies; the same draws at every step, so that they make curves."""
        seed = self.subject.seed(f"fourier/random/{part}/{basis.name}")
        return random_frequencies(basis, count, draws=self.draws, seed=seed)
