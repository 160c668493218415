"""The events that a run's own metrics tell: grok steps, memorisation, placebos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from grokbook.events import MEMORISATION, PLACEBOS, RULES
from grokbook.instruments.instrument import Instrument, Quantity, Row
from grokbook.instruments.subject import Subject


def _points(subject: Subject, parameters: Mapping[str, Any]) -> Sequence[int]:
    return [subject.last]


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    record, rows = subject.record, []

    def add(quantity: str, step: int | None, part: str = "", variant: str = "") -> None:
        earlier = [] if step is None else record.steps[record.steps < step]
        value = math.nan if step is None else float(step)
        error = float(step - earlier[-1]) if len(earlier) else math.nan
        rows.append(Row(point, quantity, value, part=part, variant=variant, error=error))

    def placebo(name: str, column: str, part: str = "") -> None:
        found = PLACEBOS[name](record.steps, record.metrics[column].to_numpy())
        add("placebo", found.step, part, name)

    for task in subject.config.tasks:
        for rule in RULES:
            add("grok", record.grok_step(task, rule), task, rule)
            add("grok_twinless", record.grok_step(task, rule, control=True), task, rule)
        memorised = MEMORISATION(record.steps, record.accuracy(task, "train"))
        add("memorisation", memorised.step, task)
        placebo("loss", f"train_loss_{task}", task)
    placebo("norm", "parameter_norm")
    placebo("constant", "parameter_norm")
    return rows


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    evaluations, tasks = subject.last / 100, len(subject.config.tasks)
    return 0.1 + 3e-4 * evaluations * tasks  # unpacking the answers for the twinless control


EVENTS = Instrument(
    name="events",
    title="Grok steps, memorisation, placebos",
    formula=(
        "grok: test accuracy at or above a threshold, one or three evaluations in a row; "
        "memorisation: training accuracy first at 0.99; placebos: training loss first below 0.1, "
        "‖θ‖ first below half its start, step 1,000"
    ),
    source="2602.18523 sections 3 and 4.5; 2602.16746 section 3; placebos: ours",
    error="steps since the evaluation before: the event may be up to so many steps earlier",
    parts="the task",
    variants=f"of grok steps the rule: {', '.join(RULES)}; of placebos: loss, norm, constant; "
    "none for what has no protocol",
    quantities={
        "grok": Quantity("steps", "grok step; NaN if never"),
        "grok_twinless": Quantity(
            "steps", "the same on test pairs none of whose twins was trained on"
        ),
        "memorisation": Quantity("steps", "training accuracy first at 0.99"),
        "placebo": Quantity("steps", "an event that knows nothing of geometry"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.02,
    cost="0.1 core-seconds a run",
)
"""A run of n tasks gives 10 n + 2 rows."""
