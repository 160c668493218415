"""Chapter 6: at which step a reading of the spectral edge is taken, and one number there.

Published steps differ from script to script and were chosen on one seed (weakness C), so that each
claim names its own, and its control reads the same at multiples of the run's own grok step.  A run
that understands nothing, without decay or with random labels, has a *pseudo-grok step*: the mean
grok step of the runs with true labels at λ = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grokbook.claims.readings.lifecycle import RULE
from grokbook.claims.readings.place import Place, Reader, setting_of
from grokbook.instruments import phases
from grokbook.instruments.runs import Missing, Run

NAMES = ("pre", "at", "post", "late")
SHARES = dict(zip(NAMES, phases.SHARES, strict=True))
ABLATIONS = dict(zip(NAMES, phases.ABLATIONS, strict=True))
MULTIPLES = dict(zip(NAMES, phases.MULTIPLES, strict=True))
AS_IT_IS, ORTHOGONAL = "uncentred", "orthogonal"
"""Variants of a window: its updates, and others as long and at right angles."""

Number = Callable[[Place, Run, int], float]
"""Of a cell, read of a run at a step."""
Chosen = Callable[[Place], Run]
"""The run that a cell is read of."""


# --- steps


def pseudo_grok(at: Place, setting: str, rule: str = RULE) -> float:
    """The mean grok step over the recorded runs with true labels at λ = 1.

    Raises:
        Missing: if none of them is there, or none grokked.
    """
    steps = []
    for run in at.every(setting):
        try:
            steps += [run.grok(task, rule) for task in run.tasks]
        except Missing:  # not trained far enough to tell
            continue
    known = [step for step in steps if step is not None]
    if not known:
        raise Missing(f"no {setting} run at λ = 1 has a grok step to match")
    return float(np.mean(known))


def own_grok(run: Run, rule: str = RULE) -> int | None:
    """The run's own grok step; None if it never groks, has no decay or no true labels.

    Raises:
        Missing: if it has not grokked, and was not trained to its budget.
    """
    if not run.config.weight_decay or getattr(run.config, "labels", "depth") == "random":
        return None
    steps = [run.grok(task, rule) for task in run.tasks]
    return None if None in steps else max(steps)


def moment(at: Place, run: Run, rule: str = RULE) -> float:
    """The run's own grok step, or the pseudo-grok step of its setting.

    Raises:
        Missing: if there is neither.
    """
    own = own_grok(run, rule)
    return pseudo_grok(at, setting_of(run.config), rule) if own is None else float(own)


# --- numbers


def value(
    run: Run,
    instrument: str,
    quantity: str,
    step: int,
    *,
    part: str = "",
    variant: str = "",
    at: float | None = None,
) -> float:
    """The one value at a step.

    Raises:
        Missing: if nothing was measured there.
        ValueError: if the choice leaves several.
    """
    rows = run.rows(instrument, quantity, part=part, variant=variant, at=at)
    here = rows.loc[rows["step"] == step, "value"]
    if here.empty:
        of = " ".join(filter(None, (variant, part))) or "it"
        raise Missing(f"{instrument} has no {quantity} ({of}) of {run.name} at step {step:,}")
    if len(here) > 1:
        raise ValueError(f"{len(here)} values of {quantity} at step {step:,}")
    return float(here.iloc[0])


def series(run: Run, instrument: str, quantity: str, **which: Any) -> tuple[np.ndarray, np.ndarray]:
    """Steps, ascending, and the values there."""
    rows = run.rows(instrument, quantity, **which)
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def number(instrument: str, quantity: str, **which: Any) -> Number:
    """`value`, to be read at some step of some run."""
    return lambda at, run, step: value(run, instrument, quantity, step, **which)


def near(
    at: Place,
    run: Run,
    phase: str,
    number: Number,
    *,
    among: np.ndarray | None = None,
) -> float:
    """A number at a phase of the run's own grok step; NaN beyond the run's end.

    Args:
        at: gives the pseudo-grok step of a run that has no other.
        run: measured.
        phase: of `NAMES`.
        number: to be read.
        among: steps at which it was measured; by default the snapshots, one an evaluation.

    Raises:
        Missing: if nothing was measured there.
    """
    wanted = MULTIPLES[phase] * moment(at, run)
    if wanted > run.record.last_step:
        return math.nan
    return number(at, run, phases.nearest(run.record.steps if among is None else among, wanted))


# --- readers


def plain(at: Place) -> Run:
    """The run of the cell's corpus at λ = 1."""
    return at.run(at["corpus"])


def without_decay(at: Place) -> Run:
    """The run of the cell's corpus at λ = 0."""
    return at.run(at["corpus"], 0.0)


def random_labels(at: Place) -> Run:
    """The run at λ = 1 that has nothing to understand: depths dealt out anew to its prefixes."""
    return at.run(at["corpus"], labels="random")


def published(
    steps: Mapping[str, int], number: Number, *, phase: str = "", of: Chosen = plain
) -> Reader:
    """A number at the published step of a phase.

    Args:
        steps: by phase.
        number: to be read.
        phase: by default the cell's.
        of: the run that it is read of.
    """

    def read(at: Place) -> float:
        run = of(at)
        return number(at, run, steps[phase or at["phase"]])

    return read


def own(number: Number, *, phase: str = "", of: Chosen = plain) -> Reader:
    """The same at that phase of the run's own grok step."""
    return lambda at: near(at, of(at), phase or at["phase"], number)
