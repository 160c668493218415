"""Recorded measurements: what instruments found, small enough for git.

    results/measurements.json                 sealed: every file with its facts and its sha256
    results/measurements/<config id>/<instrument>-<digits>.parquet

A config may have been carried out more than once, under other numerics; each execution has its
own measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grokbook.config import Config
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.measurement import FORMAT, Measurement, as_json
from grokbook.numerics import Numerics
from grokbook.store.files import Disk, StoreError, alone, check, read_sealed, seal
from grokbook.store.ledger import note
from grokbook.store.recorded import Results, today


class Recorded:
    """The measurements in a results folder."""

    def __init__(self, results: Results | None = None) -> None:
        self.results = results or Results()
        self.folder = self.results.folder

    def manifest(self) -> dict[str, dict[str, Any]]:
        """Entries by path in the folder; empty if nothing was recorded.

        Raises:
            StoreError: if the manifest was edited by hand, is damaged or of another format.
        """
        path = self.folder / "measurements.json"
        return read_sealed(path, known=FORMAT)["measurements"] if path.exists() else {}

    def places(self) -> dict[str, list[str]]:
        """Name of a recorded execution ↦ paths of what was measured on it, in order.

        Raises:
            StoreError: if a manifest was edited by hand, is damaged or of another format.
        """
        measured: dict[tuple[str, str], list[str]] = {}
        for place, entry in self.manifest().items():
            measured.setdefault((entry["config_id"], entry["numerics_id"]), []).append(place)
        return {
            name: measured.get((name.partition("-")[0], Numerics(**entry["numerics"]).id), [])
            for name, entry in self.results.manifest().items()
        }

    def executions(self) -> dict[str, list[str]]:
        """Config id ↦ names of its executions, the one with most measurements first.

        That one stands for the config, on every page and in every verdict; of several alike, the
        first by name.  What a run came to plays no part.

        Raises:
            StoreError: as `places`.
        """
        found: dict[str, list[str]] = {}
        places = self.places()
        for name in sorted(places, key=lambda name: (-len(places[name]), name)):
            found.setdefault(name.partition("-")[0], []).append(name)
        return found

    def find(
        self, name: str, config: Config, parameters: Mapping[str, Any] | None = None
    ) -> list[Measurement]:
        """An instrument's measurements of a config, one an execution.

        Args:
            name: of the instrument.
            config: of the runs.
            parameters: those not given are at their default.

        Raises:
            StoreError: if a file is damaged.
        """
        wanted = as_json(instrument(name).complete(parameters or {}))
        found = []
        for place, entry in self.manifest().items():
            if (entry["instrument"], entry["config_id"]) != (name, config.id):
                continue
            measurement = self.read(place)
            if measurement.parameters == wanted:
                found.append(measurement)
        return found

    def read(self, place: str) -> Measurement:
        """A measurement by its path in the folder.

        Raises:
            StoreError: if it is not in the manifest, or damaged.
        """
        entry = self.manifest().get(place)
        if entry is None:
            raise StoreError(f"{place} is not in measurements.json")
        if problem := check(self.folder / place, entry):
            raise StoreError(f"recorded measurement {problem}")
        note(place)
        return Measurement.read(self.folder / place)

    def add(self, measurement: Measurement, *, replace: bool = False) -> dict[str, Any]:
        """Record a complete measurement, its errors cut short; the same again changes nothing.

        One that an earlier version of the instrument made, of the same execution with the same
        parameters, goes: two would answer the same question.

        Args:
            measurement: of a run.
            replace: put it in the place of one with other rows, or of a damaged one.

        Raises:
            StoreError: if points are left, or it was recorded before with other rows and
                ``replace`` is not set.
        """
        if not measurement.complete:
            raise StoreError(
                f"{measurement.instrument} of run {measurement.config_id} has "
                f"{len(measurement.left)} of {len(measurement.points)} points left; "
                "only complete measurements are recorded"
            )
        measurement = measurement.with_short_errors()
        place = f"measurements/{measurement.config_id}/{measurement.name}"
        with alone(self.folder):
            manifest = self.manifest()
            if place in manifest and not replace:
                before = Measurement.read(self.folder / place)
                if not before.rows.equals(measurement.reread().rows):
                    raise StoreError(f"{place} is recorded already, with other rows")
                return manifest[place]
            entry = {
                "instrument": measurement.instrument,
                "version": measurement.version,
                "config_id": measurement.config_id,
                "numerics_id": measurement.numerics_id,
                "seconds": measurement.seconds,
                "rows": len(measurement.rows),
                "recorded": today(),
                **Disk().place(self.folder / place, measurement.to_bytes()),
            }
            old = self._superseded(measurement, manifest)
            kept = {key: each for key, each in manifest.items() if key not in old}
            record = {"format": FORMAT, "measurements": kept | {place: entry}}
            Disk().place(self.folder / "measurements.json", seal(record))
            for each in old:
                Disk().remove(self.folder / each)
        return entry

    def _superseded(self, found: Measurement, manifest: Mapping[str, dict[str, Any]]) -> list[str]:
        """Places of what earlier versions measured, where this one did."""
        same = ("instrument", "config_id", "numerics_id")
        return [
            place
            for place, entry in manifest.items()
            if all(entry[name] == getattr(found, name) for name in same)
            and entry["version"] < found.version
            and self.read(place).parameters == found.parameters
        ]

    def verify(self) -> list[str]:
        """Everything that is wrong with the measurements, one line each."""
        try:
            manifest = self.manifest()
        except StoreError as error:
            return [str(error)]
        problems = [
            f"recorded measurement {problem}"
            for place, entry in manifest.items()
            if (problem := check(self.folder / place, entry))
        ]
        known = {self.folder / place for place in manifest}
        return problems + [
            f"{path} is not in measurements.json"
            for path in sorted((self.folder / "measurements").rglob("*"))
            if path.is_file() and path not in known
        ]
