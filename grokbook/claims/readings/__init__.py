"""How a claim's series are read off what was recorded: one number a cell and seed.

The criterion of a claim is data, and so is what the criterion looks at, in words (``protocol`` and
``control`` in the registry).  Here the words are carried out, subject by subject; a test compares
the two lists.  A reading decides nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from grokbook.claims.criteria import Criterion
from grokbook.claims.numbers import listed, seeds
from grokbook.claims.readings import (
    curvature,
    edge_ablation,
    edge_curves,
    edge_flow,
    edge_functional,
    edge_gap,
    edge_movement,
    edge_positional,
    edge_probes,
    edge_turning,
    incompressibility,
    integrability,
    leads,
    lifecycle,
    overview,
    paths,
    phase_structure,
    shared,
    staggered_order,
    transverse_fragility,
)
from grokbook.claims.readings.place import Place, Reader, Value
from grokbook.claims.registry import Claim
from grokbook.claims.shelf import NotedShelf, Shelf
from grokbook.claims.verdicts import Evidence
from grokbook.instruments.runs import Missing, Run, TooFew

_SUBJECTS = (
    staggered_order,
    paths,
    integrability,
    phase_structure,
    curvature,
    leads,
    incompressibility,
    transverse_fragility,
    shared,
    overview,
    lifecycle,
    edge_movement,
    edge_gap,
    edge_ablation,
    edge_curves,
    edge_probes,
    edge_turning,
    edge_functional,
    edge_positional,
    edge_flow,
)

READINGS: dict[tuple[str, ...], Reader] = {
    name: reader for subject in _SUBJECTS for name, reader in subject.READINGS.items()
}
"""(claim, series) or (claim, series, control) ↦ how it is read."""


@dataclass(frozen=True)
class Gathered:
    """What is recorded of a claim.

    Attributes:
        evidence: by series.
        runs: that a number of it was read off, each once.
    """

    evidence: dict[str, Evidence]
    runs: tuple[Run, ...]


def unread(claim: Claim) -> tuple[str, ...]:
    """Series of a claim that nothing can read yet, or of which a control cannot be read.

    >>> from grokbook.claims.registry import claims
    >>> unread(claims()["MT-02"])
    ()
    """
    named = [(part.series, *name) for part in claim.criterion for name in ((), *zip(part.control))]
    return tuple(dict.fromkeys(n[0] for n in named if (claim.id, *n) not in READINGS))


def gather(claim: Claim, shelf: Shelf) -> Gathered:
    """What is recorded of every series of a claim and of its controls.

    Args:
        claim: of the registry.
        shelf: recorded runs and measurements; what is missing, or is `unread`, is left out.

    Raises:
        StoreError: if a recorded file is damaged.
    """
    found, runs = {}, dict[str, Run]()
    for series in claim.protocol:
        parts = [part for part in claim.criterion if part.series == series]
        controls, short = {}, {}
        for name in dict.fromkeys(name for part in parts for name in part.control):
            labels = _labels(claim, [part for part in parts if name in part.control])
            reader = READINGS.get((claim.id, series, name))
            controls[name], short[name] = _read(reader, labels, shelf, runs)
        ours, _ = _read(READINGS.get((claim.id, series)), _labels(claim, parts), shelf, runs)
        found[series] = Evidence(ours, controls, short)
    return Gathered(found, tuple(runs.values()))


def _labels(claim: Claim, parts: list[Criterion]) -> dict[str, dict[str, str]]:
    """Every cell with what its name says."""
    found = {}
    for part in parts:
        for cell in claim.places(part):
            found[cell] = dict(zip((*part.by, "item"), cell.split("/"), strict=False))
    return found


def _read(
    reader: Reader | None, cells: dict[str, dict[str, str]], shelf: Shelf, runs: dict[str, Run]
) -> tuple[dict[str, dict[str, Value]], dict[str, str]]:
    """Cell ↦ run ↦ number, and cell ↦ what is there of it that makes no number yet."""
    found: dict[str, dict[str, Value]] = {}
    short: dict[str, Counter[tuple[str, str]]] = {}
    for cell, labels in cells.items() if reader else ():
        for seed in shelf.seeds:
            noted = NotedShelf(shelf)
            try:
                value = reader(Place(labels, seed, noted))
            except TooFew as few:
                short.setdefault(cell, Counter())[few.what, few.there] += 1
                continue
            except Missing:
                continue
            runs.update(noted.handed)
            several = value if isinstance(value, dict) else {"": value}
            for suffix, number in several.items():
                found.setdefault(cell, {})[f"{seed}{suffix}"] = number
    return found, {cell: _asks(counted) for cell, counted in short.items()}


def _asks(counted: Counter[tuple[str, str]]) -> str:
    """What a number asks for that some seeds do not have.

    >>> _asks(Counter({("doses", "3 and 7 %"): 1, ("doses", "7 %"): 2}))
    'asks for more doses: so far 1 seed at 3 and 7 %, 2 seeds at 7 %'
    """
    what = listed([*dict.fromkeys(what for what, _ in counted)])
    there = ", ".join(f"{seeds(n)} at {there}" for (_, there), n in counted.items())
    return f"asks for more {what}: so far {there}"
