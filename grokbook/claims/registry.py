"""The claims registry: published statements and numbers, and what decides them, as data.

A paper has some files of claims, ``<paper>-<subject>.yaml``, and one of the runs that they need,
``<paper>-runs.yaml``.  They are read and checked once.  A claim without a criterion cannot be
tested, and its test says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from statistics import fmean
from typing import Any

import yaml

from grokbook.claims.criteria import KINDS, Count, Criterion, Exact, Magnitude, Ordering, criterion
from grokbook.claims.needs import LOADER, Needs, RunSet, needs, run_sets
from grokbook.events import RULES

_MULTITASK = (
    "staggered-order",
    "integrability",
    "phase-structure",
    "incompressibility",
    "transverse-fragility",
    "shared",
    "overview",
)
CHAPTERS = (*_MULTITASK, "spectral-edge-lifecycle")
"""Whose claims they are, in the order of the book; some have no page of their own."""

PAPERS = {
    "multitask": _MULTITASK,  # a file a chapter; a further file is named after these
    "spectral-edge": (
        "movement",
        "gap",
        "ablation",
        "probes",
        "decay",
        "classes",
        "representations",
    ),
}
"""Paper ↦ subjects of its files."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim of one paper.

    Attributes:
        id: ``MT-02``, ``SE-07`` and the like.
        paper: arXiv number.
        section: of the paper.
        where: table or figure, if it is in one.
        chapter: one of `CHAPTERS`.
        kind: one of `grokbook.claims.criteria.KINDS`.
        statement: in our words.
        n: independent runs behind the published number.
        published: the numbers, with their unit, grok rule and setting.
        protocol: series ↦ how one run gives one number.
        control: name ↦ what could kill the claim.
        criterion: what decides; all parts must hold.  Empty: not testable.
        test: the same for a reader, or why there is no test.
        needs: runs and instruments.
    """

    id: str
    paper: str
    section: str
    where: str
    chapter: str
    kind: str
    statement: str
    n: int
    published: dict[str, Any]
    protocol: dict[str, str]
    control: dict[str, str]
    criterion: tuple[Criterion, ...]
    test: str
    needs: Needs

    def at(self, weight_decay: float) -> dict[str, Any]:
        """Published values at one weight decay; empty if there are none."""
        return self.published.get("values", {}).get(weight_decay, {})

    def targets(self, over_seeds: Callable[[list[float]], float] = fmean) -> dict[str, float]:
        """The published number of every cell.

        A cell is a number; a ``mean``; the middle of ``low`` and ``high``; or the mean over
        ``seeds``, item by item if a seed has several.

        Args:
            over_seeds: another mean over seeds, where they were published one by one.
        """
        return dict(_leaves(self.published.get("values", {}), over_seeds))

    def cells(self, part: Criterion) -> tuple[str, ...]:
        """The cells that a part of the criterion is judged on."""
        return part.cells or tuple(self.targets())

    def places(self, part: Criterion) -> tuple[str, ...]:
        """The cells of a part's series: those of its criterion, with its items if it orders any."""
        items = part.order if isinstance(part, Ordering) else ()
        cells = self.cells(part)
        return tuple(f"{cell}/{item}" for cell in cells for item in items) if items else cells


def _leaves(
    node: Any, over_seeds: Callable[[list[float]], float], path: tuple[str, ...] = ()
) -> list[tuple[str, float]]:
    if not isinstance(node, Mapping):
        return [("/".join(path), float(node))]
    if "mean" in node:
        return [("/".join(path), float(node["mean"]))]
    if set(node) == {"low", "high"}:
        return [("/".join(path), (node["low"] + node["high"]) / 2)]
    if "seeds" in node:
        found: dict[str, list[float]] = {}
        for each in node["seeds"].values():
            for cell, value in _leaves(each, over_seeds, path):
                found.setdefault(cell, []).append(value)
        return [(cell, over_seeds(values)) for cell, values in found.items()]
    return [
        leaf
        for key, inner in node.items()
        for leaf in _leaves(inner, over_seeds, (*path, str(key)))
    ]


def parse(text: str, sets: Mapping[str, RunSet]) -> dict[str, Claim]:
    """Claims of one file by id from YAML.

    Args:
        text: with the paper, the chapter and the claims.
        sets: of runs that claims may need.

    Raises:
        ValueError: naming the entry that has an unknown or missing field, an unknown kind, chapter,
            instrument, grok rule or set of runs, a criterion that does not fit, or an id that was
            used before.
    """
    read = yaml.load(text, LOADER)
    shared = {"paper": read["paper"], "chapter": read["chapter"]}
    claims: dict[str, Claim] = {}
    for entry in read["claims"]:
        name = entry.get("id", "an entry without id")
        if name in claims:
            raise ValueError(f"claim {name} is there twice")
        try:
            claims[name] = _claim({**shared, **entry}, sets)
        except ValueError as error:
            raise ValueError(f"claim {name}: {error}") from None
    return claims


def _claim(entry: Mapping[str, Any], sets: Mapping[str, RunSet]) -> Claim:
    names = {f.name for f in fields(Claim)}
    if set(entry) != names:
        raise ValueError(f"unknown or missing field: {', '.join(sorted(set(entry) ^ names))}")
    for field, known in (("kind", tuple(KINDS)), ("chapter", CHAPTERS)):
        if entry[field] not in known:
            raise ValueError(f"unknown {field} {entry[field]!r}; known: {', '.join(known)}")
    rule = entry["published"].get("rule")
    if rule is not None and rule not in RULES:
        raise ValueError(f"unknown grok rule {rule!r}; rules: {', '.join(RULES)}")
    parts = tuple(
        criterion(part.get("kind", entry["kind"]), {k: v for k, v in part.items() if k != "kind"})
        for part in entry["criterion"]
    )
    claim = Claim(**{**entry, "criterion": parts, "needs": needs(entry["needs"], sets)})
    for field, used in (
        ("protocol", {part.series for part in parts}),
        ("control", {name for part in parts for name in part.control}),
    ):
        if odd := sorted(used ^ set(getattr(claim, field))):
            raise ValueError(f"{field} and criterion do not both have {', '.join(odd)}")
    if parts and type(parts[0]) is not KINDS[claim.kind]:
        raise ValueError(f"the first part of the criterion must be of kind {claim.kind}")
    _check_cells(claim)
    return claim


_WITHIN_A_RUN = (
    "direction",
    "layer",
    "matrix",
    "mode",
    "module",
    "pair",
    "phase",
    "quantity",
    "task",
)
"""What one run has several of; the run is the unit, so they are never counted together."""


def _check_cells(claim: Claim) -> None:
    """Each part has cells, of the right form, and a published number where it needs one."""
    targets = claim.targets()
    for part in claim.criterion:
        cells = claim.cells(part)
        within = [name for name in part.by if name in _WITHIN_A_RUN]
        counted = isinstance(part, Count) or getattr(part, "compare", "") == "runs"
        if within and counted and part.pool and len(cells) > 1:
            raise ValueError(f"{' and '.join(within)} of one run are not runs: pool: false")
        if not cells:
            raise ValueError(f"series {part.series} has no cells")
        compared = isinstance(part, Exact) or (isinstance(part, Magnitude) and not part.between)
        for cell in cells:
            if compared and cell not in targets:
                raise ValueError(f"no published number for cell {cell!r}")
            if len(cell.split("/")) != len(part.by):
                raise ValueError(f"cell {cell!r} is not of the form {'/'.join(part.by)!r}")


@cache
def _all(paper: str) -> dict[str, Claim]:
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}; known: {', '.join(PAPERS)}")
    folder, found = files("grokbook.claims"), {}
    sets = run_sets((folder / f"{paper}-runs.yaml").read_text(encoding="utf-8"))
    for subject in PAPERS[paper]:
        file = folder / f"{paper}-{subject}.yaml"
        for name, claim in parse(file.read_text(encoding="utf-8"), sets).items():
            if name in found:
                raise ValueError(f"claim {name} is there twice")
            found[name] = claim
    return dict(sorted(found.items()))


def claims(paper: str = "multitask", chapter: str | None = None) -> dict[str, Claim]:
    """The claims of a paper, or of one of its chapters, in the order of their ids.

    Raises:
        ValueError: naming a paper that is not one of `PAPERS`.

    >>> claims()["MT-05"].at(1.0)["seeds"][137]
    400
    """
    return {name: c for name, c in _all(paper).items() if chapter in (None, c.chapter)}


def every() -> dict[str, Claim]:
    """The claims of all papers, paper by paper.

    >>> len(every()) == sum(len(claims(paper)) for paper in PAPERS)
    True
    """
    return {name: claim for paper in PAPERS for name, claim in claims(paper).items()}
