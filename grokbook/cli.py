"""The command line: ``grokbook …`` or ``python -m grokbook …``.

Every command checks its input before any work starts; what is wrong is said in one line on
standard error, and the exit status is 2 for bad input, 1 for damage, 130 for an interruption.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, NoReturn

import typer

from grokbook import __version__

app = typer.Typer(
    name="grokbook",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train small transformers until they grok, and measure what happens.\n\n"
    "Runs are kept in the folder that GROKBOOK_STORE names, else in the user's cache; a run "
    "that was stopped or killed goes on where it was when the same command is given again.",
)


def _fail(message: str, status: int = 2) -> NoReturn:
    typer.echo(f"grokbook: {message}", err=True)
    raise typer.Exit(status)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


def _real_option(text: str) -> typer.models.OptionInfo:
    return typer.Option(help=text, parser=_number, metavar="NUMBER")


def _whole_option(text: str) -> typer.models.OptionInfo:
    return typer.Option(help=text, parser=_whole, metavar="INTEGER")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"grokbook {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def train(
    tasks: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Tasks of one shared trunk, separated by commas: "
            "add, mul, sq, sub, x2_xy_y2, x3_xy.",
        ),
    ],
    weight_decay: Annotated[float, _real_option("λ, decoupled, on all parameters.")] = 1.0,
    seed: Annotated[int, _whole_option("Of the split, the initial weights and the batches.")] = 42,
    modulus: Annotated[int, _whole_option("p; a prime where mul is learned.")] = 97,
    train_fraction: Annotated[float, _real_option("Share of all pairs trained on.")] = 0.5,
    learning_rate: Annotated[float, _real_option("η of AdamW.")] = 1e-3,
    steps: Annotated[
        int | None,
        _whole_option(
            "Budget in steps, a multiple of 100. By default the published one: 300,000, or 50,000 "
            "without weight decay."
        ),
    ] = None,
    after_grok: Annotated[
        int,
        _whole_option(
            "Steps to go on after every task has had three evaluations in a row at 98 %."
        ),
    ] = 0,
    resume_seconds: Annotated[
        float, _real_option("Seconds between resume points: what a power cut costs at most.")
    ] = 60.0,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of a run: layers, width, heads, hidden, domain, beta1, beta2, "
            "epsilon, clip_norm, batch_size, split_seed, init_seed, batch_seed.",
        ),
    ] = None,
) -> None:
    """Train one run for real, or go on with it.

    Example: grokbook train --tasks add,mul --weight-decay 1.0 --seed 42
    """
    from grokbook.config import ConfigError, RunConfig
    from grokbook.plan import Plan

    try:
        config = RunConfig(
            tasks=tasks,
            weight_decay=weight_decay,
            seed=seed,
            modulus=modulus,
            train_fraction=train_fraction,
            learning_rate=learning_rate,
            **_fields(others),
        )
        plan = Plan(
            steps=Plan.published(config).steps if steps is None else steps,
            after_grok=after_grok,
            resume_seconds=resume_seconds,
        )
    except ConfigError as error:
        _fail(str(error))
    _carry_out(config, plan)


def _fields(settings: list[str] | None) -> dict[str, object]:
    """Fields of a run from ``name=value`` words; the run itself checks the values."""
    from grokbook.config import ConfigError, RunConfig

    options = ("tasks", "weight_decay", "seed", "modulus", "train_fraction", "learning_rate")
    known = [name for name in RunConfig.__dataclass_fields__ if name not in options]
    found: dict[str, object] = {}
    for setting in settings or []:
        name, _, text = setting.partition("=")
        if name not in known:
            raise ConfigError(f"--set {setting}: no field {name!r}; known: {', '.join(known)}")
        if name in found:
            raise ConfigError(f"--set {setting}: {name} is given twice")
        found[name] = text
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                found[name] = kind(text)
                break
    return found


def _carry_out(config, plan) -> None:  # types: imported lazily, torch is slow to import
    from grokbook.store import DiskFull, Store, StoreError
    from grokbook.training.progress import ProgressLine
    from grokbook.training.run import interrupts, run

    store = Store()
    typer.echo(f"{config.label}  (run {config.id}, at most {plan.steps:,} steps)")

    def began(step: int | None) -> None:
        if step is not None:
            typer.echo(f"resumed at step {step:,}")

    try:
        with interrupts() as stop, ProgressLine(config.tasks) as line:
            outcome = run(
                config,
                plan,
                store,
                watch=line.show,
                began=began,
                stop=stop,
                warn=_warn,
            )
    except DiskFull as error:
        kept = max((found.step for found in store.runs(config)), default=0)
        _fail(f"{error}; complete up to step {kept:,}", 1)
    except StoreError as error:
        _fail(str(error), 1)
    if outcome.status == "interrupted":
        typer.echo(f"stopped at step {outcome.step:,}; the same command goes on from there")
        raise typer.Exit(130)
    if outcome.resumed_at == outcome.step:
        typer.echo("this run was finished before; nothing is left to do")
    _report(outcome.directory)
    if outcome.status == "diverged":
        _fail(f"the run diverged: its loss is no longer a number at step {outcome.step:,}", 1)


def _report(directory) -> None:
    from grokbook.events import RULES

    record = directory.record()
    typer.echo(f"{record.status} at step {directory.step:,} after {record.seconds:,.0f} s")
    for task in record.config.tasks:
        text = ", ".join(
            f"{'never' if step is None else format(step, ',')} ({RULES[rule].text})"
            for rule, step in record.grok_steps(task).items()
        )
        typer.echo(f"  {task:9} groks at {text}")
    typer.echo(f"metrics: {directory.file('metrics.parquet')}")


def _warn(line: str) -> None:
    typer.echo(f"grokbook: {line}", err=True)


@app.command()
def runs() -> None:
    """List runs: in the store, and recorded."""
    from grokbook.store import Store, StoreError
    from grokbook.store.recorded import Results

    store = Store()
    rows = [
        (run.config.id, "store", f"{run.status} at {run.step:,}", run.config.label)
        for run in store.runs(warn=_warn)
    ]
    try:
        rows += [
            (name, "recorded", f"{entry['status']} at {entry['steps']:,}", entry["label"])
            for name, entry in Results().manifest().items()
        ]
    except StoreError as error:
        _fail(str(error), 1)
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
                for run in Store().runs(warn=_warn)
                if run.config.id.startswith(name) and run.ended
            ]
            if len(fitting) != 1:
                _fail(f"{len(fitting)} finished runs in the store begin with {name!r}")
            entry = Results().add(fitting[0], replace=replace)
            size = sum(facts["bytes"] for facts in entry["files"].values())
            typer.echo(f"recorded {fitting[0].config.id}  {entry['label']}  {size / 1e3:,.0f} kB")
    except StoreError as error:
        _fail(str(error), 1)


@app.command()
def verify(
    store: Annotated[bool, typer.Option("--store", help="Check the local store too.")] = False,
) -> None:
    """Check recorded results; name what is damaged."""
    from grokbook.store import Store
    from grokbook.store.recorded import Results

    results = Results()
    if not (results.folder / "manifest.json").exists():
        _fail(f"there are no recorded results in {results.folder}", 1)
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
        _warn(problem)
    if problems:
        raise typer.Exit(1)
    for what, count in checked.items():
        typer.echo(f"{count} {what}")


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="Config id of a recorded run, or its beginning.")],
    steps: Annotated[int, _whole_option("Steps to train again from the start.")] = 300,
) -> None:
    """Retrain a recorded run's start and compare."""
    from grokbook.store import StoreError
    from grokbook.store.recorded import Results
    from grokbook.studies.replaying import replay as again

    if steps < 1 or steps % 100:
        _fail(f"steps must be a positive multiple of 100, not {steps}")
    try:
        result = again(Results().get(run), steps)
    except StoreError as error:
        _fail(str(error))
    typer.echo(result.text())
    if not result.agrees:
        raise typer.Exit(1)


def main() -> None:
    """Entry point; complaints about arguments are one line each, too."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        status = 130
    except Exception as error:
        # Typer's usage errors, whichever copy of click they come from.
        if not hasattr(error, "format_message"):
            raise
        without_command = type(error).__name__ == "NoArgsIsHelpError"
        typer.echo(("" if without_command else "grokbook: ") + error.format_message(), err=True)
        status = error.exit_code
    sys.exit(status if isinstance(status, int) else 0)
