"""Responses of a network to directions of its matrices, as rows; what strings and pairs share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np
import torch

from grokbook.geometry.functional_content import Response, response
from grokbook.geometry.nulls import Null
from grokbook.instruments.instrument import Row
from grokbook.instruments.network import AttentionSlot
from grokbook.instruments.subject import Subject

_SINGLE = torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps


class Responses(ABC):
    """The responses of one point; kept from point to point for what they share.

    Attributes:
        subject: the run.
        seed: of splits, folds and bootstraps, the same at every step.
        step: of the point.
        rows: so far.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject, self.seed = subject, subject.seed("edge-functional/split")
        self.step, self.rows = 0, list[Row]()

    @abstractmethod
    def hidden(self, theta: torch.Tensor) -> torch.Tensor:
        """(n, d) representations by all parameters (P,)."""

    @abstractmethod
    def named(self, part: str, found: Response) -> Iterator[Row]:
        """Rows of one named direction."""

    @abstractmethod
    def drawn(self, found: Response) -> dict[tuple[str, str], float]:
        """What is averaged over random directions, by quantity and variant."""

    @abstractmethod
    def nulls(self, draws: int) -> tuple[dict[str, Null], dict[str, int]]:
        """Laws of F without meaning, and the factors that make elevations of it, by variant."""

    def at(self, step: int, slot: AttentionSlot) -> Self:
        """Begin a point: h(θ) in float64, which all directions share."""
        self.step, self.rows = step, []
        self._theta, self._hidden = slot.attention.double(), slot.of(self.hidden)
        with torch.no_grad():
            self._here = self._hidden(self._theta)
        return self

    def add(self, part: str, direction: np.ndarray) -> None:
        """A named direction."""
        found = response(self._hidden, self._theta, direction, here=self._here)
        about, count = {"part": part}, len(self._here)
        length = float(np.linalg.norm(found.ahead)) / float(self._here.norm())
        self.rows.append(Row(self.step, "response", length, count=count, **about))
        self.rows.append(Row(self.step, "rounding", _SINGLE * found.floor, count=count, **about))
        self.rows.append(Row(self.step, "bent", found.bent, count=count, **about))
        self.rows += self.named(part, found)

    def draw(self, directions: np.ndarray) -> None:
        """Random directions (n, A): means, with their standard deviations as the error."""
        found: dict[tuple[str, str], list[float]] = {}
        for direction in directions:
            got = response(self._hidden, self._theta, direction, here=self._here)
            length = float(np.linalg.norm(got.ahead)) / float(self._here.norm())
            for name, value in (self.drawn(got) | {("response", ""): length}).items():
                found.setdefault(name, []).append(value)
        for (quantity, variant), values in found.items():
            about = {"part": "random", "variant": variant, "count": len(values)}
            sd = float(np.std(values, ddof=1))
            self.rows.append(Row(self.step, quantity, float(np.mean(values)), error=sd, **about))

    def compare(self, draws: int) -> None:
        """The spectra of what has no meaning."""
        laws, factors = self.nulls(draws)
        for name, law in laws.items():
            about = {"variant": name, "count": law.draws or 1}
            self.rows.append(Row(self.step, "largest", law.mean, error=law.sd, **about))
            self.rows.append(Row(self.step, "largest_low", law.low, **about))
            self.rows.append(Row(self.step, "largest_high", law.high, **about))
            for kind, factor in factors.items():
                row = about | {"variant": f"{kind}, {name}", "error": factor * law.sd}
                self.rows.append(Row(self.step, "elevation", factor * law.mean, **row))

    def spectrum(
        self,
        part: str,
        largest: float,
        frequency: int,
        elevations: Mapping[str, float],
        error: float,
    ) -> Iterator[Row]:
        """Rows of one spectrum, ``error`` that of its largest share."""
        yield Row(self.step, "largest", largest, part, error=error)
        yield Row(self.step, "frequency", float(frequency), part)
        for name, value in elevations.items():
            wrong = error * value / largest
            yield Row(self.step, "elevation", value, part, name, error=wrong)
