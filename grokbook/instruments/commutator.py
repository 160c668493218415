"""The commutator defect along a run, with what explains it: gradients, cosines, rounding.

Two detectors of an onset read it, on snapshots of their own: ours a grid that is the same for
every run, the published one of the dual-task runs at most 120 checkpoints up to the stop, whose
ranks count.  Both are measured, and ``reading`` says to which of them a snapshot belongs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from grokbook.events import onset_grid
from grokbook.geometry.commutator import cosine
from grokbook.geometry.converse import converse
from grokbook.geometry.defect import Defect, attention_share, modes, read_pair, referee
from grokbook.geometry.loss import Loss
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.subject import Subject
from grokbook.thinning import thin

_DELTAS = {"published": "published_delta", "corrected": "delta"}


class Sample(NamedTuple):
    """One quantity over the pairs of batches, and the error of each value where there is one."""

    quantity: str
    values: Sequence[float]
    part: str = ""
    variant: str = ""
    errors: Sequence[float] = ()


def readings(subject: Subject, parameters: Mapping[str, Any]) -> dict[str, list[int]]:
    """The snapshots that each detector of an onset reads, by protocol."""
    grid = thin(onset_grid(subject.steps), parameters["snapshots"])
    count = parameters["checkpoints"]
    published = subject.spaced(count, until=subject.grok).tolist() if count else []
    return {"published": published, "corrected": grid.tolist()}


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    """Both detectors' readings, the published stop, and the first three snapshots.

    Those three are the baseline of the published onset of the tri-task runs.
    """
    read = (step for steps in readings(subject, parameters).values() for step in steps)
    return sorted({*read, subject.stop_snapshot, *subject.steps[:3].tolist()})


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    theta = subject.theta(step)
    pairs = subject.loss_pairs("commutator/batches", step, parameters["batch_pairs"])
    samples, defects = _read(subject, theta, pairs)
    read = readings(subject, parameters)
    if step in read["corrected"][:: parameters["referee"]]:
        samples += _refereed(theta, pairs, defects)
    rows = [
        Row(step, "reading", float(step in steps), variant=variant)
        for variant, steps in read.items()
    ]
    rows += [row for sample in samples for row in _rows(step, sample)]
    return rows + list(_converse(subject, step, theta, defects))


def _read(
    subject: Subject, theta: Tensor, pairs: list[tuple[Loss, Loss]]
) -> tuple[list[Sample], list[Defect]]:
    """Samples of every mode and task, and the defects of the total loss."""
    tasks = subject.config.tasks
    readings = [read_pair(*pair, theta, tasks) for pair in pairs]
    samples = []
    for mode in modes(tasks):
        samples += _of_mode(subject, mode, [reading.defects[mode] for reading in readings])
    for task in tasks if len(tasks) > 1 else ():  # one task's loss is the total
        samples.append(Sample("cosine", [r.cosines[task] for r in readings], task))
        samples.append(Sample("gradient", [n for r in readings for n in r.norms[task]], task))
    return samples, [reading.defects[""] for reading in readings]


def _of_mode(subject: Subject, mode: str, found: list[Defect]) -> Iterator[Sample]:
    rounding = [one.rounding for one in found]
    errors = [one.error for one in found]
    # An error of D is one of δ by ‖ηg_A‖ ‖ηg_B‖, and the bracket is δ by η².
    of_brackets = [one.error * math.prod(one.norms) for one in found]
    yield Sample("defect", [one.published for one in found], mode, "published", rounding)
    yield Sample("defect", [one.corrected for one in found], mode, "corrected", errors)
    yield Sample("defect", rounding, mode, "rounding")
    yield Sample("defect", [one.floor for one in found], mode, "floor")
    yield Sample("relative", [one.relative for one in found], mode, "corrected")
    yield Sample("bracket", [one.bracket for one in found], mode, "corrected", of_brackets)
    yield Sample("zeros", [one.zeros for one in found], mode, "published")
    yield Sample("cosine", [one.cosine for one in found], mode)
    yield Sample("gradient", [norm for one in found for norm in one.norms], mode)
    for variant, name in _DELTAS.items():
        for quantity, biases in (("attention", True), ("attention_weights", False)):
            deltas = [getattr(one, name) for one in found]
            shares = [attention_share(subject.layout, delta, biases=biases) for delta in deltas]
            yield Sample(quantity, shares, mode, variant)


def _refereed(theta: Tensor, pairs: list[tuple[Loss, Loss]], defects: list[Defect]) -> list[Sample]:
    """Of the total loss, by products with the Hessians."""
    exact = [referee(*pair, theta) for pair in pairs]
    agreement = [cosine(one.delta, two.vector) for one, two in zip(defects, exact, strict=True)]
    return [
        Sample("defect", [one.defect for one in exact], variant="exact"),
        Sample("relative", [one.relative for one in exact], variant="exact"),
        Sample("bracket", [one.norm for one in exact], variant="exact"),
        Sample("agreement", agreement, variant="corrected"),
    ]


def _converse(subject: Subject, step: int, theta: Tensor, defects: list[Defect]) -> Iterator[Row]:
    """Against the movement to the next snapshot; the last one has none."""
    later = subject.steps[subject.steps > step]
    moved = subject.theta(later[0]) - theta if len(later) else theta.new_zeros(1)
    if not moved.any():
        return
    for variant, name in _DELTAS.items():
        found = converse(moved, [getattr(one, name) for one in defects])
        shared = {"variant": variant, "at": float(later[0] - step), "count": found.count}
        sd = found.cosine_sd / found.cosine_null
        yield Row(step, "converse", found.cosine_ratio, error=sd, **shared)
        inside = found.projection
        chance = found.projection_null if variant == "corrected" else found.projection_rms
        sd = found.projection_sd / chance
        yield Row(step, "converse_projection", inside / chance, error=sd, **shared)


def _rows(step: int, sample: Sample) -> Iterator[Row]:
    """Quartiles over the pairs; of cosines the mean with its standard error, as published."""
    quantity, values, part, variant, errors = sample
    count = len(values)
    if quantity == "cosine":
        error = np.std(values, ddof=1) / math.sqrt(count) if count > 1 else math.nan
        yield Row(step, quantity, float(np.mean(values)), part, error=float(error), count=count)
        return
    error = float(np.median(errors)) if errors else math.nan
    for at in (0.25, 0.5, 0.75):
        yield Row(step, quantity, float(np.quantile(values, at)), part, variant, at, error, count)


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """Core-seconds a point.

    In the published model a gradient on 512 examples takes 0.05 s in float32 and 0.1 s in
    float64, and a product with a Hessian, with the gradient that it needs, 0.45 s.
    """
    tasks = len(subject.config.tasks)
    passes = 2 + 2 * tasks + 2 + tasks * (tasks - 1)
    grid = parameters["snapshots"] / (parameters["snapshots"] + parameters["checkpoints"])
    products = 2 * grid / parameters["referee"]
    size = subject.layout.size / 302_914
    return parameters["batch_pairs"] * (0.15 * passes + 0.45 * products) * size


_QUARTILE = "quantile over the pairs: 0.25, 0.5, 0.75"

COMMUTATOR = Instrument(
    name="commutator",
    title="Commutator defect",
    formula=(
        "D = ‖δ‖ / (‖ηg_A‖ ‖ηg_B‖), δ = θ_AB − θ_BA, "
        "θ_AB = θ − ηg_A(θ) − ηg_B(θ − ηg_A(θ)), η = 0.001, A and B independent batches of 512"
    ),
    source="2602.18523 sections 4.3 to 4.5; 2602.16746 sections 4.4 and 4.7",
    error=(
        "of a defect: published, the median rounding ‖published δ − δ‖ in its unit; corrected, "
        "as of the bracket, its own rounding, from above, while what the finite step adds is seen "
        "beside exact. "
        "Of a cosine the standard error over the pairs; of the "
        "converse the standard deviation of a random direction, for δ orthogonal to one another "
        "(the more they share, the larger it is in truth). Else none."
    ),
    parts="the loss: all tasks' on both batches (empty), add×mul: one task's on A, another's on "
    "B; of cosine and gradient also a task: its own on both",
    variants="published: float32 difference of parameters; corrected: float64 differences of "
    "gradients; exact: η → 0, by Hessian products; of defect also rounding: of the published δ, "
    "and floor: published arithmetic on frozen gradients; none for what has no protocol",
    quantities={
        "defect": Quantity("1/|θ|", "D", _QUARTILE),
        "relative": Quantity("1", "‖H_B g_A − H_A g_B‖ / (‖H_B g_A‖ + ‖H_A g_B‖)", _QUARTILE),
        "bracket": Quantity("nats²/|θ|³", "‖δ‖/η² → ‖H_B g_A − H_A g_B‖", _QUARTILE),
        "agreement": Quantity("1", "cosine between corrected and exact δ", _QUARTILE),
        "zeros": Quantity("1", "share of the entries of the δ that are exactly 0", _QUARTILE),
        "cosine": Quantity("1", "mean cosine between the gradients on A and on B"),
        "gradient": Quantity("nats/|θ|", "norm of the gradient on a batch", _QUARTILE),
        "attention": Quantity("1", "‖δ on attention, with its biases‖ / ‖δ‖", _QUARTILE),
        "attention_weights": Quantity("1", "‖δ on the attention matrices‖ / ‖δ‖", _QUARTILE),
        "converse": Quantity(
            "1",
            "mean |cos(Δθ, δ)| over the K = `batch_pairs` δ (published: 12) in units of a random "
            "direction's, Δθ the movement to the next snapshot",
            "steps to the next snapshot",
        ),
        "converse_projection": Quantity(
            "1",
            "norm share of Δθ in the span of the same δ, in units of a random direction's: "
            "published, its root mean square √(K/P); corrected, its mean",
            "steps to the next snapshot",
        ),
        "reading": Quantity(
            "1",
            "1 where an onset detector reads D, else 0; published: at most `checkpoints` evenly "
            "spaced up to the stop; corrected: the grid of the growth detector",
        ),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=56.0,
    cost="100 to 260 points of 14 core-seconds a run of add and mul, 25 with sq; half of the "
    "points are the published checkpoints, which `checkpoints=0` leaves out",
    parameters={
        "batch_pairs": Parameter(9, "pairs of batches a snapshot, K"),
        "snapshots": Parameter(140, "most on the grid of the growth detector", low=2),
        "checkpoints": Parameter(120, "published ones; 0 leaves them out", low=0),
        "referee": Parameter(10, "one snapshot of so many of the grid has the exact δ, too"),
    },
    needs=("theta", "pairs"),
    version=2,
)
