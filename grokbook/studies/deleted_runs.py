"""Which runs with and without deletion there are, recorded and in a store: one a place stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from grokbook.config import Config
from grokbook.instruments.runs import Run
from grokbook.store import Store, StoreError
from grokbook.studies.arms import Arm, arm_of
from grokbook.studies.bases import note_of
from grokbook.studies.deletion import Trial, Trials


def gather(
    plain: Sequence[Run],
    arms: Sequence[Arm],
    executions: Callable[[Config], Sequence[Run]],
    interventions: Callable[[Config], Sequence[Run]],
) -> Trials:
    """All there is of one setting.

    The plain run of a seed is the execution in the arithmetic of its deleted runs: up to the first
    deletion they are the same to the bit.

    Args:
        plain: one run a seed, which stands where no execution is a twin.
        arms: that are looked for.
        executions: config ↦ its executions.
        interventions: config ↦ runs that are it but for an intervention.
    """
    twins, again, deleted, repeated = [], [], {}, []
    for run in plain:
        found = [
            Trial(each, arm.name, each.config.intervention.strength)
            for each in _once(interventions(run.config))
            if (arm := arm_of(each, arms)) is not None
        ]
        several = [run, *(each for each in executions(run.config) if each.name != run.name)]
        twin = _twin(several, found)
        twins.append(Trial(twin))
        again += [Trial(each) for each in several if each is not twin]
        for trial in _by_basis(found):
            first = deleted.setdefault(trial.place, trial)
            if first is trial:
                continue
            # The first one stands, as for plain runs: the later one to grok would be a selection.
            # Only of what a budget cut off before it grokked do more steps tell more.
            longer = trial.end > first.end
            if first.run.config.id == trial.run.config.id and first.grok is None and longer:
                deleted[trial.place], trial = trial, first
            repeated.append(trial)
    chosen = tuple(deleted[place] for place in sorted(deleted))
    return Trials(tuple(twins), tuple(again), chosen, tuple(repeated))


def _twin(several: Sequence[Run], deleted: Sequence[Trial]) -> Run:
    """The execution whose arithmetic most deleted runs have; without one the first."""
    alike = [
        sum(trial.run.record.numerics == run.record.numerics for trial in deleted)
        for run in several
    ]
    return several[alike.index(max(alike))]


def _once(runs: Iterable[Run]) -> list[Run]:
    """Every execution once, as far as it went: what is recorded may be in the store as well."""
    furthest: dict[tuple, Run] = {}
    for run in runs:
        key = (run.config.id, *sorted(run.record.numerics.items()))
        if key not in furthest or furthest[key].record.last_step < run.record.last_step:
            furthest[key] = run
    return list(furthest.values())


def _by_basis(found: Sequence[Trial]) -> list[Trial]:
    """First those whose basis serves most doses of their arm, so that a curve is of one basis."""
    doses: dict[tuple[str, str], set[float]] = {}
    for trial in found:
        basis = trial.run.config.intervention.basis
        doses.setdefault((trial.arm, basis), set()).add(trial.dose)
    return sorted(found, key=lambda t: -len(doses[t.arm, t.run.config.intervention.basis]))


def stored_interventions(
    store: Store, config: Config, warn: Callable[[str], None] = lambda line: None
) -> list[Run]:
    """Runs of a store that have ended and are a config but for an intervention.

    Args:
        store: where they are.
        config: without intervention.
        warn: called with one line for every run of whose basis nothing is known; it is left out.
    """
    found = []
    for directory in store.runs():
        change = directory.config.intervention
        if change is None or change.basis is None or not directory.ended:
            continue
        plain = Config.from_json(directory.config.to_json() | {"intervention": None})
        if plain.id == config.id:
            name = "/".join(directory.path.parts[-2:])
            try:
                basis = note_of(store, change.basis)
            except StoreError as error:
                warn(f"run {name} is left out: {error}")
                continue
            found.append(Run(name, directory.record("store"), basis=basis))
    return found
