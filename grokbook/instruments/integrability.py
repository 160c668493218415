"""Integrability: do commutators, steps and gradients lie in the subspace of the trajectory?

Published is one fresh δ a checkpoint, rounded to float32; corrected is the δ whose share is the
median of several.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import stdev
from typing import Any, NamedTuple

import numpy as np

from grokbook.geometry.defect import read_pair
from grokbook.geometry.shares import Share, within
from grokbook.geometry.subspaces import Basis, project
from grokbook.instruments.instrument import MORE_SNAPSHOTS, Instrument, Parameter, Quantity, Row
from grokbook.instruments.spaces import OTHER, Space, lasting, per_matrix, present, singular
from grokbook.instruments.subject import Subject

SWEEP = (1, 2, 3, 4, 8, 16, 32)
"""Singular directions a matrix, for the sweep of dimensions (2602.16746 section 4.6)."""


class Vectors(NamedTuple):
    """Samples of one vector: which, of which loss, and by which protocol."""

    name: str
    part: str
    protocol: str
    samples: list[np.ndarray]


class Reading(NamedTuple):
    """The share of the median sample, the standard deviation over samples, and their number."""

    share: Share
    spread: float
    count: int


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    """The published checkpoints, evenly spaced up to the stop, and the run's own end."""
    published = subject.spaced(parameters["snapshots"], until=subject.grok)
    return sorted({*published.tolist(), int(subject.steps[-1])})


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    rank, draws = parameters["rank"], parameters["draws"]
    spaces = lasting(subject, parameters["k"]) | present(subject, step, rank)
    steps = _points(subject, parameters)
    swept = steps.index(step) in np.linspace(0, len(steps) - 1, 4).round()
    rows = []
    for vectors in _vectors(subject, step, parameters["batch_pairs"]):
        name, part, protocol, samples = vectors
        there = vectors._replace(samples=[sample for sample in samples if sample.any()])
        gone = 1 - len(there.samples) / len(samples)
        rows.append(Row(step, f"{name}_vanished", gone, part, protocol, count=len(samples)))
        if not there.samples:
            continue
        shares = {}
        for basis, space in spaces.items():
            reading = _read(subject, step, there, basis, space, draws)
            shares[basis] = reading.share.inside
            rows += _rows(step, vectors, basis, reading)
        for basis in shares:
            if (other := shares.get(basis + OTHER)) is not None:
                ratio = shares[basis] / other if other else math.nan
                variant = f"{protocol}, {basis}"
                count = len(there.samples)
                rows.append(Row(step, f"{name}_ratio_other", ratio, part, variant, count=count))
        for directions in SWEEP if swept and (name, part) == ("commutator", "") else ():
            for basis, space in singular(subject, step, directions).items():
                reading = _read(subject, step, there, f"{basis}/{directions}", space, draws)
                rows += _rows(step, vectors, basis, reading, at=directions)
    return rows


def _vectors(subject: Subject, step: int, pairs: int) -> Iterator[Vectors]:
    """Samples of every vector, under every protocol."""
    theta = subject.theta(step)
    losses = subject.loss_pairs("integrability/batches", step, pairs)
    found = [read_pair(*pair, theta, subject.config.tasks).defects for pair in losses]
    for mode, first in found[0].items():
        yield Vectors("commutator", mode, "published", [first.published_delta.numpy()])
        deltas = [each[mode].delta.numpy() for each in found]
        yield Vectors("commutator", mode, "corrected", deltas)
    gradients = [loss.gradient(theta.double()).numpy() for loss, _ in losses]
    yield Vectors("gradient", "", "corrected", gradients)
    before = subject.steps[subject.steps < step]
    if len(before):
        moved = theta.double() - subject.theta(int(before[-1])).double()
        yield Vectors("step", "", "corrected", [moved.numpy()])


def _lacking(subject: Subject) -> str:
    """Has the first half of the path as many directions as its basis?"""
    return "" if len(subject.path(until=50)) > per_matrix(subject) else MORE_SNAPSHOTS


def _read(
    subject: Subject, step: int, vectors: Vectors, basis: str, space: Space, draws: int
) -> Reading:
    """The share of the median sample with its nulls; those of the others for their spread."""
    name, part, protocol, samples = vectors
    seed = subject.seed(f"integrability/null/{name}/{part}/{protocol}/{basis}", step)
    found = sorted((_inside(sample, space.basis), at) for at, sample in enumerate(samples))
    middle = samples[found[len(found) // 2][1]]
    share = within(middle, *space, draws=draws, seed=seed)
    spread = stdev(inside for inside, _ in found) if len(found) > 1 else share.error
    return Reading(share, spread, len(found))


def _inside(vector: np.ndarray, basis: Basis) -> float:
    return float(np.linalg.norm(project(vector, basis)) / np.linalg.norm(vector))


def _rows(
    step: int, vectors: Vectors, basis: str, reading: Reading, at: float = math.nan
) -> list[Row]:
    """ρ, and with it always the share, both nulls and both ratios."""
    share, spread, count = reading
    slope = share.inside / share.outside if share.outside else 0.0
    found = [
        ("rho", share.outside, spread * slope, count),
        ("share", share.inside, spread, count),
    ]
    for name, null, ratio in (
        ("whole", share.whole, share.ratio),
        ("matched", share.matched, share.matched_ratio),
    ):
        error = spread / null.mean if null.mean else math.nan
        found += [
            (f"null_{name}", null.mean, null.sd, null.draws),
            (f"low_{name}", null.low, math.nan, null.draws),
            (f"high_{name}", null.high, math.nan, null.draws),
            (f"ratio_{name}", ratio, error, count),
        ]
    variant = f"{vectors.protocol}, {basis}"
    return [
        Row(step, f"{vectors.name}_{what}", value, vectors.part, variant, at, error, samples)
        for what, value, error, samples in found
    ]


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    modes = 1 + len(subject.config.tasks) * (len(subject.config.tasks) - 1) // 2
    return 2.0 + parameters["batch_pairs"] * modes


_NAMES = {"commutator": "δ", "gradient": "the gradient", "step": "the step since the last snapshot"}
_RANDOM = {"whole": "in ℝᴾ", "matched": "with the basis's footprint"}
_MEANINGS = {
    "rho": "what of the norm of {} is orthogonal to the basis",
    "share": "what of the norm of {} the basis holds",
} | {
    f"{kind}_{name}": f"of {{}}: {text} {where}"
    for name, where in _RANDOM.items()
    for kind, text in (
        ("null", "mean share of random bases"),
        ("low", "2.5 % quantile of the share of random bases"),
        ("high", "97.5 % quantile of the share of random bases"),
        ("ratio", "share over the mean share of random bases"),
    )
}

INTEGRABILITY = Instrument(
    name="integrability",
    title="Integrability against chance",
    formula="share = ‖BBᵀv‖ / ‖v‖, ρ = ‖v − BBᵀv‖ / ‖v‖, ratio = share / mean share of random "
    "bases; v: a commutator δ, the step since the last snapshot, a gradient; B: principal "
    "directions of the trajectory, or singular directions u vᵀ of the weights",
    source="2602.18523 sections 4.3, 4.7 and 7 (D9, D10); 2602.16746 sections 4.5, 4.6, 4.13, S2",
    error="standard deviation over pairs of batches; of a null its own; of a single vector "
    "that share of the basis's residual",
    parts="the loss: all tasks' on both batches (empty), add×mul: one task's on A, another's on B",
    variants="published: one δ, rounded to float32; corrected: the median of `batch_pairs` δ; "
    "then the basis: attention path (two, with three tasks three directions a matrix), full path "
    "(`k` directions), both also of the first half and of another seed; weights and displacements "
    "(`rank` directions a matrix), both also with feed-forward",
    quantities={
        f"{name}_{what}": Quantity(
            "1", meaning.format(vector), "directions a matrix in a sweep, else none"
        )
        for name, vector in _NAMES.items()
        for what, meaning in _MEANINGS.items()
    }
    | {
        f"{name}_ratio_other": Quantity("1", f"share of {vector} over that in another seed's basis")
        for name, vector in _NAMES.items()
    }
    | {
        f"{name}_vanished": Quantity("1", f"samples of {vector} that are exactly 0, without share")
        for name, vector in _NAMES.items()
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=12.0,
    cost="101 points of 6 core-seconds, and 10 more, a run of add and mul; of 12 with sq",
    parameters={
        "snapshots": Parameter(100, "most snapshots up to the published stop", low=2),
        "batch_pairs": Parameter(3, "pairs of batches a snapshot"),
        "k": Parameter(20, "directions of the full path"),
        "rank": Parameter(3, "directions a matrix of weights and displacements"),
        "draws": Parameter(200, "random bases", low=2),
    },
    needs=("theta", "attention", "pairs"),
    lacking=_lacking,
    sibling=True,
)
