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

from grokbook.checks import ConfigError, integer, number
from grokbook.tasks import modular
from grokbook.tasks.modular import Table

__all__ = ["ConfigError", "RunConfig"]

_SEEDS = ("split_seed", "init_seed", "batch_seed")
_SYMBOLS = {"learning_rate": "η =", "modulus": "p ="}


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
        self._check(number, "weight_decay", low=0)
        for name in ("learning_rate", "epsilon", "clip_norm"):
            self._check(number, name, low=0, open_low=True)
        for name in ("beta1", "beta2"):
            self._check(number, name, low=0, high=1, open_high=True)
        for name in ("seed", *_SEEDS):
            if getattr(self, name) is None:
                self._set(name, self.seed)
            self._check(integer, name, low=0, high=2**32 - 1)
        pairs = (self.modulus - modular.lowest_operand(self.domain)) ** 2
        if not 0 < int(self.train_fraction * pairs) < pairs:
            raise ConfigError(
                f"train fraction {self.train_fraction!r} of {pairs} pairs leaves "
                "nothing to train on or nothing to test on"
            )

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
        parts = [" + ".join(rest.pop("tasks")), f"λ = {_short(self.weight_decay)}"]
        rest.pop("weight_decay", None)
        seeds = {name: rest.pop(name) for name in ("seed", *_SEEDS) if name in rest}
        parts += [f"{_SYMBOLS.get(k, k.replace('_', ' '))} {_short(v)}" for k, v in rest.items()]
        return ", ".join([*parts, *(f"{k.replace('_', ' ')} {v}" for k, v in seeds.items())])

    @property
    def command(self) -> str:
        """The command that trains this run.

        >>> RunConfig(tasks=("add",), modulus=59, layers=3).command
        'grokbook train --tasks add --weight-decay 1 --seed 42 --modulus 59 --set layers=3'
        """
        rest = self.dynamics()
        tasks = ",".join(rest.pop("tasks"))
        words = [f"grokbook train --tasks {tasks} --weight-decay {_short(self.weight_decay)}"]
        rest.pop("weight_decay", None)
        if "seed" in rest:
            words.append(f"--seed {rest.pop('seed')}")
        for name, value in rest.items():
            option = name in ("modulus", "train_fraction", "learning_rate")
            words.append(
                f"--{name.replace('_', '-')} {_short(value)}"
                if option
                else f"--set {name}={_short(value)}"
            )
        return " ".join(words)

    def table(self) -> Table:
        """The run's questions, labels and split."""
        return Table.make(
            self.tasks, self.modulus, self.domain, self.train_fraction, self.split_seed
        )

    def to_json(self) -> dict[str, Any]:
        """Every field, resolved, as JSON types."""
        return asdict(self) | {"tasks": list(self.tasks)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """The inverse of `to_json`; unknown fields are refused by name."""
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown field in a run's config: {', '.join(unknown)}")
        return cls(**({"tasks": ()} | values))


def _short(value: Any) -> str:
    """A number without a trailing .0, every digit that matters kept."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
