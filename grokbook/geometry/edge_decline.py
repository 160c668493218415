"""How far g23 of the spectral edge has fallen from its early maximum, by the published statistics.

The early value is a maximum and the late one is not: of any series the ratio is 1 or more, unless
the last window, which the published maximum leaves out, is the largest of all.  So a control wants
the same statistic at a matched pseudo-grok step.  Source: 2602.18523 section 4.12, 2604.07380
section 4.16 and weakness L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DECLINED = 1.5
"""Ratio above which g23 counts as published to have declined."""


@dataclass(frozen=True)
class Decline:
    """How far g23 has fallen from its early maximum, by the published statistics.

    Attributes:
        early: largest g23 of the windows that may have the maximum, or of all.
        at_grok: g23 of the last window that ends at ``grok`` or before; None without one.
        decline: early / at_grok; infinite if g23 has come down to 0.  None without a grok step,
            so that a control cannot decline: give it a matched pseudo-grok step.
        declined: decline > 1.5.
        increases: how often g23 rose from one window to the next between the maximum and
            ``grok``; 2604.07380 calls one or none monotone.
        ratio_early: mean R of the windows that may have the maximum, or of all.
        windows: how many these are.
        early_error, at_grok_error, decline_error, ratio_error: bounds on what the errors of the
            windows do to ``early``, ``at_grok``, ``decline`` and ``ratio_early``; infinite where
            g23 may have come down to 0.
    """

    early: float
    at_grok: float | None
    decline: float | None
    declined: bool
    increases: int
    ratio_early: float
    windows: int
    early_error: float
    at_grok_error: float | None
    decline_error: float | None
    ratio_error: float


def decline(
    steps: np.ndarray,
    g23: np.ndarray,
    ratios: np.ndarray,
    grok: float | None,
    *,
    inclusive: bool = False,
    errors: np.ndarray | float = 0.0,
    ratio_errors: np.ndarray | float = 0.0,
) -> Decline:
    """The published decline of g23 (2602.18523 section 4.12).

    Args:
        steps: (n,) at which windows end, ascending.
        g23: (n,) of each, raw as published or as a share.
        ratios: (n,) R of each.
        grok: first evaluation with all tasks at 0.95; a pseudo-grok step for a control; None of
            a run that never did.
        inclusive: may a window that ends at ``grok`` have the maximum?  As published it may not.
        errors: (n,) bounds on what each g23 is off by; by default they are exact.
        ratio_errors: (n,) of each R.

    Raises:
        ValueError: for lists of unequal lengths, or no window that may have the maximum.

    >>> decline(np.array([100, 200, 300]), np.array([9.0, 3, 12]), np.ones(3), 250).decline
    3.0
    >>> late = np.array([100, 200, 300]), np.array([1.0, 1, 5]), np.ones(3), 300
    >>> decline(*late).decline, decline(*late, inclusive=True).decline
    (0.2, 1.0)
    """
    steps, g23, ratios = (np.asarray(each) for each in (steps, g23, ratios))
    if not len(steps) == len(g23) == len(ratios):
        raise ValueError(f"lists must be as long as one another, not {len(steps)}, {len(g23)}, …")
    early_enough = np.less_equal if inclusive else np.less
    count = len(steps) if grok is None else int(early_enough(steps, grok).sum())
    if not count:
        raise ValueError(f"no window ends before step {grok}")
    peak = int(np.argmax(g23[:count]))
    until = g23 if grok is None else g23[steps <= grok]
    rises = int((np.diff(until[peak:]) > 0).sum())
    early, mean = float(g23[peak]), float(ratios[:count].mean())
    errors, ratio_errors = (np.broadcast_to(each, len(steps)) for each in (errors, ratio_errors))
    # Another window may be the largest.  Downwards the peak's own error is enough, which is in it.
    off = float((g23 + errors)[:count].max() - early)
    mean_off = float(ratio_errors[:count].mean())
    if grok is None:
        return Decline(early, None, None, False, rises, mean, count, off, None, None, mean_off)
    last, last_off = float(until[-1]), float(errors[len(until) - 1])
    fall = early / last if last > 0 else np.inf
    # |(a + da) / (b + db) − a/b| = |da − a/b db| / |b + db|
    fall_off = (off + fall * last_off) / (last - last_off) if last > last_off else np.inf
    return Decline(
        *(early, last, fall, fall > DECLINED, rises, mean, count),
        *(off, last_off, fall_off, mean_off),
    )
