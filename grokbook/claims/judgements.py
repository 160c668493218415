"""Judgements: what a claim comes out as, one of five verdicts, and the cell that decides.

–  not testable: the claim has no criterion
…  not run yet, or undecided: it fails so far, with fewer seeds than agreed, and more could
   turn it, or it holds on one or two seeds
○  not reproduced: a cell fails
◐  with caveat: every cell that was run holds, but one was not run, has fewer seeds than agreed,
   an interval that goes beyond the tolerance, or runs that were cut off or are undefined; or a
   control is missing, or kills the claim or a part of it
●  reproduced: every cell holds, and every control comes out as it must
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grokbook.claims.findings import MEAN, Finding, named

VERDICTS = {
    "●": "reproduced",
    "◐": "with caveat",
    "○": "not reproduced",
    "–": "not testable",
    "…": "not run yet",
}
"""What each shape means."""

STANDINGS = {
    "reproduced": ("●", VERDICTS["●"]),
    "caveat": ("◐", VERDICTS["◐"]),
    "killed": ("⊘", "killed by a control"),
    "not": ("○", VERDICTS["○"]),
    "untestable": ("–", VERDICTS["–"]),
    "undecided": ("?", "undecided"),
    "open": ("…", VERDICTS["…"]),
}
"""Verdicts, told apart where one of them says two things: shape and words."""

_PLAIN = {shape: name for name, (shape, word) in STANDINGS.items() if word == VERDICTS.get(shape)}


@dataclass(frozen=True)
class Judgement:
    """A verdict.

    Attributes:
        value, low, high, n: of the cell that decides: the first that fails, else the first.
        verdict: one of `VERDICTS`.
        reasons: what it rests on, or is held back by, one text each.
        control: of all of them ``stands``, ``falls``, ``partly`` or ``missing``.
        controls: name ↦ the same of one control.
        findings: of the cells of every part of the criterion.
        cell: the one that decides; empty if nothing was judged.
        by, compared, of, series, called: what the number is, as in
            `grokbook.claims.findings.Finding`.
    """

    value: float
    low: float
    high: float
    n: int
    verdict: str
    reasons: tuple[str, ...]
    control: str = "missing"
    findings: tuple[Finding, ...] = ()
    cell: str = ""
    by: tuple[str, ...] = ()
    compared: bool = False
    of: str = MEAN
    series: str = ""
    controls: Mapping[str, str] = field(default_factory=dict)
    called: str = ""

    @property
    def why(self) -> str:
        """The reasons on one line."""
        return "; ".join(self.reasons)

    @property
    def name(self) -> str:
        """Of the cell that decides, as in `grokbook.claims.findings.Finding`."""
        return named(self.called or self.series, self.cell, self.by)

    @property
    def deciding(self) -> Finding | None:
        """What was found in the cell that decides; None if nothing was judged."""
        here = (self.cell, self.series, self.called)
        found = (each for each in self.findings if (each.cell, each.series, each.called) == here)
        return next(found, None)

    @property
    def standing(self) -> str:
        """The verdict as one of `STANDINGS`.

        A caveat may be a control that kills the claim; what waits for runs may have some already.
        """
        if self.verdict == "◐" and self.control == "falls":
            return "killed"
        if self.verdict == "…" and self.n:
            return "undecided"
        return _PLAIN[self.verdict]

    @property
    def shape(self) -> str:
        """Of its standing: a caveat that kills has a shape of its own."""
        return STANDINGS[self.standing][0]

    @property
    def word(self) -> str:
        """What its standing is called."""
        return STANDINGS[self.standing][1]
