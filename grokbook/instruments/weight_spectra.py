"""The instrument ``weight-spectra``: gaps, commutators and head operators at each snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.geometry.weight_spectra import (
    alignment,
    diagonal_blocks,
    head_operators,
    matrix_commutator,
    singular_values,
)
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.subject import Subject

TOP = 5
"""Singular values that are given one by one, as many as published."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return sorted({*subject.spaced(parameters["snapshots"]).tolist(), subject.stop_snapshot})


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    return 0.08


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    size = subject.layout.width
    blocks = subject.layout.attention_blocks()
    first, now = subject.attention([subject.steps[0], point])
    matrices = {
        name: (now[part].reshape(size, size), first[part].reshape(size, size))
        for name, part in blocks.items()
    }
    rows = list(_spectra(matrices))
    for layer in range(subject.layout.layers):
        q, k = (matrices[f"{layer}.W_{name}"][0] for name in "QK")
        rows += _pairs(layer, q, k, subject.layout.heads)
    if subject.has("theta"):
        rows += _readouts(subject, point)
    return [Row(step=point, **row) for row in rows]


def _spectra(
    matrices: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Iterator[dict[str, Any]]:
    for part, (now, first) in matrices.items():
        found = singular_values(now)
        gap = {"part": part, "error": 2 * found.error}
        yield {"quantity": "g12", "value": found.gap(1), **gap}
        yield {"quantity": "g23", "value": found.gap(2), **gap}
        yield {"quantity": "ratio", "value": found.ratio, "part": part}
        yield {"quantity": "effective_rank", "value": found.effective_rank, "part": part}
        moved = singular_values(now.astype(np.float64) - first)
        error = found.error + singular_values(first).error  # bounds add up
        for name, values, wrong in (
            ("sigma", found.values, found.error),
            ("moved_sigma", moved.values, error),
        ):
            for k, value in enumerate(values[:TOP], start=1):
                yield {"quantity": name, "value": value, "part": part, "at": k, "error": wrong}


def _pairs(layer: int, q: np.ndarray, k: np.ndarray, heads: int) -> Iterator[dict[str, Any]]:
    for part, found in (
        (f"{layer}", matrix_commutator(q, k)),
        *((f"{layer}.{h}", each) for h, each in enumerate(diagonal_blocks(q, k, heads))),
    ):
        raw = {"quantity": "commutator", "part": part, "error": found.error}
        yield {"value": found.norm, "variant": "published", **raw}
        share = {"quantity": "commutator_share", "value": found.share, "part": part}
        yield share | {"variant": "corrected"}
    for h, found in enumerate(head_operators(q, k, heads)):
        part = {"part": f"{layer}.{h}", "variant": "corrected"}
        yield {"quantity": "operator_norm", "value": found.norm, "error": found.error, **part}
        yield {"quantity": "operator_asymmetry", "value": found.asymmetry, **part}
        rank = found.spectrum.effective_rank
        yield {"quantity": "operator_effective_rank", "value": rank, **part}
        for j, value in enumerate(found.spectrum.values[:TOP], start=1):
            row = {"quantity": "operator_sigma", "value": value, "at": j, "error": found.error}
            yield row | part


def _readouts(subject: Subject, point: int) -> Iterator[dict[str, Any]]:
    tasks = subject.config.tasks
    if len(tasks) < 2:
        return
    views = subject.layout.views(subject.theta(point)[None])
    found = alignment(np.stack([views[f"heads.{t}.weight"][0].numpy() for t in range(len(tasks))]))
    for i, j in zip(*np.triu_indices(len(tasks), 1), strict=True):
        part, value = f"{tasks[i]}×{tasks[j]}", found.cosines[i, j]
        yield {"quantity": "head_cosine", "value": value, "part": part, "error": found.error}
        yield {"quantity": "head_cosine_sds", "value": value / found.sd, "part": part}


WEIGHT_SPECTRA = Instrument(
    name="weight-spectra",
    title="Weight spectra and matrix commutators",
    formula="g12 = σ1 − σ2, g23 = σ2 − σ3 of W; C = ‖W_Q W_K − W_K W_Q‖_F; A_h = W_Q^hᵀ W_K^h; "
    "cos of the readouts' weights, flattened, sd 1/√(p·d)",
    source="2602.18523 sections 4.1, 4.2 and 4.11",
    error="bound on the effect of float32 weights; none for ratios and ranks",
    parts="an attention matrix: 0.W_Q; a layer: 0; a head of it: 0.1; two readouts: add×mul",
    variants="published: of the raw matrices; corrected: against their norms, or of what does not "
    "depend on a choice of coordinates; none for what has no protocol",
    quantities={
        "sigma": Quantity("norm", "singular value of the matrix", "its number"),
        "moved_sigma": Quantity("norm", "the same of M_t − M_0", "its number"),
        "g12": Quantity("norm", "σ1 − σ2"),
        "g23": Quantity("norm", "σ2 − σ3"),
        "ratio": Quantity("1", "σ1 / σ2"),
        "effective_rank": Quantity("1", "exp of the entropy of σ / Σσ"),
        "commutator": Quantity("squared norm", "C of a layer, or of a head's diagonal blocks"),
        "commutator_share": Quantity("1", "C / (‖W_Q‖ ‖W_K‖), √(2/n) for unrelated matrices"),
        "operator_norm": Quantity("squared norm", "‖W_Q^hᵀ W_K^h‖_F of a head"),
        "operator_sigma": Quantity("squared norm", "a singular value of it", "its number"),
        "operator_asymmetry": Quantity("1", "‖A − Aᵀ‖ / ‖A‖ of it, √2 if unrelated"),
        "operator_effective_rank": Quantity("1", "exp of the entropy of its σ / Σσ"),
        "head_cosine": Quantity("1", "cos between the weights of two readouts"),
        "head_cosine_sds": Quantity("sd", "the same in sd of random vectors, 1/√n"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.2,
    cost="up to 129 points of 0.07 core-seconds a run",
    parameters={"snapshots": Parameter(128, "most snapshots", low=2)},
    needs=("attention",),
)
