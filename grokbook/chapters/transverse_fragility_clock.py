"""Chapter 5, transverse fragility: is the delay in the size of the weights?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters.transverse_fragility import names
from grokbook.chapters.wording import share
from grokbook.claims.numbers import show
from grokbook.instruments.runs import Run
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
    smallest: float
    last: int
    falling: bool

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
        place = (kind or trial.arm, f"seed {trial.seed}", trial.dose)
        least, last = float(norms.min()), trial.run.record.last_step
        falling = bool(norms.diff().iloc[-1] < 0)
        found.append(Mark(*place, falls, trial.grok, trial.end, size, least, last, falling))
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
    """Do deleted runs grok when their weights are as small as those of the plain run then?"""
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
    return f"With {where}, {_counts(deleted)}."


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


def _counts(deleted: Sequence[Mark]) -> str:
    both = [mark for mark in deleted if None not in (mark.falls, mark.grok)]
    when = _when([mark.end - mark.falls for mark in both]) if both else ""
    never = [mark for mark in deleted if mark.falls is None and mark.grok is not None]
    # A record that ends at the grok step cannot tell what comes after it.
    ends = all(mark.last == mark.grok for mark in never)
    until = "up to the grok step, where the record ends" if ends else "within the record"
    cases = {
        f"it does not come {until}, and the run groks all the same": len(never),
        "it comes, and the run was cut off before it grokked": sum(
            mark.falls is not None and mark.grok is None for mark in deleted
        ),
        f"the run groks {when}": len(both),
        "the run was cut off before either, and does not tell": sum(
            mark.falls is None and mark.grok is None for mark in deleted
        ),
    }
    said = [f"in {share(n, len(deleted))} {words}" for words, n in cases.items() if n]
    return (
        "the moment to watch is when the weights of a deleted run are as small as those of its "
        f"plain run when that one groks: {'; '.join(said)}"
    )
