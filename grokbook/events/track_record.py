"""Track records: how a detector does on a set of runs, in steps.

`grokbook.events.skill` has rates with intervals, for detectors that are to be judged; this is what
a table shows of many of them, side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        raised: runs that never grok and raise it, by the step at which the last of the others
            groks: the longer a run is watched, the likelier a false alarm.
        quiet: runs that never grok.
    """

    name: str
    kind: str
    protocol: str
    leads: Mapping[str, int | None]
    raised: int
    quiet: int

    @classmethod
    def of(
        cls,
        name: str,
        kind: str,
        protocol: str,
        groks: Mapping[str, int | None],
        steps: Sequence[int | None],
    ) -> TrackRecord:
        """From where a detector fired.

        Args:
            name: what a reader calls the detector.
            kind: ``"published"``, ``"ours"`` or ``"placebo"``.
            protocol: of the defect that it reads.
            groks: label of every run ↦ the step at which its first task groks, or None.
            steps: where the detector fires in each, in the same order, or None.

        >>> TrackRecord.of("a", "ours", "true", {"x": 900, "y": None}, [400, 500]).raised
        1
        >>> TrackRecord.of("a", "ours", "true", {"x": 900, "y": None}, [400, 1000]).raised
        0
        """
        fired = dict(zip(groks, steps, strict=True))
        quiet = [label for label, grok in groks.items() if grok is None]
        leads = {
            label: None if fired[label] is None else grok - fired[label]
            for label, grok in groks.items()
            if grok is not None
        }
        until = max((grok for grok in groks.values() if grok is not None), default=math.inf)
        raised = sum(fired[label] is not None and fired[label] <= until for label in quiet)
        return cls(name, kind, protocol, leads, raised, len(quiet))

    @property
    def ahead(self) -> int:
        """Runs in which it comes before the first task groks."""
        return sum(lead is not None and lead > 0 for lead in self.leads.values())

    @property
    def median(self) -> float:
        """Median lead of the runs that have one; NaN if none has."""
        known = [lead for lead in self.leads.values() if lead is not None]
        return float(np.median(known)) if known else math.nan
