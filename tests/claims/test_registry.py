"""The registry is whole, its numbers agree with each other, and what is not a claim is refused."""

import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from grokbook.claims.criteria import Absence, Count, Magnitude, Ordering
from grokbook.claims.needs import INSTRUMENTS, run_sets
from grokbook.claims.registry import CHAPTERS, PAPERS, claims, every, parse
from grokbook.instruments.catalogue import INSTRUMENTS as MADE
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.studies.declaring import change, find
from grokbook.studies.members import stages
from grokbook.studies.published import DECAYS, STUDIES
from grokbook.studies.settings import TASKS
from grokbook.studies.study import PUBLISHED_SEEDS

FOLDER = files("grokbook.claims")
RUN_SETS = {
    paper: run_sets((FOLDER / f"{paper}-runs.yaml").read_text(encoding="utf-8")) for paper in PAPERS
}
SETS = RUN_SETS["multitask"]
GROKKING = (1.0, 0.5, 0.3, 0.2, 0.1)
STEPS_AN_HOUR = 25 * 3_600  # as `RunSet.hours` has them

HEAD = "paper: '1'\nchapter: shared\nclaims:\n"
ROW = """
- {id: MT-99, section: "1", where: here, kind: magnitude, statement: s, n: 1,
   published: {rule: 0.98x3, values: {1.0: 2}}, protocol: {x: p}, control: {c: k},
   criterion: [{series: x, by: [decay], relative: 0.1, control: {c: holds}}], test: t,
   needs: {runs: [a], instruments: [events]}}
"""
RUNS = run_sets("runs: {a: {study: dual, hours: 1.5}, b: {hours: 2.0, wants: w}}")


def values(name):
    return claims()[name].published["values"]


def test_every_claim_is_there_in_order():
    assert list(claims()) == [f"MT-{k:02d}" for k in range(1, 69)]
    assert all(claim.paper == "2602.18523" for claim in claims().values())
    chapters = [claim.chapter for claim in claims().values()]
    assert sorted(set(chapters), key=chapters.index) == list(PAPERS["multitask"])
    assert list(CHAPTERS) == list(dict.fromkeys(each.chapter for each in every().values()))
    assert list(claims(chapter="staggered-order")) == [f"MT-{k:02d}" for k in range(1, 10)]
    kinds = Counter(claim.kind for claim in claims().values())
    assert kinds == {"magnitude": 35, "count": 12, "ordering": 10, "absence": 10, "exact": 1}


def test_what_cannot_be_tested_says_why_and_the_rest_has_a_control():
    untested = {name for name, claim in claims().items() if not claim.criterion}
    assert untested == {"MT-04", "MT-09", "MT-36", "MT-67"}
    for name, claim in claims().items():
        assert claim.statement and claim.test and claim.published, name
        if name in untested:
            assert not (claim.protocol or claim.control or claim.needs.every), name
            assert re.search("informative|qualitative", claim.test), name
        else:
            assert claim.control and claim.needs.runs, name
            assert claim.needs.commands or claim.needs.every == (), name


def test_series_name_their_cells_in_one_way():
    """Parts that share a series are given the same cells' names."""
    for name, claim in every().items():
        depths = {}
        for part in claim.criterion:
            places = claim.places(part)
            depths.setdefault(part.series, set()).update(p.count("/") for p in places)
        assert all(len(found) == 1 for found in depths.values()), name


@pytest.mark.parametrize(
    ("paper", "name"), [(paper, name) for paper, sets in RUN_SETS.items() for name in sets]
)
def test_runs_can_be_trained_by_what_is_said_to_train_them(paper, name):
    runs = RUN_SETS[paper][name]
    if runs.study is None:
        assert runs.wants and not runs.command
    else:
        members = stages(change(find(runs.study), runs.set, runs.seeds))[-1].members
        at_most = sum(member.plan.steps for member in members) / STEPS_AN_HOUR
        assert 0 < runs.hours <= at_most + 0.05
    assert any(runs in claim.needs.every for claim in claims(paper).values())


def test_no_two_papers_name_a_claim_alike_and_no_other_paper_is_known():
    assert len(every()) == sum(len(claims(paper)) for paper in PAPERS)
    assert len({claim.paper for claim in every().values()}) == len(PAPERS)
    with pytest.raises(ValueError, match="unknown paper 'thesis'; known: multitask, spectral-edge"):
        claims("thesis")


def test_the_instruments_that_claims_may_need_are_those_that_are_made():
    assert set(MADE) == set(INSTRUMENTS)


def test_hours_follow_from_published_grok_steps():
    dual = {λ: max(values("MT-02")[λ]["mean"], values("MT-03")[λ]["mean"]) for λ in GROKKING}
    tri = {
        λ: np.mean([max(steps.values()) for steps in values("MT-06")[λ]["seeds"].values()])
        for λ in GROKKING
    }
    assert STUDIES["dual"].plan["after_grok_from"] == 0.5
    for name, steps in (("dual", dual), ("tri", tri)):
        assert STUDIES[name].plan["after_grok"] == 2_000
        steps = {λ: step + 2_000 * (λ >= 0.5) for λ, step in steps.items()}
        hours = 8 * sum(steps.values()) / STEPS_AN_HOUR
        assert SETS[name].hours == pytest.approx(hours, abs=0.1)
        assert SETS[f"{name}-1"].hours == pytest.approx(8 * steps[1.0] / STEPS_AN_HOUR, abs=0.1)
        assert SETS[f"symmetric-{name}"].hours == SETS[name].hours


@pytest.mark.parametrize("name", ["dual", "tri"])
def test_the_symmetric_runs_differ_in_their_split_alone(name):
    """And are measured by their records alone, so attention matrices are snapshots enough."""
    plain, ours = (
        stages(change(find(runs.study), runs.set, runs.seeds))[-1].members
        for runs in (SETS[name], SETS[f"symmetric-{name}"])
    )
    for one, other in zip(ours, plain, strict=True):
        assert one.blank == replace(other.blank, split="symmetric") != other.blank
        assert one.plan == replace(other.plan, full_state=False)
    for claim in claims().values():
        if SETS[f"symmetric-{name}"] in claim.needs.every:
            assert claim.needs.instruments == ("events",)


# --- published numbers, against each other ---------------------------------------------------


def test_published_numbers_of_the_first_chapter_agree_with_each_other():
    """The means are those of the seeds, the gaps those of the steps: no slip in copying."""
    found = claims("multitask")
    seeds = {
        task: found[name].at(1.0)["seeds"] for task, name in (("add", "MT-02"), ("mul", "MT-03"))
    }
    for task, name in (("add", "MT-02"), ("mul", "MT-03")):
        steps = list(seeds[task].values())
        at = found[name].at(1.0)
        assert at["mean"] == pytest.approx(np.mean(steps), abs=1)
        assert at["sd"] == pytest.approx(np.std(steps), abs=1)  # the published sd has ddof 0
    gaps = found["MT-05"].at(1.0)
    assert gaps["seeds"] == {s: seeds["add"][s] - seeds["mul"][s] for s in (42, 137, 2024)}
    assert gaps["mean"] == np.mean(list(gaps["seeds"].values()))
    for λ in GROKKING:
        gap = values("MT-02")[λ]["mean"] - values("MT-03")[λ]["mean"]
        assert values("MT-05")[λ]["mean"] == pytest.approx(gap, abs=1)
    assert found["MT-09"].at(1.0)["seeds"][42] == gaps["seeds"][42]
    first = {s: min(seeds["add"][s], seeds["mul"][s]) for s in (42, 137, 2024)}
    assert values("MT-04")[1.0]["seeds"] == first
    tri, means = found["MT-06"].at(1.0)["seeds"], found["MT-07"].at(1.0)
    for task, at in means.items():
        steps = [tri[seed][task] for seed in tri]
        assert at["mean"] == pytest.approx(np.mean(steps), abs=40)  # steps are given to 100
        assert at["sd"] == pytest.approx(np.std(steps), abs=40)
    order = found["MT-08"].published
    strict = sum(s["mul"] < s["sq"] < s["add"] for s in tri.values())
    assert order["values"][1.0] == {"strict": strict, "n": len(tri)}
    rows = [s for at in found["MT-06"].published["values"].values() for s in at["seeds"].values()]
    assert order["overall"] == {
        "strict": sum(r["mul"] < r["sq"] < r["add"] for r in rows),
        "weak": sum(r["mul"] <= r["sq"] <= r["add"] for r in rows),
        "first_or_tied": sum(r["mul"] == min(r.values()) for r in rows),
        "n": len(rows),
    }
    grokked = values("MT-01")
    assert sum(sum(row.values()) for row in grokked.values()) == 15 + 15
    assert grokked[0.0] == {"dual": 0, "tri": 0}


def test_means_without_seeds_are_as_published():
    """Nothing to check them against but the paper (2602.18523, Table 1)."""
    means = {
        name: {decay: at["mean"] for decay, at in claims()[name].published["values"].items()}
        for name in ("MT-02", "MT-03", "MT-05")
    }
    assert means == {
        "MT-02": {1.0: 13_333, 0.5: 16_267, 0.3: 28_467, 0.2: 45_167, 0.1: 97_967},
        "MT-03": {1.0: 13_133, 0.5: 16_200, 0.3: 28_267, 0.2: 45_067, 0.1: 98_833},
        "MT-05": {1.0: 200, 0.5: 67, 0.3: 200, 0.2: 100, 0.1: -866},
    }


def test_leads_are_grok_steps_less_onsets():
    onsets = {λ: at["seeds"] for λ, at in values("MT-31").items()}
    for λ, row in values("MT-30").items():
        first = values("MT-04")[λ]["seeds"]
        leads = {s: first[s] - onsets[λ][s] for s in first}
        assert row["onset"] == pytest.approx(np.mean(list(onsets[λ].values())), abs=1)
        assert row["lead"] == pytest.approx(np.mean(list(leads.values())), abs=1)
        shares = [100 * leads[s] / first[s] for s in first]  # a mean of ratios
        assert row["percent"] == pytest.approx(np.mean(shares), abs=0.06)
    assert values("MT-32")[0.5] == values("MT-30")[0.5]["percent"]
    assert claims()["MT-38"].published["lead_percent"] == values("MT-32")[0.5]
    tri = [row["lead"] for row in values("MT-33").values()]
    assert np.mean(list(values("MT-34").values())) == pytest.approx(np.mean(tri), abs=1)
    hero = values("MT-36")[0.1]["seeds"][42]
    assert hero["lead"] == hero["grok"] - hero["onset"]
    assert hero["percent"] == pytest.approx(100 * hero["lead"] / hero["grok"], abs=0.05)
    assert hero["grok"] == values("MT-06")[0.1]["seeds"][42]["add"]
    counted = claims()["MT-35"].published["counted"]
    assert sum(values("MT-35").values()) == claims()["MT-35"].n == 24
    assert counted == {"tri": 3 * 9, "overall": 3 * 9 + 15}


def test_times_in_the_clock_of_weight_decay():
    tau = claims()["MT-28"].published["tau"]
    for λ in GROKKING:
        assert tau["dual"][λ] == pytest.approx(1e-3 * λ * values("MT-02")[λ]["mean"], abs=0.05)
        add = [steps["add"] for steps in values("MT-06")[λ]["seeds"].values()]
        assert tau["tri"][λ] == pytest.approx(1e-3 * λ * np.mean(add), abs=0.5)
    # The published exponent and prefactor are those of a log-log fit to the published means.
    x, y = np.log(GROKKING), np.log([values("MT-02")[λ]["mean"] for λ in GROKKING])
    slope, intercept = np.polyfit(x, y, 1)
    assert -slope == pytest.approx(values("MT-28")["exponent"]["add"], abs=0.02)
    prefactor = claims()["MT-28"].published["prefactor"]["add"]
    assert np.exp(intercept) == pytest.approx(prefactor, rel=0.03)


@pytest.mark.parametrize("name", ["MT-39", "MT-41"])
def test_thresholds_are_the_means_of_their_seeds(name):
    for at in values(name).values():
        assert at["mean"] == pytest.approx(np.mean(list(at["seeds"].values())), abs=0.05)


def test_thresholds_agree_across_claims():
    dual, tri = values("MT-39"), values("MT-41")
    for λ, surplus in values("MT-42").items():
        assert surplus == pytest.approx(dual[λ]["mean"] - tri[λ]["mean"], abs=1e-9)
    assert values("MT-38")["dual"][0.5]["seeds"] == dual[0.5]["seeds"]
    curve = claims()["MT-43"].published["curve"]["dual λ 1 seed 42 add"]
    assert curve[0] == values("MT-43")["dual"][1.0]["add"]
    # k* needs both tasks, so it cannot come before addition's own 90 %.
    assert next(k for k, x in enumerate(curve, 1) if x >= 90) <= dual[1.0]["seeds"][42]


@pytest.mark.parametrize("name", ["MT-51", "MT-52"])
def test_delays_are_those_of_mean_grok_steps(name):
    steps = {dose: np.mean(list(at.values())) for dose, at in values(name).items()}
    for dose, delay in claims()[name].published["delay_percent"].items():
        assert delay == pytest.approx(100 * (steps[dose] / steps[0.0] - 1), abs=1)


def test_other_published_numbers_agree():
    recovered = values("MT-51")[0.5]
    assert values("MT-54")[0.5] == recovered
    steps, delay = claims()["MT-55"].published["steps"], values("MT-55")["PCA"]
    assert 100 * (steps["with"] / steps["without"] - 1) == pytest.approx(delay["low"], abs=1)
    defects = claims()["MT-21"].published["ranges"][1.0]
    assert [f(values("MT-21")[1.0]["defect"]["seeds"].values()) for f in (min, max)] == defects
    for mode in ("total", "add", "mul"):
        assert set(values("MT-22")) == {1.0, 0.5, 0.1, 0.0}
        assert all(mode in at for at in values("MT-22").values())
    assert values("MT-25")[1.0] == pytest.approx(values("MT-22")[1.0]["total"]["mean"], abs=0.5)
    assert values("MT-25")[0.0] == pytest.approx(values("MT-22")[0.0]["total"]["mean"], abs=0.5)
    right = 0
    for seed, row in values("MT-24")[1.0]["seeds"].items():
        assert row["ratio"] == pytest.approx(row["mul"] / row["add"], abs=0.006)
        first = values("MT-03")[1.0]["seeds"][seed] < values("MT-02")[1.0]["seeds"][seed]
        right += (row["ratio"] > 1) == first
    assert claims()["MT-24"].published["right"] == {"runs": right, "n": 3}
    peaks = claims()["MT-60"].published["ratio"]
    for setting, at in values("MT-60").items():
        for seed, layers in at["seeds"].items():
            ratio = layers["layer 0"] / layers["layer 1"]
            assert peaks[setting][seed] == pytest.approx(ratio, abs=0.051)
    tri = values("MT-06")[1.0]["seeds"][42]
    assert {task: values("MT-58")["tri"][task] for task in tri} == tri
    assert values("MT-58")["dual"]["add"] == values("MT-02")[1.0]["seeds"][42]
    commutator = claims()["MT-59"].published["commutator"]
    assert commutator[0.0] / commutator[1.0] == pytest.approx(values("MT-59")["ratio"], abs=0.1)
    layer = {
        name: [f(m["seeds"].values()) for m in values("MT-10")[0].values()]
        for name, f in (("low", min), ("high", max))
    }
    low, high = claims()["MT-10"].published["ranges"]["W_V"]
    assert (round(layer["low"][2] - 0.6), round(layer["high"][2])) == (low, high)
    # The edges of all settings are about the mean of the six.
    for λ in (1.0, 0.0):
        each = [at[λ]["mean"] for name, at in values("MT-64").items() if name != "all"]
        assert values("MT-64")["all"][λ]["mean"] == pytest.approx(np.mean(each), abs=0.02)
    declined = claims()["MT-62"].published["declined"]
    assert sum(values("MT-62").values()) == declined["of"] == declined["grokking"] == 18


def test_the_grid_and_the_networks_are_the_published_ones():
    claim = claims()["MT-68"]
    grid = {"weight decays": len(DECAYS), "seeds": len(PUBLISHED_SEEDS)}
    assert claim.published["grid"] == grid
    for kind, tasks in TASKS.items():
        (member, *_) = stages(change(find(kind), ["weight_decay=1.0"], 1))[-1].members
        assert member.blank.tasks == tasks
        assert claim.targets()[f"parameters/{kind}"] == Layout.of(member.blank).size
    assert Plan.published(member.blank).steps == 300_000


# --- tests and tolerances, for ever ----------------------------------------------------------


def test_tolerances_are_those_that_were_registered():
    """Each is in the specification, or was chosen before any of the measurements."""
    found = {
        name: [
            getattr(part, part_name)
            for part in claim.criterion
            for part_name in ("relative", "absolute", "factor", "between", "below", "at_least")
            if getattr(part, part_name, None) is not None
            and isinstance(part, Magnitude | Absence | Count | Ordering)
        ]
        for name, claim in claims().items()
    }
    assert {name: found[name] for name in ("MT-02", "MT-03", "MT-06", "MT-07", "MT-08")} == {
        "MT-02": [0.40, 0.25],
        "MT-03": [0.40, 0.25],
        "MT-06": [0.30],
        "MT-07": [0.40],
        "MT-08": [0.85, 0.51],
    }
    assert {name: found[name][0] for name in ("MT-10", "MT-11", "MT-17", "MT-18", "MT-19")} == {
        "MT-10": 5,
        "MT-11": 6,
        "MT-17": 0.15,
        "MT-18": 0.2,
        "MT-19": 0.2,
    }
    assert {name: found[name][0] for name in ("MT-22", "MT-26", "MT-28", "MT-39", "MT-40")} == {
        "MT-22": 0.50,
        "MT-26": 0.50,
        "MT-28": (0.8, 1.05),
        "MT-39": 2,
        "MT-40": (99, None),
    }
    assert {name: found[name][0] for name in ("MT-44", "MT-45", "MT-46", "MT-47", "MT-63")} == {
        "MT-44": 3,
        "MT-45": 5,
        "MT-46": 5,
        "MT-47": 10,
        "MT-63": 0.30,
    }
    assert found["MT-13"] == [(15, None), 3, 0.75] and found["MT-65"] == [2, 0.75]
    least = {name: {p.least_seeds for p in c.criterion} for name, c in claims().items()}
    five = {name for name, seeds in least.items() if seeds == {5}}
    assert five == {"MT-51", "MT-52", "MT-53", "MT-54"}
    assert all(seeds <= {8} for name, seeds in least.items() if name not in five)


# --- what is refused -------------------------------------------------------------------------


def test_a_row_is_read():
    claim = parse(HEAD + ROW, RUNS)["MT-99"]
    assert (claim.paper, claim.chapter, claim.kind) == ("1", "shared", "magnitude")
    assert claim.targets() == {"1.0": 2.0} and claim.at(1.0) == 2
    assert claim.needs.hours == 1.5
    assert claim.needs.commands == (
        "grokbook study dual --seeds 8",
        "grokbook measure dual --instruments events --seeds 8",
    )


def test_runs_count_once_and_those_that_none_can_train_have_no_command():
    row = ROW.replace("runs: [a]", "runs: [a], control: [b, a]")
    needs = parse(HEAD + row, RUNS)["MT-99"].needs
    assert needs.hours == 3.5 and len(needs.commands) == 2
    assert needs.control[0].command == needs.control[0].measure(("events",)) == ""


def test_every_instrument_that_is_needed_is_in_the_command_that_measures():
    row = ROW.replace("[events]", "[events, hessian]").replace("[a]", "[a, b]")
    needs = parse(HEAD + row, RUNS)["MT-99"].needs
    assert needs.wants == ("w",)
    assert needs.commands[1:] == ("grokbook measure dual --instruments events,hessian --seeds 8",)
    with pytest.raises(ValueError, match="unknown instrument 'ruler'"):
        parse(HEAD + ROW.replace("[events]", "[ruler]"), RUNS)


def test_targets_are_means_middles_and_numbers():
    row = ROW.replace(
        "{1.0: 2}",
        "{1.0: {a: {seeds: {1: 2, 2: 4}}, b: {mean: 5, sd: 1}}, "
        "0.5: {seeds: {1: {a: 1, b: 10}, 2: {a: 3, b: 20}}}, 0: {a: {low: 1, high: 2}, b: 7}}",
    ).replace("by: [decay]", "by: [decay, task]")
    wanted = {"1.0/a": 3, "1.0/b": 5, "0.5/a": 2, "0.5/b": 15, "0/a": 1.5, "0/b": 7}
    assert parse(HEAD + row, RUNS)["MT-99"].targets() == wanted


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: magnitude", "kind: guess", "MT-99: unknown kind 'guess'"),
        ("n: 1,", "n: 1, colour: red,", "unknown or missing field: colour"),
        ("test: t,", "", "unknown or missing field: test"),
        ("0.98x3", "0.97", "unknown grok rule 0.97"),
        ("runs: [a]", "runs: [z]", "unknown set of runs 'z'; known: a, b"),
        ("[events]", "[ruler]", "unknown instrument 'ruler'"),
        ("{runs:", "{walks: 1, runs:", "needs: unknown or missing field: walks"),
        ("{x: p}", "{y: p}", "protocol and criterion do not both have x, y"),
        ("control: {c: k}", "control: {}", "control and criterion do not both have c"),
        ("{1.0: 2}", "{}", "series x has no cells"),
        ("by: [decay],", "by: [decay], cells: [0.5],", "no published number for cell '0.5'"),
        ("by: [decay],", "by: [decay, task],", "cell '1.0' is not of the form 'decay/task'"),
        ("[{series", "[{kind: absence, below: 1, series", "absence has no field 'relative'"),
        ("relative: 0.1", "relative: 0", "relative must be above 0, not 0"),
    ],
)
def test_what_is_not_a_claim_is_refused(old, new, said):
    assert old in ROW
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(HEAD + ROW.replace(old, new, 1), RUNS)


def test_the_kind_is_that_of_the_first_part():
    row = ROW.replace("[{series", "[{kind: absence, series").replace("relative: 0.1", "below: 1")
    with pytest.raises(ValueError, match="must be of kind magnitude"):
        parse(HEAD + row, RUNS)


def test_a_chapter_that_there_is_not_and_a_row_that_is_there_twice():
    with pytest.raises(ValueError, match="unknown chapter 'x'"):
        parse(HEAD.replace("shared", "x") + ROW, RUNS)
    with pytest.raises(ValueError, match="MT-99 is there twice"):
        parse(HEAD + ROW + ROW, RUNS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{hours: 1}", "runs a: give a study, or say what is wanted"),
        ("{hours: 1, study: dual, wants: more}", "runs a: give a study"),
        ("{study: dual}", "runs a: unknown or missing field: hours"),
        ("{hours: 1, study: dual, seed: 3}", "unknown or missing field: seed"),
    ],
)
def test_runs_that_nobody_could_train_are_refused(text, said):
    with pytest.raises(ValueError, match=said):
        run_sets(f"runs: {{a: {text}}}")


def test_parts_of_one_run_are_never_counted_together():
    text = """
paper: "1"
chapter: shared
claims:
  - {id: X-1, section: "1", where: t, kind: count, statement: s, n: 3, test: t, published: {},
     protocol: {x: p}, control: {}, needs: {runs: [a]},
     criterion: [{series: x, by: [task], cells: [add, mul], above: 0, at_least: 1.0}]}
"""
    sets = run_sets("runs: {a: {study: dual, hours: 1.0}}")
    with pytest.raises(ValueError, match="X-1: task of one run are not runs"):
        parse(text, sets)
    assert parse(text.replace("at_least: 1.0", "at_least: 1.0, pool: false"), sets)
