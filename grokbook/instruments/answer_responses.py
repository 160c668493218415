"""Rows of responses in modular arithmetic, for `grokbook.instruments.edge_functional`.

All pairs whose answer has a place in the task's group count, trained on or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grokbook.geometry.answer_waves import answer_nulls, answer_spectrum, wave_content
from grokbook.geometry.functional_content import Response
from grokbook.geometry.nulls import Null
from grokbook.geometry.progress import basis_of
from grokbook.instruments.instrument import Row
from grokbook.instruments.responses import Responses
from grokbook.instruments.subject import Subject
from grokbook.models import trunk

PROBED = ("v1", "v2", "v3", "v4", "v1 centred")
"""Directions whose content is given; of long windows the wave is published alone."""


class AnswerResponses(Responses):
    """Responses of pairs, at the first position, which the head reads."""

    def __init__(self, subject: Subject, parameters: Mapping[str, Any]) -> None:
        super().__init__(subject)
        config, table = subject.config, subject.table
        self.basis = basis_of(config.tasks[0], config.modulus)
        answers = table.labels[:, 0]
        placed = self.basis.places[answers] >= 0
        self.answers, self._pairs = answers[placed], torch.from_numpy(table.pairs[placed])
        self._nulls: dict[str, Null] = {}

    def hidden(self, theta: torch.Tensor) -> torch.Tensor:
        """(n, d) behind the last LayerNorm, a row a pair."""
        layout = self.subject.layout
        return trunk.read(layout, layout.views(theta[None]), self._pairs[None])[0]

    def named(self, part: str, found: Response) -> Iterator[Row]:
        """The wave over answers, and what of it can be read off."""
        at = answer_spectrum(found.size, self.answers, self.basis, seed=self.seed)
        for k, share in enumerate(at.shares, start=1):
            yield Row(self.step, "share", float(share), part, at=float(k), count=len(self.answers))
        yield from self.spectrum(
            part, at.largest, at.frequency, {"published": at.elevation}, at.error
        )
        for form in ("raw", "standardised") if part in PROBED else ():
            probes = self._content(found, at.frequency, form)
            about = {"part": part, "variant": f"{form}, pair", "count": probes[0].test}
            errors = np.array([each.error for each in probes])
            # Cosine and sine are read off the same pairs: their errors may be one and the same.
            error, value = float(errors.mean()), float(np.mean([each.r2 for each in probes]))
            yield Row(self.step, "content", value, error=error, **about)
            if form == "raw":
                inside = float(np.mean([each.inside for each in probes]))
                yield Row(self.step, "content_inside", inside, **about)
            elif any(each.bound for each in probes):
                yield Row(self.step, "content_bound", 1.0, **about)

    def drawn(self, found: Response) -> dict[tuple[str, str], float]:
        """What is averaged over random directions, by quantity and variant."""
        at = answer_spectrum(found.size, self.answers, self.basis, draws=0)
        probes = self._content(found, at.frequency, "standardised")
        return {
            ("largest", ""): at.largest,
            ("elevation", "published"): at.elevation,
            ("content", "standardised, pair"): float(np.mean([each.r2 for each in probes])),
        }

    def nulls(self, draws: int) -> tuple[dict[str, Null], dict[str, int]]:
        """Of F over as many answers, and the factor that makes an elevation of it."""
        if not self._nulls:
            seed = self.subject.seed("edge-functional/nulls")
            self._nulls = answer_nulls(self.basis, draws=draws, seed=seed)
        return self._nulls, {"published": len(self.basis.frequencies)}

    def _content(self, found: Response, frequency: int, form: str):
        return wave_content(
            found.ahead, self.answers, self.basis, frequency, form=form, seed=self.seed
        )
