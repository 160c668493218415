"""What a trained network can do without: truncated, pruned, scaled, with modules swapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from grokbook.geometry.compression import (
    FACTORS,
    RANKS,
    SHARES,
    modules,
    pruned,
    scaled,
    swapped,
    truncated,
)
from grokbook.geometry.perturbation import Perturbed
from grokbook.instruments.instrument import Instrument, Parameter, Row
from grokbook.instruments.scoring import Scoring, scored
from grokbook.instruments.subject import Subject
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout

FINE_RANKS = (72, 80, 88, 96, 104, 112, 120)
"""Ours, between the published 64 and 128."""

_MODULE = "module: 0 embedding, positions and final LayerNorm, then the blocks, last the heads"

FAMILIES = {
    "truncation": ("every matrix cut to a rank", "rank"),
    "attention_truncation": ("every attention matrix cut to a rank", "rank"),
    "pruning": ("all but the largest entries pruned", "share that is kept"),
    "scaling": ("scaled", "factor"),
    "remove": ("one module swapped for o", _MODULE),
    "keep": ("all modules but one swapped for o", _MODULE),
}
"""Operations, first word of the quantities' names: what each does, and its free coordinate."""


def compressions(
    layout: Layout, theta: Tensor, origin: Tensor
) -> Iterator[tuple[str, float, Perturbed]]:
    """Every operation from one origin: its family, its free coordinate, and θ′."""
    ranks = sorted(RANKS + FINE_RANKS)
    for family, attention in (("truncation", False), ("attention_truncation", True)):
        cut = truncated(layout, theta, origin, ranks, attention=attention)
        yield from ((family, rank, new) for rank, new in cut.items())
    yield from (("pruning", share, pruned(theta, origin, share)) for share in SHARES)
    yield from (("scaling", factor, scaled(theta, origin, factor)) for factor in FACTORS)
    for place, where in enumerate(modules(layout).values()):
        yield "remove", place, swapped(theta, origin, where)
        yield "keep", place, swapped(theta, origin, ~where)


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return [subject.stop_snapshot]


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    """Every operation from θ(0), from zero, and from other seeds' θ(0), and noise of its size."""
    layout, draws = subject.layout, parameters["draws"]
    scoring = Scoring("compression", subject, point, draws)
    theta = scoring.theta
    rows = []
    origins = {"published": subject.theta(0), "corrected": torch.zeros_like(theta)}
    for protocol, origin in origins.items():
        for family, at, new in compressions(layout, theta, origin):
            rows += scoring.perturbed(new, protocol, at, family=family)
            rows += scoring.noise(new, protocol, at, family=family)
    others = initial_parameters(layout, _other_seeds(subject, draws))
    everywhere = [compressions(layout, theta, other) for other in others]
    for same in zip(*everywhere, strict=True):
        family, at, _ = same[0]
        news = [new for _, _, new in same]
        rows += scoring.drawn(news, "published, other init", at, family=family)
    return rows


def _other_seeds(subject: Subject, draws: int) -> list[int]:
    """The next seeds up; whether the store has runs of them does not matter."""
    own = subject.config.init_seed
    return list(range(own + 1, own + 1 + draws))


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """62 operations from each origin; 0.15 s a half of the published data."""
    draws = parameters["draws"]
    evaluations = 62 * (2 * (2 + 2 * draws) + draws)
    return 5 + 0.15 * evaluations * len(subject.table.pairs) / 9_216


COMPRESSION = Instrument(
    name="compression",
    title="Compression after grokking",
    formula=(
        "θ′ = o + C(θ_T − o), C one of: every matrix truncated to rank r, all but a share of the "
        "largest entries pruned, scaling by s, a module swapped for o or kept alone; o = θ(0) "
        "(published), 0 (corrected), or another seed's θ(0)"
    ),
    source="2602.18523 sections 4.8 and 8.2, figure SNAP",
    error="of nulls: the standard deviation over draws; all else is exact up to rounding",
    parts="of accuracies the task",
    variants="published: o = θ(0); corrected: o = 0; after them the nulls: other init: o = θ(0) of "
    "other seeds, noise as large as θ′ − θ_T, noise by tensor: as large in each",
    quantities={
        name: quantity
        for family, (text, at) in FAMILIES.items()
        for name, quantity in scored(at, family, text).items()
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=3.5,
    cost="about 275 core-seconds a run",
    parameters={"draws": Parameter(5, "of each null")},
    needs=("theta", "pairs"),
)
