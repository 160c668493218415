"""Checks of single values, each with one clear line that names the value."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


class ConfigError(ValueError):
    """A setting that no run can have; the message is one line and names the value."""


def number(
    name: str,
    value: Any,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """A finite real number within bounds, as a float.

    Raises:
        ConfigError: for anything else, booleans and NaN included.

    >>> number("weight decay", 1, low=0)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, not {value!r}")
    if value < low or value > high or (open_low and value == low) or (open_high and value == high):
        bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise ConfigError(f"{name} must lie in {bounds}, not {value!r}")
    return float(value) + 0.0  # minus zero is zero


def integer(name: str, value: Any, *, low: int, high: int | None = None) -> int:
    """An integer within bounds, as an int; NumPy's integers will do.

    Raises:
        ConfigError: for anything else, booleans included.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ConfigError(f"{name} must be an integer, not {value!r}")
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ConfigError(f"{name} must be {limit}, not {value!r}")
    return int(value)


DEVICES = ("cpu", "cuda")
"""Where runs can be trained."""


def device(name: str) -> str:
    """A device by its name; whether this machine has it is for `prepare_device` to say.

    Raises:
        ConfigError: if there is none of that name.

    >>> device("cpu")
    'cpu'
    """
    if name not in DEVICES:
        raise ConfigError(f"unknown device {name!r}; known: {', '.join(DEVICES)}")
    return name


def suggest(name: str, known: Iterable[str]) -> str:
    """What might have been meant by a name that is not known; all that are, if nothing is near.

    Near are names that have a word in common with it, prefixes such as ``plan.`` left out, and
    names that are spelt nearly so.

    >>> suggest("modulos", ("modulus", "width", "plan.steps"))
    'did you mean modulus?'
    >>> suggest("steps", ("modulus", "width", "plan.steps"))
    'did you mean plan.steps?'
    >>> suggest("colour", ("modulus", "width", "plan.steps"))
    'known: modulus, width, plan.steps'
    """
    known, plain = list(known), name.rpartition(".")[2].lower()
    inner = {full: full.rpartition(".")[2] for full in known}
    spelt = difflib.get_close_matches(plain, inner.values(), n=3, cutoff=0.7)
    near = [full for word in dict.fromkeys(spelt) for full in known if inner[full] == word]
    near = near or [full for full in known if plain in inner[full].split("_")]
    return f"did you mean {' or '.join(near[:3])}?" if near else f"known: {', '.join(known)}"


_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_size(text: str) -> int:
    """Bytes from a number and a decimal unit, in any case.

    Raises:
        ConfigError: for anything else, and for sizes below one byte.

    >>> parse_size("60MB"), parse_size("1.5GB"), parse_size("800kB")
    (60000000, 1500000000, 800000)
    """
    found = re.fullmatch(r"(\d+|\d*\.\d+) ?([kmg]?b)", text.strip(), re.ASCII | re.IGNORECASE)
    factors = {unit.lower(): factor for unit, factor in _UNITS.items()}
    size = round(float(found[1]) * factors[found[2].lower()]) if found else 0
    if size < 1:
        raise ConfigError(f"a size is a number and a unit, as 800kB, 60MB or 1.5GB, not {text!r}")
    return size
