"""``grokbook claims``: the table, one claim in full, JSON, the check, and bad input."""

import json

import pytest
from typer.testing import CliRunner

from grokbook.claims import registry
from grokbook.claims.board import board
from grokbook.cli import app
from grokbook.publishing.verdicts import table


def run(*words):
    return CliRunner().invoke(app, ["claims", *words])


def test_the_table_has_a_line_a_claim_and_the_counts():
    result = run("--chapter", "integrability")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line[:5] for line in lines[1:13]] == [f"MT-{k}" for k in range(10, 22)]
    assert "not run yet" in result.output


def test_the_table_of_one_paper_is_of_that_paper():
    lines = run("--paper", "spectral-edge").output.splitlines()
    assert [line[:5] for line in lines[1:51]] == [f"SE-{k:02d}" for k in range(1, 51)]
    assert not any(line.startswith("MT-") for line in lines)


def test_a_claim_that_waits_says_what_for_in_full():
    found = run("SE-44").output
    assert "wants: SCAN: the task" in found and "core-hours from nothing" in found
    assert "control true pass" in found


def test_without_results_nothing_is_judged(tmp_path, monkeypatch):
    for name in ("nowhere", "a file"):
        monkeypatch.setenv("GROKBOOK_RESULTS", str(tmp_path / name))
        (tmp_path / "a file").write_text("")
        found = run("MT-02")
        line = f"grokbook: there are no recorded results in {tmp_path / name}\n"
        assert (found.exit_code, found.stdout, found.stderr) == (1, "", line)


def test_one_claim_in_full():
    result = run("MT-10")
    assert result.exit_code == 0
    for text in (
        "random walk",
        "layer 0 W_Q",
        "published 58.1",
        "needs: grokbook study dual",
        " 3 seeds, published",
    ):
        assert text in result.output


def test_a_published_number_stands_beside_the_same_quantity_alone():
    """MT-16 publishes ρ = 1 and is judged by 1 − ρ; shares of runs were published by nobody."""
    said = run("MT-16").output
    assert "published –" in said and "published 1:" not in said
    (line,) = (each for each in run("MT-60").output.splitlines() if each.startswith("  all: "))
    assert " of the runs, 3 seeds, " in line and "published –" in line


def test_json():
    result = run("MT-10", "--json")
    (found,) = json.loads(result.output)
    assert found["id"] == "MT-10" and len(found["findings"]) > 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["MT-99"], "unknown claim MT-99; the claims are MT-01 to MT-68 and SE-01 to SE-50"),
        (["MT-6", "se-02"], "unknown claim MT-6, se-02 (did you mean MT-06, SE-02?); the claims"),
        (["--paper", "spectral-edge", "MT-01"], "MT-01; the claims are SE-01 to SE-50"),
        (["--paper", "thesis"], "unknown paper 'thesis'; known: multitask, spectral-edge"),
        (["--chapter", "nonesuch"], "unknown chapter 'nonesuch'; known: staggered-order"),
        (["--check", "--json"], "--check looks at the whole book"),
        (["--check", "--book", "nowhere"], "no built book in nowhere"),
    ],
)
def test_bad_input_is_one_line(words, said):
    result = run(*words)
    assert result.exit_code == 2 and said in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.long(14)
def test_the_check_fails_when_a_page_says_something_else(rows, tmp_path):
    page = table(rows)
    first = next(v for v in "●◐○–…" if f"data-verdict='{v}'" in page)
    other = "○" if first != "○" else "●"
    (tmp_path / "index.html").write_text(
        page.replace(f"data-verdict='{first}'", f"data-verdict='{other}'", 1), encoding="utf-8"
    )
    result = run("--check", "--book", str(tmp_path))
    assert result.exit_code == 1 and "1 disagreement" in result.output


def test_the_check_is_content_with_what_the_results_say(tmp_path, monkeypatch):
    """Of three claims; `test_pages.py` asks the built book of all."""
    some = {name: registry.every()[name] for name in ("MT-02", "MT-16", "MT-51")}
    monkeypatch.setattr(registry, "every", lambda: some)
    (tmp_path / "index.html").write_text(table(board(registry=some)), encoding="utf-8")
    result = run("--check", "--book", str(tmp_path))
    assert result.exit_code == 0 and result.output.endswith("of all 3 claims\n")
