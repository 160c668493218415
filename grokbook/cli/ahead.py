"""Before a study starts: what is refused, and what lies ahead.

In two parts.  What can be said of the arguments alone does not wait for PyTorch to load; what
depends on the machine and the store is looked at just before the start.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

from grokbook.checks import ConfigError, integer
from grokbook.checks import device as known_device
from grokbook.cli.common import fail
from grokbook.cli.words import roughly, size


def as_ensembles(device: str, models: int | None) -> bool:
    """Are runs trained as models of one trainer, not one by one?"""
    return device != "cpu" or (models or 1) > 1


def check_options(
    workers: int | None, device: str, models: int | None, scheduler: str | None
) -> None:
    """Refuse options that are none, or do not go together."""
    if workers is not None:
        integer("workers", workers, low=1, high=10_000)
    if models is not None:
        integer("models", models, low=1, high=10_000)
    known_device(device)
    if scheduler is not None and not scheduler.startswith(("tcp://", "tls://")):
        raise ConfigError(f"scheduler must be an address like tcp://host:8786, not {scheduler!r}")
    given = {"--workers": workers, "--scheduler": scheduler}
    for option in (option for option, value in given.items() if value is not None):
        if as_ensembles(device, models):
            raise ConfigError(f"{option} is for runs trained one by one, not with ensembles")


def check_pack(folder: Path | None, limit: int | None, planned) -> None:
    """Refuse a pack that cannot be written when the runs are trained, as far as that is known."""
    from grokbook.store import StoreError
    from grokbook.store.parts import LIMIT, require_limit, require_room

    if folder is None:
        if limit is not None:
            fail("--pack-limit is for --pack, which is not given")
        return
    members = [member for stage in planned for member in stage.members]
    try:
        require_room(folder)
        # What a run is and what gives its basis: a run of two studies is packed once.
        require_limit(len({(each.blank.id, id(each.source)) for each in members}), limit or LIMIT)
    except StoreError as error:
        fail(str(error))


def say_ahead(planned, standings, ahead, at_once: int, store) -> None:
    """What is done, and what it takes to do the rest."""
    from grokbook.cli.display import counts
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
        time = f"about {roughly(ahead.seconds)} at the speed seen in this store{together}"
    typer.echo(f"  time: {time}")
    typer.echo(f"  disk: at most {size(ahead.bytes)} needed, {size(_free(store))} free")


def _free(store) -> int:
    """Bytes free where the store is, or will be."""
    folder = store.root.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def refuse(standings, ahead, store, ensembles: bool, how: dict) -> None:
    """End here if disk, memory or cluster will not do, or runs in the store are in the way."""
    from grokbook.numerics import Numerics
    from grokbook.studies.carrying_out import conflicts
    from grokbook.sweep import require_workers
    from grokbook.training.memory import require_memory
    from grokbook.training.process import single_thread

    try:
        store.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"the store {store.root} cannot be made: {error.strerror or error}", 1)
    free = _free(store)
    if ahead.bytes > free:
        fail(
            f"the study may need {size(ahead.bytes)} in {store.root}, and {size(free)} are free",
            1,
        )
    jobs = {each.job.key: each.job for each in standings if each.job}.values()
    if ensembles:
        for job in jobs if how["models"] else ():
            require_memory(job.config, how["models"], how["device"])
        return
    require_workers(jobs, **how)
    with single_thread():
        for line in conflicts(standings, Numerics.here().id)[:1]:
            fail(line, 1)
