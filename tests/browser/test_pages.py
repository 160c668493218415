"""Every page of the book as a reader meets it: from a server and from disk, wide, narrow, dark."""

import re

import pytest

from grokbook.claims.board import disagreements
from grokbook.publishing.verdicts import rendered
from tests.browser.conftest import BOOK, pages_of_toc

PAGES = pages_of_toc()
BUILT = {p: (BOOK / p).read_text(encoding="utf-8") for p in PAGES if (BOOK / p).exists()}
WITH_FIGURES = [p for p, html in BUILT.items() if 'class="gb-plotly"' in html]
WITH_CODE = [p for p, html in BUILT.items() if "cell_input" in html]


def meeting(*ways, names=PAGES):
    """Run a test on pages opened in these ways; tests of one page follow each other."""
    visits = [(way, name) for way in ways for name in names]
    return pytest.mark.parametrize("opened", visits, indirect=True, ids="-".join)


def test_the_built_book_says_what_the_results_say(site, rows):
    """``grokbook claims --check``; without `site` there may be no book."""
    assert disagreements(rows, rendered(BOOK)) == []


# WCAG contrast of an element's text against the first opaque ground behind it
CONTRAST = """
(() => {
  const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const opaque = (c) => c.length >= 3 && (c.length < 4 || c[3] > 0.5);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (opaque(c)) return c;
    }
    return [255, 255, 255];
  };
  const property = (e) => e instanceof SVGElement ? getComputedStyle(e).fill
                                                  : getComputedStyle(e).color;
  return (e) => {
    const [a, b] = [light(rgb(property(e))), light(ground(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
})()
"""
TEXTS = ".bd-article :is(p, li, h1, h2, h3, th, td, pre, summary, label, output, figcaption)"
FIGURE_TEXTS = ".js-plotly-plot :is(.xtick text, .ytick text, .gtitle, .legendtext, .g-xtitle text)"


def poor_contrast(page, selector, least):
    """Visible texts whose contrast is under `least`, with the contrast."""
    return page.evaluate(
        f"""([selector, least]) => {{
            const contrast = {CONTRAST};
            return [...document.querySelectorAll(selector)]
                .filter((e) => e.checkVisibility() && e.textContent.trim())
                .map((e) => [contrast(e), e.textContent.trim().slice(0, 60)])
                .filter(([value]) => value < least);
        }}""",
        [selector, least],
    )


@meeting("light", "dark")
def test_page_loads_and_asks_nobody(met):
    assert met.locator("article h1").first.inner_text().strip()
    states = met.eval_on_selector_all(".gb-plotly", "boxes => boxes.map(b => b.dataset.state)")
    assert "failed" not in states
    assert set(states) <= {"drawn", None}


@meeting("light", "dark")
def test_text_is_readable(met, request):
    way, _ = request.node.callspec.params["opened"]
    assert met.evaluate("document.documentElement.dataset.theme") == way
    assert poor_contrast(met, TEXTS, 4.5) == []
    assert poor_contrast(met, FIGURE_TEXTS, 4.5) == []
    thin = met.eval_on_selector_all(
        TEXTS, "all => all.filter(e => getComputedStyle(e).fontWeight < 400).map(e => e.outerHTML)"
    )
    assert thin == []


@meeting("dark")
def test_dark_page_has_no_light_panel(met):
    panels = met.evaluate(
        """[...document.querySelectorAll(".bd-article :is(div, pre, table, tr, section)")]
            .filter((e) => e.checkVisibility() && e.clientWidth > 40)
            .map((e) => [getComputedStyle(e).backgroundColor, e.className])
            .filter(([c]) => { const v = c.match(/[\\d.]+/g).map(Number);
                               return (v[3] ?? 1) > 0.5 && v[0] + v[1] + v[2] > 450; })"""
    )
    assert panels == []


@meeting("phone")
def test_phone_does_not_scroll_sideways(met):
    wide, window = met.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    # nothing sticks out either, unless a box of its own scrolls it
    sticking_out = met.evaluate(
        """[...document.querySelectorAll(".bd-article *")].filter((e) => {
            if (!e.checkVisibility() || e.getBoundingClientRect().right <= innerWidth + 1)
                return false;
            for (let box = e.parentElement; box; box = box.parentElement)
                if (getComputedStyle(box).overflowX !== "visible") return box === document.body;
            return true;
        }).map((e) => `${e.tagName}.${e.className}`)"""
    )
    assert sticking_out == []


@meeting("light")
def test_images_have_alternative_text(met):
    bare = met.eval_on_selector_all(
        "article img", "images => images.filter(i => !i.alt.trim()).map(i => i.src)"
    )
    assert bare == []


@meeting("light")
def test_no_buttons_to_nowhere(met):
    """No repository, launch, edit or download buttons; one search box."""
    assert met.locator(".dropdown-launch-buttons, .dropdown-download-buttons").count() == 0
    assert met.locator("a[href*='github.com/executablebooks']").count() == 0
    visible = met.locator(".search-button-field, .search-button").locator("visible=true")
    assert visible.count() == 1


@meeting("light", names=WITH_FIGURES)
def test_plotly_is_fetched_once(met):
    assert len([u for u in met.requested if re.search(r"plotly-cartesian.*\.js", u)]) == 1


@meeting("light", names=WITH_FIGURES)
def test_theme_switch_recolours_figures(met):
    ink = "document.querySelector('.js-plotly-plot')._fullLayout.font.color"
    lines = """[...document.querySelectorAll('.js-plotly-plot')].map(p => JSON.stringify(
        p._fullData.map(t => [t.line?.color, t.marker?.color])))"""
    before, traces = met.evaluate(ink), met.evaluate(lines)
    try:
        met.evaluate("document.documentElement.dataset.theme = 'dark'")
        met.wait_for_function(f"{ink} !== '{before}'", timeout=10_000)
        assert met.evaluate(lines) == traces, "a colour means the same in both themes"
        assert poor_contrast(met, FIGURE_TEXTS, 4.5) == []
    finally:
        met.evaluate("document.documentElement.dataset.theme = 'light'")
    met.wait_for_function(f"{ink} === '{before}'", timeout=10_000)


@meeting("phone", names=WITH_FIGURES)
def test_no_figure_offers_to_leave_the_machine(met):
    asked = "[...document.querySelectorAll('.js-plotly-plot')].map(p => p._context.showSendToCloud)"
    assert set(met.evaluate(asked)) == {False}


@meeting("phone", names=WITH_FIGURES)
def test_finger_scrolls_past_figures(met):
    modes = "[...document.querySelectorAll('.js-plotly-plot')].map(p => p._fullLayout.dragmode)"
    assert set(met.evaluate(modes)) == {False}


@meeting("phone", names=WITH_FIGURES)
def test_no_text_of_a_figure_leaves_it_on_a_phone(met):
    """Titles and legends are broken; plotly itself would let them run off the figure."""
    met.wait_for_function(
        "[...document.querySelectorAll('.gb-plotly')].every(b => b.dataset.state === 'drawn')",
        timeout=30_000,
    )
    cut = met.evaluate(
        """[...document.querySelectorAll(".gb-plotly")].flatMap((box) => {
            const room = box.getBoundingClientRect();
            return [...box.querySelectorAll("svg text")].filter((text) => {
                const at = text.getBoundingClientRect();
                return at.width && (at.left < room.left - 1 || at.right > room.right + 1);
            }).map((text) => text.textContent);
        })"""
    )
    assert cut == []


@meeting("paper", names=WITH_FIGURES)
def test_a_dark_page_that_nobody_scrolled_prints_whole_and_black_on_white(met):
    states = "[...document.querySelectorAll('.gb-plotly')].every(b => b.dataset.state === 'drawn')"
    met.wait_for_function(states, timeout=20_000)
    met.emulate_media(media="print", color_scheme="dark")
    met.wait_for_timeout(300)
    assert not met.locator("#jb-print-toc").is_visible(), "a list of headings before the text"
    assert poor_contrast(met, TEXTS, 4.5) == []
    assert poor_contrast(met, FIGURE_TEXTS, 4.5) == []
    widths = "[...document.querySelectorAll('.gb-plotly .main-svg')].map(s => s.clientWidth)"
    assert max(met.evaluate(widths)) <= 620


SHEET = 680
"""Pixels between the margins of A4, at 96 to the inch."""


@meeting("paper")
def test_nothing_is_cut_on_paper_where_nobody_can_scroll(met):
    met.emulate_media(media="print", color_scheme="light")
    met.set_viewport_size({"width": SHEET, "height": 900})
    met.wait_for_timeout(300)
    beyond = met.evaluate(
        """width => [...document.querySelectorAll('article table, article .gb-plotly, article pre')]
            .filter(box => box.offsetWidth && !box.closest('details:not([open])'))
            .filter(box => box.getBoundingClientRect().right > width)
            .map(box => `${box.className || box.tagName} ${box.getBoundingClientRect().right}`)""",
        SHEET,
    )
    assert beyond == []
    # A box that scrolls is never broken between two sheets.
    assert (
        met.evaluate(
            """[...document.querySelectorAll('article .output')]
            .filter(box => box.offsetWidth && getComputedStyle(box).overflowX !== 'visible')
            .map(box => box.className)"""
        )
        == []
    )


@pytest.mark.parametrize("name", WITH_FIGURES[:1])
def test_figure_that_cannot_load_says_so(browser, site, name):
    page = browser.new_page()
    page.route("**/plotly-cartesian*", lambda route: route.abort())
    page.goto(f"{site}/{name}")
    page.locator(".gb-plotly").first.scroll_into_view_if_needed()
    note = page.locator(".gb-plotly .gb-note").first
    note.wait_for(timeout=10_000)
    assert "could not be drawn" in note.inner_text()
    page.close()


@meeting("light", "dark", names=WITH_CODE)
def test_code_is_folded_and_unfolds(met):
    assert met.locator(".cell_input").locator("visible=true").count() == 0
    fold = met.locator("details.hide").first
    assert fold.locator("summary").inner_text().split("\n")[-1].strip().endswith("Show code")
    # By keyboard: a click waits for frames, of which a busy machine may draw none for long.
    fold.locator("summary").press("Enter")
    assert fold.locator(".cell_input").is_visible()
    assert fold.locator("summary").inner_text().strip().endswith("Hide code")
    fold.locator("summary").press("Enter")
    assert not fold.locator(".cell_input").is_visible()


@meeting("phone", names=WITH_CODE)
def test_wide_table_scrolls_in_its_box(met):
    outside = met.evaluate(
        """[...document.querySelectorAll(".bd-article table")].filter((t) => {
            if (t.getBoundingClientRect().width <= document.querySelector("article").clientWidth)
                return false;
            for (let box = t; box && box.tagName !== "ARTICLE"; box = box.parentElement)
                if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
                    && box.clientWidth <= innerWidth) return false;
            return true;
        }).length"""
    )
    assert outside == 0
