"""From measured runs on brackets to the passages that the sixth chapter's explorable shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from grokbook.claims.readings.lifecycle import RULE
from grokbook.config import Config
from grokbook.config.base import words
from grokbook.geometry.edge_windows import WINDOW
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.runs import Missing, Run
from grokbook.tasks.dyck import TASK
from grokbook.widgets.passages import (
    BARS,
    DIRECTIONS,
    EDGE,
    FORMS,
    POINTS,
    PROBES,
    READINGS,
    WITH,
    Passage,
)

PUBLISHED = 1.0
"""The weight decay with which the paper's networks grok."""
LAYER = "layer 1"
"""The states that published probes read, the last of two."""

_COSINES = {"published": "uncentred", "less decay": "less decay"}


def setting(config: Config) -> str:
    """What a run has in common with those of other seeds.

    >>> from grokbook.config import DyckConfig
    >>> setting(DyckConfig(labels="random")), setting(DyckConfig(weight_decay=0.0))
    ('λ = 1, random labels', 'λ = 0')
    """
    rest = config.dynamics()
    for name in ("tasks", "weight_decay", "seed", *config.seeds):
        rest.pop(name, None)
    said = [words("weight_decay", config.weight_decay)]
    return ", ".join(said + [words(name, value) for name, value in rest.items()])


def passage(run: Run, *, plain: bool = True) -> Passage:
    """One run as a passage; what was not measured of it but for ``edge`` is left empty.

    Args:
        run: on brackets, with ``edge`` measured.
        plain: is it no control?

    Raises:
        Missing: if it was not.
    """
    config, record = run.config, run.record
    grok = record.grok_step(TASK, RULE)
    ends = run.rows("edge", "sigma", part=WINDOW, variant="uncentred", at=1)["step"].to_numpy()
    ablated, changes, removed, alone = _ablations(run)
    swept, curves, marks, drift = _curves(run)
    probed, probes = _probes(run)
    return Passage(
        label=f"seed {config.seed}",
        setting=setting(config),
        weight_decay=config.weight_decay,
        learning_rate=config.learning_rate,
        seed=config.seed,
        labels=getattr(config, "labels", "depth"),
        init_scale=getattr(config, "init_scale", 1.0),
        plain=plain,
        run_id=config.id,
        command=config.command,
        steps=record.steps,
        accuracy=record.accuracy(TASK),
        fair=record.twinless_accuracy(TASK),
        grok=grok,
        unit=grok,
        ends=ends,
        shares={
            form: np.stack([_of_direction(run, "gradient_share", form, k, ends) for k in _K], 1)
            for form in FORMS
        },
        signed=np.stack(
            [_of_direction(run, "signed_share", "uncentred", k, ends) for k in _K], axis=1
        ),
        chance=np.stack(
            [
                _of_direction(run, f"gradient_share_{side}", "random gradient", 1, ends)
                for side in ("low", "high")
            ],
            axis=1,
        ),
        cosines={form: _compared(run, variant, ends) for form, variant in _COSINES.items()},
        ablated=ablated,
        changes=changes,
        removed=removed,
        alone=alone,
        swept=swept,
        curves=curves,
        marks=marks,
        drift=drift,
        probed=probed,
        probes=probes,
        strings={name: _strings(run, by) for name, by in _READ.items()},
    )


def passages(runs: Sequence[Run], controls: Collection[str] = ()) -> list[Passage]:
    """Those of the runs of which ``edge`` was measured, as passages.

    A run that never groks has no time of its own; it counts by the grok step of the run of its
    seed that groks on true labels at the published weight decay, else at the strongest.

    Args:
        runs: on brackets.
        controls: ids of configs that are controls.
    """
    found = []
    for run in runs:
        try:
            found.append(passage(run, plain=run.config.id not in controls))
        except Missing:
            continue
    return [one if one.unit is not None else replace(one, unit=_lent(one, found)) for one in found]


def _lent(one: Passage, others: Sequence[Passage]) -> int | None:
    fitting = [
        other
        for other in others
        if other.plain and other.grok is not None and other.seed == one.seed
    ]
    fitting.sort(key=lambda other: (other.weight_decay == PUBLISHED, other.weight_decay))
    return fitting[-1].grok if fitting else None


_K = range(1, DIRECTIONS + 1)


def _at(steps: np.ndarray, rows: pd.DataFrame, column: str = "value") -> np.ndarray:
    """Of some steps; NaN where there is none."""
    values = dict(zip(rows["step"], rows[column].astype(float), strict=True))
    return np.array([values.get(step, np.nan) for step in steps])


def _of_direction(run: Run, quantity: str, variant: str, k: int, ends: np.ndarray) -> np.ndarray:
    try:
        return _at(ends, run.rows("edge", quantity, part=WINDOW, variant=variant, at=k))
    except Missing:
        return np.full(len(ends), np.nan)


def _compared(run: Run, variant: str, ends: np.ndarray) -> np.ndarray:
    """(3, n, K) of all directions."""
    return np.stack(
        [
            np.stack([_of_direction(run, f"cos_{name}", variant, k, ends) for k in _K], axis=1)
            for name in WITH
        ]
    )


_READ = {"ablated": "edge-ablation", "swept": "edge-curves"}
"""Where a passage says how many test strings were read, and the instrument that reads them."""


def _strings(run: Run, name: str) -> int:
    return instrument(name).complete(run.meant.get(name, {}))["strings"]


def _ablations(run: Run) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    def of(quantity: str, variant: str) -> pd.DataFrame:
        return run.rows("edge-ablation", quantity, part="edge", variant=variant)

    try:
        removed = of("removed", EDGE)
    except Missing:
        nothing = np.zeros((2, 0))
        return np.array([], dtype=int), dict.fromkeys(BARS, nothing), np.array([]), np.array([])
    steps, changes = removed["step"].to_numpy(), {}
    for bar in BARS:
        try:
            rows = of("accuracy_change", bar)
            changes[bar] = np.stack([_at(steps, rows), _at(steps, rows, "error")])
        except Missing:
            changes[bar] = np.full((2, len(steps)), np.nan)
    try:
        rows = run.rows("edge-ablation", "accuracy_change", part="v1", variant=EDGE)
        alone = _at(steps, rows)
    except Missing:
        alone = np.full(len(steps), np.nan)
    return steps, changes, removed["value"].to_numpy(float), alone


def _curves(run: Run) -> tuple[np.ndarray, ...]:
    """Of the side on which a direction is taken out."""
    try:
        along = run.rows("edge-curves", "along", part="v1")
    except Missing:
        shapes = ((0, DIRECTIONS, 2, POINTS), (0, DIRECTIONS, 2), (0, 2, POINTS))
        return np.array([], dtype=int), *(np.zeros(shape) for shape in shapes)
    steps = along["step"].to_numpy()
    curves = np.full((len(steps), DIRECTIONS, 2, POINTS), np.nan)
    marks = np.full((len(steps), DIRECTIONS, 2), np.nan)
    drift = np.full((len(steps), 2, POINTS), np.nan)
    for k in _K:
        try:
            rows = run.rows("edge-curves", "accuracy", part=f"v{k}", variant="whole")
        except Missing:  # a short window has fewer directions
            continue
        for mark, name in enumerate(("sigma", "along")):
            marks[:, k - 1, mark] = _at(steps, run.rows("edge-curves", name, part=f"v{k}"))
        for i, step in enumerate(steps):
            one = _outwards(rows, step)
            curves[i, k - 1, 0, : len(one)] = -one["at"]
            curves[i, k - 1, 1, : len(one)] = one["value"]
    rows = run.rows("edge-curves", "accuracy", part="v1", variant="random")
    for i, step in enumerate(steps):
        one = _outwards(rows, step)
        drift[i, 0, : len(one)], drift[i, 1, : len(one)] = one["value"], one["error"]
    return steps, curves, marks, drift


def _outwards(rows: pd.DataFrame, step: int) -> pd.DataFrame:
    """From a touch to the end, on the side of the removal."""
    return rows[(rows["step"] == step) & (rows["at"] < 0)].sort_values("at", ascending=False)


def _probes(run: Run) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    try:
        steps = run.rows("probes", "linear", part=LAYER, variant=READINGS[0])["step"].to_numpy()
    except Missing:
        return np.array([], dtype=int), dict.fromkeys(PROBES, np.zeros((len(READINGS), 0)))
    found = {}
    for kind in PROBES:
        lines = []
        for reading in READINGS:
            try:
                lines.append(_at(steps, run.rows("probes", kind, part=LAYER, variant=reading)))
            except Missing:
                lines.append(np.full(len(steps), np.nan))
        found[kind] = np.stack(lines)
    return steps, found
