"""From measured runs to the courses that the second chapter's explorable shows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from grokbook.claims.readings.paths import WALK
from grokbook.events import FACTORS, PLACEBOS, growth_onset
from grokbook.geometry.trajectory import plane
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.settings import group_title, run_title
from grokbook.widgets.courses import PROTOCOLS, Course

_PATH = "corrected, attention path"


def _median(run: Run, variant: str) -> tuple[np.ndarray, np.ndarray]:
    rows = run.rows("commutator", "defect", variant=variant, at=0.5)
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def onsets(run: Run, protocol: str) -> tuple[int | None, ...]:
    """When the defect has grown by each of `FACTORS`, on the detector's own grid."""
    steps, values = _median(run, protocol)
    reads = run.rows("commutator", "reading", variant="corrected")
    kept = np.isin(steps, reads.loc[reads["value"] == 1, "step"])
    return tuple(growth_onset(factor)(steps[kept], values[kept]).step for factor in FACTORS)


def _shares(run: Run) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Shares of the median δ, on the steps at which the run's own is known.

    Another seed's are NaN where there was none to measure by.
    """
    own = run.rows("integrability", "commutator_share", variant=_PATH)
    steps = own["step"].to_numpy()
    found = {"own": own["value"].to_numpy(float)}
    for name, quantity, variant in (
        ("matched_low", "commutator_low_matched", _PATH),
        ("matched_high", "commutator_high_matched", _PATH),
        ("whole_low", "commutator_low_whole", _PATH),
        ("whole_high", "commutator_high_whole", _PATH),
    ):
        found[name] = _at(steps, run.rows("integrability", quantity, variant=variant))
    try:
        theirs = run.rows("integrability", "commutator_share", variant=f"{_PATH} of another seed")
        found["other"] = _at(steps, theirs)
    except Missing:
        found["other"] = np.full(len(steps), np.nan)
    return steps, found


def _at(steps: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    values = dict(zip(rows["step"], rows["value"].astype(float), strict=True))
    return np.array([values.get(step, np.nan) for step in steps])


def course(run: Run) -> Course:
    """One run as a course.

    Args:
        run: with commutator, integrability, trajectory and events measured.

    Raises:
        Missing: if something was not measured.
    """
    config, record = run.config, run.record
    read, published = _median(run, "published")
    _, corrected = _median(run, "corrected")
    _, rounding = _median(run, "rounding")
    shared, shares = _shares(run)
    points, _ = plane(run.grams.products["all"])
    groks = [step for step in record.groks if step is not None]
    return Course(
        label=run_title(config),
        setting=group_title(config),
        weight_decay=config.weight_decay,
        learning_rate=config.learning_rate,
        seed=config.seed,
        tasks=config.tasks,
        run_id=config.id,
        command=config.command,
        steps=record.steps,
        accuracy=np.stack([record.accuracy(task) for task in config.tasks]),
        loss=np.mean([record.metrics[f"train_loss_{task}"] for task in config.tasks], axis=0),
        gradient=record.metrics["gradient_norm"].to_numpy(float),
        read=read,
        defects={"published": published, "corrected": corrected},
        rounding=rounding,
        path=run.grams.steps,
        plane=points,
        held=(share_at_end(run, "published", 1), share_at_end(run, "published", 2)),
        walk=share_at_end(run, WALK, 1),
        shared=shared,
        shares=shares,
        onsets={protocol: onsets(run, protocol) for protocol in PROTOCOLS},
        placebos=placebos(run),
        grok=min(groks, default=None),
    )


def share_at_end(run: Run, variant: str, component: int) -> float:
    """Of the whole path that the plane shows, 2,000 steps beyond the published stop.

    Taken from the rows for the path's own share as well, since the plane is drawn through fewer
    snapshots than the walk has steps.
    """
    rows = run.rows("trajectory", "share", variant=variant, at=component)
    return float(rows.sort_values("step")["value"].iloc[-1])


def placebos(run: Run) -> dict[str, int | None]:
    """Detectors that know nothing of geometry: the first task's, where a task has its own."""
    found = {}
    for name in PLACEBOS:
        quantity, variant = ("memorisation", "") if name == "memorisation" else ("placebo", name)
        steps = run.rows("events", quantity, part=None, variant=variant)["value"].dropna()
        found[name] = int(steps.min()) if len(steps) else None
    return found
