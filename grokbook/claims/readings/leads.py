"""Chapter 3, phase structure: onsets of the defect, and by how much they lead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from grokbook.claims.readings.integrability import by_protocol, defects
from grokbook.claims.readings.place import (
    STRONG,
    WEAK,
    Place,
    Reader,
    Value,
    by_strength,
    each,
    mean,
    minus,
)
from grokbook.events import PUBLISHED_RULE, Event, dual_onset, tri_onset
from grokbook.instruments.runs import Missing, Run


def onset(run: Run, variant: str, detector: str) -> Event:
    """Of a published detector: the dual one on its own readings, the tri one on all."""
    steps, values = defects(run, variant)
    if detector == "tri":
        return tri_onset()(steps, values)
    reads = run.rows("commutator", "reading", variant="published")
    kept = np.isin(steps, reads.loc[reads["value"] == 1, "step"])
    return dual_onset()(steps[kept], values[kept])


def first_grok(run: Run, rule: str) -> int | None:
    """The grok step of the first task."""
    steps = [run.grok(task, rule) for task in run.tasks]
    known = [step for step in steps if step is not None]
    return min(known) if known else None


RULE = {"dual": PUBLISHED_RULE, "tri": "0.90"}


def _lead(run: Run, event: Event) -> Value:
    """Undefined without an onset; None if the run was cut off before it grokked."""
    grok = first_grok(run, RULE["tri" if len(run.tasks) == 3 else "dual"])
    if event.step is None:
        return math.nan
    return minus(grok, event.step)


def lead(
    setting: str, variant: str = "published", detector: str | None = None, *, shuffled: bool = False
) -> Callable[[Place, float], Value]:
    """By how many steps the onset comes before the first task groks, as a reading of one decay."""

    def read(at: Place, decay: float) -> Value:
        run = at.run(setting, decay)
        source = at.next(setting, decay) if shuffled else run
        return _lead(run, onset(source, variant, detector or setting))

    return read


def _lead_at(setting: str, *arguments: Any, **options: Any) -> Reader:
    read = lead(setting, *arguments, **options)
    return lambda at: read(at, at.decay)


def _onset(setting: str) -> Callable[[str], Reader]:
    def of(variant: str) -> Reader:
        def read(at: Place) -> Value:
            return onset(at.run(setting, at.decay), variant, setting).step

        return read

    return of


def _percent(variant: str, detector: str = "dual") -> Reader:
    def read(at: Place) -> Value:
        run = at.run("dual", float(at["item"]))
        found = _lead(run, onset(run, variant, detector))
        return None if found is None else 100 * found / first_grok(run, RULE["dual"])

    return read


def _lead_of_task(at: Place, step: Callable[[Run], float | None]) -> Value:
    """Mean over the three decays at which leads were published."""
    found = []
    for decay in (1.0, 0.5, 0.1):
        run = at.run("tri", decay)
        at_step = step(run)
        if at_step is None:
            return math.nan
        found.append(minus(run.grok(at["task"], RULE["tri"]), at_step))
    return mean(found)


def _own_onset(run: Run) -> float | None:
    return onset(run, "published", "tri").step


def _lead_of_constant(at: Place) -> Value:
    runs = [run for decay in (1.0, 0.5, 0.1) for run in at.every("tri", decay)]
    known = [step for run in runs if (step := _own_onset(run)) is not None]
    if not known:
        raise Missing("no onset in any run")
    return _lead_of_task(at, lambda run: float(np.mean(known)))


def _every_lead(shuffled: bool) -> Reader:
    """One lead a run, at every decay that was published."""

    def read(at: Place) -> dict[str, Value]:
        setting = at["setting"]
        decays = STRONG + WEAK if setting == "dual" else (1.0, 0.5, 0.1)
        found = lead(setting, shuffled=shuffled)
        return each(decays, lambda decay: found(at, decay))

    return read


def _spike(variant: str) -> Reader:
    def of(run: Run) -> float:
        memorised = max(run.memorised(task) for task in run.tasks)
        steps, values = defects(run, variant)
        after = np.where(values == 0, 0.01, values)[steps >= memorised]
        return float(np.log10(after.max() / np.median(after)))

    return lambda at: by_strength(at, of)


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-30", "lead"): _lead_at("dual"),
    ("MT-30", "lead", "shuffled"): _lead_at("dual", shuffled=True),
    ("MT-30", "lead", "exact commutator"): _lead_at("dual", "corrected"),
    ("MT-30", "lead", "other detector"): _lead_at("dual", detector="tri"),
    **by_protocol("MT-31", "onset", _onset("dual")),
    **by_protocol("MT-32", "percent", _percent),
    ("MT-32", "percent", "other detector"): _percent("published", "tri"),
    ("MT-33", "lead"): _lead_at("tri"),
    ("MT-33", "lead", "shuffled"): _lead_at("tri", shuffled=True),
    ("MT-33", "lead", "exact commutator"): _lead_at("tri", "corrected"),
    **by_protocol("MT-33", "onset", _onset("tri")),
    ("MT-34", "lead"): lambda at: _lead_of_task(at, _own_onset),
    ("MT-34", "lead", "constant onset"): _lead_of_constant,
    ("MT-35", "lead"): _every_lead(shuffled=False),
    ("MT-35", "lead", "shuffled"): _every_lead(shuffled=True),
    **by_protocol("MT-37", "spike", _spike),
}
