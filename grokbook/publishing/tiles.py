"""The front page's strip: one tile a chapter, with its picture, its question and its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from grokbook.claims.board import Row, standings
from grokbook.claims.judgements import STANDINGS
from grokbook.claims.shelf import Shelf
from grokbook.figures.miniatures import MINIATURES
from grokbook.palette import css_variables
from grokbook.publishing.scoreboard import PAGES, in_no_chapter

QUESTIONS = {
    "staggered-order": "Do tasks always finish in the same order?",
    "integrability": "Does curvature announce understanding?",
    "phase-structure": "Is weight decay a phase parameter, or a clock?",
    "incompressibility": "Is the solution fragile, or is the test?",
    "transverse-fragility": "What happens when you delete what points off the path?",
    "spectral-edge-lifecycle": "Learning, then compressing: or only forgetting the start?",
}
"""Chapter ↦ what it asks, in the order of the book."""


def strip(rows: Sequence[Row], shelf: Shelf) -> str:
    """The tiles as HTML that needs no script.

    Args:
        rows: of the scoreboard; each chapter counts its own.
        shelf: of the runs that the pictures are drawn from.
    """
    tiles = [
        _tile(number, chapter, [row for row in rows if row.claim.chapter == chapter], shelf)
        for number, chapter in enumerate(QUESTIONS, start=1)
    ]
    return (
        f"<style>{css_variables('.gb-strip')}</style><ul class='gb-strip'>{''.join(tiles)}</ul>"
        f"{_apart(rows)}"
    )


def _apart(rows: Sequence[Row]) -> str:
    """The claims that no tile counts, so that tiles and this line make up the scoreboard."""
    apart = in_no_chapter(rows)
    if not apart:
        return ""
    subjects = dict.fromkeys(PAGES[row.claim.chapter][0] for row in apart)
    which = "; ".join(title[0].lower() + title[1:] for title in subjects)
    are = "one is" if len(apart) == 1 else f"{len(apart)} are"
    return (
        f"<p class='gb-strip-rest'>Of all {len(rows)} claims on the "
        f"<a href='chapters/scoreboard.html'>scoreboard</a>, {are} in no chapter "
        f"({escape(which)}): {_verdicts(apart)}</p>"
    )


def _tile(number: int, chapter: str, rows: Sequence[Row], shelf: Shelf) -> str:
    title, target = PAGES[chapter]
    inner = (
        f"{MINIATURES[chapter](shelf).svg}<b>{number} · {escape(title)}</b>"
        f"<span>{escape(QUESTIONS[chapter])}</span><small>{_verdicts(rows)}</small>"
    )
    if not target:
        return f"<li><div class='gb-chapter'>{inner}</div></li>"
    return f"<li><a class='gb-chapter' href='chapters/{target}.html'>{inner}</a></li>"


def _verdicts(rows: Sequence[Row]) -> str:
    """Shape and number of every standing that occurs; words for those who hear or point at them."""
    found = standings(rows)
    said = ((*STANDINGS[name], number) for name, number in found.items() if number)
    return " ".join(
        f"<span class='gb-of' title='{number} {word}'>"
        f"<span aria-hidden='true'>{shape} {number}</span>"
        f"<span class='gb-heard'>{number} {word}</span></span>"
        for shape, word, number in said
    )
