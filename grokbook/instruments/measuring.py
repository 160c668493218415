"""Measuring: an instrument on a run as a job that can be stopped, killed and taken up again.

    sweep([Measuring.of("commutator", run)], store)

A job measures point after point and saves what it has every half minute; whoever takes it up goes
on with the points that are left.  It ends before its time when it has used up its share of the
instrument's budget.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from grokbook.instruments.catalogue import instrument
from grokbook.instruments.measurement import Measurement, find
from grokbook.instruments.subject import Subject
from grokbook.store import RunDirectory, Store
from grokbook.store.measurements import sole
from grokbook.sweep.job import Done, Result, attempt
from grokbook.sweep.order import Order
from grokbook.sweep.worker import LIBRARIES_BYTES
from grokbook.training.process import interrupts

SAVE_SECONDS = 30.0


@dataclass(frozen=True)
class Measuring:
    """An instrument on a run.

    Attributes:
        name: of the instrument.
        run: folder of the run, relative to the store.
        title: what a person calls the run.
        parameters: of the instrument, all of them, as (name, value).
        allowance: core-seconds that may be spent, over all attempts.
    """

    name: str
    run: str
    title: str
    parameters: tuple[tuple[str, Any], ...]
    allowance: float = math.inf

    @classmethod
    def of(
        cls,
        name: str,
        run: RunDirectory,
        parameters: Mapping[str, Any] | None = None,
        *,
        allowance: float = math.inf,
    ) -> Measuring:
        """A job for a run of a store.

        Raises:
            ConfigError: naming an instrument or a parameter that there is not.
        """
        complete = instrument(name).complete(parameters or {})
        where = "/".join(run.path.parts[-3:])
        return cls(name, where, run.config.label, tuple(complete.items()), allowance)

    @property
    def key(self) -> str:
        """The instrument and the run's folder."""
        return f"{self.name} {self.run}"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.name}: {self.title}"

    def memory(self) -> int:
        """Bytes that a worker needs for it."""
        return LIBRARIES_BYTES + instrument(self.name).memory

    def begun(self, store: Store) -> tuple[Subject, Measurement]:
        """The run, and what has been measured of it.

        Raises:
            StoreError: if the run or what was measured of it is damaged.
        """
        subject = Subject(RunDirectory(store.root / self.run), store)
        so_far = self.found(store, subject)
        if so_far is None:
            so_far = Measurement.begin(instrument(self.name), subject, dict(self.parameters))
        return subject, so_far

    def found(self, store: Store, subject: Subject) -> Measurement | None:
        """What has been measured of the run; None if nothing has.

        Raises:
            StoreError: if it is damaged.
        """
        tool, parameters = instrument(self.name), dict(self.parameters)
        return find(store, Measurement.named(tool, subject, parameters))

    def reached(self, store: Store) -> tuple[int, float]:
        """Points and core-seconds so far."""
        _, so_far = self.begun(store)
        return len(so_far.measured), so_far.seconds

    def saved(self, store: Store) -> int:
        """Points so far."""
        return self.reached(store)[0]

    def carry_out(self, store: Store, order: Order) -> Result:
        """Measure until all points are done, the allowance is used up, or the order says stop."""
        torch.set_num_threads(1)

        def act() -> Done:
            with interrupts() as stop, order.obeyed(stop):
                so_far = self.measure(store, stop)
            status, note = "finished" if so_far.complete else "interrupted", ""
            if not so_far.complete and not stop.is_set():
                note = (
                    f"its share of the budget, {self.allowance:,.0f} core-seconds, is used up "
                    f"with {len(so_far.left)} of {len(so_far.points)} points left"
                )
            return Done(self.key, self.label, status, len(so_far.measured), so_far.seconds, note)

        return attempt(self, store, order, act, [])

    def measure(self, store: Store, stop: threading.Event) -> Measurement:
        """Measure in this process.

        Raises:
            Busy: if another process measures the same.
            StoreError: if a snapshot is damaged, or the store cannot be written.
        """
        subject, begun = self.begun(store)
        with sole(begun.path(store)):
            so_far = find(store, begun) or begun  # it may have gone on meanwhile
            found, since, spent = {}, time.monotonic(), time.process_time()
            for point in so_far.left:
                used = so_far.seconds + time.process_time() - spent
                if stop.is_set() or used >= self.allowance:
                    break
                found[point] = instrument(self.name).rows(subject, point, dict(self.parameters))
                if time.monotonic() - since > SAVE_SECONDS:
                    so_far = self._save(store, so_far, found, time.process_time() - spent)
                    found, since, spent = {}, time.monotonic(), time.process_time()
            if found or not so_far.points:
                so_far = self._save(store, so_far, found, time.process_time() - spent)
        return so_far

    def _save(
        self, store: Store, so_far: Measurement, found: dict[int, list], seconds: float
    ) -> Measurement:
        so_far = so_far.with_rows(found, seconds)
        store.disk.place(so_far.path(store), so_far.to_bytes())
        return so_far
