"""What is to be measured: refused, said ahead, carried out.

`grokbook measure` and `grokbook study --measure` share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from grokbook.checks import ConfigError
from grokbook.cli.common import fail
from grokbook.cli.words import duration, measurements, paragraph, runs

_NAMED = 12
"""Files at most that are named one by one; of more, their folder."""


def chosen(text: str | None) -> list[str]:
    """Instruments named in a list with commas; all of them by default.

    Raises:
        ConfigError: naming one that there is not.
    """
    from grokbook.instruments.catalogue import INSTRUMENTS, instrument

    if text is None:
        return list(INSTRUMENTS)
    return list(dict.fromkeys(instrument(name.strip()).name for name in text.split(",")))


def parameters_from(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Parameters by instrument from ``instrument.parameter=value``.

    Raises:
        ConfigError: naming a setting that is none.

    >>> parameters_from([])
    {}
    """
    from grokbook.instruments.catalogue import instrument

    found: dict[str, dict[str, Any]] = {}
    for setting in settings:
        where, sign, text = setting.partition("=")
        name, dot, parameter = where.partition(".")
        if "=" in text:
            raise ConfigError(f"--with {setting}: give --with once for each parameter")
        if not (name and dot and parameter and sign and text):
            raise ConfigError(f"--with {setting} is not of the form INSTRUMENT.PARAMETER=VALUE")
        if parameter in found.get(name, {}):
            raise ConfigError(f"--with {setting}: {where} is given twice")
        tool = instrument(name)
        wanted = tool.parameter(parameter)
        try:
            value = wanted.read(text)
        except ValueError:
            where = f"{parameter} of {name}"
            raise ConfigError(f"{where} must be {wanted.kind}, not {text!r}") from None
        found.setdefault(name, {})[parameter] = value
        tool.complete(found[name])
    return found


def to_measure(wanted: bool, instruments: str | None, last) -> list[str]:
    """The instruments with which a study is to be measured once its runs have ended.

    Args:
        wanted: is it to be measured at all?
        instruments: named with commas; None for all of them.
        last: stage of the study.

    Raises:
        ConfigError: naming an instrument that there is not, or those that need more than the
            plan keeps.
    """
    if not wanted:
        if instruments is not None:
            fail("--instruments is for --measure, which is not given")
        return []
    from grokbook.instruments.catalogue import instrument

    names = chosen(instruments)
    if all(member.plan.full_state for member in last.members):
        return names
    if greedy := [name for name in names if "theta" in instrument(name).needs]:
        need = "needs" if len(greedy) == 1 else "need"
        raise last.study.error(
            f"its plan keeps no snapshots of all parameters, which {', '.join(greedy)} {need}; "
            "add --set plan.full_state=true, or name other --instruments"
        )
    return names


def require_measuring(names: list[str], workers: int | None, scheduler: str | None) -> None:
    """Refuse instruments for which memory or cluster will not do, before any run is trained.

    Raises:
        ConfigError: if memory has no room for so many workers.
        SchedulerError: if the scheduler does not answer, or Dask is not installed.
    """
    from grokbook.instruments.measuring import Measuring
    from grokbook.sweep import require_workers

    jobs = [Measuring(name, "", "", ()) for name in names]
    require_workers(jobs, workers=workers, scheduler=scheduler)


def is_left(item) -> bool:
    """Is something of an item still to be measured?"""
    return item.measured < item.points


def lines(items: list) -> list[str]:
    """One line an instrument: points, what they take, budget, what cannot be measured.

    Instruments for which no run will do, as those of brackets for a modular task, share a line if
    they lack the same.
    """
    idle = [item for item in items if not item.jobs]
    shown = [item for item in items if item.jobs or len(idle) == 1]
    wide = max((len(item.name) for item in shown), default=0)
    found = [f"{item.name:{wide}}  {'; '.join(_parts(item))}" for item in shown]
    for missing in dict.fromkeys(item.missing for item in idle) if len(idle) > 1 else ():
        names = [item.name for item in idle if item.missing == missing]
        text = f"no run has {', and '.join(missing)}: {', '.join(names)}"
        found.append(paragraph(text, " " * 4, ""))
    return found


def _parts(item, to_come: int = 0) -> list[str]:
    ahead, parts = item.seconds, []
    if item.jobs or not to_come:
        parts.append(f"{item.measured:>6,} of {item.points:>6,} points")
    if is_left(item):
        parts.append(f"about {duration(item.seconds)} of a core left")
    if to_come and item.jobs:
        more = to_come * (item.seconds + item.spent) / len(item.jobs)
        ahead += more
        parts.append(f"about {duration(more)} of a core for {runs(to_come)} to come")
    elif to_come:
        from grokbook.instruments.catalogue import instrument

        parts.append(f"at the published size {instrument(item.name).cost}")
    if ahead > 3_600 * item.budget:
        parts.append(f"more than its budget of {item.budget:g} core-hours: it will stop there")
    elif to_come:
        parts.append(f"at most {item.budget:g} core-hours")
    if item.lacking:
        needs = "1 run lacks" if item.lacking == 1 else f"{item.lacking} runs lack"
        parts.append(f"{needs} what it needs: {', '.join(item.missing)}")
    return parts


def carry_out(
    items: list, store, workers: int | None, scheduler: str | None
) -> tuple[str | None, bool]:
    """Measure what is left.

    Returns:
        What is not complete and why, or None; and whether the user stopped it.
    """
    from grokbook.cli.points import Points
    from grokbook.sweep import sweep
    from grokbook.training.process import interrupts

    todo = [each for item in items for each in item.jobs if each.left]
    if not todo:
        lacking = any(item.lacking for item in items)
        typer.echo(f"nothing {'else can be measured' if lacking else 'is left to measure'}")
        return None, False
    with interrupts() as stop, Points(todo, stop) as display:
        ended = sweep(
            [each.measuring for each in todo],
            store,
            workers=workers,
            scheduler=scheduler,
            stop=stop,
            watch=display.ended,
            warn=display.say,
        )
        stopped = stop.is_set()
    left = [done for done in ended if done.status != "finished"]
    if not left:
        typer.echo(f"done: {measurements(len(ended))} in {store.root / 'measurements'}")
        for each in todo if len(todo) <= _NAMED else ():
            typer.echo(f"  {each.file.relative_to(store.root / 'measurements')}")
        typer.echo("  pandas.read_parquet reads each; `grokbook describe` says what its rows mean")
    if stopped or not left:
        return None, stopped
    return (
        f"not complete: {len(left)} of {measurements(len(ended))}; the first: {left[0].label}: "
        f"{left[0].note or left[0].status}"
    ), False


def say(study: str, items: list, ended: int, of: int) -> None:
    """How many runs can be measured, and what is left of every instrument."""
    typer.echo(f"{study}: {ended} of {of} runs have ended")
    for line in lines(items):
        typer.echo(f"  {line}")


def to_be_measured(standings: Sequence) -> tuple[list, int]:
    """Runs of a study that have ended, and how many there will be; those that diverge are none."""
    done = [each.directory for each in standings if each.state == "done"]
    return done, sum(each.state != "diverged" for each in standings)


def measure_all(
    standings: list, names: list[str], store, workers: int | None, scheduler: str | None
) -> tuple[str | None, bool]:
    """Measure the runs of a study that are done, as it is declared; see `carry_out`."""
    items, ended, of = _items(standings, names, store)
    say(standings[0].member.study, items, ended, of)
    return carry_out(items, store, workers, scheduler)


def say_ahead(standings: list, names: list[str], store) -> None:
    """What will be measured when the runs of a study have ended, and what that takes."""
    items, ended, of = _items(standings, names, store)
    typer.echo(f"  to be measured: {runs(of)}, of which {ended} have ended")
    for item in items:
        line = f"{item.name}: {'; '.join(_parts(item, of - ended))}"
        typer.echo(paragraph(line, " " * 6, "    "))


def _items(standings: list, names: list[str], store) -> tuple[list, int, int]:
    """The agenda with default parameters and budgets, and how many runs it is for, of how many."""
    from grokbook.instruments.agenda import agenda

    done, of = to_be_measured(standings)
    return agenda(store, done, names, {}, of=of), len(done), of
