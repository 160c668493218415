"""File operations that can be interrupted at any moment without leaving half a file.

Everything that writes goes through one `Disk`, so that a test can make any single operation
fail, or stop the world there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from grokbook import __version__


class StoreError(RuntimeError):
    """Something is wrong with stored data or with the disk; the message is one line."""


class DiskFull(StoreError):
    """No space is left; what was complete before is still complete."""


class Disk:
    """The few operations that a store is made of."""

    def write(self, path: Path, data: bytes) -> None:
        """Write and sync a file that must not exist yet."""
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Put a finished file in its place, over an older one if there is one."""
        os.replace(source, target)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there."""
        path.unlink(missing_ok=True)

    def place(self, path: Path, data: bytes) -> dict[str, Any]:
        """Write beside, sync, rename.

        Returns:
            The file's entry in a marker (`entry_of`).

        Raises:
            DiskFull: naming the file; nothing is left of the attempt.
        """
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(beside, data)
            self.rename(beside, path)
            self.sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"the disk is full: {path.name} ({len(data) / 1e6:.1f} MB) could "
                    f"not be written in {path.parent}"
                ) from error
            raise StoreError(f"{path} could not be written: {error.strerror or error}") from error
        return entry_of(data)


def entry_of(data: bytes | memoryview) -> dict[str, Any]:
    """A file's entry in a marker: bytes and sha256.

    >>> entry_of(b"")["sha256"][:8], entry_of(b"")["bytes"]
    ('e3b0c442', 0)
    """
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time changes what a folder holds; the others wait.

    Raises:
        StoreError: if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def seal(record: dict[str, Any]) -> bytes:
    """A JSON record with a checksum of itself, so that an edit by hand is noticed."""
    body = {name: value for name, value in record.items() if name != "seal"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    body["seal"] = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def read_sealed(path: Path, *, known: int | None = None) -> dict[str, Any]:
    """Read a sealed record.

    Args:
        path: of the file.
        known: the format that its ``format`` must name; None for a record without one.

    Raises:
        StoreError: if it is missing, is not JSON, was changed after it was written, or is of
            another format.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{path} is missing") from None
    record = unseal(content, str(path))
    if known is not None:
        require_format(record.get("format"), known, str(path))
    return record


def unseal(content: bytes, what: str) -> dict[str, Any]:
    """A sealed record from its bytes.

    Args:
        content: as `seal` gives it.
        what: names it in complaints.

    Raises:
        StoreError: if it is not JSON, or was changed after it was written.
    """
    try:
        record = json.loads(content)
    except (ValueError, UnicodeDecodeError):
        raise StoreError(f"{what} is damaged: it is not JSON") from None
    if not isinstance(record, dict) or not _fits(content):
        raise StoreError(
            f"{what} was changed after it was written (its checksum does not fit); "
            "restore it, or move it away"
        )
    return record


def require_format(found: Any, known: int, what: str) -> None:
    """Refuse what was written in another format than this version reads.

    Args:
        found: the format that it names.
        known: the format that is read.
        what: names it in complaints.

    Raises:
        StoreError: naming both.
    """
    if found != known:
        raise StoreError(
            f"{what} is of another version: its format is {found}, and grokbook {__version__} "
            f"reads format {known}"
        )


@lru_cache(maxsize=32)
def _fits(content: bytes) -> bool:
    """Does a record's checksum fit?  A board reads the same two manifests hundreds of times."""
    record = json.loads(content)
    return record.get("seal") == json.loads(seal(record))["seal"]


def check(path: Path, entry: dict[str, Any]) -> str | None:
    """What is wrong with a file, given its entry in a marker; None if nothing is."""
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"{path} is damaged: {size} bytes instead of {entry['bytes']}"
    if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
        return f"{path} is damaged: its checksum does not fit"
    return None
