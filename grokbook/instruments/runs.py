"""A run with everything measured on it, as chapters and claims read it.

    run.grok("add"), run.number("trajectory", "share", part="0.W_Q", variant="published", at=1)

What is not there raises `Missing`, which says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from grokbook.config import Config
from grokbook.events import MEMORISATION, PUBLISHED_RULE
from grokbook.instruments.catalogue import instrument as declared
from grokbook.instruments.measurement import Measurement, as_json
from grokbook.plan import Plan
from grokbook.record import RunRecord
from grokbook.store.derived import Grams


class Missing(LookupError):
    """A run or a measurement that is asked for is not there."""


class TooFew(Missing):
    """Some of the runs that one number takes are there, but not enough of them.

    Args:
        what: they are told apart by, such as ``"doses"``.
        there: those that are there, as a reader is told.
    """

    def __init__(self, what: str, there: str) -> None:
        super().__init__(f"too few {what}: only {there}")
        self.what, self.there = what, there


@dataclass(frozen=True, eq=False)
class Run:
    """One execution of a config, with everything measured on it.

    Attributes:
        name: in the manifest.
        record: metrics and answers.
        measurements: of this execution.
        basis: what its intervention's basis was measured by, on which run; empty without one.
        read_grams: gives the inner products of its displacements.
        meant: instrument ↦ the parameters whose rows are meant where none are named; those that
            are not here are at their default.
        budget: steps that it was given; None if that is not known.
    """

    name: str
    record: RunRecord
    measurements: tuple[Measurement, ...] = ()
    basis: Mapping[str, Any] = field(default_factory=dict)
    read_grams: Callable[[], Grams] | None = None
    meant: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    budget: int | None = None

    @property
    def config(self) -> Config:
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
        found = MEMORISATION(self.record.steps, self.record.accuracy(task, "train"))
        if found.step is None:
            raise Missing(f"{self.name} does not memorise {task}")
        return found.step

    @cached_property
    def stop(self) -> int:
        """The published stop: the step at which the last task groks, else the run's end."""
        groks = [self.record.grok_step(task, PUBLISHED_RULE) for task in self.tasks]
        return self.record.last_step if None in groks else max(groks)

    @cached_property
    def grams(self) -> Grams:
        """Inner products of the attention weights' displacements.

        Raises:
            Missing: if there are none.
        """
        if self.read_grams is None:
            raise Missing(f"{self.name} has no Gram matrices")
        return self.read_grams()

    @cached_property
    def _rows(self) -> dict[str, list[tuple[dict[str, Any], dict[str, pd.DataFrame]]]]:
        """Instrument ↦ its measurements: parameters, and quantity ↦ rows by step."""
        found: dict[str, list[tuple[dict[str, Any], dict[str, pd.DataFrame]]]] = {}
        for each in self.measurements:
            by_step = each.rows.sort_values("step", kind="stable")
            parts = dict(iter(by_step.groupby("quantity", sort=False, observed=True)))
            found.setdefault(each.instrument, []).append((each.parameters, parts))
        return found

    @cached_property
    def _cells(self) -> dict[tuple, pd.DataFrame]:
        """What was picked before: measurement, quantity, part and variant ↦ rows by step."""
        return {}

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
            where: parameters of the measurement; by default those that are `meant`.

        Raises:
            Missing: if there are none.
        """
        if where is None:
            where = declared(instrument).complete(self.meant.get(instrument, {}))
        wanted = as_json(where)
        for parameters, parts in self._rows.get(instrument, []):
            if quantity not in parts or any(
                parameters.get(n) != value for n, value in wanted.items()
            ):
                continue
            key = (id(parts), quantity, part, variant)
            if key not in self._cells:
                self._cells[key] = _cell(parts[quantity], part, variant)
            rows = self._cells[key]
            kept = np.ones(len(rows), dtype=bool)
            if at is not None:
                kept &= np.isclose(rows["at"], at, rtol=1e-6)
            if kept.any():
                return rows[kept]
        of = " ".join(filter(None, (variant, part))) or "it"
        raise Missing(f"{instrument} has no {quantity} ({of}) of {self.name}")

    def at_stop(self, instrument: str, quantity: str, **which: Any) -> pd.DataFrame:
        """The rows of the last measured step at or before the published stop.

        Raises:
            Missing: if there are none.
        """
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


def _cell(rows: pd.DataFrame, part: str | None, variant: str | None) -> pd.DataFrame:
    """Rows of one part and variant, or of any."""
    kept = np.ones(len(rows), dtype=bool)
    if part is not None:
        kept &= (rows["part"] == part).to_numpy()
    if variant is not None:
        kept &= (rows["variant"] == variant).to_numpy()
    return rows[kept]
