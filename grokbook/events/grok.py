"""Grok steps: when a task is understood.

A task *groks* when its test accuracy rises from chance to nearly one, long after its training
accuracy has.  The papers use several definitions; every run records all four (2602.18523,
sections 3 and 4.5; the tables use the last).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """A grok definition: test accuracy at or above ``accuracy``, ``row`` evaluations running.

    Attributes:
        accuracy: in [0, 1].
        row: evaluations in a row; the grok step is that of the last of them.
        text: what a reader sees.
    """

    accuracy: float
    row: int
    text: str


RULES = {
    "0.90": Rule(0.90, 1, "90 %"),
    "0.95": Rule(0.95, 1, "95 %"),
    "0.98": Rule(0.98, 1, "98 %"),
    "0.98x3": Rule(0.98, 3, "98 % × 3"),
}
"""Every rule by its name in files and tables."""

PUBLISHED_RULE = "0.98x3"
"""The published tables' definition, and the published stop rule."""


def crossing(steps: np.ndarray, accuracy: np.ndarray, threshold: float, row: int = 1) -> int | None:
    """The first step at which accuracy has been at or above the threshold ``row`` times running.

    Args:
        steps: (E,) evaluation steps, ascending.
        accuracy: (E,) accuracies at those steps.
        threshold: in [0, 1].
        row: consecutive evaluations needed; the step of the last one is returned.

    Returns:
        A step, or None if it never happens.

    Raises:
        ValueError: for unequal lengths, or a row below 1.

    >>> crossing(np.array([0, 100, 200, 300]), np.array([0, .99, .97, .99]), .98)
    100
    >>> crossing(np.array([0, 100, 200, 300]), np.array([0, .99, .99, .99]), .98, row=3)
    300
    """
    if len(steps) != len(accuracy):
        raise ValueError(f"{len(steps)} steps do not go with {len(accuracy)} accuracies")
    if row < 1:
        raise ValueError(f"a row has at least one evaluation, not {row!r}")
    streak = 0
    for step, value in zip(steps, accuracy, strict=True):
        streak = streak + 1 if value >= threshold else 0
        if streak == row:
            return int(step)
    return None


def grok_step(steps: np.ndarray, accuracy: np.ndarray, rule: str) -> int | None:
    """The grok step under a rule of `RULES`.

    Raises:
        ValueError: for another rule, or unequal lengths.

    >>> grok_step(np.array([0, 100]), np.array([0.1, 0.93]), "0.90")
    100
    """
    if rule not in RULES:
        raise ValueError(f"there is no rule {rule!r}; there are {', '.join(RULES)}")
    return crossing(steps, accuracy, RULES[rule].accuracy, RULES[rule].row)
