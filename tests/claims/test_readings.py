"""How series are read off records: every claim's, and by hand on a shelf of small true runs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from grokbook.claims import readings
from grokbook.claims.judgements import VERDICTS
from grokbook.claims.readings import READINGS, gather, unread
from grokbook.claims.readings import transverse_fragility as fragility
from grokbook.claims.readings.incompressibility import decay_share
from grokbook.claims.readings.place import Place, each, slope
from grokbook.claims.readings.shared import NORMALISED, RAW, peak
from grokbook.claims.registry import PAPERS, claims, every
from grokbook.claims.shelf import NotedShelf, Shelf
from grokbook.claims.verdicts import judge
from grokbook.config import RunConfig
from grokbook.instruments.recorded import Recorded
from grokbook.instruments.runs import Missing, Run, TooFew
from grokbook.studies.bases import complete
from grokbook.studies.published import STUDIES
from made_records import Record, measured

DUAL = RunConfig(tasks=("add", "mul"), seed=42)


def named(paper):
    for name, claim in claims(paper).items():
        for part in claim.criterion:
            yield name, part.series
            yield from ((name, part.series, control) for control in part.control)


def test_no_two_subjects_read_the_same():
    assert len(READINGS) == sum(len(subject.READINGS) for subject in readings._SUBJECTS)


def test_every_series_and_control_has_a_reading_and_no_other():
    assert set(READINGS) <= {names for paper in PAPERS for names in named(paper)}
    assert set(named("multitask")) <= set(READINGS)
    for claim in every().values():  # what needs no instrument can be read at once
        assert not unread(claim) or claim.needs.instruments, claim.id


def test_a_series_without_a_reading_says_so_and_gives_nothing(shelf):
    claim = claims()["MT-02"]
    left = replace(claim, id="MT-00")
    assert unread(claim) == () and unread(left) == ("steps",)
    found = gather(left, shelf)
    assert found.runs == () and judge(left, found.evidence).verdict == "…"
    assert not any(found.evidence["steps"].controls.values())


def test_runs_that_are_too_few_for_a_number_are_told_and_counted_by_seed(shelf, monkeypatch):
    first, second, third, *_ = shelf.seeds

    def read(at):
        if at.seed not in (first, second, third):
            raise Missing("no run")
        raise TooFew("doses", "3 and 7 %" if at.seed == second else "7 %")

    control = "on the update"
    monkeypatch.setitem(READINGS, ("MT-51", "slope", control), read)
    evidence = gather(claims()["MT-51"], shelf).evidence
    asked = "asks for more doses: so far 2 seeds at 7 %, 1 seed at 3 and 7 %"
    assert evidence["slope"].short[control] == {"dual": asked}
    assert not evidence["slope"].controls[control]
    assert f"control '{control}' {asked}" in judge(claims()["MT-51"], evidence).why


def test_every_claim_can_be_judged_by_what_is_recorded(rows):
    assert [row.claim.id for row in rows] == list(every())
    assert {row.judgement.verdict for row in rows} <= set(VERDICTS)


def test_grok_steps_are_those_of_the_manifest(shelf):
    found = gather(claims()["MT-02"], shelf).evidence["steps"].ours["1.0"]
    for seed in ("42", "137", "2024"):
        run = shelf.run(RunConfig(tasks=("add", "mul"), seed=int(seed)))
        entry = shelf.results.manifest()[run.name]
        assert found[seed] == entry["grok_steps"]["add"]["0.98x3"]


def test_a_reading_is_the_recorded_row(shelf):
    run = shelf.run(DUAL)
    (rows,) = (m.rows for m in Recorded().find("trajectory", DUAL))
    kept = (rows["quantity"] == "share") & (rows["part"] == "1.W_V") & (rows["at"] == 1)
    kept &= (rows["variant"] == "published") & (rows["step"] == run.stop)
    (value,) = rows.loc[kept, "value"]
    ours = gather(claims()["MT-10"], shelf).evidence["share"].ours
    assert ours["1/W_V"]["42"] == pytest.approx(100 * value, rel=1e-12)


def test_an_execution_keeps_its_own_measurements(shelf):
    """The first execution was never measured; its metrics must not be mixed with the second's."""
    run = shelf.run(DUAL)
    assert run.name != DUAL.id and run.measurements
    assert {m.numerics_id for m in run.measurements} == {run.name.partition("-")[2]}
    assert run.stop == max(run.grok(task) for task in run.tasks)


def test_weights_are_those_of_the_execution_itself(shelf):
    run = shelf.run(DUAL)
    norm = math.sqrt(sum(float((w.astype(float) ** 2).sum()) for w in shelf.weights(run).values()))
    assert norm == pytest.approx(run.record.metrics["parameter_norm"].iloc[-1], rel=1e-6)
    first = shelf.execution(DUAL.id)
    with pytest.raises(Missing, match=f"no weights of {DUAL.id} are"):
        shelf.weights(first)


def test_a_run_that_was_not_trained_so_far_is_missing_and_one_that_was_is_cut_off(shelf):
    still = shelf.run(RunConfig(tasks=("add", "mul"), seed=42, weight_decay=0.0))
    assert still.grok("add") is None and still.grok("add", within=50_000) is None
    with pytest.raises(Missing, match=r"50,000 steps of 250,000"):
        still.grok("add", within=250_000)
    run = shelf.run(DUAL)
    assert run.grok("add", within=100) is None


def test_what_is_not_there_says_what_it_is(shelf):
    with pytest.raises(Missing, match="seed 999"):
        shelf.run(RunConfig(tasks=("add", "mul"), seed=999))
    with pytest.raises(Missing, match="hessian has no lowest"):
        shelf.run(RunConfig(tasks=("add", "mul"), weight_decay=0.0)).rows("hessian", "lowest")


def test_the_next_seed_is_another_run_and_the_last_comes_round(shelf, monkeypatch):
    place = Place({}, 42, shelf)
    order, seeds = [place], []
    for _ in range(3):
        run = order[-1].next("dual")
        seeds.append(run.config.seed)
        order.append(Place({}, run.config.seed, shelf))
    assert seeds == [137, 2024, 42]
    alone = place.run("dual")
    monkeypatch.setattr(Place, "every", lambda *cell, **changes: [alone])
    with pytest.raises(Missing, match="another seed"):
        place.next("dual")


def made(*measurements, groks=None):
    groks = {"add": 600, "mul": 500} if groks is None else groks
    return Run("made", Record(DUAL, groks), measurements)


def spectra(values, kind=RAW):
    steps = np.arange(len(values)) * 100
    rows = [(s, kind[0], "0", kind[1], math.nan, v) for s, v in zip(steps, values, strict=True)]
    return measured("weight-spectra", rows)


def test_the_peak_is_looked_for_after_the_third_snapshot_and_up_to_the_stop():
    run = made(spectra([9.0, 1.0, 1.0, 2.0, 5.0, 3.0, 4.0, 99.0]))
    assert run.stop == 600 and peak(run) == (400, 5.0)
    with pytest.raises(Missing):
        peak(run, NORMALISED)


def test_rows_are_of_the_parameters_that_were_asked_for():
    run = made(
        measured("hessian", [(0, "lowest", "", "corrected", 1, -2.0)], examples=4_608),
        measured("hessian", [(0, "lowest", "", "corrected", 1, -1.0)]),
    )
    assert run.number("hessian", "lowest", variant="corrected", at=1) == -1
    which = {"variant": "corrected", "at": 1, "where": {"examples": 4_608}}
    assert run.number("hessian", "lowest", **which) == -2


def test_a_choice_that_leaves_several_is_refused():
    run = made(measured("hessian", [(0, "lowest", "", "published", k, -k) for k in (1, 2)]))
    with pytest.raises(ValueError, match="2 values of lowest"):
        run.number("hessian", "lowest", variant="published")


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, 2.0])
def test_the_share_along_the_start_from_three_norms(angle):
    """θ(0) = (10, 0); Δ is turned from −θ(0) by an angle; one direction holds cos² 0.2 of it."""
    start, moved = np.array([10.0, 0.0]), 8 * np.array([-np.cos(angle), np.sin(angle)])
    end, captured = start + moved, np.cos(0.2) ** 2
    change = np.sqrt(1 - captured) * 8 / np.linalg.norm(end)
    rows = [
        (600, "norm", "start", "", math.nan, 10.0),
        (600, "norm", "end", "", math.nan, np.linalg.norm(end)),
        (600, "change", "", "published", 1, change),
        (600, "captured", "", "published", 1, captured),
    ]
    found = decay_share(made(measured("reconstruction", rows)))
    assert found == pytest.approx(max(np.cos(angle), 0) ** 2, abs=2e-5)


def test_the_slope_is_that_of_least_squares():
    x, y = np.array([0.0, 1, 2, 5, 7]), np.array([3.0, 1, 4, 1, 5])
    assert slope(x, y) == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-12)


def test_each_leaves_out_what_is_missing_and_only_that():
    def read(key):
        if key == "b":
            raise Missing("b")
        return {"a": 1.0, "c": None}[key]

    assert each("abc", read) == {", a": 1.0, ", c": None}
    with pytest.raises(Missing):
        each("b", read)


def test_the_arms_are_those_that_the_studies_train():
    for arm, name in (
        (fragility.PATH, "deletion"),
        ("random_matched", "deletion-random-matched"),
        (fragility.PATH, "deletion-update"),
        ("trajectory_attention", "deletion-attention"),
        ("random", "deletion-random"),
        ("random_attention", "deletion-random-attention"),
    ):
        after = STUDIES[name].after
        known = complete(arm, fragility.BASES[arm])
        assert (after.measure, after.parameters) == (arm, known), name
        assert STUDIES[name].base["intervention.start"] == fragility.START


def test_an_arm_is_found_by_what_its_basis_was_measured_by(shelf):
    """Two arms differ in a parameter of the measure alone; the hash of a basis says nothing."""

    def entry(parameters, **change):
        intervention = {"transform": "delete", "strength": 0.07, "start": 500, "basis": "f" * 64}
        intervention["times"] = 0
        config = DUAL.to_json() | {"intervention": intervention | change}
        return {"config": config, "basis": {"measure": "trajectory", "parameters": parameters}}

    path = complete("trajectory", fragility.BASES["trajectory"])
    arms = Shelf(shelf.results)
    arms.__dict__["_entries"] = {
        "half": entry(path | {"until": 50}),
        "at once": entry(path, start=0),
        "for a while": entry(path, times=1_000),
        "dose": entry(path, strength=0.1),
        "update": entry(path, transform="delete_update"),
        "own": entry(path),
        "plain": {"config": DUAL.to_json()},
    }
    arms.execution = lambda name: name
    at = Place({}, 42, arms)
    assert fragility.deleted(at, "dual", 0.07) == "own"
    assert fragility.deleted(at, "dual", 0.1) == "dose"
    assert fragility.deleted(at, "dual", 0.07, transform="delete_update") == "update"
    with pytest.raises(Missing, match="is not recorded"):
        fragility.deleted(at, "dual", 0.07, basis="random_matched")
    with pytest.raises(Missing, match="seed 137"):
        fragility.deleted(Place({}, 137, arms), "dual", 0.07)


def test_a_dose_response_is_of_the_basis_that_serves_most_doses(shelf):
    path = complete("trajectory", fragility.BASES["trajectory"])

    def entry(basis, strength):
        change = {"transform": "delete", "strength": strength, "start": 500, "times": 0}
        config = DUAL.to_json() | {"intervention": change | {"basis": basis * 64}}
        return {"config": config, "basis": {"measure": "trajectory", "parameters": path}}

    entries = {
        "a 3": entry("a", 0.03),
        "b 3": entry("b", 0.03),
        "b 3 again": entry("b", 0.03),
        "b 7": entry("b", 0.07),
        "a 10": entry("a", 0.1),
        "b 25": entry("b", 0.25),
    }
    for names in (list(entries), list(entries)[::-1]):
        arms = Shelf(shelf.results)
        arms.__dict__["_entries"] = {name: entries[name] for name in names}
        arms.execution = lambda name: name
        at = Place({}, 42, arms)
        first = next(name for name in names if name.startswith("b 3"))
        assert fragility.deleted(at, "dual", 0.03) == first
        assert fragility.deleted(at, "dual", 0.07) == "b 7"
        assert fragility.deleted(at, "dual", 0.1) == "a 10"  # no other has that dose


def test_a_note_holds_what_a_reading_was_handed_and_no_other(shelf):
    """Two readings of one shelf know nothing of each other; what is missing leaves no note."""
    first, second = NotedShelf(shelf), NotedShelf(shelf)
    run = Place({}, 42, first).run("dual")
    with pytest.raises(Missing):
        Place({}, 999, first).run("dual")
    beside = Place({}, 137, second).next("dual")
    assert first.handed == {run.name: run}
    assert beside.name in second.handed and len(second.handed) == 3
    assert all(each.config.weight_decay == 1.0 for each in second.handed.values())


def test_a_deleted_run_is_set_beside_the_plain_one_of_its_own_arithmetic():
    """Up to the first deletion they are the same to the bit; no other execution is."""
    shelf = Shelf()
    deleted = shelf.interventions(DUAL)[0]
    twin = shelf.twin(deleted)
    assert twin.record.numerics == deleted.record.numerics

    def early(run):
        metrics = run.record.metrics
        return metrics.loc[metrics["step"] < deleted.config.intervention.start, "parameter_norm"]

    assert len(early(twin)) > 4 and early(twin).tolist() == early(deleted).tolist()
    others = [run for run in shelf.executions(DUAL) if run.name != twin.name]
    assert others
    assert all(early(run).tolist() != early(deleted).tolist() for run in others)
    strange = replace(deleted, record=replace(deleted.record, numerics={"device": "abacus"}))
    assert shelf.twin(strange).name == shelf.run(DUAL).name
