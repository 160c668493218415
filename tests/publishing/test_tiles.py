"""The front page's strip: every chapter with its verdicts, and a picture that says what runs do."""

import re
from collections import Counter
from types import SimpleNamespace

import pytest

from grokbook.claims.board import standings
from grokbook.claims.judgements import STANDINGS
from grokbook.claims.registry import CHAPTERS
from grokbook.config import RunConfig
from grokbook.figures import miniatures
from grokbook.instruments.runs import Missing
from grokbook.publishing.scoreboard import PAGES
from grokbook.publishing.tiles import QUESTIONS, strip


def points(shape):
    """Points of a polyline, (0, 0) at the lower left and (1, 1) at the upper right."""
    edge = miniatures.EDGE
    wide, high = miniatures.WIDTH - 2 * edge, miniatures.HEIGHT - 2 * edge
    pairs = [map(float, pair.split(",")) for pair in re.search("points='(.*?)'", shape)[1].split()]
    return [((x - edge) / wide, 1 - (y - edge) / high) for x, y in pairs]


@pytest.fixture(scope="module")
def some(rows):
    """Claims of three chapters, judged."""
    chosen = ("staggered-order", "transverse-fragility", "spectral-edge-lifecycle")
    return [row for row in rows if row.claim.chapter in chosen]


def test_every_chapter_counts_its_own_verdicts(some, shelf):
    tiles = strip(some, shelf).split("<li>")[1:]
    for chapter, tile in zip(QUESTIONS, tiles, strict=True):
        title, target = PAGES[chapter]
        assert title in tile
        assert QUESTIONS[chapter] in tile
        assert not target or f"href='chapters/{target}.html'" in tile
        wanted = standings(row for row in some if row.claim.chapter == chapter)
        told = {STANDINGS[name]: str(number) for name, number in wanted.items() if number}
        heard = {word: n for n, word in re.findall(r"gb-heard'>(\d+) (.*?)</span>", tile)}
        assert heard == {word: number for (_, word), number in told.items()}
        shown = dict(re.findall(r"aria-hidden='true'>(.) (\d+)</span>", tile))
        assert shown == {shape: number for (shape, _), number in told.items()}
    assert len({shape for shape, _ in STANDINGS.values()}) == len(STANDINGS)


def heard(html):
    """Number ↦ word of every verdict that a piece of the page tells, added up."""
    found = Counter()
    for number, word in re.findall(r"gb-heard'>(\d+) (.*?)</span>", html):
        found[word] += int(number)
    return found


def test_tiles_and_the_line_below_them_account_for_every_claim(rows, shelf):
    page = strip(rows, shelf)
    wanted = {STANDINGS[name][1]: number for name, number in standings(rows).items() if number}
    assert heard(page) == wanted
    below = page.partition("</ul>")[2]
    apart = [row for row in rows if row.claim.chapter in ("shared", "overview")]
    assert f"Of all {len(rows)} claims" in below and f", {len(apart)} are in no chapter" in below
    assert heard(below).total() == len(apart) > 1
    assert "href='chapters/scoreboard.html'" in below


def test_where_every_claim_has_a_chapter_no_line_stands_below_the_tiles(some, shelf):
    assert strip(some, shelf).endswith("</ul>")


def test_no_chapter_is_left_out():
    """Of a chapter that the scoreboard does not know the claims would be gone without a word."""
    assert list(PAGES) == list(CHAPTERS)
    with_page = [chapter for chapter, (_, target) in PAGES.items() if target]
    assert list(QUESTIONS) == list(miniatures.MINIATURES) == with_page


@pytest.mark.parametrize("chapter", QUESTIONS)
def test_every_picture_stays_within_its_frame(chapter, shelf):
    made = miniatures.MINIATURES[chapter](shelf)
    assert made.shapes
    assert made.caption in made.svg
    for shape in made.shapes:
        if "points=" in shape:
            assert all(-1e-3 < x < 1.001 and -1e-3 < y < 1.001 for x, y in points(shape))
        else:
            x, y = (float(re.search(f"{name}='(.*?)'", shape)[1]) for name in ("cx", "cy"))
            fall = float(re.search("--gb-fall:(.*?)px", shape)[1])
            assert 0 < x < miniatures.WIDTH
            assert 0 < y < miniatures.HEIGHT
            assert 0 < y + fall < miniatures.HEIGHT


def test_a_line_ends_where_its_run_ends(shelf):
    run = shelf.run(RunConfig(tasks=("add", "mul", "sq"), seed=42))
    shapes = miniatures.staggered_order(shelf).shapes
    for task, shape in zip(run.tasks, shapes, strict=True):
        assert f"var(--gb-task-{task})" in shape
        (x, y) = points(shape)[-1]
        assert x == pytest.approx(1, abs=2e-3)
        assert y == pytest.approx(run.record.accuracy(task, "test")[-1], abs=2e-3)


def shelf_of(grok):
    """A shelf whose runs grok when a function of λ says; None is a run that is not there."""

    def run(config):
        if (step := grok(config.weight_decay)) is None:
            raise Missing("not here")
        return SimpleNamespace(grok=lambda task: step)

    return SimpleNamespace(run=run, seeds=(42,))


def ends(shapes):
    """Heights of dots before and after they slide, in SVG units."""
    found = [re.search(r"cy='(.*?)'.*--gb-fall:(.*?)px", shape).groups() for shape in shapes]
    return [float(y) for y, _ in found], [float(y) + float(fall) for y, fall in found]


def test_a_clock_collapses_to_one_height_and_a_constant_does_not():
    before, after = ends(miniatures.phase_structure(shelf_of(lambda decay: 9_000 / decay)).shapes)
    assert max(after) - min(after) < 0.21  # both numbers of a dot are rounded to a tenth
    assert max(before) - min(before) > 20
    before, after = ends(miniatures.phase_structure(shelf_of(lambda decay: 9_000)).shapes)
    assert max(before) - min(before) == 0
    assert max(after) - min(after) > 20


def test_runs_that_are_not_there_or_never_grok_have_no_dot():
    only = miniatures.phase_structure(shelf_of(lambda decay: 9_000 if decay == 1 else None))
    assert len(only.shapes) == 2
    never = SimpleNamespace(
        run=lambda config: SimpleNamespace(grok=lambda task: None), seeds=(42, 137)
    )
    assert miniatures.phase_structure(never).shapes == ()
