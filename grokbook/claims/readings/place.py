"""Where a claim is read: one cell of one series, at one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from grokbook.claims.shelf import NotedShelf, Shelf
from grokbook.config import Config
from grokbook.instruments.runs import Missing, Run
from grokbook.tasks.dyck import TASK

Value = float | int | None
"""None where the run was cut off by its budget before the thing happened."""

SETTINGS: dict[str, dict[str, Any]] = {
    "dual": {"tasks": ("add", "mul")},
    "tri": {"tasks": ("add", "mul", "sq")},
    "dyck": {"tasks": (TASK,)},
} | {task: {"tasks": (task,)} for task in ("add", "mul", "sub", "sq")}
"""Of the papers: what is trained together.  A single task is trained on its published domain."""


def setting_of(config: Config) -> str:
    """The one of `SETTINGS` whose tasks a config trains.

    >>> from grokbook.config import DyckConfig
    >>> setting_of(DyckConfig())
    'dyck'
    """
    return {fields["tasks"]: name for name, fields in SETTINGS.items()}[config.tasks]


SINGLE = ("add", "mul", "sub", "sq")
MATRICES = tuple(f"{layer}.{kind}" for layer in (0, 1) for kind in ("W_Q", "W_K", "W_V", "W_O"))
STRONG, WEAK = (1.0, 0.5), (0.3, 0.2, 0.1)


@dataclass(frozen=True, eq=False)
class Place:
    """One cell at one seed.

    Attributes:
        labels: name ↦ value, as the claim's criterion has them: ``weight decay``, ``task``, …;
            ``item`` is what an ordering orders, and stands for any name that is not there.
        seed: of the runs.
        shelf: where they are.
    """

    labels: Mapping[str, str]
    seed: int
    shelf: Shelf | NotedShelf

    def __getitem__(self, name: str) -> str:
        return self.labels[name] if name in self.labels else self.labels["item"]

    @property
    def decay(self) -> float:
        """The cell's weight decay."""
        return float(self["weight decay"])

    def config(self, setting: str, weight_decay: float, **changes: Any) -> Config:
        """The config of a run at this seed.

        Raises:
            Missing: for a setting that nothing can train yet.
        """
        if setting not in SETTINGS:
            raise Missing(f"there is no {setting} yet")
        return _config(setting, **{"weight_decay": weight_decay, "seed": self.seed} | changes)

    def run(self, setting: str, weight_decay: float = 1.0, **changes: Any) -> Run:
        """A run at this seed.

        Raises:
            Missing: if it is not there.
        """
        return self.shelf.run(self.config(setting, weight_decay, **changes))

    def every(self, setting: str, weight_decay: float = 1.0, **changes: Any) -> list[Run]:
        """The runs of all seeds that are there, in the order of the seeds."""
        found = []
        for seed in self.shelf.seeds:
            try:
                found.append(self.run(setting, weight_decay, seed=seed, **changes))
            except Missing:
                continue
        return found

    def next(self, setting: str, weight_decay: float = 1.0, **changes: Any) -> Run:
        """The run of the next seed, after the last one that of the first.

        Raises:
            Missing: if there is no other seed, or none of this one.
        """
        runs = self.every(setting, weight_decay, **changes)
        names = [run.name for run in runs]
        own = self.run(setting, weight_decay, **changes).name
        if len(runs) < 2:
            raise Missing(f"{own} has no run of another seed beside it")
        return runs[(names.index(own) + 1) % len(runs)]


@cache  # a board asks for the same few configs thousands of times, and each hashes itself once
def _config(setting: str, **changes: Any) -> Config:
    fields = SETTINGS[setting] | changes
    return Config.of(fields["tasks"])(**fields)


Reader = Callable[[Place], Value | Mapping[str, Value]]
"""Of one cell and seed; several runs of one seed are told apart by a text after the seed."""


def each(keys: Iterable[Any], read: Callable[[Any], Value]) -> dict[str, Value]:
    """One number a key, for keys that name runs of one seed; those that are missing are left out.

    Raises:
        Missing: if all are.
    """
    found: dict[str, Value] = {}
    for key in keys:
        try:
            found[f", {key}"] = read(key)
        except Missing:
            continue
    if not found:
        raise Missing("none of the runs is recorded")
    return found


def by_strength(at: Place, read: Callable[[Run], Value]) -> Value | dict[str, Value]:
    """Of the item's decay; ``strong`` and ``weak`` stand for several."""
    name = at["decay"]
    groups = {"strong": STRONG, "weak": WEAK}
    if name not in groups:
        return read(at.run(at["setting"], float(name)))
    return each(groups[name], lambda decay: read(at.run(at["setting"], decay)))


def minus(a: Value, b: Value) -> Value:
    """The difference a − b; None if either was cut off."""
    return None if a is None or b is None else a - b


def mean(values: Iterable[Value]) -> Value:
    """The mean; None if any was cut off."""
    values = list(values)
    return None if None in values else float(np.mean(values))


def geometric(values: Iterable[float]) -> float:
    """The geometric mean of positive numbers."""
    return float(np.exp(np.mean(np.log(list(values)))))


def slope(x: Iterable[float], y: Iterable[float]) -> float:
    """Of the least-squares line; the simplest fit of a claim's protocol, without an interval.

    >>> slope([1, 2, 3], [2, 4, 6])
    2.0
    """
    x, y = (np.asarray(list(values), dtype=float) for values in (x, y))
    x = x - x.mean()
    return float(x @ y / (x @ x))
