"""``grokbook bench``: how fast this machine trains, and how fast it could."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from grokbook.cli.common import app, fail, real_option, whole_option


@app.command()
def bench(
    tasks: Annotated[
        str, typer.Option(metavar="NAMES", help="Tasks of one trunk, separated by commas.")
    ] = "add,mul",
    blocks: Annotated[
        int | None,
        whole_option("Blocks of either loop, in alternating pairs; by default 20."),
    ] = None,
    seconds: Annotated[float, real_option("CPU seconds a block.")] = 0.4,
    models: Annotated[
        int | None, whole_option("Models stacked in ours; by default 1, on a GPU 256.")
    ] = None,
    workers: Annotated[
        bool, typer.Option("--workers/--no-workers", help="Measure two processes against one, too.")
    ] = True,
    device: Annotated[
        str,
        typer.Option(
            metavar="cpu|cuda",
            help="cuda: an ensemble's wall-clock throughput on the GPU; blocks by default 6.",
        ),
    ] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time the published loop and ours on this machine.

    One process, one thread, CPU seconds; under a minute. BENCHMARKS.md says how to read it.
    """
    from grokbook.checks import ConfigError
    from grokbook.checks import device as known_device
    from grokbook.config import RunConfig

    try:
        config = RunConfig(tasks=tasks)
        known_device(device)
    except ConfigError as error:
        fail(str(error))

    from tqdm.std import tqdm

    from grokbook.benchmark import WorkerLost, measure, measure_gpu

    try:
        # What is not given is left to the measurement.
        given = {"blocks": blocks, "models": models}
        given = {name: value for name, value in given.items() if value is not None}
        if device == "cuda":
            found, lines = measure_gpu(config, **given), gpu_lines
        else:
            # A progress line for somebody who looks; none in a log.
            with tqdm(unit=" pairs", leave=False, disable=None) as line:

                def watch(done: int, total: int) -> None:
                    line.total = total
                    line.update()

                found = measure(
                    config,
                    seconds=seconds,
                    workers=workers,
                    watch=watch,
                    **given,
                )
            lines = core_lines
    except ConfigError as error:
        fail(str(error))
    except WorkerLost as error:
        fail(str(error), 1)
    typer.echo(json.dumps(found.to_json()) if as_json else "\n".join(lines(found)))


def _row(name: str, value: str, unit: str, spread=None, digits: int = 1) -> str:
    """One aligned line; ``spread`` is a `Median`, whose interval and count are shown."""
    shown = f"{spread.low:,.{digits}f} – {spread.high:,.{digits}f}" if spread else ""
    count = str(spread.n) if spread else ""
    return f"{name:27}{value:>9}  {shown:>17}  {count:>3}  {unit}"


def core_lines(found) -> list[str]:
    """What a comparison on one core found, as a table."""
    about = found.to_json()

    def row(name: str, median, unit: str, digits: int = 1) -> str:
        return _row(name, f"{median.value:,.{digits}f}", unit, median, digits)

    size = " × ".join(map(str, found.gemm_size))
    unit = "model-steps / core-second"
    stacked = f", {found.models} stacked models" if found.models > 1 else ""
    rows = [
        f"{found.config.label}{stacked}",
        f"{about['processor']}, {about['capability']}, torch {about['torch']}, one thread",
        "",
        f"{'':27}{'median':>9}  {'interval':>17}  {'n':>3}",
        row("published loop", found.reference, unit),
        row("ours", found.ours, unit),
        row("ratio, by adjacent blocks", found.ratio, "times the published loop", 2),
        "",
        _row(
            "published arithmetic",
            f"{found.reference_gflops:,.1f}",
            f"GFLOP/s at {about['published_gflop']:.2f} GFLOP a step",
        ),
        _row(
            "our arithmetic",
            f"{found.gflops:,.1f}",
            f"GFLOP/s at {about['step_gflop']:.2f} GFLOP a step",
        ),
        row("best matrix product", found.gemm, f"GFLOP/s, {size} by {found.gemm_route}"),
        row("of the roof", found.roof, "% of our time is what its products need at that rate"),
        "",
        row("evaluation, bookkeeping", found.bookkeeping, "% of training, every 100 steps"),
        _row("Gram matrices", f"{found.gram:.2f}", "CPU s, once after a run"),
        _row("peak memory", f"{found.memory_mb:,.0f}", "MB"),
    ]
    if found.two_workers:
        rows.append(row("two workers", found.two_workers, "times one worker, wall clock", 2))
    return [
        *rows,
        f"{'linear layers':27}{found.route:>9}  {found.route_reason}",
        "",
        f"Interval: of the median, {100 * found.ratio.level:.1f} % at n = "
        f"{found.ratio.n}.  {found.blocks} pairs of blocks of {found.seconds:g} CPU s; "
        f"{found.elapsed:.0f} s in all.",
    ]


def gpu_lines(found) -> list[str]:
    """What a GPU's rates are, as a table."""
    return [
        f"{found.config.label}, {found.models} stacked models",
        f"{found.gpu}, torch {found.to_json()['torch']}",
        "",
        f"{'':27}{'median':>9}  {'interval':>17}  {'n':>3}",
        _row("ours", f"{found.rate.value:,.0f}", "model-steps / second", found.rate, 0),
        _row("our arithmetic", f"{found.gflops:,.0f}", "GFLOP/s"),
        "",
        f"Interval: of the median, {100 * found.rate.level:.1f} % at n = "
        f"{found.rate.n}; {found.elapsed:.0f} s in all.",
    ]
