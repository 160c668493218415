"""``grokbook runs``, ``record``, ``verify``, ``replay``: what was made, and whether it is whole."""

from __future__ import annotations

from typing import Annotated

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
    heads: Annotated[
        bool, typer.Option("--heads", help="Of the last parameters the readouts, 50 kB a task.")
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
    from grokbook.cli.recording import basis_of, finished, left_out, record_measurements
    from grokbook.store import StoreError
    from grokbook.store.recorded import Results

    refused = []
    try:
        given = parameters_from(parameters or ())
        for run in finished(runs):
            try:
                entry = Results().add(
                    run,
                    replace=replace,
                    again=again,
                    weights=weights,
                    heads=heads,
                    basis=basis_of(run),
                )
                found, missing = record_measurements(run, given, replace)
            except StoreError as error:  # the other runs are recorded all the same
                refused.append(str(error))
                continue
            refused += missing
            size = sum(facts["bytes"] for facts in [*entry["files"].values(), *found])
            measured = f"  {measurements(len(found))}" if found else ""
            typer.echo(
                f"recorded {run.config.id}  {entry['label']}  {size / 1e3:,.0f} kB{measured}"
            )
            if left := left_out(run, given):
                typer.echo(f"  not recorded: {'; '.join(left)}")
    except ConfigError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), 1)
    for line in refused[:-1]:
        typer.echo(f"grokbook: {line}", err=True)
    if refused:
        fail(refused[-1], 1)


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
