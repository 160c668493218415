"""The claims registry: published statements and numbers, read from data files, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from grokbook.events import RULES

KINDS = ("exact", "count", "magnitude", "ordering", "absence")
_FIELDS = {"id", "paper", "where", "kind", "statement", "n", "published", "test"}


@dataclass(frozen=True)
class Claim:
    """One claim of one paper.

    Attributes:
        id: ``MT-02`` and the like.
        paper: arXiv number.
        where: table, figure or section.
        kind: one of `KINDS`; says which judge it will have.
        statement: in our words.
        n: independent runs behind the published number.
        published: the numbers, with their unit, grok rule and setting.
        test: what will decide, set before the runs that it judges.
    """

    id: str
    paper: str
    where: str
    kind: str
    statement: str
    n: int
    published: dict[str, Any]
    test: str

    def at(self, weight_decay: float) -> dict[str, Any]:
        """Published values at one weight decay; empty if there are none."""
        return self.published.get("values", {}).get(weight_decay, {})


def parse(text: str) -> dict[str, Claim]:
    """Claims by id from YAML.

    Raises:
        ValueError: naming the entry that has an unknown or missing field, an unknown kind or grok
            rule, or an id that was used before.
    """
    claims: dict[str, Claim] = {}
    for entry in yaml.safe_load(text):
        name = entry.get("id", "an entry without id")
        if set(entry) != _FIELDS:
            odd = ", ".join(sorted(set(entry) ^ _FIELDS))
            raise ValueError(f"claim {name}: unknown or missing field: {odd}")
        if entry["kind"] not in KINDS:
            raise ValueError(f"claim {name}: unknown kind {entry['kind']!r}")
        rule = entry["published"].get("rule") if entry["published"] else None
        if rule is not None and rule not in RULES:
            raise ValueError(f"claim {name}: unknown grok rule {rule!r}; rules: {', '.join(RULES)}")
        if name in claims:
            raise ValueError(f"claim {name} is there twice")
        claims[name] = Claim(**entry)
    return claims


@cache
def claims(paper: str = "multitask") -> dict[str, Claim]:
    """All claims of a paper, in the order of their ids.

    >>> claims()["MT-05"].at(1.0)["seeds"][137]
    400
    """
    return parse((files("grokbook.claims") / f"{paper}.yaml").read_text(encoding="utf-8"))
