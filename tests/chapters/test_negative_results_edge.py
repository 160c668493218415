"""Negative results of the edge: of the recorded runs, and what its guard must not let pass."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from explorable_harness import small_passages, synthetic_passage
from grokbook.chapters import negative_results_edge as edge
from grokbook.chapters.spectral_edge_lifecycle_counts import GapDecline
from grokbook.chapters.spectral_edge_lifecycle_flow import Flow
from grokbook.chapters.spectral_edge_lifecycle_windows import Bracket
from grokbook.geometry.gap_class import GapClass

LATER = Bracket(1_000, 1_100)


def told(ratio=0.001, right=0.5, name="compression"):
    """What the equation says of a run."""
    found = GapClass(name, ratio, ratio, ratio, 13, {}, right, 0.5)
    return Flow(SimpleNamespace(name="one"), True, found, 0.9)


@pytest.fixture(scope="module")
def found():
    return edge.edges()


@pytest.fixture
def gaps(monkeypatch):
    """Run's name ↦ the decline of its gap; the page's runs are `small_passages`."""

    class Named:
        def __init__(self, passage):
            self.config = self
            self.id = passage.run_id

    def given(declines, passages, equation=None, ten=LATER):
        runs = [Named(one) for one in passages]
        of = {one.run_id: decline for one, decline in zip(passages, declines, strict=True)}
        monkeypatch.setattr(
            edge, "flows", lambda runs, passages: [told()] if equation is None else equation
        )
        monkeypatch.setattr(edge, "brackets", lambda runs: {5: [Bracket(500, 600)], 10: [ten]})
        monkeypatch.setattr(edge, "by_split", lambda found: ([-2.0, 0.9], [0.99, 0.99]))
        monkeypatch.setattr(edge, "gap", lambda run, step: GapDecline(of[run.id], 1.0, 1.0))
        return edge.Edges(runs, list(passages))

    return given


def test_the_recorded_runs_say_what_the_page_says(found):
    assert {run.config.seed for run in found.runs} >= {42, 137, 2024}
    assert all(one.plain for one in found.passages)
    edge.guard(found)


def unmeasured(passage):
    """Its fields without any removal."""
    none = {name: values[:, :0] for name, values in passage.changes.items()}
    empty = {name: getattr(passage, name)[:0] for name in ("ablated", "removed", "alone")}
    return empty | {"changes": none}


def test_a_turn_that_is_not_there_or_stays_stops_the_build(gaps):
    never = small_passages()[2]
    with pytest.raises(AssertionError, match="does not turn to decay"):
        edge.guard(gaps([8.0, 9.0], [synthetic_passage(back=1.0), never]))
    with pytest.raises(AssertionError, match="the turn is not the start's"):
        edge.guard(gaps([8.0, 9.0], [synthetic_passage(left=True), never]))
    with pytest.raises(AssertionError, match="no run on brackets groks"):
        edge.guard(gaps([9.0], [never]))


def test_a_turn_that_keeps_to_its_step_in_longer_windows_stops_the_build(gaps):
    grokked, never = small_passages()[0], small_passages()[2]
    for ten in (Bracket(400, 500), Bracket(None, 1_000), Bracket(None, None)):
        with pytest.raises(AssertionError, match="does not follow the length of the window"):
            edge.guard(gaps([8.0, 9.0], [grokked, never], ten=ten))


def test_a_gap_that_closes_less_without_understanding_stops_the_build(gaps):
    grokked, never = small_passages()[0], small_passages()[2]
    edge.guard(gaps([8.0, 9.0], [grokked, never]))
    with pytest.raises(AssertionError, match="closes less"):
        edge.guard(gaps([9.0, 8.0], [grokked, never]))


def test_an_edge_that_is_a_small_part_stops_the_build(gaps):
    grokked, never = small_passages()[0], small_passages()[2]
    small = replace(grokked, removed=grokked.removed * 0 + 0.1)
    with pytest.raises(AssertionError, match="small part"):
        edge.guard(gaps([8.0, 9.0], [small, never]))
    with pytest.raises(AssertionError, match="no removal of the edge is measured"):
        edge.guard(gaps([8.0, 9.0], [replace(grokked, **unmeasured(grokked)), never]))
    free = {name: 0 * values for name, values in grokked.changes.items()}
    with pytest.raises(AssertionError, match="costs nothing"):
        edge.guard(gaps([8.0, 9.0], [replace(grokked, changes=free), never]))


def test_an_equation_that_drives_or_foretells_stops_the_build(gaps):
    pair = [8.0, 9.0], [small_passages()[0], small_passages()[2]]
    edge.guard(gaps(*pair, [told(), told(-0.001)]))
    for bad, why in (
        (told(ratio=-0.5), "the driving is something"),
        (told(right=0.9), "the equation beats a constant"),
        (told(name="mixed"), "several classes"),
    ):
        with pytest.raises(AssertionError, match=why):
            edge.guard(gaps(*pair, [told(), bad]))
    few = told(name="none", ratio=math.nan)  # it groks too early for the rule to give a class
    edge.guard(gaps(*pair, [told(), few]))
    for none in ([], [few]):
        with pytest.raises(AssertionError, match="no run has windows enough"):
            edge.guard(gaps(*pair, none))


def test_probes_that_fail_by_string_or_nowhere_by_prefix_stop_the_build(gaps, monkeypatch):
    given = gaps([8.0, 9.0], [small_passages()[0], small_passages()[2]])
    edge.guard(given)
    for read, why in (
        (([-2.0], [0.8]), "split by string"),
        (([0.9], [0.99]), "split by prefix"),
        (([], []), "split by string"),
    ):
        monkeypatch.setattr(edge, "by_split", lambda found, read=read: read)
        with pytest.raises(AssertionError, match=why):
            edge.guard(given)


def test_the_recorded_probes_are_read_by_both_splits(found):
    by_prefix, by_string = edge.by_split(found)
    assert len(by_prefix) == len(by_string) >= 5
    assert min(by_prefix) < -1 and min(by_string) > 0.99
