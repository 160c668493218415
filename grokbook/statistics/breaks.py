"""One straight line or two: does a slope change at a place that was named beforehand?

Every group (a seed) has an intercept of its own; the slopes are shared:

    one law:   y = a_g + b x
    two laws:  y = a_g + b x + c max(0, x − x₀)

Two laws always fit better what they were fitted to.  So each is judged on a seed that it has not
seen: slopes come from the other seeds, and only the intercept from the seed itself.  That is the
penalty; it grows with the noise, as it should, and needs no asymptotic formula at five points.
Source: ours; what it answers to is claim MT-29 of 2602.18523, section 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grokbook.statistics.intervals import Interval, mean_interval

BESIDE = 2
"""Different x that a group needs on either side of the break."""

LEAST = 3
"""Groups that the comparison needs."""


@dataclass(frozen=True)
class Break:
    """One law against two.

    Attributes:
        slope: b of the one law, from all groups.
        change: c of two laws, from all groups.
        gain: by how much two laws lower the mean squared error on an unseen group, mean over
            groups with its interval; above 0 they predict better.  Any two fits share n − 2 groups,
            so the gains depend on one another and the interval, which takes them for independent,
            is too narrow by an amount that no formula gives.
        worse: groups that two laws predict no better.
        n: groups.
    """

    slope: float
    change: float
    gain: Interval
    worse: int
    n: int

    @property
    def two(self) -> bool:
        """Does the whole interval of the gain lie above 0?"""
        return math.isfinite(self.gain.low) and self.gain.low > 0


def fit_for(groups: Mapping[str, tuple[np.ndarray, np.ndarray]], at: float) -> list[str]:
    """The groups that can tell: with `BESIDE` different x on either side of ``at``."""
    return [
        name
        for name, (x, _) in groups.items()
        if len(np.unique(x[x < at])) >= BESIDE and len(np.unique(x[x > at])) >= BESIDE
    ]


def breakpoint_comparison(
    groups: Mapping[str, tuple[np.ndarray, np.ndarray]], at: float
) -> Break | None:
    """Compare one law with two that meet at a given place.

    Args:
        groups: name ↦ x and y of a group, (k,) each; logarithms for a power law.
        at: where the two laws meet; it must not have been chosen by looking at y.

    Returns:
        None if fewer than `LEAST` groups can tell, see `fit_for`.

    Raises:
        ValueError: if x and y of a group do not fit together, or are not finite.

    >>> x = np.arange(5.0)
    >>> bent = {name: (x, k + x + 2 * np.maximum(0, x - 2)) for k, name in enumerate("abc")}
    >>> found = breakpoint_comparison(bent, 2.0)
    >>> round(found.change, 6), found.two
    (2.0, True)
    """
    for name, (x, y) in groups.items():
        if np.shape(x) != np.shape(y) or not np.isfinite([*x, *y]).all():
            raise ValueError(f"group {name}: x and y must be finite and of one length")
    names = fit_for(groups, at)
    if len(names) < LEAST:
        return None
    centred = {name: _centred(*groups[name], at) for name in names}
    gains = {}
    for unseen in names:
        others = [centred[name] for name in names if name != unseen]
        design, y = centred[unseen]
        one, two = (float(((y - design[:, :k] @ _slopes(others, k)) ** 2).mean()) for k in (1, 2))
        gains[unseen] = one - two
    slope, change = _slopes(list(centred.values()), 1), _slopes(list(centred.values()), 2)
    return Break(
        slope=float(slope[0]),
        change=float(change[1]),
        gain=mean_interval(gains),
        worse=sum(gain <= 0 for gain in gains.values()),
        n=len(names),
    )


def _centred(x: np.ndarray, y: np.ndarray, at: float) -> tuple[np.ndarray, np.ndarray]:
    """(k, 2) x and its hinge, and (k,) y, each less its mean: the intercept is the group's own."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    design = np.column_stack([x, np.maximum(0.0, x - at)])
    return design - design.mean(axis=0), y - y.mean()


def _slopes(groups: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    design = np.concatenate([group[0][:, :count] for group in groups])
    return np.linalg.lstsq(design, np.concatenate([group[1] for group in groups]), rcond=None)[0]
