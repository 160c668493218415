"""Chapter 6: a network along its edge, from a touch to the window's own move, and its curvature."""

from __future__ import annotations

from collections.abc import Callable

from grokbook.claims.readings.edge_phases import (
    ABLATIONS,
    Number,
    near,
    number,
    own,
    own_grok,
    published,
    value,
    without_decay,
)
from grokbook.claims.readings.place import Place, Reader
from grokbook.instruments.runs import Run

INSTRUMENT = "edge-curves"
TEST, TRAINING = "exact, test", "exact, training"
WHOLE, BY_CHANCE = "whole", "random"
LATE = ABLATIONS["late"]


def _with_decay(at: Place) -> Run:
    """At the decay of the item."""
    return at.run(at["corpus"], at.decay)


DIVERGENCE = number(INSTRUMENT, "largest_divergence", part="v1", variant="published")


def _own_move(variant: str) -> Number:
    return number(INSTRUMENT, "own_divergence", part="v1", variant=variant)


def curvature(loss: str, quantity: str = "curvature") -> Number:
    """⟨v, Hv⟩ of a loss along the cell's direction."""

    def read(at: Place, run: Run, step: int) -> float:
        return value(run, INSTRUMENT, quantity, step, part=at["direction"], variant=loss)

    return read


CHANCE = number(INSTRUMENT, "curvature", part="random", variant=TEST)
RELATIVE = "relative_curvature"

# --- SE-19: a direction of a run, ``v1 at 1.0``


def _size(direction: str) -> Number:
    return number(INSTRUMENT, "sigma", part=direction)


def _step_change(direction: str) -> Number:
    variant = "difference, float64"
    return number(INSTRUMENT, "step_loss_change", part=direction, variant=variant)


def _own_change(direction: str) -> Number:
    """As a size: that a move makes the loss smaller is a change, too."""
    read = number(INSTRUMENT, "own_loss_change", part=direction, variant=WHOLE)
    return lambda at, run, step: abs(read(at, run, step))


def _of_direction(own_phase: bool, **of: Callable[[str], Number]) -> Reader:
    """At the published late step or at the run's own; ``of`` by quantity, the item without one."""

    def read(at: Place) -> float:
        direction, _, decay = at["direction"].partition(" at ")
        number = of[at.labels.get("quantity", "move")](direction)
        run = at.run(at["corpus"], float(decay))
        return _late(at, run, number) if own_phase else number(at, run, LATE)

    return read


_VALUES = {"size": _size, "change": _step_change}


def _late(at: Place, run: Run, number: Number) -> float:
    """At the run's own late phase; of a pseudo-grok step at the nearest step of the even grid."""
    if own_grok(run) is not None:
        return near(at, run, "late", number)
    measured = run.rows(INSTRUMENT, "sigma", part="v1")["step"].to_numpy()
    return near(at, run, "late", number, among=measured)


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-16", "divergence"): published(ABLATIONS, DIVERGENCE),
    ("SE-16", "divergence", "own phases"): own(DIVERGENCE),
    ("SE-16", "own move"): published(ABLATIONS, _own_move(WHOLE), phase="late"),
    ("SE-16", "own move", "random direction"): published(
        ABLATIONS, _own_move(BY_CHANCE), phase="late"
    ),
    ("SE-17", "curvature"): published(ABLATIONS, curvature(TEST), phase="late"),
    ("SE-17", "curvature", "training loss"): published(
        ABLATIONS, curvature(TRAINING), phase="late"
    ),
    ("SE-17", "curvature", "random direction"): published(ABLATIONS, CHANCE, phase="late"),
    ("SE-18", "curvature"): published(ABLATIONS, curvature(TEST), phase="late", of=without_decay),
    ("SE-18", "curvature", "training loss"): published(
        ABLATIONS, curvature(TRAINING), phase="late", of=without_decay
    ),
    ("SE-18", "relative"): published(
        ABLATIONS, curvature(TEST, RELATIVE), phase="late", of=_with_decay
    ),
    ("SE-18", "relative", "training loss"): published(
        ABLATIONS, curvature(TRAINING, RELATIVE), phase="late", of=_with_decay
    ),
    ("SE-19", "values"): _of_direction(False, **_VALUES),
    ("SE-19", "values", "own phases"): _of_direction(True, **_VALUES),
    ("SE-19", "own move"): _of_direction(False, move=_own_change),
    ("SE-19", "own move", "own phases"): _of_direction(True, move=_own_change),
}
