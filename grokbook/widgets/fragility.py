"""Chapter explorable: what happens when you delete what points off the path?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets as t

from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Trials, mean_of
from grokbook.widgets.assets import css, module
from grokbook.widgets.delays import deletion_sentence, key_of, shift_sentence
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.lanes import frame_axis
from grokbook.widgets.traces import Trace


@dataclass(frozen=True, eq=False)
class Group:
    """One setting of the explorable.

    Attributes:
        setting: what a reader calls it.
        trials: its runs.
        published: dose ↦ published step of the last task, None where it was cut off; dose 0 too.
        budget: published, in steps; None if nothing was published.
        missing: (arm, dose) ↦ the command that trains it.
    """

    setting: str
    trials: Trials
    published: Mapping[float, int | None]
    budget: int | None
    missing: Mapping[tuple[str, float], str]

    def packed(self, doses: Sequence[float], arms: Sequence[Arm]) -> dict[str, Any]:
        """JSON types."""
        trials = self.trials
        curves = {"": trials.curve()} | {
            f"{arm.name} {key_of(dose)}": trials.curve(arm.name, dose)
            for arm in arms
            for dose in doses
        }
        return {
            "setting": self.setting,
            "budget": self.budget,
            "floor": trials.floor,
            "published": [[float(dose), step] for dose, step in sorted(self.published.items())],
            "answers": {key_of(dose): deletion_sentence(trials, dose) for dose in doses},
            "controls": {
                f"{arm.name} {key_of(dose)}": shift_sentence(trials, arm, dose)
                for arm in arms
                for dose in doses
                if arm.name != OWN
            },
            "missing": {
                f"{arm} {key_of(dose)}": line for (arm, dose), line in self.missing.items()
            },
            "changes": {
                f"{arm.name} {key_of(dose)}": _changes(trials, arm.name, dose)
                for arm in arms
                for dose in doses
            },
            "survival": {
                name: [curve.steps.astype(int).tolist(), curve.share.tolist()]
                for name, curve in curves.items()
                if curve is not None
            },
        }


def _changes(trials: Trials, arm: str, dose: float) -> dict[str, Any]:
    """Delays of the published arm, shifts of another, one a seed, and their mean."""
    found = trials.delays(arm, dose) if arm == OWN else trials.shifts(arm, dose)
    mean = mean_of(found.values())
    known = None
    if mean is not None:
        ends = [mean.low, mean.high] if mean.n > 1 else [None, None]
        known = [mean.mean, *ends, mean.n]
    return {
        "each": [[seed, change.percent, change.bound] for seed, change in found.items()],
        "mean": known,
    }


class Fragility(Explorable):
    """One slider over time, a knob for the dose, a switch for the control, every seed in a list.

    Args:
        groups: settings, each with at least one plain run.
        doses: rising, to choose from.
        arms: the published one first.
        kwargs: traits.

    Attributes:
        run: index of the plain run in front.
        control: set the control beside the published deletion.
        dose: f; this and the two below follow the reader.
        arm: name of the control.
        tau: count time as τ = ηλ·step.

    Raises:
        ValueError: without a plain run, a dose, or an arm beside the published one.
    """

    _esm = module("parts", "panels", "stage", "doses", "fragility")
    _css = css("parts", "integrability", "fragility")

    title = t.Unicode("What happens when you delete what points off the path?").tag(sync=True)
    name = t.Unicode("deletion").tag(sync=True)
    groups = t.List(t.Dict()).tag(sync=True)
    traces = t.List(t.Dict()).tag(sync=True)
    arms = t.List().tag(sync=True)
    doses = t.List(t.Float()).tag(sync=True)
    dose = t.Float(0.0).tag(sync=True)
    arm = t.Unicode("").tag(sync=True)
    tau = t.Bool(False).tag(sync=True)

    def __init__(
        self,
        groups: Sequence[Group],
        doses: Sequence[float],
        arms: Sequence[Arm],
        **kwargs: object,
    ) -> None:
        if not groups or not all(group.trials.plain for group in groups):
            raise ValueError("Fragility needs at least one plain run a setting")
        if not doses or len(arms) < 2 or arms[0].name != OWN:
            raise ValueError("Fragility needs doses, and a control after the published arm")
        doses = [float(dose) for dose in sorted(doses)]
        traces = [trace for at, group in enumerate(groups) for trace in _traces(group.trials, at)]
        rows = sum(len(group.trials.plain) for group in groups)
        frames = frame_axis(
            -(-max(int(trace.steps[-1]) for trace in traces) // 100) * 100, 100, 128
        )
        run = within(int(kwargs.pop("run", 0)), rows, "run")
        first = groups[0].trials
        kwargs.setdefault("dose", _opening(first, doses))
        dose = kwargs["dose"]
        kwargs.setdefault("arm", max(arms[1:], key=lambda arm: len(first.of(arm.name, dose))).name)
        opening = np.searchsorted(frames, 0.7 * max(trial.end for trial in first.plain))
        kwargs.setdefault("frame", min(int(opening), len(frames) - 1))
        super().__init__(
            groups=[group.packed(doses, arms) for group in groups],
            traces=[trace.packed() for trace in traces],
            arms=[[arm.name, arm.title] for arm in arms],
            doses=doses,
            frames=[int(step) for step in frames],
            run=run,
            heights=[1120 + 58 * rows, 1990 + 98 * rows],
            **kwargs,
        )

    def _rows(self) -> int:
        return sum(not trace["arm"] and not trace["again"] for trace in self.traces)

    @t.validate("dose")
    def _dose_exists(self, proposal: dict) -> float:
        if self.doses and proposal["value"] not in self.doses:
            raise t.TraitError(f"dose must be one of {self.doses}, got {proposal['value']}")
        return proposal["value"]

    @t.validate("arm")
    def _arm_exists(self, proposal: dict) -> str:
        known = [name for name, _ in self.arms if name != OWN]
        if known and proposal["value"] not in known:
            raise t.TraitError(f"arm must be one of {known}, got {proposal['value']!r}")
        return proposal["value"]


def _traces(trials: Trials, group: int) -> list[Trace]:
    plain = [Trace.of(trial, group) for trial in trials.plain]
    again = [Trace.of(trial, group, again=True) for trial in trials.again]
    return [*plain, *again, *(Trace.of(trial, group) for trial in trials.deleted)]


def _opening(trials: Trials, doses: Sequence[float]) -> float:
    """The dose with most runs of the published arm, then with most controls, then the largest."""

    def runs(dose: float) -> tuple[int, int, float]:
        controls = sum(len(trials.of(arm, dose)) for arm in trials.arms if arm != OWN)
        return len(trials.of(OWN, dose)), controls, dose

    return max(doses, key=runs)
