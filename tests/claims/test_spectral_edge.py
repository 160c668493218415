"""The claims on the spectral edge's lifecycle: all fifty, as published, tests fixed."""

import re
from importlib.resources import files

import numpy as np
import pytest

from grokbook.claims.criteria import LEAST, Count
from grokbook.claims.registry import PAPERS, claims
from grokbook.geometry import gap_class
from grokbook.studies import lifecycle

CLAIMS = claims("spectral-edge")
STEPS_AN_HOUR = 25 * 3_600  # as `RunSet.hours` has them
SCAN = {"SE-15", "SE-41", "SE-42", "SE-43", "SE-44"}


def values(name):
    return CLAIMS[name].published["values"]


def test_every_claim_is_there_under_the_number_that_the_code_cites():
    assert list(CLAIMS) == [f"SE-{k:02d}" for k in range(1, 51)]
    said = {}
    for subject in PAPERS["spectral-edge"]:
        text = files("grokbook.claims").joinpath(f"spectral-edge-{subject}.yaml").read_text("utf-8")
        said |= dict(re.findall(r"^- id: (SE-\d\d)  # (S\d+)$", text, re.M))
    assert said == {f"SE-{k:02d}": f"S{k}" for k in range(1, 51)}
    assert {claim.paper for claim in CLAIMS.values()} == {"2604.07380"}
    assert {claim.chapter for claim in CLAIMS.values()} == {"spectral-edge-lifecycle"}


def test_what_cannot_be_tested_says_why_and_the_rest_has_a_control():
    for name, claim in CLAIMS.items():
        assert claim.statement and claim.test and claim.published, name
        words = (claim.section, claim.where, *claim.protocol.values(), *claim.control.values())
        assert all(isinstance(text, str) for text in words), name
        if name == "SE-48":
            assert claim.test.startswith("out of scope: ")
            assert not (claim.criterion or claim.protocol or claim.control or claim.needs.every)
        else:
            assert claim.criterion and claim.control and claim.needs.runs, name
            assert {part.least_seeds for part in claim.criterion} == {5}, name
            assert all(each.seeds == 5 > LEAST for each in claim.needs.every), name


def test_what_is_of_scan_waits_for_scan():
    """Where a cell is SCAN's the claim says that it wants SCAN, and only there."""
    for name, claim in CLAIMS.items():
        places = " ".join(place for part in claim.criterion for place in claim.places(part))
        wants = [each.name for each in claim.needs.every if each.wants]
        assert wants == ["scan"] * (name in SCAN or "scan" in places), name
        only = [each.name for each in claim.needs.every] == ["scan"]
        assert only == (name in SCAN), name


def test_scan_keeps_no_verdict_on_brackets_open():
    """Pooled, the runs that SCAN has not would count as ones that could still turn a failure."""
    for name, claim in CLAIMS.items():
        for part in claim.criterion:
            cells = claim.cells(part)
            shares = isinstance(part, Count) or getattr(part, "compare", "") == "runs"
            if shares and len(cells) > 1 and any("scan" in cell for cell in cells):
                assert not part.pool, name


def test_hours_are_those_of_every_step():
    """These studies stop for nothing."""
    sets = {each.name: each for claim in CLAIMS.values() for each in claim.needs.every}
    steps = {"lifecycle": 2 * lifecycle.STEPS, "random-labels": lifecycle.STEPS}
    steps["switched-anew"] = 8 * (lifecycle.SWITCHED[1] + lifecycle.AFTERWARDS)
    steps["scan"] = 2 * 15_000
    for name, each in steps.items():
        assert sets[name].hours == pytest.approx(5 * each / STEPS_AN_HOUR, abs=0.05), name


# --- published numbers, against each other ---------------------------------------------------


def test_declines_have_the_published_means_and_ranges():
    """Table 7: 33.27 (4.53 to 48.05) and 43.48 (30.98 to 49.94)."""
    published = CLAIMS["SE-08"].published
    for corpus, low, high in (("dyck", 4.53, 48.05), ("scan", 30.98, 49.94)):
        found = list(values("SE-08")[corpus]["seeds"].values())
        assert published["mean"][corpus] == pytest.approx(np.mean(found), abs=0.01)
        assert (min(found), max(found)) == (low, high)
        assert min(published["controls"][corpus]) > 4 * low  # controls fall further


def test_the_same_number_is_the_same_wherever_it_stands():
    classes, shares, turns = values("SE-32"), values("SE-03"), values("SE-29")
    assert classes["share"]["dyck"] == shares["dyck"]["late"]
    assert classes["share"]["scan"] == round(shares["scan"]["post"])
    assert classes["content"]["dyck"] == values("SE-31")["dyck"]["late"]
    assert classes["content"]["scan"] == values("SE-31")["scan"]["post"]
    for corpus in ("dyck", "scan"):
        assert classes["turning"][corpus] == round(turns[corpus][1.0]["v1"])
    late = values("SE-20")["dyck"][5000]
    assert late == CLAIMS["SE-20"].published["seed 42"][5000]
    assert CLAIMS["SE-12"].published["seed 42"]["late"] == -0.62
    assert CLAIMS["SE-45"].published["steps"]["scan"] == CLAIMS["SE-31"].published["steps"]["scan"]
    assert CLAIMS["SE-26"].published["most"] == CLAIMS["SE-36"].published["most"]
    distance = CLAIMS["SE-39"].published["distance"]
    ratio = values("SE-39")["distance"]["0.0 over 1.0"]
    assert ratio == pytest.approx(distance[0.0] / distance[1.0], abs=0.5)
    assert values("SE-19")["dyck"]["v1 at 1.0"]["change"] == values("SE-16")["dyck"]["late"]


def test_uniform_causal_attention_has_the_published_entropy():
    """Mean over 24 rows of ln(t + 1), t = 0 … 23: ln(24!)/24."""
    most = np.log(np.arange(1, 25)).mean()
    assert CLAIMS["SE-36"].published["most"] == pytest.approx(most, abs=5e-5)


def test_classes_are_those_of_the_rule():
    said = CLAIMS["SE-33"].published["claimed"]
    assert set(said.values()) == {gap_class.FUNCTIONAL, gap_class.MIXED, gap_class.COMPRESSION}
    assert CLAIMS["SE-33"].criterion[0].at_least == pytest.approx(2 / 3, abs=1e-4)


def test_switches_are_those_that_the_studies_train():
    assert lifecycle.SWITCHED == (400, 1_000) and lifecycle.AFTERWARDS == 3_000
    for name in ("SE-24", "SE-25", "SE-26", "SE-27"):
        assert "3,000 steps after λ was switched at step 1,000" in " ".join(
            CLAIMS[name].protocol.values()
        )
    assert "3,000 steps after λ was switched at step 400" in CLAIMS["SE-28"].protocol["linear"]
    assert set(values("SE-24")["dyck"]) == {0.0, 0.5, 1.0, 2.0}


# --- tests and tolerances, for ever ----------------------------------------------------------

TOLERANCES = {
    "SE-01": [10, (50, None)],
    "SE-02": [(None, 20), (None, 5), (0.75, 1.25)],
    "SE-03": [15, (50, None)],
    "SE-04": [0.8, 0.8],
    "SE-05": [0.8],
    "SE-06": [1.0, 0.0],
    "SE-07": [2],
    "SE-08": [3, None],
    "SE-09": [0.51],
    "SE-10": [(0.9, None)],
    "SE-11": [2, (None, 2)],
    "SE-12": [0.15, (None, -0.1)],
    "SE-13": [0.15, 0.8],
    "SE-14": [0.001, 0.8],
    "SE-15": [0.15, 0.15],
    "SE-16": [10, (None, 0.01)],
    "SE-17": [3, (-0.1, 0.1)],
    "SE-18": [3, None],
    "SE-19": [3, None],
    "SE-20": [0.06, 0.8],
    "SE-21": [(0.97, None)],
    "SE-22": [(None, 0.8)],
    "SE-23": [0.05],
    "SE-24": [0.08, 0.8],
    "SE-25": [0.01, 0.02],
    "SE-26": [0.05, 0.8],
    "SE-27": [0.2],
    "SE-28": [0.8],
    "SE-29": [8, 0.8],
    "SE-30": [0.8],
    "SE-31": [0.15, 0.8],
    "SE-32": [None, None],
    "SE-33": [0.6667, 0.6667],
    "SE-34": [None],
    "SE-35": [0.1, 0.8, 0.8],
    "SE-36": [0.02, (None, 0.001)],
    "SE-37": [1.5],
    "SE-38": [0.1],
    "SE-39": [10, 0.1, 2],
    "SE-40": [1, 0.8, 1],
    "SE-41": [0.8, 0.8],
    "SE-42": [0.06],
    "SE-43": [0.005],
    "SE-44": [0.2],
    "SE-45": [2, 0.8],
    "SE-46": [10, (1, 2)],
    "SE-47": [(0.5, None)],
    "SE-48": [],
    "SE-49": [1.0, None, 0.25, 0.75],
    "SE-50": [0.1],
}
"""Of each part; None for an order between groups, which the interval of the difference decides."""


def test_tolerances_are_those_that_were_registered():
    names = ("relative", "absolute", "factor", "between", "below", "at_least", "at_most")

    def tolerance(part):
        given = {name: getattr(part, name, None) for name in names}
        if isinstance(part, Count):  # its bounds are what it counts
            given.pop("below")
        return next((value for value in given.values() if value is not None), None)

    found = {name: [tolerance(part) for part in claim.criterion] for name, claim in CLAIMS.items()}
    assert found == TOLERANCES


def test_nulls_must_fail_and_stricter_protocols_must_hold():
    """What a control is expected to do follows from what it is."""
    nulls = {
        *("random gradient", "random labels", "pseudo-grok step", "orthogonal updates"),
        *("equal norm", "scaled", "random direction", "initial weights", "embedding", "linear"),
        *("without decay", "removed norm", "bulk", "brackets alone", "ramp", "random walk"),
    }
    for claim in CLAIMS.values():
        for part in claim.criterion:
            for name, expected in part.control.items():
                assert (expected == "fails") == (name in nulls), (claim.id, name)
