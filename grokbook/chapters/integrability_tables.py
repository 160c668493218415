"""Chapter 2, integrability: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from grokbook.chapters.integrability import inside, shares
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import share
from grokbook.claims.numbers import interval as words
from grokbook.claims.registry import Claim
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Run
from grokbook.statistics import mean_interval


def share_table(runs: Sequence[Run], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """First component's share of every attention matrix, beside the published and the walk's."""
    published = claims["MT-10"].targets()
    rows = []
    for matrix, (values, walk) in shares(runs).items():
        found = mean_interval(values)
        rows.append(
            {
                "layer and matrix": matrix.replace(".", " · "),
                "published mean (%)": f"{published[matrix.replace('.', '/')]:.1f}",
                "ours (%)": words(found.mean, found.low, found.high),
                "n": found.n,
                "random walk (%)": f"{walk:.1f}",
            }
        )
    return keyed(rows, "layer and matrix")


def inside_table(runs: Sequence[Run]) -> pd.DataFrame:
    """What of a commutator lies in a subspace, in % of its norm."""
    rows = []
    for name, values in inside(runs).items():
        found = mean_interval(values)
        rows.append(
            {
                "what": name,
                "inside (% of the norm)": words(found.mean, found.low, found.high),
                "n": found.n,
            }
        )
    return keyed(rows, "what")


def detector_table(found: Sequence[TrackRecord]) -> pd.DataFrame:
    """How often each detector comes first, by how much, and how often for nothing."""
    rows = [
        {
            "detector": each.name,
            "leads in": share(each.ahead, len(each.leads)),
            "median lead (steps)": "–" if each.median != each.median else f"{each.median:,.0f}",
            "false alarms": share(each.raised, each.quiet) if each.quiet else "–",
        }
        for each in found
    ]
    return keyed(rows, "detector")


def computed_table(runs: Sequence[Run]) -> pd.DataFrame:
    """The runs behind the page and what they cost."""
    rows = [
        {
            "run": run.config.label,
            "execution": run.name,
            "steps": f"{run.record.last_step:,}",
            "training (core-s)": f"{run.record.seconds:,.0f}",
            "measuring (core-s)": f"{run.seconds - run.record.seconds:,.0f}",
        }
        for run in runs
    ]
    return keyed(rows, "run")
