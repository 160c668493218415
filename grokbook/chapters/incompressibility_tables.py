"""Chapter 4, incompressibility: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
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
from grokbook.chapters.wording import share
from grokbook.claims.numbers import interval as words
from grokbook.claims.registry import Claim
from grokbook.instruments.runs import Run
from grokbook.statistics import mean_interval
from grokbook.widgets.incompressibility import OPENING

NAMES = {
    "scale": "scaled by {:g}",
    "share": "{:.0%} of the entries kept",
    "rank": "cut to rank {:.0f}",
}


def published_thresholds(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Published mean k* by setting and decay, as `grokbook.chapters.incompressibility.group`."""
    found = {}
    for name, setting in (("MT-39", "dual"), ("MT-41", "tri")):
        for decay, value in claims[name].targets().items():
            found[f"{setting}, λ = {float(decay):g}"] = value
    return found


def threshold_table(runs: Sequence[Run], claims: Mapping[str, Claim]) -> pd.DataFrame:
    """k* of every basis, mean with its interval over the runs that reach it."""
    published, rows = published_thresholds(claims), []
    for name, by_basis in thresholds(runs).items():
        for variant, each in by_basis.items():
            reached = [k for k in each if k is not None]
            target = published.get(name) if variant == "published" else None
            rows.append(
                {
                    "runs": name,
                    "directions": BASES[variant],
                    "reach 90 %": share(len(reached), len(each)),
                    "k* where they do": _interval(reached),
                    "published mean": "–" if target is None else f"{target:.1f}",
                }
            )
    return keyed(rows, "runs")


def cut_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy at the published examples under every protocol, and how far θ moves."""
    found, rows = cuts(runs), []
    for kind, name in NAMES.items():
        for protocol, text in PROTOCOLS.items():
            here = opening(found, kind, protocol)
            if not here:
                continue
            rows.append(
                {
                    "cut": name.format(OPENING[kind]),
                    "of what": text,
                    "weights move by (%)": f"{100 * np.mean([cut.change for cut in here]):.1f}",
                    "test accuracy (%)": _interval([cut.accuracy for cut in here]),
                    "n": len(here),
                }
            )
    return keyed(rows, "cut")


def module_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy with a module at its initial values, or with all others so, beside noise."""
    tests = {"remove": "back at its start", "keep": "alone kept"}
    rows = []
    for (test, name), by_protocol in modules(runs).items():
        rows.append(
            {
                "module": name,
                "what is done": tests[test],
                "test accuracy (%)": _interval(by_protocol["published"]),
                "with noise as large (%)": _interval(by_protocol["published, noise by tensor"]),
                "n": len(by_protocol["published"]),
            }
        )
    return keyed(rows, "module")


def _interval(values: Sequence[float]) -> str:
    if not values:
        return "–"
    found = mean_interval([float(value) for value in values])
    return words(found.mean, found.low, found.high)
