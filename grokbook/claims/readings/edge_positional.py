"""Chapter 6: states along positions, and how evenly attention is spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import fmean

from grokbook.claims.readings.edge_phases import Chosen, plain, random_labels, value, without_decay
from grokbook.claims.readings.lifecycle import SWITCH, switched
from grokbook.claims.readings.place import Place, Reader
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.lifecycle import AFTERWARDS

INSTRUMENT = "positional"
LAST = "layer 1"
LATE = 5_000
PUBLISHED, TOKENS = "published", "tokens"
"""Rows of attention: all 24, or those of tokens."""
QUANTITIES = {"entropy": "entropy", "divergence": "counting"}

Together = Callable[[Iterable[float]], float]


# --- states


def _states(quantity: str, variant: str = PUBLISHED, part: str = LAST) -> Reader:
    """Of the spectrum over positions at step 5,000."""

    def read(at: Place) -> float:
        run = at.run(at["corpus"], at.decay)
        return value(run, INSTRUMENT, quantity, LATE, part=part, variant=variant)

    return read


# --- attention


def by_head(run: Run, quantity: str, layer: int, step: int, variant: str) -> list[float]:
    """One number a head of a layer.

    Raises:
        Missing: if there are none.
    """
    rows = run.rows(INSTRUMENT, quantity, part=None, variant=variant)
    here = rows["part"].str.startswith(f"{layer}.") & (rows["step"] == step)
    if not here.any():
        raise Missing(f"{INSTRUMENT} has no {quantity} of {run.name} at step {step:,}")
    return rows.loc[here, "value"].astype(float).tolist()


EVEN: dict[str, Together] = {"entropy": fmean, "divergence": fmean}
PEAKED: dict[str, Together] = {"entropy": min, "divergence": max}
"""Over the heads of a layer: their mean, or the one that attends least evenly."""


def _heads(
    layer: int,
    together: dict[str, Together],
    *,
    of: Chosen = plain,
    step: int = LATE,
    variant: str = PUBLISHED,
) -> Reader:
    def read(at: Place) -> float:
        name = at["quantity"]
        return together[name](by_head(of(at), QUANTITIES[name], layer, step, variant))

    return read


def _switched(variant: str = PUBLISHED, *, anew: bool = True) -> Reader:
    def read(at: Place) -> float:
        run = switched(at, at.decay, anew=anew)
        return value(run, INSTRUMENT, "mean_entropy", SWITCH + AFTERWARDS, variant=variant)

    return read


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-26", "entropy"): _switched(),
    ("SE-26", "entropy", "moments kept"): _switched(anew=False),
    ("SE-26", "entropy", "rows of tokens"): _switched(TOKENS),
    ("SE-35", "largest"): _states("largest"),
    ("SE-35", "largest", "full strings"): _states("largest", "full strings"),
    ("SE-35", "frequency"): _states("frequency"),
    ("SE-35", "frequency", "level removed"): _states("frequency", "level removed"),
    ("SE-35", "frequency", "full strings"): _states("frequency", "full strings"),
    ("SE-35", "frequency", "brackets alone"): _states("frequency", part="embedding"),
    ("SE-36", "attention"): _heads(0, EVEN),
    ("SE-36", "attention", "rows of tokens"): _heads(0, EVEN, variant=TOKENS),
    ("SE-36", "attention", "random labels"): _heads(0, EVEN, of=random_labels),
    ("SE-37", "attention"): _heads(1, PEAKED, of=without_decay),
    ("SE-37", "attention", "initial weights"): _heads(1, PEAKED, of=without_decay, step=0),
}
