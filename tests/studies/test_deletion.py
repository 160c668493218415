"""Arms of deletion, and delays, shifts and noise on runs made by hand."""

from dataclasses import replace

import pytest

from explorable_harness import ARMS, small_trials, synthetic_run
from grokbook.checks import ConfigError
from grokbook.claims.readings import transverse_fragility as fragility
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.studies import declaring
from grokbook.studies.arms import NAMES, OWN, arm_of, arms
from grokbook.studies.deleted_runs import gather
from grokbook.studies.deletion import Change, Noise, Trial, mean_of
from grokbook.studies.members import stages

DUAL = RunConfig(tasks=("add", "mul"), seed=42)
OWN_ARM = ARMS[0]


@pytest.fixture(scope="module")
def trials():
    return small_trials()


# --- arms


def test_the_published_arm_comes_first_whatever_is_asked_for():
    assert [arm.name for arm in arms(["update", "other-seed"])] == [OWN, "update", "other-seed"]
    assert [arm.name for arm in arms([])] == [OWN]
    with pytest.raises(ConfigError, match="unknown arm 'updates'; did you mean update"):
        arms(["updates"])


@pytest.mark.parametrize("name", NAMES)
def test_an_arm_holds_the_runs_of_its_study_and_no_others(name):
    (arm,) = (each for each in arms([name]) if each.name == name)
    member = stages(declaring.find(arm.study))[-1].members[0]
    after = member.after
    basis = {"measure": after.measure, "parameters": dict(after.parameters)}
    config = member.config("b" * 64)
    assert arm.holds(config, basis)
    holders = [other.name for other in arms(NAMES) if other.holds(config, basis)]
    assert holders == [name]
    assert not arm.holds(config, basis | {"parameters": {"k": 3}})
    assert not arm.holds(config, {})
    assert not arm.holds(replace(config, intervention=None), basis)
    late = replace(config.intervention, start=600)
    assert not arm.holds(replace(config, intervention=late), basis)
    brief = replace(config.intervention, times=1_000)
    assert not arm.holds(replace(config, intervention=brief), basis)


def test_other_directions_are_another_basis():
    few = OWN_ARM.with_directions(3)
    assert few.parameters == {"k": 3, "to_grok": True}
    assert OWN_ARM.with_directions(20) == OWN_ARM
    (attention,) = (arm for arm in arms(["attention"], 3) if arm.name == "attention")
    assert attention.parameters["per_matrix"] == 2  # it counts otherwise
    with pytest.raises(ConfigError, match="directions"):
        OWN_ARM.with_directions(0)


@pytest.mark.parametrize(
    ("changes", "arm", "seeds", "said"),
    [
        ({}, OWN, (42, 137, 2024), "grokbook study deletion --set intervention.strength=0.07,0.5"),
        (
            {"tasks": ("add", "mul", "sq")},
            OWN,
            (137,),
            "grokbook study deletion-tri --set seed=137 --set intervention.strength=0.07,0.5",
        ),
        (
            {"tasks": ("add", "mul", "sq")},
            "update",
            (42, 137, 2024),
            "grokbook study deletion-update --set tasks=add+mul+sq "
            "--set intervention.strength=0.07,0.5",
        ),
        (
            {"modulus": 59, "weight_decay": 0.8, "learning_rate": 3e-3},
            OWN,
            (1, 2),
            "grokbook study deletion --set modulus=59 --set learning_rate=0.003 "
            "--set weight_decay=0.8 --set seed=1,2 --set intervention.strength=0.07,0.5",
        ),
    ],
)
def test_the_command_trains_exactly_these_runs(changes, arm, seeds, said):
    like = replace(DUAL, **changes)
    (chosen,) = (each for each in arms([arm]) if each.name == arm)
    command = chosen.command(like, [0.07, 0.5], seeds)
    assert command == said
    _, _, study, *settings = command.split()
    chain = declaring.change(declaring.find(study), settings[1::2])
    found = [member.blank for member in stages(chain)[-1].members]
    assert [config.intervention.strength for config in found] == [
        dose for dose in (0.07, 0.5) for _ in seeds
    ]
    plain = {replace(config, intervention=None).id for config in found}
    assert plain == {
        replace(like, seed=s, split_seed=s, init_seed=s, batch_seed=s).id for s in seeds
    }


# --- what there is


def test_runs_are_gathered_by_arm_dose_and_seed(trials):
    assert trials.doses == (0.03, 0.07, 0.25)
    assert set(trials.arms) == {OWN, "update", "other-seed"}
    assert list(trials.of(OWN, 0.07)) == [42, 137, 2024]
    assert list(trials.of("other-seed", 0.07)) == [42]
    assert trials.of(OWN, 0.5) == {}
    assert [trial.grok for trial in trials.plain] == [9000, 7000, 8000]
    assert {trial.seed: trial.grok for trial in trials.again} == {42: 9900, 137: 6600}


def test_of_what_was_cut_off_the_longest_counts_and_a_foreign_run_is_left_out():
    plain = synthetic_run(42, 9000)
    short = carried_out(synthetic_run(42, None, OWN_ARM, 0.07, last=5000), 1)
    long = carried_out(synthetic_run(42, 18000, OWN_ARM, 0.07), 2)
    foreign = replace(synthetic_run(42, 9000, OWN_ARM, 0.03), basis={"measure": "weight_svd"})
    assert arm_of(foreign, ARMS) is None
    for several in ([short, long, foreign], [foreign, long, short]):
        found = gather([plain], ARMS, lambda config: [plain], lambda config, s=several: s)
        assert [trial.run for trial in found.deleted] == [long]
        assert found.again == () and [trial.run for trial in found.repeated] == [short]
        assert found.noise() == []  # one of them has no grok step


def carried_out(run, threads, basis="a"):
    """The same run by other arithmetic, or outside another basis."""
    change = replace(run.config.intervention, basis=basis * 64)
    config = replace(run.config, intervention=change)
    return replace(
        run,
        name=f"{basis}{threads}",
        record=replace(run.record, config=config, numerics={"threads": threads}),
    )


@pytest.mark.parametrize("steps", [(18_000, 21_600), (21_600, 18_000)])
def test_of_several_that_grok_the_first_stands_however_late_and_the_others_are_noise(steps):
    plain = synthetic_run(42, 9000)
    several = [carried_out(synthetic_run(42, s, OWN_ARM, 0.07), k) for k, s in enumerate(steps)]
    stored = replace(several[0], name="the first, in the store")
    found = gather([plain], ARMS, lambda config: [plain], lambda config: [*several, stored])
    assert [trial.run for trial in found.deleted] == several[:1]
    assert [trial.run for trial in found.repeated] == several[1:]
    assert found.noise() == [Noise("seed 42, as published 7 %", steps, 9000)]
    assert found.floor == 40  # 3,600 of the plain run's 9,000 steps
    assert found.delays(OWN, 0.07)[42].percent == pytest.approx(100 * (steps[0] / 9000 - 1))


@pytest.mark.parametrize("quick", [7_000, 18_000])
def test_a_quick_execution_does_not_stand_for_one_that_was_cut_off_later(quick):
    """Which one groks plays no part; how far they lie apart is a bound, and is not passed over."""
    plain = synthetic_run(42, 9000)
    cut = carried_out(synthetic_run(42, None, OWN_ARM, 0.07, last=60_000), 1)
    other = carried_out(synthetic_run(42, quick, OWN_ARM, 0.07), 2)
    for order in ([cut, other], [other, cut]):
        found = gather([plain], ARMS, lambda config: [plain], lambda config, some=order: some)
        assert [trial.run for trial in found.deleted] == [order[0]]
        (noise,) = found.noise()
        assert noise.bound and sorted(noise.steps) == [quick, 60_000]
        assert found.floor == pytest.approx(100 * (60_000 - quick) / 9000)


def test_another_basis_never_takes_the_place_of_a_run_that_was_cut_off():
    plain = synthetic_run(42, 9000)
    cut = carried_out(synthetic_run(42, None, OWN_ARM, 0.07, last=20_000), 1, "a")
    low = carried_out(synthetic_run(42, 9_900, OWN_ARM, 0.03), 1, "a")
    longer = carried_out(synthetic_run(42, 45_000, OWN_ARM, 0.07), 1, "b")
    found = gather([plain], ARMS, lambda config: [plain], lambda config: [low, cut, longer])
    assert [trial.run for trial in found.deleted] == [low, cut]


def test_an_execution_that_went_on_in_the_store_is_the_same_execution():
    plain = synthetic_run(42, 9000)
    recorded = carried_out(synthetic_run(42, None, OWN_ARM, 0.07, last=5000), 1)
    stored = carried_out(synthetic_run(42, 18000, OWN_ARM, 0.07), 1)
    found = gather([plain], ARMS, lambda config: [plain], lambda config: [recorded, stored])
    assert [trial.run for trial in found.deleted] == [stored] and found.repeated == ()


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_curve_is_of_one_basis_and_what_another_gives_says_so(first):
    """The basis with more doses is taken, whatever comes of it."""
    plain, other = synthetic_run(42, 9000), "ab".replace(first, "")
    runs = [
        carried_out(synthetic_run(42, 13_500, OWN_ARM, 0.03), 1, first),
        carried_out(synthetic_run(42, 18_000, OWN_ARM, 0.03), 1, other),
        carried_out(synthetic_run(42, 27_000, OWN_ARM, 0.07), 1, other),
    ]
    for order in (runs, runs[::-1]):
        found = gather([plain], ARMS, lambda config: [plain], lambda config, some=order: some)
        assert [trial.grok for trial in found.deleted] == [18_000, 27_000]
        label = "seed 42, as published 3 %, basis of another execution"
        assert found.noise() == [Noise(label, (18_000, 13_500), 9000, same=False)]
        assert found.noise()[0].percent == 50 and found.floor == 50


def test_a_run_that_was_cut_off_has_an_end_and_no_grok_step():
    cut = Trial(synthetic_run(42, None, OWN_ARM, 0.25, last=24000), OWN, 0.25)
    assert (cut.grok, cut.end) == (None, 24000)
    half = synthetic_run(42, 9000)
    half.record.metrics["test_accuracy_mul"] = 0.5
    assert Trial(half).grok is None  # all tasks count


# --- counts


def test_delays_are_against_the_plain_run_of_the_same_seed(trials):
    assert trials.delays(OWN, 0.07) == {42: Change(100), 137: Change(80), 2024: Change(100)}
    found = trials.delays(OWN, 0.25)
    assert found[137] == Change(200)
    assert found[42].bound == "at least" and found[42].percent == pytest.approx(500 / 3)
    assert trials.delays(OWN, 0.03)[2024].percent == pytest.approx(-5)
    never = gather(
        [synthetic_run(42, None, last=9000)],
        ARMS,
        lambda config: [],
        lambda config: [synthetic_run(42, 8000, OWN_ARM, 0.07)],
    )
    assert never.of(OWN, 0.07) and never.delays(OWN, 0.07) == {}


def test_the_delay_is_that_of_the_claims(trials):
    run, plain = trials.of(OWN, 0.07)[137].run, trials.plain_of(137).run
    assert fragility.delay(plain, run, last=True) == trials.delays(OWN, 0.07)[137].percent


def test_shifts_are_delays_less_delays_and_keep_what_is_open(trials):
    found = trials.shifts("update", 0.07)
    assert found[42].percent == pytest.approx(-90) and not found[42].bound
    assert found[137].percent == pytest.approx(-50)
    assert found[2024].bound == "at least" and found[2024].percent == pytest.approx(100)
    back = trials.shifts(OWN, 0.07, against="update")
    assert back[2024].bound == "at most" and back[2024].percent == pytest.approx(-100)
    assert trials.shifts(OWN, 0.25)[42].bound == "unknown"
    assert trials.shifts("amplify", 0.07) == {}
    assert mean_of(found.values()) is None  # what is left over would be the quick ones
    mean = mean_of([found[42], found[137]])
    assert (mean.mean, mean.n) == (pytest.approx(-70), 2)
    assert mean_of([]) is None and mean_of([Change(5, "at least")]) is None


def test_the_noise_is_the_largest_difference_of_one_seeds_executions(trials):
    assert trials.noise() == [
        Noise("seed 42", (9000, 9900), 9000),
        Noise("seed 137", (7000, 6600), 7000),
    ]
    assert trials.floor == 10
    assert replace(trials, again=()).floor is None


def test_survival_counts_what_is_cut_off_as_open(trials):
    plain = trials.curve()
    assert plain.steps.tolist() == [7000, 8000, 9000] and plain.share[-1] == 0
    curve = trials.curve("update", 0.07)
    assert curve.steps.tolist() == [9100, 9900, 24000]
    assert curve.share == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert trials.curve("amplify", 0.07) is None


def test_within_a_budget_only_runs_that_tell_are_counted(trials):
    assert trials.within(OWN, 0.25, 20_000) == (0, 2)
    assert trials.within(OWN, 0.25, 22_000) == (1, 2)
    assert trials.within(OWN, 0.25, 21_000) == (1, 2)  # at the budget is within it
    assert trials.within(OWN, 0.25, 24_000) == (1, 2)  # one was cut off just there, which tells
    assert trials.within(OWN, 0.25, 50_000) == (1, 1)  # one was cut off at 24,000
    assert trials.within(OWN, 0.07, 50_000) == (3, 3)


def test_the_shelf_knows_executions_and_interventions():
    shelf = Shelf()
    names = [run.name for run in shelf.executions(DUAL)]
    assert len(names) == 3 and names[0] == DUAL.id
    assert shelf.run(DUAL).name in names
    entry = {"config": DUAL.to_json() | {"intervention": {"transform": "noise", "strength": 0.1}}}
    shelf.__dict__["_entries"] = {"changed": entry, "plain": {"config": DUAL.to_json()}}
    shelf.execution = lambda name: name
    assert shelf.interventions(DUAL) == ["changed"]
    assert shelf.interventions(replace(DUAL, weight_decay=0.5)) == []
