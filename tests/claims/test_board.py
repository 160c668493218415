"""The scoreboard: what it says of every claim, and whether pages say the same."""

import json
import math

import pytest

from grokbook.claims.board import board, counts, disagreements
from grokbook.claims.numbers import interval, show
from grokbook.claims.registry import claims
from grokbook.claims.shelf import Shelf
from grokbook.claims.verdicts import VERDICTS
from grokbook.publishing.verdicts import rendered, table


@pytest.fixture(scope="module")
def rows():
    return board()


def test_every_claim_has_a_row_in_the_order_of_the_registry(rows):
    assert [row.claim.id for row in rows] == list(claims())
    assert sum(counts(rows).values()) == len(rows)


def test_a_row_names_the_runs_behind_it_and_their_seconds(rows):
    manifest = Shelf().results.manifest()
    by_id = {row.claim.id: row for row in rows}
    row = by_id["MT-02"]
    own = [name for name in row.runs if manifest[name]["config"]["weight_decay"] == 1.0]
    assert {manifest[name]["config"]["seed"] for name in own} >= {42, 137, 2024}
    assert row.seconds >= sum(manifest[name]["seconds"] for name in row.runs) > 0
    assert by_id["MT-04"].runs == () and by_id["MT-04"].seconds == 0


def test_published_stands_only_beside_the_same_quantity(rows):
    """MT-16 publishes ρ and is judged by 1 − ρ; of MT-02 both are steps."""
    by_id = {row.claim.id: row for row in rows}
    assert math.isnan(by_id["MT-16"].published) and by_id["MT-16"].judgement.n
    assert by_id["MT-02"].published == by_id["MT-02"].claim.targets()["1.0"]


def test_few_seeds_never_reproduce(rows):
    for row in rows:
        if row.judgement.verdict == "●":
            assert all(each.fewest >= 4 for each in row.judgement.findings), row.claim.id


def test_json_is_json_and_says_what_is_needed(rows):
    found = json.loads(json.dumps([row.to_json() for row in rows], allow_nan=False))
    assert {each["verdict"] for each in found} <= set(VERDICTS)
    for each in found:
        undone = each["verdict"] in "◐…"
        assert not undone or (each["commands"] or each["wants"]), each["id"]
        assert each["commands"] == [] or each["hours"] > 0, each["id"]


def test_a_table_shows_shape_and_word_and_is_read_back(rows, tmp_path):
    page = table(rows)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "index.html").write_text("<p>no claims</p>", encoding="utf-8")
    (tmp_path / "chapters" / "a.html").write_text(page, encoding="utf-8")
    found = rendered(tmp_path)
    assert found == {row.claim.id: [row.judgement.verdict] for row in rows}
    assert disagreements(rows, found) == []
    assert all(VERDICTS[verdict] in page for verdict, n in counts(rows).items() if n)


def test_disagreements_are_named(rows):
    said = {row.claim.id: [row.judgement.verdict] for row in rows}
    other = next(shape for shape in VERDICTS if shape != said["MT-10"][0])
    wrong = disagreements(rows, said | {"MT-10": [*said["MT-10"], other, other]})
    assert len(wrong) == 1 and wrong[0].startswith("MT-10: the results say")
    assert VERDICTS[other] not in wrong[0] and other in wrong[0]
    assert "does not know it" in disagreements(rows, said | {"X-1": ["●"]})[0]
    del said["MT-11"]
    assert disagreements(rows, said) == ["MT-11: the book does not show it"]


def test_no_book_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        rendered(tmp_path)


def test_text_is_escaped():
    (row,) = board(registry={"MT-39": claims()["MT-39"]})
    page = table([row])
    assert "<script" not in page and page.count("<tr ") == 1 and "&#x27;" not in row.claim.statement


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(-0.5, "", "−0.5"), (math.inf, "", "∞"), (999.5, "", "1e+03"), (12.0, "steps", "12")],
)
def test_numbers(value, unit, text):
    if text == "1e+03":  # three digits must not turn into an exponent
        assert show(value, unit) == "1,000"
    else:
        assert show(value, unit) == text


def test_an_interval_without_ends_is_left_out():
    assert interval(2.0, -math.inf, math.inf) == "2" and interval(math.nan, 0, 1) == "–"
