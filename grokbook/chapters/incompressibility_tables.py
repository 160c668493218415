"""Chapter 4, incompressibility: its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from grokbook.chapters.incompressibility import (
    BASES,
    DEPTHS,
    PROTOCOLS,
    Cut,
    cuts,
    cuts_at,
    modules,
    thresholds,
)
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import PERCENTAGES, mean_over, share_of
from grokbook.claims.registry import Claim
from grokbook.instruments.runs import Run

NAMES = {
    "scale": "scaled by {:g}",
    "share": "{:.0%} kept",
    "rank": "rank {:.0f}",
}

_OF = {"published": "as published", "corrected": "of the weights themselves"}
"""Whose noise is measured, too."""

_MODULES = {"other": "rest: embedding, positions, last normalisation"}
"""What a module of `grokbook.geometry.compression.modules` holds, where its name does not say."""


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
            row[name] = f"{mean}{share_of(len(reached), len(each), 'run')}" if each else "–"
        if found:
            rows.append(row)
    return keyed(rows, "directions")


def depths(found: Sequence[Cut]) -> Iterator[tuple[str, str, float]]:
    """Name, kind and depth of every cut of `DEPTHS` that was measured, in its order."""
    for kind, each in DEPTHS.items():
        for depth in each:
            if cuts_at(found, kind, "published", depth):
                yield NAMES[kind].format(depth).replace("%", " %"), kind, depth


def _share(values: Sequence[float]) -> str:
    """Mean accuracy over runs with its interval, in %."""
    return mean_over(values, within=PERCENTAGES)


def cut_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy under every protocol, in %; noise stands in `change_table`."""
    found, rows = cuts(runs), []
    for name, kind, depth in depths(found):
        by_protocol = {
            text: [cut.accuracy for cut in cuts_at(found, kind, protocol, depth)]
            for protocol, text in PROTOCOLS.items()
            if "noise" not in protocol
        }
        means = {text: _share(each) for text, each in by_protocol.items()}
        rows.append({"accuracy (%)": name} | means | {"n": max(map(len, by_protocol.values()))})
    return keyed(rows, "accuracy (%)")


def change_table(runs: Sequence[Run]) -> pd.DataFrame:
    """How far every cut moves the weights, and what as large a move at random leaves, in %."""
    found, rows = cuts(runs), []
    for name, kind, depth in depths(found):
        for protocol, text in _OF.items():
            cut, tensor, whole = (
                cuts_at(found, kind, f"{protocol}{noise}", depth)
                for noise in ("", ", noise by tensor", ", noise")
            )
            rows.append(
                {
                    "cut": f"{name}, {text}",
                    "weights move by (%)": mean_over([100 * each.change for each in cut]),
                    "accuracy (%)": _share([each.accuracy for each in cut]),
                    "noise as large in every tensor (%)": _share([c.accuracy for c in tensor]),
                    "noise as large in all (%)": _share([c.accuracy for c in whole]),
                    "n": len(cut),
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
                "module": _MODULES.get(name, name),
                "what is done": tests[test],
                "test accuracy (%)": _share(by_protocol["published"]),
                "with noise as large (%)": _share(by_protocol["published, noise by tensor"]),
                "n": len(by_protocol["published"]),
            }
        )
    return keyed(rows, "module")
