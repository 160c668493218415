"""``grokbook study`` and ``grokbook status``: many runs, and how far they are."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from grokbook.cli.common import app, fail, size_option, warn, whole_option
from grokbook.cli.packs import write_pack


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE", help="dual, tri, deletion, or a TOML file of your own."
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE,…",
            help="Other values of a field of the grid or of all runs, of intervention.<field> or "
            "plan.<field>; repeatable.",
        ),
    ] = None,
    seeds: Annotated[int | None, whole_option("So many of 42, 137, 2024, 1, 2, 3, …")] = None,
    workers: Annotated[
        int | None, whole_option("Runs trained at once; by default one a core.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    models: Annotated[
        int | None,
        whole_option("Runs trained as one ensemble; on a GPU by default as many as fit."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://…", help="Of a Dask cluster that trains the runs.")
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pack the runs afterwards, unfinished ones as they are."),
    ] = None,
    pack_limit: Annotated[int | None, size_option("Of the pack; 60MB by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Carry out a study, or go on with it.

    Example: grokbook study dual --set weight_decay=1,0.5 --seeds 8
    """
    from grokbook.cli.display import rows
    from grokbook.config import ConfigError
    from grokbook.store import Store, StoreError
    from grokbook.studies.declaring import change, find
    from grokbook.studies.members import stages
    from grokbook.studies.standing import outlook, speeds_seen, stand
    from grokbook.studies.started import note_start
    from grokbook.sweep.local import cores

    try:
        _check_machine(workers, device, models, scheduler)
        chain = change(find(name), settings or (), seeds)
        planned = stages(chain)
    except ConfigError as error:
        fail(str(error))
    words = ["grokbook", "study", name, *(w for s in settings or () for w in ("--set", s))]
    command = shlex.join(words if seeds is None else [*words, "--seeds", str(seeds)])
    # What a run's numerics depend on must be the same to go on; how many workers need not.
    machine = {"device": None if device == "cpu" else device, "models": models}
    again = " ".join([command, *(f"--{k} {v}" for k, v in machine.items() if v is not None)])
    ensembles, store = _as_ensembles(device, models), Store()
    at_once = (models or 1) if ensembles else workers or cores()
    try:
        standings = [stand(store, member, warn) for stage in planned for member in stage.members]
        speeds = speeds_seen(store.runs(), device=device, models=models or 1)
        ahead = outlook(standings, speeds, workers=at_once)
        _say_ahead(planned, standings, ahead, at_once, store)
        if dry_run:
            for row in rows(standings):
                typer.echo(f"    {row}")
            return
        _refuse(standings, ahead, store, ensembles)
        note_start(store, chain, command)
        how = {"models": models, "device": device}
        if not ensembles:
            how = {"workers": workers, "scheduler": scheduler}
        try:
            if any(ahead.counts[state] for state in ("running", "waiting")):
                _carry_out(planned, standings, store, again, ensembles, how)
            else:
                typer.echo("nothing is left to do")
        finally:
            if pack is not None:
                after = (stand(store, each.member, warn).directory for each in standings)
                write_pack([run for run in after if run is not None], pack, pack_limit)
    except ConfigError as error:  # memory
        fail(str(error))
    except StoreError as error:
        fail(str(error), 1)


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(help="A study that was started; by default all.")
    ] = None,
) -> None:
    """Say how far the studies in the store are; it can run beside them."""
    from grokbook.cli.display import counts, rows
    from grokbook.store import Store, StoreError
    from grokbook.studies.members import stages
    from grokbook.studies.standing import outlook, speeds_seen, stand
    from grokbook.studies.started import started

    store = Store()
    try:
        starts = started(store)
        known = sorted({start.study.name for start in starts})
        if name is not None and name not in known:
            fail(f"no study {name!r} was started here; started: {', '.join(known) or 'none'}")
        if not starts:
            typer.echo(f"no study was started in {store.root}")
        speeds = speeds_seen(store.runs(warn=warn))
        for start in starts:
            if name not in (None, start.study.name):
                continue
            typer.echo(f"{start.study.name}: {start.study.title}  ({start.command})")
            for stage in stages(start.chain):
                standings = [stand(store, member, warn) for member in stage.members]
                ahead = outlook(standings, speeds)
                typer.echo(f"  {stage.study.name}: {counts(ahead)}")
                for row in rows(standings, speeds):
                    typer.echo(f"    {row}")
    except StoreError as error:
        fail(str(error), 1)


def _as_ensembles(device: str, models: int | None) -> bool:
    return device != "cpu" or (models or 1) > 1


def _check_machine(
    workers: int | None, device: str, models: int | None, scheduler: str | None
) -> None:
    """Refuse a machine that is not there, and options that do not go together."""
    from grokbook.checks import ConfigError, integer

    if workers is not None:
        integer("workers", workers, low=1, high=10_000)
    if models is not None:
        integer("models", models, low=1, high=10_000)
    if device != "cpu":
        from grokbook.training.ensemble import prepare_device

        prepare_device(device)
    if scheduler is not None and not scheduler.startswith(("tcp://", "tls://")):
        raise ConfigError(f"scheduler must be an address like tcp://host:8786, not {scheduler!r}")
    given = {"--workers": workers, "--scheduler": scheduler}
    for option in (option for option, value in given.items() if value is not None):
        if _as_ensembles(device, models):
            raise ConfigError(f"{option} is for runs trained one by one, not with ensembles")


def _say_ahead(planned, standings, ahead, at_once: int, store) -> None:
    """What is done, and what it takes to do the rest."""
    from grokbook.cli.display import counts, duration, size
    from grokbook.studies.standing import outlook

    last = planned[-1].study
    typer.echo(f"{last.name}: {last.title}{f' ({last.source})' if last.source else ''}")
    for stage in planned:
        of_it = [each for each in standings if each.member in stage.members]
        typer.echo(f"  {stage.study.name}: {counts(outlook(of_it, lambda config: None))}")
    if not ahead.steps:
        return
    together = "" if at_once == 1 else f", {at_once} at a time"
    time = "not known yet: no run of this size in the store"
    if ahead.seconds is not None:
        time = f"at most {duration(ahead.seconds)} at the speed seen in this store{together}"
    typer.echo(f"  time: {time}")
    typer.echo(f"  disk: at most {size(ahead.bytes)} needed, {size(_free(store))} free")


def _free(store) -> int:
    """Bytes free where the store is, or will be."""
    folder = store.root.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _refuse(standings, ahead, store, ensembles: bool) -> None:
    """End here if the disk is too small, or runs in the store are in the way."""
    from grokbook.cli.display import size
    from grokbook.numerics import Numerics
    from grokbook.studies.carrying_out import conflicts
    from grokbook.training.run import single_thread

    free = _free(store)
    if ahead.bytes > free:
        fail(
            f"the study may need {size(ahead.bytes)} in {store.root}, and {size(free)} are free",
            1,
        )
    if not ensembles:
        with single_thread():
            for line in conflicts(standings, Numerics.here().id)[:1]:
                fail(line, 1)


def _carry_out(planned, standings, store, command: str, ensembles: bool, how: dict) -> None:
    from grokbook.cli.display import Display
    from grokbook.studies.carrying_out import carry_out
    from grokbook.studies.standing import stand
    from grokbook.training.run import interrupts

    with interrupts() as stop, Display(store, standings) as display:

        def train(jobs: list) -> list:
            if ensembles:
                from grokbook.training.ensemble import train_ensembles as several
            else:
                from grokbook.sweep import sweep as several

            display.begin(jobs)
            done = several(jobs, store, stop=stop, watch=display.ended, warn=display.say, **how)
            for each in done:
                display.ended(each)
            return done

        done = carry_out(planned, store, train, stop=stop, warn=display.say)
    if stop.is_set():
        typer.echo(f"stopped; everything is saved, and `{command}` goes on from there")
        raise typer.Exit(130)
    after = [stand(store, each.member, warn) for each in standings]
    missing = sum(each.state not in ("done", "diverged") for each in after)
    failed = [each for each in done if each.status not in ("finished", "diverged")]
    if missing:
        reason = f"; the first to fail: {failed[0].label}: {failed[0].note}" if failed else ""
        fail(f"{missing} of {len(after)} runs are still to be carried out{reason}", 1)
    diverged = sum(each.state == "diverged" for each in after)
    but = f", {diverged} of them diverged" if diverged else ""
    typer.echo(f"done: {len(after)} runs are in {store.root}{but}")
