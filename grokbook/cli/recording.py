"""What ``grokbook record`` takes from the store: runs, their bases, what was measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grokbook.checks import ConfigError
from grokbook.cli.common import warn


def finished(names: Sequence[str]) -> list:
    """The runs that are meant, each once.

    Raises:
        ConfigError: if there is no such study or run, or none of it is finished.
    """
    from grokbook.cli.named import is_run
    from grokbook.store import Store
    from grokbook.studies.declaring import find
    from grokbook.studies.members import stages
    from grokbook.studies.standing import stand

    store, found = Store(), {}
    for name in names:
        if is_run(name):
            fitting = [store.ended(name, warn=warn)]
        else:
            members = stages(find(name))[-1].members
            standings = [stand(store, member, warn) for member in members]
            fitting = [each.directory for each in standings if each.state in ("done", "diverged")]
            if not fitting:
                raise ConfigError(f"no run of study {name} is finished in {store.root}")
        found |= {run.path: run for run in fitting}
    return list(found.values())


def basis_of(run) -> dict | None:
    """What the basis of a run's intervention was measured by; None if it has none."""
    from grokbook.store import Store
    from grokbook.studies.bases import note_of

    intervention = run.config.intervention
    if intervention is None or intervention.basis is None:
        return None
    return note_of(Store(), intervention.basis)


def record_measurements(
    run, given: Mapping[str, Mapping[str, Any]], replace: bool
) -> tuple[list[dict], list[str]]:
    """Record what was measured on a run, whole, with default parameters or those given.

    Args:
        run: of the store.
        given: parameters by instrument.
        replace: put it in the place of a record that differs.

    Returns:
        The entries; and what was given and is not there to be recorded, a line each.
    """
    from grokbook.instruments.catalogue import INSTRUMENTS, instrument
    from grokbook.instruments.measuring import Measuring
    from grokbook.instruments.recorded import Recorded
    from grokbook.instruments.subject import Subject
    from grokbook.store import Store

    store, entries, missing = Store(), [], []
    subject = Subject(run, store)
    wanted = [(name, instrument(name).complete({})) for name in INSTRUMENTS]
    asked = [(name, instrument(name).complete(each)) for name, each in given.items()]
    for name, parameters in wanted + [each for each in asked if each not in wanted]:
        so_far = Measuring.of(name, run, parameters).found(store, subject)
        if so_far is not None and so_far.measured and so_far.complete:
            entries.append(Recorded().add(so_far, replace=replace))
        elif (name, parameters) in asked:
            missing.append(
                f"{_options(name, given[name])} is not measured, or not to its end, on run "
                f"{run.name} ({run.config.label})"
            )
    return entries, missing


def _options(name: str, given: Mapping[str, Any], before: str = "") -> str:
    """Parameters of an instrument as ``--with`` takes them."""
    from grokbook.instruments.catalogue import instrument

    tool = instrument(name)
    each = (f"{name}.{key}={tool.parameter(key).write(value)}" for key, value in given.items())
    return " ".join(before + one for one in each)


def left_out(run, given: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was measured on a run and is not to be recorded, and why, a line each.

    Args:
        run: of the store.
        given: parameters, other than the defaults, with which it is to be recorded, by instrument.
    """
    from grokbook.instruments.catalogue import INSTRUMENTS
    from grokbook.instruments.measurement import as_json
    from grokbook.instruments.recorded import Recorded
    from grokbook.store.measurements import measurements_of, read

    found, recorded = [], Recorded().manifest()
    for name, data in measurements_of(run, run.step).items():
        facts = read(data, name)[1]
        tool = INSTRUMENTS.get(facts.instrument)
        there = f"measurements/{run.config.id}/{name}" in recorded
        if tool is None or facts.version != tool.version or there:
            continue
        usual, asked = (as_json(tool.complete(each)) for each in ({}, given.get(tool.name, {})))
        other = {name: v for name, v in facts.parameters.items() if usual.get(name) != v}
        if other and facts.parameters != asked:
            options = _options(tool.name, other, "--with ")
            found.append(f"{tool.name} with other parameters: add {options}")
        elif facts.left:
            points = f"{len(facts.measured):,} of {len(facts.points):,} points"
            found.append(f"{tool.name}, of which {points} are measured")
    return found
