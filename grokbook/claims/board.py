"""The scoreboard: every claim with its verdict, what it rests on and what it still needs.

for row in board(): print(row.claim.id, row.judgement.verdict)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grokbook.claims.findings import DIFFERENCE, SHARE, Finding
from grokbook.claims.judgements import STANDINGS, VERDICTS, Judgement
from grokbook.claims.readings import gather, unread
from grokbook.claims.registry import Claim, every
from grokbook.claims.remarks import remark
from grokbook.claims.shelf import Shelf
from grokbook.claims.verdicts import judge

RUNS = "share of runs"
"""The unit of a count and of an order within runs."""

OWN_UNITS = {
    ("MT-05", "gap in sd"): "sd",
    ("MT-29", "kink"): "1",
    ("MT-51", "slope"): "% per %",
    ("MT-52", "slope"): "% per %",
}
"""Claim and first series ↦ its unit, where that is not the published quantity's."""


@dataclass(frozen=True)
class Row:
    """One claim on the scoreboard.

    Attributes:
        claim: of the registry.
        judgement: what the recorded runs say.
        runs: names of the executions that it rests on, controls included.
        seconds: core-seconds that training and measuring them took.
    """

    claim: Claim
    judgement: Judgement
    runs: tuple[str, ...]
    seconds: float

    @property
    def published(self) -> float:
        """The published number of the cell that decides; NaN if it is of something else."""
        return self.beside(self.judgement)

    @property
    def unit(self) -> str:
        """Of the number that decides."""
        return self.unit_of(self.judgement)

    @property
    def wants(self) -> tuple[str, ...]:
        """What has to be built before the claim can be judged in full."""
        left = ", ".join(unread(self.claim))
        return (*self.claim.needs.wants, *[f"a reading of {left}"] * bool(left))

    def beside(self, found: Judgement | Finding) -> float:
        """The published number that may stand beside a number of ours; NaN if there is none."""
        if not found.compared or self._own(found):
            return math.nan
        return self.claim.targets().get(found.cell, math.nan)

    def unit_of(self, found: Judgement | Finding) -> str:
        """Of a number of ours, as far as it is known.

        A share of runs does not have the published quantity's; nor has a later series that is set
        beside nothing published. A difference of percentages is one of points.
        """
        if found.of == SHARE:
            return RUNS
        if own := self._own(found):
            return own
        later = found.series not in ("", *(part.series for part in self.claim.criterion[:1]))
        if later and not found.compared:
            return ""
        unit = self.claim.published.get("unit", "")
        return "points" if unit == "%" and found.of == DIFFERENCE else unit

    def _own(self, found: Judgement | Finding) -> str:
        return OWN_UNITS.get((self.claim.id, found.series), "")

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON types; numbers that are not finite are null."""
        claim, judgement = self.claim, self.judgement
        return {
            "id": claim.id,
            "paper": claim.paper,
            "section": claim.section,
            "where": claim.where,
            "chapter": claim.chapter,
            "kind": claim.kind,
            "statement": claim.statement,
            "unit": self.unit,
            "series": judgement.series,
            "cell": judgement.cell,
            "published": _finite(self.published),
            "published_n": claim.n,
            "value": _finite(judgement.value),
            "low": _finite(judgement.low),
            "high": _finite(judgement.high),
            "n": judgement.n,
            "verdict": judgement.verdict,
            "word": judgement.word,
            "why": judgement.why,
            "remark": remark(claim.id),
            "control": judgement.control,
            "controls": dict(claim.control),
            "control_states": dict(judgement.controls),
            "test": claim.test,
            "runs": list(self.runs),
            "seconds": round(self.seconds),
            "commands": list(claim.needs.commands),
            "wants": list(self.wants),
            "hours": round(claim.needs.hours, 1),
            "findings": [
                {
                    "series": each.series,
                    "cell": each.cell,
                    "value": _finite(each.value),
                    "low": _finite(each.low),
                    "high": _finite(each.high),
                    "n": each.n,
                    "outcome": each.outcome,
                    "caveats": list(each.caveats),
                }
                for each in judgement.findings
            ],
        }


def board(shelf: Shelf | None = None, registry: Mapping[str, Claim] | None = None) -> list[Row]:
    """Every claim, judged by what is recorded.

    Args:
        shelf: recorded runs and measurements; by default the book's.
        registry: claims by id; by default those of all papers.

    Raises:
        StoreError: if a recorded file is damaged.
    """
    shelf, rows = shelf or Shelf(), []
    for claim in (every() if registry is None else registry).values():
        found = gather(claim, shelf)
        seconds = sum(run.seconds for run in found.runs)
        names = tuple(sorted(run.name for run in found.runs))
        rows.append(Row(claim, judge(claim, found.evidence), names, seconds))
    return rows


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """How many claims have each verdict, in the order of `VERDICTS`.

    >>> counts([])
    {'●': 0, '◐': 0, '○': 0, '–': 0, '…': 0}
    """
    found = Counter(row.judgement.verdict for row in rows)
    return {shape: found[shape] for shape in VERDICTS}


def standings(rows: Iterable[Row]) -> dict[str, int]:
    """How many claims stand how, in the order of `STANDINGS`.

    >>> standings([])["killed"]
    0
    """
    found = Counter(row.judgement.standing for row in rows)
    return {name: found[name] for name in STANDINGS}


def disagreements(rows: Sequence[Row], rendered: Mapping[str, Sequence[str]]) -> list[str]:
    """Where pages say something else than the results, one line each.

    Args:
        rows: the scoreboard.
        rendered: id of a claim ↦ the verdicts that pages give it, as
            `grokbook.publishing.verdicts.rendered` reads them.
    """
    known = {row.claim.id: row.judgement.verdict for row in rows}
    found = [f"{name}: the book does not show it" for name in known if name not in rendered]
    for name, shown in rendered.items():
        if name not in known:
            found.append(f"{name}: the book shows it, the registry does not know it")
            continue
        found += [
            f"{name}: the results say {known[name]} {VERDICTS[known[name]]}, a page says {verdict}"
            for verdict in dict.fromkeys(shown)
            if verdict != known[name]
        ]
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
