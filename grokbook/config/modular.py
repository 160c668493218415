"""A run on modular arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from grokbook.checks import ConfigError, integer, number
from grokbook.config.base import Config
from grokbook.tasks import dyck, modular, operations
from grokbook.tasks.modular import Table

PUBLISHED_STEPS = 300_000
"""Budget of the published runs with weight decay (2602.18523, released code)."""
PUBLISHED_STEPS_WITHOUT_DECAY = 50_000


@dataclass(frozen=True, kw_only=True)
class RunConfig(Config):
    """One training run of the shared-trunk transformer (2602.18523, sections 2 and 3).

    Attributes:
        tasks: names from `grokbook.tasks.operations.OPERATIONS`; stored in registry order, which
            is the order of the heads and of their initial draws.
        modulus: p; the vocabulary is 0 … p−1.
        domain: ``"full"`` (operands 0 … p−1) or ``"nonzero"`` (1 … p−1); by default the
            published one: full for a single task other than mul, nonzero otherwise.
        train_fraction: share of all pairs trained on; the split takes ⌊fraction · N⌋.
        split: ``"published"`` shuffles pairs; ``"symmetric"`` shuffles their orbits under the
            symmetries of all the run's tasks and keeps each on one side, without any symmetry the
            same (see `grokbook.tasks.modular.Table.make`).
        batch_size: pairs a step, drawn with replacement.
        split_seed: of the train/test split.

    The others are `grokbook.config.Config`'s.

    Raises:
        ConfigError: if a field is not of its kind or out of its range.

    >>> RunConfig(tasks=("mul", "add")).tasks
    ('add', 'mul')
    >>> RunConfig(tasks=("add", "mul"), seed=42).id == RunConfig(
    ...     tasks=("add", "mul"), seed=42, weight_decay=1).id
    True
    >>> RunConfig(tasks=("add", "mul"), learning_rate=3e-3).label
    'add + mul, λ = 1, η = 0.003, seed 42'
    >>> RunConfig(tasks=("add",), modulus=59, layers=3).command
    'grokbook train --tasks add --weight-decay 1 --seed 42 --modulus 59 --set layers=3'
    >>> config = RunConfig(tasks=("add",), schedule=["300:weight_decay=0"])
    >>> config.value_at("weight_decay", 299), config.value_at("weight_decay", 300)
    (1.0, 0.0)
    """

    modulus: int = 97
    domain: str | None = None
    train_fraction: float = 0.5
    split: str = "published"
    batch_size: int = 512
    split_seed: int | None = None

    known: ClassVar[tuple[str, ...]] = tuple(operations.OPERATIONS)
    seeds: ClassVar[tuple[str, ...]] = ("split_seed", "init_seed", "batch_seed")

    def __post_init__(self) -> None:
        try:
            self._set("tasks", operations.canonical_tasks(self.tasks, (dyck.TASK,)))
            self._set("modulus", integer("modulus", self.modulus, low=3, high=65_521))
            if self.domain is None:
                self._set("domain", modular.default_domain(self.tasks))
            modular.check_domain(self.tasks, self.modulus, self.domain)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self._check(number, "train_fraction", low=0, high=1, open_low=True, open_high=True)
        self._check_shared()
        drawn = (self.tasks, self.modulus, self.domain, self.train_fraction)
        try:
            self._set("split", modular.check_split(*drawn, self.split))
        except ValueError as error:
            raise ConfigError(str(error)) from None

    @property
    def published_steps(self) -> int:
        """Budget of the published runs, by whether there is weight decay."""
        return PUBLISHED_STEPS if self.weight_decay > 0 else PUBLISHED_STEPS_WITHOUT_DECAY

    @property
    def most_items(self) -> int:
        """Pairs, at most."""
        return self.modulus**2

    def _default(self, name: str, value: Any) -> bool:
        if name == "domain":
            return value == modular.default_domain(self.tasks)
        return super()._default(name, value)

    def table(self) -> Table:
        """The run's questions, labels and split."""
        drawn = (self.tasks, self.modulus, self.domain, self.train_fraction)
        return Table.make(*drawn, self.split_seed, self.split)
