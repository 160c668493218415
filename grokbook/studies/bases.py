"""Bases measured on a finished run, for the interventions of later runs.

A basis B is (P, k), float32, with orthonormal columns in the order of `grokbook.models.layout`.
It is stored as an artefact; a sealed note (`grokbook.store.notes`) says what it was measured on, so
that it is measured once: on another machine the last bits would differ, and with them the id of
every run after it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

from grokbook.checks import ConfigError, integer
from grokbook.instruments.subject import PATH, Subject
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.store.notes import Notes
from grokbook.studies.measures import MEASURES

__all__ = ["MEASURES", "complete", "find", "measure_basis", "note_of"]

_BOUNDS = {
    "seed": (0, 2**32 - 1),
    "skip": (0, PATH - 1),
    "until": (1, 100),
    "window": (1, PATH),
}
_LATER = ("skip", "until")
"""Parameters that came after the first bases: at their default they are not written down, so that
what was measured before keeps its name, and every run on it its id."""


def complete(measure: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a measure, those not given at their default.

    Raises:
        ConfigError: naming a measure or a parameter that there is not.

    >>> complete("trajectory", {"k": 5})
    {'k': 5, 'to_grok': False}
    """
    if measure not in MEASURES:
        raise ConfigError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(MEASURES[measure].take).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name, value in parameters.items():
        if name not in known:
            raise ConfigError(f"{measure} has no parameter {name!r}; known: {', '.join(known)}")
        if isinstance(known[name], bool) and not isinstance(value, bool):
            raise ConfigError(f"{name} of {measure} must be true or false, not {value!r}")
        if not isinstance(known[name], bool):
            low, high = _BOUNDS.get(name, (1, PATH - 1))
            integer(f"{name} of {measure}", value, low=low, high=high)
    complete = known | dict(parameters)
    if "skip" in known and complete["skip"] >= complete["k"]:
        raise ConfigError(
            f"skip of {measure} must be below k = {complete['k']}, not {complete['skip']}"
        )
    return {
        name: value
        for name, value in complete.items()
        if name not in _LATER or value != known[name]
    }


def find(
    store: Store, config_id: str, plan: Plan, measure: str, parameters: Mapping[str, Any]
) -> str | None:
    """The artefact of a basis measured before on a run that had gone as far as the plan asks.

    Of several, one that is in the store comes before one of which a pack brought the note alone.

    Raises:
        StoreError: if the note of a basis was edited or is damaged.
    """
    found = []
    for note in Notes(store).measured_on(config_id):
        fits = note["measure"] == measure and note["parameters"] == dict(parameters)
        # The shortest run that was long enough: training it further changes nothing.
        if fits and note["step"] >= plan.end(note["grok_steps"]):
            here = Artefacts(store).path(note["artefact"]).is_file()
            found.append((not here, note["step"], note["artefact"]))
    return min(found)[2] if found else None


def measure_basis(
    store: Store,
    run: RunDirectory,
    measure: str,
    parameters: Mapping[str, Any],
    *,
    lost: str | None = None,
) -> str:
    """Measure a basis and store it.

    Args:
        store: that it goes to.
        run: that it is measured on.
        measure: how, by name.
        parameters: all those of the measure.
        lost: the hash of one that was lost, which it must have.

    Returns:
        The artefact's hash.

    Raises:
        StoreError: if the run does not give it, it cannot be stored, or it is another than the one
            that was lost; then nothing is stored.
    """
    facts = {"measure": measure, "parameters": dict(parameters), "step": run.step}
    reached = Subject(run).groks
    facts |= {"config_id": run.config.id, "numerics_id": run.path.name, "run": run.config.label}
    taken_on = run
    if MEASURES[measure].sibling:
        other = Subject(run, store).sibling()
        if other is None:
            raise StoreError(
                f"{measure} of run {run.config.id} ({run.config.label}) needs an ended run of "
                "another seed, and the store has none"
            )
        taken_on = other.run
        facts["sibling"] = taken_on.config.label
    arrays = MEASURES[measure].take(taken_on, **parameters)
    artefacts = Artefacts(store)
    data = artefacts.file_of(arrays, facts)
    if lost is not None and lost != hashlib.sha256(data).hexdigest():
        raise StoreError(
            f"basis {lost[:12]} was lost, and measured again it has other bits; restore "
            f"{artefacts.path(lost)}"
        )
    name = artefacts.take(data)
    Notes(store).put(facts | {"artefact": name, "grok_steps": reached})
    return name


def note_of(store: Store, artefact: str) -> dict[str, Any]:
    """What a basis was measured by, and on which run.

    Raises:
        StoreError: if the store has no note of it, or the note is damaged.
    """
    note = Notes(store).of(artefact)
    names = ("measure", "parameters", "run", "config_id", "sibling")
    return {name: note[name] for name in names if name in note}
