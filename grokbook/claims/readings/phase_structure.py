"""Chapter 3, phase structure: grok time against weight decay and learning rate.

Its other claims are read in `curvature` and `leads`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from grokbook.claims.readings.incompressibility import threshold
from grokbook.claims.readings.place import STRONG, WEAK, Place, Reader, Value, each, slope
from grokbook.claims.readings.staggered_order import mean_step
from grokbook.instruments.runs import Missing

FIVE = STRONG + WEAK
"""The decays at which dual runs grok."""

RATES = (0.0005, 0.001, 0.002)
RATED = (1.0, 0.5, 0.3)
"""The decays at which learning rates are compared."""


def _times(at: Place, decays: Iterable[float], rates: Iterable[float]) -> list[float]:
    """Mean grok steps of this seed; all are needed."""
    found = [
        mean_step(at.run("dual", decay, learning_rate=rate)) for decay in decays for rate in rates
    ]
    if None in found:
        raise Missing("a run was cut off; an exponent takes all")
    return [float(step) for step in found]


def _exponent(at: Place) -> float:
    return -slope(np.log(FIVE), np.log(_times(at, FIVE, [0.001])))


def _exponent_in_rate(at: Place) -> float:
    """Mean over the decays at which all three learning rates were run."""
    found = each(
        RATED,
        lambda decay: -slope(np.log(RATES), np.log(_times(at, [decay], RATES))),
    )
    return float(np.mean(list(found.values())))


def _kink(at: Place) -> float:
    decays = (0.5, 0.3, 0.2, 0.1)
    times = np.log(_times(at, decays, [0.001]))
    x = -np.log(decays)
    return slope(x[1:], times[1:]) - slope(x[:2], times[:2])


def _kink_in_rate(at: Place) -> float:
    times = np.log(_times(at, [0.3], RATES))
    x = -np.log(RATES)
    return slope(x[:2], times[:2]) - slope(x[1:], times[1:])


def _threshold(variant: str) -> Reader:
    """k*; None above the largest k that was tried."""

    def read(at: Place) -> Value:
        return threshold(at.run(at["setting"], at.decay), variant)

    return read


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-28", "exponent"): _exponent,
    ("MT-28", "exponent", "learning rate"): _exponent_in_rate,
    ("MT-29", "kink"): _kink,
    ("MT-29", "kink", "learning rate"): _kink_in_rate,
    ("MT-38", "threshold"): _threshold("published"),
    ("MT-38", "threshold", "held-out basis"): _threshold("held-out"),
}
