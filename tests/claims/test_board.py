"""The scoreboard: what it says of every claim, and whether pages say the same."""

import json
import math
import re
from html import escape
from importlib.resources import files

import pytest

from grokbook.claims.board import RUNS, Row, board, counts, disagreements, standings
from grokbook.claims.judgements import STANDINGS, VERDICTS
from grokbook.claims.numbers import interval, show
from grokbook.claims.readings import unread
from grokbook.claims.registry import claims, every
from grokbook.claims.verdicts import Evidence, judge
from grokbook.publishing import scoreboard
from grokbook.publishing.verdicts import rendered, table


def test_every_claim_has_a_row_in_the_order_of_the_registry(rows):
    assert [row.claim.id for row in rows] == list(every())
    assert sum(counts(rows).values()) == len(rows)


def test_a_row_names_the_runs_behind_it_and_their_seconds(rows, shelf):
    manifest = shelf.results.manifest()
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
    assert all(row.judgement.word in page for row in rows)


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


def test_every_filter_of_the_scoreboard_has_its_rule(rows):
    """A radio button that a style sheet does not know would be pressed in vain."""
    page = scoreboard.page(rows)
    style = files("grokbook.publishing").joinpath("static/gb-book.css").read_text(encoding="utf-8")
    options = re.findall(r"name='gb-(\w+)' value='([^']+)'", page)
    assert {name for name, _ in options} == {"verdict", "chapter", "paper"}
    for name, value in options:
        known = f'[name="gb-{name}"][value="{value}"]:checked' in style
        assert known or value == "all", (name, value)
    assert set(scoreboard.ABOUT) == {row.claim.paper for row in rows}


def test_the_filter_offers_chapters_and_what_is_in_none(rows):
    page = scoreboard.page(rows)
    offered = re.findall(r"name='gb-chapter' value='([^']+)'", page)
    with_page = [name for name, (_, target) in scoreboard.PAGES.items() if target]
    assert offered == ["all", *with_page, scoreboard.APART]
    groups = set(re.findall(r"data-chapter='(.*?)'", page))
    assert groups == set(offered) - {"all"}
    told = [row for row in rows if row.claim.chapter in with_page]
    assert f"value='{scoreboard.APART}'" not in scoreboard.page(told)


def test_a_chapter_of_the_scoreboard_is_of_one_paper(rows):
    page = scoreboard.page(rows)
    for group in page.split("<section ")[1:]:
        assert len(set(re.findall(r"data-paper='(.*?)'", group))) == 1
    alone = [row for row in rows if row.claim.paper == "2604.07380"]
    assert "gb-paper" not in scoreboard.page(alone)
    assert f"Of {len(alone)} claims" in scoreboard.page(alone)


def test_a_claim_that_waits_says_what_for(rows):
    """A study that is not there is nobody's command, and a series without a reader is named."""
    for row in rows:
        assert row.to_json()["wants"] == list(row.wants)
        left = unread(row.claim)
        assert bool(left) == any(", ".join(left) in text for text in row.wants if left)
        for text in row.wants:
            assert escape(text) in scoreboard.page([row])


def test_the_table_says_of_every_control_what_it_does():
    held, none = {"1.0": dict.fromkeys("abcd", 6.0)}, {"1.0": dict.fromkeys("abcd")}
    row = judged("MT-39", threshold=Evidence(held, {"held-out basis": none}))
    assert row.judgement.controls["held-out basis"] == "falls"
    page = table([row])
    assert "held-out basis: it kills the claim<br>" in page
    for name in set(row.claim.control) - {"held-out basis"}:
        assert f"{name}: not decided yet" in page
    assert row.to_json()["control_states"] == row.judgement.controls


def test_the_table_says_why_a_claim_stands_whose_interval_leaves_it_open(rows):
    said = "; its interval leaves it open"
    for row in rows:
        one = row.judgement.deciding
        assert (one is None) == (not row.judgement.cell)
        assert one is None or (one.value, one.n) == pytest.approx(
            (row.judgement.value, row.judgement.n), nan_ok=True
        )
        stands = row.judgement.verdict == "◐"
        assert (said in table([row])) == (stands and not one.sure), row.claim.id
    deciding = {row.claim.id: row.judgement.deciding for row in rows}
    one = deciding["MT-51"]
    assert f"holds by its mean on {one.n} of {one.least} seeds{said}" in table(
        [row for row in rows if row.claim.id == "MT-51"]
    )


def test_what_a_control_kills_and_what_is_undecided_are_told_apart(rows):
    """They share their shapes with what stands so far, and with what no run speaks of."""
    found = standings(rows)
    assert sum(found.values()) == len(rows)
    both = counts(rows)
    assert found["caveat"] + found["killed"] == both["◐"]
    assert found["undecided"] + found["open"] == both["…"]
    for row in rows:
        judgement, text = row.judgement, scoreboard.page([row])
        falls = "falls" in judgement.controls.values()
        assert (judgement.standing == "killed") == (judgement.verdict == "◐" and falls)
        assert (judgement.standing == "open") == (judgement.verdict == "…" and not judgement.n)
        assert f"gb-tile-{judgement.standing}'" in text and judgement.word in text
        assert row.to_json()["word"] == STANDINGS[judgement.standing][1]


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


def judged(name, **series):
    """A claim judged by numbers made by hand."""
    claim = every()[name]
    evidence = {
        key: value if isinstance(value, Evidence) else Evidence(value)
        for key, value in series.items()
    }
    return Row(claim, judge(claim, evidence), (), 0.0)


def seeds(*values):
    return {str(k): value for k, value in enumerate(values)}


def test_a_share_of_runs_has_not_the_unit_of_what_was_published():
    """MT-42 publishes directions and counts runs; of MT-39 both are directions."""
    row = judged("MT-42", surplus={"1.0": seeds(1, 0, 2)})
    assert row.judgement.value == pytest.approx(2 / 3) and row.unit == RUNS
    assert "] of the runs</td>" in table([row]) and row.to_json()["unit"] == RUNS
    tile = scoreboard.page([row])
    assert tile.count("] of the runs") == 2 and "directions</" not in tile
    row = judged("MT-39", threshold={"1.0": seeds(6, 7, 6)})
    assert row.unit == "directions" and "] directions" in table([row])


def test_what_is_set_beside_nothing_published_has_its_unit_all_the_same():
    """MT-45 asks for an accuracy near none, MT-12 for an order of shares in per cent."""
    none = judged("MT-45", accuracy={"64/add": seeds(0.8, 0.9)})
    assert not none.judgement.compared and none.unit == "%"
    assert "] % <small>" in table([none]) and "] %, 2 seeds" in scoreboard.page([none])
    apart = {"1.0/tri": seeds(50.0, 60.0), "1.0/dual": seeds(60.0, 65.0)}
    order = judged("MT-12", share=apart)
    assert order.unit == "points" and "7.5 [" in table([order])
    assert "] points <small>" in table([order])
    later = judged("SE-02", **{"flip over grok": {"dyck": seeds(0.7, 0.8)}})
    assert later.unit == ""  # a ratio of steps, where shares in % were published


def test_a_number_in_a_unit_of_its_own_stands_beside_nothing():
    """MT-05 publishes steps and judges them in standard deviations first."""
    row = judged("MT-05", **{"gap in sd": {"1.0": seeds(0.1, 0.2)}})
    assert row.unit == "sd" and math.isnan(row.published)
    assert "] sd <small>" in table([row])
    tile = scoreboard.page([row])
    assert "class='gb-scale'" in tile and "aria-label='published" not in tile


def test_a_geometric_mean_is_called_so():
    row = judged("SE-07", steps={"dyck": seeds(500.0, 2_000.0)})
    assert row.judgement.value == pytest.approx(1_000)
    assert "steps <small>(dyck; geometric mean)</small>" in table([row])
    assert scoreboard.page([row]).count("geometric mean 1,000 [") == 2  # closed and open
    plain = judged("MT-39", threshold={"1.0": seeds(6, 7, 6)})
    assert "geometric" not in table([plain])


def test_the_sentence_tells_a_verdict_from_runs_and_a_caveat_from_a_death():
    lived = judged("MT-02", steps={"1.0": seeds(13_000, 14_000, 13_500)})
    held = {"1.0": dict.fromkeys("abcd", 6.0)}
    none = {"1.0": dict.fromkeys("abcd")}
    killed = judged("MT-39", threshold=Evidence(held, {"held-out basis": none}))
    open_ = judged("MT-24", right={"1.0": seeds(0)})
    failed = judged("MT-42", surplus={"1.0": seeds(1, 0)})
    idle, never = judged("MT-18"), judged("MT-04")
    rows = [lived, killed, open_, failed, idle, never]
    assert [row.judgement.verdict for row in rows] == list("◐◐…○…–")
    assert scoreboard.sentence(rows) == (
        "Of 6 claims 3 have a verdict. Reproduced: 0; so far, with a caveat: 1; repeats, but a "
        "control kills it: 1, 1 of these by one that could not come out otherwise; not reproduced: "
        "1. The others are undecided by the runs that there are (1), wait for runs (1), or "
        "cannot be tested (1)."
    )
    assert "a control kills it: 0" in scoreboard.sentence([lived])


def test_a_tile_does_not_lend_all_runs_of_a_claim_to_one_of_its_numbers():
    """6.3 directions are of three runs; the fifteen are those of five weight decays."""
    page = scoreboard.page([judged("MT-39", threshold={"1.0": seeds(6, 7, 6)})])
    assert "theirs on 15 runs; ours on 0" in page and "n = 15" not in page
    assert "3 seeds, published 6.3</small>" in page


def test_a_tile_has_every_cell_that_was_run_and_no_other():
    """Of MT-39 the first cell decides; the others stand below, each beside what was published."""
    page = scoreboard.page([judged("MT-39", threshold={"1.0": seeds(6, 7, 6), "0.5": seeds(9, 9)})])
    cells = page.split("<tbody>")[1].split("</tbody>")[0]
    assert cells.count("<tr>") == 3  # the third is the share of all runs
    first = "<tr><td>λ = 1</td><td>6.3</td><td>6.33 [4.9, 7.77] directions</td><td>3</td>"
    assert (
        first in cells and "<td>λ = 0.5</td>" in cells and "<td>9 [9, 9] directions</td>" in cells
    )
    assert "gb-cells" not in scoreboard.page([judged("MT-39")])


def test_what_holds_a_claim_back_is_a_list_where_it_is_more_than_one_thing():
    row = judged("MT-39", threshold={"1.0": seeds(6, 7, 6)})
    reasons = row.judgement.reasons
    assert len(reasons) > 1 and row.judgement.why == "; ".join(reasons)
    why = scoreboard.page([row]).split("<dt>why</dt>")[1].split("</dd>")[0]
    assert why.count("<li>") == len(reasons)
    (only,) = judged("MT-18").judgement.reasons
    assert f"<dt>why</dt><dd>{only}</dd>" in scoreboard.page([judged("MT-18")])


def test_a_control_with_runs_in_one_cell_is_not_said_to_have_none():
    here = {"1.0": seeds(5, 5)}
    why = judged("MT-30", lead=Evidence(here, {"shuffled": here})).judgement.why
    assert "control 'shuffled' has 2 seeds" in why
    assert "with control 'shuffled' it holds too" in why
    assert "control 'exact commutator' has 0 seeds" in why
