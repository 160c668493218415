"""The word that every worker of a sweep obeys: train, or stop.

It is a small file in the store, because the store is what all workers share, on one machine as on
a cluster. A signal would reach only processes of this machine, and only those that listen yet.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grokbook.store import StoreError

TRAIN, STOP = "train", "stop"
SECONDS = 0.5
"""Between two looks at the order."""


@dataclass(frozen=True)
class Order:
    """The order of one sweep.

    Attributes:
        path: of its file.
    """

    path: Path

    @property
    def name(self) -> str:
        """Names the sweep."""
        return self.path.name

    def read(self) -> str | None:
        """The word, or None if there is none."""
        # Opened, not looked up: a network file system answers look-ups from a stale cache.
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return None

    def stop(self) -> None:
        """Tell all workers to save and return."""
        # In place, which a full disk allows; a reader between two words obeys as well.
        with contextlib.suppress(OSError):
            self.path.write_text(STOP)

    @classmethod
    @contextmanager
    def given(cls, root: Path) -> Iterator[Order]:
        """A new order to train, withdrawn at the end; what is withdrawn means stop.

        Raises:
            StoreError: if the store cannot be written.
        """
        name = f".sweep-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        order = cls(root / name)
        try:
            root.mkdir(parents=True, exist_ok=True)
            order.path.write_text(TRAIN)
        except OSError as error:
            raise StoreError(
                f"the store {root} cannot be written: {error.strerror or error}"
            ) from None
        try:
            yield order
        finally:
            with contextlib.suppress(OSError):
                order.path.unlink(missing_ok=True)

    @contextmanager
    def obeyed(self, stop: threading.Event) -> Iterator[None]:
        """Set ``stop`` once the order is no longer to train."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(SECONDS):
                with contextlib.suppress(OSError):  # a network that fails for a moment
                    if self.read() != TRAIN:
                        stop.set()
                        return

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
