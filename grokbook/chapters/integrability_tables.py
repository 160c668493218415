"""Chapter 2, integrability: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.integrability import inside
from grokbook.chapters.integrability_paths import BAND, shares
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import PERCENTAGES, mean_over, share
from grokbook.claims.numbers import show
from grokbook.claims.registry import Claim
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Run
from grokbook.widgets import Course
from grokbook.widgets.integrability import in_order


def share_table(runs: Sequence[Run], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """First component's share of every attention matrix, beside the published and both nulls."""
    published = claims["MT-10"].targets()
    rows = []
    for matrix, each in shares(runs).items():
        rows.append(
            {
                "layer and matrix": matrix.replace(".", "\u00a0·\u00a0"),
                "published mean (%)": f"{published[matrix.replace('.', '/')]:.1f}",
                "ours (%)": mean_over(each.values, within=PERCENTAGES),
                "n": len(each.values),
                f"random walks, mean, and {BAND} (%)": (
                    f"{each.walk:.1f} ({each.low:.1f} to {each.high:.1f})"
                ),
                "ours less its own walks (points)": mean_over(each.over_walk),
                "ours less its own relaxations (points)": mean_over(each.over_relaxation),
            }
        )
    return keyed(rows, "layer and matrix")


def inside_table(runs: Sequence[Run]) -> pd.DataFrame:
    """What of a commutator lies in a subspace, in % of its norm."""
    rows = []
    for name, values in inside(runs).items():
        rows.append(
            {
                "what": name,
                "inside (% of the norm)": mean_over(values, within=PERCENTAGES),
                "n": len(values),
            }
        )
    return keyed(rows, "what")


def detector_table(found: Sequence[TrackRecord]) -> pd.DataFrame:
    """How often each detector comes first, by how much, and how often for nothing."""
    rows = [
        {
            "detector": each.name,
            "leads in": share(each.ahead, len(each.leads)),
            "median lead where it fires (steps)": show(each.median, "steps"),
            "false alarms": share(each.raised, each.quiet) if each.quiet else "–",
        }
        for each in found
    ]
    return keyed(rows, "detector")


READ_AT = (0, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
"""Steps of `reading_table`; the last reading is added."""


def reading_table(courses: Sequence[Course]) -> pd.DataFrame:
    """What the explorable shows of the run that it opens on, at some steps and at the end."""
    course = in_order(courses)[-1]
    kept = np.unique(np.searchsorted(course.read, [s for s in READ_AT if s < course.read[-1]]))
    kept = np.append(kept, len(course.read) - 1)
    at = np.searchsorted(course.steps, course.read[kept], side="right") - 1
    rows = []
    for i, e in zip(kept, at, strict=True):
        rows.append(
            {
                "step": f"{course.read[i]:,}",
                "published defect": f"{course.defects['published'][i]:.3g}",
                "true defect": f"{course.defects['corrected'][i]:.3g}",
                "rounding": f"{course.rounding[i]:.2g}",
                **{
                    f"{task}, test (%)": f"{100 * course.accuracy[t, e]:.1f}"
                    for t, task in enumerate(course.tasks)
                },
                "loss (nats)": f"{course.loss[e]:.2g}",
            }
        )
    return keyed(rows, "step")
