"""Tables that are wider than their place: an edge beyond which there is more is shaded."""

from pathlib import Path

import pytest

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

    plain = edge(400)
    assert edge(800) != plain, "more lies to the right"
    assert edge(800, 400) == plain, "nothing lies beyond the end"
