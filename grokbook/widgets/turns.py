"""The turn: when the spectral edge goes over from the gradient to weight decay, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.claims.numbers import listed
from grokbook.geometry.edge_windows import LIFECYCLE_WINDOW
from grokbook.instruments.phases import MULTIPLES, place
from grokbook.widgets.passages import FORMS, Passage

HALF, AT, LATER, LATE = MULTIPLES
"""Of a run's own grok step: where the published run was looked at."""
MAJORITY = 0.5
"""Of the squared movement along a direction; who has more of it drives it."""


@dataclass(frozen=True)
class Turn:
    """The gradient's share of the squared movement along v_1, at multiples of the grok step.

    Attributes:
        shares: multiple of `MULTIPLES` ↦ share at the window that ends nearest to it, NaN where
            the run does not go so far, or its time has no unit.
        first: step at which the first full window ends in which decay has the majority, or None.
        back: of the first window after it in which the gradient has the majority again, or None.
        start: |cos| of v_1 and θ_0 at the grok step; NaN where there is none.
        inside: at the grok step, does the share lie within 95 % of those that gradients of the
            same length have in random directions? None where that is not known.
    """

    shares: dict[float, float]
    first: int | None
    back: int | None
    start: float
    inside: bool | None

    @property
    def turned(self) -> bool:
        """Has decay the majority in some full window?"""
        return self.first is not None

    @classmethod
    def of(cls, passage: Passage, form: str = FORMS[0], direction: int = 1) -> Turn:
        """Of one run.

        Args:
            passage: the run.
            form: of `FORMS`.
            direction: k of v_k.
        """
        values = passage.shares[form][:, direction - 1]
        first, back = _stretch(values, passage.ends)
        if passage.unit is None:
            return cls(dict.fromkeys(MULTIPLES, float("nan")), first, back, float("nan"), None)
        places = {each: _place(passage, each) for each in MULTIPLES}
        shares = {
            each: float("nan") if at is None else float(values[at]) for each, at in places.items()
        }
        at, inside = places[AT], None
        if at is None:
            return cls(shares, first, back, float("nan"), None)
        if np.isfinite(band := passage.chance[at]).all() and np.isfinite(values[at]):
            inside = bool(band[0] <= values[at] <= band[1])
        start = float(passage.cosines[form][1, at, direction - 1])
        return cls(shares, first, back, start, inside)


def _stretch(values: np.ndarray, ends: np.ndarray) -> tuple[int | None, int | None]:
    """Where decay first has the majority in a full window, and where the gradient has it again."""
    full = ends >= LIFECYCLE_WINDOW * np.diff(ends, prepend=0).min()
    low = np.flatnonzero(full & (values < MAJORITY))
    if not low.size:
        return None, None
    again = ends[low[0] :][values[low[0] :] >= MAJORITY]
    return int(ends[low[0]]), int(again[0]) if again.size else None


def _place(passage: Passage, multiple: float) -> int | None:
    """Which window ends nearest to a multiple of the grok step, as far as the run goes."""
    step = multiple * passage.unit
    if step > passage.last_step:
        return None
    return place(passage.ends, step)


def grokking(passages: Sequence[Passage]) -> list[Passage]:
    """Those that grok with weight decay, controls left out."""
    return [p for p in passages if p.plain and p.decayed and p.grok is not None]


def surviving(runs: Sequence[Passage]) -> tuple[int, int]:
    """Turns as published, and how many of them are there without the path of pure decay, too.

    A turn is there if decay still has the majority in some window of the stretch that was its own.
    """
    turned = left = 0
    for run in runs:
        turn = Turn.of(run)
        if not turn.turned:
            continue
        stretch = (run.ends >= turn.first) & (run.ends < (turn.back or np.inf))
        turned += 1
        left += bool((run.shares[FORMS[1]][stretch, 0] < MAJORITY).any())
    return turned, left


def shuffled(passages: Sequence[Passage]) -> list[Passage]:
    """Those on random labels with weight decay."""
    return [p for p in passages if p.labels == "random" and p.decayed]


def median_share(turns: Sequence[Turn], multiple: float) -> float:
    """Over the runs that go so far; NaN where none does.

    A mean would not do: a single run that has turned back before it groks moves it far.
    """
    found = [turn.shares[multiple] for turn in turns if np.isfinite(turn.shares[multiple])]
    return float(np.median(found)) if found else float("nan")


def who(count: int) -> str:
    """Runs that grok, as the subject of a sentence.

    >>> who(1), who(2), who(5)
    ('In the run that groks', 'In both runs that grok', 'In the 5 runs that grok')
    """
    if count == 1:
        return "In the run that groks"
    return "In both runs that grok" if count == 2 else f"In the {count} runs that grok"


def said(share: float) -> str:
    """A share in a sentence.

    >>> said(0.053), said(0.0001), said(0.99996)
    ('5.3 %', 'less than 0.1 %', 'more than 99.9 %')
    """
    if share < 0.001:
        return "less than 0.1 %"
    return "more than 99.9 %" if share > 0.999 else f"{100 * share:.3g} %"


def turn_sentence(passages: Sequence[Passage], control: bool = False) -> str:
    """One sentence that answers the title from the data.

    Args:
        passages: runs.
        control: speak of what is left when the path of pure decay is taken away, and of runs on
            random labels.
    """
    runs = grokking(passages)
    if not runs:
        return "No run with weight decay groks here, so there is no turn to speak of."
    return _controlled(passages, runs) if control else _plain(runs)


def _plain(runs: Sequence[Passage]) -> str:
    turns = [Turn.of(run) for run in runs]
    shares = {each: median_share(turns, each) for each in MULTIPLES}
    middle = " (median)" * (len(runs) > 1)
    told = [
        f"{said(shares[each])} {when}"
        for each, when in (
            (HALF, "half-way to the grok step"),
            (AT, "at it"),
            (LATE, f"at {LATE:.2g} times it"),
        )
        if np.isfinite(shares[each])
    ]
    return (
        f"{_keeping(runs, turns, shares) or _verdict(shares)}. {who(len(runs))} the gradient makes "
        f"{listed(told)}{middle}, of the squared movements along the first direction, its own and "
        "weight decay's."
    )


def _keeping(runs: Sequence[Passage], turns: Sequence[Turn], shares: dict[float, float]) -> str:
    """That the turn keeps to a step, whenever the run groks; empty if it keeps to the grok step.

    A median over runs at their own grok steps hides a turn that keeps to one step, so the spread
    of the turns in steps is compared with their spread in multiples of the grok steps.
    """
    both = [(turn.first, run.grok) for run, turn in zip(runs, turns, strict=True) if turn.turned]
    if len(both) < 2:
        return ""
    first, groks = (np.array(of, dtype=float) for of in zip(*both, strict=True))
    if np.ptp(np.log(first)) >= np.ptp(np.log(first / groks)):
        return ""
    low, high = int(first.min()), int(first.max())
    place = f"at step {low:,}" if low == high else f"between steps {low:,} and {high:,}"
    back = ", and back to the gradient later" if shares[LATE] >= MAJORITY else ""
    return (
        f"The first direction turns to decay {place}, whether the run groks at step "
        f"{int(groks.min()):,} or "
        f"at {int(groks.max()):,}{back}"
    )


def _verdict(shares: dict[float, float]) -> str:
    """What the shares say, without a number."""
    if not shares[AT] < MAJORITY:
        return "The first direction does not turn to decay at the grok step"
    if not np.isfinite(shares[LATE]):
        return "The first direction turns to decay at the grok step"
    if shares[LATE] < MAJORITY:
        return "The first direction turns to decay and stays there"
    return "The first direction turns to decay at the grok step, and back to the gradient later"


def _controlled(passages: Sequence[Passage], runs: Sequence[Passage]) -> str:
    """What becomes of the turn without the decay of the initial weights, and without a task."""
    after = [Turn.of(run, FORMS[1]) for run in runs]
    turned, left = surviving(runs)
    middle = " (median)" * (len(runs) > 1)
    first = (
        f"Without the path that decay alone takes the initial weights on, "
        f"{_left(left, turned)}; the gradient then makes {said(median_share(after, AT))} at the "
        f"grok step{middle}"
    )
    if not turned:
        first = "No run here turns to decay, so there is nothing to explain"
    others = [Turn.of(run) for run in shuffled(passages)]
    if not others:
        second = "no run on random labels is here yet to say whether that needs understanding"
    else:
        second = f"{_turning(others)}, on labels that are random and leave nothing to understand"
    return f"{first}; {second}.{_of_small(passages)}"


def _of_small(passages: Sequence[Passage]) -> str:
    """What becomes of the turn where there is less of a start to decay; empty if nowhere."""
    small = [run for run in passages if run.init_scale < 1 and run.grok is not None]
    if not small:
        return ""
    first = [turn.first for turn in map(Turn.of, small) if turn.turned]
    turned, n = len(first), len(small)
    clause = f"{turned or 'none'} of {n} runs that grok {'turn' if turned > 1 else 'turns'}"
    if n == 1:
        clause = f"the run that groks {'turns' if turned else 'does not turn'}"
    when = f", at step {' and '.join(f'{step:,}' for step in sorted({*first}))}" if first else ""
    return f" From {small[0].init_scale:g} times the initial weights, {clause}{when}."


def _left(left: int, turned: int) -> str:
    """How many of the turns remain."""
    if turned == 1:
        return "the turn remains" if left else "nothing is left of the turn"
    return f"{left or 'none'} of {turned} turns {'remains' if left == 1 else 'remain'}"


def _turning(turns: Sequence[Turn]) -> str:
    """How many runs turn, as a clause."""
    count = sum(turn.turned for turn in turns)
    if len(turns) == 1:
        return "one more run turns" if count else "one more run does not turn"
    return f"{count or 'none'} of {len(turns)} others {'turns' if count < 2 else 'turn'}"
