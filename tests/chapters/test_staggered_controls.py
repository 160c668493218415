"""Chapter 1's controls on records made by hand: which runs they want, count and name."""

from itertools import product
from types import SimpleNamespace

import pytest

from grokbook.chapters import staggered_controls as controls
from grokbook.chapters import staggered_twins as twins
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.studies.asking import ask, at_hand
from grokbook.studies.published import SINGLES, SYMMETRIC
from made_records import grokking as run

DUAL = [
    run(1, {"add": 1_000, "mul": 400}),
    run(2, {"add": 800, "mul": 600}),
    run(3, {"add": 600, "mul": 600}),
]
SINGLE = [
    run(1, {"add": 500}),
    run(1, {"mul": 400}),
    run(2, {"add": 400}),
    run(2, {"mul": 600}),
    run(3, {"add": 600}),
    run(3, {"mul": None}),
]
SMALL = {"tasks": ("add", "mul"), "modulus": 11, "width": 16, "heads": 2, "hidden": 16}
TINY, OTHER = (RunConfig(**SMALL, batch_size=16, seed=seed) for seed in (42, 7))


def runs(study):
    """Config ids of a study with the published seeds."""
    return {
        RunConfig(**study.base | dict(zip(study.grid, point, strict=True)) | {"seed": seed}).id
        for point in product(*study.grid.values())
        for seed in (42, 137, 2024)
    }


def test_controls_want_the_runs_that_their_studies_train():
    page = [
        SimpleNamespace(config=RunConfig(tasks=tasks, seed=seed, weight_decay=decay))
        for tasks in (("add", "mul"), ("add", "mul", "sq"))
        for seed in (42, 137, 2024)
        for decay in (1.0, 0.0)
    ]
    assert {c.id for c in controls.alone(page)} == runs(SINGLES)
    wanted = {c.id for c in twins.apart(page)}
    assert wanted == set().union(*map(runs, SYMMETRIC))
    decays = [c.weight_decay for c in controls.swept(page)]
    assert sorted(set(decays), reverse=True) == [1.0, 0.5, 0.3, 0.2, 0.1]
    assert decays == sorted(decays, reverse=True)
    assert len(decays) == 30
    undecayed = controls.undecayed(page)
    assert len(undecayed) == 6 and {c.weight_decay for c in undecayed} == {0.0}


def test_what_lacks_is_said_with_its_command():
    wanted = [each.config for each in SINGLE]
    assert controls.lacking(wanted, SINGLE, "singles") == ""
    assert controls.lacking(wanted, SINGLE[:5], "singles") == (
        "*1 of 6 runs of this control is not trained yet: `grokbook study singles`.*"
    )
    assert controls.lacking(wanted, [], "singles").startswith(
        "*None of the 6 runs of this control is trained"
    )
    assert controls.lacking(wanted[:1], [], "singles").startswith(
        "*The one run of this control is not trained yet"
    )


def test_difficulty_alone_is_counted_by_seed():
    said = controls.alone_sentence(DUAL, SINGLE)
    # seed 1: mul first in both; seed 2: add first alone, mul together; seed 3: mul never, alone
    assert "mul and add finish in the same order as together in 1 of 2 runs" in said
    assert "add in dual 1.59 times (3 runs)" in said  # (2 · 2 · 1)^(1/3)
    assert "mul in dual 1.00 times (2 runs)" in said
    for add, mul in ((500, 400), (400, 500)):  # a tie is no order, whichever way it is broken
        alone = [run(3, {"add": add}), run(3, {"mul": mul})]
        assert "0 of 1 run " in controls.alone_sentence([DUAL[2]], alone)
    assert "No run of one task alone is at hand" in controls.alone_sentence(DUAL, [])


def test_what_training_alone_changes_is_a_result_of_its_own():
    said = controls.alone_result(DUAL, SINGLE)
    assert said == (
        "Trained alone, a task groks 1 to 1.6 times as early as on a shared trunk. Each by itself, "
        "mul and add finish in the same order as together in 1 of 2 runs (98 % × 3; ties count as "
        "different)."
    )
    assert controls.alone_result(DUAL, []) == ""


def test_the_table_sets_alone_beside_together():
    table = controls.alone_table(DUAL, SINGLE)
    assert table.loc["add, seed 1"].to_dict() == {
        "alone": "500",
        "in dual": "1,000",
        "in tri": "–",
    }
    assert table.loc["mul, seed 3", "alone"] == "never"


def test_the_order_over_decay_counts_and_measures_gaps():
    table = controls.order_over_decay(DUAL)
    row = table.loc["dual, λ 1"]
    assert (row["n"], row["mul first"], row["whole order"]) == ("3", "2 of 3", "2 of 3")
    # gaps of 150, 33.3 and 0 % of the first task's time
    assert row["add after mul, %"].startswith("61.1 (")
    (one,) = controls.order_over_decay(DUAL[:1])["add after mul, %"]
    assert one == "150.0"
    sooner = [run(seed, {"add": add, "mul": 1_000}) for seed, add in ((1, 900), (2, 1_099))]
    (turned,) = controls.order_over_decay(sooner)["add after mul, %"]
    assert turned.startswith("0.0 (−") and "-" not in turned


def test_at_hand_finds_what_is_there_and_trains_nothing(tmp_path, monkeypatch):
    store, results = Store(tmp_path / "store"), Results(tmp_path / "results")
    monkeypatch.setenv("GROKBOOK_TRAIN", "allowed")
    ask(TINY, Plan(steps=100), store=store, results=results)
    monkeypatch.setenv("GROKBOOK_TRAIN", "never")
    found = at_hand([OTHER, TINY], store=store, results=results)
    assert [(each.config.id, each.source) for each in found] == [(TINY.id, "store")]
    results.add(store.runs(TINY)[0])
    (again,) = at_hand([TINY], store=store, results=results)
    assert again.source == "recorded"
    assert store.runs(OTHER) == []


@pytest.mark.parametrize("found", [[], SINGLE])
def test_tables_of_any_number_of_runs_can_be_shown(found):
    assert len(controls.alone_table(DUAL, found)) == len(found)
