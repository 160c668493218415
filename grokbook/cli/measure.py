"""``grokbook measure`` and ``grokbook describe``: instruments on ended runs, and what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from grokbook.cli.common import app, fail, real_option, warn, whole_option
from grokbook.cli.words import paragraph
from grokbook.studies.command import command

if TYPE_CHECKING:
    from grokbook.store import RunDirectory, Store


@app.command()
def measure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="STUDY_OR_RUN",
            help="A study, as for `grokbook study`; or one run of the store, by as much of its "
            "config id as no other run has, or by CONFIG-NUMERICS.",
        ),
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
    """Measure the ended runs of a study, or one run, or go on with it.

    Example: grokbook measure dual --instruments commutator --with commutator.batch_pairs=12
    """
    from grokbook.checks import ConfigError, number
    from grokbook.cli.agenda import chosen, is_left, parameters_from, say
    from grokbook.cli.ahead import check_options
    from grokbook.instruments.agenda import agenda
    from grokbook.store import Store, StoreError

    try:
        check_options(workers, "cpu", None, scheduler)
        if budget is not None:
            number("budget", budget, low=0)
        names, given = chosen(instruments), parameters_from(parameters or ())
        store = Store()
        title, runs, of = _meant(store, name, settings or (), seeds)
        if not runs:
            _nothing(title, store, name, settings, seeds, dry_run)
            return
        items = agenda(store, runs, names, given, of=of, budget=budget)
        say(title, items, len(runs), of)
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


def _meant(
    store: Store, name: str, settings: Sequence[str], seeds: int | None
) -> tuple[str, list[RunDirectory], int]:
    """What a person calls the study or the run, the ended runs of it, and how many it has.

    Raises:
        ConfigError: if there is no such study or ended run, or a run is to be changed like a study.
    """
    from grokbook.checks import ConfigError
    from grokbook.cli.agenda import to_be_measured
    from grokbook.cli.named import is_run
    from grokbook.studies.declaring import change, find
    from grokbook.studies.members import stages
    from grokbook.studies.standing import stand

    if is_run(name):
        if settings or seeds is not None:
            raise ConfigError(f"--set and --seeds choose runs of a study; {name} is one run")
        run = store.ended(name, warn=warn)
        if run.status == "diverged":
            line = f"run {run.name} ({run.config.label}) diverged at step {run.step:,}"
            raise ConfigError(f"{line}; no instrument reads weights that are not finite")
        return run.config.label, [run], 1
    last = stages(change(find(name), settings, seeds))[-1]
    standings = [stand(store, member, warn) for member in last.members]
    if all(each.state == "diverged" for each in standings):
        raise ConfigError(f"all runs of study {last.study.name} diverged; nothing can be measured")
    return last.study.name, *to_be_measured(standings)


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
    from grokbook.instruments.instrument import NEEDS

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
        ("needs", " and ".join(NEEDS[need] for need in tool.needs) or "the metrics alone"),
        ("cost", f"{tool.cost}; a study may spend {tool.budget:g} core-hours on it"),
        ("rows", "step, quantity, part, variant, at, value, error, count"),
    ):
        typer.echo(paragraph(text, " " * 9, f"{title + ':':9}"))
    for each, parameter in tool.parameters.items():
        text = f"{tool.name}.{each}={parameter}: {parameter.meaning}"
        typer.echo(paragraph(text, " " * 9, "with:    "))
