"""What the controls of a claim say: whether it stands, falls, or waits for runs of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from grokbook.claims.criteria import LEAST, REFUTES
from grokbook.claims.findings import FAILS, HOLDS, NONE, OPEN, Finding

_STATES = ("falls", "missing", "stands")
"""What a control does, the worst for the claim first."""


def worst(states: Iterable[str]) -> str:
    """Of several states that of the whole; ``missing`` where nothing was looked at."""
    return min(states, key=_STATES.index, default="missing")


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"


def state_of(
    name: str, expected: str, found: Sequence[Finding], checked: Sequence[Finding]
) -> tuple[str, list[tuple[str, str]]]:
    """Does a control come out as it must, in every cell that was run?

    Args:
        name: of the control.
        expected: `HOLDS` if the claim must hold under it too, else `FAILS`.
        found: the claim's own cells.
        checked: the same cells under the control.

    Returns:
        ``falls`` where one comes out otherwise on `REFUTES` seeds or more, ``missing`` where one
        has too few or is undecided, else ``stands``; and what is to be said, as (cell, text).

    Raises:
        ValueError: if the cells are not the same number.
    """
    states, remarks = set[str](), []
    for ours, its in zip(found, checked, strict=True):
        if ours.outcome == NONE:
            continue
        if its.outcome == NONE or its.fewest < LEAST:
            states.add("missing")
            cell = "a cell with " * (its.fewest < its.n)
            told = len(found) == 1 and isfinite(its.value)  # of many cells it would be a list
            saw = f", {its.value:.3g} in what there is" if told else ""
            remarks.append((its.name, f"control {name!r} has {cell}{_seeds(its.fewest)}{saw}"))
        elif its.outcome == OPEN:  # what is undecided refutes nothing, and confirms nothing
            states.add("missing")
            remarks.append((its.name, f"control {name!r} is undecided"))
        if its.outcome in (HOLDS, FAILS) and (its.outcome == HOLDS) != (expected == HOLDS):
            states.add("falls" if its.fewest >= REFUTES else "missing")
            said = "holds too" if its.outcome == HOLDS else "does not hold"
            few = f" on {_seeds(its.fewest)}, too few to kill" if its.fewest < REFUTES else ""
            remarks.append((its.name, f"with control {name!r} it {said}{few}"))
        states.add("stands")
    return worst(states), remarks
