"""Chapter 3's exchange of η for λ, on paces made by hand."""

import math

import pytest

from explorable_harness import small_paces, synthetic_pace
from grokbook.chapters import phase_structure_exchange as exchange
from grokbook.chapters import phase_structure_words as words


def run(seed, grok, rate, decay):
    groks = (None, None) if grok is None else (grok, grok)
    return synthetic_pace(seed, groks, decay, learning_rate=rate, last=40_000)


OWN = [run(1, 10_000, 1e-3, 1.0), run(2, 20_000, 1e-3, 1.0), run(1, 15_000, 1e-3, 0.5)]
QUICK = [run(1, 4_000, 5e-4, 2.0), run(2, 10_000, 5e-4, 2.0)]


def test_pairs_have_equal_clocks_and_one_seed():
    (point,) = exchange.points([*OWN, *QUICK, run(3, 100, 5e-4, 2.0), run(1, 100, 5e-4, 0.3)])
    assert (point.learning_rate, point.weight_decay, point.own) == (5e-4, 2.0, (1e-3, 1.0))
    assert (
        point.steps == {1: (4_000, 10_000), 2: (10_000, 20_000)}
        and point.name == "η × 0.5 and λ × 2"
    )
    assert point.ratio().mean == pytest.approx(math.sqrt(0.4 * 0.5))
    # the same pace at another weight decay of the page
    (other,) = exchange.points([*OWN, run(1, 9_000, 5e-4, 1.0)])
    assert other.own == (1e-3, 0.5) and other.steps == {1: (9_000, 15_000)}
    assert other.name == "η × 0.5 and λ × 2 of λ = 0.5"


def test_runs_without_decay_have_no_partner():
    still = [run(1, 9_000, 1e-3, 0.0), run(1, 9_000, 5e-4, 0.0)]
    assert exchange.points(still) == []
    assert exchange.sentence(OWN) == ""


def test_a_point_with_a_run_that_was_cut_off_concludes_nothing():
    """Of the rest, which are the quick ones, a mean would."""
    quick = [*OWN, run(3, 9_000, 1e-3, 1.0), QUICK[0], run(2, 8_000, 5e-4, 2.0)]
    assert exchange.missed(quick)
    cut = [*quick, run(3, None, 5e-4, 2.0)]
    (point,) = exchange.points(cut)
    assert point.cut == (3,) and not point.judged and not exchange.missed(cut)
    assert exchange.sentence(cut).endswith("(n = 2, 1 more cut off).")
    alone = exchange.sentence([*OWN, run(1, None, 5e-4, 2.0)])
    assert alone.endswith("after an unknown number, cut off, at η × 0.5 and λ × 2.")
    assert len(exchange.table(cut)) == 2


def test_the_sentence_concludes_only_from_several_seeds():
    start = "At equal ηλ, where a clock asks for equally many steps, dual groks after "
    one = exchange.sentence([*OWN, QUICK[0]])
    assert one == f"{start}0.4 times as many at η × 0.5 and λ × 2 (n = 1)."
    both = exchange.sentence([*OWN, *QUICK])  # ln 0.4 and ln 0.5: ± 12.7 · 0.11 holds 1
    few = "; with so few seeds, these pairs alone do not rule a clock out."
    assert both.startswith(f"{start}0.447 [") and both.endswith(
        f"at η × 0.5 and λ × 2 (n = 2){few}"
    )
    sure = [*OWN, QUICK[0], run(2, 8_000, 5e-4, 2.0), run(1, 10_100, 2e-3, 0.5)]
    said = exchange.sentence(sure)
    assert said.endswith("(n = 1): the steps do not depend on ηλ alone.")
    more = [run(seed, grok, 2e-3, 0.5) for seed, grok in ((1, 9_000), (2, 30_000))]
    said = exchange.sentence([*sure[:-1], *more])
    assert said.endswith(
        ": the steps do not depend on ηλ alone in 1 of 2 points with several seeds, corrected for "
        "2 such points."
    )
    assert exchange.sentence(sure[:-1]).endswith("(n = 2): the steps do not depend on ηλ alone.")


def test_the_level_is_corrected_for_the_number_of_points():
    """ln of the ratios is −1 ± 0.06: 12.7 · 0.06 is less than 1, and 25.5 · 0.06 is more."""
    own = [run(seed, 10_000, 1e-3, 1.0) for seed in (1, 2)]
    near = [
        run(seed, 10_000 * math.exp(-1 + off), 5e-4, 2.0) for seed, off in ((1, 0.06), (2, -0.06))
    ]
    assert len(exchange.missed([*own, *near])) == 1
    same = [run(seed, grok, 2e-3, 0.5) for seed, grok in ((1, 9_000), (2, 11_000))]
    assert exchange.missed([*own, *near, *same]) == []
    assert exchange.sentence([*own, *near, *same]).endswith(
        "; with so few seeds, corrected for 2 such points, these pairs alone do not rule a clock "
        "out."
    )


def test_the_finding_says_it_in_place_of_what_is_missing():
    missing = "another learning rate at equal ηλ, is not run yet"
    assert missing in words.finding(OWN)
    lead = "The time that grokking keeps is not ηλt alone: "
    assert words.finding([*OWN, QUICK[0], run(2, 8_000, 5e-4, 2.0)]).startswith(lead)
    said = words.finding([*OWN, *QUICK])
    assert not said.startswith(lead)
    assert missing not in said and "At equal ηλ, where a clock asks" in said


def test_the_table_has_a_row_a_pair():
    table = exchange.table([*OWN, *QUICK])
    assert list(table.index) == ["0.0005, 2, seed 1", "0.0005, 2, seed 2"]
    assert list(table.iloc[0]) == ["4,000", "10,000", "1", "0.4"]
    # of seed 42 two other learning rates at λ = 1, of which the page's own has 0.5, and no 2
    assert list(exchange.table(small_paces()).index) == ["0.0005, 1, seed 42"]
