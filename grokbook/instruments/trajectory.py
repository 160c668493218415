"""The instrument ``trajectory``: PCA of the attention matrices' path, with its nulls beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.trajectory import (
    Displacements,
    Spectrum,
    direction,
    displacements,
    spectrum,
    window_sizes,
)
from grokbook.geometry.trajectory_nulls import (
    Process,
    decay_factors,
    evenly,
    innovations,
    null_spectrum,
    random_walk,
    relaxation,
)
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.subject import Subject


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    """The end of the published trajectory, where the run has one, and the run's own end."""
    return sorted({subject.stop_snapshot, int(subject.steps[-1])})


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    return 4 + 0.16 * parameters["draws"]


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    steps = subject.spaced(parameters["snapshots"], until=point)
    blocks = subject.layout.attention_blocks()
    sizes = {name: part.stop - part.start for name, part in blocks.items()}
    sizes["all"] = subject.layout.attention_size
    rows: list[Row] = []
    for block, moves in displacements(subject.attention(steps), blocks).items():
        part = "" if block == "all" else block
        found = spectrum(moves.products, rounding=moves.rounding)
        processes = _processes(subject, steps, moves, sizes[block])
        for row in (
            *_shares(found, parameters["components"], len(steps)),
            *_nulls(subject, point, part, found, processes, parameters),
            *_windows(moves, processes, parameters["windows"]),
            *_leading(steps, moves),
            *_comparable(subject, steps, moves, parameters),
        ):
            rows.append(Row(**{"step": point, "part": part} | row))
    return rows


def _rates(subject: Subject) -> tuple[float, float] | None:
    """(ηλ, η), if they stay what they are."""
    if subject.config.schedule:
        return None
    eta = subject.config.learning_rate
    return eta * subject.config.weight_decay, eta


def _processes(
    subject: Subject, steps: np.ndarray, moves: Displacements, dimension: int
) -> dict[str, Process]:
    found = {"random walk": random_walk(moves.steps, dimension)}
    rates = _rates(subject)
    if rates and rates[0] > 0:
        decay, start = decay_factors(steps, rates[0]), float(moves.norms[0])
        # The steps' whole norms as noise would count the decay twice.
        noise = innovations(moves, decay)
        found["relaxation"] = relaxation(start, decay, noise, dimension)
    return found


def _shares(found: Spectrum, components: int, count: int) -> Iterator[dict[str, Any]]:
    common = {"variant": "published", "count": count}
    yield {"quantity": "variance", "value": found.total / count, **common}
    for k, share in enumerate(found.shares[:components], start=1):
        yield {"quantity": "share", "value": share, "at": k, "error": found.error, **common}
    for k, share in enumerate(found.among(min(10, len(found.shares))), start=1):
        yield {"quantity": "share_of_ten", "value": share, "at": k, **common}


def _nulls(
    subject: Subject,
    point: int,
    part: str,
    found: Spectrum,
    processes: Mapping[str, Process],
    parameters: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    for name, process in processes.items():
        seed = subject.seed(f"trajectory/null/{part}/{name}", point)
        drawn = null_spectrum(
            process, draws=parameters["draws"], seed=seed, components=parameters["components"]
        )
        common = {"variant": f"published, {name}", "count": parameters["draws"]}
        yield {"quantity": "z", "value": drawn.z(found.shares[0]), **common}
        one = len(drawn.shares) == 1
        sd = np.full_like(drawn.mean, np.nan) if one else drawn.shares.std(axis=0, ddof=1)
        for k, (mean, error) in enumerate(zip(drawn.mean, sd, strict=True), start=1):
            yield {"quantity": "share", "value": mean, "at": k, "error": error, **common}
        if process.start > 0:
            yield {
                "quantity": "cos_start",
                "value": drawn.starts.mean(),
                "error": drawn.starts.std(ddof=1) if len(drawn.starts) > 1 else math.nan,
                **common,
            }


def _windows(
    moves: Displacements, processes: Mapping[str, Process], count: int
) -> Iterator[dict[str, Any]]:
    limits = {name: process.limit() for name, process in processes.items()}
    total = len(moves.products)
    for size in window_sizes(total, count):
        common = {"quantity": "expanding", "at": 100 * size / total, "count": int(size)}
        first = moves.take(np.arange(size))
        found = spectrum(first.products, rounding=first.rounding)
        yield {"variant": "published", "value": found.shares[0], "error": found.error, **common}
        for name, products in limits.items():
            share = spectrum(products[:size, :size]).shares[0]
            yield {"variant": f"published, {name}", "value": share, **common}


def _leading(steps: np.ndarray, moves: Displacements) -> Iterator[dict[str, Any]]:
    found = direction(moves)
    common = {"variant": "published", "error": found.error}
    yield {"quantity": "cos_start", "value": found.start, **common}
    for at in window_sizes(len(steps)) - 1:
        yield {
            "quantity": "cos_weights",
            "value": found.cosines[at],
            "at": float(steps[at]),
            **common,
        }


def _comparable(
    subject: Subject, steps: np.ndarray, moves: Displacements, parameters: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Shares at equal counts: over all, and up to equal τ = ηλt or ηt."""
    cases = [("share_of_count", 1.0, float(steps[-1]))]
    for until, rate in zip(("taus", "times"), _rates(subject) or (), strict=False):
        name = {"taus": "share_at_tau", "times": "share_at_time"}[until]
        cases += [(name, rate, end) for end in parameters[until]]
    for name, rate, end in cases:
        count = parameters["count"]
        try:
            chosen = evenly(rate * steps, end, count)
        except Degenerate:  # a run that is too short, or kept too little, has no such row
            continue
        some = moves.take(chosen)
        found = spectrum(some.products, rounding=some.rounding)
        yield {
            "quantity": name,
            "variant": "corrected",
            "value": found.shares[0],
            "at": count if name == "share_of_count" else end,
            "error": found.error,
            "count": count,
        }


_SHARE = "share of the variance that a principal component has"

TRAJECTORY = Instrument(
    name="trajectory",
    title="Trajectory PCA",
    formula="share_k = σ_k² / Σσ², σ the singular values of the rows vec(M_t − M_0) less their "
    "mean; |cos(v_1, θ_0)| for the leading direction v_1",
    source="2602.18523 section 4.1; nulls: 2602.16746 section 4.2, and relaxation at rate ηλ",
    error="of measured values a bound on the effect of float32 weights (of cosines to first "
    "order); of nulls the sd over `count` draws; none where a null is its limit for many "
    "dimensions",
    parts="an attention matrix: 0.W_Q; all of them together (empty)",
    variants="published: all snapshots up to the point; after it the null: random walk with the "
    "run's own step norms, relaxation from the run's own start with its own innovations; "
    "corrected: as many snapshots in every run",
    quantities={
        "share": Quantity("1", f"{_SHARE}, of all components", "component"),
        "share_of_ten": Quantity(
            "1", f"{_SHARE}, of the first ten alone (2602.18523 Fig. 4)", "component"
        ),
        "variance": Quantity("squared norm", "mean square distance from the mean snapshot"),
        "z": Quantity(
            "1", "(first share − null's mean) / null's population sd; published for the walk"
        ),
        "expanding": Quantity("1", "first share over the first snapshots", "% of the snapshots"),
        "cos_start": Quantity("1", "|cos| of the leading direction and the initial weights"),
        "cos_weights": Quantity("1", "cos of the leading direction and the weights", "step"),
        "share_of_count": Quantity("1", "first share over evenly spaced snapshots", "snapshots"),
        "share_at_tau": Quantity("1", "first share over `count` snapshots", "end, τ = ηλt"),
        "share_at_time": Quantity("1", "first share over `count` snapshots", "end, ηt"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.2,
    cost="two points of 2 to 9 core-seconds a run",
    parameters={
        "snapshots": Parameter(256, "most snapshots of the trajectory", low=3),
        "components": Parameter(10, "principal components whose shares are given"),
        "draws": Parameter(20, "of each null"),
        "windows": Parameter(20, "sizes of the first snapshots in `expanding`"),
        "count": Parameter(30, "snapshots in `share_at_tau` and `share_at_time`", low=3),
        "taus": Parameter(
            (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0), "ends in `share_at_tau`"
        ),
        "times": Parameter(
            (3.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 100.0, 200.0),
            "ends in `share_at_time`",
        ),
    },
    needs=("attention",),
)
