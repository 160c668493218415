"""Checks of single values, each with one clear line that names the value."""

from __future__ import annotations

import math
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
