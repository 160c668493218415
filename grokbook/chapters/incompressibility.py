"""Chapter 4, incompressibility: what it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from grokbook.chapters import asked
from grokbook.checks import ConfigError
from grokbook.claims.readings.incompressibility import MODULES, accuracy
from grokbook.claims.readings.incompressibility import threshold as directions
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
from grokbook.studies.settings import group_title
from grokbook.widgets import Surgery
from grokbook.widgets.from_surgeries import FAMILIES, accuracies, surgery
from grokbook.widgets.incompressibility import OPENING

WANTED: dict[str, dict[str, int]] = {"reconstruction": {}, "compression": {}}
"""What a run of the page is measured by; a recorded one may lack the second."""

ENOUGH = ("reconstruction",)

INTACT = 90.0
"""Test accuracy from which on a cut has done no great harm, in %; that of k*."""

BASES = {
    "published": "the whole path, as published",
    "held-out": "without the path's last tenth",
    "centred": "about the path's mean",
    "no embedding": "embedding left alone",
    "other seed": "another seed's path",
    "published, own first": "own first, rest random",
    "published, own lengths": "own first, own lengths",
    "published, mixtures": "random mixtures",
    "published, random": "random in the span",
    "published, noise by tensor": "noise, tensor by tensor",
    "published, noise": "noise in all",
}
"""Variants of a reconstruction, in words."""

PROTOCOLS = {
    "published": "as published",
    "corrected": "the weights themselves",
    "published, other init": "as published, another seed's start",
    "published, noise": "noise as large as published",
    "published, noise by tensor": "noise as large as published in every tensor",
    "corrected, noise": "noise as large as that of the weights",
    "corrected, noise by tensor": "noise as large as that of the weights in every tensor",
}
"""Variants of a compression, in words."""

DEPTHS = {"scale": (1.05, 0.95, 0.9, 0.8), "share": (0.8, 0.5), "rank": (64, 32)}
"""What tables show of each kind of cut: the published examples, and deeper ones."""


def plan(config: RunConfig, steps: int) -> Plan:
    """As every chapter's, with a path that is long enough to hold a tenth of it out.

    Raises:
        ConfigError: for fewer than 400 steps, five snapshots.
    """
    if steps < 400:
        raise ConfigError(f"steps must be 400 or more for a path's directions, not {steps}")
    return asked.plan(config, steps)


def measured_by(runs: Sequence[Run], instrument: str) -> list[Run]:
    """Those of the runs that an instrument measured."""
    found = []
    for run in runs:
        try:
            run.at_stop(instrument, _PROBES[instrument], part=None, variant=None)
        except Missing:
            continue
        found.append(run)
    return found


_PROBES = {"reconstruction": "threshold", "compression": "scaling_test_accuracy"}


def surgeries(runs: Sequence[Run]) -> list[Surgery]:
    """The runs as the explorable shows them, those with most cuts first.

    The first has answer tables too, if its weights are recorded: 76 cuts of some weights and their
    answers to the whole table, 20 core-seconds.
    """
    found = sorted(((surgery(run), run) for run in runs), key=lambda each: -len(each[0].cuts))
    first, run = found[0]
    with suppress(Missing, KeyError):  # of a run of the reader's own store there are none
        first = surgery(run, Shelf().weights(run))
    return [first, *(each for each, _ in found[1:])]


def group(run: Run) -> str:
    """Setting and weight decay, as tables and figures write them."""
    return group_title(run.config)


def thresholds(runs: Sequence[Run]) -> dict[str, dict[str, list[int | None]]]:
    """Setting and decay ↦ basis of `BASES` ↦ k* of every run; None if no k within reach."""
    found: dict[str, dict[str, list[int | None]]] = {}
    for run in measured_by(runs, "reconstruction"):
        for variant in BASES:
            try:
                k = directions(run, variant)
            except Missing:
                continue
            found.setdefault(group(run), {}).setdefault(variant, []).append(k)
    return found


@dataclass(frozen=True)
class Cut:
    """One cut of one run under one protocol.

    Attributes:
        run: label.
        kind: of `grokbook.widgets.surgeries.CUTS`.
        protocol: of `PROTOCOLS`.
        depth: rank, share or factor.
        change: ‖θ′ − θ‖ / ‖θ‖.
        accuracy: test accuracy, mean over the tasks, in %.
    """

    run: str
    kind: str
    protocol: str
    depth: float
    change: float
    accuracy: float


def cuts(runs: Sequence[Run]) -> list[Cut]:
    """Every cut of every run that was compressed; noise has the size of what it stands beside."""
    found = []
    for run in measured_by(runs, "compression"):
        for kind, family in FAMILIES.items():
            for protocol in PROTOCOLS:
                at, values, _ = accuracies(run, "compression", f"{family}_", protocol)
                size = protocol.partition(", noise")[0]
                rows = run.at_stop("compression", f"{family}_change", variant=size)
                changes = rows.sort_values("at")["value"]
                found += [
                    Cut(run.config.label, kind, protocol, depth, float(change), 100 * value)
                    for depth, change, value in zip(
                        at, changes, values.mean(axis=0).tolist(), strict=True
                    )
                ]
    return found


def cuts_at(found: Sequence[Cut], kind: str, protocol: str, depth: float) -> list[Cut]:
    """A cut at one depth, one a run; none where it was not measured."""
    return [
        cut
        for cut in found
        if (cut.kind, cut.protocol) == (kind, protocol) and math.isclose(cut.depth, depth)
    ]


def opening(found: Sequence[Cut], kind: str, protocol: str) -> list[Cut]:
    """The cut at which the chapter's picture opens, one a run."""
    return cuts_at(found, kind, protocol, OPENING[kind])


def modules(runs: Sequence[Run]) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Test and module ↦ protocol ↦ mean test accuracy of every run, in %."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in measured_by(runs, "compression"):
        for test in ("remove", "keep"):
            for name, at in MODULES.items():
                for protocol in ("published", "published, noise by tensor"):
                    values = accuracy(run, "compression", f"{test}_test_accuracy", protocol, at)
                    row = found.setdefault((test, name), {})
                    row.setdefault(protocol, []).append(float(np.mean(values)))
    return found


def curves(runs: Sequence[Run], variants: Sequence[str]) -> dict[str, dict[str, list[np.ndarray]]]:
    """Setting and decay ↦ basis ↦ mean test accuracy over k = 1, 2, … of every run, in %."""
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for run in measured_by(runs, "reconstruction"):
        for variant in variants:
            try:
                _, values, _ = accuracies(run, "reconstruction", "", variant)
            except Missing:
                continue
            curve = 100 * values.mean(axis=0)
            found.setdefault(group(run), {}).setdefault(variant, []).append(curve)
    return found


def guard(runs: Sequence[Run]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    found = cuts(runs)
    assert found, "no run of the chapter was compressed"
    for kind in ("scale", "rank"):
        pairs = zip(
            opening(found, kind, "published"), opening(found, kind, "corrected"), strict=True
        )
        for published, corrected in pairs:
            held = published.accuracy < 10 and corrected.accuracy > INTACT
            assert held, f"{published.run}: the {kind} no longer tells the protocols apart"
    for name, by_basis in thresholds(runs).items():
        assert None not in by_basis["published"], f"{name}: the whole path does not rebuild"
        assert set(by_basis["held-out"]) == {None}, f"{name}: a path held out rebuilds it now"
