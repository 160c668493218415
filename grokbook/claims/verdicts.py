"""From findings and controls to one of five verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, geometric_mean

from grokbook.claims.controls import states_of, together, worst
from grokbook.claims.criteria import REFUTES, Criterion, Magnitude
from grokbook.claims.findings import FAILS, HOLDS, NONE, OPEN, SHARE, Finding
from grokbook.claims.judgements import Judgement
from grokbook.claims.judges import JUDGES
from grokbook.claims.numbers import seeds
from grokbook.claims.registry import Claim
from grokbook.claims.series import Series

UNSEEN = "the runs that it asks for, or the measurements, are not here yet"
"""Why nothing can be said."""


@dataclass(frozen=True)
class Evidence:
    """What was measured of one series.

    Attributes:
        ours: cell ↦ run ↦ number.
        controls: name of the control ↦ the same.
        short: name of the control ↦ cell ↦ what it asks for that some of its seeds do not have.
    """

    ours: Series
    controls: Mapping[str, Series] = field(default_factory=dict)
    short: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def judge(claim: Claim, evidence: Mapping[str, Evidence]) -> Judgement:
    """The verdict on a claim.

    Args:
        claim: with its criterion and published numbers.
        evidence: by the name of the series; what is not there was not run.

    Raises:
        ValueError: for a series, a control or a cell that the claim does not have.
    """
    _known(claim, evidence)
    nan, published = math.nan, claim.targets()
    findings, remarks, states = [], [], dict[str, list[str]]()
    for part in claim.criterion:
        given, look = evidence.get(part.series, Evidence({})), JUDGES[type(part)]
        found = look(part, published, given.ours)
        if isinstance(part, Magnitude) and part.factor is not None:
            found = _beside_geometric(claim, part, found, given.ours)
        found = [_placed(claim, part, each) for each in found]
        findings += found
        for name, expected in part.control.items():
            checked = look(part, published, given.controls.get(name, {}))
            checked = [_placed(claim, part, each) for each in checked]
            here, said = states_of(name, expected, found, checked, given.short.get(name, {}))
            states.setdefault(name, []).extend(here)
            remarks += said
    if not claim.criterion:
        return Judgement(nan, nan, nan, 0, "–", (claim.test,))
    ran = [each for each in findings if each.outcome != NONE]
    if not ran:
        return Judgement(nan, nan, nan, 0, "…", (UNSEEN,), findings=tuple(findings))
    controls = {name: together(each) for name, each in states.items()}
    control = worst(controls.values()) if controls else "stands"
    if not claim.control:
        control, remarks = "missing", [("", "there is no control")]
    caveats = [(each.name, text) for each in findings for text in each.caveats]
    caveats += [(each.name, "not run") for each in findings if each.outcome == NONE]
    failed = [each for each in ran if each.outcome == FAILS]
    undecided = [each for each in ran if each.outcome == OPEN]
    thin = [each for each in ran if each.outcome == HOLDS and each.n < REFUTES]
    if failed:
        verdict, why = "○", [_fault(each) for each in failed]
    elif undecided:
        verdict, why = "…", [f"{f.name}: undecided, {seeds(f.n)}" for f in undecided]
    elif thin:
        few = [(f.name, f"holds on {seeds(f.n)}, too few to tell") for f in thin]
        verdict, why = "…", _grouped([*few, *caveats, *remarks])
    elif caveats or remarks:
        verdict, why = "◐", _grouped(caveats + remarks)
    else:
        verdict, why = "●", ["every cell holds, and its controls come out as they must"]
    one = (failed or undecided or thin or ran)[0]
    numbers = (one.value, one.low, one.high, one.n)
    return Judgement(
        *numbers,
        verdict,
        tuple(why),
        control,
        tuple(findings),
        one.cell,
        one.by,
        one.compared,
        one.of,
        one.series,
        controls,
        one.called,
    )


def _geometric(values: Sequence[float]) -> float:
    """The geometric mean; where it is none, as of a lead of 0, the arithmetic one."""
    return geometric_mean(values) if min(values) > 0 else fmean(values)


def _beside_geometric(
    claim: Claim, part: Magnitude, found: Sequence[Finding], ours: Series
) -> list[Finding]:
    """Say where the outcome hangs on which mean of the published seeds is taken.

    A factor is about geometric means, and the number that was registered is the arithmetic mean
    of the published seeds.  The registered one decides; the reader is told if the other would not.
    """
    other = claim.targets(_geometric)
    again = JUDGES[Magnitude](part, other, ours)
    return [
        one
        if one.outcome == twin.outcome
        else replace(
            one,
            caveats=(
                *one.caveats,
                f"beside the geometric mean of the published seeds, {other[one.cell]:.4g}, it "
                f"{'would hold' if twin.outcome == HOLDS else 'would not hold'}",
            ),
        )
        for one, twin in zip(found, again, strict=True)
    ]


def _fault(finding: Finding) -> str:
    """What a cell fails by, and what is to be said of that."""
    said = f"{finding.name}: fails at {finding.value:.4g}, {seeds(finding.n)}"
    caveats = list(finding.caveats)
    short = finding.fewest < finding.least and math.isfinite(finding.value)
    if short:  # and yet it is not open
        of_runs = "no outcome of the seeds that are missing could turn it"
        caveats.append(of_runs if finding.of == SHARE else "its whole interval lies outside")
    return said + (f" ({'; '.join(caveats)})" if caveats else "")


def _placed(claim: Claim, part: Criterion, found: Finding) -> Finding:
    """With its series, where there are several.

    The published numbers are of the first series.  A later one stands beside them only if its
    criterion is drawn from them, not if it names a region of its own.
    """
    first = claim.criterion[0].series
    several = {each.series for each in claim.criterion} != {first}
    apart = part.series != first and getattr(part, "between", None) is not None
    return replace(
        found,
        series=part.series if several else "",
        called=part.called,
        by=part.by,
        compared=found.compared and not apart,
        least=part.least_seeds,
    )


_NAMED = 3
"""Cells that are named where the same is to be said of many."""


def _grouped(said: Sequence[tuple[str, str]]) -> list[str]:
    """What is said of cells, each text once.

    >>> _grouped([("1.0", "not run"), ("0.5", "one run"), ("0.3", "not run")])
    ['1.0, 0.3: not run', '0.5: one run']
    """
    cells: dict[str, list[str]] = {}
    for cell, text in said:
        cells.setdefault(text, []).append(cell)
    found = []
    for text, names in cells.items():
        more = len(names) - _NAMED
        where = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        found.append(f"{where}: {text}" if where else text)
    return found


def _known(claim: Claim, evidence: Mapping[str, Evidence]) -> None:
    """Refuse what would otherwise be passed over in silence."""
    for series, given in evidence.items():
        parts = [part for part in claim.criterion if part.series == series]
        if not parts:
            raise ValueError(f"claim {claim.id} has no series {series!r}")
        cells = {cell for part in parts for cell in claim.places(part)}
        for name, values in (("", given.ours), *given.controls.items()):
            if name and not any(name in part.control for part in parts):
                raise ValueError(f"claim {claim.id}: series {series!r} has no control {name!r}")
            for cell in values:
                if cell not in cells:
                    raise ValueError(f"claim {claim.id}: series {series!r} has no cell {cell!r}")
