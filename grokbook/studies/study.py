"""A study: a grid of runs, declared.

    Study(name="decays", title="…", base={"tasks": ("add", "mul")},
          grid={"weight_decay": (1.0, 0.5)}, seeds=(42, 137))

Its runs are the grid's points in order, the first field outermost, and each point's seeds.  Fields
that are given together take their values in step: ``"learning_rate,weight_decay"`` with
``((5e-4, 2.0), (2e-3, 0.5))`` are two points, not four.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import count, islice, product
from typing import Any

from grokbook.changes import Intervention
from grokbook.checks import ConfigError, integer, suggest
from grokbook.config import Config, DyckConfig, RunConfig
from grokbook.plan import Plan
from grokbook.studies import bases

PUBLISHED_SEEDS = (42, 137, 2024)

_KINDS = (RunConfig, DyckConfig)
RUN_FIELDS = tuple(
    name
    for name in dict.fromkeys(name for kind in _KINDS for name in kind.names())
    if name != "seed"
)
"""Fields of runs of any kind; each kind refuses those that are not its own."""
INTERVENTION_FIELDS = tuple(f"intervention.{f.name}" for f in fields(Intervention))
PLAN_FIELDS = (*(f.name for f in fields(Plan)), "steps_without_decay", "after_grok_from")


def first_seeds(number: int) -> tuple[int, ...]:
    """The published seeds, then 1, 2, 3 and so on.

    >>> first_seeds(5)
    (42, 137, 2024, 1, 2)
    """
    integer("seeds", number, low=1, high=10_000)
    further = (seed for seed in count(1) if seed not in PUBLISHED_SEEDS)
    return (*PUBLISHED_SEEDS, *islice(further, max(0, number - 3)))[:number]


@dataclass(frozen=True)
class Dependency:
    """Each run uses a basis measured on the matching run of another study.

    Matching are the runs with the same seed, the same weight decay and the same value of every
    field of the other study's grid.

    Attributes:
        study: the other study's name, or the path of its file.
        measure: one of `grokbook.studies.bases.MEASURES`.
        parameters: of the measure; those left out are at their default.

    Raises:
        ConfigError: naming a measure or a parameter that there is not.
    """

    study: str
    measure: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        complete = bases.complete(self.measure, self.parameters)
        object.__setattr__(self, "parameters", complete)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A grid of runs, how far they go, and what they depend on.

    Attributes:
        name: small letters, digits, ``_`` and ``-``.
        title: what a person calls it.
        source: paper and section; empty for a study of one's own.
        base: fields that all runs share; a field of the intervention is ``intervention.<field>``.
        grid: field ↦ values, or fields joined by commas ↦ as many values each; the first is
            outermost.
        seeds: innermost.
        plan: fields of `grokbook.plan.Plan`, and two more: ``steps_without_decay``, the budget at
            λ = 0, and ``after_grok_from``, the λ below which ``after_grok`` is 0.  Budgets not
            given are the published ones.
        after: the study whose runs give the bases, or None.
        file: that declares it, for complaints; no part of the declaration.

    Raises:
        ConfigError: naming what is wrong in the declaration; what is wrong in a run is said by
            `grokbook.studies.members.stages`.
    """

    name: str
    title: str
    base: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    seeds: tuple[int, ...] = PUBLISHED_SEEDS
    plan: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    after: Dependency | None = None
    file: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z0-9_-]+", self.name):
            raise ConfigError(
                f"a study's name is made of small letters, digits, _ and -, not {self.name!r}"
            )
        for name in ("title", "source"):
            if not isinstance(getattr(self, name), str):
                raise self.error(f"{name} must be text, not {getattr(self, name)!r}")
        object.__setattr__(self, "base", dict(_flat(self.base)))
        object.__setattr__(self, "plan", dict(self.plan))
        grid = [(together(key), values) for key, values in _flat(self.grid)]
        object.__setattr__(self, "grid", {",".join(names): values for names, values in grid})
        varied = [name for names, _ in grid for name in names]
        for name in (*self.base, *varied, *self.plan):
            if name in ("seed", "seeds"):
                raise self.error(
                    "seeds are neither in [run] nor in [grid] nor in [plan]; in [study], write "
                    "seeds = [42, 137], or seeds = 8 for so many"
                )
        for name in (*self.base, *varied):
            if name in PLAN_FIELDS:
                raise self.error(f"{name} belongs in [plan], not in [run] or [grid]")
            if name not in (*RUN_FIELDS, *INTERVENTION_FIELDS):
                known = suggest(name, (*RUN_FIELDS, *INTERVENTION_FIELDS))
                raise self.error(f"unknown field {name!r}; {known}")
        for name in varied:
            if name in self.base:
                raise self.error(f"{name} is given for all runs and in the grid")
            if varied.count(name) > 1:
                raise self.error(f"{name} is in the grid twice")
        for name in self.plan:
            if name in RUN_FIELDS:
                raise self.error(f"{name} belongs in [run] or [grid], not in [plan]")
            if name not in PLAN_FIELDS:
                raise self.error(f"unknown field {name!r} of [plan]; {suggest(name, PLAN_FIELDS)}")
        for names, (name, values) in zip([n for n, _ in grid], self.grid.items(), strict=True):
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise self.error(f"{name} needs a list of values in the grid, not {values!r}")
            if not values:
                raise self.error(f"the grid is empty: {name} has no values")
            if len(names) > 1:
                values = [self._in_step(name, names, each) for each in values]
            self.grid[name] = tuple(values)
        if not self.seeds:
            raise self.error("the grid is empty: there are no seeds")
        object.__setattr__(self, "seeds", tuple(self.seeds))

    def _in_step(self, name: str, names: Sequence[str], values: Any) -> tuple[Any, ...]:
        """One value for each of the fields that are given together."""
        if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != len(names):
            raise self.error(f"{name} needs lists of {len(names)} values each, not {values!r}")
        return tuple(values)

    @property
    def varied(self) -> tuple[str, ...]:
        """Every field of the grid, in order, those given together one by one."""
        return tuple(name for key in self.grid for name in together(key))

    def error(self, text: str) -> ConfigError:
        """A complaint that names the study, and its file if it has one."""
        where = f"{self.file}: " if self.file else ""
        return ConfigError(f"{where}study {self.name}: {text}")

    def points(self) -> Iterator[dict[str, Any]]:
        """Fields of every run, in order: the base, the grid's values, the seed."""
        keys = [together(key) for key in self.grid]
        for values in product(*self.grid.values()):
            point = dict(self.base)
            for names, value in zip(keys, values, strict=True):
                point |= zip(names, value if len(names) > 1 else (value,), strict=True)
            yield from ({**point, "seed": seed} for seed in self.seeds)

    def plan_of(self, config: Config) -> Plan:
        """How far a run of this study goes.

        Raises:
            ConfigError: if no plan can be so.
        """
        given = dict(self.plan)
        without, threshold = given.pop("steps_without_decay", None), given.pop("after_grok_from", 0)
        if config.weight_decay == 0 and without is not None:
            given["steps"] = without
        if config.weight_decay < threshold:
            given["after_grok"] = 0
        usual = Plan.published(config)
        return Plan(**({"steps": usual.steps, "after_grok": usual.after_grok} | given))

    def to_json(self) -> dict[str, Any]:
        """Every field as JSON types."""
        return {name: value for name, value in asdict(self).items() if name != "file"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Study:
        """The inverse of `to_json`, lists for tuples."""
        after = values["after"] and Dependency(**values["after"])
        return cls(**{**values, "after": after})


def together(key: str) -> tuple[str, ...]:
    """The fields that a key of a grid names.

    >>> together("learning_rate, weight_decay")
    ('learning_rate', 'weight_decay')
    """
    return tuple(name.strip() for name in key.split(","))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields by name, those of an intervention as ``intervention.<field>``."""
    for name, value in values.items():
        if name == "intervention" and isinstance(value, Mapping):
            yield from ((f"intervention.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
