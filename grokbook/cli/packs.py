"""``grokbook pack`` and ``unpack``: runs on their way home from another machine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from grokbook.cli.common import app, fail, size_option, warn
from grokbook.cli.words import measurements
from grokbook.cli.words import runs as so_many


@app.command()
def pack(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or that of an older pack.")
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Config ids, or beginnings of them, of runs in the store; by default all.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        size_option("Of the whole pack, such as 800kB; 60MB by default, 112MB at most."),
    ] = None,
) -> None:
    """Pack runs into at most eight files of at most 16 MB each.

    Records go in first, then what was measured on them, resume points of unfinished runs, the bases
    that these need, final weights, and as many snapshots as fit.
    """
    from grokbook.store import Store

    store = Store()
    chosen = here = store.runs(warn=warn)
    if runs:
        chosen = []
        for name in runs:
            fitting = [run for run in here if run.config.id.startswith(name)]
            ids = {run.config.id for run in fitting}
            if len(ids) != 1:
                fail(f"{len(ids) or 'no'} runs in {store.root} begin with {name!r}")
            chosen += fitting
    if not chosen:
        fail(f"there are no runs in {store.root}")
    write_pack(chosen, folder, limit)


def write_pack(runs: list, folder: Path, limit: int | None) -> None:
    """Pack runs, and say what went in and what did not."""
    from grokbook.store import DiskFull, StoreError
    from grokbook.store.packing import LIMIT
    from grokbook.store.packing import pack as write

    try:
        packed = write(runs, folder, limit=limit or LIMIT)
    except StoreError as error:
        fail(str(error), 1 if isinstance(error, DiskFull) else 2)
    for run in packed.runs:
        found = f"  {measurements(run.measurements)}" if run.measurements else ""
        what = f"{run.status} at {run.step:,}  {run.bytes / 1e6:.2f} MB  {run.label}"
        typer.echo(f"{run.id}  {what}{found}")
        if run.left_out:
            typer.echo(f"{'':14}without {'; '.join(run.left_out)}")
    count = sum(run.status != "left out" for run in packed.runs)
    typer.echo(
        f"{count} of {so_many(len(packed.runs))}, {packed.bytes / 1e6:.2f} MB: {packed.folder}"
    )


@app.command()
def unpack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a pack.")],
) -> None:
    """Check a pack, then take its runs, and what was measured on them, into the store.

    A run or a measurement that the store has as far, or further, is left alone.
    """
    from grokbook.store import Store, StoreError
    from grokbook.store.unpacking import unpack as read

    store = Store()
    try:
        runs = read(folder, store)
    except StoreError as error:
        fail(str(error), 1)
    for run in runs:
        came = Counter(each.outcome for each in run.measurements)
        told = ", ".join(f"{count} {word}" for word, count in came.items())
        found = f"  {measurements(came.total())}: {told}" if came else ""
        what = f"{run.outcome:8}  {run.status} at {run.step:,}  {run.label}"
        typer.echo(f"{run.id}  {what}{found}")
    measured = [each for run in runs for each in run.measurements]
    skipped = [each for each in (*runs, *measured) if each.outcome == "skipped"]
    for each in skipped:
        warn(each.why)
    inside = [sum(each.outcome != "skipped" for each in some) for some in (runs, measured)]
    also = f" and {inside[1]} of {measurements(len(measured))}" if measured else ""
    typer.echo(f"{inside[0]} of {so_many(len(runs))}{also} now in {store.root}")
    if skipped:
        raise typer.Exit(1)
