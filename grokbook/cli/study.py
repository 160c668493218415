"""``grokbook study``: many runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from grokbook.cli.agenda import measure_all, require_measuring, to_measure
from grokbook.cli.agenda import say_ahead as say_measuring
from grokbook.cli.ahead import (
    as_ensembles,
    check_options,
    check_pack,
    refuse,
    say_ahead,
)
from grokbook.cli.common import app, fail, size_option, warn, whole_option
from grokbook.cli.packs import write_pack
from grokbook.cli.words import exact_size, runs
from grokbook.studies.command import command

ELSEWHERE = 3
"""Exit status where all that is left is being trained by another process: no failure, not done."""


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="dual, tri, deletion or another of the papers' (an unknown name lists them), or "
            "a TOML file of your own.",
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
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure the runs afterwards, as `grokbook measure` does."),
    ] = False,
    instruments: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="With --measure: only these; by default all."),
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pack the runs and what was measured on them, unfinished ones as they are.",
        ),
    ] = None,
    pack_limit: Annotated[int | None, size_option("Of the pack; 60MB by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Carry out a study, or go on with it.

    Example: grokbook study dual --seeds 8 --measure --pack home
    """
    from grokbook.checks import ConfigError
    from grokbook.store import Store, StoreError
    from grokbook.studies.declaring import change, find
    from grokbook.studies.members import stages

    try:
        check_options(workers, device, models, scheduler)
        chain = change(find(name), settings or (), seeds)
        planned = stages(chain)
        check_pack(pack, pack_limit, planned)
        names = to_measure(measure, instruments, planned[-1])
        if device != "cpu":
            from grokbook.training.process import prepare_device  # with it PyTorch

            prepare_device(device)
    except ConfigError as error:
        fail(str(error))

    from grokbook.cli.display import rows
    from grokbook.studies.standing import outlook, speeds_seen, stand
    from grokbook.studies.started import note_start
    from grokbook.sweep.local import cores

    words = ["--measure"] if measure else []
    words += [] if instruments is None else ["--instruments", instruments]
    begun = command("study", name, changes=settings or (), seeds=seeds, more=words)
    # What a run's numerics depend on must be the same to go on; how many workers need not.
    rest = {"device": None if device == "cpu" else device, "models": models, "pack": pack}
    rest["pack-limit"] = None if pack_limit is None else exact_size(pack_limit)
    given = [word for k, v in rest.items() if v is not None for word in (f"--{k}", str(v))]
    again = command("study", name, changes=settings or (), seeds=seeds, more=words + given)
    ensembles, store = as_ensembles(device, models), Store()
    at_once = (models or 1) if ensembles else workers or cores()
    how = {"workers": workers, "scheduler": scheduler}
    if ensembles:
        how = {"models": models, "device": device}

    def packed() -> None:
        if pack is not None:
            after = (stand(store, each.member, warn).directory for each in standings)
            write_pack([run for run in after if run is not None], pack, pack_limit)

    def last() -> list:
        return [stand(store, member, warn) for member in planned[-1].members]

    try:
        standings = [stand(store, member, warn) for stage in planned for member in stage.members]
        speeds = speeds_seen(store.runs(), device=device, models=models or 1)
        ahead = outlook(standings, speeds, workers=at_once)
        say_ahead(planned, standings, ahead, at_once, store)
        if dry_run:
            for row in rows(standings):
                typer.echo(f"  {row}")
            if names:
                say_measuring(last(), names, store)
            return
        to_train = any(ahead.counts[state] for state in ("running", "waiting"))
        if not to_train and not names:
            typer.echo("nothing is left to do")
            packed()
            return
        if names:
            require_measuring(names, workers, scheduler)
        done, stopped, problem = [], False, None
        if to_train:
            refuse(standings, ahead, store, ensembles, how)
            note_start(store, chain, begun)
        else:
            typer.echo("nothing is left to train")
        try:
            if to_train:
                done, stopped = _carry_out(planned, standings, store, ensembles, how)
            if names and not stopped:
                problem, stopped = measure_all(last(), names, store, workers, scheduler)
        except (ConfigError, StoreError):
            with contextlib.suppress(typer.Exit):
                packed()
            raise
        try:
            packed()
        finally:  # whatever became of the pack, this is the last word
            _say_end(standings, done, stopped, store, again, problem)
    except ConfigError as error:
        fail(str(error))
    except StoreError as error:
        fail(str(error), 1)
    except KeyboardInterrupt:
        fail(f"ended at once; `{again}` goes on from what was saved last", 130)


def _carry_out(planned, standings, store, ensembles: bool, how: dict) -> tuple[list, bool]:
    """How every run that was trained now ended, and whether the user stopped it."""
    from grokbook.cli.display import Display
    from grokbook.studies.carrying_out import carry_out
    from grokbook.training.process import interrupts

    with interrupts() as stop, Display(store, standings, stop) as display:

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
        return done, stop.is_set()


def _say_end(standings, done: list, stopped: bool, store, again: str, problem: str | None) -> None:
    """The last line, and the exit status that goes with it; ``problem``: of the measuring."""
    from grokbook.studies.standing import stand

    if stopped:
        typer.echo(f"stopped; everything is saved, and `{again}` goes on from there")
        raise typer.Exit(130)
    states = [stand(store, each.member, warn).state for each in standings]
    all_of_them = runs(len(states))
    elsewhere, missing = states.count("running"), sum(s in ("running", "waiting") for s in states)
    failed = [each for each in done if each.status == "failed"]
    if problem and missing:
        warn(problem)
    if elsewhere and elsewhere == missing and not failed:
        typer.echo(
            f"being trained by another process: {elsewhere} of {all_of_them}; "
            f"`grokbook status {standings[-1].member.study}` follows them"
        )
        raise typer.Exit(ELSEWHERE)
    if missing:
        reasons = [f"still to be carried out: {missing} of {all_of_them}"]
        reasons += [f"being trained by another process: {elsewhere}"] if elsewhere else []
        reasons += [f"the first to fail: {each.label}: {each.note}" for each in failed[:1]]
        fail("; ".join(reasons), 1)
    if problem:
        fail(problem, 1)
    diverged = states.count("diverged")
    but = f", {diverged} of them diverged" if diverged else ""
    typer.echo(f"done: {all_of_them} in {store.root}{but}")
