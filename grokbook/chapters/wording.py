"""Numbers and names as every chapter writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grokbook.claims.numbers import interval, listed, show
from grokbook.statistics import Interval, mean_interval

PLACEBO = {
    "constant": "step 1,000, always",
    "loss": "training loss below 0.1",
    "memorisation": "training accuracy 99 %",
    "norm": "weights at half their norm",
}
"""Detectors that know nothing of geometry, of `grokbook.events.PLACEBOS`."""


def percent(part: float) -> str:
    """A share as a percentage; three digits.

    >>> percent(0.125)
    '12.5 %'
    """
    return f"{100 * part:.3g} %" if part >= 0.0005 else "less than 0.1 %"


def counted(number: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "run"), counted(8, "seed")
    ('one run', '8 seeds')
    """
    return f"one {what}" if number == 1 else f"{number} {what}s"


def span(values: Sequence[float], unit: str = "") -> str:
    """The range of some values, or the one that they all are.

    >>> span([1.0, 3.0, 2.0], " %"), span([2.0, 2.0])
    ('1 to 3 %', '2')
    """
    low, high = show(min(values)), show(max(values))
    return (low if low == high else f"{low} to {high}") + unit


PERCENTAGES = (0.0, 100.0)
"""What a share can be, in %."""


def mean_over(
    values: Sequence[float], unit: str = "", within: tuple[float, float] = (-math.inf, math.inf)
) -> str:
    """The mean over runs and its 95 % interval, which one run does not have; a dash without any.

    >>> mean_over([5.0]), mean_over([]), mean_over([1.0, 3.0], within=PERCENTAGES)
    ('5', '–', '2 [0*, 14.7]')
    """
    if not len(values):
        return "–"
    return bounded(mean_interval([float(value) for value in values]), within, unit)


def bounded(found: Interval, within: tuple[float, float], unit: str = "") -> str:
    """A mean with its interval, cut off at what is possible: a star marks an end that was cut.

    Args:
        found: of runs; without an interval if it is of one.
        within: lowest and highest possible value.
        unit: of both.

    >>> bounded(Interval(98.0, 95.0, 101.0, 3, 0.95), PERCENTAGES)
    '98 [95, 100*]'
    """
    if not math.isfinite(found.high - found.low):
        return interval(found.mean, found.low, found.high, unit)
    low, high = np.clip([found.low, found.high], *within).tolist()
    ends = (show(low, unit) + "*" * (low > found.low), show(high, unit) + "*" * (high < found.high))
    return f"{show(found.mean, unit)} [{', '.join(ends)}]"


def give_or_take(values: Sequence[float]) -> str:
    """The mean over runs and half of its 95 % interval, to a tenth; a dash without any.

    >>> give_or_take([1.0, 2.0, 3.0]), give_or_take([5.04]), give_or_take([-0.01]), give_or_take([])
    ('2 ± 2.5', '5', '0', '–')
    """
    if not len(values):
        return "–"
    found = mean_interval([float(value) for value in values])
    mean, half = (show(round(v, 1) + 0.0) for v in (found.mean, (found.high - found.low) / 2))
    return mean if len(values) == 1 else f"{mean} ± {half}"


def middle_of(values: Sequence[float]) -> str:
    """The median over runs, and from where to where they lie; a dash without any.

    >>> middle_of([1.0, 97.0, 98.0]), middle_of([5.0]), middle_of([])
    ('97 (1 to 98)', '5', '–')
    """
    if not len(values):
        return "–"
    low, middle, high = (show(float(q)) for q in np.quantile(values, [0, 0.5, 1]))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def step_of(step: int | None) -> str:
    """The step of something that may never happen.

    >>> step_of(1_200), step_of(None)
    ('1,200', 'never')
    """
    return "never" if step is None else f"{step:,}"


def share(count: int, of: int) -> str:
    """Runs that do something, of those that could."""
    return f"{count} of {of}"


def share_of(count: int, of: int, what: str) -> str:
    """`share` with its noun, where a single one is named as such.

    >>> share_of(2, 3, "run"), share_of(1, 1, "run"), share_of(0, 1, "run")
    ('2 of 3 runs', 'the one run', 'not the one run')
    """
    if of == 1:
        return f"the one {what}" if count else f"not the one {what}"
    return f"{share(count, of)} {what}s"


def percentages(parts: Sequence[float], last: str = "and") -> str:
    """Shares in a sentence, as percentages.

    >>> percentages([0.25, 0.5, 0.75], "or"), percentages([0.07])
    ('25, 50 or 75 %', '7 %')
    """
    return f"{listed([f'{100 * part:g}' for part in parts], last)} %"


def bullets(told: Sequence[str], lead: str = "") -> str:
    r"""What a chapter finds, as Markdown: a short sentence, then a result a bullet.

    Args:
        told: results; empty ones are left out, and a single one without a lead needs no bullet.
        lead: the sentence.

    >>> bullets(["One.", "", "Two."], "In short."), bullets(["One."])
    ('In short.\n\n- One.\n- Two.', 'One.')
    """
    parts = [part for part in told if part]
    if not parts:
        return lead
    if len(parts) == 1 and not lead:
        return parts[0]
    return f"{lead}\n\n" + "\n".join(f"- {part}" for part in parts)
