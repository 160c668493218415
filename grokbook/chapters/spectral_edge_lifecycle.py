"""Chapter 6, the spectral edge's lifecycle: what it asks for and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from grokbook.chapters import asked
from grokbook.chapters.measured import Wanted, at_hand
from grokbook.chapters.spectral_edge_lifecycle_counts import removals
from grokbook.checks import ConfigError, integer
from grokbook.config import Config
from grokbook.instruments.phases import MULTIPLES
from grokbook.instruments.runs import Run
from grokbook.plan import Plan
from grokbook.studies.asking import MissingRun
from grokbook.studies.lifecycle import CONTROLS, DECAYS, LIFECYCLE, MODULAR
from grokbook.studies.members import stages
from grokbook.studies.study import Study
from grokbook.widgets.lifecycle import in_order
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import grokking, surviving

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
    return asked.wanted(
        list(asked.BRACKETS),
        weight_decays,
        seeds,
        width=width,
        learning_rate=learning_rate,
        among=asked.BRACKETS,
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
        seeds: of the published study.
        controls: random labels, a small start, another pair of η and λ with the same product,
            other weight decays.
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
    groups = ((LIFECYCLE,), (*CONTROLS, DECAYS), (MODULAR,))
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


def guard(passages: Sequence[Passage]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    chosen = grokking(passages)
    assert chosen, "no run of the chapter groks"
    for one in chosen:
        if one.weight_decay == 1.0:
            turned, left = surviving([one])
            assert turned, f"{one.label}: the edge does not turn to decay"
            assert not left, f"{one.label}: less pure decay, the edge still turns"
    taken = [each for multiple in MULTIPLES for each in removals(chosen, multiple)]
    assert taken, "no removal of the edge is measured"
    for each in taken:
        assert abs(each.random) < 0.01, "random directions of the published size matter"
