"""Chapter 3: curvature, grok time against weight decay, and leads of the defect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from grokbook.claims.readings.integrability import DEFECT, _both, defects
from grokbook.claims.readings.place import (
    STRONG,
    WEAK,
    Place,
    Reader,
    Value,
    each,
    mean,
    minus,
    slope,
)
from grokbook.claims.readings.staggered_order import grokked, mean_step
from grokbook.events import Event, dual_onset, tri_onset
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import PUBLISHED_STEPS_WITHOUT_DECAY

FIVE = STRONG + WEAK
"""The decays at which dual runs grok."""

TAUS = 10
"""Checkpoints at equal τ = ηλt."""

FULL = {"examples": 4_608}
"""The whole published training set."""

RATES = (0.0005, 0.001, 0.002)


# --- lowest eigenvalues


def _part(mode: str) -> str:
    return "" if mode == "total" else mode


def lowest(run: Run, part: str = "", variant: str = "published") -> tuple[np.ndarray, np.ndarray]:
    """Steps up to the published stop, and the lowest eigenvalue at each.

    Converged values on the whole training set are of the five preset steps, not of thirty.
    """
    where = None if variant == "published" else FULL
    rows = run.rows("hessian", "lowest", part=part, variant=variant, at=1, where=where)
    rows = rows[rows["step"] <= run.stop]
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def depth(run: Run, variant: str = "published") -> float:
    """− lowest eigenvalue of the total loss over the run."""
    return -float(lowest(run, variant=variant)[1].min())


def _minimum(variant: str) -> Reader:
    def read(at: Place) -> float:
        run, part = at.run("dual", at.decay), _part(at.labels.get("mode", "total"))
        return float(lowest(run, part, variant)[1].min())

    return read


def _by_strength(at: Place, read: Callable[[Run], Value]) -> Value | dict[str, Value]:
    """Of the item's decay; ``strong`` and ``weak`` stand for several."""
    name = at["decay"]
    groups = {"strong": STRONG, "weak": WEAK}
    if name not in groups:
        return read(at.run(at["setting"], float(name)))
    return each(groups[name], lambda decay: read(at.run(at["setting"], decay)))


def _depth(variant: str) -> Reader:
    return lambda at: _by_strength(at, lambda run: depth(run, variant))


def _depth_at_equal_tau(at: Place) -> float:
    """Over checkpoints nearest to ten values of τ, up to the largest that every run reaches."""
    runs = [run for decay in (0.3, 0.5) for run in at.every("dual", decay)]
    ends = [run.stop * run.config.weight_decay for run in runs]
    if len(ends) < 2:
        raise Missing("equal τ takes two runs")
    run = at.run("dual", float(at["item"]))
    steps, values = lowest(run)
    wanted = np.linspace(0, min(ends) / run.config.weight_decay, TAUS)
    return -float(values[[int(np.abs(steps - step).argmin()) for step in wanted]].min())


def _first(run: Run) -> str | None:
    """The task that groks strictly first."""
    steps = {task: run.grok(task) for task in run.tasks}
    known = {task: step for task, step in steps.items() if step is not None}
    first = [task for task, step in known.items() if step == min(known.values())]
    return first[0] if len(first) == 1 else None


def _resampled(run: Run, task: str) -> float:
    rows = run.rows("hessian", "lowest_by_batch", part=task, variant="resampled")
    if len(rows) < 10:
        raise Missing(f"fewer than ten sets of training pairs of {run.name}")
    return float(rows["value"].astype(float).mean())


def _at_5000(run: Run, task: str) -> float:
    """The converged eigenvalue on the whole training set at the preset step nearest to 5,000."""
    steps, values = lowest(run, task, "corrected")
    return float(values[np.abs(steps - 5_000).argmin()])


def _right(value: Callable[[Run, str], float]) -> Reader:
    def read(at: Place) -> float:
        run = at.run("dual", at.decay)
        deepest = min(run.tasks, key=lambda task: value(run, task))
        return float(deepest == _first(run))

    return read


def _late(variant: str) -> Reader:
    """Mean over the second half of the checkpoints."""

    def read(at: Place) -> float:
        values = lowest(at.run("tri", at.decay), variant=variant)[1]
        return float(values[len(values) // 2 :].mean())

    return read


# --- grok time against weight decay and learning rate


def _times(at: Place, decays: Iterable[float], rates: Iterable[float]) -> list[float]:
    """Mean grok steps of this seed; all are needed."""
    found = [
        mean_step(at.run("dual", decay, learning_rate=rate)) for decay in decays for rate in rates
    ]
    if None in found:
        raise Missing("a run was cut off; an exponent takes all")
    return [float(step) for step in found]


def _exponent(at: Place) -> float:
    return -slope(np.log(FIVE), np.log(_times(at, FIVE, [0.001])))


def _exponent_in_rate(at: Place) -> float:
    """Mean over the decays at which all three learning rates were run."""
    found = each(
        (1.0, 0.5, 0.3),
        lambda decay: -slope(np.log(RATES), np.log(_times(at, [decay], RATES))),
    )
    return float(np.mean(list(found.values())))


def _kink(at: Place) -> float:
    decays = (0.5, 0.3, 0.2, 0.1)
    times = np.log(_times(at, decays, [0.001]))
    x = -np.log(decays)
    return slope(x[1:], times[1:]) - slope(x[:2], times[:2])


def _kink_in_rate(at: Place) -> float:
    times = np.log(_times(at, [0.3], RATES))
    x = -np.log(RATES)
    return slope(x[:2], times[:2]) - slope(x[1:], times[1:])


# --- onsets and leads


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


RULE = {"dual": "0.98x3", "tri": "0.90"}


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
        decays = FIVE if setting == "dual" else (1.0, 0.5, 0.1)
        found = lead(setting, shuffled=shuffled)
        return each(decays, lambda decay: found(at, decay))

    return read


def _spike(variant: str) -> Reader:
    def of(run: Run) -> float:
        memorised = max(run.memorised(task) for task in run.tasks)
        steps, values = defects(run, variant)
        after = np.where(values == 0, 0.01, values)[steps >= memorised]
        return float(np.log10(after.max() / np.median(after)))

    return lambda at: _by_strength(at, of)


def _threshold(variant: str) -> Reader:
    """k*; None above the largest k that was tried."""

    def read(at: Place) -> Value:
        return threshold(at.run(at["setting"], at.decay), variant)

    return read


def threshold(run: Run, variant: str = "published") -> Value:
    """k*, the fewest directions with which every task has 90 %; None if not by 20."""
    found = run.number("reconstruction", "threshold", variant=variant)
    return None if math.isnan(found) else int(found)


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-22", "lowest"): _minimum("published"),
    ("MT-22", "lowest", "converged"): _minimum("corrected"),
    ("MT-23", "depth"): _depth("published"),
    ("MT-23", "depth", "converged"): _depth("corrected"),
    ("MT-24", "right"): _right(_resampled),
    ("MT-24", "right", "always mul"): lambda at: float(_first(at.run("dual", at.decay)) == "mul"),
    ("MT-24", "right", "full data"): _right(_at_5000),
    ("MT-25", "lowest"): _minimum("published"),
    ("MT-25", "lowest", "converged"): _minimum("corrected"),
    ("MT-25", "grokked"): lambda at: grokked(
        at.run("dual", at.decay), PUBLISHED_STEPS_WITHOUT_DECAY
    ),
    ("MT-26", "lowest"): _late("published"),
    ("MT-26", "lowest", "converged"): _late("corrected"),
    ("MT-27", "depth"): _depth("published"),
    ("MT-27", "depth", "matched"): _depth_at_equal_tau,
    ("MT-28", "exponent"): _exponent,
    ("MT-28", "exponent", "learning rate"): _exponent_in_rate,
    ("MT-29", "kink"): _kink,
    ("MT-29", "kink", "learning rate"): _kink_in_rate,
    ("MT-30", "lead"): _lead_at("dual"),
    ("MT-30", "lead", "shuffled"): _lead_at("dual", shuffled=True),
    ("MT-30", "lead", "exact commutator"): _lead_at("dual", "corrected"),
    ("MT-30", "lead", "other detector"): _lead_at("dual", detector="tri"),
    **_both(DEFECT, "MT-31", "onset", _onset("dual")),
    **_both(DEFECT, "MT-32", "percent", _percent),
    ("MT-32", "percent", "other detector"): _percent("published", "tri"),
    ("MT-33", "lead"): _lead_at("tri"),
    ("MT-33", "lead", "shuffled"): _lead_at("tri", shuffled=True),
    ("MT-33", "lead", "exact commutator"): _lead_at("tri", "corrected"),
    **_both(DEFECT, "MT-33", "onset", _onset("tri")),
    ("MT-34", "lead"): lambda at: _lead_of_task(at, _own_onset),
    ("MT-34", "lead", "constant onset"): _lead_of_constant,
    ("MT-35", "lead"): _every_lead(shuffled=False),
    ("MT-35", "lead", "shuffled"): _every_lead(shuffled=True),
    **_both(DEFECT, "MT-37", "spike", _spike),
    ("MT-38", "threshold"): _threshold("published"),
    ("MT-38", "threshold", "held-out basis"): _threshold("held-out"),
}
