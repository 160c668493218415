"""The class rule of the gap flow: functional, mixed or compression, fixed before any run.

2604.07380 sorts tasks by what holds the gap of the spectral edge after grokking, in words only:
the driving term T3 persists (functional), persists in part (mixed), or the damping T2 prevails
(compression).  It gives no number, and neither term was ever evaluated.  This rule was written
down, and committed, before either had been computed of any run.

1. A window's number is r = T3 / |T2|: the part of the damping that the driving makes good.  It has
   a sign, since driving that closes the gap does not hold it open.
2. Windows count that are full and end from `AFTER` = 2 to `UNTIL` = 4 times the run's own grok
   step, or a matched pseudo-grok step of a control: the first is past the transition in every
   published run, the second within every published budget.  Fewer than `LEAST` = 5 windows: no
   class.
3. The run's r is the median over those windows; windows overlap, so they are no sample, and a mean
   would be one window's where a gap nearly closes.
4. Functional: r ≥ 2/3.  Compression: r ≤ 1/3.  Mixed: between.  A gap that stands still without
   T1 has r = 1 exactly, T2 alone has r = 0, and these are the thirds between.  A threshold at 1,
   where every sustained gap lies, would leave the class to noise.
5. The published T3 has the unit of a gradient, T1 and T2 that of a weight a step: it lacks one more
   factor η.  The equation is also about plain gradient flow, where training is by AdamW.  So r is
   taken in four forms: as printed and in units (η² for η in T3), with the raw and with the
   preconditioned gradient and Hessian.  As printed and raw is the claim's own; a class *stands*
   only if all four give it.
6. A class means something only of an equation that holds: it is *supported* if the claim's own
   form gives dg/dt the right sign in more of the run's disjoint windows, `LEAST` or more, than the
   better of two guesses that look at nothing: "always closing" and "always opening".  Windows of
   one run are no sample, so no p-value is given.
7. A task has a class where at least two thirds of its runs, three or more, have that class, and it
   stands and is supported in each of them.  Anything else is "none".

Source: 2604.07380 section 7 and its equation 1; claims SE-33, SE-34; weakness K.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FUNCTIONAL, MIXED, COMPRESSION, NONE = "functional", "mixed", "compression", "none"
"""The classes by point 4, and what a run or a task without one has."""
AFTER, UNTIL = 2.0, 4.0
"""Windows count that end between these multiples of the grok step: point 2."""
LEAST = 5
"""Windows that a class needs, and disjoint ones that the signs of point 6 need."""
LOW, HIGH = 1 / 3, 2 / 3
"""The largest r of compression and the smallest of a functional edge: point 4."""
RUNS = 3
"""Runs that the class of a task needs: point 7."""
OWN = ("printed", "raw")
"""The claim's own form."""
FORMS = tuple((units, by) for units in ("printed", "in units") for by in ("raw", "preconditioned"))
"""All four forms of r: point 5."""


@dataclass(frozen=True)
class GapClass:
    """What the rule says of one run.

    Attributes:
        name: `FUNCTIONAL`, `MIXED`, `COMPRESSION`, or `NONE` with too few windows, by the claim's
            own form.
        ratio: the run's r, by that form; NaN without a class.
        low, high: quartiles of r over the windows, its spread and not an interval.
        windows: that counted.
        forms: class by form.
        agreement: share of disjoint windows in which predicted and measured dg/dt have one sign;
            NaN with fewer than `LEAST`.
        guess: the share that the better constant guess has right.
    """

    name: str
    ratio: float
    low: float
    high: float
    windows: int
    forms: Mapping[tuple[str, str], str]
    agreement: float
    guess: float

    @property
    def stands(self) -> bool:
        """All four forms give the class."""
        return self.name != NONE and set(self.forms.values()) == {self.name}

    @property
    def supported(self) -> bool:
        """The equation gives dg/dt the right sign more often than a constant guess does."""
        return self.agreement > self.guess


def name_of(ratio: float) -> str:
    """The class of r.

    >>> [name_of(r) for r in (-2, 0.33, 0.5, 0.67, 40)]
    ['compression', 'compression', 'mixed', 'functional', 'functional']
    """
    if np.isnan(ratio):
        return NONE
    return FUNCTIONAL if ratio >= HIGH else COMPRESSION if ratio <= LOW else MIXED


def counted(ends: np.ndarray, grok: float) -> np.ndarray:
    """(n,) bool: the windows that count, by the steps at which they end.

    Raises:
        ValueError: for a grok step that is not positive.

    >>> counted(np.array([100, 200, 300, 400, 500]), 100).tolist()
    [False, True, True, True, False]
    """
    if not grok > 0:
        raise ValueError(f"the grok step must be positive, not {grok}")
    ends = np.asarray(ends)
    return (ends >= AFTER * grok) & (ends <= UNTIL * grok)


def classify(
    ends: np.ndarray,
    grok: float,
    terms: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]],
    predicted: Sequence[float] = (),
    measured: Sequence[float] = (),
) -> GapClass:
    """The class of one run.

    Args:
        ends: (n,) steps at which its full windows end.
        grok: its grok step, or a matched pseudo-grok step.
        terms: (T2, T3), each (n,), for every form of `FORMS`.
        predicted: dg/dt of the run's disjoint windows, by the claim's own form.
        measured: the same by finite differences.

    Raises:
        ValueError: for a form that is missing, terms of another length, a T2 of 0, to which no
            ratio can be had, or predictions without a partner.
    """
    missing = [form for form in FORMS if form not in terms]
    if missing:
        raise ValueError(f"the rule needs all four forms; {' '.join(missing[0])} is missing")
    chosen = counted(ends, grok)
    found = {}
    for form in FORMS:
        damping, driving = (np.asarray(term, dtype=np.float64) for term in terms[form])
        if not damping.shape == driving.shape == chosen.shape:
            raise ValueError(f"T2 and T3 must be {chosen.shape}, not {damping.shape}")
        if not damping[chosen].all():
            raise ValueError("T2 is 0 in a window that counts: there is no ratio")
        found[form] = driving[chosen] / np.abs(damping[chosen])
    count = int(chosen.sum())
    enough = count >= LEAST
    own = found[OWN] if enough else np.array([np.nan])
    low, ratio, high = (float(q) for q in np.quantile(own, [0.25, 0.5, 0.75]))
    names = {form: name_of(float(np.median(r))) if enough else NONE for form, r in found.items()}
    right, guess = agreement(predicted, measured)
    return GapClass(names[OWN], ratio, low, high, count, names, right, guess)


def agreement(predicted: Sequence[float], measured: Sequence[float]) -> tuple[float, float]:
    """Shares of windows with the right sign: of the prediction, of the better constant guess.

    NaN with fewer than `LEAST` windows.  A measured 0 is nobody's sign.

    Raises:
        ValueError: for lists of unequal lengths.

    >>> agreement([-1, -1, 1, 1, 1], [-2, -2, -2, 3, 3])
    (0.8, 0.6)
    """
    said, seen = np.sign(np.asarray(predicted, float)), np.sign(np.asarray(measured, float))
    if said.shape != seen.shape:
        raise ValueError(f"{said.size} predictions do not go with {seen.size} measurements")
    if said.size < LEAST:
        return float("nan"), float("nan")
    guess = max((seen < 0).mean(), (seen > 0).mean())
    return float(((said == seen) & (seen != 0)).mean()), float(guess)


def of_task(runs: Sequence[GapClass]) -> str:
    """The class of a task from its runs, by point 7 of the rule.

    Raises:
        ValueError: for no runs.
    """
    if not runs:
        raise ValueError("a task's class needs runs")
    for name in (FUNCTIONAL, MIXED, COMPRESSION):
        agree = [run for run in runs if run.name == name and run.stands and run.supported]
        if len(runs) >= RUNS and 3 * len(agree) >= 2 * len(runs):
            return name
    return NONE
