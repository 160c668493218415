"""What was found out about claims after their criteria had been written down, as data.

A criterion is never changed by what was measured.  What a measurement taught about the criterion is
said beside the verdict instead, so that a reader knows what the verdict is worth.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LIST = "by construction"


@cache
def _read() -> dict[str, Any]:
    text = (files("grokbook.claims") / "remarks.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@cache
def remarks() -> dict[str, str]:
    """Claim's id ↦ remark, in one line of text."""
    return {name: " ".join(said.split()) for name, said in _read().items() if name != _LIST}


def by_construction() -> frozenset[str]:
    """Ids of claims of which a control could not have come out otherwise."""
    return frozenset(_read()[_LIST])


def remark(name: str) -> str:
    """On one claim; empty where there is none.

    >>> remark("MT-02")
    ''
    """
    return remarks().get(name, "")
