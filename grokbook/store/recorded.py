"""Recorded results: the measurements that ship with the book, small enough for git.

results/manifest.json               sealed: every run with its config, numerics, hardware,
                                    seconds, grok steps and the sha256 of its files
results/runs/<config id>/             of an execution after the first: <config id>-<numerics id>/
  metrics.parquet                   the same numbers to the bit, in three fifths of the bytes
  answers.npz                       the same answers, pair by pair over time, plateaus thinned
  gram.npz                          Gram matrices of ≤ 64 global snapshots, packed, float32;
                                    not of a run with an intervention
  weights.safetensors               of some runs: all parameters at the last step
  heads.safetensors                 of others: of those the readouts alone
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy as safetensors

from grokbook.config import Config
from grokbook.numerics import Numerics, hardware
from grokbook.record import RunRecord
from grokbook.store import compact
from grokbook.store.derived import HEAD_PREFIX, Grams, gram_file, measured, weights_file
from grokbook.store.files import Disk, StoreError, alone, check, read_sealed, seal
from grokbook.store.ledger import note
from grokbook.store.run_directory import RunDirectory
from grokbook.store.saved_run import FORMAT
from grokbook.store.verifying import problems

_WEIGHTS_FILE, _HEADS_FILE = "weights.safetensors", "heads.safetensors"


class NotRecorded(StoreError):
    """No recorded run is called so, or several are, or without what was asked for."""


def default_folder() -> Path:
    """``GROKBOOK_RESULTS`` if set, else ``results`` beside the package."""
    named = os.environ.get("GROKBOOK_RESULTS")
    return Path(named).expanduser() if named else Path(__file__).resolve().parents[2] / "results"


def today() -> str:
    """The date, in UTC, as results carry it."""
    return datetime.now(UTC).date().isoformat()


class Results:
    """The recorded results in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def manifest(self) -> dict[str, Any]:
        """Runs by config id; empty if nothing was recorded.

        Raises:
            StoreError: if the manifest was edited by hand, is damaged or of another format.
        """
        path = self.folder / "manifest.json"
        if not path.exists():
            return {}
        return read_sealed(path, known=FORMAT)["runs"]

    def executions(self, config: Config) -> list[RunRecord]:
        """Every recorded execution of a config, the first one first; their files are checked.

        Equal configs under other numerics differ by rounding alone, and rounding grows: how far
        their grok steps lie apart is the noise below which no difference of two runs counts.
        """
        entries = {
            name: entry
            for name, entry in self.manifest().items()
            if name.partition("-")[0] == config.id
        }
        return [self._read(config, entries[name], name) for name in sorted(entries)]

    def weights(self, config: Config, execution: str = "") -> dict[str, np.ndarray]:
        """Parameters by name at the last step.

        Args:
            config: of the run.
            execution: by name; by default the last one, by name, that has them.

        Raises:
            NotRecorded: if none was recorded.
            StoreError: if the file is damaged.
        """
        return self._parameters(config, execution, (_WEIGHTS_FILE,))

    def heads(self, config: Config, execution: str = "") -> dict[str, np.ndarray]:
        """Readouts, ``heads.k.weight`` and ``heads.k.bias``, at the last step; as `weights`."""
        found = self._parameters(config, execution, (_HEADS_FILE, _WEIGHTS_FILE))
        return {name: matrix for name, matrix in found.items() if name.startswith(HEAD_PREFIX)}

    def _parameters(self, config: Config, execution: str, files: tuple[str, ...]) -> dict[str, Any]:
        """What the first of the files holds that there is."""
        for name, entry in sorted(self.manifest().items(), reverse=True):
            meant = execution in ("", name) and name.partition("-")[0] == config.id
            for file in files if meant else ():
                if (facts := entry["files"].get(file)) is not None:
                    return safetensors.load(self._content(name, file, facts))
        raise NotRecorded(f"no weights of run {config.id} ({config.label}) are recorded")

    def grams(self, name: str) -> Grams:
        """Inner products of the displacements of a recorded execution.

        Raises:
            StoreError: if it was not recorded, or without them, or the file is damaged.
        """
        entry = self.manifest().get(name)
        if entry is None:
            raise StoreError(f"run {name} is not recorded")
        if "gram.npz" not in entry["files"]:
            raise StoreError(f"run {name} ({entry['label']}) is recorded without inner products")
        return Grams.read(self._content(name, "gram.npz", entry["files"]["gram.npz"]))

    def get(self, run: str) -> RunRecord:
        """A record by config id, an unambiguous beginning of one, or an execution's whole name.

        A config id or its beginning gives the first execution of the config; a later one, under
        other numerics, answers to its name in the manifest (`CONFIG-NUMERICS`).

        Raises:
            NotRecorded: if none or several fit.
            StoreError: if the manifest or a file of the record is damaged.
        """
        manifest = self.manifest()
        first = [name for name in manifest if name.startswith(run) and "-" not in name]
        fitting = [run] if run in manifest else first
        if len(fitting) != 1:
            several = ", ".join(f"{name} ({manifest[name]['label']})" for name in fitting)
            known = several or f"{len(manifest)} are recorded; grokbook runs lists them"
            raise NotRecorded(f"{len(fitting) or 'no'} recorded runs begin with {run!r}: {known}")
        entry = manifest[fitting[0]]
        return self._read(Config.from_json(entry["config"]), entry, fitting[0])

    def _read(self, config: Config, entry: dict[str, Any], name: str) -> RunRecord:
        note(f"runs/{name}")
        names = ("metrics.parquet", "answers.npz")
        return RunRecord.read(
            config,
            {file: self._content(name, file, entry["files"][file]) for file in names},
            status=entry["status"],
            seconds=entry["seconds"],
            source="recorded",
            numerics=entry["numerics"],
            hardware=entry["hardware"],
        )

    def _content(self, name: str, file: str, facts: dict[str, Any]) -> bytes:
        """A file of a recorded execution, checked."""
        path = self.folder / "runs" / name / file
        if problem := check(path, facts):
            raise StoreError(f"recorded result {problem}")
        return path.read_bytes()

    def add(
        self,
        run: RunDirectory,
        *,
        replace: bool = False,
        again: bool = False,
        weights: bool = False,
        heads: bool = False,
        allow_partial: bool = False,
        basis: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Record a run of the store: measurements, Gram matrices, manifest entry.

        Args:
            run: in the store.
            replace: put it in the place of a record that differs.
            again: where another execution of the config is recorded, put it beside that one.
            weights: record its last parameters, too; a run recorded with them keeps them.
            heads: of its last parameters the readouts alone, likewise.
            allow_partial: record it also if it has not ended, with the status ``"partial"``, as
                far as it has come.  A later record of the same run, begun with the same rows,
                takes the place of a partial one.
            basis: what the basis of its intervention was measured by, and on which run; its hash
                alone tells no reader.

        Raises:
            StoreError: if the run has not ended and may not be partial, a file of it is damaged,
                or it was recorded before with other measurements and neither ``replace`` nor
                ``again`` is set.
        """
        if not (run.ended or allow_partial):
            raise StoreError(
                f"run {run.config.id} ({run.config.label}) is {run.status} at step "
                f"{run.step}; only finished runs are recorded"
            )
        found = measured(run)
        record = RunRecord.read(
            run.config,
            found.files,
            status=found.status,
            seconds=run.seconds,
            source="store",
            numerics=run.numerics,
            hardware=run.hardware,
        )
        content = dict(found.files)
        if compact.products_are_kept(run.config):
            content["gram.npz"] = gram_file(run)
        data = compact.files(record, content)
        with alone(self.folder):
            manifest, disk = self.manifest(), Disk()
            name = run.config.id
            if again and name in manifest and manifest[name]["numerics"] != run.numerics:
                name = run.name
            before = manifest.get(name)
            stands = before and not replace
            if stands and not record.continues(self._read(run.config, before, name)):
                raise StoreError(_refusal(run, before))
            kept = before["files"] if before else {}
            if weights or _WEIGHTS_FILE in kept:
                data[_WEIGHTS_FILE] = weights_file(run)
            elif heads or _HEADS_FILE in kept:
                data[_HEADS_FILE] = weights_file(run, HEAD_PREFIX)
            if before:  # until all its files are replaced, the record does not count
                rest = {key: other for key, other in manifest.items() if key != name}
                disk.place(self.folder / "manifest.json", seal({"format": FORMAT, "runs": rest}))
            folder = self.folder / "runs" / name
            entry = {
                "label": run.config.label,
                "config": run.config.to_json(),
                "numerics": run.numerics,
                "plan": run.marker["plan"],
                "status": found.status,
                "steps": found.step,
                "seconds": run.seconds,
                "hardware": run.hardware or hardware(),
                "grok_steps": {task: record.grok_steps(task) for task in run.config.tasks},
                "recorded": today(),
                "files": {
                    file: disk.place(folder / file, content) for file, content in data.items()
                },
            }
            if before and before["files"] == entry["files"]:
                entry["recorded"] = before.get("recorded", entry["recorded"])
            if basis is not None:
                entry["basis"] = dict(basis)
            runs = manifest | {name: entry}
            disk.place(self.folder / "manifest.json", seal({"format": FORMAT, "runs": runs}))
            for file in (before or entry)["files"].keys() - data.keys():
                (folder / file).unlink()
        return entry

    def verify(self) -> list[str]:
        """Everything that is wrong with the folder, one line each; a damaged file is named."""
        try:
            manifest = self.manifest()
        except StoreError as error:
            return [str(error)]
        return problems(self.folder, manifest, self._read)


def _refusal(run: RunDirectory, before: Mapping[str, Any]) -> str:
    """Why a run does not take the place of what is recorded, and what would do."""
    line = (
        f"run {run.config.id} ({run.config.label}) is recorded already, with other measurements: "
        f"{before['steps']:,} steps under numerics {Numerics(**before['numerics']).id}, and this "
        f"one {run.step:,} under {Numerics(**run.numerics).id}"
    )
    if before["numerics"] == run.numerics:
        return f"{line}; --replace puts it in the other's place"
    return f"{line}; --again puts it beside the other, --replace in its place"
