"""The arms of the deletion experiment: what is deleted from, and outside which basis.

The first is the published one; each of the others changes one thing about it, so that a difference
has one cause (2602.18523, section 4.10; D5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from grokbook.changes import short
from grokbook.checks import ConfigError, integer, suggest
from grokbook.config import RunConfig
from grokbook.instruments.runs import Run
from grokbook.studies.bases import complete
from grokbook.studies.command import command
from grokbook.studies.published import STUDIES
from grokbook.studies.study import PUBLISHED_SEEDS, Study

TRI = ("add", "mul", "sq")


@dataclass(frozen=True)
class Arm:
    """One way to delete.

    Attributes:
        name: short, for parameters and addresses.
        title: what a reader calls it.
        what: in a sentence, after "deleted".
        study: that trains it, by name.
        directions: of the basis, k; None as the study has it.
    """

    name: str
    title: str
    what: str
    study: str
    directions: int | None = None

    @property
    def declared(self) -> Study:
        """The study as it is declared."""
        return STUDIES[self.study]

    @property
    def transform(self) -> str:
        """Of `grokbook.changes.TRANSFORMS`."""
        return self.declared.base["intervention.transform"]

    @property
    def measure(self) -> str:
        """By which the basis is measured."""
        return self.declared.after.measure

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Of the measure, all of them, as the note of a basis has them."""
        given = dict(self.declared.after.parameters)
        if self.directions is not None and "k" in given:
            given["k"] = self.directions
        return complete(self.measure, given)

    def holds(self, config: RunConfig, basis: Mapping[str, Any]) -> bool:
        """Is a run of this arm, given what its basis was measured by?"""
        change = config.intervention
        published = self.declared.base["intervention.start"]
        return (
            change is not None
            and (change.transform, change.start) == (self.transform, published)
            and change.times == 0  # to the end of the run
            and basis.get("measure") == self.measure
            and dict(basis.get("parameters") or {}) == self.parameters
        )

    def with_directions(self, k: int) -> Arm:
        """The arm with another number of directions.

        Raises:
            ConfigError: for fewer than one.
        """
        integer("directions", k, low=1)
        declared = self.declared.after.parameters.get("k")
        return replace(self, directions=None if k == declared else k)

    def command(self, like: RunConfig, doses: Iterable[float], seeds: Iterable[int]) -> str:
        """What trains this arm on plain runs like one, at these doses.

        >>> arms(["update"])[1].command(RunConfig(tasks=("add", "mul")), [0.07], [42, 137, 2024])
        'grokbook study deletion-update --set intervention.strength=0.07'
        """
        study, rest = self.study, like.dynamics()
        if like.tasks == TRI and self.name == OWN:
            study = "deletion-tri"
            rest.pop("tasks")
        elif rest["tasks"] == self.declared.base["tasks"]:
            rest.pop("tasks")
        seeds = tuple(seeds)
        rest.pop("seed", None)
        if rest.get("weight_decay") == 1:
            rest.pop("weight_decay")
        if seeds != PUBLISHED_SEEDS:
            rest["seed"] = ",".join(str(seed) for seed in seeds)
        texts = {
            name: "+".join(value) if name == "tasks" else short(value)
            for name, value in rest.items()
        }
        texts["intervention.strength"] = ",".join(short(float(dose)) for dose in doses)
        return command("study", study, changes=[f"{name}={text}" for name, text in texts.items()])


OWN = "own"
"""The published arm."""

_ARMS = (
    Arm(OWN, "as published", "from the gradient, outside the run's own path", "deletion"),
    Arm("update", "on the update", "from the Adam step instead", "deletion-update"),
    Arm(
        "shorter",
        "shorter step",
        "from the Adam step outside random directions",
        "deletion-update-random",
    ),
    Arm("amplify", "amplified inside", "nothing, the inside amplified instead", "deletion-amplify"),
    Arm(
        "random-matched",
        "random, alike",
        "outside random directions with the same footprint",
        "deletion-random-matched",
    ),
    Arm("other-seed", "another seed's", "outside another seed's path", "deletion-other-seed"),
    Arm(
        "random",
        "random, anywhere",
        "outside random directions of the whole space",
        "deletion-random",
    ),
    Arm("attention", "attention path", "outside the attention path", "deletion-attention"),
    Arm(
        "random-attention",
        "random in attention",
        "outside random directions of attention",
        "deletion-random-attention",
    ),
    Arm("first-half", "first half", "outside the first half of the path", "deletion-first-half"),
    Arm(
        "without-drift",
        "without drift",
        "outside the path less its drift",
        "deletion-without-drift",
    ),
)
NAMES = tuple(arm.name for arm in _ARMS)


def arms(names: Iterable[str], directions: int | None = None) -> list[Arm]:
    """Arms by name, the published one first whether or not it is named.

    Raises:
        ConfigError: naming an arm that there is not, or too few directions.
    """
    names = list(names)
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"unknown arm {name!r}; {suggest(name, NAMES)}")
    chosen = [arm for arm in _ARMS if arm.name == OWN or arm.name in names]
    return chosen if directions is None else [arm.with_directions(directions) for arm in chosen]


def arm_named(name: str) -> Arm:
    """One arm, as its study has it."""
    return next(arm for arm in _ARMS if arm.name == name)


def title_of(name: str) -> str:
    """What a reader calls an arm."""
    return arm_named(name).title


def arm_of(run: Run, among: Iterable[Arm]) -> Arm | None:
    """The arm that a run belongs to; None if to none of these."""
    return next((arm for arm in among if arm.holds(run.config, run.basis)), None)
