"""Numbers and names as every chapter writes them."""

from __future__ import annotations

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


def share(count: int, of: int) -> str:
    """Runs that do something, of those that could."""
    return f"{count} of {of}"
