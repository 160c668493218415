"""Measurements as a store sees them: files that say whose they are and how far they have come.

    measurements/<config id>/<instrument>-<8 hex digits>.parquet

The digits hash what the rows depend on besides the run's config: the instrument's version and
parameters, the numerics under which the run was trained, its last step, and the run of another
seed that serves as a control, where the instrument uses one.  The file's metadata holds these
facts; pages carry checksums.  What the rows say is the business of
`grokbook.instruments.measurement`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from grokbook.store import Busy, RunDirectory, Store, parquet
from grokbook.store.files import DiskFull, StoreError, require_format

FORMAT = 1


@dataclass(frozen=True, eq=False)  # with rows added, equal facts are not enough
class Facts:
    """What a measurement says of itself.

    Attributes:
        instrument, version: that measured.
        parameters: with which, all of them, as JSON types.
        config_id, numerics_id, run_step: of the run.
        sibling: config and numerics id of the run of another seed that served as a control; empty
            if none did.
        points: every step that is to be measured.
        measured: those that have been.
        seconds: core-seconds spent.
    """

    instrument: str
    version: int
    parameters: dict[str, Any]
    config_id: str
    numerics_id: str
    run_step: int
    sibling: str
    points: tuple[int, ...]
    measured: tuple[int, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Has every point been measured?"""
        return set(self.points) <= set(self.measured)

    @property
    def left(self) -> tuple[int, ...]:
        """Points still to be measured, in order."""
        return tuple(point for point in self.points if point not in self.measured)

    @property
    def name(self) -> str:
        """Of its file."""
        facts = [self.version, self.parameters, self.numerics_id, self.run_step, self.sibling]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return f"{self.instrument}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.parquet"

    def path(self, store: Store) -> Path:
        """Where it lies, or will."""
        return store.root / "measurements" / self.config_id / self.name


def read(data: bytes, what: str) -> tuple[pa.Table, Facts]:
    """The rows of a measurement's file, its pages checked, and what it says of itself.

    Args:
        data: of the file.
        what: names it in complaints.

    Raises:
        StoreError: if it is damaged, or of another format.
    """
    try:
        table = parquet.table(data)
        values = json.loads(table.schema.metadata[b"grokbook"])
        version = values.pop("format", None)
    except (OSError, pa.ArrowException, AttributeError, KeyError, TypeError, ValueError):
        raise StoreError(f"{what} is damaged: it is no measurement") from None
    require_format(version, FORMAT, what)
    try:
        return table, _facts(values)
    except (KeyError, TypeError):
        raise StoreError(f"{what} is damaged: it is no measurement") from None


def _facts(values: dict[str, Any]) -> Facts:
    steps = {name: tuple(values[name]) for name in ("points", "measured")}
    facts = Facts(**values | steps)
    for number in (facts.version, facts.run_step, *facts.points, *facts.measured):
        if type(number) is not int:
            raise TypeError
    return facts


def measurements_of(
    run: RunDirectory, step: int, warn: Callable[[str], None] = lambda line: None
) -> dict[str, bytes]:
    """What was measured on a run: the bytes of the files by name.

    Args:
        run: of a store.
        step: updates made; what was measured on the run when it was further is passed over.
        warn: called with one line for every file that is damaged or passed over.
    """
    folder, found = run.path.parents[2] / "measurements" / run.config.id, {}
    for path in sorted(folder.glob("[!.]*.parquet")):
        try:
            data = path.read_bytes()
            _, facts = read(data, str(path))
        except (StoreError, OSError) as problem:
            warn(str(problem))
            continue
        if facts.numerics_id != run.path.name:
            continue
        if facts.run_step > step:
            warn(f"{path.name}, which was measured on step {facts.run_step:,}")
            continue
        found[path.name] = data
    return found


@contextmanager
def sole(path: Path) -> Iterator[None]:
    """Hold a measurement's lock; dying gives it back.

    Raises:
        Busy: if another process holds it.
        StoreError: if it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be written: {error.strerror or error}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{path.name} is being measured by another process") from None
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Merged:
    """What became of a measurement that came from elsewhere.

    Attributes:
        name: of its file.
        points: measured, of the one that came.
        outcome: ``"added"``; ``"replaced"`` one that was less far; ``"kept"`` the store's own,
            which is as far or further; ``"skipped"``.
        why: what stood in the way, if it was skipped; else empty.
    """

    name: str
    points: int
    outcome: str
    why: str = ""


def merge(data: bytes, store: Store) -> Merged:
    """Put a measurement that comes from elsewhere in its place, unless it brings nothing new.

    Args:
        data: of its file, whole and of a run of the store or of one that is still to come.
        store: that it goes to.

    Raises:
        DiskFull: what was there is as it was.
    """
    _, facts = read(data, "the measurement")
    path = facts.path(store)

    def here() -> int:
        """Points measured; -1 where there is nothing."""
        return len(read(path.read_bytes(), str(path))[1].measured) if path.exists() else -1

    def outcome(word: str, why: str = "") -> Merged:
        return Merged(facts.name, len(facts.measured), word, why)

    try:
        if here() >= len(facts.measured):
            return outcome("kept")
        with sole(path):
            before = here()  # it may have gone on until the lock was ours
            if before >= len(facts.measured):
                return outcome("kept")
            store.disk.place(path, data)
    except DiskFull:
        raise
    except (StoreError, OSError) as error:
        return outcome("skipped", str(error))
    return outcome("added" if before < 0 else "replaced")
