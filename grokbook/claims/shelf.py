"""What there is to judge claims by: recorded runs, and what was measured on them.

    shelf = Shelf()
    run = shelf.run(RunConfig(tasks=("add", "mul"), seed=42))

A run that is not there raises `Missing`: a reading of a claim that needs it is left out, and the
claim is undecided.  Nothing is trained or measured here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from grokbook.config import Config
from grokbook.instruments.recorded import Recorded
from grokbook.instruments.runs import Missing, Run
from grokbook.store.recorded import NotRecorded, Results
from grokbook.studies.study import PUBLISHED_SEEDS


class Shelf:
    """All recorded runs; each is read when it is first asked for.

    Attributes:
        results: where they are.
    """

    def __init__(self, results: Results | None = None) -> None:
        self.results = results or Results()
        self._read: dict[str, Run] = {}

    @cached_property
    def _entries(self) -> dict[str, Any]:
        return self.results.manifest()

    @cached_property
    def _places(self) -> dict[str, list[str]]:
        """As `Recorded.places`."""
        return Recorded(self.results).places()

    @cached_property
    def _configs(self) -> dict[str, list[str]]:
        """As `Recorded.executions`."""
        return Recorded(self.results).executions()

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Of all runs, the published ones first."""
        every = {entry["config"]["seed"] for entry in self._entries.values()}
        return tuple(s for s in PUBLISHED_SEEDS if s in every) + tuple(
            sorted(every - set(PUBLISHED_SEEDS))
        )

    def run(self, config: Config) -> Run:
        """The execution of a config with most measurements; of several alike the first.

        Raises:
            Missing: if it was not recorded.
            StoreError: if a file of it is damaged.
        """
        if config.id not in self._configs:
            raise Missing(f"{config.label} is not recorded")
        return self.execution(self._configs[config.id][0])

    def execution(self, name: str) -> Run:
        """An execution by its name in the manifest.

        Raises:
            StoreError: if a file of it is damaged.
        """
        if name not in self._read:
            recorded, record = Recorded(self.results), self.results.get(name)
            entry = self._entries[name]
            self._read[name] = Run(
                name,
                record,
                tuple(recorded.read(place) for place in self._places[name]),
                entry.get("basis", {}),
                partial(self.results.grams, name) if "gram.npz" in entry["files"] else None,
                budget=entry["plan"]["steps"],
            )
        return self._read[name]

    def intervened(
        self, config: Config, measure: str, parameters: Mapping[str, Any], **wanted: Any
    ) -> Run:
        """The run of a config whose intervention is this one, whatever its basis is called.

        Of several bases, measured on several executions of the run without intervention, the one
        that serves most doses, so that a dose response is of one basis.

        Args:
            config: without intervention.
            measure: by which the basis was measured.
            parameters: of the measure, all of them, as its note has them.
            wanted: fields of the intervention, ``strength`` among them.

        Raises:
            Missing: if it was not recorded.
        """
        dose, others = wanted.pop("strength"), dict(wanted)
        doses: dict[str | None, dict[float, str]] = {}
        for name in self._changed(config):
            entry = self._entries[name]
            basis, change = entry.get("basis", {}), entry["config"]["intervention"]
            known = (basis.get("measure"), basis.get("parameters"))
            fits = all(change.get(key) == value for key, value in others.items())
            if fits and known == (measure, dict(parameters)):
                doses.setdefault(change["basis"], {}).setdefault(change["strength"], name)
        there = [each for each in doses.values() if dose in each]
        if not there:
            raise Missing(f"{config.label}, {others} at {dose:g}, is not recorded")
        return self.execution(max(there, key=len)[dose])

    def twin(self, run: Run) -> Run:
        """A run without its intervention, in the same arithmetic; without one as `run`.

        Up to the first change both are the same to the bit; other executions differ from the first
        step on.

        Raises:
            Missing: if it was not recorded.
        """
        plain = replace(run.config, intervention=None)
        for other in self.executions(plain):
            if other.record.numerics == run.record.numerics:
                return other
        return self.run(plain)

    def interventions(self, config: Config) -> list[Run]:
        """Every recorded run that is this one but for an intervention.

        Args:
            config: without intervention.

        Raises:
            StoreError: if a file of one is damaged.
        """
        return [self.execution(name) for name in self._changed(config)]

    def executions(self, config: Config) -> list[Run]:
        """Every recorded execution of a config, in the order of their names.

        Raises:
            StoreError: if a file of one is damaged.
        """
        return [self.execution(name) for name in sorted(self._configs.get(config.id, []))]

    def _changed(self, config: Config) -> list[str]:
        """Names of the executions whose config, its intervention left out, is this one."""
        return [
            name
            for name, entry in self._entries.items()
            if entry["config"].get("intervention") is not None
            and Config.from_json(entry["config"] | {"intervention": None}).id == config.id
        ]

    def weights(self, run: Run) -> dict[str, np.ndarray]:
        """Parameters by name at a run's last step, of that very execution.

        Raises:
            Missing: if they were not recorded.
            StoreError: if the file is damaged.
        """
        try:
            return self.results.weights(run.config, run.name)
        except NotRecorded as error:
            raise Missing(f"no weights of {run.name} are recorded") from error

    def heads(self, run: Run) -> dict[str, np.ndarray]:
        """Readouts by name at a run's last step; as `weights`."""
        try:
            return self.results.heads(run.config, run.name)
        except NotRecorded as error:
            raise Missing(f"no readouts of {run.name} are recorded") from error


class NotedShelf:
    """A shelf as a reading sees it, with a note of every run that it hands out.

    Args:
        shelf: what there is.

    Attributes:
        handed: runs by name; what a verdict says of its runs and seconds is of these.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.handed: dict[str, Run] = {}

    def _note(self, run: Run) -> Run:
        self.handed[run.name] = run
        return run

    @property
    def seeds(self) -> tuple[int, ...]:
        """As `Shelf.seeds`."""
        return self._shelf.seeds

    def run(self, config: Config) -> Run:
        """As `Shelf.run`."""
        return self._note(self._shelf.run(config))

    def intervened(
        self, config: Config, measure: str, parameters: Mapping[str, Any], **wanted: Any
    ) -> Run:
        """As `Shelf.intervened`."""
        return self._note(self._shelf.intervened(config, measure, parameters, **wanted))

    def twin(self, run: Run) -> Run:
        """As `Shelf.twin`."""
        return self._note(self._shelf.twin(run))

    def weights(self, run: Run) -> dict[str, np.ndarray]:
        """As `Shelf.weights`."""
        return self._shelf.weights(run)

    def heads(self, run: Run) -> dict[str, np.ndarray]:
        """As `Shelf.heads`."""
        return self._shelf.heads(run)
