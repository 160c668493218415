"""What the Sphinx extension writes, and the files that it hands out."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from grokbook.publishing.links import faults
from grokbook.publishing.sphinxext import (
    PLOTLY,
    PlotlyRenderer,
    keep_together,
    plotly_js_version,
    vendored,
)

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "book" / "_static" / "vendor"
BOOK = ROOT / "_build" / "html"


def rendered(figure, metadata=None, inline=False, mime=PLOTLY):
    data = SimpleNamespace(mime_type=mime, content=figure, output_metadata=metadata or {})
    return PlotlyRenderer.handle_mime(None, data, inline)


def test_figure_is_json_that_cannot_end_its_script():
    figure = {
        "data": [{"name": "</script><!-- <script>"}],
        "layout": {"title": {"text": "<b>T</b>"}},
    }
    html = rendered(figure)[0].astext()
    body = html.split(f'<script type="{PLOTLY}">')[1].split("</script>")[0]
    assert json.loads(body)["data"] == figure["data"]
    assert 'aria-label="T"' in html
    assert "<noscript>" in html


def test_a_number_and_its_per_cent_stay_on_one_line_and_code_as_it_was():
    text = "falls by 43 % of x %"
    page = nodes.paragraph("", "", nodes.Text(text), nodes.literal("", text))
    keep_together(None, page, "page")
    assert [each.astext() for each in page.children] == [text.replace("43 %", "43\u00a0%"), text]


def test_figure_leaves_its_template_and_keeps_its_colours():
    figure = {"data": [{"line": {"color": "#0072B2"}}], "layout": {"template": {"x": 1}}}
    html = rendered(figure)[0].astext()
    assert "template" not in html
    assert "#0072B2" in html


def test_alternative_text_is_escaped_and_height_reserved():
    html = rendered({"layout": {"height": 300}}, {"alt": 'a "b" <c>'})[0].astext()
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in html
    assert "min-height:300px" in html


def test_other_outputs_are_left_to_others():
    assert rendered({}, mime="text/plain") is None
    assert rendered({}, inline=True) is None


def test_vendored_files_are_the_listed_ones():
    listed = dict(
        reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
    )
    there = {path.name for path in VENDOR.iterdir()} - {"SHA256SUMS"}
    assert there == set(listed)
    for name, wanted in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == wanted, name


def test_plotly_js_belongs_to_the_installed_plotly():
    assert vendored("plotly-cartesian-*.min.js", VENDOR) == (
        f"plotly-cartesian-{plotly_js_version()}.min.js"
    )


def test_missing_vendored_file_is_named(tmp_path):
    with pytest.raises(ExtensionError, match=r"should hold one mathjax-\*.js, it holds 0"):
        vendored("mathjax-*.js", tmp_path)


@pytest.mark.skipif(not BOOK.exists(), reason="no built book to check the links of (make book)")
def test_built_book_has_no_fault():
    assert faults(BOOK) == []


def test_much_state_lies_beside_its_page_and_little_within():
    """A page is at most 300 kB of HTML; what its explorables hold besides comes from a script."""
    stored = sorted((BOOK / "_state").rglob("*.js"))
    assert stored
    for path in stored:
        page = BOOK / path.relative_to(BOOK / "_state").with_suffix(".html")
        head, _, body = path.read_text(encoding="utf-8").partition(" = ")
        (state,) = json.loads(body.rstrip().removesuffix(";"))
        assert head == "(window.grokbook ??= {}).stored"
        assert state["state"]
        assert path.stat().st_size < 2_000_000
        html = page.read_text(encoding="utf-8")
        assert "application/vnd.jupyter.widget-state+json" not in html
        sources = [part.split('"')[0] for part in html.split('src="')[1:]]
        names = [source.split("?")[0].rsplit("/", 1)[-1] for source in sources]
        assert names.index(path.name) < names.index("gb-host.js")


def test_a_page_is_light():
    for page in BOOK.rglob("*.html"):
        assert page.stat().st_size <= 300_000, page.name
