"""Track records: how a detector does on a set of runs, in steps.

`grokbook.events.skill` has rates with intervals, for detectors that are to be judged; this is what
a table shows of many of them, side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrackRecord:
    """How one detector does on all runs.

    Attributes:
        name: what a reader calls it.
        kind: ``"published"``, ``"ours"`` or ``"placebo"``.
        protocol: of the defect that it reads; empty for a placebo.
        leads: label of a run that groks ↦ steps by which it comes first; None without an event.
        raised: runs that never grok and raise it.
        quiet: runs that never grok.
    """

    name: str
    kind: str
    protocol: str
    leads: Mapping[str, int | None]
    raised: int
    quiet: int

    @property
    def ahead(self) -> int:
        """Runs in which it comes before the first task groks."""
        return sum(lead is not None and lead > 0 for lead in self.leads.values())

    @property
    def median(self) -> float:
        """Median lead of the runs that have one; NaN if none has."""
        known = [lead for lead in self.leads.values() if lead is not None]
        return float(np.median(known)) if known else math.nan
