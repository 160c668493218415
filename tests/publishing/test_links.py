"""The link checker finds what is planted, and nothing in a page that is well."""

import pytest

from grokbook.publishing.links import faults, read_pages
from grokbook.publishing.weights import weigh

GOOD = """<html><head><link rel="stylesheet" href="_static/a.css">
<link rel="canonical" href="https://example.org/"></head>
<body><h1 id="here">A</h1><a href="#here">up</a><a href="sub/b.html#there">b</a>
<a href="https://arxiv.org/">out</a><a href="sub/b.html#order.run-42.at-700">state</a>
<img src="_static/a.png" alt="a"><div style="color: red"></div></body></html>"""


@pytest.fixture
def book(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text("p { background: url('a.png') }")
    (tmp_path / "_static" / "a.png").write_bytes(b"png")
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "sub" / "b.html").write_text('<h1 id="there">B</h1><a href="../index.html">a</a>')
    return tmp_path


def test_nothing_is_found_in_a_good_book(book):
    assert faults(book) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('<a href="gone.html">x</a>', "a leads nowhere: gone.html"),
        ('<a href="sub/b.html#gone">x</a>', "no such anchor: sub/b.html#gone"),
        ('<a href="#gone">x</a>', "no such anchor: #gone"),
        ('<a href="/index.html">x</a>', "breaks when the book is read from disk"),
        ('<a href="../../etc/x">x</a>', "a leads nowhere"),
        ('<script src="https://cdn.example/x.js"></script>', "script from outside"),
        ('<script src="//cdn.example/x.js"></script>', "script from outside"),
        ('<link rel="stylesheet" href="http://x.example/x.css">', "link from outside"),
        ('<img src="https://x.example/a.png">', "img from outside"),
        ('<img srcset="https://x.example/a.png 2x">', "img from outside"),
        ('<iframe src="https://x.example/"></iframe>', "iframe from outside"),
        ('<div style="background: url(https://x.example/a.png)"></div>', "style from outside"),
        ('<style>@import "https://x.example/a.css";</style>', "style from outside"),
        ('<script src="_static/gone.js"></script>', "script leads nowhere"),
        ('<div class="output traceback"><pre>ValueError: no</pre></div>', "error was published"),
        (
            '<div class="cell_output"><pre>&lt;display.Markdown object&gt;</pre></div>',
            "an object was shown instead of what it says",
        ),
    ],
)
def test_planted_fault_is_found(book, planted, found):
    page = book / "sub" / "c.html"
    page.write_text(f"<html><body>{planted.replace('sub/', '')}</body></html>")
    lines = faults(book)
    assert len(lines) == 1
    assert lines[0].startswith("sub/c.html: ")
    assert found.replace("sub/", "") in lines[0]


def test_style_sheets_are_read(book):
    (book / "_static" / "b.css").write_text("@font-face { src: url(https://x.example/f.woff2) }")
    assert faults(book) == ["_static/b.css: style from outside: https://x.example/f.woff2"]


def test_weight_counts_what_a_first_visit_loads(book):
    by_name = {weight.name: weight for weight in weigh(book, read_pages(book))}
    sheet, image = ((book / "_static" / n).stat().st_size for n in ("a.css", "a.png"))
    assert by_name["index.html"].html == len(GOOD)
    assert by_name["index.html"].cold == len(GOOD) + sheet + image
