"""The runs of a study and of what it depends on, as a graph.

A study and those it depends on make a chain.  Each run of a later one may point to a run of the
one before, whose basis it uses: its config is known only when that basis was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grokbook.changes import short
from grokbook.checks import ConfigError
from grokbook.config import Config, words
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.studies import bases
from grokbook.studies.study import Dependency, Study

UNKNOWN = "0" * 64
"""Stands for a basis that is still to be measured."""


@dataclass(frozen=True)
class Member:
    """One run of a study.

    Attributes:
        study: its name.
        title: what tells it from the others: ``"λ = 0.5, seed 42"``.
        blank: its config; with `UNKNOWN` in the place of a basis that another run gives.
        plan: how far it goes.
        source: the run that gives its basis, or None.
        after: how the basis is measured.
    """

    study: str
    title: str
    blank: Config
    plan: Plan
    source: Member | None = None
    after: Dependency | None = None

    def config(self, basis: str) -> Config:
        """The run's config on a basis."""
        values = self.blank.to_json()
        return Config.from_json(
            values | {"intervention": values["intervention"] | {"basis": basis}}
        )

    def find_basis(self, store: Store) -> str | None:
        """The hash of its basis, if it was measured; every run before it must be known, too."""
        before = self.source.resolve(store)
        if before is None:
            return None
        return bases.find(
            store, before.id, self.source.plan, self.after.measure, self.after.parameters
        )

    def resolve(self, store: Store) -> Config | None:
        """Its config, or None as long as a basis is still to be measured."""
        if self.source is None:
            return self.blank
        basis = self.find_basis(store)
        return None if basis is None else self.config(basis)

    def basis_bytes(self) -> int:
        """What its basis takes on disk, float32; 0 if no other run gives one."""
        if self.source is None:
            return 0
        from grokbook.models.layout import Layout  # with it PyTorch, which declaring does without

        layout, measure = Layout.of(self.source.blank), bases.MEASURES[self.after.measure]
        return 4 * layout.size * measure.columns(layout, self.after.parameters)


@dataclass(frozen=True)
class Stage:
    """A study of a chain and those of its runs that are wanted."""

    study: Study
    members: tuple[Member, ...]


def stages(chain: Sequence[Study]) -> tuple[Stage, ...]:
    """The wanted runs of a chain of studies, in the order in which they must be carried out.

    Args:
        chain: each study after the one that it depends on; of the last all runs are wanted, of
            the others those on which a wanted one depends.

    Raises:
        ConfigError: naming the study and a value that no run can have, a run that is there twice,
            or a run whose source is missing.
    """
    found: list[list[Member]] = []
    for before, study in zip([None, *chain], chain, strict=False):
        found.append(_members(study, before, found[-1] if found else []))
    wanted = [found[-1]]
    for earlier in reversed(found[:-1]):
        used = {id(member.source) for member in wanted[0]}
        wanted.insert(0, [member for member in earlier if id(member) in used])
    return tuple(
        Stage(study, tuple(members))
        for study, members in zip(chain, wanted, strict=True)
        if members
    )


def _members(study: Study, before: Study | None, sources: Sequence[Member]) -> list[Member]:
    found: list[Member] = []
    taken: dict[tuple[str, int], Member] = {}
    for values in study.points():
        title = _title(study, values)
        try:
            config = _config(study, values)
            plan = study.plan_of(config)
        except ConfigError as error:
            raise study.error(str(error)) from None
        source = None
        # Without an intervention, as at dose 0, there is nothing to use a basis for.
        if study.after is not None and config.intervention is not None:
            source = _source(study, config, before, sources)
        member = Member(study.name, title, config, plan, source, source and study.after)
        twin = taken.setdefault((config.id, id(source)), member)
        if twin is not member:
            raise study.error(f"{twin.title} and {title} are the same run")
        found.append(member)
    return found


def _config(study: Study, values: dict[str, Any]) -> Config:
    start = "intervention."
    own = {name: value for name, value in values.items() if not name.startswith(start)}
    change = {k.removeprefix(start): value for k, value in values.items() if k.startswith(start)}
    if change and "intervention" in own:
        raise ConfigError("the intervention is given whole and by its fields")
    if study.after is not None:
        if not change:
            raise ConfigError(f"it is after {study.after.study}, but nothing uses the basis")
        if "basis" in change:
            raise ConfigError(f"its basis is measured on {study.after.study}, not given")
        change["basis"] = UNKNOWN
    return Config.from_json(own | ({"intervention": change} if change else {}))


def _source(study: Study, config: Config, before: Study, sources: Sequence[Member]) -> Member:
    """The one run of the study before that matches."""
    from grokbook.models.layout import Layout

    def value(config: Config, name: str) -> Any:
        head, _, rest = name.partition(".")
        found = getattr(config, head)
        return getattr(found, rest, None) if rest else found

    names = list(dict.fromkeys(["weight_decay", *before.varied, "seed"]))
    fitting = [
        source
        for source in sources
        if all(value(source.blank, name) == value(config, name) for name in names)
    ]
    if len(fitting) != 1:
        wanted = ", ".join(f"{name} {short(value(config, name))}" for name in names)
        raise study.error(f"{len(fitting)} runs of {before.name} have {wanted}; it needs one")
    source, measure = fitting[0], bases.MEASURES[study.after.measure]
    if Layout.of(source.blank) != Layout.of(config):
        raise study.error(
            f"a basis of {before.name} ({source.blank.label}) does not fit {config.label}: "
            "the models differ"
        )
    if measure.full_state and not source.plan.full_state:
        raise study.error(
            f"{study.after.measure} needs full states, and the plan of {before.name} keeps "
            "attention matrices alone"
        )
    return source


def _title(study: Study, values: dict[str, Any]) -> str:
    parts = [words(name.rpartition(".")[2], values[name]) for name in study.varied]
    return ", ".join([*parts, f"seed {values['seed']}"])
