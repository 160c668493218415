"""Chapter 5, transverse fragility: is the delay in the size of the weights?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters.transverse_fragility import names
from grokbook.chapters.wording import counted, share
from grokbook.claims.numbers import show
from grokbook.instruments.runs import Run
from grokbook.studies.arms import OWN
from grokbook.studies.deletion import Trials

PLAIN, AGAIN = "plain", "again"
"""Kinds of marks beside the arms: the plain runs, and their further executions."""


@dataclass(frozen=True)
class Mark:
    """A run beside the size at which the plain run of its seed groks.

    Attributes:
        kind: `PLAIN`, `AGAIN`, or the name of an arm.
        label: of the seed.
        dose: f, 0 without deletion.
        falls: step at which ‖θ‖ comes down to that size, see `_comes_down`; None if it never
            does in the record.
        grok: step at which the last task groks; None if the run was cut off before.
        end: the grok step, or the last step of a run that was cut off.
        size: ‖θ‖ of the plain run when it groks.
        own: ‖θ‖ of this run when it groks; None if it was cut off before.
        smallest: ‖θ‖ of this run, in the whole record.
        last: step at which the record ends.
        falling: is ‖θ‖ smaller at that end than one evaluation before?
    """

    kind: str
    label: str
    dose: float
    falls: int | None
    grok: int | None
    end: int
    size: float
    own: float | None
    smallest: float
    last: int
    falling: bool

    @property
    def ratio(self) -> float | None:
        """‖θ‖ of this run when it groks, as a multiple of the plain run's."""
        return None if self.own is None else self.own / self.size

    @property
    def deleted(self) -> bool:
        """With deletion, so that it can tell."""
        return self.kind not in (PLAIN, AGAIN)


def clock(trials: Trials) -> list[Mark]:
    """Every run whose plain run groks, those too that never get as small as that."""
    found = []
    kinds = ((PLAIN, trials.plain), (AGAIN, trials.again), ("", trials.deleted))
    for kind, trial in ((kind, trial) for kind, several in kinds for trial in several):
        plain = trials.plain_of(trial.seed)
        if plain.grok is None:
            continue
        size = _norm_at(plain.run, plain.grok)
        norms = trial.run.record.metrics.set_index("step")["parameter_norm"]
        falls = _comes_down(norms.index.to_numpy(), norms.to_numpy(), size, trial.end)
        found.append(
            Mark(
                kind=kind or trial.arm,
                label=f"seed {trial.seed}",
                dose=trial.dose,
                falls=falls,
                grok=trial.grok,
                end=trial.end,
                size=size,
                own=None if trial.grok is None else _norm_at(trial.run, trial.grok),
                smallest=float(norms.min()),
                last=trial.run.record.last_step,
                falling=bool(norms.diff().iloc[-1] < 0),
            )
        )
    return found


def _comes_down(steps: np.ndarray, norms: np.ndarray, size: float, end: int) -> int | None:
    """The last step up to the run's end at which ‖θ‖ comes down to a size; else the first later.

    ‖θ‖ does not only fall: after the start it rises again for as long as a run waits, so it may be
    that small once before, which is not what the run waited for.

    >>> steps, norms = np.arange(6), np.array([9.0, 2, 5, 4, 2, 1])
    >>> _comes_down(steps, norms, 2.0, 4), _comes_down(steps, norms, 1.0, 4)
    (4, 5)
    >>> _comes_down(steps, norms, 0.5, 4) is None
    True
    """
    there = norms <= size
    down = steps[there & ~np.concatenate([[False], there[:-1]])]
    before, after = down[down <= end], down[down > end]
    chosen = before[-1:] if len(before) else after[:1]
    return int(chosen[0]) if len(chosen) else None


def _norm_at(run: Run, step: int) -> float:
    metrics = run.record.metrics
    return float(metrics.loc[metrics["step"] == step, "parameter_norm"].iloc[0])


def clock_sentence(trials: Trials) -> str:
    """Do deleted runs grok with weights as small as those of the plain run?"""
    where, marks = names(trials), clock(trials)
    deleted = [mark for mark in marks if mark.deleted]
    if not marks:
        return f"With {where} no plain run groks, so there is no size to compare with."
    if not deleted:
        return (
            f"With {where} no deleted run is here yet, and plain runs cannot tell whether the "
            "size is all."
        )
    if len(deleted) == 1:
        return f"With {where}, the one deleted run {_alone(deleted[0])}"
    return f"With {where}, {_sizes(marks)}."


def _alone(mark: Mark) -> str:
    if mark.falls is None and mark.grok is None:
        return (
            "was cut off before it grokked and before its weights were as small as those of its "
            "plain run when that one groks, so it does not tell."
        )
    if mark.falls is None:
        end = (
            "where its record ends, and up to there"
            if mark.last == mark.grok
            else f"and up to the end of its record, step {mark.last:,},"
        )
        return (
            f"groks at step {mark.grok:,}, {end} its weights are not as small as those of its "
            f"plain run when that one groks: ‖θ‖ is {show(mark.size)} there and "
            f"{show(mark.smallest)} or more here{', and still falls at the end' * mark.falling}. "
            "So it did not wait for that size. But weights may also shrink because a network "
            "groks, and then their size at the grok step does not tell what a run waits for."
        )
    small = (
        f"has, at step {mark.falls:,}, weights as small as those of its plain run when that one "
        "groks"
    )
    if mark.grok is None:
        return f"{small}, and was cut off at step {mark.end:,} before it grokked."
    return f"{small}, and groks {_when([mark.end - mark.falls])}."


def _when(away: Sequence[int]) -> str:
    """When runs that do both grok, beside the moment at which they are small enough.

    >>> _when([0]), _when([0, 100])
    ('right then', 'right then or up to 100 steps after it')
    >>> _when([200, 100]), _when([-100, 200])
    ('100 to 200 steps after it', 'from 100 steps before it to 200 steps after it')
    """
    low, high = min(away), max(away)
    if low < 0 < high:
        return f"from {-low:,} steps before it to {high:,} steps after it"
    side = "after" if high > 0 else "before"
    near, far = sorted((abs(low), abs(high)))
    if not far:
        return "right then"
    if not near:
        return f"right then or up to {far:,} steps {side} it"
    return f"{near:,}" + f" to {far:,}" * (far > near) + f" steps {side} it"


def _sizes(marks: Sequence[Mark]) -> str:
    """How large the weights are when a run groks, beside what a second execution makes of that.

    Not when they are small enough: a record that ends at the grok step has no later moment, and
    plain runs, too, may get there some evaluations after they grok.
    """
    again = [mark.ratio for mark in marks if mark.kind == AGAIN and mark.ratio is not None]
    least = max([1.0, *again])  # of the plain runs themselves it is 1
    own = _larger("deleted as published", [mark for mark in marks if mark.kind == OWN], least)
    other = [mark for mark in marks if mark.deleted and mark.kind != OWN]
    said = [text for text in (own, _larger("under a control", other, least)) if text]
    if again:
        low, high = f"{min(again):.2f}", f"{max(again):.2f}"
        span = low if low == high else f"{low} to {high}"
        said.insert(0, f"plain runs carried out again, {span} times")
    cut = sum(mark.deleted and mark.grok is None for mark in marks)
    tail = f"; {counted(cut, 'deleted run')} cut off before, which tells nothing" if cut else ""
    return (
        "when a run groks its weights are, as a multiple of those of its plain run when that one "
        f"groks: {'; '.join(said)}{tail}"
    )


def _larger(whose: str, marks: Sequence[Mark], least: float) -> str:
    """Runs that grok with larger weights than any plain run; empty where none groks."""
    ratios = [mark.ratio for mark in marks if mark.ratio is not None]
    if not ratios:
        return ""
    above = sum(ratio > least for ratio in ratios)
    return (
        f"{whose}, {min(ratios):.2f} to {max(ratios):.2f} times, in {share(above, len(ratios))} "
        "larger than of any plain run"
    )
