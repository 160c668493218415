"""The unit of every statistic: one value a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

Values = Sequence[float] | Mapping[str, float] | pd.Series
"""One value a run, in a row or by the run's name."""

FEW = 8
"""Below so many runs, intervals and tests come with a caution."""


def distinct(runs: Iterable[str]) -> list[str]:
    """The runs' names, if each is there once.

    Raises:
        ValueError: naming a run that is there more often.
    """
    names = list(runs)
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"run {name} is there {count} times; a run is the unit, not a row")
    return names


def finite(values: Values, what: str, *, least: int = 1) -> np.ndarray:
    """(n,) float64, one a run.

    Args:
        values: in a row, or by run.
        what: is done with them, for the message.
        least: runs needed.

    Raises:
        ValueError: if there are too few, one is not finite, or a run is there twice.
    """
    if isinstance(values, pd.Series):
        distinct(values.index)
    given = list(values.values()) if isinstance(values, Mapping) else list(values)
    x = np.asarray(given, dtype=float)
    if x.ndim != 1 or x.size < least or not np.isfinite(x).all():
        some = "" if least == 1 else f"{least} "
        raise ValueError(f"{what} needs {some}finite values, got {given!r}")
    return x


def paired(x: Values, y: Values, what: str, *, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two values a run, matched by name where both have names.

    Raises:
        ValueError: as `finite`, or if the runs of x are not those of y.
    """
    a, b = finite(x, what, least=least), finite(y, what, least=least)
    names = [names_of(x), names_of(y)]
    if None not in names:
        if set(names[0]) != set(names[1]):
            odd = sorted(map(str, set(names[0]) ^ set(names[1])))
            raise ValueError(f"{what} needs both values of every run; {odd[0]} has one")
        place = {name: k for k, name in enumerate(names[1])}
        b = b[[place[name] for name in names[0]]]
    if a.size != b.size:
        raise ValueError(f"{what} needs pairs, not {a.size} and {b.size} values")
    return a, b


def names_of(values: Values) -> list[str] | None:
    """The runs' names; None of values in a row, which have none."""
    if isinstance(values, pd.Series):
        return list(values.index)
    return list(values) if isinstance(values, Mapping) else None


def caution(n: int) -> str:
    """What a reader must be told of so few runs; empty if nothing.

    >>> caution(1), caution(3), caution(8)
    ('one run: no interval', 'only 3 runs', '')
    """
    if n == 1:
        return "one run: no interval"
    return f"only {n} runs" if n < FEW else ""


def fraction(name: str, value: float) -> float:
    """A number strictly between 0 and 1.

    Raises:
        ValueError: for anything else.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value!r}")
    return float(value)
