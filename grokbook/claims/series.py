"""What the judges are given: one number a run, by cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import fmean

Runs = Mapping[str, float | None]
Series = Mapping[str, Runs]
"""Cell ↦ run ↦ number; None: cut off by the budget, NaN: undefined.  A run is named by its seed,
and by what follows after a comma where there are several of one."""


def seeds_of(*runs: Iterable[str]) -> int:
    """Of how many seeds some runs are.

    >>> seeds_of(["42", "137"], ["42, 0.1"])
    2
    """
    return len({name.partition(",")[0] for names in runs for name in names})


def by_seed(runs: Mapping[str, float]) -> dict[str, float]:
    """Seed ↦ the mean of its runs."""
    found: dict[str, list[float]] = {}
    for name, value in runs.items():
        found.setdefault(name.partition(",")[0], []).append(value)
    return {seed: fmean(values) for seed, values in found.items()}


def split(runs: Runs) -> tuple[dict[str, float], list[str]]:
    """The numbers by run, and what to say of runs that have none."""
    cut = sum(value is None for value in runs.values())
    values = {r: float(v) for r, v in runs.items() if v is not None and not math.isnan(v)}
    undefined = len(runs) - cut - len(values)
    said = (("cut off", cut), ("undefined", undefined))
    return values, [f"{number} of {len(runs)} {what}" for what, number in said if number]
