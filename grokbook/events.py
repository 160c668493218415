"""When things happen: grok steps.

A task *groks* when its test accuracy rises from chance to nearly one, long after its training
accuracy has.  The papers use several definitions; every run records all four (2602.18523,
sections 3 and 4.5; the tables use the last).
"""

from __future__ import annotations

import numpy as np

THRESHOLDS = {"0.90": (0.90, 1), "0.95": (0.95, 1), "0.98": (0.98, 1), "0.98x3": (0.98, 3)}
"""Rule ↦ (accuracy, how many evaluations in a row); the step is that of the last of the row."""

STOP_RULE = "0.98x3"
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

    >>> crossing(np.array([0, 100, 200, 300]), np.array([0, .99, .97, .99]), .98)
    100
    >>> crossing(np.array([0, 100, 200, 300]), np.array([0, .99, .99, .99]), .98, row=3)
    300
    """
    streak = 0
    for step, value in zip(steps, accuracy, strict=True):
        streak = streak + 1 if value >= threshold else 0
        if streak == row:
            return int(step)
    return None


def grok_steps(steps: np.ndarray, accuracy: np.ndarray) -> dict[str, int | None]:
    """Grok steps of one task under every rule of `THRESHOLDS`."""
    return {rule: crossing(steps, accuracy, *rule_of) for rule, rule_of in THRESHOLDS.items()}
