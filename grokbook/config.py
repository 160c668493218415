"""What a run is: a frozen, validated record of everything that its dynamics depend on.

The *config id* is a hash of those fields alone.  How long a run is trained, how often it is
measured and where it is stored are not part of it (see `grokbook.plan.Plan`), so the
same run can be trained further without becoming another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from grokbook.changes import (
    SWITCHABLE,
    Intervention,
    Switch,
    as_intervention,
    as_schedule,
    short,
)
from grokbook.checks import ConfigError, integer, number
from grokbook.tasks import modular
from grokbook.tasks.modular import Table

_SEEDS = ("split_seed", "init_seed", "batch_seed")
_SYMBOLS = {"learning_rate": "η =", "modulus": "p =", "weight_decay": "λ ="}


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run of the shared-trunk transformer (2602.18523, sections 2 and 3).

    Attributes:
        tasks: names from `grokbook.tasks.modular.OPERATIONS`; stored in registry order, which
            is the order of the heads and of their initial draws.
        modulus: p; the vocabulary is 0 … p−1.
        domain: ``"full"`` (operands 0 … p−1) or ``"nonzero"`` (1 … p−1); by default the
            published one: full for a single task other than mul, nonzero otherwise.
        train_fraction: share of all pairs trained on; the split takes ⌊fraction · N⌋.
        split: ``"published"`` shuffles pairs; ``"symmetric"`` shuffles their orbits under the
            symmetries of all the run's tasks and keeps each on one side, without any symmetry the
            same (see `grokbook.tasks.modular.Table.make`).
        layers, width, heads, hidden: of the encoder.
        learning_rate, beta1, beta2, epsilon, weight_decay: AdamW's, decay decoupled and on all
            parameters.
        clip_norm: global gradient norm above which the gradient is rescaled.
        batch_size: pairs a step, drawn with replacement.
        seed: default of the three seeds below.
        split_seed, init_seed, batch_seed: of the train/test split, the initial weights and the
            batches.
        schedule: switches of `grokbook.changes.SWITCHABLE` fields during the run, in order, at
            most one a field and step; their fields or texts will do.
        intervention: on the updates, or None; one of strength 0 is none.

    Raises:
        ConfigError: if a field is not of its kind or out of its range.

    >>> RunConfig(tasks=("mul", "add")).tasks
    ('add', 'mul')
    >>> RunConfig(tasks=("add", "mul"), seed=42).id == RunConfig(
    ...     tasks=("add", "mul"), seed=42, weight_decay=1).id
    True
    """

    tasks: tuple[str, ...]
    modulus: int = 97
    domain: str | None = None
    train_fraction: float = 0.5
    split: str = "published"
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
    batch_size: int = 512
    seed: int = 42
    split_seed: int | None = None
    init_seed: int | None = None
    batch_seed: int | None = None
    schedule: tuple[Switch, ...] = ()
    intervention: Intervention | None = None

    def __post_init__(self) -> None:
        try:
            self._set("tasks", modular.canonical_tasks(self.tasks))
            self._set("modulus", integer("modulus", self.modulus, low=3, high=65_521))
            if self.domain is None:
                self._set("domain", modular.default_domain(self.tasks))
            modular.check_domain(self.tasks, self.modulus, self.domain)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for name in ("layers", "width", "heads", "hidden", "batch_size"):
            self._check(integer, name, low=1)
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} is not a multiple of heads {self.heads}")
        self._check(number, "train_fraction", low=0, high=1, open_low=True, open_high=True)
        self._check(number, "epsilon", low=0, open_low=True)
        for name, bounds in SWITCHABLE.items():
            self._check(number, name, **bounds)
        first = {name: getattr(self, name) for name in SWITCHABLE}
        self._set("schedule", as_schedule(self.schedule, first))
        self._set("intervention", as_intervention(self.intervention))
        for name in ("beta1", "beta2"):
            self._check(number, name, low=0, high=1, open_high=True)
        for name in ("seed", *_SEEDS):
            if getattr(self, name) is None:
                self._set(name, self.seed)
            self._check(integer, name, low=0, high=2**32 - 1)
        drawn = (self.tasks, self.modulus, self.domain, self.train_fraction)
        try:
            self._set("split", modular.check_split(*drawn, self.split))
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def _check(self, kind: Callable[..., Any], name: str, **bounds: Any) -> None:
        self._set(name, kind(name.replace("_", " "), getattr(self, name), **bounds))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # frozen for everybody else

    def dynamics(self) -> dict[str, Any]:
        """The fields that the dynamics depend on, in canonical form: what the config id hashes.

        Fields at their default are left out, so a field added later changes no id; numbers are
        floats or integers by their kind, so 1 and 1.0 are the same decay.
        """
        values = asdict(self)
        seeds = {name: values.pop(name) for name in _SEEDS}
        del values["seed"]
        if self.intervention is not None:
            values["intervention"] = self.intervention.facts()
        if values["domain"] == modular.default_domain(self.tasks):
            del values["domain"]
        defaults = {f.name: f.default for f in fields(self) if f.default is not MISSING}
        canonical = {
            name: value
            for name, value in values.items()
            if name == "tasks" or value != defaults.get(name, MISSING)
        }
        # Equal seeds are one seed, wherever they were written.
        if len(set(seeds.values())) == 1:
            canonical["seed"] = seeds["split_seed"]
        else:
            canonical |= seeds
        return canonical

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that name this run's dynamics for ever."""
        text = json.dumps(self.dynamics(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """What a person calls the run; two runs with one label have one id.

        >>> RunConfig(tasks=("add", "mul"), learning_rate=3e-3).label
        'add + mul, λ = 1, η = 0.003, seed 42'
        """
        rest = self.dynamics()
        parts = [" + ".join(rest.pop("tasks")), f"λ = {short(self.weight_decay)}"]
        rest.pop("weight_decay", None)
        seeds = {name: rest.pop(name) for name in ("seed", *_SEEDS) if name in rest}
        for name in ("schedule", "intervention"):
            rest.pop(name, None)
        parts += [words(name, value) for name, value in rest.items()]
        parts += [f"{words(s.field, s.value)} from step {s.step}" for s in self.schedule]
        if self.intervention is not None:
            parts.append(self.intervention.words)
        return ", ".join([*parts, *(f"{k.replace('_', ' ')} {v}" for k, v in seeds.items())])

    @property
    def command(self) -> str:
        """The command that trains this run.

        >>> RunConfig(tasks=("add",), modulus=59, layers=3).command
        'grokbook train --tasks add --weight-decay 1 --seed 42 --modulus 59 --set layers=3'
        """
        rest = self.dynamics()
        tasks = ",".join(rest.pop("tasks"))
        words = [f"grokbook train --tasks {tasks} --weight-decay {short(self.weight_decay)}"]
        for name in ("weight_decay", "schedule", "intervention"):
            rest.pop(name, None)
        if "seed" in rest:
            words.append(f"--seed {rest.pop('seed')}")
        for name, value in rest.items():
            option = name in ("modulus", "train_fraction", "learning_rate")
            words.append(
                f"--{name.replace('_', '-')} {short(value)}"
                if option
                else f"--set {name}={short(value)}"
            )
        words += [f"--switch {switch.text}" for switch in self.schedule]
        if self.intervention is not None:
            words.append(f"--intervene {self.intervention.text}")
        return " ".join(words)

    def value_at(self, field: str, step: int) -> float:
        """The value of a field of `grokbook.changes.SWITCHABLE` for the update after ``step``.

        >>> config = RunConfig(tasks=("add",), schedule=["300:weight_decay=0"])
        >>> config.value_at("weight_decay", 299), config.value_at("weight_decay", 300)
        (1.0, 0.0)
        """
        if field not in SWITCHABLE:
            raise ConfigError(f"a schedule sets {', '.join(SWITCHABLE)}, not {field!r}")
        value = getattr(self, field)
        for switch in self.schedule:
            if switch.field == field and switch.step <= step:
                value = switch.value
        return value

    def table(self) -> Table:
        """The run's questions, labels and split."""
        drawn = (self.tasks, self.modulus, self.domain, self.train_fraction)
        return Table.make(*drawn, self.split_seed, self.split)

    def to_json(self) -> dict[str, Any]:
        """Every field, resolved, as JSON types."""
        values = asdict(self)
        return values | {"tasks": list(self.tasks), "schedule": list(values["schedule"])}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`; unknown fields are refused by name."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown field in a run's config: {', '.join(unknown)}")
        return cls(**({"tasks": ()} | values))


def words(name: str, value: Any) -> str:
    """A field as a person reads it.

    >>> words("weight_decay", 0.5), words("train_fraction", 0.6), words("tasks", ("add", "mul"))
    ('λ = 0.5', 'train fraction 0.6', 'tasks add + mul')
    """
    text = " + ".join(map(short, value)) if isinstance(value, list | tuple) else short(value)
    return f"{_SYMBOLS.get(name, name.replace('_', ' '))} {text}"
