"""What it takes to judge a claim: runs, by the study that trains them, and instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import yaml

from grokbook.studies.command import command

INSTRUMENTS = (
    "trajectory",
    "commutator",
    "integrability",
    "hessian",
    "reconstruction",
    "compression",
    "ablations",
    "weight-spectra",
    "spectral-edge",
    "events",
    "fourier",
    "edge",
    "edge-ablation",
    "edge-curves",
    "probes",
    "edge-functional",
    "positional",
    "gap-flow",
)
"""Those of `grokbook.instruments.catalogue`, by name: reading claims loads no PyTorch."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: it reads the same, ten times as fast."""


@dataclass(frozen=True, kw_only=True)
class RunSet:
    """Runs that claims need.

    Attributes:
        name: by which claims refer to them.
        study: that trains them; None as long as no study can.
        set: changes of the study, as for ``grokbook study --set``.
        seeds: so many.
        hours: core-hours at 25 steps a second, from published grok steps.
        wants: what is not there yet; empty if nothing.
    """

    name: str
    hours: float
    study: str | None = None
    set: tuple[str, ...] = ()
    seeds: int = 8
    wants: str = ""

    def __post_init__(self) -> None:
        if (self.study is None) != bool(self.wants):
            raise ValueError(f"runs {self.name}: give a study, or say what is wanted for one")
        object.__setattr__(self, "set", tuple(self.set))

    @property
    def command(self) -> str:
        """What trains them; empty if nothing does.

        >>> RunSet(name="x", hours=1.0, study="dual", set=["weight_decay=1.0"]).command
        'grokbook study dual --set weight_decay=1.0 --seeds 8'
        """
        if self.study is None:
            return ""
        return command("study", self.study, changes=self.set, seeds=self.seeds)

    def measure(self, instruments: tuple[str, ...]) -> str:
        """What measures them; empty if nothing does."""
        if self.study is None:
            return ""
        words = ("--instruments", ",".join(instruments))
        return command("measure", self.study, *words, changes=self.set, seeds=self.seeds)


@dataclass(frozen=True)
class Needs:
    """What it takes to judge a claim.

    Attributes:
        runs: for the claim itself.
        control: for its controls, beyond those.
        instruments: that measure them; empty if every run's own record is enough.
    """

    runs: tuple[RunSet, ...] = ()
    control: tuple[RunSet, ...] = ()
    instruments: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[RunSet, ...]:
        """All runs, each once."""
        return tuple({each.name: each for each in self.runs + self.control}.values())

    @property
    def hours(self) -> float:
        """Core-hours of training from nothing, controls included."""
        return sum(each.hours for each in self.every)

    @property
    def commands(self) -> tuple[str, ...]:
        """What trains and then measures all runs that a study can train."""
        found = []
        for each in (each for each in self.every if each.study):
            found.append(each.command)
            if self.instruments:
                found.append(each.measure(self.instruments))
        return tuple(found)

    @property
    def wants(self) -> tuple[str, ...]:
        """What has to be built first."""
        return tuple(each.wants for each in self.every if each.wants)


def run_sets(text: str) -> dict[str, RunSet]:
    """Sets of runs by name from YAML.

    Raises:
        ValueError: naming a set with an unknown or missing field, or neither study nor want.
    """
    sets = {}
    for name, values in yaml.load(text, LOADER)["runs"].items():
        _check_fields(f"runs {name}", RunSet, {"name": name, **values})
        sets[name] = RunSet(name=name, **values)
    return sets


def needs(values: Mapping[str, Any], sets: Mapping[str, RunSet]) -> Needs:
    """What a claim needs, from names.

    Raises:
        ValueError: naming an unknown field, set of runs or instrument.
    """
    _check_fields("needs", Needs, values)
    for name in (*values.get("runs", ()), *values.get("control", ())):
        if name not in sets:
            raise ValueError(f"unknown set of runs {name!r}; known: {', '.join(sets)}")
    for name in values.get("instruments", ()):
        if name not in INSTRUMENTS:
            raise ValueError(f"unknown instrument {name!r}; known: {', '.join(INSTRUMENTS)}")
    return Needs(
        runs=tuple(sets[name] for name in values.get("runs", ())),
        control=tuple(sets[name] for name in values.get("control", ())),
        instruments=tuple(values.get("instruments", ())),
    )


def _check_fields(what: str, kind: type, values: Mapping[str, Any]) -> None:
    known = {f.name for f in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING}
    odd = sorted((set(values) - known) | (needed - set(values)))
    if odd:
        raise ValueError(f"{what}: unknown or missing field: {', '.join(odd)}")
