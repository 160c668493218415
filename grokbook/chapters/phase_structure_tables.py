"""Chapter 3, phase structure: its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.phase_structure import Depth
from grokbook.chapters.phase_structure_leads import TITLES, borrowed, detectors, lead_shares
from grokbook.chapters.phase_structure_words import Asked
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import bounded, mean_over, share, span
from grokbook.claims.numbers import show
from grokbook.claims.registry import Claim
from grokbook.config import RunConfig
from grokbook.widgets import Pace
from grokbook.widgets.paces import DETECTORS


def published_steps(claims: Mapping[str, Claim]) -> dict[str, dict[float, float]]:
    """Setting ↦ λ ↦ published mean grok step, over tasks and seeds (MT-02, MT-03, MT-06)."""
    dual: dict[float, list[float]] = {}
    for name in ("MT-02", "MT-03"):
        for decay, value in claims[name].published["values"].items():
            dual.setdefault(decay, []).append(value["mean"])
    tri = {
        decay: [step for steps in value["seeds"].values() for step in steps.values()]
        for decay, value in claims["MT-06"].published["values"].items()
    }
    return {
        name: {decay: float(np.mean(steps)) for decay, steps in found.items()}
        for name, found in (("dual", dual), ("tri", tri))
    }


def pace_table(
    asked: Asked, paces: Sequence[Pace], published: Mapping[str, Mapping[float, float]]
) -> pd.DataFrame:
    """Grok step and τ at every weight decay; a run that was cut off has no number, and is named."""
    rows, usual = [], RunConfig(tasks=("add", "mul")).learning_rate
    cells = dict[tuple[str, float], int | None](asked.cells())
    cells |= {
        place: None
        for p in paces
        if not p.exchanged and (place := (p.setting, p.weight_decay)) not in cells
    }
    settings = list(dict.fromkeys(name for name, _ in cells))
    for name, decay in sorted(cells, key=lambda place: (settings.index(place[0]), -place[1])):
        wanted = cells[name, decay]
        runs = [
            p for p in paces if (p.setting, p.weight_decay, p.exchanged) == (name, decay, False)
        ]
        done = [p for p in runs if p.grok is not None]
        theirs = published.get(name, {}).get(decay, math.nan)
        cut = [p.last_step for p in runs if p.grok is None]
        open_end = [f"{len(cut)} cut off by {max(cut):,}"] if cut else []
        mean = [mean_over([p.grok for p in done], "steps")] if done else []
        rows.append(
            {
                "setting and λ": f"{name}, λ = {decay:g}",
                "runs": str(len(runs)) if wanted is None else share(len(runs), wanted),
                "published (steps)": show(theirs, "steps"),
                "ours (steps)": "; ".join([*mean, *open_end]) or "–",
                "their τ": show(usual * decay * theirs),
                "our τ": mean_over([p.tau(p.grok) for p in done]) if decay else "stays 0",
            }
        )
    return keyed(rows, "setting and λ")


def depth_table(found: Sequence[Depth], published: Mapping[str, Claim]) -> pd.DataFrame:
    """The deepest curvature of a run by both protocols, mean over seeds, beside the published.

    The converged one is read at few steps, the last of which is named: a deeper reading may lie
    after it.
    """
    rows, cells = [], dict.fromkeys((d.setting, d.weight_decay) for d in found)
    for name, decay in sorted(cells, key=lambda cell: (cell[0], -cell[1])):
        mine = [d for d in found if (d.setting, d.weight_decay) == (name, decay)]
        theirs = published["MT-22"].at(decay) if name == "dual" else {}
        row = {
            "setting and λ": f"{name}, λ = {decay:g}",
            "published": show(-theirs["total"]["mean"]) if theirs else "–",
        }
        for protocol, title, residual in _RESIDUALS:
            of = [d for d in mine if d.protocol == protocol]
            row[title] = mean_over([d.depth for d in of])
            row[residual] = _largest(of)
        ends = [d.last for d in mine if d.protocol == "corrected"]
        row["last of them"] = span(ends) if ends else "–"
        row["n"] = len({d.label for d in mine})
        rows.append(row)
    return keyed(rows, "setting and λ")


_RESIDUALS = (
    ("published", "as published", "estimated residual, as published"),
    ("corrected", "converged, at the preset steps", "residual, converged"),
)


def _largest(found: Sequence[Depth]) -> str:
    """The largest residual; one below the rounding of its value is no more than that."""
    if not found:
        return "–"
    worst = max(found, key=lambda each: max(each.residual, each.floor))
    return show(worst.residual) if worst.residual > worst.floor else f"below {show(worst.floor)}"


_LEADS = (-math.inf, 100.0)
"""What a lead can be, in % of the grok step: no onset is earlier than the start."""


def share_table(paces: Sequence[Pace], published: Mapping[str, Claim]) -> pd.DataFrame:
    """Lead as a share of the first grok step, by weight decay and detector."""
    theirs = {"dual": "MT-30", "tri": "MT-33"}
    rows = []
    for (name, decay), cell in lead_shares(paces).items():
        known = published[theirs[name]].at(decay) if name in theirs else {}
        row: dict[str, object] = {
            "setting and λ": f"{name}, λ = {decay:g}",
            "published (%)": show(known["percent"]) if known else "–",
        }
        for detector in DETECTORS:
            lead = cell.get(detector)
            row[f"{TITLES[detector]} (%)"] = "–" if lead is None else bounded(lead, _LEADS)
        row["n"] = max((found.n for found in cell.values()), default=0)
        rows.append(row)
    return keyed(rows, "setting and λ")


def detector_table(paces: Sequence[Pace]) -> pd.DataFrame:
    """How often each detector comes first, with its own onset and with another seed's."""
    rows = []
    for each in detectors(paces):
        name = next((key for key, title in TITLES.items() if each.name.startswith(title)), None)
        other = borrowed(paces, name, true=each.protocol == "true") if name else None
        rows.append(
            {
                "detector": each.name,
                "leads in": share(each.ahead, len(each.leads)),
                "with another seed's onset": share(other.ahead, other.of)
                if other and other.of
                else "–",
                "median lead where it fires (steps)": show(each.median, "steps"),
                "false alarms": share(each.raised, each.quiet) if each.quiet else "–",
            }
        )
    return keyed(rows, "detector")
