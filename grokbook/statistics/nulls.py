"""Nulls for "lead grows as a power of the grok time": the exponent that follows from nothing.

lead = grok − onset.  If onsets do not grow with the grok time, lead is about grok for late runs and
much less for early ones, and the exponent exceeds 1 by arithmetic.
Source: 2602.16746 claim ST-27, S4 and S5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokbook.statistics.fits import Fit, power_law
from grokbook.statistics.permutation import PermutationTest, shuffle
from grokbook.statistics.units import Values, paired


@dataclass(frozen=True)
class LeadNulls:
    """An exponent of leads beside those of two nulls.

    Every fit takes positive leads alone, as published.

    Attributes:
        observed: lead = a · grok^b.
        dropped: runs without a positive lead.
        onset: onset = a · grok^b over all runs, the fit that could show that onsets know of
            grokking; its b is 0 if they do not.  None if an onset is 0.
        constant: lead = a · grok^b with every onset replaced by ``constant_onset``.
        constant_onset: as given, or the median onset.
        shuffled: the exponent with onsets shuffled over runs, within groups; its p is for an
            exponent as far from the shuffled mean.  None if some shuffle leaves fewer than three
            positive leads: onsets so unlike cannot be exchanged.
    """

    observed: Fit
    dropped: int
    onset: Fit | None
    constant: Fit
    constant_onset: float
    shuffled: PermutationTest | None


def lead_nulls(
    grok: Values,
    onset: Values,
    *,
    groups: Sequence[Any] | None = None,
    constant: float | None = None,
    draws: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
) -> LeadNulls:
    """Fit the leads, and what they would be if onsets said nothing.

    Args:
        grok: grok step of each run.
        onset: onset of each run; runs without one have no place here, so say how many there are.
        groups: a label a run, such as its learning rate; onsets are shuffled within.
        constant: onset of the first null; by default the median.
        draws: of shuffles, if there are too many to enumerate.
        seed: of the draws.
        level: of the intervals.

    Raises:
        ValueError: if fewer than three leads are positive, as they are or with a constant onset.
    """
    t, s = paired(grok, onset, "leads", least=3)
    fixed = float(np.median(s)) if constant is None else float(constant)
    observed = _fit(t, s, level)
    try:
        shuffled = shuffle(t, s, _exponent, groups=groups, draws=draws, seed=seed)
    except _TooFewError:
        shuffled = None
    return LeadNulls(
        observed=observed,
        dropped=int((t <= s).sum()),
        onset=power_law(t, s, level=level) if (s > 0).all() else None,
        constant=_fit(t, np.full_like(s, fixed), level),
        constant_onset=fixed,
        shuffled=shuffled,
    )


class _TooFewError(ValueError):
    """Fewer than three positive leads."""


def _positive(grok: np.ndarray, onset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grok steps and leads of the runs with a positive lead."""
    lead = grok - onset
    keep = lead > 0
    if keep.sum() < 3:
        raise _TooFewError(f"only {keep.sum()} leads are positive")
    return grok[keep], lead[keep]


def _fit(grok: np.ndarray, onset: np.ndarray, level: float) -> Fit:
    return power_law(*_positive(grok, onset), level=level)


def _exponent(grok: np.ndarray, onset: np.ndarray) -> float:
    """The same slope without its errors: a shuffle needs thousands."""
    x, y = map(np.log, _positive(grok, onset))
    x = x - x.mean()
    return float(x @ y / (x @ x))
