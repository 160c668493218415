"""Chapter 1: grok steps, and the order in which tasks grok."""

from __future__ import annotations

from statistics import stdev

from grokbook.claims.readings.place import Place, Reader, Value, mean, minus
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import PUBLISHED_STEPS, PUBLISHED_STEPS_WITHOUT_DECAY

SYMMETRIC = {"split": "symmetric"}
LONGER = 250_000
"""Steps without weight decay, in place of the published 50,000."""


def grokked(run: Run, within: int) -> float:
    """1 if every task groks within a budget, else 0.

    Raises:
        Missing: if the run was given less, also where it grokked: of runs with a smaller budget
            those alone would count that grok.
    """
    if run.budget is not None and run.budget < within:
        raise Missing(f"{run.name} was given {run.budget:,} steps of {within:,}")
    return float(all(run.grok(task, within=within) is not None for task in run.tasks))


def _grokked(at: Place, **changes: object) -> float:
    within = PUBLISHED_STEPS if at.decay else PUBLISHED_STEPS_WITHOUT_DECAY
    return grokked(at.run(at["setting"], at.decay, **changes), within)


def _step(setting: str, task: str | None = None, **changes: object) -> Reader:
    def read(at: Place) -> Value:
        run = at.run(setting, at.decay, **changes)
        return run.grok(task or at["task"])

    return read


def _alone(at: Place, task: str) -> Value:
    """The grok step of a task trained alone on the domain of the joint runs."""
    return at.run(task, at.decay, domain="nonzero").grok(task)


def gap(run: Run) -> Value:
    """Grok step of add − that of mul."""
    return minus(run.grok("add"), run.grok("mul"))


def _gap_in_sds(at: Place) -> Value:
    steps = [run.grok("add") for run in at.every("dual", at.decay)]
    own = gap(at.run("dual", at.decay))
    known = [step for step in steps if step is not None]
    if len(known) < 2:
        raise Missing("a standard deviation over seeds takes two")
    return None if own is None else own / stdev(known)


def all_at(run: Run, rule: str) -> Value:
    """The step at which every task has grokked under a rule of one evaluation."""
    steps = [run.grok(task, rule) for task in run.tasks]
    return None if None in steps else max(steps)


def mean_step(run: Run) -> Value:
    """The mean grok step of the tasks."""
    return mean(run.grok(task) for task in run.tasks)


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-01", "grokked"): _grokked,
    ("MT-01", "grokked", "symmetric split"): lambda at: _grokked(at, **SYMMETRIC),
    ("MT-01", "grokked", "longer budget"): lambda at: grokked(
        at.run(at["setting"], at.decay), LONGER
    ),
    ("MT-02", "steps"): _step("dual", "add"),
    ("MT-02", "steps", "symmetric split"): _step("dual", "add", **SYMMETRIC),
    ("MT-03", "steps"): _step("dual", "mul"),
    ("MT-03", "steps", "symmetric split"): _step("dual", "mul", **SYMMETRIC),
    ("MT-05", "gap in sd"): _gap_in_sds,
    ("MT-05", "gap"): lambda at: gap(at.run("dual", at.decay)),
    ("MT-05", "gap", "single tasks"): lambda at: minus(_alone(at, "add"), _alone(at, "mul")),
    ("MT-06", "steps"): _step("tri"),
    ("MT-06", "steps", "symmetric split"): _step("tri", **SYMMETRIC),
    ("MT-07", "steps"): _step("tri"),
    ("MT-07", "steps", "symmetric split"): _step("tri", **SYMMETRIC),
    ("MT-08", "steps"): _step("tri"),
    ("MT-08", "steps", "single tasks"): lambda at: _alone(at, at["item"]),
}
