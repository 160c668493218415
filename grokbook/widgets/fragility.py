"""Chapter explorable: what happens when you delete a direction?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anywidget
import numpy as np
import traitlets as t

from grokbook.claims.numbers import show
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Change, Trials, mean_of
from grokbook.widgets.assets import css, module
from grokbook.widgets.lanes import frame_axis, within
from grokbook.widgets.traces import Trace


def key_of(dose: float) -> str:
    """A dose as a key: per cent without trailing zeros.

    >>> key_of(0.07), key_of(0.5)
    ('7', '50')
    """
    return f"{100 * dose:g}"


def noise_sentence(trials: Trials) -> str:
    """How far executions of one run lie apart, as a clause."""
    if trials.floor is None:
        return "no run was carried out twice, so the same-seed noise is not known"
    return f"the same run carried out twice differs by up to {trials.floor:.0f} %"


def deletion_sentence(trials: Trials, dose: float) -> str:
    """What the published deletion does at a dose, beside the same-seed noise."""
    percent, found = f"{key_of(dose)} %", list(trials.delays(OWN, dose).values())
    if not found and trials.of(OWN, dose):
        return (
            f"With {percent} deleted there are runs, but no plain run groks to compare them with."
        )
    if not found:
        groks = [trial.grok for trial in trials.plain if trial.grok is not None]
        plain = f"the plain runs grok at {_span(groks)} steps, and " if groks else ""
        return f"No run with {percent} deleted is here yet; {plain}{noise_sentence(trials)}."
    return f"With {percent} deleted, {_delayed(found)}; {noise_sentence(trials)}."


def _delayed(found: Sequence[Change]) -> str:
    """What runs do against their plain twins."""
    cut, mean, n = sum(bool(change.bound) for change in found), mean_of(found), len(found)
    if n == 1:
        (one,) = found
        how = "was cut off, still waiting," if cut else "groks"
        return f"the one run at hand {how} {_moved(one.percent)} than its plain twin"
    if mean is None:
        return f"none of {n} runs grokked before it was cut off"
    if cut:
        return (
            f"{cut} of {n} runs did not grok before they were cut off, and the others grok "
            f"{_moved(mean.mean)} than their plain twins on average"
        )
    later = sum(change.percent > 0 for change in found)
    return (
        f"{later} of {n} runs grok later than their plain twins, and the mean is "
        f"{_moved(mean.mean)}"
    )


def _span(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _moved(percent: float) -> str:
    return f"{abs(percent):.0f} % {'later' if percent >= 0 else 'earlier'}"


def shift_sentence(trials: Trials, arm: Arm, dose: float) -> str:
    """What a control does at a dose in place of the published deletion."""
    start = f"{arm.title[0].upper()}{arm.title[1:]} (deleted {arm.what})"
    shifts = list(trials.shifts(arm.name, dose).values())
    if not shifts:
        delays = list(trials.delays(arm.name, dose).values())
        if not delays and trials.of(arm.name, dose):
            return f"{start}: there are runs, but no plain run groks to compare them with."
        if not delays:
            return f"{start}: not here yet at this dose."
        return f"{start}: {_delayed(delays)}; no published deletion is there to compare."
    mean = mean_of(shifts)
    if mean is None:
        many = "the one seed" if len(shifts) == 1 else f"all {len(shifts)} seeds"
        return f"{start}: in {many} a budget cuts the comparison short, so there is only a bound."
    said = (
        f"{start}: {abs(mean.mean):.0f} points {'later' if mean.mean >= 0 else 'earlier'} than "
        "the published deletion"
    )
    if mean.n > 1:
        said += f" [{show(round(mean.low))}, {show(round(mean.high))}; {mean.n} seeds]"
    else:
        said += " in one seed, which gives no interval"
    if trials.floor is not None:
        near = "within" if abs(mean.mean) <= trials.floor else "beyond"
        said += f", {near} the same-seed noise"
    return f"{said}."


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


class Fragility(anywidget.AnyWidget):
    """One slider over time, a knob for the dose, a switch for the control, every seed in a list.

    Args:
        groups: settings, each with at least one plain run.
        doses: rising, to choose from.
        arms: the published one first.
        kwargs: traits.

    Attributes:
        run: index of the plain run in front; this and the five below follow the reader.
        frame: index of the moment shown.
        dose: f.
        arm: name of the control.
        control: set the control beside the published deletion.
        tau: count time as τ = ηλ·step.
        heights: pixels that a page keeps free until it is drawn: wide, narrow.

    Raises:
        ValueError: without a plain run, a dose, or an arm beside the published one.
    """

    _esm = module("parts", "panels", "stage", "doses", "fragility")
    _css = css("parts", "integrability", "fragility")

    title = t.Unicode("What happens when you delete a direction?").tag(sync=True)
    name = t.Unicode("deletion").tag(sync=True)
    groups = t.List(t.Dict()).tag(sync=True)
    traces = t.List(t.Dict()).tag(sync=True)
    arms = t.List().tag(sync=True)
    doses = t.List(t.Float()).tag(sync=True)
    frames = t.List(t.Int()).tag(sync=True)
    run = t.Int(0).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    dose = t.Float(0.0).tag(sync=True)
    arm = t.Unicode("").tag(sync=True)
    control = t.Bool(False).tag(sync=True)
    tau = t.Bool(False).tag(sync=True)
    heights = t.List(t.Int()).tag(sync=True)

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
        kwargs.setdefault("arm", next((n for n in first.arms if n != OWN), arms[1].name))
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

    @t.validate("run")
    def _run_exists(self, proposal: dict) -> int:
        rows = sum(not trace["arm"] and not trace["again"] for trace in self.traces)
        return within(proposal["value"], rows, "run")

    @t.validate("frame")
    def _frame_exists(self, proposal: dict) -> int:
        return within(proposal["value"], len(self.frames), "frame")

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
    """The dose with most runs of the published arm; of several the largest."""
    return max(doses, key=lambda dose: (len(trials.of(OWN, dose)), dose))
