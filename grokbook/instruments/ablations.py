"""Which directions of the path carry the answer: the published eigenvector ablations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grokbook.geometry.ablations import ablations
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.scoring import Scoring, scored
from grokbook.instruments.subject import Subject

FAMILIES = {
    "v1": "directions of each matrix kept, all else at θ_T",
    "v1_removed": "directions of each matrix taken out, all else at θ_T",
    "v2": "directions of all matrices kept, all else at θ(0)",
    "v3": "directions of all matrices kept, all else at θ_T",
    "v4": "directions of θ kept",
}
"""The published protocols, first word of the quantities' names."""


_VARIANTS = {"uncentred": "corrected", "on weights": "weights"}
"""Words in a protocol's name, and the variant that they stand for."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return [subject.stop_snapshot]


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    """Every protocol's curve in k, beside random directions of the same span and noise."""
    scoring = Scoring("ablations", subject, point, parameters["draws"])
    snapshots = subject.thetas(subject.spaced(parameters["snapshots"], until=point))
    rows = []
    for name, ablation in ablations(subject.layout, snapshots):
        word = next((f" {word}" for word in _VARIANTS if word in name), "")
        variant = _VARIANTS.get(word.strip(), "published")
        family = name.replace(word, "").replace(" ", "_")
        for curve in (scoring.path, scoring.path_noise, scoring.path_random):
            rows += curve(ablation, variant, family=family)
        if name == "v4":
            (basis,) = ablation.bases
            rows += [
                Row(point, "v4_spectrum", share, "", variant, k, basis.error)
                for k, share in enumerate(basis.shares[: ablation.count].tolist(), start=1)
            ]
    return rows


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """116 values of k; 0.15 s a half of the published data."""
    return 10 + 0.15 * 116 * (2 + 3 * parameters["draws"]) * len(subject.table.pairs) / 9_216


ABLATIONS = Instrument(
    name="ablations",
    title="Eigenvector ablations",
    formula=(
        "θ′ = s + V_kV_kᵀ(θ_T − θ(0)), or θ_T − V_kV_kᵀ(θ_T − θ(0)) where directions are removed; "
        "V_k centred directions of each attention matrix (v1, v2, v3) or of θ (v4); s = θ(0) "
        "(v2, v4) or θ(0) in attention and θ_T elsewhere (v1, v3); on the weights 0 for θ(0)"
    ),
    source="2602.18523 section 4.9, figures ABL",
    error=(
        "of a captured share and the spectrum: the largest entry of |VᵀV − 1|; of nulls: the "
        "standard deviation over draws"
    ),
    parts="of accuracies the task",
    variants="published: centred directions; corrected: uncentred, as the displacement is; "
    "weights: the published directions of θ_T itself; after them the nulls: random directions of "
    "the same span, noise as large as θ′ − θ_T, noise by tensor: as large in each",
    quantities={
        name: quantity
        for family, text in FAMILIES.items()
        for name, quantity in scored("k", family, text).items()
    }
    | {"v4_spectrum": Quantity("1", "share of variance along v4's k-th direction", "k")},
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=3.0,
    cost="about 300 core-seconds a run",
    parameters={
        "snapshots": Parameter(100, "most snapshots of the path", low=3),
        "draws": Parameter(5, "of each null"),
    },
    needs=("theta", "pairs"),
    version=2,  # 1 had nothing on the weights themselves
)
