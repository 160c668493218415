"""What the configurations of all tasks share: model, optimiser, seeds, changes, identity."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache, cached_property
from typing import Any, ClassVar

from grokbook.changes import (
    RESET,
    SWITCHABLE,
    SYMBOLS,
    Intervention,
    Switch,
    as_intervention,
    as_schedule,
    short,
)
from grokbook.checks import ConfigError, integer, number

_OPTIONS = ("modulus", "train_fraction", "learning_rate")
"""Fields that ``grokbook train`` has an option of its own for."""


@cache
def _defaults(kind: type) -> dict[str, Any]:
    return {f.name: f.default for f in fields(kind) if f.default is not MISSING}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training run; a subclass adds what is learned.

    Attributes:
        layers, width, heads, hidden: of the model.
        learning_rate, beta1, beta2, epsilon, weight_decay: AdamW's, decay decoupled and on all
            parameters.
        clip_norm: global gradient norm above which the gradient is rescaled.
        batch_size: examples a step, drawn with replacement.
        seed: default of the seeds below, and of those that a subclass adds.
        init_seed, batch_seed: of the initial weights and the batches.
        schedule: switches of `grokbook.changes.SWITCHABLE` fields during the run, and resets of
            the optimiser, in order, at most one a field and step; their fields or texts will do.
        intervention: on the updates, or None; one of strength 0 is none.

    Raises:
        ConfigError: if a field is not of its kind or out of its range.
    """

    tasks: tuple[str, ...]
    layers: int = 2
    width: int = 128
    heads: int = 4
    hidden: int = 256
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8
    weight_decay: float = 1.0
    clip_norm: float = 1.0
    batch_size: int
    seed: int = 42
    init_seed: int | None = None
    batch_seed: int | None = None
    schedule: tuple[Switch, ...] = ()
    intervention: Intervention | None = None

    known: ClassVar[tuple[str, ...]] = ()
    """Names of the tasks that a class is for."""
    seeds: ClassVar[tuple[str, ...]] = ("init_seed", "batch_seed")
    """Fields that are ``seed`` by default; runs in which all are equal are named by one."""
    stops: ClassVar[bool] = True
    """Do the published runs stop once they have grokked?"""
    _classes: ClassVar[list[type[Config]]] = []

    def __init_subclass__(cls) -> None:
        Config._classes.append(cls)

    # --- checks -----------------------------------------------------------------------------

    def _check_shared(self) -> None:
        for name in ("layers", "width", "heads", "hidden", "batch_size"):
            self._check(integer, name, low=1)
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} is not a multiple of heads {self.heads}")
        self._check(number, "epsilon", low=0, open_low=True)
        for name, bounds in SWITCHABLE.items():
            self._check(number, name, **bounds)
        first = {name: getattr(self, name) for name in SWITCHABLE}
        self._set("schedule", as_schedule(self.schedule, first))
        self._set("intervention", as_intervention(self.intervention))
        for name in ("beta1", "beta2"):
            self._check(number, name, low=0, high=1, open_high=True)
        for name in ("seed", *self.seeds):
            if getattr(self, name) is None:
                self._set(name, self.seed)
            self._check(integer, name, low=0, high=2**32 - 1)

    def _check(self, kind: Callable[..., Any], name: str, **bounds: Any) -> None:
        self._set(name, kind(name.replace("_", " "), getattr(self, name), **bounds))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # frozen for everybody else

    # --- what a subclass says of its task ---------------------------------------------------

    @property
    @abstractmethod
    def published_steps(self) -> int:
        """Budget of the published runs."""

    @property
    @abstractmethod
    def most_items(self) -> int:
        """Upper bound on how many answers an evaluation writes down for each task."""

    @abstractmethod
    def table(self) -> Any:
        """What is learned: a `grokbook.tasks.examples.Examples`."""

    @property
    def title(self) -> str:
        """What is learned, as a person says it."""
        return " + ".join(self.tasks)

    def _default(self, name: str, value: Any) -> bool:
        """Is a field what it is when nobody says otherwise?"""
        defaults = _defaults(type(self))
        return name in defaults and value == defaults[name]

    # --- identity ---------------------------------------------------------------------------

    def dynamics(self) -> dict[str, Any]:
        """The fields that the dynamics depend on, in canonical form: what the config id hashes.

        Fields at their default are left out, so a field added later changes no id; numbers are
        floats or integers by their kind, so 1 and 1.0 are the same decay.
        """
        values = self._ordered()
        seeds = {name: values.pop(name) for name in self.seeds}
        seeds = {name: seed for name, seed in seeds.items() if seed is not None}
        del values["seed"]
        if self.intervention is not None:
            values["intervention"] = self.intervention.facts()
        canonical = {
            name: value
            for name, value in values.items()
            if name == "tasks" or not self._default(name, value)
        }
        # Equal seeds are one seed, wherever they were written.
        if len(set(seeds.values())) == 1:
            canonical["seed"] = next(iter(seeds.values()))
        else:
            canonical |= seeds
        return canonical

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every field: the tasks, what a subclass adds, then the rest."""
        every, shared = ([f.name for f in fields(kind)] for kind in (cls, Config))
        own = [name for name in every if name not in shared]
        return tuple(dict.fromkeys(["tasks", *own, *shared]))

    def _ordered(self) -> dict[str, Any]:
        values = asdict(self)
        return {name: values[name] for name in self.names()}

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that name this run's dynamics for ever."""
        text = json.dumps(self.dynamics(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def label(self) -> str:
        """What a person calls the run; two runs with one label have one id."""
        rest = self.dynamics()
        del rest["tasks"]
        parts = [self.title, f"λ = {short(self.weight_decay)}"]
        rest.pop("weight_decay", None)
        seeds = {name: rest.pop(name) for name in ("seed", *self.seeds) if name in rest}
        for name in ("schedule", "intervention"):
            rest.pop(name, None)
        parts += [words(name, value) for name, value in rest.items()]
        parts += [switch.words for switch in self.schedule]
        if self.intervention is not None:
            parts.append(self.intervention.words)
        return ", ".join([*parts, *(f"{k.replace('_', ' ')} {v}" for k, v in seeds.items())])

    @property
    def command(self) -> str:
        """The command that trains this run."""
        rest = self.dynamics()
        tasks = ",".join(rest.pop("tasks"))
        said = [f"grokbook train --tasks {tasks} --weight-decay {short(self.weight_decay)}"]
        for name in ("weight_decay", "schedule", "intervention"):
            rest.pop(name, None)
        if "seed" in rest:
            said.append(f"--seed {rest.pop('seed')}")
        for name, value in rest.items():
            said.append(
                f"--{name.replace('_', '-')} {short(value)}"
                if name in _OPTIONS
                else f"--set {name}={short(value)}"
            )
        said += [f"--switch {switch.text}" for switch in self.schedule]
        if self.intervention is not None:
            said.append(f"--intervene {self.intervention.text}")
        return " ".join(said)

    # --- changes during the run -------------------------------------------------------------

    def value_at(self, field: str, step: int) -> float:
        """The value of a field of `grokbook.changes.SWITCHABLE` for the update after ``step``."""
        if field not in SWITCHABLE:
            raise ConfigError(f"a schedule sets {', '.join(SWITCHABLE)}, not {field!r}")
        value = getattr(self, field)
        for switch in self.schedule:
            if switch.field == field and switch.step <= step:
                value = switch.value
        return value

    @property
    def resets(self) -> tuple[int, ...]:
        """Updates made when the optimiser's moments are set to zero, ascending."""
        return tuple(switch.step for switch in self.schedule if switch.field == RESET)

    # --- stored ------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Every field, resolved, as JSON types."""
        values = self._ordered()
        return values | {"tasks": list(self.tasks), "schedule": list(values["schedule"])}

    @staticmethod
    def from_json(values: dict[str, Any]) -> Config:
        """The inverse of `to_json`, of the class that the tasks are of.

        Raises:
            ConfigError: naming a task or a field that there is not.
        """
        kind = Config.of(values.get("tasks", ()))
        unknown = sorted(set(values) - {f.name for f in fields(kind)})
        if unknown:
            raise ConfigError(f"unknown field in a run's config: {', '.join(unknown)}")
        return kind(**({"tasks": ()} | values))

    @staticmethod
    def of(tasks: Any) -> type[Config]:
        """The class for some tasks, by the first of them; for an unknown one the first class."""
        if isinstance(tasks, str):
            tasks = [name.strip() for name in tasks.split(",")]
        first = next(iter(tasks), None) if isinstance(tasks, tuple | list) else None
        return next((kind for kind in Config._classes if first in kind.known), Config._classes[-1])


_PHRASES = {"labels": "{} labels", "init_scale": "initial weights × {}"}
"""Fields that are not said as a name and a value."""


def words(name: str, value: Any) -> str:
    """A field as a person reads it.

    >>> words("weight_decay", 0.5), words("train_fraction", 0.6), words("tasks", ("add", "mul"))
    ('λ = 0.5', 'train fraction 0.6', 'tasks add + mul')
    >>> words("labels", "random"), words("init_scale", 0.25)
    ('random labels', 'initial weights × 0.25')
    """
    if name in _PHRASES:
        return _PHRASES[name].format(short(value))
    if name == "schedule":
        return ", ".join(switch.words for switch in as_schedule(value, {}))
    text = " + ".join(map(short, value)) if isinstance(value, list | tuple) else short(value)
    return f"{SYMBOLS.get(name, name.replace('_', ' '))} {text}"
