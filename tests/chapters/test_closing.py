"""Verdicts and guards are of the page's own parameters only."""

import pytest

from grokbook.chapters import closing
from grokbook.claims.board import board
from grokbook.claims.registry import claims
from grokbook.publishing.parameters import Parameters
from grokbook.publishing.verdicts import table

OWN, OTHER = (Parameters({"seeds": (42,)}, are_default=own) for own in (True, False))


@pytest.fixture
def shown(monkeypatch):
    """The texts that a page is given, in order."""
    texts = []
    for module in ("closing", "paragraphs"):
        name = f"grokbook.chapters.{module}.display"
        monkeypatch.setattr(name, lambda shown: texts.append(shown.data))
    return texts


def fails(*found):
    raise AssertionError(f"found {found}")


def test_verdicts_are_the_table_of_the_claims_or_withheld(shown):
    published = {"MT-01": claims("multitask", "staggered-order")["MT-01"]}
    closing.verdicts(OWN, published)
    closing.verdicts(OTHER, published)
    assert shown[0] == table(board(registry=published))
    assert "<b>MT-01</b>" in shown[0]
    assert shown[1:] == [
        "*Verdicts hold for the page's own parameters, so with others they are withheld.*"
    ]


def test_the_guard_is_heard_or_said_to_be_silent(shown):
    with pytest.raises(AssertionError, match=r"found \(1, 'two'\)"):
        closing.guard(OWN, fails, 1, "two")
    closing.guard(OTHER, fails, 1, "two")
    assert shown == ["*Other parameters than the page's own: its finding is not checked here.*"]
