"""From measured runs to the paces that the third chapter's explorable shows."""

from __future__ import annotations

import numpy as np

from grokbook.claims.readings.curvature import published_checkpoints
from grokbook.claims.readings.leads import onset
from grokbook.events import FACTORS
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.settings import run_title, setting
from grokbook.widgets.from_measurements import onsets, placebos
from grokbook.widgets.paces import FACTOR, Curvature, Pace


def pace(run: Run, learning_rate: float) -> Pace:
    """One run as a pace, with whatever was measured on it.

    Args:
        run: recorded or stored.
        learning_rate: the page's own; a run with another one is of the exchange.
    """
    config, record = run.config, run.record
    return Pace(
        label=run_title(config),
        setting=setting(config),
        weight_decay=config.weight_decay,
        learning_rate=config.learning_rate,
        exchanged=config.learning_rate != learning_rate,
        seed=config.seed,
        tasks=config.tasks,
        run_id=config.id,
        command=config.command,
        steps=record.steps,
        accuracy=np.stack([record.accuracy(task) for task in config.tasks]),
        norm=record.metrics["parameter_norm"].to_numpy(float),
        groks=tuple(record.groks),
        onsets=_onsets(run),
        placebos=_placebos(run),
        curvature=_curvature(run),
    )


def _onsets(run: Run) -> dict[str, tuple[int | None, int | None]]:
    """Of the published and of the true defect; empty if it was not measured."""
    both = ("published", "corrected")
    at = FACTORS.index(FACTOR)
    try:
        return {
            **{kind: tuple(onset(run, v, kind).step for v in both) for kind in ("dual", "tri")},
            "ours": tuple(onsets(run, v)[at] for v in both),
        }
    except Missing:
        return {}


def _placebos(run: Run) -> dict[str, int | None]:
    try:
        return placebos(run)
    except Missing:
        return {}


def _curvature(run: Run) -> dict[str, Curvature]:
    """Up to the published stop, by protocol; the converged one on the batch that all runs have."""
    found = {}
    for protocol in ("published", "corrected"):
        try:
            rows = run.rows("hessian", "lowest", variant=protocol, at=1)
        except Missing:
            continue
        rows = rows[rows["step"] <= run.stop]
        if protocol == "published":  # which was applied at the preset steps, too
            rows = rows[rows["step"].isin(published_checkpoints(run, rows["step"].to_numpy()))]
        found[protocol] = Curvature(
            rows["step"].to_numpy(), rows["value"].to_numpy(float), rows["error"].to_numpy(float)
        )
    return found
