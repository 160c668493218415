"""What the controls of a claim say: whether it stands, falls, or waits for runs of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType

from grokbook.claims.criteria import LEAST, REFUTES
from grokbook.claims.findings import FAILS, HOLDS, NONE, OPEN, Finding
from grokbook.claims.numbers import seeds

_STATES = ("falls", "partly", "missing", "stands")
"""What a control does, the worst for the claim first."""


def worst(states: Iterable[str]) -> str:
    """Of the states of several controls that of the claim; ``missing`` where there is none."""
    return min(states, key=_STATES.index, default="missing")


def together(states: Sequence[str]) -> str:
    """Of the states of one control in several cells that of the control.

    It kills the claim if it does so in more than half of them; in fewer, a part of it.

    >>> together(["falls", "stands"]), together(["falls", "falls", "missing"]), together([])
    ('partly', 'falls', 'missing')
    """
    falls = states.count("falls")
    if 0 < 2 * falls <= len(states):
        return "partly"
    return worst(states)


def states_of(
    name: str,
    expected: str,
    found: Sequence[Finding],
    checked: Sequence[Finding],
    short: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[str], list[tuple[str, str]]]:
    """Does a control come out as it must, cell by cell of those that were run?

    Args:
        name: of the control.
        expected: `HOLDS` if the claim must hold under it too, else `FAILS`.
        found: the claim's own cells.
        checked: the same cells under the control.
        short: cell ↦ what it asks for under the control that some seeds do not have.

    Returns:
        ``falls`` where it comes out otherwise, on `REFUTES` seeds or more and no less surely than
        the claim; ``missing`` where it has too few or is undecided, else ``stands``; and what is to
        be said, as (cell, text).

    Raises:
        ValueError: if the cells are not the same number.
    """
    states, remarks = [], []
    for ours, its in zip(found, checked, strict=True):
        if ours.outcome == NONE:
            continue
        here = {"stands"}
        # Pooled cells that the claim was judged without do not disarm its control.
        told_by = its.fewest if its.fewest < ours.fewest else its.n
        if its.outcome == NONE or told_by < LEAST:
            here.add("missing")
            cell = "a cell with " * (told_by < its.n)
            told = len(found) == 1 and isfinite(its.value)  # of many cells it would be a list
            saw = f", {its.value:.3g} in what there is" if told else ""
            said = [f"has {cell}{seeds(told_by)}{saw}"]
            if asks := short.get(its.cell):  # its runs are there, so it has not no seeds
                said = [*(said if told_by else ()), asks]
            remarks.append((its.name, f"control {name!r} {', and '.join(said)}"))
        elif its.outcome == OPEN:  # what is undecided refutes nothing, and confirms nothing
            here.add("missing")
            remarks.append((its.name, f"control {name!r} is undecided"))
        if its.outcome in (HOLDS, FAILS) and (its.outcome == HOLDS) != (expected == HOLDS):
            said = "holds too" if its.outcome == HOLDS else "does not hold"
            if told_by < REFUTES:
                here.add("missing")
                said += f" on {seeds(told_by)}, too few to kill"
            elif ours.sure and not its.sure:
                here.add("missing")
                said += ", less surely than the claim"
            else:
                here.add("falls")
            remarks.append((its.name, f"with control {name!r} it {said}"))
        states.append(worst(here))
    return states, remarks
