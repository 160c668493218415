"""``grokbook claims``: what the papers say, what we find, what is still to be run."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from grokbook.cli.common import app, fail


@app.command()
def claims(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CLAIM...]", help="Such as MT-02, in full; by default all."),
    ] = None,
    paper: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this paper, such as spectral-edge.")
    ] = None,
    chapter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only of this chapter.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Fail if the built book contradicts the results."),
    ] = False,
    book: Annotated[
        Path, typer.Option(metavar="DIR", help="Of the built book, for --check.")
    ] = Path("_build/html"),
) -> None:
    """Judge the published claims by what is recorded.

    Example: grokbook claims --chapter integrability
    """
    from grokbook.claims.registry import CHAPTERS, PAPERS, every
    from grokbook.claims.registry import claims as registry

    for what, given, there in (("paper", paper, PAPERS), ("chapter", chapter, CHAPTERS)):
        if given is not None and given not in there:
            fail(f"unknown {what} {given!r}; known: {', '.join(there)}")
    known = every() if paper is None else registry(paper)
    if unknown := [name for name in names or () if name not in known]:
        ranges = [list(registry(each)) for each in PAPERS if paper in (None, each)]
        said = " and ".join(f"{each[0]} to {each[-1]}" for each in ranges)
        meant = ", ".join(near for name in unknown if (near := _spelt(name)) in known)
        hint = f" (did you mean {meant}?)" if meant else ""
        fail(f"unknown claim {', '.join(unknown)}{hint}; the claims are {said}")
    if check and (names or paper or chapter or as_json):
        fail("--check looks at the whole book; it goes with no claim, paper, chapter or --json")
    chosen = {
        name: claim
        for name, claim in known.items()
        if (not names or name in names) and chapter in (None, claim.chapter)
    }

    from grokbook.claims.board import board, disagreements
    from grokbook.store import StoreError
    from grokbook.store.recorded import Results

    if not (Results().folder / "manifest.json").is_file():
        fail(f"there are no recorded results in {Results().folder}", 1)
    shown: dict[str, list[str]] = {}
    if check:
        from grokbook.publishing.verdicts import rendered

        try:
            shown = rendered(book)
        except FileNotFoundError as error:
            fail(str(error))
    try:
        rows = board(registry=chosen)
    except StoreError as error:
        fail(str(error), 1)
    if check:
        wrong = disagreements(rows, shown)
        for line in wrong:
            typer.echo(line, err=True)
        if wrong:
            many = "1 disagreement" if len(wrong) == 1 else f"{len(wrong)} disagreements"
            fail(f"{many} between {book} and the results", 1)
        typer.echo(f"the book says what the results say, of all {len(rows)} claims")
    elif as_json:
        typer.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=1))
    elif names:
        typer.echo("\n\n".join(_whole(row) for row in rows))
    else:
        _table(rows)


def _table(rows: list) -> None:
    """One line a claim; the statement takes what room there is."""
    from grokbook.claims.board import standings
    from grokbook.claims.judgements import STANDINGS
    from grokbook.claims.numbers import interval, show

    lines = [
        (
            row.claim.id,
            row.judgement.shape,
            show(row.published, row.unit),
            interval(row.judgement.value, row.judgement.low, row.judgement.high, row.unit),
            str(row.judgement.n),
            str(len(row.runs)),
            f"{row.seconds:,.0f}",
            " ".join(row.claim.statement.split()),
        )
        for row in rows
    ]
    head = ("claim", "", "published", "ours, 95 %", "seeds", "runs", "seconds", "statement")
    widths = [max(len(line[k]) for line in (head, *lines)) for k in range(7)]
    room = max(24, shutil.get_terminal_size((120, 24)).columns - sum(widths) - 14)
    for line in (head, *lines):
        cells = [
            text.rjust(width) if k >= 2 else text.ljust(width)
            for k, (text, width) in enumerate(zip(line[:7], widths, strict=True))
        ]
        typer.echo("  ".join([*cells, textwrap.shorten(line[7], room, placeholder="…")]))
    typer.echo()
    found = [(*STANDINGS[name], count) for name, count in standings(rows).items()]
    typer.echo("   ".join(f"{shape} {word} {count}" for shape, word, count in found))
    typer.echo("seconds are of one core, training and measuring; `grokbook claims MT-02` says more")


def _whole(row) -> str:
    """One claim with its test, its findings and what it needs."""
    from grokbook.claims.board import RUNS
    from grokbook.claims.findings import GEOMETRIC, NONE
    from grokbook.claims.numbers import interval, seeds, show
    from grokbook.claims.remarks import remark

    claim, found = row.claim, row.judgement
    where = f"{claim.paper}, section {claim.section}" + (claim.where and f", {claim.where}")
    lines = [f"{claim.id} {found.shape} {found.word}   {where}"]
    lines += textwrap.wrap(claim.statement)
    lines += _named("test", claim.test)
    for name, text in claim.protocol.items():
        lines += _named(name, text)
    for name, text in claim.control.items():
        lines += _named(f"control {name}", text)
    for each in found.findings:
        if each.outcome == NONE:
            continue
        unit = row.unit_of(each)
        published = show(row.beside(each), unit)
        ours = interval(each.value, each.low, each.high, unit)
        ours += " of the runs" * (unit == RUNS) + " (geometric mean)" * (each.of == GEOMETRIC)
        many = seeds(each.n)
        lines.append(f"  {each.name}: {ours}, {many}, published {published}: {each.told}")
    lines += _named("verdict", found.why)
    if said := remark(claim.id):
        lines += _named("found since", said)
    lines.append(f"  runs: {len(row.runs)}, {row.seconds:,.0f} core-seconds")
    lines += [f"  needs: {command}" for command in claim.needs.commands]
    lines += [f"  wants: {text}" for text in row.wants]
    if claim.needs.hours:
        lines.append(f"  in all {claim.needs.hours:.1f} core-hours from nothing")
    return "\n".join(lines)


def _named(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{name}: {' '.join(text.split())}", 96, initial_indent="  ", subsequent_indent="    "
    )


def _spelt(name: str) -> str:
    """A claim's name as the registry spells it.

    >>> _spelt("mt6"), _spelt("SE-2"), _spelt("all")
    ('MT-06', 'SE-02', 'all')
    """
    found = re.fullmatch(r"([A-Za-z]+)-?(\d+)", name)
    return f"{found[1].upper()}-{int(found[2]):02d}" if found else name
