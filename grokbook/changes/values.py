"""Records from what a person or a file gives: texts, fields, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from grokbook.checks import ConfigError

LATEST = 10**9
"""Steps that no run reaches."""


def is_sha256(text: Any) -> bool:
    """Is this 64 hexadecimal digits, in small letters?"""
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) is not None


def read_value(text: str) -> int | float | str:
    """A number where the text is one, else the text.

    >>> [read_value(text) for text in ("3", "3e-1", "three")]
    [3, 0.3, 'three']
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def short(value: Any) -> str:
    """A number without a trailing .0, every digit that matters kept.

    >>> short(2.0), short(0.1)
    ('2', '0.1')
    """
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def as_record(kind: type, name: str, value: Any) -> Any:
    """A record from itself, its text or its fields.

    Raises:
        ConfigError: if it is none of these.
    """
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        return kind.parse(value)
    if isinstance(value, Mapping):
        return made(kind, name, value)
    raise ConfigError(f"{name} must be given by its fields, not {value!r}")


def made(kind: type, name: str, values: Mapping[str, Any]) -> Any:
    """A record from its fields.

    Raises:
        ConfigError: naming a field that there is not, or that is missing.
    """
    known = {f.name: f.default is MISSING for f in fields(kind)}
    for given in values:
        if given not in known:
            raise ConfigError(f"{name}: no field {given!r}; known: {', '.join(known)}")
    missing = [field for field, needed in known.items() if needed and field not in values]
    if missing:
        raise ConfigError(f"{name}: {missing[0]} is missing")
    return kind(**values)
