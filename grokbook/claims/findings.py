"""What a judge finds in one cell of a claim, and what the cell is called.

A cell is named in the registry by its parts, joined by ``/``; a reader is told what a bare number
among them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

HOLDS, FAILS, OPEN, NONE = "holds", "fails", "open", "not run"
MEAN, GEOMETRIC, SHARE, DIFFERENCE = "mean", "geometric mean", "share", "difference"


@dataclass(frozen=True)
class Finding:
    """What a judge finds in one cell.

    Attributes:
        cell: its name; of an order between groups also the pair, of a pooled share ``all``.
        value: mean, geometric mean, share or difference; NaN without a number.
        low, high: its 95 % interval, infinite for one run; of ``exact`` the range of the runs.
        n: seeds behind it.
        fewest: seeds in the smallest of the cells or groups behind it.
        outcome: ``holds``, ``fails``, ``open`` (it fails with fewer seeds than agreed, and more
            could turn it) or ``not run``.
        caveats: why it is less than it seems.
        of: what the value is: ``mean`` or ``geometric mean`` of the series' numbers, ``share`` of
            the runs, or ``difference`` of two means.
        compared: is it of the quantity that was published, so that both can stand side by side?
        series: that the cell is of, where a claim has several; empty where there is one.
        by: what the parts of the cell's name are, as its criterion says.
        sure: does the interval, where there is one, say of the outcome what the value says?
        called: what a reader calls the part of the test, where it is not its series.
        least: seeds that its part of the criterion asks for.
    """

    cell: str
    value: float
    low: float
    high: float
    n: int
    fewest: int
    outcome: str
    caveats: tuple[str, ...] = ()
    of: str = MEAN
    compared: bool = False
    series: str = ""
    by: tuple[str, ...] = ()
    sure: bool = True
    called: str = ""
    least: int = 0

    @property
    def told(self) -> str:
        """The outcome, for a reader of a single line."""
        return self.outcome if self.sure else f"{self.outcome}, its interval leaves it open"

    @property
    def name(self) -> str:
        """The cell, after its series where a claim has several."""
        return named(self.called or self.series, self.cell, self.by)


def named(series: str, cell: str, by: Sequence[str] = ()) -> str:
    """A cell after its series, for a reader.

    >>> named("flip over grok", "dyck"), named("", "dyck"), named("grokked", "all")
    ('flip over grok · dyck', 'dyck', 'grokked')
    >>> named("", "dual/1.0", ["setting", "weight decay"])
    'dual λ = 1'
    >>> named("", "dual: 0.5 < 1.0", ["setting", "weight decay"])
    'dual: λ = 0.5 < 1'
    """
    place, _, pair = cell.partition(": ")
    parts = place.split("/")
    said = " ".join(_part(*each) for each in zip_longest(parts, by[: len(parts)], fillvalue=""))
    if pair:
        lower, higher = pair.split(" < ")
        what = by[len(parts)] if len(by) > len(parts) else ""
        said += f": {_part(lower, what)} < {_part(higher, '')}"
    return " · ".join(part for part in (series, said) if part and (part != "all" or not series))


def _part(part: str, what: str) -> str:
    """A part of a cell's name; a bare number says what it is."""
    try:
        number = f"{float(part):g}"
    except ValueError:
        return part
    if what == "weight decay":
        return f"λ = {number}"
    return f"{what} {number}".strip()
