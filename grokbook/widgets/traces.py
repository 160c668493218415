"""The trace: one run, plain or with deletion, as the fifth chapter's explorable shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grokbook.studies.arms import arm_named
from grokbook.studies.deletion import Trial
from grokbook.studies.settings import run_title
from grokbook.thinning import strided
from grokbook.widgets.packing import heading, quantise

MOST = 110
"""Evaluations that a page holds of a run, at most."""

NORM = 100
"""Norms are stored as uint16 in hundredths, up to 655."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One run's curves and when it groks.

    Attributes:
        label: what a reader calls the run.
        group: index of the setting that it belongs to.
        arm: name; empty for a plain run.
        dose: f, 0 for a plain run.
        seed: of the run.
        again: is it a further execution of a plain run?
        weight_decay: λ a step.
        learning_rate: η a step.
        steps: (E,) evaluation steps.
        accuracy: (E,) test accuracy of the task that is worst at the time, 0 to 1.
        norm: (E,) ‖θ‖.
        grok: step at which the last task groks, or None.
        run_id: the execution.
        command: the command line that repeats the run.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    group: int
    arm: str
    dose: float
    seed: int
    again: bool
    weight_decay: float
    learning_rate: float
    steps: np.ndarray
    accuracy: np.ndarray
    norm: np.ndarray
    grok: int | None
    run_id: str
    command: str

    def __post_init__(self) -> None:
        if self.steps.size < 2 or np.any(np.diff(self.steps) <= 0) or self.steps[0] < 0:
            self._refuse("steps must be two or more that increase")
        for name in ("accuracy", "norm"):
            if getattr(self, name).shape != self.steps.shape:
                self._refuse(f"{name} must be {self.steps.shape}, got {getattr(self, name).shape}")
        if np.any((self.accuracy < 0) | (self.accuracy > 1)):
            self._refuse("accuracy must lie between 0 and 1")
        if not np.all((self.norm >= 0) & (self.norm < 65_535 / NORM)):
            self._refuse(f"norms must lie between 0 and {65_535 / NORM:g}")
        if self.grok is not None and not 0 < self.grok <= self.steps[-1]:
            self._refuse(f"it cannot grok at {self.grok}, for it ends at {self.steps[-1]}")
        if bool(self.arm) != (self.dose > 0):
            self._refuse(f"arm {self.arm!r} and dose {self.dose:g} do not go together")

    def _refuse(self, reason: str) -> None:
        raise ValueError(f"trace {self.label!r}: {reason}")

    @property
    def end(self) -> int:
        """The grok step, or the last step of a run that was cut off."""
        return int(self.steps[-1]) if self.grok is None else self.grok

    @classmethod
    def of(cls, trial: Trial, group: int, *, again: bool = False) -> Trace:
        """From a run's record; evaluations are thinned evenly to at most `MOST`."""
        run, config = trial.run, trial.run.config
        metrics, steps = run.record.metrics, run.record.steps
        worst = np.min([run.record.accuracy(task) for task in run.tasks], axis=0)
        kept = thinned(steps, trial.grok)
        return cls(
            label=run_title(config),
            group=group,
            arm=trial.arm,
            dose=trial.dose,
            seed=config.seed,
            again=again,
            weight_decay=config.weight_decay,
            learning_rate=config.learning_rate,
            steps=steps[kept],
            accuracy=worst[kept],
            norm=metrics["parameter_norm"].to_numpy(float)[kept],
            grok=trial.grok,
            run_id=run.name,
            command=_command(trial),
        )

    def packed(self) -> dict[str, Any]:
        """JSON types, with ``bytes`` where there is bulk: steps uint32, curves uint16."""
        curves = np.stack([quantise(self.accuracy), np.rint(NORM * self.norm).astype("<u2")])
        return {
            **heading(self),
            "group": self.group,
            "arm": self.arm,
            "dose": float(self.dose),
            "again": self.again,
            "rate": float(self.learning_rate),
            "grok": self.grok,
            "end": self.end,
            "steps": self.steps.astype("<u4").tobytes(),
            "curves": curves.tobytes(),
        }


def thinned(steps: np.ndarray, grok: int | None) -> np.ndarray:
    """Places of the evaluations that are kept: evenly spaced, the last and the grok step.

    >>> thinned(np.arange(5), None).tolist()
    [0, 1, 2, 3, 4]
    """
    kept = strided(len(steps), MOST)
    return kept if grok is None else np.union1d(kept, np.searchsorted(steps, grok))


def _command(trial: Trial) -> str:
    """What trains a run anywhere: of a deleted one its study, which makes the basis first."""
    config = trial.run.config
    if not trial.arm:
        return config.command
    plain = replace(config, intervention=None)
    return arm_named(trial.arm).command(plain, [trial.dose], [config.seed])
