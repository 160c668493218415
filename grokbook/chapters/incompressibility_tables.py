"""Chapter 4, incompressibility: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from grokbook.chapters.incompressibility import (
    BASES,
    PROTOCOLS,
    cuts,
    modules,
    opening,
    thresholds,
)
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import mean_over, share
from grokbook.claims.registry import Claim
from grokbook.instruments.runs import Run
from grokbook.widgets.incompressibility import OPENING

NAMES = {
    "scale": "scaled by {:g}",
    "share": "{:.0%} kept",
    "rank": "rank {:.0f}",
}


def published_thresholds(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Published mean k* by setting and decay, as `grokbook.chapters.incompressibility.group`."""
    found = {}
    for name, setting in (("MT-39", "dual"), ("MT-41", "tri")):
        for decay, value in claims[name].targets().items():
            found[f"{setting}, λ = {float(decay):g}"] = value
    return found


def threshold_table(runs: Sequence[Run], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """k* of every basis, mean with its interval over the runs that reach it, and how many do."""
    published, found = published_thresholds(claims), thresholds(runs)
    rows = [{"directions": "published mean"}] if found else []
    for name in found:
        target = published.get(name)
        rows[0][name] = "–" if target is None else f"{target:.1f}"
    for variant, text in BASES.items():
        row = {"directions": text}
        for name, by_basis in found.items():
            each = by_basis.get(variant, [])
            reached = [k for k in each if k is not None]
            mean = f"{mean_over(reached)}; " if reached else ""
            row[name] = f"{mean}{share(len(reached), len(each))} runs" if each else "–"
        if found:
            rows.append(row)
    return keyed(rows, "directions")


def cut_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy at the published examples under every protocol, and how far θ moves, in %."""
    found, rows = cuts(runs), []
    names = {kind: name.format(OPENING[kind]).replace("%", " %") for kind, name in NAMES.items()}
    for protocol, text in PROTOCOLS.items():
        here = {kind: opening(found, kind, protocol) for kind in names}
        if any(here.values()):
            rows.append(
                {"accuracy (%)": text}
                | {
                    names[kind]: mean_over([cut.accuracy for cut in each])
                    for kind, each in here.items()
                }
                | {"n": max(map(len, here.values()))}
            )
    for protocol in ("published", "corrected"):
        here = {kind: opening(found, kind, protocol) for kind in names}
        if any(here.values()):
            rows.append(
                {"accuracy (%)": f"weights move by, {PROTOCOLS[protocol]}"}
                | {
                    names[kind]: mean_over([100 * cut.change for cut in each])
                    for kind, each in here.items()
                }
                | {"n": max(map(len, here.values()))}
            )
    return keyed(rows, "accuracy (%)")


def module_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy with a module at its initial values, or with all others so, beside noise."""
    tests = {"remove": "back at its start", "keep": "alone kept"}
    rows = []
    for (test, name), by_protocol in modules(runs).items():
        rows.append(
            {
                "module": name,
                "what is done": tests[test],
                "test accuracy (%)": mean_over(by_protocol["published"]),
                "with noise as large (%)": mean_over(by_protocol["published, noise by tensor"]),
                "n": len(by_protocol["published"]),
            }
        )
    return keyed(rows, "module")
