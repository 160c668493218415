"""Verdicts on a page: a table of claims, and what a built page says, read back."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from pathlib import Path

from grokbook.claims.board import RUNS, Row
from grokbook.claims.findings import GEOMETRIC
from grokbook.claims.judgements import STANDINGS, Judgement
from grokbook.claims.numbers import interval, show
from grokbook.claims.remarks import remark

WORDS = {
    "stands": "the claim survives it",
    "falls": "it kills the claim",
    "partly": "it kills a part of the claim",
    "missing": "not decided yet",
}
"""What a control does, by `Judgement.control`; one with too few runs, or undecided, is missing."""

_ATTRIBUTES = ("data-claim", "data-verdict")


def table(rows: Iterable[Row], *, controls: bool = True) -> str:
    """Claims with their numbers and verdicts, as HTML that needs no script.

    Args:
        rows: of the scoreboard.
        controls: with what the control is and what it does.
    """
    head = [
        "claim and verdict",
        "published",
        "ours, 95 % interval",
        "seeds",
        *(["control"] * controls),
    ]
    cells = "".join(f"<th scope='col'>{escape(text)}</th>" for text in head)
    body = "".join(_line(row, controls) for row in rows)
    return (
        f"<div class='gb-verdicts'><table><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _line(row: Row, controls: bool) -> str:
    claim, found = row.claim, row.judgement
    unit = row.unit
    units = f" {escape(unit)}" if unit not in ("", "1") and len(unit) < 12 else ""
    notes = [found.name] * (found.name not in ("", "all")) + [GEOMETRIC] * (found.of == GEOMETRIC)
    where = f" <small>({escape('; '.join(notes))})</small>" if notes else ""
    ours = "–"
    if found.n:
        units = " of the runs" if unit == RUNS else units
        ours = interval(found.value, found.low, found.high, unit) + units + where + _unsure(found)
    cells = [
        (
            "claim",
            f"<b>{claim.id}</b> <span class='gb-verdict' title='{escape(found.why, quote=True)}'>"
            f"{mark(found.standing)}</span><br>{escape(claim.statement)}{_since(claim.id)}",
        ),
        ("published", show(row.published, unit)),
        ("ours", ours),
        ("seeds", str(found.n)),
    ]
    if controls:
        does = (f"{escape(name)}: {WORDS[state(found, name)]}" for name in claim.control)
        cells.append(("control", f"<span>{'<br>'.join(does) or 'none'}</span>"))
    inner = "".join(f"<td data-label='{escape(name)}'>{text}</td>" for name, text in cells)
    return f"<tr data-claim='{claim.id}' data-verdict='{found.verdict}'>{inner}</tr>"


def _unsure(found: Judgement) -> str:
    """Why a claim holds whose interval goes beyond what it says; empty where none does."""
    one = found.deciding
    if found.verdict != "◐" or one is None or one.sure:
        return ""
    so_far = f" on {one.n} of {one.least} seeds" * (one.n < one.least)
    return f"<br><small>holds by its {one.of}{so_far}; its interval leaves it open</small>"


def _since(name: str) -> str:
    """What was found out about a claim since its criterion was written down."""
    said = remark(name)
    return f" <small class='gb-since'><i>Found since:</i> {escape(said)}</small>" if said else ""


def state(found: Judgement, name: str) -> str:
    """What one control does; one that no part of the criterion has been asked of is missing."""
    return found.controls.get(name, "missing")


def mark(standing: str) -> str:
    """The shape and the word, never colour alone."""
    shape, word = STANDINGS[standing]
    return f"<span class='gb-shape' aria-hidden='true'>{shape}</span> {word}"


class _Reader(HTMLParser):
    """Collects what elements say of claims."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        claim, verdict = (values.get(name) for name in _ATTRIBUTES)
        if claim and verdict:
            self.found.append((claim, verdict))


def rendered(folder: Path) -> dict[str, list[str]]:
    """What the pages of a built book say: id of a claim ↦ every verdict that a page gives it.

    Raises:
        FileNotFoundError: if there is no built book.
    """
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(f"no built book in {folder}; `make book` builds it")
    found: dict[str, list[str]] = {}
    for page in sorted(folder.rglob("*.html")):
        reader = _Reader()
        reader.feed(page.read_text(encoding="utf-8"))
        for claim, verdict in reader.found:
            found.setdefault(claim, []).append(verdict)
    return found
