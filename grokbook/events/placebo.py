"""Detectors that know nothing of geometry, for an onset to be compared with.

If one of them leads grokking by as much, and as often, the onset has told nothing that the training
curve had not.  All have the interface of the onsets, and are as fixed as ours.
Source: 2602.18523 D3; what they answer to is 2602.16746 S4.
"""

from __future__ import annotations

import math

from grokbook.events.series import Detector, Event, Readings


def constant_step(step: int, reads: str = "train_loss") -> Detector:
    """Says "now" at a fixed step, whatever the readings are: at the first one from it on.

    Raises:
        ValueError: for a step below 0.

    >>> constant_step(150)([0, 100, 200], [1.0, 1.0, 1.0]).step
    200
    """
    if step < 0:
        raise ValueError(f"a step cannot be {step}")

    def find(series: Readings) -> Event:
        return series.first(series.steps >= step, math.nan)

    return Detector(f"step {step}", reads, f"step {step:,}", find)


def below(threshold: float, reads: str) -> Detector:
    """The first reading below a threshold.

    >>> below(0.1, "train_loss")([0, 100, 200], [4.6, 0.1, 0.05]).step
    200
    """
    _finite(threshold)

    def find(series: Readings) -> Event:
        return series.first(series.values < threshold, threshold)

    return Detector(f"{reads} < {threshold:g}", reads, f"{_words(reads)} < {threshold:g}", find)


def above(threshold: float, reads: str) -> Detector:
    """The first reading at or above a threshold.

    >>> above(0.99, "train_accuracy")([0, 100, 200], [0.0, 0.99, 1.0]).step
    100
    """
    _finite(threshold)

    def find(series: Readings) -> Event:
        return series.first(series.values >= threshold, threshold)

    return Detector(f"{reads} ≥ {threshold:g}", reads, f"{_words(reads)} ≥ {threshold:g}", find)


def below_share(share: float, reads: str) -> Detector:
    """The first reading below a share of the first one.

    Raises:
        ValueError: for a share outside (0, 1).

    >>> below_share(0.5, "parameter_norm")([0, 100, 200], [118.0, 60.0, 58.0]).step
    200
    """
    if not 0 < share < 1:
        raise ValueError(f"a share must lie between 0 and 1, not {share!r}")

    def find(series: Readings) -> Event:
        if not len(series) or series.values[0] <= 0:
            return series.none("no baseline")
        threshold = share * series.values[0]
        return series.first(series.values < threshold, threshold)

    text = f"{_words(reads)} < {share:g} × its first value"
    return Detector(f"{reads} < {share:g} × start", reads, text, find)


def _finite(threshold: float) -> None:
    if not math.isfinite(threshold):
        raise ValueError(f"a threshold must be finite, not {threshold!r}")


def _words(column: str) -> str:
    return column.replace("_", " ")


MEMORISATION = above(0.99, "train_accuracy")
"""Training accuracy first at 0.99 (2602.16746, claim ST-04)."""

PLACEBOS = {
    "constant": constant_step(1_000),
    "loss": below(0.1, "train_loss"),
    "memorisation": MEMORISATION,
    "norm": below_share(0.5, "parameter_norm"),
}
"""Every placebo by a short name."""
