"""The scoreboard: one tile a claim, as HTML that filters without a script.

Each tile is a ``details`` element: closed it shows shape, number and a tiny scale; open, the whole
row.  The filters are radio buttons and style rules, so that the page works from disk, in print and
for a screen reader.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from grokbook.claims.board import RUNS, Row, standings
from grokbook.claims.findings import GEOMETRIC, NONE, Finding
from grokbook.claims.judgements import STANDINGS, Judgement
from grokbook.claims.numbers import interval, seeds, show
from grokbook.claims.remarks import by_construction, remark
from grokbook.publishing.verdicts import WORDS, mark, state

PAGES = {
    "staggered-order": ("Staggered order", "01_staggered_order"),
    "integrability": ("Integrability", "02_integrability"),
    "phase-structure": ("Phase structure", "03_phase_structure"),
    "incompressibility": ("Incompressibility", "04_incompressibility"),
    "transverse-fragility": ("Transverse fragility", "05_transverse_fragility"),
    "shared": ("Weight spectra and the spectral edge", ""),
    "overview": ("The network", ""),
    "spectral-edge-lifecycle": ("Spectral edge lifecycle", "06_spectral_edge_lifecycle"),
}
"""Title of a subject of claims, and its chapter's page where there is one."""

APART = "apart"
"""In the filter what stands for every subject without a chapter."""

ABOUT = {
    "2602.18523": "multi-task grokking",
    "2604.07380": "lifecycle of the spectral edge",
}
"""What a paper is about, by its arXiv number."""

_COLUMNS = ("of", "published", "ours, 95 %", "seeds", "outcome")
_WIDTH, _HEIGHT = 132, 16


def sentence(rows: Sequence[Row]) -> str:
    """What to believe, in one sentence made from the counts.

    >>> sentence([])
    'No claims.'
    """
    if not rows:
        return "No claims."
    found = standings(rows)
    judged = sum(found[name] for name in ("reproduced", "caveat", "killed", "not"))
    killed = [row.claim.id for row in rows if row.judgement.standing == "killed"]
    empty = sum(name in by_construction() for name in killed)
    of_these = f", {empty} of these by one that could not come out otherwise" if empty else ""
    return (
        f"Of {len(rows)} claims {judged} have a verdict. Reproduced: {found['reproduced']}; so "
        f"far, with a caveat: {found['caveat']}; repeats, but a control kills it: "
        f"{found['killed']}{of_these}; not reproduced: {found['not']}. The others are undecided by "
        f"the runs that there are ({found['undecided']}), wait for runs ({found['open']}), or "
        f"cannot be tested ({found['untestable']})."
    )


def in_no_chapter(rows: Sequence[Row]) -> list[Row]:
    """Claims that no chapter tells of; the scoreboard is their only page."""
    return [row for row in rows if not PAGES[row.claim.chapter][1]]


def page(rows: Sequence[Row]) -> str:
    """Sentence, counts, filters and tiles."""
    groups = []
    for chapter, (title, target) in PAGES.items():
        own = [row for row in rows if row.claim.chapter == chapter]
        if tiles := [_tile(row, target) for row in own]:
            head = f"<a href='{target}.html'>{escape(title)}</a>" if target else escape(title)
            groups.append(
                f"<section class='gb-group' data-chapter='{chapter if target else APART}' "
                f"data-paper='{_slug(own[0].claim.paper)}'><h3>{head}</h3>"
                f"<div class='gb-tiles'>{''.join(tiles)}</div></section>"
            )
    return (
        f"<div class='gb-board'><p class='gb-board-sentence'>{escape(sentence(rows))}</p>"
        f"{_counts(rows)}{_filters(rows)}{''.join(groups)}</div>"
    )


def _counts(rows: Sequence[Row]) -> str:
    """The whole board as one bar, readable from across a room."""
    parts = "".join(
        f"<li class='gb-count-{name}' style='flex:{count}'>"
        f"<b>{count}</b> <span>{mark(name)}</span></li>"
        for name, count in standings(rows).items()
    )
    return f"<ul class='gb-board-counts'>{parts}</ul>"


def _filters(rows: Sequence[Row]) -> str:
    papers = dict.fromkeys(row.claim.paper for row in rows)
    chapters = [(key, escape(title)) for key, (title, target) in PAGES.items() if target]
    if in_no_chapter(rows):
        chapters.append((APART, "in no chapter"))
    groups = [
        ("verdict", "verdict", [(name, mark(name)) for name in STANDINGS]),
        ("chapter", "chapter", chapters),
    ]
    if len(papers) > 1:
        named = [(_slug(paper), escape(ABOUT.get(paper, paper))) for paper in papers]
        groups.append(("paper", "paper", named))
    found = []
    for name, legend, options in groups:
        labels = "".join(
            f"<label><input type='radio' name='gb-{name}' value='{value}'"
            f"{' checked' if value == 'all' else ''}><span>{text}</span></label>"
            for value, text in [("all", "all"), *options]
        )
        found.append(f"<fieldset><legend>{legend}</legend>{labels}</fieldset>")
    return f"<form class='gb-filters'>{''.join(found)}</form>"


def _slug(text: str) -> str:
    return "p" + "".join(c if c.isalnum() else "-" for c in text)


def _tile(row: Row, target: str) -> str:
    claim, found = row.claim, row.judgement
    runs = "one run" if claim.n == 1 else f"{claim.n} runs"
    facts = [
        ("test", escape(claim.test)),
        *(
            ("control", f"{escape(name)}: {escape(text)}. <b>{WORDS[state(found, name)]}</b>")
            for name, text in claim.control.items()
        ),
        *([("control", "there is none")] * (not claim.control)),
        ("why", _listed([escape(text) for text in found.reasons])),
        *([("found since", escape(remark(claim.id)))] * bool(remark(claim.id))),
        ("source", escape(f"{claim.paper}, section {claim.section}, {claim.where}".rstrip(", "))),
        ("rests on", f"theirs on {runs}; ours on {len(row.runs)}, {row.seconds:,.0f} core-seconds"),
    ]
    if commands := [f"<code>{escape(command)}</code>" for command in claim.needs.commands]:
        facts.append(("to run", _listed(commands)))
    facts += [("wants", escape(text)) for text in row.wants]
    if target:
        facts.append(("chapter", f"<a href='{target}.html'>{PAGES[claim.chapter][0]}</a>"))
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts)
    return (
        f"<details class='gb-tile gb-tile-{found.standing}' id='{claim.id}' "
        f"data-claim='{claim.id}' data-verdict='{found.verdict}' data-paper='{_slug(claim.paper)}'>"
        f"<summary><span class='gb-tile-head'><b>{claim.id}</b> {mark(found.standing)}</span>"
        f"<span class='gb-tile-text'>{escape(claim.statement)}</span>{_scale(row)}"
        f"{_decides(row)}</summary>{_cells(row)}<dl>{rows}</dl></details>"
    )


def _listed(texts: Sequence[str]) -> str:
    """One text as it is, several as a list."""
    if len(texts) == 1:
        return texts[0]
    return f"<ul>{''.join(f'<li>{text}</li>' for text in texts)}</ul>"


def _ours(row: Row, found: Judgement | Finding) -> str:
    """A number of ours with its interval and its unit."""
    unit = row.unit_of(found)
    units = f" {unit}" if unit not in ("", "1", RUNS) else " of the runs" * (unit == RUNS)
    mean = "geometric mean " * (found.of == GEOMETRIC)
    return f"{mean}{interval(found.value, found.low, found.high, unit)}{units}"


def _decides(row: Row) -> str:
    """The number that decides, in a line, for who reads no further."""
    found = row.judgement
    if not found.n:
        return ""
    name = f"{found.name}: " * (found.name not in ("", "all"))
    theirs = f", published {show(row.published, row.unit)}" * math.isfinite(row.published)
    return f"<small>{escape(f'{name}{_ours(row, found)}, {seeds(found.n)}{theirs}')}</small>"


def _cells(row: Row) -> str:
    """Every cell of the test that was run, theirs beside ours."""
    ran = [each for each in row.judgement.findings if each.outcome != NONE]
    if not ran:
        return ""
    head = "".join(f"<th scope='col'>{text}</th>" for text in _COLUMNS)
    lines = []
    for each in ran:
        told = [
            escape(each.name) or "all",
            show(row.beside(each), row.unit_of(each)),
            escape(_ours(row, each)),
            str(each.n),
            each.told,
        ]
        lines.append(f"<tr>{''.join(f'<td>{text}</td>' for text in told)}</tr>")
    return (
        f"<div class='gb-cells'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _scale(row: Row) -> str:
    """Published hollow, ours filled with its interval, on a scale of their own."""
    found, theirs = row.judgement, row.published
    values = [v for v in (theirs, found.value, found.low, found.high) if math.isfinite(v)]
    if not (math.isfinite(theirs) and math.isfinite(found.value)):
        return (
            f"<svg class='gb-scale' width='{_WIDTH}' height='{_HEIGHT}' aria-hidden='true'></svg>"
        )
    low, high = min(values), max(values)
    room = (high - low) or abs(high) or 1.0

    def x(value: float) -> float:
        share = (value - low + 0.08 * room) / (1.16 * room)
        return round(4 + (_WIDTH - 8) * share, 1)

    bar = ""
    if math.isfinite(found.low) and math.isfinite(found.high):
        bar = f"<line x1='{x(found.low)}' x2='{x(found.high)}' y1='8' y2='8'/>"
    at = x(theirs)
    label = f"published {show(theirs)}, ours {show(found.value)}"
    size = f"width='{_WIDTH}' height='{_HEIGHT}'"
    return (
        f"<svg class='gb-scale' {size} role='img' aria-label='{label}'>{bar}"
        f"<circle cx='{x(found.value)}' cy='8' r='4'/>"
        f"<path d='M{at - 5} 8l5-5 5 5-5 5z'/></svg>"
    )
