"""The passage: one run through training, as the sixth chapter's explorable shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from grokbook.claims.readings.lifecycle import RULE
from grokbook.events import RULES, crossing
from grokbook.instruments.edge_curves import SIDE
from grokbook.widgets.fitting import require_groups, require_shapes, require_steps
from grokbook.widgets.packing import heading, quantise, single, whole

FORMS = ("published", "less decay")
"""The window as it is, decay by the trapezoid as published; and less the path that decay alone
would have taken, decay as it was logged."""

WITH = ("weights", "start", "learned")
"""What a direction is compared with: θ, θ_0, and θ less what decay alone would have left of θ_0."""

DIRECTIONS = 4
"""v_1, v_2, the edge, and v_3, v_4, the bulk."""

EDGE = "taken out"
MATCHED = (
    "random, equal norm",
    "scaled, equal norm",
    "scaled, equal distance",
    "start, equal distance",
    "learned, equal distance",
)
"""Removals of the edge's size, of `grokbook.geometry.edge_ablation.CONTROLS`."""
BARS = (EDGE, "random", *MATCHED)

PROBES = ("linear", "quadratic", "mlp")
READINGS = ("raw, token", "standardised, string")
"""As published, and in units that no scale moves, on strings that were not fitted on."""

POINTS = SIDE + 1
"""ε on the way that a curve has, at most: a grid to the removal or σ, and the other of the two."""


@dataclass(frozen=True, eq=False)
class Passage:
    """One run: accuracy, what moves each direction, where it points, and what it is worth.

    E evaluations, n windows, a ablations, c curves, p probes; K = `DIRECTIONS`.  NaN is what was
    not measured or does not exist.

    Attributes:
        label: what a reader calls the run.
        setting: what distinguishes its group.
        weight_decay: λ a step.
        learning_rate: η a step.
        seed: the run's.
        labels: ``"depth"`` or ``"random"``.
        init_scale: by which its initial weights were multiplied.
        plain: is it no control?
        run_id: the config's id.
        command: the command line that repeats the run.
        steps: (E,) evaluation steps.
        accuracy: (E,) test accuracy of tokens, 0 to 1.
        fair: (E,) the same of the distinct prefixes that no training string has.
        grok: its grok step (95 %), or None.
        unit: the grok step that its time is counted by: its own, else that of the run of its seed
            with weight decay; None if there is none.
        ends: (n,) steps at which the windows of five updates end.
        shares: form ↦ (n, K) gradient's share of the squared movement along v_k, 0 to 1.
        signed: (n, K) its share with sign, of which decay has 1 − it; beyond 1 decay pulls back.
        chance: (n, 2) 95 % of v_1's shares with gradients in random directions.
        cosines: form ↦ (3, n, K) |cos| of v_k with `WITH`.
        ablated: (a,) steps.
        changes: of `BARS` ↦ (2, a) change of the accuracy without the edge, or with as much taken
            elsewhere, and its standard deviation over draws.
        removed: (a,) ‖θ′ − θ‖ / ‖θ‖ of the edge.
        alone: (a,) change of the accuracy without v_1 alone, on the same strings.
        swept: (c,) steps.
        curves: (c, K, 2, POINTS) |ε| ascending and the accuracy there.
        marks: (c, K, 2) of each curve σ_k, the window's own move, and ⟨θ, v_k⟩, the removal.
        drift: (c, 2, POINTS) accuracy along random directions at v_1's ε, and its sd over them.
        probed: (p,) steps.
        probes: kind of `PROBES` ↦ (2, p) R² by `READINGS`.
        strings: ``"ablated"`` and ``"swept"`` ↦ how many test strings, the first ones, were read.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    setting: str
    weight_decay: float
    learning_rate: float
    seed: int
    labels: str
    init_scale: float
    plain: bool
    run_id: str
    command: str
    steps: np.ndarray
    accuracy: np.ndarray
    fair: np.ndarray
    grok: int | None
    unit: int | None
    ends: np.ndarray
    shares: Mapping[str, np.ndarray]
    signed: np.ndarray
    chance: np.ndarray
    cosines: Mapping[str, np.ndarray]
    ablated: np.ndarray
    changes: Mapping[str, np.ndarray]
    removed: np.ndarray
    alone: np.ndarray
    swept: np.ndarray
    curves: np.ndarray
    marks: np.ndarray
    drift: np.ndarray
    probed: np.ndarray
    probes: Mapping[str, np.ndarray]
    strings: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_steps(self, ("steps", "ends"), self._refuse)
        for name in ("ablated", "swept", "probed"):
            if np.any(np.diff(getattr(self, name)) <= 0):
                self._refuse(f"{name} must increase")
        n, a, c, p = (len(getattr(self, name)) for name in ("ends", "ablated", "swept", "probed"))
        arrays = {
            "accuracy": self.steps.shape,
            "fair": self.steps.shape,
            "chance": (n, 2),
            "signed": (n, DIRECTIONS),
            "removed": (a,),
            "alone": (a,),
            "curves": (c, DIRECTIONS, 2, POINTS),
            "marks": (c, DIRECTIONS, 2),
            "drift": (c, 2, POINTS),
        }
        require_shapes(self, arrays, self._refuse)
        groups = {
            "shares": (FORMS, (n, DIRECTIONS)),
            "cosines": (FORMS, (len(WITH), n, DIRECTIONS)),
            "changes": (BARS, (2, a)),
            "probes": (PROBES, (len(READINGS), p)),
        }
        require_groups(self, groups, self._refuse)
        if self.grok is not None and self.unit != self.grok:
            self._refuse("a run that groks counts time by its own grok step")

    def _refuse(self, reason: str) -> NoReturn:
        raise ValueError(f"passage {self.label!r}: {reason}")

    @property
    def last_step(self) -> int:
        """Of the run."""
        return int(self.steps[-1])

    @property
    def grok_unseen(self) -> int | None:
        """First evaluation with 95 % on the prefixes that no training string has, or None."""
        rule = RULES[RULE]
        return crossing(self.steps, self.fair, rule.accuracy, rule.row)

    @property
    def decayed(self) -> bool:
        """Is there weight decay to turn to?"""
        return self.weight_decay > 0

    def packed(self) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk.

        Steps are little-endian uint32, |ε| and what may be negative float32, and shares, cosines
        and accuracies uint16, see `grokbook.widgets.packing.quantise`.
        """

        def codes(*values: np.ndarray) -> bytes:
            joined = np.concatenate([np.ravel(each) for each in values])
            return quantise(np.clip(joined, 0, 1)).tobytes()

        return {
            **heading(self),
            "setting": self.setting,
            "rate": float(self.learning_rate),
            "labels": self.labels,
            "grok": self.grok,
            "unit": self.unit,
            "steps": whole(self.steps),
            "curve": codes(self.accuracy, self.fair),
            "ends": whole(self.ends),
            "shares": codes(*(self.shares[form] for form in FORMS), self.chance),
            "cosines": codes(*(self.cosines[form] for form in FORMS)),
            "ablated": whole(self.ablated),
            "changes": single(*(self.changes[bar] for bar in BARS), self.removed, self.alone),
            "swept": whole(self.swept),
            "sizes": single(self.curves[:, :, 0], self.marks),
            "along": codes(self.curves[:, :, 1], self.drift),
            "probed": whole(self.probed),
            "probes": single(*(self.probes[kind] for kind in PROBES)),
            "strings": dict(self.strings),
        }
