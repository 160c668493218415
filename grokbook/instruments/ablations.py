"""Which directions of the path carry the answer: the published eigenvector ablations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grokbook.geometry.ablations import ablations
from grokbook.instruments.instrument import Instrument, Quantity, Row
from grokbook.instruments.scoring import SHARED, Scoring, target
from grokbook.instruments.subject import Subject


def measure(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    """Every protocol's curve in k, beside random directions of the same span and noise."""
    scoring = Scoring(subject, point, parameters["draws"])
    snapshots = subject.thetas(subject.spaced(parameters["snapshots"], until=point))
    rows = []
    for variant, ablation in ablations(subject.layout, snapshots):
        rows += scoring.path(ablation, variant)
        rows += scoring.path_noise(ablation, variant)
        rows += scoring.path_random(ablation, variant)
        if variant == "v4":
            (basis,) = ablation.bases
            rows += [
                Row(point, "spectrum", share, "", variant, k, basis.error)
                for k, share in enumerate(basis.shares[: ablation.count].tolist(), start=1)
            ]
    return rows


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """81 values of k; 0.15 s a half of the published data."""
    return 10 + 0.15 * 81 * (2 + 3 * parameters["draws"]) * len(subject.table.pairs) / 9_216


ABLATIONS = Instrument(
    name="ablations",
    title="Eigenvector ablations",
    formula=(
        "θ′ = s + V_kV_kᵀ(θ_T − θ(0)), or θ_T − V_kV_kᵀ(θ_T − θ(0)) where directions are removed; "
        "V_k centred directions of each attention matrix (v1, v2, v3) or of θ (v4); s = θ(0) "
        "(v2, v4) or θ(0) in attention and θ_T elsewhere (v1, v3)"
    ),
    source="2602.18523 section 4.9, figures ABL",
    error=(
        "of a captured share and the spectrum: the largest entry of |VᵀV − 1|; of nulls: the "
        "standard deviation over draws"
    ),
    quantities=SHARED | {"spectrum": Quantity("1", "share of variance along v4's k-th direction")},
    points=lambda subject, parameters: [target(subject)],
    take=measure,
    seconds=_seconds,
    budget=3.0,
    cost="about 215 core-seconds a run",
    parameters={"snapshots": 100, "draws": 5},
    needs=("theta",),
)
