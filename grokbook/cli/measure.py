"""``grokbook measure`` and ``grokbook describe``: instruments on a study's runs."""

from __future__ import annotations

from typing import Annotated

import typer

from grokbook.cli.common import app, fail, real_option, warn, whole_option
from grokbook.cli.words import paragraph
from grokbook.studies.command import command


@app.command()
def measure(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME_OR_FILE", help="A study, as for `grokbook study`."),
    ],
    instruments: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Only these; `grokbook describe` lists all."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE,…", help="As for `grokbook study`; repeatable."),
    ] = None,
    seeds: Annotated[int | None, whole_option("As for `grokbook study`.")] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="INSTRUMENT.PARAMETER=VALUE",
            help="Other than the default; repeatable.",
        ),
    ] = None,
    budget: Annotated[
        float | None, real_option("Core-hours for each instrument, instead of its own.")
    ] = None,
    workers: Annotated[int | None, whole_option("Measured at once; by default one a core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://…", help="Of a Dask cluster that measures.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Measure the ended runs of a study, or go on with it.

    Example: grokbook measure dual --instruments commutator --with commutator.batch_pairs=12
    """
    from grokbook.checks import ConfigError, number
    from grokbook.cli.agenda import chosen, is_left, parameters_from, say
    from grokbook.cli.ahead import check_options
    from grokbook.instruments.agenda import agenda
    from grokbook.store import Store, StoreError
    from grokbook.studies.declaring import change, find
    from grokbook.studies.members import stages
    from grokbook.studies.standing import stand

    try:
        check_options(workers, "cpu", None, scheduler)
        if budget is not None:
            number("budget", budget, low=0)
        names, given = chosen(instruments), parameters_from(parameters or ())
        last = stages(change(find(name), settings or (), seeds))[-1]
        store = Store()
        standings = [stand(store, member, warn) for member in last.members]
        runs = [each.directory for each in standings if each.state == "done"]
        if not runs:
            _nothing(last.study.name, store, name, settings, seeds, dry_run)
            return
        items = agenda(store, runs, names, given, of=len(standings), budget=budget)
        say(last.study.name, items, len(runs), len(standings))
        if dry_run and not any(is_left(item) or item.lacking for item in items):
            typer.echo("nothing is left to measure")
        if not dry_run:
            _carry_out(items, store, workers, scheduler)
    except ConfigError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), 1)
    except KeyboardInterrupt:
        fail("ended at once; the same command goes on from what was saved last", 130)


def _nothing(study: str, store, name: str, settings, seeds: int | None, dry_run: bool) -> None:
    """No run has ended: say what makes them."""
    trains = command("study", name, changes=settings or (), seeds=seeds)
    line = f"no run of study {study} has ended in {store.root}; `{trains}` trains them"
    if not dry_run:
        fail(line, 1)
    typer.echo(line)


def _carry_out(items: list, store, workers: int | None, scheduler: str | None) -> None:
    from grokbook.cli.agenda import carry_out

    problem, stopped = carry_out(items, store, workers, scheduler)
    if stopped:
        typer.echo("stopped; everything is saved, and the same command goes on from there")
        raise typer.Exit(130)
    if problem:
        fail(problem, 1)


@app.command()
def describe(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTRUMENT",
            help="By default, all in one line each; dyck counts what that corpus gives away.",
        ),
    ] = None,
) -> None:
    """Say what an instrument measures (formula, units, source, cost), or what a corpus holds."""
    from grokbook.checks import ConfigError
    from grokbook.instruments.catalogue import INSTRUMENTS, instrument

    if name == "dyck":
        from grokbook.cli.corpus import describe_dyck

        describe_dyck()
        return

    if name is None:
        wide = max(map(len, INSTRUMENTS))
        for each in INSTRUMENTS.values():
            typer.echo(f"{each.name:{wide}}  {each.title}")
        return
    try:
        tool = instrument(name)
    except ConfigError as error:
        fail(str(error))
    typer.echo(f"{tool.name}: {tool.title}\n")
    typer.echo(paragraph(tool.formula, "  ") + "\n")
    for each, quantity in tool.quantities.items():
        unit = "" if quantity.unit == "1" else f" [{quantity.unit}]"
        at = f"; at: {quantity.at}" if quantity.at else ""
        typer.echo(paragraph(f"{each}{unit}: {quantity.meaning}{at}", "    ", "  "))
    typer.echo()
    for title, text in (
        ("part", tool.parts or "everything is of the whole"),
        ("variant", tool.variants),
        ("error", tool.error),
        ("source", tool.source),
        ("needs", " and ".join(_NEEDS[need] for need in tool.needs) or "the metrics alone"),
        ("cost", f"{tool.cost}; a study may spend {tool.budget:g} core-hours on it"),
        ("rows", "step, quantity, part, variant, at, value, error, count"),
    ):
        typer.echo(paragraph(text, " " * 9, f"{title + ':':9}"))
    for each, parameter in tool.parameters.items():
        text = f"{tool.name}.{each}={parameter}: {parameter.meaning}"
        typer.echo(paragraph(text, " " * 9, "with:    "))


_NEEDS = {
    "theta": "snapshots of all parameters (plan.full_state)",
    "attention": "snapshots of the attention matrices",
    "band": "the stream of inner products of updates",
    "decayed": "what decay moved them by",
    "pairs": "a run on modular arithmetic",
    "strings": "a run on balanced brackets",
}
