"""``grokbook status``: how far the studies in the store are."""

from __future__ import annotations

from typing import Annotated

import typer

from grokbook.cli.common import app, fail, warn
from grokbook.cli.words import runs as so_many


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME_OR_FILE]",
            help="A study that was started, or the whole command; by default all.",
        ),
    ] = None,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Show the study no more; its runs stay in the store."),
    ] = False,
) -> None:
    """Say how far the studies in the store are; it can run beside them."""
    from grokbook.store import Store, StoreError
    from grokbook.studies import started

    store = Store()
    try:
        starts = started.started(store)
        chosen = [start for start in starts if name is None or start.called(name)]
        if name is not None and not chosen:
            known = ", ".join(sorted({start.study.name for start in starts})) or "none"
            fail(f"no study {name!r} was started here; started: {known}")
        if forget:
            if name is None:
                fail("--forget needs the study: its name, its file, or the whole command")
            for start in started.forget(store, name):
                typer.echo(f"forgotten, and its runs kept: {start.command}")
            return
        runs = store.runs(warn=warn)
        if not chosen:
            _say_none(store, runs)
            return
        _say_standing(store, chosen, runs)
    except StoreError as error:
        fail(str(error), 1)


def _say_none(store, runs: list) -> None:
    held = f"; `grokbook runs` lists the {so_many(len(runs))} in it" if runs else ""
    typer.echo(f"no study was started in {store.root}{held}")


def _say_standing(store, starts: list, runs: list) -> None:
    """Every study: what it is, the command that goes on with it, and where its runs stand."""
    from grokbook.cli.display import counts, rows
    from grokbook.studies.members import stages
    from grokbook.studies.standing import outlook, speeds_seen, stand

    speeds = speeds_seen(runs)
    for start in starts:
        typer.echo(f"{start.study.name}: {start.study.title}")
        typer.echo(f"  {start.command}")
        for stage in stages(start.chain):
            standings = [stand(store, member, warn) for member in stage.members]
            rate = sum(standing.rate or 0 for standing in standings)
            now = f", now {rate:,.1f} steps/s" if rate else ""
            typer.echo(f"  {stage.study.name}: {counts(outlook(standings, speeds))}{now}")
            for row in rows(standings, speeds):
                typer.echo(f"  {row}")
