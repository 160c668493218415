"""Where runs live: a local store of run directories, and the recorded results that ship."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grokbook.checks import ConfigError
from grokbook.config import Config
from grokbook.numerics import Numerics
from grokbook.store.files import Disk, DiskFull, StoreError
from grokbook.store.lock import Busy
from grokbook.store.run_directory import RunDirectory

__all__ = ["Busy", "DiskFull", "RunDirectory", "Store", "StoreError", "default_root"]


def default_root() -> Path:
    """``GROKBOOK_STORE`` if set, else ``grokbook`` in the user's cache folder."""
    if named := os.environ.get("GROKBOOK_STORE"):
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "grokbook"


class Store:
    """A folder of runs, by config id and then numerics id.

    Args:
        root: the folder; by default that of `default_root`.
        disk: through which everything in it is written.
    """

    def __init__(self, root: Path | None = None, *, disk: Disk | None = None) -> None:
        self.root = root or default_root()
        self.disk = disk or Disk()

    def open(self, config: Config, numerics: Numerics, **options: Any) -> RunDirectory:
        """The directory of a run, made if need be.

        Raises:
            StoreError: if the folder cannot be written, or the record there was edited.
        """
        path = self.root / "runs" / config.id / numerics.id
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store {self.root} cannot be written: {error.strerror or error}"
            ) from None
        directory = RunDirectory.create(path, config, numerics, disk=self.disk, **options)
        if directory.config.id != config.id:
            raise StoreError(f"{path / 'config.json'} holds another run ({directory.config.label})")
        return directory

    def require_space(self, need: int, what: str = "the run") -> None:
        """Refuse to start what the disk cannot hold.

        Args:
            need: bytes.
            what: names it in the complaint.

        Raises:
            DiskFull: saying what is needed and what is free.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free < need:
            raise DiskFull(
                f"{what} may need {need / 1e9:.2f} GB in {self.root}, and "
                f"{free / 1e9:.2f} GB are free"
            )

    def ended(self, name: str, *, warn: Callable[[str], None] = lambda line: None) -> RunDirectory:
        """The run that has ended and is called so.

        Args:
            name: a config id or the beginning of one; CONFIG-NUMERICS of one that was carried
                out more than once.
            warn: as for `runs`.

        Raises:
            ConfigError: if none is called so, or several are.
        """
        config, dash, numerics = map(glob.escape, name.partition("-"))
        pattern = f"{config}{'' if dash else '*'}/{numerics}*"
        there = self._readable(pattern, warn)
        fitting = [run for run in there if run.ended]
        if not fitting and len(there) == 1:
            (run,) = there
            begun = f"run {run.name} ({run.config.label}) is {run.status} at step {run.step:,}"
            raise ConfigError(f"{begun}; the command that began it goes on with it")
        if len(fitting) != 1:
            which = ", ".join(f"{run.name} ({run.config.label})" for run in fitting)
            line = f"{len(fitting)} finished runs in the store begin with {name!r}"
            raise ConfigError(f"{line}: {which}" if which else line)
        return fitting[0]

    def runs(
        self, config: Config | None = None, *, warn: Callable[[str], None] = lambda line: None
    ) -> list[RunDirectory]:
        """Readable runs, or those of one config under any numerics, furthest first.

        Args:
            config: only this one's.
            warn: called with one line for every run that cannot be read and is passed over.
        """
        return self._readable(f"{config.id if config else '*'}/*", warn)

    def _readable(self, pattern: str, warn: Callable[[str], None]) -> list[RunDirectory]:
        found = []
        for path in sorted(self.root.glob(f"runs/{pattern}/config.json")):
            try:
                found.append(RunDirectory(path.parent))
            except StoreError as error:
                warn(str(error))
        return sorted(found, key=lambda run: -run.step)
