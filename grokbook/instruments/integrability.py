"""Integrability: do commutators, steps and gradients lie in the subspace of the trajectory?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from statistics import stdev
from typing import Any, NamedTuple

import numpy as np

from grokbook.geometry import bases
from grokbook.geometry.defect import read_pair
from grokbook.geometry.loss import batches
from grokbook.geometry.shares import Share, within
from grokbook.geometry.subspaces import Basis, Footprint
from grokbook.instruments.instrument import Instrument, Quantity, Row
from grokbook.instruments.subject import Subject

SNAPSHOTS = 100
"""Most snapshots that a trajectory's basis is measured on (2602.18523 section 4.7)."""
SWEEP = (1, 2, 3, 4, 8, 16, 32)
"""Singular directions a matrix, for the sweep of dimensions (2602.16746 section 4.6)."""
_BATCH = 512
"""Published, whatever batches a run was trained on."""


class Space(NamedTuple):
    """A basis and where it lives."""

    basis: Basis
    footprint: Footprint


class Reading(NamedTuple):
    """The share of the median sample, the standard deviation over samples, and their number."""

    share: Share
    spread: float
    count: int


def points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    """Evenly spaced snapshots, first and last included."""
    return subject.spaced(parameters["points"]).tolist()


def measure(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    """All rows of one snapshot."""
    spaces = _lasting(subject, parameters["k"]) | _present(subject, step, parameters["rank"])
    steps = points(subject, parameters)
    swept = steps.index(step) in np.linspace(0, len(steps) - 1, 4).round()
    null = {"draws": parameters["draws"], "seed": subject.seed("integrability null", step)}
    rows = []
    for (vector, variant), samples in _vectors(subject, step, parameters["pairs"]).items():
        there = [sample for sample in samples if sample.any()]
        gone = 1 - len(there) / len(samples)
        rows.append(Row(step, "vanished", gone, vector, variant, count=len(samples)))
        if not there:
            continue

        readings = {name: _read(there, space, **null) for name, space in spaces.items()}
        for name, reading in readings.items():
            rows += _rows(step, f"{vector} in {name}", variant, reading)
        for name in ("trajectory", "trajectory (all)"):
            if (other := readings.get(f"other seed's {name}")) is not None:
                ratio = readings[name].share.inside / other.share.inside
                part = f"{vector} in {name}"
                rows.append(Row(step, "ratio_other", ratio, part, variant, count=len(there)))
        for rank in SWEEP if swept and vector == "δ" else ():
            for name, space in _singular(subject, step, rank).items():
                reading = _read(there, space, **null)
                rows += _rows(step, f"{vector} in {name}", variant, reading, at=rank)
    return rows


def _vectors(subject: Subject, step: int, pairs: int) -> dict[tuple[str, str], list[np.ndarray]]:
    """Samples of every vector by its name and protocol."""
    theta = subject.theta(step)
    drawn = batches(subject.table, subject.seed("integrability", step), _BATCH, 2 * pairs)
    losses = [subject.loss(indices) for indices in drawn]
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for first, second in zip(losses[::2], losses[1::2], strict=True):
        for mode, defect in read_pair(first, second, theta, subject.config.tasks).defects.items():
            name = f"δ {mode}".strip()
            found.setdefault((name, "published"), []).append(defect.published_delta.numpy())
            found.setdefault((name, "corrected"), []).append(defect.delta.numpy())
        gradient = first.gradient(theta.double()).numpy()
        found.setdefault(("gradient", "corrected"), []).append(gradient)
    before = subject.steps[subject.steps < step]
    if len(before):
        moved = theta.double() - subject.theta(int(before[-1])).double()
        found["step", "corrected"] = [moved.numpy()]
    return found


@lru_cache(maxsize=1)
def _lasting(subject: Subject, k: int) -> dict[str, Space]:
    """Bases that are the same at every snapshot: future included, as published."""
    found = {
        f"{start}{name}": basis
        for start, half, of in (
            ("", False, subject),
            ("first half's ", True, subject),
            ("other seed's ", False, subject.sibling()),
        )
        if of is not None and of.has("theta")
        for name, basis in _trajectories(of, k, half=half).items()
    }
    return {name: _space(subject, basis) for name, basis in found.items()}


def _trajectories(subject: Subject, k: int, *, half: bool) -> dict[str, Basis]:
    """Up to the published stop: the principal directions of each matrix, and of all parameters."""
    end = subject.last if subject.grok is None else subject.grok
    steps = subject.spaced(SNAPSHOTS, until=end // 2 if half else end)
    layout, three = subject.layout, len(subject.config.tasks) == 3
    attention, theta = subject.attention(steps), subject.thetas(steps)
    return {
        "trajectory": bases.trajectory_attention(layout, attention, per_matrix=3 if three else 2),
        "trajectory (all)": bases.trajectory(layout, theta, k=min(k, len(steps) - 1)).basis,
    }


def _present(subject: Subject, step: int, rank: int) -> dict[str, Space]:
    """Bases of the weights as they are, and of what they have moved."""
    return _singular(subject, step, rank) | _singular(subject, step, rank, feedforward=True)


def _singular(
    subject: Subject, step: int, rank: int, *, feedforward: bool = False
) -> dict[str, Space]:
    start, theta = (subject.theta(s).double().numpy() for s in (int(subject.steps[0]), step))
    found = {}
    for name, values in (("weights", theta), ("displacements", theta - start)):
        with suppress(ValueError):  # a matrix that has not moved, or not in so many directions
            basis = bases.weight_svd(subject.layout, values, rank=rank, feedforward=feedforward)
            found[name + " with feed-forward" * feedforward] = _space(subject, basis)
    return found


def _space(subject: Subject, basis: Basis) -> Space:
    return Space(basis, Footprint.of(basis, bases.parts(subject.layout)))


def _read(samples: Sequence[np.ndarray], space: Space, *, draws: int, seed: int) -> Reading:
    """The share of the median sample with its nulls; those of the others for their spread."""
    found = sorted((within(s, space.basis).inside, at) for at, s in enumerate(samples))
    middle = samples[found[len(found) // 2][1]]
    share = within(middle, *space, draws=draws, seed=seed)
    spread = stdev(inside for inside, _ in found) if len(found) > 1 else share.error
    return Reading(share, spread, len(found))


def _rows(step: int, part: str, variant: str, reading: Reading, at: float = math.nan) -> list[Row]:
    """ρ, and with it always the share, both nulls and both ratios."""
    share, spread, count = reading
    slope = share.inside / share.outside if share.outside else 0.0
    quantities = [
        ("rho", share.outside, spread * slope, count),
        ("share", share.inside, spread, count),
    ]
    for name, null in (("whole", share.whole), ("matched", share.matched)):
        quantities += [
            (f"null_{name}", null.mean, null.sd, null.draws),
            (f"low_{name}", null.low, math.nan, null.draws),
            (f"high_{name}", null.high, math.nan, null.draws),
            (f"ratio_{name}", share.inside / null.mean, spread / null.mean, count),
        ]
    return [
        Row(step, quantity, value, part, variant, at, error, samples)
        for quantity, value, error, samples in quantities
    ]


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    modes = 1 + len(subject.config.tasks) * (len(subject.config.tasks) - 1) // 2
    return 2.0 + parameters["pairs"] * modes


_RANDOM = {"whole": "of ℝᴾ", "matched": "within the parameters where the basis lives"}

INTEGRABILITY = Instrument(
    name="integrability",
    title="Integrability against chance",
    formula="share = ‖BBᵀv‖ / ‖v‖, ρ = ‖v − BBᵀv‖ / ‖v‖, ratio = share / mean share of random "
    "bases; v: a commutator δ, the step since the snapshot before, a gradient; B: principal "
    "directions of the trajectory, or singular directions u vᵀ of the weights",
    source="2602.18523 sections 4.3, 4.7 and 7 (D9, D10); 2602.16746 sections 4.5, 4.6, 4.13, S2",
    error="standard deviation over pairs of batches; of a null its own; of a step the basis's "
    "residual",
    quantities={
        "rho": Quantity("1", "what of the vector's norm is orthogonal to the basis"),
        "share": Quantity("1", "what of the vector's norm the basis holds"),
        "ratio_other": Quantity("1", "share over that in the basis of another seed's run"),
        "vanished": Quantity("1", "samples that are exactly 0 and have no share"),
    }
    | {
        f"{kind}_{name}": Quantity("1", f"{text} {where}")
        for name, where in _RANDOM.items()
        for kind, text in (
            ("null", "mean share in random bases"),
            ("low", "2.5 % quantile of the share in random bases"),
            ("high", "97.5 % quantile of the share in random bases"),
            ("ratio", "share over the mean share in random bases"),
        )
    },
    points=points,
    take=measure,
    seconds=_seconds,
    budget=2.5,
    cost="30 points of 8 core-seconds, and 10 more, a run of add and mul",
    parameters={"points": 30, "pairs": 3, "k": 20, "rank": 3, "draws": 200},
    needs=("theta", "attention"),
    sibling=True,
)
