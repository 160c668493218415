"""One writer a run: a lock that a process holds until it closes it or dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

from grokbook.config import Config
from grokbook.store.files import StoreError


class Busy(StoreError):
    """Another process trains this run."""


def hold(path: Path, config: Config) -> int:
    """Hold the run's lock; closing the handle, or dying, gives it back.

    Raises:
        Busy: naming who holds it.
        StoreError: if it cannot be locked, as on a file system that knows no locks.
    """
    lock = path / "lock"
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(handle, config)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        except BaseException:
            os.close(handle)
            raise
    except OSError as error:
        raise StoreError(f"{lock} cannot be locked: {error.strerror or error}") from None
    return handle


def _take(handle: int, config: Config) -> None:
    for _ in range(5):
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Whoever asks whether a run is being trained holds its lock for an instant.
            time.sleep(0.02)
    holder = os.read(handle, 200).decode(errors="replace").strip() or "another process"
    raise Busy(f"run {config.id} ({config.label}) is being trained by {holder}")
