"""What there is to judge claims by: recorded runs, and what was measured on them.

    shelf = Shelf()
    run = shelf.run(RunConfig(tasks=("add", "mul"), seed=42))
    run.grok("add"), run.number("trajectory", "share", part="0.W_Q", variant="published", at=1)

What is not there raises `Missing`, which says what it is: a reading of a claim that needs it is
left out, and the claim is undecided.  Nothing is trained or measured here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from grokbook.config import RunConfig
from grokbook.events import PUBLISHED_RULE, crossing
from grokbook.instruments.catalogue import instrument as declared
from grokbook.instruments.measurement import Measurement, as_json
from grokbook.instruments.recorded import Recorded
from grokbook.numerics import Numerics
from grokbook.plan import Plan
from grokbook.record import RunRecord
from grokbook.store.recorded import Results


class Missing(LookupError):
    """A run or a measurement that a claim needs is not recorded."""


@dataclass(frozen=True, eq=False)
class Run:
    """One execution of a config, with everything measured on it.

    Attributes:
        name: in the manifest.
        record: metrics and answers.
        measurements: of this execution.
        basis: what its intervention's basis was measured by, on which run; empty without one.
    """

    name: str
    record: RunRecord
    measurements: tuple[Measurement, ...] = ()
    basis: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def config(self) -> RunConfig:
        """Of the run."""
        return self.record.config

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the order of the heads."""
        return self.config.tasks

    def grok(
        self, task: str, rule: str = PUBLISHED_RULE, *, within: int | None = None
    ) -> int | None:
        """The grok step; None if the task does not grok within a budget, in steps.

        Args:
            task: one of the run's.
            rule: of `grokbook.events.RULES`.
            within: the budget; by default the published one of the run's config.

        Raises:
            Missing: if it has not grokked, and the run was not trained that far.
        """
        budget = Plan.published(self.config).steps if within is None else within
        step = self.record.grok_step(task, rule)
        if step is not None and step <= budget:
            return step
        if self.record.last_step < budget:
            raise Missing(f"{self.name} goes to {self.record.last_step:,} steps of {budget:,}")
        return None

    def memorised(self, task: str) -> int:
        """The step at which training accuracy is first at 0.99.

        Raises:
            Missing: if it never is.
        """
        accuracy = self.record.accuracy(task, "train")
        step = crossing(self.record.steps, accuracy, 0.99)
        if step is None:
            raise Missing(f"{self.name} does not memorise {task}")
        return step

    @cached_property
    def stop(self) -> int:
        """The published stop: the step at which the last task groks, else the run's end."""
        groks = [self.record.grok_step(task, PUBLISHED_RULE) for task in self.tasks]
        return self.record.last_step if None in groks else max(groks)

    @cached_property
    def _rows(self) -> dict[str, list[tuple[dict[str, Any], pd.DataFrame]]]:
        found: dict[str, list[tuple[dict[str, Any], pd.DataFrame]]] = {}
        for each in self.measurements:
            found.setdefault(each.instrument, []).append((each.parameters, each.rows))
        return found

    def rows(
        self,
        instrument: str,
        quantity: str,
        *,
        part: str | None = "",
        variant: str | None = "",
        at: float | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Rows of a quantity, by step.

        Args:
            instrument: by name.
            quantity: by name.
            part: exactly this one; None is any.
            variant: likewise.
            at: the free coordinate, up to float32; None is any.
            where: parameters of the measurement; by default those that it has by default.

        Raises:
            Missing: if there are none.
        """
        wanted = as_json(declared(instrument).complete({}) if where is None else where)
        for parameters, rows in self._rows.get(instrument, []):
            if any(parameters.get(name) != value for name, value in wanted.items()):
                continue
            kept = rows["quantity"] == quantity
            if part is not None:
                kept &= rows["part"] == part
            if variant is not None:
                kept &= rows["variant"] == variant
            if at is not None:
                kept &= np.isclose(rows["at"], at, rtol=1e-6)
            if kept.any():
                return rows[kept].sort_values("step", kind="stable")
        of = " ".join(filter(None, (variant, part))) or "it"
        raise Missing(f"{instrument} has no {quantity} ({of}) of {self.name}")

    def at_stop(self, instrument: str, quantity: str, **which: Any) -> pd.DataFrame:
        """The rows of the last measured step at or before the published stop."""
        rows = self.rows(instrument, quantity, **which)
        before = rows[rows["step"] <= self.stop]
        if before.empty:
            raise Missing(f"{instrument} has no {quantity} of {self.name} up to its stop")
        return before[before["step"] == before["step"].max()]

    def number(self, instrument: str, quantity: str, **which: Any) -> float:
        """The one value at the published stop; NaN if it is undefined.

        Raises:
            Missing: if there is none.
            ValueError: if the choice leaves several.
        """
        rows = self.at_stop(instrument, quantity, **which)
        if len(rows) != 1:
            raise ValueError(f"{len(rows)} values of {quantity} fit {which}")
        return float(rows["value"].iloc[0])

    @property
    def seconds(self) -> float:
        """Core-seconds of training and measuring."""
        return self.record.seconds + sum(each.seconds for each in self.measurements)


class Shelf:
    """All recorded runs; each is read when it is first asked for.

    Attributes:
        results: where they are.
        asked: runs by name that were handed out since this was last cleared.
    """

    def __init__(self, results: Results | None = None) -> None:
        self.results = results or Results()
        self.asked: dict[str, Run] = {}
        self._read: dict[str, Run] = {}

    @cached_property
    def _entries(self) -> dict[str, Any]:
        return self.results.manifest()

    @cached_property
    def _measured(self) -> dict[tuple[str, str], list[str]]:
        """Places of measurements by config id and numerics id."""
        found: dict[tuple[str, str], list[str]] = {}
        for place, entry in Recorded(self.results).manifest().items():
            found.setdefault((entry["config_id"], entry["numerics_id"]), []).append(place)
        return found

    @cached_property
    def _configs(self) -> dict[str, list[str]]:
        """Names of executions by config id; the one with most measurements first."""
        found: dict[str, list[str]] = {}
        for name in self._entries:
            found.setdefault(name.partition("-")[0], []).append(name)
        for names in found.values():
            names.sort(key=lambda name: (-len(self._places(name)), name))
        return found

    def _places(self, name: str) -> list[str]:
        return self._measured.get((name.partition("-")[0], self._numerics(name)), [])

    def _numerics(self, name: str) -> str:
        return Numerics(**self._entries[name]["numerics"]).id

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Of all runs, the published ones first."""
        first = (42, 137, 2024)
        every = {entry["config"]["seed"] for entry in self._entries.values()}
        return tuple(s for s in first if s in every) + tuple(sorted(every - set(first)))

    def run(self, config: RunConfig) -> Run:
        """The execution of a config with most measurements; of several alike the first.

        Raises:
            Missing: if it was not recorded.
            StoreError: if a file of it is damaged.
        """
        if config.id not in self._configs:
            raise Missing(f"{config.label} is not recorded")
        return self._run(self._configs[config.id][0])

    def _run(self, name: str) -> Run:
        if name not in self._read:
            recorded = Recorded(self.results)
            self._read[name] = Run(
                name,
                self.results.get(name),
                tuple(recorded.read(place) for place in self._places(name)),
                self._entries[name].get("basis", {}),
            )
        self.asked[name] = self._read[name]
        return self._read[name]

    def intervened(self, config: RunConfig, **wanted: Any) -> Run:
        """The run of a config whose intervention is this one, whatever its basis is called.

        Args:
            config: without intervention.
            wanted: fields of the intervention; ``basis`` is what it was measured by.

        Raises:
            Missing: if it was not recorded.
        """
        measure = wanted.pop("basis", None)
        for name, entry in self._entries.items():
            intervention = entry["config"].get("intervention")
            if intervention is None or entry.get("basis", {}).get("measure") != measure:
                continue
            plain = RunConfig.from_json(entry["config"] | {"intervention": None})
            fits = all(intervention.get(key) == value for key, value in wanted.items())
            if fits and plain.id == config.id:
                return self._run(name)
        raise Missing(f"{config.label}, {wanted}, is not recorded")

    def weights(self, run: Run) -> dict[str, np.ndarray]:
        """Parameters by name at a run's last step.

        Raises:
            Missing: if they were not recorded.
            StoreError: if the file is damaged.
        """
        if not any(
            "weights.safetensors" in self._entries[name]["files"]
            for name in self._configs[run.config.id]
        ):
            raise Missing(f"no weights of {run.name} are recorded")
        return self.results.weights(run.config)
