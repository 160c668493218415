"""How few directions of its path give a trained network back: k*, with controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from grokbook.geometry.perturbation import Perturbed
from grokbook.geometry.random_directions import NULLS
from grokbook.geometry.reconstruction import Reconstruction, reconstructions, threshold
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.scoring import Scoring, curve, scored
from grokbook.instruments.subject import Subject

_LAST_SEEN = "last seen"


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return [subject.stop_snapshot]


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    """Every variant's curve in k, the nulls of the published one, and k* of each."""
    scoring = Scoring("reconstruction", subject, point, parameters["draws"])
    count, sibling = parameters["snapshots"], subject.sibling()
    snapshots = subject.thetas(subject.spaced(count, until=point))
    embedding = np.zeros(subject.layout.size, dtype=bool)
    embedding[subject.layout.slices["token.weight"]] = True
    other = None
    if sibling is not None and sibling.has("theta"):
        other = sibling.thetas(sibling.spaced(count, until=sibling.stop_snapshot))
    rows = _norms(point, snapshots)
    for variant, reconstruction in reconstructions(
        snapshots,
        count=parameters["k"],
        other=other,
        apart_from=embedding,
        held_out=parameters["held_out"],
    ):
        rows += _spectrum(point, reconstruction, variant)
        rows += scoring.path(reconstruction, variant)
        if variant in ("published", "centred"):
            rows += scoring.path_noise(reconstruction, variant)
        if variant == "published":
            for null in NULLS:
                rows += scoring.path_random(reconstruction, variant, null=null)
            error = reconstruction.bases[0].error
            rows.append(Row(point, "drift", reconstruction.drift, "", variant, error=error))
        if variant == "held-out":
            seen = torch.from_numpy(snapshots[len(reconstruction.bases[0].rows)])
            near = Perturbed.of(reconstruction.theta, seen, reconstruction.displacement)
            rows += scoring.perturbed(near, _LAST_SEEN)
    return rows + _thresholds(point, rows, parameters["level"])


def _norms(step: int, snapshots: np.ndarray) -> list[Row]:
    ends = {"start": snapshots[0], "end": snapshots[-1]}
    return [
        Row(step, "norm", float(np.linalg.norm(theta.astype(np.float64))), part)
        for part, theta in ends.items()
    ]


def _spectrum(step: int, reconstruction: Reconstruction, variant: str) -> list[Row]:
    (basis,) = reconstruction.bases
    shares = basis.shares[: reconstruction.count].tolist()
    return [
        Row(step, "spectrum", share, "", variant, k, basis.error)
        for k, share in enumerate(shares, start=1)
    ]


def _thresholds(step: int, rows: list[Row], level: float) -> list[Row]:
    found = []
    for quantity, accuracy in (
        ("threshold", "test_accuracy"),
        ("train_threshold", "train_accuracy"),
    ):
        variants = dict.fromkeys(row.variant for row in rows if row.quantity == accuracy)
        for variant in variants:
            if variant != _LAST_SEEN:
                values = curve(rows, accuracy, variant)
                k = threshold(values, level)
                value = math.nan if k is None else float(k)
                found.append(Row(step, quantity, value, "", variant, len(values)))
    return found


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """Six curves and eight nulls: 0.15 s a half of the published data, a basis 1.5 s."""
    evaluations = parameters["k"] * (6 * 2 + 8 * parameters["draws"])
    return 10 + 0.15 * evaluations * len(subject.table.pairs) / 9_216


RECONSTRUCTION = Instrument(
    name="reconstruction",
    title="Reconstruction from few directions of the path",
    formula=(
        "θ_k = θ(0) + V_kV_kᵀ(θ_T − θ(0)), V_k the leading right singular vectors of the "
        "displacements θ(t) − θ(0), t > 0; k* = the smallest k at which every task's accuracy is "
        "at least the level; θ_T the last snapshot at or before the published stop"
    ),
    source="2602.18523 sections 4.7, 4.8 and 10.5, Tables 8, 9, 14, 15",
    error=(
        "of the spectrum, the drift and a projection's captured share: the largest entry of "
        "|VᵀV − 1|; of nulls: the standard deviation over draws"
    ),
    parts="of accuracies the task; of a norm start or end of the path",
    variants="published: uncentred directions, the target among the snapshots; held-out: without "
    "the last snapshots; last seen: the last of the others itself; centred, centred held-out: "
    "about the mean; other seed: of its path; no embedding: which stays at θ_T; after the comma "
    "the nulls: random directions of the same span; own first: and random ones of what it leaves; "
    "own lengths: the same directions, as long as the published ones; mixtures of the "
    "displacements, random; noise as large as θ_k − θ_T, noise by tensor: as large in each",
    quantities=scored("k")
    | {
        "spectrum": Quantity("1", "share of the variance along the k-th direction", "k"),
        "drift": Quantity("1", "cosine of the first direction, along Δ, with −θ(0)"),
        "norm": Quantity("norm", "‖θ‖ at the start and the end of the path"),
        "threshold": Quantity("1", "k* on test accuracy; NaN if above the largest k", "largest k"),
        "train_threshold": Quantity("1", "the same on training accuracy", "largest k"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=1.5,
    cost="about 150 core-seconds a run",
    parameters={
        "k": Parameter(20, "the largest k"),
        "snapshots": Parameter(100, "most snapshots of the path", low=3),
        "level": Parameter(0.9, "accuracy that k* asks for", high=1),
        "held_out": Parameter(0.1, "share of the path, its end, that held-out lacks", high=0.9),
        "draws": Parameter(5, "of each null"),
    },
    needs=("theta", "pairs"),
    sibling=True,
    version=2,
)
