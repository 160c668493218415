"""What decides a claim, as data: five kinds of criterion, written down before the runs.

A criterion looks at one *series*: one number a run, sorted into *cells* (a weight decay, a task, a
layer, joined by ``/``).  The number is None where the run was cut off by its budget before the
thing happened, and NaN where the measurement is undefined.

    exact      every run gives the published number
    count      the share of runs in which a number lies beyond a bound
    magnitude  the mean over seeds lies near the published number, or in a region
    ordering   items (tasks, settings, decays) stand in an order, within runs or between groups
    absence    the whole interval of the mean lies near zero

A *control* is the same series measured so that the claim could die: by a stricter protocol, where
the criterion must hold too (``holds``), or on a null, which must not meet it (``fails``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

LEAST = 4
"""Three seeds never make a reproduction."""

REFUTES = 3
"""Seeds with which a claim may hold, and a control kill it: as many as were published."""

EXPECTATIONS = ("holds", "fails")


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What all kinds have.

    Attributes:
        series: what one run gives; the claim's protocol says how it is measured.
        by: what the parts of a cell's name are.
        cells: those that are judged; by default all that have a published number.
        least_seeds: seeds that every cell needs for a full verdict; with fewer the mean or the
            count at hand decides, and the verdict is capped.
        control: name of a control ↦ ``holds`` or ``fails``.
        called: what a reader calls this part of the test; by default its series.

    Raises:
        ValueError: naming what is wrong.
    """

    series: str
    by: tuple[str, ...]
    cells: tuple[str, ...] = ()
    least_seeds: int = 8
    called: str = ""
    control: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("by", "cells"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise ValueError(f"{name} must be a list, not {value!r}")
            object.__setattr__(self, name, tuple(map(str, value)))
        for cell in self.cells:
            if len(cell.split("/")) != len(self.by):
                raise ValueError(f"cell {cell!r} is not of the form {'/'.join(self.by)!r}")
        least = self.least_seeds
        if isinstance(least, bool) or not isinstance(least, int) or least < LEAST:
            raise ValueError(f"least_seeds must be an integer of at least {LEAST}, not {least!r}")
        for name, expected in self.control.items():
            if expected not in EXPECTATIONS:
                raise ValueError(f"control {name!r} must be holds or fails, not {expected!r}")


@dataclass(frozen=True, kw_only=True)
class Exact(Criterion):
    """Every run gives the published number, to the digit: for what no seed changes."""


@dataclass(frozen=True, kw_only=True)
class _Share(Criterion):
    """In which share of runs something is so.

    Attributes:
        at_least, at_most: the share that is needed; exactly one of the two.
        chance: of a single run to be so by luck; with it the count must also be one that chance
            reaches with a probability of at most 5 % (exact binomial; of seeds, where there are
            fewer than runs).
        pool: count the runs of all cells together.
    """

    at_least: float | None = None
    at_most: float | None = None
    chance: float | None = None
    pool: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give one of at_least and at_most")
        for name in ("at_least", "at_most", "chance"):
            value = getattr(self, name)
            if value is not None and not (_number(value) and 0 <= value <= 1):
                raise ValueError(f"{name} must lie in [0, 1], not {value!r}")
        if self.chance is not None and self.at_least is None:
            raise ValueError("chance goes with at_least")


@dataclass(frozen=True, kw_only=True)
class Count(_Share):
    """The share of runs with ``above`` < number < ``below``.

    A run that was cut off, or whose number is undefined, does not count as one of them.
    """

    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.above is None and self.below is None:
            raise ValueError("give above or below")
        for name in ("above", "below"):
            value = getattr(self, name)
            if value is not None and not _number(value):
                raise ValueError(f"{name} must be a number, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class Magnitude(Criterion):
    """The mean over seeds lies in a region; exactly one of the four ways to give it.

    Attributes:
        relative: ± this share of the published number.
        absolute: ± this much.
        factor: the geometric mean lies within this factor.
        between: from, to; null is open.  It needs no published number.
        whole_interval: the 95 % interval must lie in the region, not the mean alone.
    """

    relative: float | None = None
    absolute: float | None = None
    factor: float | None = None
    between: tuple[float | None, float | None] | None = None
    whole_interval: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        ways = ("relative", "absolute", "factor", "between")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(ways)}; given: {', '.join(given) or 'none'}")
        if self.between is None:
            value, least = getattr(self, given[0]), 1 if given[0] == "factor" else 0
            if not _number(value) or value <= least:
                raise ValueError(f"{given[0]} must be above {least}, not {value!r}")
        else:
            ends = tuple(self.between)
            if len(ends) != 2 or not (self._low(ends) < self._high(ends)):
                raise ValueError(f"between must be two ascending ends, not {self.between!r}")
            object.__setattr__(self, "between", ends)

    def region(self, target: float | None) -> tuple[float, float]:
        """From where to where the mean may lie, ends included.

        >>> Magnitude(series="s", by=("λ",), relative=0.25).region(-40.0)
        (-50.0, -30.0)
        """
        if self.between is not None:
            return self._low(self.between), self._high(self.between)
        if self.factor is not None:
            return target / self.factor, target * self.factor
        reach = self.absolute if self.relative is None else self.relative * abs(target)
        return target - reach, target + reach

    @staticmethod
    def _low(ends: Sequence[float | None]) -> float:
        return -math.inf if ends[0] is None else float(ends[0])

    @staticmethod
    def _high(ends: Sequence[float | None]) -> float:
        return math.inf if ends[1] is None else float(ends[1])


@dataclass(frozen=True, kw_only=True)
class Ordering(_Share):
    """Items stand in an order; the cells of the series are ``cell/item``.

    Within runs: the share of runs in which they do.  A run that was cut off comes after all that
    were not; one in which every item was is left out.  Between groups: each mean lies above the one
    before it, with the 95 % interval of the difference above 0, paired where both groups have the
    same runs.

    Attributes:
        order: items, from the lowest number to the highest.
        compare: ``runs`` or ``groups``.
        first: only the first item against each of the others.
        ties: equal numbers do no harm; within runs only.
    """

    order: tuple[str, ...]
    compare: str
    first: bool = False
    ties: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(map(str, self.order)))
        if not self.cells:
            raise ValueError("an ordering needs cells")
        if len(self.order) < 2 or len(set(self.order)) < len(self.order):
            raise ValueError(f"an order has two items or more, each once, not {self.order!r}")
        if self.compare not in ("runs", "groups"):
            raise ValueError(f"compare must be runs or groups, not {self.compare!r}")
        if self.compare == "runs":
            super().__post_init__()
        else:
            Criterion.__post_init__(self)
            odd = [n for n in ("at_least", "at_most", "chance") if getattr(self, n) is not None]
            if odd or self.ties:
                raise ValueError(f"{(odd or ['ties'])[0]} is for an order within runs")

    def pairs(self) -> list[tuple[str, str]]:
        """Lower and higher item of every comparison.

        >>> order = {"order": ("a", "b", "c"), "compare": "groups"}
        >>> Ordering(series="s", by=("λ",), cells=("1.0",), **order).pairs()
        [('a', 'b'), ('b', 'c')]
        """
        lower = [self.order[0]] * (len(self.order) - 1) if self.first else self.order[:-1]
        return list(zip(lower, self.order[1:], strict=True))


@dataclass(frozen=True, kw_only=True)
class Absence(Criterion):
    """The whole 95 % interval of the mean lies between ``−below`` and ``below``.

    A mean near zero is not yet an absence: a wide interval leaves room for what is said not to be.
    """

    below: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _number(self.below) or self.below <= 0:
            raise ValueError(f"below must be above 0, not {self.below!r}")


KINDS: dict[str, type[Criterion]] = {
    "exact": Exact,
    "count": Count,
    "magnitude": Magnitude,
    "ordering": Ordering,
    "absence": Absence,
}
"""Criteria by the name of their kind."""


def criterion(kind: str, values: Mapping[str, Any]) -> Criterion:
    """A criterion from its fields.

    Raises:
        ValueError: naming an unknown kind, an unknown or missing field, or a value that is wrong.

    >>> criterion("absence", {"series": "rho", "by": ["setting"], "below": 0.001}).below
    0.001
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; kinds: {', '.join(KINDS)}")
    known = {f.name: f for f in fields(KINDS[kind])}
    for name in values:
        if name not in known:
            raise ValueError(f"{kind} has no field {name!r}; known: {', '.join(known)}")
    for name, f in known.items():
        if name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{kind} needs {name}")
    return KINDS[kind](**values)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
