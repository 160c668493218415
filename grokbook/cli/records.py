"""``grokbook runs``, ``record``, ``verify``, ``replay``: what was made, and whether it is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from grokbook.cli.common import app, fail, warn, whole_option


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
        typer.Argument(help="Config ids, or beginnings of them, of finished runs in the store."),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a record that has other measurements.")
    ] = False,
) -> None:
    """Add finished runs to the recorded results that ship with the book."""
    from grokbook.store import Store, StoreError
    from grokbook.store.recorded import Results

    try:
        for name in runs:
            fitting = [
                run
                for run in Store().runs(warn=warn)
                if run.config.id.startswith(name) and run.ended
            ]
            if len(fitting) != 1:
                fail(f"{len(fitting)} finished runs in the store begin with {name!r}")
            entry = Results().add(fitting[0], replace=replace)
            size = sum(facts["bytes"] for facts in entry["files"].values())
            typer.echo(f"recorded {fitting[0].config.id}  {entry['label']}  {size / 1e3:,.0f} kB")
    except StoreError as error:
        fail(str(error), 1)


@app.command()
def verify(
    store: Annotated[bool, typer.Option("--store", help="Check the local store too.")] = False,
) -> None:
    """Check recorded results; name what is damaged."""
    from grokbook.store import Store
    from grokbook.store.recorded import Results

    results = Results()
    if not (results.folder / "manifest.json").exists():
        fail(f"there are no recorded results in {results.folder}", 1)
    problems = results.verify()
    checked = {
        f"recorded files are as they were written ({results.folder})": 0
        if problems
        else sum(len(entry["files"]) for entry in results.manifest().values())
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
    from grokbook.store.recorded import Results
    from grokbook.studies.replaying import replay as again

    if steps < 1 or steps % 100:
        fail(f"steps must be a positive multiple of 100, not {steps}")
    try:
        result = again(Results().get(run), steps)
    except StoreError as error:
        fail(str(error))
    typer.echo(result.text())
    if not result.agrees:
        raise typer.Exit(1)
