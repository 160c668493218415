"""``grokbook train``: one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from grokbook.cli.common import app, fail, real_option, warn, whole_option


@app.command()
def train(
    tasks: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Tasks of one shared trunk, separated by commas: "
            "add, mul, sq, sub, x2_xy_y2, x3_xy; or depth alone, of balanced brackets.",
        ),
    ],
    weight_decay: Annotated[float, real_option("λ, decoupled, on all parameters.")] = 1.0,
    seed: Annotated[int, whole_option("Of the split, the initial weights and the batches.")] = 42,
    modulus: Annotated[
        int | None, whole_option("p, by default 97; a prime where mul is learned.")
    ] = None,
    train_fraction: Annotated[
        float | None, real_option("Share of all pairs trained on, by default 0.5.")
    ] = None,
    learning_rate: Annotated[float, real_option("η of AdamW.")] = 1e-3,
    steps: Annotated[
        int | None,
        whole_option(
            "Budget in steps, a multiple of 100. By default the published one: 300,000, or 50,000 "
            "without weight decay; of depth 10,000."
        ),
    ] = None,
    after_grok: Annotated[
        int | None,
        whole_option(
            "Steps to go on after every task has had three evaluations in a row at 98 %, by "
            "default 0; a run on depth goes to its budget."
        ),
    ] = None,
    resume_seconds: Annotated[
        float, real_option("Seconds between resume points: what a power cut costs at most.")
    ] = 60.0,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of a run: layers, width, heads, hidden, domain, split, beta1, "
            "beta2, epsilon, clip_norm, batch_size, split_seed, init_seed, batch_seed; of depth "
            "data_seed, labels, label_seed, init_scale, positions as well. Repeatable.",
        ),
    ] = None,
    switches: Annotated[
        list[str] | None,
        typer.Option(
            "--switch",
            metavar="STEP:FIELD=VALUE",
            help="From this step on, another learning_rate, weight_decay or clip_norm; "
            "STEP:moments=0 begins the optimiser anew. Repeatable.",
        ),
    ] = None,
    intervene: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=VALUE,…",
            help="Act on the updates: transform (delete, delete_update, amplify, penalty, noise, "
            "noise_inside, kick, kick_published, kick_sham, kick_fixed), strength, start, every, "
            "times, pairs, basis (sha256 of a stored artefact).",
        ),
    ] = None,
) -> None:
    """Train one run for real, or go on with it.

    Example: grokbook train --tasks add,mul --weight-decay 1.0 --seed 42
    """
    from grokbook.checks import ConfigError
    from grokbook.config import Config
    from grokbook.plan import Plan

    try:
        kind = Config.of(tasks)
        given = {"modulus": modulus, "train_fraction": train_fraction}
        given = {name: value for name, value in given.items() if value is not None}
        config = Config.from_json(
            {
                "tasks": tasks,
                "weight_decay": weight_decay,
                "seed": seed,
                "learning_rate": learning_rate,
                "schedule": switches or (),
                "intervention": intervene,
                **given,
                **_fields(kind, others),
            }
        )
        usual = Plan.published(config)
        plan = Plan(
            steps=usual.steps if steps is None else steps,
            after_grok=usual.after_grok if after_grok is None else after_grok,
            resume_seconds=resume_seconds,
        )
    except ConfigError as error:
        fail(str(error))
    _carry_out(config, plan)


def _fields(kind: type, settings: list[str] | None) -> dict[str, object]:
    """Fields of a kind of run from ``name=value`` words; the run itself checks the values."""
    from grokbook.changes import read_value
    from grokbook.checks import ConfigError, suggest

    options = ("tasks", "weight_decay", "seed", "modulus", "train_fraction", "learning_rate")
    options += ("schedule", "intervention")
    known = [name for name in kind.names() if name not in options]
    found: dict[str, object] = {}
    for setting in settings or []:
        name, _, text = setting.partition("=")
        if name not in known:
            raise ConfigError(f"--set {setting}: no field {name!r}; {suggest(name, known)}")
        if name in found:
            raise ConfigError(f"--set {setting}: {name} is given twice")
        if "=" in text:  # no field of a run takes a list
            raise ConfigError(f"--set {setting}: one field each; repeat --set for another")
        found[name] = read_value(text)
    return found


def _carry_out(config, plan) -> None:  # types: imported lazily, torch is slow to import
    from grokbook.store import DiskFull, Store, StoreError
    from grokbook.store.artefacts import Artefacts
    from grokbook.training.displacement import DisplacementError
    from grokbook.training.process import interrupts
    from grokbook.training.progress import ProgressLine
    from grokbook.training.run import run

    store = Store()
    if config.intervention is not None and config.intervention.basis is not None:
        try:
            Artefacts(store).get(config.intervention.basis)
        except StoreError as error:
            fail(str(error))
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
                warn=warn,
            )
    except DiskFull as error:
        kept = max((found.step for found in store.runs(config)), default=0)
        fail(f"{error}; complete up to step {kept:,}", 1)
    except (StoreError, DisplacementError) as error:
        fail(str(error), 1)
    if outcome.status == "interrupted":
        typer.echo(f"stopped at step {outcome.step:,}; the same command goes on from there")
        raise typer.Exit(130)
    if outcome.resumed_at == outcome.step:
        typer.echo("this run was finished before; nothing is left to do")
    _report(outcome.directory)
    if outcome.status == "diverged":
        fail(f"the run diverged: its loss is no longer a number at step {outcome.step:,}", 1)


def _report(directory) -> None:
    record = directory.record()
    typer.echo(f"{record.status} at step {directory.step:,} after {record.seconds:,.0f} s")
    for task in record.config.tasks:
        typer.echo(f"  {task:9} {_groks(record.grok_steps(task))}")
    typer.echo(f"metrics: {directory.file('metrics.parquet')}")


def _groks(steps: Mapping[str, int | None]) -> str:
    """At which step a task groks by every rule, and by which it does not.

    >>> _groks({"0.90": 1200, "0.95": None, "0.98": None}), _groks({"0.90": None})
    ('groks at 1,200 (90 %); not at 95 %, 98 %', 'does not grok')
    """
    from grokbook.events import RULES

    known = [f"{step:,} ({RULES[rule].text})" for rule, step in steps.items() if step is not None]
    missed = [RULES[rule].text for rule, step in steps.items() if step is None]
    if not known:
        return "does not grok"
    return f"groks at {', '.join(known)}" + (f"; not at {', '.join(missed)}" if missed else "")
