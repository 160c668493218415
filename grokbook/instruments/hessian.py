"""Curvature of the loss along a run: the ends of the Hessian's spectrum, per task and in all.

Five steps of every run, fixed beforehand by τ = ηλt: 0.1, 1, 3, 5 and the end.  Grokking was
published at τ from 7.6 to 23, so the first four compare runs that have not grokked; the published
per-task table reads two of them, 3,000 and 5,000 steps at λ = 1.  Without decay τ stands still,
and the steps are those of a run at λ = 1.

- ``corrected``: every part on one batch, drawn once a run, until the residual is small.
- ``published``: every part and step on a batch of its own, 25 Lanczos steps; also at the 30
  published checkpoints, since the published tables are minima and means over those.
- ``resampled``: the tasks' bottoms at τ = 5 on several batches of the published size, converged:
  the sampling error of the published per-task table, which is of runs at λ = 1.

A residual of a hundredth of |λ| puts λ itself within some thousandths, see
`grokbook.geometry.eigenpairs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grokbook.checks import integer
from grokbook.geometry.eigenpairs import Eigenpairs, extremes, lanczos
from grokbook.geometry.hessian import curvature, weyl
from grokbook.geometry.loss import PUBLISHED_BATCH
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.phases import nearest
from grokbook.instruments.subject import Subject

TAUS = (0.1, 1.0, 3.0, 5.0)
"""Where every run is measured, beside its end; fixed before any run was."""

PER_TASK_TAU = 5.0
"""Where the published per-task table was read."""

PUBLISHED_STEPS = 25
"""Lanczos steps of every published eigenvalue (2602.18523 section 4.6)."""

_PRODUCT = 1.7e-4
"""Core-seconds of a product per example of a dual model, in float32."""
_SOUGHT = 140
"""Products for converged pairs, with the graph and the orthogonalisation counted as some."""


def near(subject: Subject, tau: float) -> int | None:
    """The snapshot nearest to τ = ηλt, the earlier of two; None if the run ends before τ.

    For λ = 0, where τ stands still, as if λ were 1.
    """
    config = subject.config
    step = tau / (config.learning_rate * (config.weight_decay or 1.0))
    if step > subject.last:
        return None
    return nearest(subject.steps, step)


def preset(subject: Subject) -> list[int]:
    """The steps of the corrected protocol, ascending."""
    steps = {near(subject, tau) for tau in TAUS} - {None}
    return sorted(steps | {int(subject.steps[-1])})


def _published(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    """The published checkpoints: evenly spaced to the published stop."""
    count = parameters["checkpoints"]
    return [int(step) for step in subject.spaced(count, until=subject.grok)] if count else []


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return sorted({*preset(subject), *_published(subject, parameters)})


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    theta = subject.theta(step).to(getattr(torch, parameters["precision"]))
    rows: list[Row] = []
    if step in preset(subject):
        rows.extend(_corrected(subject, step, theta, parameters))
    rows.extend(_as_published(subject, step, theta))
    if subject.config.weight_decay == 1.0 and step == near(subject, PER_TASK_TAU):
        rows.extend(_resampled(subject, step, theta, parameters))
    return rows


def _corrected(
    subject: Subject, step: int, theta: Tensor, parameters: Mapping[str, Any]
) -> Iterator[Row]:
    batch = batch_of(subject, subject.seed("hessian/batch"), parameters["examples"])
    found, count = dict[str, Eigenpairs](), parameters["eigenpairs"]
    for part, heads in _parts(subject).items():
        loss = subject.loss(batch, heads)
        hessian = loss.hessian(theta)
        pairs = extremes(
            hessian,
            seed=subject.seed(f"hessian/start/{part}", step),
            pairs=count,
            tolerance=parameters["tolerance"],
            space=parameters["space"],
        )
        # In float64: what rounding does to a small gradient turns its direction.
        along = curvature(hessian, loss.gradient(theta.double()))
        about = {"part": part, "variant": "corrected", "count": len(batch)}
        yield from _spectrum(step, pairs, range(count), **about)
        yield from _spectrum(step, pairs, range(-1, -count - 1, -1), **about)
        yield Row(step, "curvature", along.value, error=along.floor, **about)
        yield from effort(step, pairs, **about)
        found[part] = pairs
    total = found.pop("")
    if found:
        slack = weyl(total, list(found.values()))
        about = {"variant": "corrected", "count": len(batch)}
        yield Row(step, "slack", slack.slack, error=slack.allowance, **about)


def _as_published(subject: Subject, step: int, theta: Tensor) -> Iterator[Row]:
    for part, heads in _parts(subject).items():
        drawn, start = (
            subject.seed(f"hessian/published/{purpose}/{part}", step)
            for purpose in ("batch", "start")
        )
        batch = batch_of(subject, drawn, PUBLISHED_BATCH)
        hessian = subject.loss(batch, heads).hessian(theta.float())
        pairs = lanczos(hessian, seed=start, steps=PUBLISHED_STEPS)
        about = {"part": part, "variant": "published", "count": len(batch)}
        yield from _spectrum(step, pairs, range(len(pairs.values)), **about)
        yield from effort(step, pairs, **about)


def _resampled(
    subject: Subject, step: int, theta: Tensor, parameters: Mapping[str, Any]
) -> Iterator[Row]:
    tasks = {part: heads for part, heads in _parts(subject).items() if heads is not None}
    for draw in range(parameters["subsets"]):
        seed = subject.seed(f"hessian/resampled/batch/{draw}", step)
        batch = batch_of(subject, seed, PUBLISHED_BATCH)
        for part, heads in tasks.items():
            pairs = extremes(
                subject.loss(batch, heads).hessian(theta),
                seed=subject.seed(f"hessian/resampled/start/{draw}/{part}", step),
                ends="low",
                tolerance=parameters["tolerance"],
                space=parameters["space"],
            )
            value, residual, flag = (
                float(of[0]) for of in (pairs.values, pairs.residuals, pairs.converged)
            )
            about = {"part": part, "variant": "resampled", "at": float(draw), "count": len(batch)}
            yield Row(step, "lowest_by_batch", value, error=residual, **about)
            yield Row(step, "lowest_by_batch_converged", flag, **about)


def _spectrum(step: int, pairs: Eigenpairs, places: Sequence[int], **about: Any) -> Iterator[Row]:
    """Eigenvalues by rank, each with its flag: bottom ones at places 0, 1, …, top ones at −1, …."""
    for rank, place in enumerate(places, start=1):
        name = "lowest" if place >= 0 else "highest"
        value, residual = float(pairs.values[place]), float(pairs.residuals[place])
        yield Row(step, name, value, at=float(rank), error=residual, **about)
        yield Row(step, f"{name}_converged", float(pairs.converged[place]), at=float(rank), **about)


def effort(step: int, pairs: Eigenpairs, **about: Any) -> Iterator[Row]:
    """Which share of the pairs has converged, and the products that all of them took.

    Args:
        step: of the snapshot.
        pairs: with their flags.
        about: fields that both rows share.
    """
    yield Row(step, "converged", float(pairs.converged.mean()), **about)
    yield Row(step, "products", float(pairs.products), **about)


def _parts(subject: Subject) -> dict[str, list[int] | None]:
    """The heads of each part; a single task is the whole."""
    tasks = subject.config.tasks
    parts: dict[str, list[int] | None] = {"": None}
    if len(tasks) > 1:
        parts |= {task: [head] for head, task in enumerate(tasks)}
    return parts


def batch_of(subject: Subject, seed: int, size: int) -> Tensor:
    """Training pairs without replacement, all of them if there are no more."""
    train = torch.from_numpy(subject.table.train)
    size = integer("a batch", size, low=1)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return train[order[:size]]


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """The mean over a run's points, which differ in what is measured there."""
    points, parts = len(_points(subject, parameters)), len(_parts(subject))
    corrected = len(preset(subject)) * parts * parameters["examples"] * _SOUGHT
    published = points * parts * PUBLISHED_BATCH * (PUBLISHED_STEPS + 3)
    resampled = (parts - 1) * parameters["subsets"] * PUBLISHED_BATCH * _SOUGHT
    if subject.config.weight_decay != 1.0:
        resampled = 0
    if parameters["precision"] == "float64":
        corrected, resampled = 2.4 * corrected, 2.4 * resampled
    products = (corrected + published + resampled) * subject.layout.size / 302_914
    return _PRODUCT * products / points


_UNIT = "nats/|θ|²"
"""Of a second derivative of the loss along a unit vector of parameters."""

HESSIAN = Instrument(
    name="hessian",
    title="Ends of the Hessian's spectrum",
    formula="H v = λ v for H = ∇²L(θ), known by its products; along g = ∇L(θ): gᵀHg / gᵀg",
    source="2602.18523 section 4.6, Tables 3 and 4",
    error="the residual ‖Hv − λv‖ of an eigenvalue, as published Lanczos's estimate of it, which "
    "sees no rounding; the rounding floor of a curvature; the sum of residuals of a slack",
    parts="the loss: all tasks' (empty), or a task's own: add",
    variants="published: 25 Lanczos steps on a batch of its own; corrected: until it converges, "
    "see its flag, every part on one batch; resampled: likewise, on several of the published size",
    quantities={
        "lowest": Quantity(_UNIT, "a lowest eigenvalue", "its rank"),
        "lowest_converged": Quantity("1", "1 where its residual is within tolerance", "its rank"),
        "lowest_by_batch": Quantity(_UNIT, "the lowest eigenvalue", "number of the batch"),
        "lowest_by_batch_converged": Quantity("1", "the same of it", "number of the batch"),
        "highest": Quantity(_UNIT, "a highest eigenvalue", "its rank"),
        "highest_converged": Quantity("1", "the same of it", "its rank"),
        "curvature": Quantity(_UNIT, "second derivative along the part's own gradient"),
        "slack": Quantity(
            _UNIT, "λ_min of the whole − Σ λ_min of the tasks, which cannot be negative"
        ),
        "converged": Quantity("1", "share of the pairs with a residual within tolerance"),
        "products": Quantity("1", "Hessian-vector products that this took"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=3.0,  # two settings, six core-hours in all
    cost="about 17 core-minutes a run of add and mul: 9 for the five steps, 4 as published, "
    "4 resampled",
    memory=3_000_000_000,
    version=2,  # 1 had no flags of single eigenvalues
    parameters={
        "examples": Parameter(1536, "in the one batch of the corrected protocol"),
        "eigenpairs": Parameter(1, "at each end"),
        "tolerance": Parameter(1e-2, "of a residual, as a share of |λ|"),
        "space": Parameter(128, "vectors of the Krylov space at most", low=3),
        "precision": Parameter(
            "float32", "of the products: float32 or float64", among=("float32", "float64")
        ),
        "checkpoints": Parameter(30, "published ones; 0 leaves them out", low=0),
        "subsets": Parameter(10, "batches that are resampled; 0 leaves them out", low=0),
    },
    needs=("theta", "pairs"),
)
