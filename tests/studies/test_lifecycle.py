"""The studies of the spectral edge: which runs, how far, in which order."""

from typer.testing import CliRunner

from grokbook.cli import app
from grokbook.config import DyckConfig, RunConfig
from grokbook.studies.declaring import change, find
from grokbook.studies.lifecycle import STUDIES
from grokbook.studies.members import stages


def members(name, *settings):
    return stages(change(find(name), settings))[-1].members


def test_the_order_of_training():
    assert [study.name for study in STUDIES] == [
        *("lifecycle", "random-labels", "small-init", "same-clock", "lifecycle-decays"),
        *("decay-switched", "decay-switched-anew", "lifecycle-modular"),
    ]


def test_the_lifecycle_is_five_seeds_with_and_without_decay():
    found = members("lifecycle")
    assert [(m.blank.weight_decay, m.blank.seed) for m in found] == [
        (decay, seed) for decay in (1.0, 0.0) for seed in (42, 137, 2024, 1, 2)
    ]
    assert {type(m.blank) for m in found} == {DyckConfig}
    assert {(m.plan.steps, m.plan.after_grok, m.plan.full_state) for m in found} == {
        (10_000, None, True)
    }
    (one, other) = members("lifecycle", "seed=42")
    assert (one.blank, other.blank) == (DyckConfig(), DyckConfig(weight_decay=0))


def test_every_snapshot_of_every_hundred_steps_is_kept():
    for study in STUDIES:
        for member in members(study.name):
            plan = member.plan
            assert plan.cadence == 100 and plan.full_state
            assert plan.steps // plan.cadence + 1 <= plan.global_limit


def test_the_controls_change_one_thing():
    usual = DyckConfig().dynamics()
    for name, changed in {
        "random-labels": {"labels": "random"},
        "small-init": {"init_scale": 0.25},
        "same-clock": {"learning_rate": 5e-4, "weight_decay": 2.0},
    }.items():
        found = members(name)
        assert [m.blank.seed for m in found] == [42, 137, 2024]
        assert found[0].blank.dynamics() == usual | changed
        clock = {m.blank.learning_rate * m.blank.weight_decay for m in found}
        assert clock == {1e-3}


def test_no_run_is_in_two_studies():
    ids = [member.blank.id for study in STUDIES for member in members(study.name)]
    assert len(set(ids)) == len(ids) == 10 + 9 + 6 + 18 + 24 + 12


def test_decay_is_switched_at_two_steps_with_the_optimiser_kept_and_anew():
    kept, anew = members("decay-switched"), members("decay-switched-anew")
    for found, reset, decays in ((kept, False, {0, 0.5, 2}), (anew, True, {0, 0.5, 1, 2})):
        seen = set()
        for member in found:
            config = member.blank
            (step,) = {switch.step for switch in config.schedule}
            assert bool(config.resets) == reset
            assert member.plan.steps >= step + 3_000
            seen.add((step, config.value_at("weight_decay", step), config.seed))
        assert seen == {
            (s, d, seed) for s in (400, 1_000) for d in decays for seed in (42, 137, 2024)
        }
    assert anew[0].title == "moments reset at step 400, λ = 0 from step 400, seed 42"


def test_modular_arithmetic_has_the_same_windows():
    found = members("lifecycle-modular")
    assert {type(m.blank) for m in found} == {RunConfig}
    assert {(m.blank.tasks, m.blank.weight_decay) for m in found} == {
        ((task,), decay) for task in ("add", "mul") for decay in (1.0, 0.0)
    }
    assert {(m.plan.cadence, m.plan.steps) for m in found} == {(100, 10_000)}


def test_nothing_of_them_is_finished_in_an_empty_store():
    said = CliRunner().invoke(app, ["record", "lifecycle"])
    assert said.exit_code and "no run of study lifecycle is finished" in said.output
