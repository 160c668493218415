"""What is to be measured on a study's runs, what that takes, and within which budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokbook.checks import ConfigError
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.instrument import NEEDS, Instrument
from grokbook.instruments.measurement import Measurement
from grokbook.instruments.measuring import Measuring
from grokbook.instruments.subject import Subject
from grokbook.store import RunDirectory, Store


@dataclass(frozen=True)
class Job:
    """An instrument on one run.

    Attributes:
        measuring: what a worker carries out.
        file: of the measurement, there already or to come.
        points: to be measured in all.
        left: points that are not measured yet.
    """

    measuring: Measuring
    file: Path
    points: int
    left: int


@dataclass(frozen=True)
class Item:
    """One instrument of an agenda.

    Attributes:
        name: of the instrument.
        jobs: one a run that has ended and was measured, or kept what the instrument needs.
        lacking: runs that did not, kept too few snapshots, or came in a pack without all of them.
        missing: what those lack, in words, each once.
        seconds: core-seconds that the points left take, by the instrument's estimate.
        spent: core-seconds that the others took.
        budget: core-hours that the study may spend on it.
    """

    name: str
    jobs: tuple[Job, ...]
    lacking: int
    missing: tuple[str, ...]
    seconds: float
    spent: float
    budget: float

    @property
    def points(self) -> int:
        """To be measured in all."""
        return sum(job.points for job in self.jobs)

    @property
    def measured(self) -> int:
        """Points measured before."""
        return self.points - sum(job.left for job in self.jobs)


def agenda(
    store: Store,
    runs: Sequence[RunDirectory],
    names: Sequence[str],
    given: Mapping[str, Mapping[str, Any]],
    *,
    of: int,
    budget: float | None = None,
) -> list[Item]:
    """What instruments have to do on runs.

    Every run gets an equal share of an instrument's budget, also those that have not ended yet.

    Args:
        store: of the runs.
        runs: that have ended.
        names: of instruments.
        given: parameters by instrument, those left out at their default.
        of: runs of the whole study.
        budget: core-hours for every instrument, instead of its own.

    Raises:
        ConfigError: naming an instrument or a parameter that there is not.
        StoreError: if a run or a measurement is damaged.
    """
    for name in given:
        if name not in names:
            raise ConfigError(f"parameters of {name} are given, and it is not asked for")
    return [_item(store, runs, name, given.get(name, {}), of, budget) for name in names]


def _item(
    store: Store,
    runs: Sequence[RunDirectory],
    name: str,
    given: Mapping[str, Any],
    of: int,
    budget: float | None,
) -> Item:
    tool = instrument(name)
    hours, parameters = tool.budget if budget is None else budget, tool.complete(given)
    jobs, seconds, spent = [], 0.0, 0.0
    missing: dict[str, None] = {}
    for run in runs:
        subject = Subject(run, store)
        job = Measuring.of(name, run, parameters, allowance=hours * 3_600 / max(of, 1))
        so_far = job.found(store, subject)
        if so_far is None or not so_far.complete:
            if lacks := _lacks(tool, subject):
                missing |= dict.fromkeys(lacks)
                continue
            so_far = so_far or Measurement.begin(tool, subject, parameters)
        jobs.append(Job(job, so_far.path(store), len(so_far.points), len(so_far.left)))
        spent += so_far.seconds
        if so_far.left:
            seconds += len(so_far.left) * tool.seconds(subject, parameters)
    return Item(
        name=name,
        jobs=tuple(jobs),
        lacking=len(runs) - len(jobs),
        missing=tuple(missing),
        seconds=seconds,
        spent=spent,
        budget=hours,
    )


def _lacks(tool: Instrument, subject: Subject) -> list[str]:
    """What an instrument needs and a run has not, in words."""
    lacks = [NEEDS[need] for need in tool.needs if not subject.has(need)]
    # On fewer snapshots the same points would be others, or mean something else.
    if not lacks and tool.needs and not subject.whole:
        lacks = ["the snapshots that its pack left out"]
    if not lacks and (lack := tool.lacking(subject)):
        lacks = [lack]
    return lacks
