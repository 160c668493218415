"""What a verdict may be: never more than seeds and controls allow."""

import math

import pytest

from grokbook.claims.judgements import VERDICTS
from grokbook.claims.needs import run_sets
from grokbook.claims.registry import claims, parse
from grokbook.claims.verdicts import Evidence, judge

RUNS = run_sets("runs: {a: {study: dual, hours: 1.0}}")
TEXT = """
paper: "1"
chapter: shared
claims:
  - {id: X-1, section: "1", where: t, kind: magnitude, statement: s, n: 3, test: t,
     published: {values: {1.0: 10, 0.5: 20}}, protocol: {x: p}, control: {walk: k, strict: k},
     criterion: [{series: x, by: [decay], relative: 0.1, control: {walk: fails, strict: holds}}],
     needs: {runs: [a]}}
  - {id: X-2, section: "1", where: t, kind: count, statement: s, n: 3, test: t, published: {},
     protocol: {x: p, y: p}, control: {walk: k},
     criterion: [
       {series: x, by: [decay], cells: [1.0, 0.5], above: 0, at_least: 1.0, control: {walk: fails}},
       {kind: absence, series: y, by: [decay], cells: [1.0], below: 1}],
     needs: {runs: [a]}}
  - {id: X-3, section: "1", where: t, kind: absence, statement: s, n: 3, test: t, published: {},
     protocol: {y: p}, control: {}, needs: {runs: [a]},
     criterion: [{series: y, by: [decay], cells: [1.0], below: 1}]}
  - {id: X-4, section: "1", where: t, kind: exact, statement: s, n: 3, test: a whim, published: {},
     protocol: {}, control: {}, criterion: [], needs: {}}
"""
ONE, TWO, THREE, WHIM = parse(TEXT, RUNS).values()


def cells(first, second, n=8):
    return {
        "1.0": {f"a{k}": first for k in range(n)},
        "0.5": {f"b{k}": second for k in range(n)},
    }


WALK, STRICT = cells(99.0, 99.0), cells(10.0, 20.0)
FULL = Evidence(cells(10.0, 20.0), {"walk": WALK, "strict": STRICT})


def verdict(evidence, claim=ONE):
    found = judge(claim, evidence)
    assert found.verdict in VERDICTS
    return found


def test_all_there_and_all_as_it_must():
    found = verdict({"x": FULL})
    assert (found.verdict, found.control) == ("●", "stands")
    assert (found.value, found.low, found.high, found.n) == (10, 10, 10, 8)
    assert len(found.findings) == 2


@pytest.mark.parametrize(("n", "seeds"), [(1, "1 seed"), (2, "2 seeds")])
def test_one_or_two_seeds_hold_nothing(n, seeds):
    """As one or two kill nothing; each cell of them says so."""
    found = verdict({"x": Evidence(cells(10.0, 20.0, n), FULL.controls)})
    assert (found.verdict, found.standing, found.n) == ("…", "undecided", n)
    assert found.why.startswith(f"decay 1, decay 0.5: holds on {seeds}, too few to tell; ")


def test_one_thin_cell_is_enough_to_decide_nothing():
    thin = cells(10.0, 20.0, 8) | {"0.5": cells(10.0, 20.0, 2)["0.5"]}
    found = verdict({"x": Evidence(thin, FULL.controls)})
    assert (found.verdict, found.cell) == ("…", "0.5")
    assert found.why == "decay 0.5: holds on 2 seeds, too few to tell; decay 0.5: 2 of 8 seeds"


@pytest.mark.parametrize("n", [3, 4, 7])
def test_few_seeds_never_reproduce(n):
    found = verdict({"x": Evidence(cells(10.0, 20.0, n), FULL.controls)})
    assert (found.verdict, found.n) == ("◐", n)
    assert f"decay 1, decay 0.5: {n} of 8 seeds" in found.why


def test_a_mean_whose_interval_leaves_the_tolerance_is_no_full_disc():
    scattered = {"1.0": {f"1.0{k}": x for k, x in enumerate([4.0] * 4 + [16.0] * 4)}}
    found = verdict({"x": Evidence(cells(10.0, 20.0, 8) | scattered, FULL.controls)})
    assert found.value == 10 and found.verdict == "◐"
    assert found.why == "decay 1: the mean holds, its interval leaves it open"


@pytest.mark.parametrize("name", ["walk", "strict"])
def test_a_control_that_is_missing_or_thin_is_a_caveat(name):
    rest = {key: value for key, value in FULL.controls.items() if key != name}
    found = verdict({"x": Evidence(FULL.ours, rest)})
    assert (found.verdict, found.control) == ("◐", "missing")
    assert f"control '{name}' has 0 seeds" in found.why
    thin = {cell: dict(list(runs.items())[:3]) for cell, runs in FULL.controls[name].items()}
    found = verdict({"x": Evidence(FULL.ours, {**rest, name: thin})})
    assert (found.verdict, found.control) == ("◐", "missing")
    four = {cell: dict(list(runs.items())[:4]) for cell, runs in FULL.controls[name].items()}
    assert verdict({"x": Evidence(FULL.ours, {**rest, name: four})}).verdict == "●"
    half = {"1.0": FULL.controls[name]["1.0"]}
    assert verdict({"x": Evidence(FULL.ours, {**rest, name: half})}).control == "missing"


@pytest.mark.parametrize(
    ("name", "values", "control", "said"),
    [
        ("walk", (10.0, 99.0), "partly", "decay 1: with control 'walk' it holds too"),
        ("walk", (99.0, 21.0), "partly", "decay 0.5: with control 'walk' it holds too"),
        ("walk", (10.0, 21.0), "falls", "decay 1, decay 0.5: with control 'walk' it holds too"),
        ("strict", (10.0, 99.0), "partly", "decay 0.5: with control 'strict' it does not hold"),
    ],
)
def test_a_control_kills_the_claim_where_it_does_so_in_most_cells(name, values, control, said):
    found = verdict({"x": Evidence(FULL.ours, {**FULL.controls, name: cells(*values)})})
    assert (found.verdict, found.control, found.why) == ("◐", control, said)
    assert found.standing == {"partly": "caveat", "falls": "killed"}[control]


def test_a_control_that_is_thin_in_one_of_its_cells_kills_nothing():
    """Pooled it has ten seeds, and two of them in a cell."""
    none = Evidence({"1.0": {f"a{k}": 0.0 for k in range(8)}})
    walk = {"1.0": {f"a{k}": 1 for k in range(8)}, "0.5": {f"b{k}": 1 for k in range(2)}}
    found = verdict({"x": Evidence(cells(1, 1), {"walk": walk}), "y": none}, TWO)
    assert found.control == "missing" and "on 2 seeds, too few to kill" in found.why


def test_a_control_has_to_be_as_sure_as_the_claim():
    """Its mean lies within, as the claim's does, and its interval does not."""
    spread = {
        cell: {f"{cell}{k}": x for k, x in enumerate([mean - 9, mean + 9] * 2)}
        for cell, mean in (("1.0", 10.0), ("0.5", 20.0))
    }
    given = {**FULL.controls, "walk": spread}
    found = verdict({"x": Evidence(FULL.ours, given)})
    assert found.control == "missing" and "it holds too, less surely than the claim" in found.why
    assert verdict({"x": Evidence(spread, given)}).control == "falls"  # as unsure as the claim


def test_every_control_says_what_it_does_by_itself():
    given = {"strict": FULL.controls["strict"], "walk": cells(10.0, 99.0)}
    assert verdict({"x": Evidence(FULL.ours, given)}).controls == {
        "walk": "partly",
        "strict": "stands",
    }
    alone = verdict({"x": Evidence(FULL.ours, {"walk": FULL.controls["walk"]})})
    assert (alone.control, alone.controls) == ("missing", {"walk": "stands", "strict": "missing"})


def test_a_control_that_kills_outweighs_one_that_is_missing():
    found = verdict({"x": Evidence(FULL.ours, {"walk": FULL.ours})})
    assert (found.verdict, found.control) == ("◐", "falls")
    assert "holds too" in found.why and "'strict' has 0 seeds" in found.why


def test_a_control_whose_runs_are_not_enough_for_a_number_has_not_no_seeds():
    text = "asks for more doses: so far 3 seeds at 7 %"
    asks = {"walk": dict.fromkeys(("1.0", "0.5"), text)}
    strict = {"strict": STRICT}
    found = verdict({"x": Evidence(FULL.ours, strict, asks)})
    assert (found.verdict, found.control) == ("◐", "missing")
    assert found.why == f"decay 1, decay 0.5: control 'walk' {text}"
    some = verdict({"x": Evidence(FULL.ours, strict | {"walk": cells(99.0, 99.0, 1)}, asks)})
    assert f"control 'walk' has 1 seed, and {text}" in some.why
    enough = verdict({"x": Evidence(FULL.ours, strict | {"walk": WALK}, asks)})
    assert enough.verdict == "●"


@pytest.mark.parametrize(("runs", "control"), [(1, "missing"), (2, "missing"), (3, "falls")])
def test_a_thin_control_kills_with_as_many_runs_as_were_published(runs, control):
    thin = cells(10.0, 20.0, runs)
    found = verdict({"x": Evidence(FULL.ours, {**FULL.controls, "walk": thin})})
    assert (found.verdict, found.control) == ("◐", control)
    few = f"it holds too on {runs} seed{'s' * (runs > 1)}, too few to kill"
    assert (few in found.why) == (control == "missing") and "it holds too" in found.why


def test_what_fails_is_not_reproduced_whatever_the_controls():
    for controls in ({}, FULL.controls):
        found = verdict({"x": Evidence(cells(10.0, 23.0), controls)})
        assert (found.verdict, found.value, found.n) == ("○", 23, 8)
        assert found.why == "decay 0.5: fails at 23, 8 seeds"


def test_which_mean_of_the_published_seeds_is_taken_is_told_where_it_decides():
    values = "values: {a: {seeds: {1: 10, 2: 1, 3: 100}}}"  # mean 37, geometric mean 10
    text = TEXT.split("  - {id: X-2")[0].replace("values: {1.0: 10, 0.5: 20}", values)
    text = text.replace("by: [decay], relative: 0.1", "by: [task], factor: 2")
    (seeds,) = parse(text, RUNS).values()

    def told(value):
        return verdict({"x": Evidence({"a": {f"a{k}": value for k in range(8)}}, {})}, seeds)

    low = told(10.0)
    assert low.verdict == "○" and low.why.endswith(
        "(beside the geometric mean of the published seeds, 10, it would hold)"
    )
    high = told(40.0)
    assert high.verdict == "◐" and "of the published seeds, 10, it would not hold" in high.why
    assert "geometric" not in told(19.0).why and "geometric" not in told(200.0).why


def test_a_cell_that_fails_by_its_interval_alone_says_so():
    runs = {f"a{seed}": value for seed, value in enumerate([-4.0, 5.0] * 4)}
    found = verdict({"y": Evidence({"1.0": runs}, {})}, THREE)
    assert found.verdict == "○"
    assert found.why.endswith("8 seeds (the mean would do, its interval goes beyond)")


def test_few_seeds_that_could_still_turn_decide_nothing():
    found = verdict({"x": Evidence(cells(10.0, 23.0, 1), FULL.controls)})
    assert (found.verdict, found.value) == ("…", 23)
    assert found.why == "decay 0.5: undecided, 1 seed"
    found = verdict({"x": Evidence({"1.0": {"a": 12.0}, "0.5": cells(0, 99.0)["0.5"]})})
    assert (found.verdict, found.value) == ("○", 99)  # one cell is decided


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"x": Evidence({})},
        {"x": Evidence({"1.0": {}})},
        {"x": Evidence({"1.0": {"a": math.nan}})},
        {"x": Evidence({}, FULL.controls)},
    ],
)
def test_no_runs(evidence):
    found = verdict(evidence)
    assert (found.verdict, found.n, found.control) == ("…", 0, "missing")
    assert math.isnan(found.value)


def test_a_cell_that_was_not_run_is_a_caveat():
    found = verdict({"x": Evidence({"1.0": FULL.ours["1.0"]}, FULL.controls)})
    assert (found.verdict, found.why, found.control) == ("◐", "decay 0.5: not run", "stands")
    # What a control does in a cell of which we have no run says nothing yet.
    there = {**FULL.controls, "walk": cells(99.0, 20.0)}
    found = verdict({"x": Evidence({"1.0": FULL.ours["1.0"]}, there)})
    assert (found.verdict, found.why, found.control) == ("◐", "decay 0.5: not run", "stands")


@pytest.mark.parametrize(("value", "said"), [(None, "cut off"), (math.nan, "undefined")])
def test_runs_without_a_number_are_a_caveat(value, said):
    ours = {**FULL.ours, "1.0": {**FULL.ours["1.0"], "more": value}}
    found = verdict({"x": Evidence(ours, FULL.controls)})
    assert (found.verdict, found.why, found.n) == ("◐", f"decay 1: 1 of 9 {said}", 8)


def test_all_parts_must_hold():
    none = Evidence({"1.0": {f"a{k}": 0.0 for k in range(8)}})
    some = Evidence({"1.0": {f"a{k}": 2.0 for k in range(8)}})
    counts = Evidence(cells(1, 1), {"walk": cells(1, 0)})
    assert verdict({"x": counts, "y": none}, TWO).verdict == "●"
    assert verdict({"x": counts, "y": some}, TWO).verdict == "○"
    assert verdict({"x": counts}, TWO).verdict == "◐"  # the second part was not run
    unseen = verdict({"y": none}, TWO)  # no cell in which the control was looked at
    assert (unseen.verdict, unseen.control) == ("◐", "missing")
    killed = Evidence(cells(1, 1), {"walk": cells(1, 1)})
    assert verdict({"x": killed, "y": none}, TWO).control == "falls"


def test_a_pooled_control_needs_runs_in_every_cell():
    none = Evidence({"1.0": {f"a{k}": 0.0 for k in range(8)}})
    lop_sided = {"1.0": {f"a{k}": 0 for k in range(8)}}
    found = verdict({"x": Evidence(cells(1, 1), {"walk": lop_sided}), "y": none}, TWO)
    assert (found.verdict, found.control) == ("◐", "missing")


def test_a_pooled_cell_that_the_claim_lacks_does_not_disarm_its_control():
    none = Evidence({"1.0": {f"a{k}": 0.0 for k in range(8)}})
    one = {"1.0": {f"a{k}": 1 for k in range(8)}}
    for both in (one, cells(1, 0)):  # of two cells, neither or the claim alone has the second
        found = verdict({"x": Evidence(both, {"walk": one}), "y": none}, TWO)
        assert found.control == ("falls" if both is one else "missing")


def test_without_any_control_at_best_with_caveat():
    found = verdict({"y": Evidence({"1.0": {f"a{k}": 0.0 for k in range(99)}})}, THREE)
    assert (found.verdict, found.control, found.why) == ("◐", "missing", "there is no control")


def test_what_cannot_be_tested_says_why():
    found = verdict({}, WHIM)
    assert (found.verdict, found.why, found.n) == ("–", "a whim", 0)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({"z": FULL}, "claim X-1 has no series 'z'"),
        ({"x": Evidence({"0.9": {}})}, "series 'x' has no cell '0.9'"),
        ({"x": Evidence({}, {"mood": {}})}, "series 'x' has no control 'mood'"),
        ({"x": Evidence({}, {"walk": {"2.0": {}}})}, "series 'x' has no cell '2.0'"),
    ],
)
def test_what_would_be_passed_over_is_refused(evidence, said):
    with pytest.raises(ValueError, match=said):
        judge(ONE, evidence)


# --- the registered claims -------------------------------------------------------------------


@pytest.mark.parametrize("name", claims())
def test_every_registered_claim_can_be_judged(name):
    """Without runs none has a verdict; with three a cell none is reproduced, whatever they give."""
    claim = claims()[name]
    empty = judge(claim, {})
    assert empty.verdict == ("…" if claim.criterion else "–")
    for value in (0.0, 1.0, 1e5, -50.0):
        evidence = {}
        for part in claim.criterion:
            runs = {cell: {f"{cell}{k}": value for k in range(3)} for cell in claim.places(part)}
            old = evidence.get(part.series, Evidence({}))
            controls = {**old.controls, **dict.fromkeys(part.control, runs)}
            evidence[part.series] = Evidence({**old.ours, **runs}, controls)
        assert judge(claim, evidence).verdict in ("◐", "○", "…", "–")


def test_the_published_runs_themselves_would_not_be_a_reproduction():
    """Their grok steps meet MT-06 and MT-07, with three seeds and no control; MT-08 fails."""
    steps = claims()["MT-06"].published["values"]
    by_cell = {}
    for decay, at in steps.items():
        for seed, tasks in at["seeds"].items():
            for task, step in tasks.items():
                by_cell.setdefault(f"{decay}/{task}", {})[f"{decay} {seed}"] = step
    found = judge(claims()["MT-06"], {"steps": Evidence(by_cell)})
    assert (found.verdict, found.control) == ("◐", "missing")
    assert found.value == pytest.approx((30_500 + 19_000 + 13_900) / 3)
    one = {cell: runs for cell, runs in by_cell.items() if cell.startswith("1.0")}
    assert judge(claims()["MT-07"], {"steps": Evidence(one)}).verdict == "◐"
    order = judge(claims()["MT-08"], {"steps": Evidence(by_cell)})
    assert order.findings[0].value == 14 / 15 and order.findings[1].value == 1
    assert order.verdict == "◐"


def test_an_undecided_control_neither_stands_nor_falls():
    spread = {
        cell: {f"{cell}{k}": published * (1 + 0.2 * (k - 1.2)) for k in range(5)}
        for cell, published in (("1.0", 10.0), ("0.5", 20.0))
    }
    for name, rest in (("walk", {"strict": STRICT}), ("strict", {"walk": WALK})):
        found = verdict({"x": Evidence(cells(10.0, 20.0), {name: spread, **rest})})
        assert (found.verdict, found.control) == ("◐", "missing")
        assert f"control {name!r} is undecided" in found.why


def test_a_later_series_with_a_region_of_its_own_stands_beside_no_published_number():
    text = """
paper: "1"
chapter: shared
claims:
  - {id: X-5, section: "1", where: t, kind: magnitude, statement: s, n: 3, test: t,
     published: {values: {1.0: 10}}, protocol: {x: p, y: p}, control: {walk: k},
     criterion: [
       {series: x, by: [decay], relative: 0.1, control: {walk: fails}},
       {series: y, by: [decay], between: [0, 1]},
       {series: y, by: [decay], relative: 0.1}],
     needs: {runs: [a]}}
"""
    (claim,) = parse(text, RUNS).values()
    runs = {name: {"1.0": {f"a{k}": value for k in range(8)}} for name, value in TWO_SERIES.items()}
    found = judge(claim, {name: Evidence(ours) for name, ours in runs.items()})
    assert [each.name for each in found.findings] == ["x · decay 1", "y · decay 1", "y · decay 1"]
    assert [each.compared for each in found.findings] == [True, False, True]
    assert found.name == "y · decay 1" and found.why.startswith("y · decay 1: fails at 0.5")
    assert [each.name for each in verdict({"x": FULL}).findings] == ["decay 1", "decay 0.5"]


TWO_SERIES = {"x": 10.0, "y": 0.5}
