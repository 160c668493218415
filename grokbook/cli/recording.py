"""What ``grokbook record`` takes from the store: runs, their bases, what was measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grokbook.cli.common import fail, warn


def finished(names: Sequence[str]) -> list:
    """The runs that are meant, each once."""
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
                fail(f"no run of study {name} is finished in {store.root}")
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
    usual = {name: instrument(name).complete({}) for name in INSTRUMENTS}
    other = [(name, each) for name, each in given.items() if usual[name] != _whole(name, each)]
    for name, wanted in [*((name, {}) for name in usual), *other]:
        so_far = Measuring.of(name, run, wanted).found(store, subject)
        if so_far is not None and so_far.measured and so_far.complete:
            entries.append(Recorded().add(so_far, replace=replace))
        elif _whole(name, wanted) == _whole(name, given.get(name)):
            how = ", ".join(f"{key}={value}" for key, value in given[name].items())
            missing.append(
                f"{name} with {how} is not measured, or not to its end, on run {run.name} "
                f"({run.config.label})"
            )
    return entries, missing


def _whole(name: str, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Parameters of an instrument with those left out; None if none are given."""
    from grokbook.instruments.catalogue import instrument

    return None if given is None else instrument(name).complete(given)


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
        other = [f"{tool.name}.{k}={v}" for k, v in facts.parameters.items() if usual.get(k) != v]
        if other and facts.parameters != asked:
            found.append(f"{tool.name} with other parameters: add --with {' --with '.join(other)}")
        elif facts.left:
            points = f"{len(facts.measured):,} of {len(facts.points):,} points"
            found.append(f"{tool.name}, of which {points} are measured")
    return found
