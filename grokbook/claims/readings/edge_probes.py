"""Chapter 6: what probes read of depth, raw and standardised, with decay, without it and switched.

Published probes have raw features, a fixed penalty and a split over tokens; the control has
features in units of their spread, a tuned penalty, and no prefix on both sides.
"""

from __future__ import annotations

from grokbook.claims.readings.edge_phases import value
from grokbook.claims.readings.lifecycle import switched
from grokbook.claims.readings.place import Place, Reader
from grokbook.instruments.runs import Run
from grokbook.studies.lifecycle import AFTERWARDS, SWITCHED

LAST, BEHIND = "layer 1", "norm"
"""The last of two layers, and what its LayerNorm makes of it."""
RAW, TUNED = "raw, token", "standardised, prefix"
BY_STRING = "standardised, string"
LATE = 5_000
INPUTS = {
    "composed": "composed to depth",
    "depth": "states to depth",
    "running sum": "states to depth",
    "token": "states to token",
}
"""Target of SE-38 ↦ part; the running sum of brackets is the depth itself."""


def r2(run: Run, step: int, kind: str, variant: str, part: str = LAST) -> float:
    """R² of depth on held-out tokens.

    Raises:
        Missing: if it was not measured.
    """
    return value(run, "probes", kind, step, part=part, variant=variant)


def _at_step(kind: str, variant: str, decay: float = 1.0) -> Reader:
    """At the step of the cell."""
    return lambda at: r2(at.run(at["corpus"], decay), int(at["step"]), kind, variant)


def _switched(switch: int, variant: str, *, anew: bool = True) -> Reader:
    """`AFTERWARDS` steps after the switch, on the 300 strings of every probe, not on 200."""

    def read(at: Place) -> float:
        run = switched(at, at.decay, anew=anew, step=switch)
        return r2(run, switch + AFTERWARDS, "linear", variant)

    return read


def _read(variant: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["corpus"], at.decay)
        return r2(run, LATE, "composed", variant, INPUTS[at["target"]])

    return read


# --- geometry of the depths


def _first_axis(part: str) -> Reader:
    """In %."""

    def read(at: Place) -> float:
        return 100 * value(at.run("dyck", at.decay), "probes", "axis", LATE, part=part, at=1)

    return read


def _inside(at: Place) -> float:
    return value(at.run("dyck", at.decay), "probes", "inside", LATE, part=LAST)


def _outside(at: Place) -> float:
    """Of the same 500 strings."""
    return r2(at.run("dyck", at.decay), LATE, "composed", TUNED, INPUTS["depth"])


def _over(quantity: str) -> Reader:
    """At λ = 0 over that at λ = 1 of the same seed."""

    def read(at: Place) -> float:
        without, decayed = (
            value(at.run("dyck", decay), "probes", quantity, LATE, part=LAST)
            for decay in (0.0, 1.0)
        )
        return without / decayed

    return read


_DISTANCE = _over("distance")
_GEOMETRY = {"first axis": _first_axis(LAST), "R²": _inside, "distance": _DISTANCE}

READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-20", "linear"): _at_step("linear", RAW),
    ("SE-20", "linear", "standardised"): _at_step("linear", TUNED),
    ("SE-20", "linear", "no penalty"): _at_step("ols", TUNED),
    ("SE-20", "linear", "without decay"): _at_step("linear", RAW, 0.0),
    ("SE-21", "mlp"): _at_step("mlp", RAW),
    ("SE-21", "mlp", "by prefix"): _at_step("mlp", TUNED),
    ("SE-21", "mlp", "linear"): _at_step("linear", TUNED),
    ("SE-22", "quadratic"): _at_step("quadratic", RAW),
    ("SE-22", "quadratic", "tuned"): _at_step("quadratic", TUNED),
    ("SE-22", "quadratic", "by string"): _at_step("quadratic", BY_STRING),
    ("SE-23", "linear"): _at_step("linear", RAW, 0.0),
    ("SE-23", "linear", "standardised"): _at_step("linear", TUNED, 0.0),
    ("SE-23", "linear", "initial weights"): lambda at: r2(
        at.run(at["corpus"], 0.0), 0, "linear", RAW
    ),
    ("SE-24", "linear"): _switched(SWITCHED[1], RAW),
    ("SE-24", "linear", "moments kept"): _switched(SWITCHED[1], RAW, anew=False),
    ("SE-24", "linear", "standardised"): _switched(SWITCHED[1], TUNED),
    ("SE-28", "linear"): _switched(SWITCHED[0], RAW),
    ("SE-28", "linear", "moments kept"): _switched(SWITCHED[0], RAW, anew=False),
    ("SE-28", "linear", "standardised"): _switched(SWITCHED[0], TUNED),
    ("SE-38", "read"): _read(RAW),
    ("SE-38", "read", "standardised"): _read(TUNED),
    ("SE-39", "geometry"): lambda at: _GEOMETRY[at["quantity"]](at),
    ("SE-39", "geometry", "normalised"): _first_axis(BEHIND),
    ("SE-39", "geometry", "standardised"): _outside,
    ("SE-39", "geometry", "in units of the spread"): _over("separation"),
}
