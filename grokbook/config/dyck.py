"""A run on the depth of balanced brackets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from grokbook.changes import COMMUTING
from grokbook.checks import ConfigError, integer, number
from grokbook.config.base import Config
from grokbook.tasks import dyck
from grokbook.tasks.dyck import Corpus

PUBLISHED_STEPS = 10_000
"""Budget of the published lifecycle runs, with and without weight decay (2604.07380)."""


@dataclass(frozen=True, kw_only=True)
class DyckConfig(Config):
    """One training run of the causal decoder on Dyck-1 (2604.07380 and 2602.16967).

    Attributes:
        tasks: ``("depth",)``, the only one.
        batch_size: strings a step, drawn with replacement.
        data_seed: of strings and split; 0 is the published corpus, the same for every seed.
        labels: ``"depth"``, or ``"random"``: the training labels are dealt out anew to the
            distinct training prefixes.
        label_seed: of that dealing; of no meaning with true labels.
        init_scale: by which all drawn initial weights are multiplied, matrices, embeddings and
            biases; the gains of the LayerNorms stay 1.
        positions: rows of the table of positions; published runs have twice as many as they
            read, which shifts every later draw of the same seed.

    The others are `grokbook.config.Config`'s.  Batches come from the stream of ``batch_seed``
    after the draws of the initial weights, as in the published loop, where both seeds are one.

    Raises:
        ConfigError: if a field is not of its kind or out of its range.

    >>> DyckConfig(seed=137).label
    'Dyck depth, λ = 1, seed 137'
    >>> DyckConfig(labels="random").command
    'grokbook train --tasks depth --weight-decay 1 --seed 42 --set labels=random'
    """

    tasks: tuple[str, ...] = (dyck.TASK,)
    batch_size: int = dyck.TRAINED
    data_seed: int = 0
    labels: str = "depth"
    label_seed: int | None = None
    init_scale: float = 1.0
    positions: int = 2 * dyck.LENGTH

    known: ClassVar[tuple[str, ...]] = (dyck.TASK,)
    seeds: ClassVar[tuple[str, ...]] = ("init_seed", "batch_seed", "label_seed")
    stops: ClassVar[bool] = False

    def __post_init__(self) -> None:
        tasks = (self.tasks,) if isinstance(self.tasks, str) else tuple(self.tasks)
        if tasks != (dyck.TASK,):
            given = ", ".join(map(str, tasks))
            raise ConfigError(f"{dyck.TASK} is learned alone, not with others: {given}")
        self._set("tasks", tasks)
        if self.labels not in dyck.LABELS:
            known = ", ".join(dyck.LABELS)
            raise ConfigError(f"unknown labels {self.labels!r}; known labels: {known}")
        self._check(number, "init_scale", low=0, open_low=True)
        self._check(integer, "positions", low=dyck.LENGTH, high=65_536)
        self._check(integer, "data_seed", low=0, high=2**32 - 1)
        self._check_shared()
        if self.labels == "depth":  # so that it tells no two runs apart
            self._set("label_seed", None)
        change = self.intervention
        if change is not None and change.transform in COMMUTING:
            raise ConfigError(f"{change.transform} is there for modular arithmetic alone")

    @property
    def published_steps(self) -> int:
        """Budget of the published runs."""
        return PUBLISHED_STEPS

    @property
    def most_items(self) -> int:
        """Tokens, at most."""
        return dyck.STRINGS * dyck.LENGTH

    @property
    def title(self) -> str:
        """What is learned, as a person says it."""
        return f"Dyck {dyck.TASK}"

    def table(self) -> Corpus:
        """The run's strings, labels and split."""
        return Corpus.make(self.data_seed, self.labels, self.label_seed or 0)
