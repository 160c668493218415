"""Chapter 5, transverse fragility: how much of the gradient lies in what is spared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from grokbook.claims.readings.transverse_fragility import START, outside
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.deletion import Trials

PATH, ALIKE = "the run's own path", "random directions alike"

SPARED = {
    PATH: "gradient_share",
    ALIKE: "gradient_null_matched",
    "random directions of the whole space": "gradient_null_whole",
}
"""What is spared ↦ the quantity that says how much of the gradient it holds."""


def outsides(found: Sequence[Trials]) -> dict[str, dict[str, float]]:
    """`outsides_of` all plain runs, of several executions the one that was measured."""
    every = [trial for trials in found for trial in (*trials.plain, *trials.again)]
    return outsides_of([trial.run for trial in every])


def outsides_of(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Label ↦ share of the gradient outside each of `SPARED`, in %, while something is deleted.

    Runs of which that was not measured are left out.
    """
    shares = {}
    for run in runs:
        with suppress(Missing):
            shares[run.config.label] = {
                name: outside(run, quantity, since=START) for name, quantity in SPARED.items()
            }
    return shares
