"""Rows of responses on balanced brackets, for `grokbook.instruments.edge_functional`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grokbook.geometry.depth_fourier import DepthSpectrum, depth_nulls, depth_spectrum
from grokbook.geometry.functional_content import Response, content, ratio
from grokbook.geometry.nulls import Null
from grokbook.instruments.instrument import Row
from grokbook.instruments.network import AttentionSlot
from grokbook.instruments.probes import Tokens
from grokbook.instruments.responses import Responses
from grokbook.instruments.subject import Subject

WHOLE = ("v1", "v3")
"""Directions whose content is given by every split: first of the edge, first of the bulk."""
CONTENTS = (("raw", "token"), ("standardised", "prefix"))
"""Forms and splits of every direction."""


class DepthResponses(Responses):
    """Responses of the tokens of the first test strings."""

    def __init__(self, subject: Subject, parameters: Mapping[str, Any]) -> None:
        super().__init__(subject)
        self.tokens = Tokens(subject, parameters["strings"])
        self._nulls: dict[str, Null] = {}

    def hidden(self, theta: torch.Tensor) -> torch.Tensor:
        """(n, d) behind the last LayerNorm, a row a token."""
        return self.tokens.strings.states(theta)["norm"][self.tokens.prefixes]

    def named(self, part: str, found: Response) -> Iterator[Row]:
        """Content, profile over depth and its spectrum."""
        depths, step = self.tokens.depths, self.step
        about = {"part": part, "count": len(depths)}
        every = part in WHOLE
        got = content(
            found,
            depths,
            self.tokens.ids,
            self.tokens.prefixes,
            seed=self.seed,
            chosen=None if every else CONTENTS,
        )
        for (form, by), each in got.probes.items():
            row = about | {"variant": f"{form}, {by}", "count": each.test}
            yield Row(step, "content", each.r2, error=each.error, **row)
            if form == "raw":
                yield Row(step, "content_inside", each.inside, **row)
            elif each.bound:
                yield Row(step, "content_bound", 1.0, **row)
        yield Row(step, "correlation", got.correlation, **about)
        yield Row(step, "open_ratio", ratio(found, self.tokens.open, ~self.tokens.open), **about)
        logits = found.ahead @ self.head.T
        logits -= logits.mean(axis=1, keepdims=True)
        for name, sizes in (
            ("by_depth", found.size),
            ("logits_by_depth", (logits**2).sum(axis=1)),
        ):
            for depth in np.unique(depths):
                here = sizes[depths == depth]
                error = float(here.std(ddof=1)) / len(here) ** 0.5 if len(here) > 1 else np.nan
                row = {"part": part, "at": float(depth), "error": error, "count": len(here)}
                yield Row(step, name, float(here.mean()), **row)
        at = depth_spectrum(found.size, depths, self.tokens.ids, seed=self.seed)
        for k, share in enumerate(at.shares):
            yield Row(step, "share", float(share), at=float(k), **about)
        yield from self.spectrum(part, at.largest, at.frequency, _elevations(at), at.error)

    def drawn(self, found: Response) -> dict[tuple[str, str], float]:
        """What is averaged over random directions, by quantity and variant."""
        tokens = self.tokens
        got = content(
            found, tokens.depths, tokens.ids, tokens.prefixes, seed=self.seed, chosen=CONTENTS
        )
        at = depth_spectrum(found.size, tokens.depths)
        values = {("content", f"{form}, {by}"): p.r2 for (form, by), p in got.probes.items()}
        values |= {("elevation", name): value for name, value in _elevations(at).items()}
        return values | {("largest", ""): at.largest, ("correlation", ""): got.correlation}

    def nulls(self, draws: int) -> tuple[dict[str, Null], dict[str, int]]:
        """Of F over as many depths, and the factors that make elevations of it."""
        count = len(np.unique(self.tokens.depths))
        if not self._nulls:
            seed = self.subject.seed("edge-functional/nulls")
            self._nulls = depth_nulls(count, draws=draws, seed=seed)
        return self._nulls, {"published": count // 2 + 1, "corrected": count // 2}

    def at(self, step: int, slot: AttentionSlot) -> DepthResponses:
        """Begin a point."""
        views = self.subject.layout.views(slot.theta[None])
        self.head = views["head.weight"][0].double().numpy()
        return super().at(step, slot)


def _elevations(at: DepthSpectrum) -> dict[str, float]:
    return {"published": at.published, "corrected": at.elevation}
