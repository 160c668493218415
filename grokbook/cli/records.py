"""``grokbook runs``, ``record``, ``verify``, ``replay``: what was made, and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from grokbook.cli.common import app, fail, warn, whole_option
from grokbook.cli.words import measurements


@app.command()
def runs() -> None:
    """List runs: in the store, and recorded."""
    from grokbook.store import Store, StoreError
    from grokbook.store.recorded import Results

    store = Store()
    rows = [
        (run.config.id, "store", f"{run.status} at {run.step:,}", run.config.label)
        for run in store.runs(warn=warn)
    ]
    try:
        rows += [
            (name, "recorded", f"{entry['status']} at {entry['steps']:,}", entry["label"])
            for name, entry in Results().manifest().items()
        ]
    except StoreError as error:
        fail(str(error), 1)
    for name, place, state, label in rows:
        typer.echo(f"{name}  {place:8}  {state:22}  {label}")
    if not rows:
        typer.echo(f"no runs in {store.root}, and none recorded")


@app.command()
def record(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_OR_STUDY...",
            help="Runs in the store, each by as much of its config id as no other run has, or by "
            "CONFIG-NUMERICS; or studies, for all their finished runs.",
        ),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a record that was wrong.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Put another execution of a recorded run, under other numerics, beside it.",
        ),
    ] = False,
    weights: Annotated[
        bool, typer.Option("--weights", help="The last parameters, too: 1.2 MB a published run.")
    ] = False,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="INSTRUMENT.PARAMETER=VALUE",
            help="What was measured with that, too, beside the defaults; repeatable.",
        ),
    ] = None,
) -> None:
    """Add finished runs, and what was measured on them, to the results that ship with the book."""
    from grokbook.checks import ConfigError
    from grokbook.cli.agenda import parameters_from
    from grokbook.store import StoreError
    from grokbook.store.recorded import Results

    refused = []
    try:
        given = parameters_from(parameters or ())
        for run in _finished(runs):
            try:
                entry = Results().add(
                    run, replace=replace, again=again, weights=weights, basis=_basis(run)
                )
                found, missing = _record_measurements(run, given, replace)
            except StoreError as error:  # the other runs are recorded all the same
                refused.append(str(error))
                continue
            refused += missing
            size = sum(facts["bytes"] for facts in [*entry["files"].values(), *found])
            measured = f"  {measurements(len(found))}" if found else ""
            typer.echo(
                f"recorded {run.config.id}  {entry['label']}  {size / 1e3:,.0f} kB{measured}"
            )
            if left := _left_out(run, given):
                typer.echo(f"  not recorded: {'; '.join(left)}")
    except ConfigError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), 1)
    for line in refused[:-1]:
        typer.echo(f"grokbook: {line}", err=True)
    if refused:
        fail(refused[-1], 1)


def _finished(names: list[str]) -> list:
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


def _basis(run) -> dict | None:
    """What the basis of a run's intervention was measured by; None if it has none."""
    from grokbook.store import Store
    from grokbook.studies.bases import note_of

    intervention = run.config.intervention
    if intervention is None or intervention.basis is None:
        return None
    return note_of(Store(), intervention.basis)


def _record_measurements(
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


def _left_out(run, given: Mapping[str, Mapping[str, Any]]) -> list[str]:
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


@app.command()
def verify(
    store: Annotated[bool, typer.Option("--store", help="Check the local store too.")] = False,
) -> None:
    """Check recorded results; name what is damaged."""
    from grokbook.instruments.recorded import Recorded
    from grokbook.store import Store
    from grokbook.store.recorded import Results

    results, measured = Results(), Recorded()
    if not (results.folder / "manifest.json").exists():
        fail(f"there are no recorded results in {results.folder}", 1)
    problems = results.verify() + measured.verify()
    checked = {
        f"recorded files are as they were written ({results.folder})": 0
        if problems
        else sum(len(entry["files"]) for entry in results.manifest().values())
        + len(measured.manifest())
    }
    if store:
        runs = Store().runs(warn=problems.append)
        for run in runs:
            problems += run.verify()
        checked[f"files of {len(runs)} runs likewise ({Store().root})"] = sum(
            len(run.entries()) for run in runs
        )
    for problem in problems:
        warn(problem)
    if problems:
        raise typer.Exit(1)
    for what, count in checked.items():
        typer.echo(f"{count} {what}")


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="Config id of a recorded run, or its beginning.")],
    steps: Annotated[int, whole_option("Steps to train again from the start.")] = 300,
) -> None:
    """Retrain a recorded run's start and compare."""
    from grokbook.store import StoreError
    from grokbook.store.recorded import NotRecorded, Results
    from grokbook.studies.replaying import replay as again

    if steps < 1 or steps % 100:
        fail(f"steps must be a positive multiple of 100, not {steps}")
    try:
        result = again(Results().get(run), steps)
    except StoreError as error:
        fail(str(error), 2 if isinstance(error, NotRecorded) else 1)
    typer.echo(result.text())
    if not result.agrees:
        raise typer.Exit(1)
