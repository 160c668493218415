"""Tables that are wider than their place: an edge beyond which there is more is shaded."""

import re
from pathlib import Path

import pytest

from grokbook.palette import contrast

SHEET = Path(__file__).parents[2] / "grokbook" / "publishing" / "static" / "gb-book.css"
BOX = """<html data-theme="{theme}" style="--pst-color-background: {ground}"><style>{css}</style>
<body style="margin: 0; background: {ground}"><main class="bd-content"><article class="bd-article">
<div class="cell"><div class="cell_output"><div class="output text_html" style="width: 400px">
<div style="width: {width}px; height: 90px"></div></div></div></div></article></main>"""


@pytest.mark.parametrize(("theme", "ground"), [("light", "#ffffff"), ("dark", "#14181d")])
def test_an_edge_is_shaded_while_there_is_more_beyond_it(page, theme, ground):
    css = SHEET.read_text(encoding="utf-8")

    def edge(width: int, scrolled: int = 0) -> bytes:
        page.set_content(BOX.format(theme=theme, ground=ground, css=css, width=width))
        page.locator(".output").evaluate("(box, x) => { box.scrollLeft = x; }", scrolled)
        box = page.locator(".output").bounding_box()
        strip = {"x": box["x"] + 396, "y": box["y"] + 10, "width": 4, "height": 40}
        return page.screenshot(clip=strip)

    # A shade that is as dark as the page is none.
    page.set_content(BOX.format(theme=theme, ground=ground, css=css, width=800))
    shade = page.locator(".output").evaluate(
        "el => getComputedStyle(el).getPropertyValue('--gb-shade')"
    )
    *ink, opacity = (float(part) for part in re.findall(r"[\d.]+", shade))
    under = [int(ground[i : i + 2], 16) for i in (1, 3, 5)]
    share = opacity / 100
    mixed = [round(share * a + (1 - share) * b) for a, b in zip(ink, under, strict=True)]
    assert contrast("#" + "".join(f"{c:02x}" for c in mixed), ground) >= 1.5
    plain = edge(400)
    assert edge(800) != plain, "more lies to the right"
    assert edge(800, 400) == plain, "nothing lies beyond the end"


WIDE = """<html data-theme="light"><style>* {{ box-sizing: border-box; }} {css}</style>
<body style="margin: 0">
<main class="bd-main"><div class="bd-content">
<div class="bd-article-container" style="width: 800px">
<article class="bd-article" style="padding: 24px 32px"><div class="cell"><div class="cell_output">
<div class="output text_html"><div><table class="dataframe"><thead><tr>{head}</tr></thead>
<tbody><tr>{row}</tr></tbody></table></div></div></div></div></article></div></div></main>"""


def test_a_wide_table_wraps_and_takes_the_margin_before_it_hides_a_column(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    head = "".join(f"<th>measured at {k} times the step</th>" for k in range(9))
    row = "".join("<td>−12.3 [−14.5, −10.1]</td>" for _ in range(9))
    css = SHEET.read_text(encoding="utf-8")
    page.set_content(WIDE.format(css=css, head=head, row=row))
    box = page.locator(".output")
    hidden, right = box.evaluate(
        "el => [el.scrollWidth - el.clientWidth, el.offsetLeft + el.offsetWidth]"
    )
    assert hidden <= 0
    # As far as the page's own contents, which begin where its container ends.
    assert 740 < right <= 800
