"""What a run is: a frozen, validated record of everything that its dynamics depend on.

The *config id* is a hash of those fields alone.  How long a run is trained, how often it is
measured and where it is stored are not part of it (see `grokbook.training.plan.Plan`), so the
same run can be trained further without becoming another one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from grokbook.tasks import modular


class ConfigError(ValueError):
    """A setting that no run can have; the message is one line and names the value."""


def _number(
    name: str,
    value: Any,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, not {value!r}")
    if value < low or value > high or (open_low and value == low) or (open_high and value == high):
        bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise ConfigError(f"{name} must lie in {bounds}, not {value!r}")
    return float(value)


def _integer(name: str, value: Any, *, low: int, high: int | None = None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{name} must be an integer, not {value!r}")
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ConfigError(f"{name} must be {limit}, not {value!r}")
    return value


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
        layers, width, heads, hidden: of the encoder.
        learning_rate, beta1, beta2, epsilon, weight_decay: AdamW's, decay decoupled and on all
            parameters.
        clip_norm: global gradient norm above which the gradient is rescaled.
        batch_size: pairs a step, drawn with replacement.
        seed: default of the three seeds below.
        split_seed, init_seed, batch_seed: of the train/test split, the initial weights and the
            batches.

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

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731 (frozen)
        try:
            put("tasks", modular.canonical_tasks(self.tasks))
            _integer("modulus", self.modulus, low=3, high=65_521)
            default = modular.default_domain(self.tasks)
            put("domain", default if self.domain is None else self.domain)
            modular.check_domain(self.tasks, self.modulus, self.domain)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        put(
            "train_fraction",
            _number(
                "train fraction", self.train_fraction, low=0, high=1, open_low=True, open_high=True
            ),
        )
        for name in ("layers", "width", "heads", "hidden", "batch_size"):
            _integer(name.replace("_", " "), getattr(self, name), low=1)
        if self.width % self.heads:
            raise ConfigError(f"width {self.width} is not a multiple of heads {self.heads}")
        put("learning_rate", _number("learning rate", self.learning_rate, low=0, open_low=True))
        put("weight_decay", _number("weight decay", self.weight_decay, low=0))
        put("epsilon", _number("epsilon", self.epsilon, low=0, open_low=True))
        put("clip_norm", _number("clip norm", self.clip_norm, low=0, open_low=True))
        for name in ("beta1", "beta2"):
            put(name, _number(name, getattr(self, name), low=0, high=1, open_high=True))
        _integer("seed", self.seed, low=0, high=2**32 - 1)
        for name in ("split_seed", "init_seed", "batch_seed"):
            value = getattr(self, name)
            put(
                name,
                self.seed
                if value is None
                else _integer(name.replace("_", " "), value, low=0, high=2**32 - 1),
            )
        low = modular.lowest_operand(self.domain)
        pairs = (self.modulus - low) ** 2
        if not 0 < int(self.train_fraction * pairs) < pairs:
            raise ConfigError(
                f"train fraction {self.train_fraction!r} of {pairs} pairs leaves "
                "nothing to train on or nothing to test on"
            )

    def dynamics(self) -> dict[str, Any]:
        """The fields that the dynamics depend on, in canonical form: what the config id hashes.

        Fields at their default are left out, so a field added later changes no id; numbers are
        floats or integers by their kind, so 1 and 1.0 are the same decay.
        """
        values = asdict(self)
        seeds = {name: values.pop(name) for name in ("split_seed", "init_seed", "batch_seed")}
        seed = values.pop("seed")
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
            seed = seeds["split_seed"]
            canonical["seed"] = seed
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
        """What a person calls the run, for example ``add + mul, λ = 1, seed 42``.

        >>> RunConfig(tasks=("add", "mul"), learning_rate=3e-3).label
        'add + mul, λ = 1, η = 0.003, seed 42'
        """
        parts = [" + ".join(self.tasks), f"λ = {self.weight_decay:g}"]
        if self.learning_rate != 1e-3:
            parts.append(f"η = {self.learning_rate:g}")
        if self.modulus != 97:
            parts.append(f"p = {self.modulus}")
        return ", ".join([*parts, f"seed {self.seed}"])

    def to_json(self) -> dict[str, Any]:
        """Every field, resolved, as JSON types."""
        return asdict(self) | {"tasks": list(self.tasks)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`; unknown fields are refused by name."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown field in a run's config: {', '.join(unknown)}")
        tasks = values.get("tasks", ())
        return cls(**(values | {"tasks": tuple(tasks) if isinstance(tasks, Iterable) else tasks}))
