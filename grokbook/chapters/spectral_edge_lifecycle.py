"""Chapter 6, the spectral edge's lifecycle: what it asks for and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from grokbook.chapters import asked
from grokbook.chapters.measured import Wanted, at_hand
from grokbook.checks import ConfigError, integer
from grokbook.config import Config
from grokbook.geometry.edge_decline import decline
from grokbook.instruments.phases import MULTIPLES, nearest
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
from grokbook.studies.asking import MissingRun
from grokbook.studies.lifecycle import CONTROLS, DECAYS, LIFECYCLE, MODULAR
from grokbook.studies.members import stages
from grokbook.studies.study import Study
from grokbook.widgets.from_edges import WINDOW
from grokbook.widgets.lifecycle import in_order
from grokbook.widgets.passages import EDGE, FORMS, MATCHED, PROBES, READINGS, Passage
from grokbook.widgets.turns import AT, LATE, Turn, grokking

STRINGS = 300
"""Test strings that the instruments read by default."""
LEAST = 600
"""Steps that a run needs: a window of five updates, and one update to compare it with."""


def wanted(strings: int) -> dict[str, dict[str, int]]:
    """Instruments with their parameters, for so many test strings.

    Raises:
        ConfigError: for fewer than ten.

    >>> wanted(300)["edge-curves"]
    {'strings': 200, 'curved': 300}
    """
    integer("strings", strings, low=10, high=5_000)
    return {
        "events": {},
        "edge": {},
        "edge-ablation": {"strings": strings},
        "edge-curves": {"strings": round(strings * 2 / 3), "curved": strings},
        "probes": {"strings": strings, "layered": round(strings * 5 / 3)},
    }


def configs(
    weight_decays: Sequence[float], seeds: Sequence[int], *, width: int, learning_rate: float
) -> list[Config]:
    """The runs on brackets that the chapter's parameters name.

    Raises:
        ConfigError: for a value that no run can have.
    """
    common = {"width": width, "hidden": 2 * width, "learning_rate": learning_rate}
    names = list(asked.BRACKETS)
    return asked.wanted(
        names, weight_decays, seeds, without_decay=False, among=asked.BRACKETS, **common
    )


def plan(config: Config, steps: int) -> Plan:
    """As every chapter's, with a path that is long enough for its windows.

    Raises:
        ConfigError: for fewer steps.
    """
    if steps < LEAST:
        raise ConfigError(f"steps must be {LEAST} or more for windows of an edge, not {steps}")
    return asked.plan(config, steps)


@dataclass(frozen=True, eq=False)
class Others:
    """Runs beside those that are asked for: what is there of them, nothing is made.

    Attributes:
        seeds: of the published study, at the published weight decays and others.
        controls: random labels, a small start, another pair of η and λ with the same product.
        modular: add or mul alone, the functional class.
    """

    seeds: list[Run]
    controls: list[Run]
    modular: list[Run]

    @property
    def control_ids(self) -> set[str]:
        """Ids of the controls' configs."""
        return {run.config.id for run in self.controls}


def others(asked_for: Sequence[Config], wanted: Wanted, *, show: bool) -> Others:
    """What is recorded or stored of the studies, but for the runs that are asked for.

    Args:
        asked_for: configs of the page's own runs.
        wanted: instruments and their parameters.
        show: False gives nothing.
    """
    known = {config.id for config in asked_for}
    groups = ((LIFECYCLE, DECAYS), CONTROLS, (MODULAR,))
    found = [
        _there([c for study in group for c in members(study) if c.id not in known], wanted)
        if show
        else []
        for group in groups
    ]
    return Others(*found)


def members(study: Study) -> list[Config]:
    """Configs of a study's runs."""
    return [member.blank for member in stages([study])[-1].members]


def _there(configs: Sequence[Config], wanted: Wanted) -> list[Run]:
    with suppress(MissingRun):
        return at_hand(configs, wanted)
    return []


def gather(passages: Sequence[Passage]) -> dict[str, list[Passage]]:
    """Setting ↦ its runs, published ones first."""
    found: dict[str, list[Passage]] = {}
    for passage in in_order(passages):
        found.setdefault(passage.setting, []).append(passage)
    return found


# --- is the edge critical?


@dataclass(frozen=True)
class Removal:
    """What a network loses with its edge, beside what it loses with as much of something else.

    Attributes:
        step: at which it was measured.
        removed: ‖θ′ − θ‖ / ‖θ‖ of the edge.
        edge: change of the accuracy without the edge.
        matched: of `MATCHED` ↦ change with as much taken elsewhere.
        random: change without random directions, as published: next to nothing is taken.
    """

    step: int
    removed: float
    edge: float
    matched: dict[str, float]
    random: float

    @property
    def worst(self) -> str:
        """The removal of its size that costs most."""
        return min(self.matched, key=self.matched.__getitem__)

    @property
    def stands_out(self) -> bool:
        """Does the edge cost more than every removal of its size?"""
        return self.edge < self.matched[self.worst]


def removal(passage: Passage, step: float) -> Removal | None:
    """At the measured step nearest to one; None where nothing was measured.

    Args:
        passage: one run.
        step: in updates.
    """
    if not len(passage.ablated) or step > passage.last_step:
        return None
    i = int(np.flatnonzero(passage.ablated == nearest(passage.ablated, step))[0])
    value = {name: float(each[0, i]) for name, each in passage.changes.items()}
    matched = {name: value[name] for name in MATCHED if np.isfinite(value[name])}
    if not matched:
        return None
    where, removed = int(passage.ablated[i]), float(passage.removed[i])
    return Removal(where, removed, value[EDGE], matched, value["random"])


def removals(passages: Sequence[Passage], multiple: float) -> list[Removal]:
    """Of every run that groks, at a multiple of its own grok step."""
    found = [removal(one, multiple * one.unit) for one in grokking(passages)]
    return [each for each in found if each is not None]


# --- is it re-encoded?


@dataclass(frozen=True)
class Reading:
    """R² of one kind of probe at the grok step and long after it.

    Attributes:
        kind: of `PROBES`.
        reading: of `READINGS`.
        at: R² at the grok step.
        late: R² at the last of `MULTIPLES` that the run reaches, or at its end.
    """

    kind: str
    reading: str
    at: float
    late: float


def readings(passage: Passage) -> list[Reading]:
    """Of one run that groks; those that were not measured at both steps are left out."""
    if not len(passage.probed) or passage.unit is None:
        return []
    found = []
    late = min(LATE * passage.unit, passage.last_step)
    for kind in PROBES:
        for form, reading in enumerate(READINGS):
            values = passage.probes[kind][form]
            there = passage.probed[np.isfinite(values)]
            if len(there) < 2:
                continue
            at, end = (nearest(there, step) for step in (AT * passage.unit, late))
            if at == end:
                continue
            ends = (float(values[passage.probed == step][0]) for step in (at, end))
            found.append(Reading(kind, reading, *ends))
    return found


def means(passages: Sequence[Passage]) -> dict[tuple[str, str], tuple[float, float, int]]:
    """(kind, reading) ↦ mean R² at the grok step, long after, and over how many runs."""
    every: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for passage in grokking(passages):
        for each in readings(passage):
            every.setdefault((each.kind, each.reading), []).append((each.at, each.late))
    return {key: (*np.mean(pairs, axis=0).tolist(), len(pairs)) for key, pairs in every.items()}


# --- does the gap close?


def gap(run: Run, step: int | None) -> tuple[float, float] | None:
    """g23 by the published statistic, and as a share of what is moved: early over at a step.

    Args:
        run: with ``edge`` measured.
        step: the grok step, or that of the run's twin.

    Returns:
        Both ratios; None without windows before the step.
    """
    if step is None:
        return None
    about = {"part": WINDOW, "variant": "uncentred"}
    try:
        ratios = run.rows("edge", "ratio", **about)["value"].to_numpy(float)
        found = []
        for name in ("g23", "g23_share"):
            rows = run.rows("edge", name, **about)
            steps, values = rows["step"].to_numpy(), rows["value"].to_numpy(float)
            found.append(decline(steps, values, ratios, step).decline)
    except (Missing, ValueError):
        return None
    return found[0], found[1]


def turning(run: Run, direction: int = 1) -> float:
    """Mean angle in degrees by which v_k turns from one window to the next; 4 of 5 updates shared.

    Raises:
        Missing: if it was not measured.
    """
    rows = run.rows("edge", "rotation", part=WINDOW, variant="uncentred", at=direction)
    return float(rows["value"].mean())


def guard(passages: Sequence[Passage]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    chosen = grokking(passages)
    assert chosen, "no run of the chapter groks"
    for one in chosen:
        if one.weight_decay == 1.0:
            assert Turn.of(one).turned, f"{one.label}: the edge does not turn to decay"
            left = Turn.of(one, FORMS[1])
            assert not left.turned, f"{one.label}: less pure decay, the edge still turns"
    for multiple in MULTIPLES:
        for each in removals(chosen, multiple):
            assert abs(each.random) < 0.01, "random directions of the published size matter"
