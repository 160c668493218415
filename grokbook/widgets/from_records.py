"""From run records to the lanes that explorables show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.events import RULES
from grokbook.record import RunRecord
from grokbook.studies.settings import group_title, run_title
from grokbook.widgets.lanes import Lane, frame_axis


def shared_frames(records: Sequence[RunRecord], count: int = 64) -> np.ndarray:
    """Steps at which all lanes of an explorable are shown, up to the end of the longest run."""
    return frame_axis(max(int(record.steps[-1]) for record in records), count=count)


def lane(record: RunRecord, frames: np.ndarray) -> Lane:
    """One run as a lane; a frame holds the newest answers kept, beyond the run's end its last."""
    config, table = record.config, record.table
    tasks, side = config.tasks, table.side
    rows = np.searchsorted(record.answer_steps, frames, side="right") - 1
    twinless = np.stack([table.twinless(task) for task in tasks])

    def crossings(control: bool) -> dict[str, tuple[int | None, ...]]:
        return {
            rule: tuple(record.grok_step(task, rule, control=control) for task in tasks)
            for rule in RULES
        }

    return Lane(
        label=run_title(config),
        setting=group_title(config),
        weight_decay=config.weight_decay,
        learning_rate=config.learning_rate,
        seed=config.seed,
        tasks=tasks,
        modulus=config.modulus,
        low=table.low,
        steps=record.steps,
        train_accuracy=np.stack([record.accuracy(task, "train") for task in tasks]),
        test_accuracy=np.stack([record.accuracy(task) for task in tasks]),
        control_accuracy=np.stack([record.twinless_accuracy(task) for task in tasks]),
        answers=record.correct(rows).reshape(len(frames), len(tasks), side, side),
        trained=table.trained.reshape(side, side),
        control_pairs=twinless.reshape(len(tasks), side, side),
        crossings=crossings(control=False),
        control_crossings=crossings(control=True),
        run_id=config.id,
        command=config.command,
    )


def lanes(records: Sequence[RunRecord]) -> tuple[list[Lane], np.ndarray]:
    """Lanes on one shared axis, and that axis."""
    frames = shared_frames(records)
    return [lane(record, frames) for record in records], frames
