"""Chapter 4, incompressibility: its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from grokbook.chapters.incompressibility import (
    BASES,
    PROTOCOLS,
    Cut,
    cuts,
    modules,
    opening,
    thresholds,
)
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import mean_over, share_of
from grokbook.claims.registry import Claim
from grokbook.instruments.runs import Run
from grokbook.widgets.incompressibility import OPENING

NAMES = {
    "scale": "scaled by {:g}",
    "share": "{:.0%} kept",
    "rank": "rank {:.0f}",
}

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


def cut_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy at the published examples under every protocol, in %."""
    return _examples(runs, "accuracy (%)", PROTOCOLS, lambda cut: cut.accuracy)


def change_table(runs: Sequence[Run]) -> pd.DataFrame:
    """How far the published examples move the weights, ‖θ′ − θ‖ / ‖θ‖ in %."""
    own = ("published", "corrected")  # noise is as large as these, and other starts nearly so
    return _examples(runs, "weights move by (%)", own, lambda cut: 100 * cut.change)


def _examples(
    runs: Sequence[Run], title: str, protocols: Iterable[str], value: Callable[[Cut], float]
) -> pd.DataFrame:
    found, rows = cuts(runs), []
    names = {kind: name.format(OPENING[kind]).replace("%", " %") for kind, name in NAMES.items()}
    for protocol in protocols:
        here = {kind: opening(found, kind, protocol) for kind in names}
        if any(here.values()):
            means = {
                names[kind]: mean_over([value(c) for c in each]) for kind, each in here.items()
            }
            rows.append({title: PROTOCOLS[protocol]} | means | {"n": max(map(len, here.values()))})
    return keyed(rows, title)


def module_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy with a module at its initial values, or with all others so, beside noise."""
    tests = {"remove": "back at its start", "keep": "alone kept"}
    rows = []
    for (test, name), by_protocol in modules(runs).items():
        rows.append(
            {
                "module": _MODULES.get(name, name),
                "what is done": tests[test],
                "test accuracy (%)": mean_over(by_protocol["published"]),
                "with noise as large (%)": mean_over(by_protocol["published, noise by tensor"]),
                "n": len(by_protocol["published"]),
            }
        )
    return keyed(rows, "module")
