"""What the chapters' prose keeps to: terms are links, panels are named, one list of verdicts."""

import json
import re
from pathlib import Path

import pytest

from grokbook.claims.registry import every

ROOT = Path(__file__).parents[2]


def prose(chapter):
    """The Markdown cells of a chapter, one after the other."""
    (path,) = (ROOT / "notebooks").glob(f"{chapter}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def entry(term):
    """What the glossary says of a term, on one line."""
    text = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(term)}\n((?:  .*\n|\S.*\n)+)", text, re.MULTILINE)
    return " ".join(found[1].split())


@pytest.mark.parametrize(
    ("chapter", "terms"),
    [
        ("01", ["grok step", "twin", "weight decay", "seed", "interval", "control"]),
        ("02", ["random walk", "true defect", "detector", "rounding", "footprint"]),
        ("03", ["Hessian", "detector", "placebo"]),
        ("03", ["grok step", "weight decay", "τ = ηλt", "clock band", "seed", "interval"]),
        ("04", ["weight decay", "seed", "interval", "control", "k*", "held-out basis"]),
        ("05", ["attention path", "budget", "open end", "dose", "footprint"]),
        ("06", ["SCAN", "window", "spectral edge", "probe", "spike"]),
    ],
)
def test_terms_lead_to_the_glossary(chapter, terms):
    linked = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", prose(chapter))
    assert set(terms) <= set(linked)


def test_every_term_that_is_linked_is_an_entry():
    pages = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.md")]
    linked = {
        term
        for page in pages
        for term in re.findall(
            r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", " ".join(page.read_text(encoding="utf-8").split())
        )
    }
    assert {"SCAN", "attention path"} < linked
    assert not [term for term in linked if len(entry(term)) < 20]


def test_what_claims_call_by_a_name_is_in_the_glossary():
    """Statements and controls stand on the scoreboard without a link."""
    said = " ".join(
        f"{claim.statement} {claim.test} {name} {text}"
        for claim in every().values()
        for name, text in claim.control.items()
    )
    for word in ("SCAN", "attention path", "exact commutator", "detector", "prefix", "dual", "tri"):
        assert re.search(rf"\b{word}", said) and entry(word), word
    for word in ("random labels", "pseudo-grok step", "random walk", "window", "bulk", "budget"):
        assert re.search(rf"\b{word}", said) and entry(word), word


@pytest.mark.parametrize("chapter", ["01", "02", "03", "04", "06"])
def test_panels_that_stack_on_a_phone_are_not_left_and_right(chapter):
    assert not re.findall(r"\bon the (?:left|right)\b", prose(chapter), re.IGNORECASE)


@pytest.mark.parametrize("chapter", ["02", "06"])
def test_the_column_of_seeds_is_called_so(chapter):
    assert "The table counts the seeds of every recorded run" in prose(chapter)


def test_the_glossary_names_every_verdict():
    page = (ROOT / "book/how_to_read.md").read_text(encoding="utf-8")
    table = page.partition("| verdict | meaning |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| \S+ ([^|]+?) \|", table, re.MULTILINE)
    assert len(names) == 7 and "undecided" in names
    assert not [name for name in names if name not in entry("verdict")]


def test_the_glossary_contradicts_no_chapter():
    assert "same {term}`config` and the same {term}`numerics`" in entry("run")
    assert "{term}`plain run`'s time" in entry("same-seed noise")


def test_a_page_shows_sentences_by_the_common_helper():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert "display(Markdown(" not in path.read_text(encoding="utf-8"), path.name
