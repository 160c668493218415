"""Studies: what they declare, what they refuse, and that bases are measured once and right."""

import dataclasses
import functools
import json
import threading

import numpy as np
import pytest

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.geometry import bases as geometry
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.store import Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.store.notes import Notes
from grokbook.store.recorded import Results
from grokbook.studies import bases, declaring, measures
from grokbook.studies.carrying_out import carry_out, conflicts
from grokbook.studies.members import stages
from grokbook.studies.published import DUAL, STUDIES
from grokbook.studies.standing import outlook, speeds_seen, stand
from grokbook.studies.started import forget, note_start, started
from grokbook.studies.study import Dependency, Study, first_seeds
from grokbook.sweep import Job, sweep

TINY = {
    "tasks": ("add",),
    "modulus": 11,
    "width": 8,
    "heads": 2,
    "hidden": 8,
    "batch_size": 16,
}
SOURCE = Study(
    name="source",
    title="runs that give bases",
    base=TINY,
    grid={"weight_decay": (1.0, 0.5)},
    seeds=(3, 4),
    plan={"steps": 60, "cadence": 10, "full_state": True},
)
CUT = Study(
    name="cut",
    title="part of the gradient deleted",
    base=TINY | {"weight_decay": 0.5, "intervention": {"transform": "delete", "start": 20}},
    grid={"intervention.strength": (0.0, 0.1, 0.3)},
    seeds=(3,),
    plan={"steps": 20, "cadence": 10},
    after=Dependency("source", "trajectory", {"k": 3}),
)


def members(*chain):
    return stages(chain)[-1].members


def train(store, log=None):
    """Trains jobs one after another, and writes down which."""

    def several(jobs):
        if log is not None:
            log.extend(job.config for job in jobs)
        return sweep(jobs, store, workers=1)

    return several


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory):
    store, log = Store(tmp_path_factory.mktemp("store")), []
    carry_out(stages([SOURCE, CUT]), store, train(store, log))
    return store, log


# --- declared -------------------------------------------------------------------------------


def test_the_published_grids():
    dual = members(DUAL)
    decays = [member.blank.weight_decay for member in dual]
    assert decays == [d for d in (1.0, 0.5, 0.3, 0.2, 0.1, 0.0) for _ in range(3)]
    assert [member.blank.seed for member in dual] == 6 * [42, 137, 2024]
    assert dual[0].blank.id == "274dd975d93d"
    assert (dual[0].title, dual[-1].title) == ("λ = 1, seed 42", "λ = 0, seed 2024")
    for member in dual:
        decay = member.blank.weight_decay
        assert member.plan == Plan(
            steps=300_000 if decay else 50_000,
            after_grok=2_000 if decay >= 0.5 else 0,
            full_state=True,
        )
    assert {m.blank.tasks for m in members(STUDIES["tri"])} == {("add", "mul", "sq")}
    assert len(members(STUDIES["tri"])) == 18


def test_the_published_deletion_needs_three_runs_of_dual():
    before, deletion = stages(declaring.find("deletion"))
    assert [member.blank.id for member in before.members] == [
        RunConfig(tasks=("add", "mul"), seed=seed).id for seed in (42, 137, 2024)
    ]
    assert [m.blank.intervention.strength for m in deletion.members[::3]] == [
        0.01, 0.03, 0.07, 0.10, 0.25, 0.50,
    ]  # fmt: skip
    for member in deletion.members:
        change = member.blank.intervention
        assert (change.transform, change.start, change.every) == ("delete", 500, 1)
        assert member.source.blank.seed == member.blank.seed
        assert member.plan == Plan(steps=60_000)
        assert member.after.parameters["k"] == 20


def test_the_symmetric_studies_are_the_published_ones_at_decay_one_but_for_the_split():
    for name in ("dual", "tri"):
        plain, ours = members(STUDIES[name])[:3], members(STUDIES[f"{name}-symmetric"])
        assert [m.blank for m in ours] == [
            dataclasses.replace(m.blank, split="symmetric") for m in plain
        ]
        assert {m.plan for m in ours} == {Plan(after_grok=2_000)}
        swept = declaring.change([STUDIES[f"{name}-symmetric"]], ["weight_decay=0.5,0"], seeds=8)
        assert len(members(*swept)) == 16


def test_single_tasks_on_the_operands_of_the_shared_trunk():
    singles = members(STUDIES["singles"])
    assert [m.blank.tasks for m in singles[::3]] == [("add",), ("mul",), ("sq",)]
    for member in singles:
        assert member.blank == RunConfig(
            tasks=member.blank.tasks, domain="nonzero", seed=member.blank.seed
        )
        assert member.plan == Plan(after_grok=2_000)
        assert len(member.blank.table().train) == 4_608


def test_the_exchange_of_learning_rate_and_weight_decay():
    """Half and double: twice at the published product, twice at the published learning rate."""
    exchange = members(STUDIES["exchange"])
    points = [(m.blank.learning_rate, m.blank.weight_decay) for m in exchange[::3]]
    base = RunConfig(tasks=("add", "mul"))
    η, λ = base.learning_rate, base.weight_decay
    assert points == [(η / 2, 2 * λ), (2 * η, λ / 2), (η, λ / 2), (η, 2 * λ)]
    assert exchange[0].title == "η = 0.0005, λ = 2, seed 42"
    assert [member.blank for member in exchange] == [
        RunConfig(tasks=base.tasks, learning_rate=η, weight_decay=λ, seed=seed)
        for η, λ in points
        for seed in (42, 137, 2024)
    ]
    assert {member.plan for member in exchange} == {Plan(after_grok=2_000)}


def test_deletion_on_three_tasks():
    before, deletion = stages(declaring.find("deletion-tri"))
    assert [m.blank for m in before.members] == [m.blank for m in members(STUDIES["tri"])[:3]]
    by_hand = stages(
        declaring.change(
            declaring.find("deletion"),
            ["tasks=add+mul+sq", "intervention.strength=0.01,0.03,0.07,0.1,0.5"],
        )
    )[-1]
    assert [m.blank for m in deletion.members] == [m.blank for m in by_hand.members]
    assert [m.plan for m in deletion.members] == 15 * [Plan(steps=60_000)]
    assert deletion.members[0].after.parameters == by_hand.members[0].after.parameters


def test_fields_given_together_take_their_values_in_step():
    study = dataclasses.replace(
        SOURCE,
        grid={"beta1": (0.9, 0.8), "learning_rate, weight_decay": [[1e-3, 1.0], [1e-2, 0.5]]},
    )
    assert study.varied == ("beta1", "learning_rate", "weight_decay")
    seen = [(m.blank.beta1, m.blank.learning_rate, m.blank.weight_decay) for m in members(study)]
    assert seen[::2] == [(b, e, d) for b in (0.9, 0.8) for e, d in ((1e-3, 1.0), (1e-2, 0.5))]
    assert members(study)[0].title == "beta1 0.9, η = 0.001, λ = 1, seed 3"
    again = Study.from_json(json.loads(json.dumps(study.to_json())))
    assert members(again) == members(study)
    # A run finds its source by every field that is varied, also by those given together.
    cut = dataclasses.replace(CUT, base=CUT.base | {"beta1": 0.8, "learning_rate": 1e-2})
    assert stages([study, cut])[0].members == (members(study)[6],)
    with pytest.raises(ConfigError, match="0 runs of source have weight_decay 0.5, beta1 0.9"):
        stages([study, CUT])


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"heads,width": (2, 8)}, "heads,width needs lists of 2 values each, not 2"),
        ({"heads,width": ((2, 8), (2,))}, r"needs lists of 2 values each, not \(2,\)"),
        ({"heads,width": ("28",)}, "needs lists of 2 values each, not '28'"),
        ({"heads,width": ()}, "the grid is empty: heads,width has no values"),
        ({"heads,wide": ((2, 8),)}, "unknown field 'wide'"),
        ({"heads,": ((2, 8),)}, "unknown field ''"),
        ({"heads,steps": ((2, 8),)}, r"steps belongs in \[plan\]"),
        ({"heads,seed": ((2, 8),)}, r"seeds are neither in \[run\] nor in \[grid\]"),
        ({"beta1,modulus": ((0.9, 7),)}, "modulus is given for all runs and in the grid"),
        ({"beta1,beta1": ((0.9, 0.8),)}, "beta1 is in the grid twice"),
        ({"beta1": (0.9,), "beta1,beta2": ((0.9, 0.8),)}, "beta1 is in the grid twice"),
        ({"beta1,beta2": ((0.9, 0.8),), "beta1, beta2": ((1, 2),)}, "beta1 is in the grid twice"),
        ({"beta1,beta2": ((0.9, 0.8), (0.9, 0.8))}, "are the same run"),
    ],
)
def test_fields_that_cannot_be_given_together(grid, message):
    base = {name: value for name, value in TINY.items() if name not in ("heads", "width")}
    with pytest.raises(ConfigError, match=message) as caught:
        stages([dataclasses.replace(SOURCE, base=base, grid=grid)])
    assert "\n" not in str(caught.value)


def test_fields_given_together_are_not_set_one_by_one():
    for name in ("learning_rate", "weight_decay"):
        with pytest.raises(ConfigError, match=f"study exchange: --set {name}: its grid gives"):
            declaring.change(declaring.find("exchange"), [f"{name}=0.1"])
    (study,) = declaring.change(declaring.find("exchange"), ["tasks=add+mul+sq"], seeds=1)
    assert {m.blank.tasks for m in members(study)} == {("add", "mul", "sq")}


def test_the_first_field_is_outermost_and_seeds_are_innermost():
    study = dataclasses.replace(
        SOURCE, grid={"learning_rate": (1e-3, 1e-2), "weight_decay": (1.0, 0.5)}
    )
    seen = [(m.blank.learning_rate, m.blank.weight_decay, m.blank.seed) for m in members(study)]
    assert seen == [(e, d, s) for e in (1e-3, 1e-2) for d in (1.0, 0.5) for s in (3, 4)]


def test_seeds_go_on_after_the_published_ones():
    assert first_seeds(2) == (42, 137)
    assert first_seeds(9) == (42, 137, 2024, 1, 2, 3, 4, 5, 6)
    assert len(set(first_seeds(300))) == 300


def test_a_budget_of_its_own_without_decay():
    study = dataclasses.replace(
        DUAL, plan={"steps": 700, "steps_without_decay": 300, "after_grok": None}
    )
    assert {m.plan.steps for m in members(study) if m.blank.weight_decay} == {700}
    assert {m.plan.steps for m in members(study) if not m.blank.weight_decay} == {300}
    assert {m.plan.after_grok for m in members(study)} == {None}


# --- changed --------------------------------------------------------------------------------


def test_settings_replace_the_grid_or_the_base():
    (study,) = declaring.change([DUAL], ["weight_decay=0.8,0.4", "split_seed=7"], seeds=4)
    runs = [member.blank for member in members(study)]
    assert [run.weight_decay for run in runs] == 4 * [0.8] + 4 * [0.4]
    assert [run.seed for run in runs[:4]] == [42, 137, 2024, 1]
    assert {run.split_seed for run in runs} == {7}
    (study,) = declaring.change(
        [DUAL], ["learning_rate=1e-3,2e-3", "seed=5", "tasks=add+sq", "plan.steps=900"]
    )
    runs = [member.blank for member in members(study)]
    assert [run.learning_rate for run in runs] == 6 * [1e-3] + 6 * [2e-3]
    assert {(run.seed, run.tasks) for run in runs} == {(5, ("add", "sq"))}
    assert {member.plan.steps for member in members(study)} == {900}
    (study,) = declaring.change([DUAL], ["schedule=300:weight_decay=0.2"])
    assert {run.blank.value_at("weight_decay", 300) for run in members(study)} == {0.2}


def test_settings_reach_what_a_study_depends_on():
    chain = declaring.change(
        declaring.find("deletion"),
        ["weight_decay=0.8,0.4", "modulus=59", "intervention.strength=0.2", "plan.steps=400"],
        seeds=1,
    )
    before, deletion = stages(chain)
    assert [m.blank.weight_decay for m in before.members] == [0.8, 0.4]
    assert {m.blank.modulus for m in before.members} == {59}
    assert {m.blank.intervention for m in before.members} == {None}
    assert {m.plan.steps for m in before.members} == {300_000}
    assert [m.source.blank.weight_decay for m in deletion.members] == [0.8, 0.4]
    assert {m.blank.intervention.strength for m in deletion.members} == {0.2}
    assert {m.plan.steps for m in deletion.members} == {400}


@pytest.mark.parametrize(
    ("settings", "seeds", "message"),
    [
        (["colour=red"], None, "--set colour=red: no field 'colour'; known: tasks, modulus"),
        (["plan.colour=red"], None, "no field 'plan.colour'"),
        (["intervention=x"], None, "no field 'intervention'"),
        (["weight_decay"], None, "--set weight_decay is not of the form FIELD=VALUE"),
        (["weight_decay="], None, "--set weight_decay= is not of the form FIELD=VALUE"),
        (["modulus=59", "modulus=61"], None, "modulus is given twice"),
        (["weight_decay=1,-1"], None, "study dual: weight decay must lie in .*, not -1"),
        (["weight_decay=1,1"], None, "λ = 1, seed 42 and λ = 1, seed 42 are the same run"),
        (["plan.steps=150"], None, "study dual: steps must be a multiple .* 100, not 150"),
        (["plan.steps=100,200"], None, "a plan has one value, not 2"),
        (["seed=one"], None, "study dual: seed must be an integer, not 'one'"),
        (["seed=1"], 2, "--seeds 2: seeds are given by --set seed="),
        ([], 0, "seeds must be from 1 to 10000, not 0"),
        (["schedule=9:width=3"], None, "study dual: a switch sets .*, not 'width'"),
    ],
)
def test_settings_that_are_none(settings, seeds, message):
    with pytest.raises(ConfigError, match=message) as caught:
        stages(declaring.change([DUAL], settings, seeds))
    assert "\n" not in str(caught.value)


# --- files ----------------------------------------------------------------------------------

FILE = """
[study]
name = "mine"
title = "decay switched off"
seeds = 2
[run]
tasks = ["add"]
schedule = ["200:weight_decay=0"]
[grid]
weight_decay = [1, 0.5]
intervention.strength = [0.1, 0.2]
[run.intervention]
transform = "noise"
[plan]
steps = 1000
after_grok = "never"
"""


def test_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text(FILE)
    (study,) = declaring.find(str(tmp_path / "mine.toml"))
    assert (study.name, study.title, study.seeds) == ("mine", "decay switched off", (42, 137))
    found = members(study)
    assert [m.title for m in found[:3]] == [
        "λ = 1, strength 0.1, seed 42",
        "λ = 1, strength 0.1, seed 137",
        "λ = 1, strength 0.2, seed 42",
    ]
    assert found[0].blank == RunConfig(
        tasks=("add",),
        schedule=["200:weight_decay=0"],
        intervention="transform=noise,strength=0.1",
    )
    assert found[0].plan == Plan(steps=1_000, after_grok=None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "mine"', 'name = "dual"', "'dual' is a published study"),
        ('name = "mine"', 'name = "My study"', "small letters, digits, _ and -, not 'My study'"),
        ('name = "mine"', "", r"\[study\] has no name"),
        ("seeds = 2", "seeds = []", "the grid is empty: there are no seeds"),
        ("seeds = 2", "seeds = [1, 1]", "are the same run"),
        ("seeds = 2", "seeds = [1.5]", "seed must be an integer, not 1.5"),
        ("seeds = 2", 'colour = "red"', r"unknown field 'colour' of \[study\]"),
        ("[1, 0.5]", "[]", "the grid is empty: weight_decay has no values"),
        ("[1, 0.5]", "0.5", "weight_decay needs a list of values in the grid, not 0.5"),
        ("[1, 0.5]", "[1, -2]", "weight decay must lie in .*, not -2"),
        ("weight_decay = [1", "decay = [1", "unknown field 'decay'; did you mean weight_decay"),
        (
            "weight_decay = [1",
            "seed = [1",
            r"in \[study\], write seeds = \[42, 137\], or seeds = 8 for so many",
        ),
        ("weight_decay = [1", "tasks = [1", "tasks is given for all runs and in the grid"),
        ('tasks = ["add"]', 'tasks = ["div"]', "unknown task 'div'"),
        ("steps = 1000", "step = 1000", r"unknown field 'step' of \[plan\]; did you mean steps"),
        ("weight_decay = [1", "steps = [1", r"steps belongs in \[plan\], not in \[run\] or"),
        ("steps = 1000", "modulus = 97", r"modulus belongs in \[run\] or \[grid\], not in"),
        ("steps = 1000", "seeds = 2", r"in \[study\], write seeds = "),
        ('tasks = ["add"]', 'tasks = ["add"]\nmodulus = "13"', r"mine.toml: study mine: modulus "),
        (
            'tasks = ["add"]',
            'tasks = ["add"]\nmodulos = 13',
            r"^\S*mine.toml: study mine: .*modulus\?$",
        ),
        ("steps = 1000", "steps = 150", "multiple of the evaluation cadence 100, not 150"),
        ("[plan]", "[plans]", r"unknown table \[plans\]; did you mean plan\?"),
        ("[study]", "study", "this is not TOML"),
        ("[study]", '[study]\nafter = "dual"', r"\[study.after\] must be a table, not 'dual'"),
        ('"noise"', '"erase"', "unknown intervention 'erase'"),
        (
            "weight_decay = [1, 0.5]",
            '"width,weight_decay" = [[8, 1], 0.5]',
            "width,weight_decay needs lists of 2 values each, not 0.5",
        ),
    ],
)
def test_files_that_declare_no_study(tmp_path, old, new, message):
    path = tmp_path / "mine.toml"
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message) as caught:
        stages(declaring.find(str(path)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ('study = "duel", measure = "trajectory"', "unknown study 'duel'; known: dual, tri"),
        ('study = "gone.toml", measure = "trajectory"', "gone.toml cannot be read: No such file"),
        ('study = "dual", measure = "shape"', "unknown measure 'shape'; known: trajectory"),
        ('study = "dual"', r"\[study.after\] needs measure as text, not None"),
        ('study = "dual", measure = "trajectory", k = 3', "unknown field 'k' of"),
        (
            'study = "dual", measure = "trajectory", parameters = { n = 3 }',
            "trajectory has no parameter 'n'; known: k, to_grok",
        ),
        (
            'study = "dual", measure = "trajectory", parameters = { k = 0 }',
            "k of trajectory must be from 1 to 99, not 0",
        ),
        ('study = "dual", measure = "trajectory"', "but nothing uses the basis"),
        ('study = "mine.toml", measure = "trajectory"', "in a circle: mine → mine"),
        ('study = "other.toml", measure = "trajectory"', "in a circle: mine → other → mine"),
    ],
)
def test_dependencies_that_there_are_not(tmp_path, after, message):
    head = '[study]\nname = "{}"\ntitle = ""\nafter = {{ {} }}\n[run]\ntasks = ["add", "mul"]\n'
    (tmp_path / "mine.toml").write_text(head.format("mine", after))
    back = 'study = "mine.toml", measure = "trajectory"'
    (tmp_path / "other.toml").write_text(head.format("other", back))
    with pytest.raises(ConfigError, match=message) as caught:
        stages(declaring.find(str(tmp_path / "mine.toml")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": (9,)}, "0 runs of source have weight_decay 0.5, seed 9; it needs one"),
        ({"base": CUT.base | {"weight_decay": 0.3}}, "0 runs of source have weight_decay 0.3"),
        ({"base": CUT.base | {"width": 16}}, "does not fit .*: the models differ"),
        (
            {"base": CUT.base | {"intervention.basis": "0" * 64}},
            "its basis is measured on source, not given",
        ),
    ],
)
def test_runs_without_a_source(change, message):
    with pytest.raises(ConfigError, match=message):
        stages([SOURCE, dataclasses.replace(CUT, **change)])


def test_trajectories_need_full_states():
    source = dataclasses.replace(SOURCE, plan=SOURCE.plan | {"full_state": False})
    with pytest.raises(ConfigError, match="needs full states, and the plan of source keeps"):
        stages([source, CUT])
    attention = Dependency("source", "trajectory_attention", {"per_matrix": 1})
    assert len(stages([source, dataclasses.replace(CUT, after=attention)])) == 2


# --- carried out ----------------------------------------------------------------------------


def test_what_is_depended_on_is_trained_first_and_only_what_is_needed(carried_out):
    store, log = carried_out
    doses = [c.intervention and c.intervention.strength for c in log]
    assert doses == [None, 0.1, 0.3]  # at dose 0 nothing is left to do: it is the source itself
    assert {(c.weight_decay, c.seed) for c in log} == {(0.5, 3)}
    assert len(store.runs()) == 3


def test_each_run_names_the_basis_of_its_own_source(carried_out):
    store, log = carried_out
    (name,) = {c.intervention.basis for c in log[1:]}
    facts = Artefacts(store).get(name).facts
    assert (facts["config_id"], facts["step"]) == (log[0].id, 60)
    assert facts["parameters"] == {"k": 3, "to_grok": False}
    resolved = [member.resolve(store) for member in members(SOURCE, CUT)]
    assert [c.id for c in resolved] == [c.id for c in log]
    assert {stand(store, m).state for m in members(SOURCE, CUT)} == {"done"}


def test_a_record_says_what_its_basis_was_measured_by(carried_out, tmp_path):
    store, log = carried_out
    (run,) = store.runs(log[1])
    note = bases.note_of(store, log[1].intervention.basis)
    assert (note["measure"], note["parameters"]) == ("trajectory", {"k": 3, "to_grok": False})
    assert note["config_id"] == log[0].id
    results = Results(tmp_path)
    results.add(run, basis=note)
    assert results.manifest()[run.config.id]["basis"] == note and results.verify() == []
    with pytest.raises(StoreError, match="no note of basis"):
        bases.note_of(store, "0" * 64)


def test_again_trains_and_measures_nothing(carried_out, monkeypatch):
    store, _ = carried_out
    monkeypatch.setattr("grokbook.studies.carrying_out.measure_basis", None)
    assert carry_out(stages([SOURCE, CUT]), store, None) == []


def test_a_source_that_is_trained_further_gives_the_same_basis(carried_out):
    store, _ = carried_out
    member = members(SOURCE, CUT)[1]
    before = member.find_basis(store)
    longer = dataclasses.replace(member.source.plan, steps=80)
    assert bases.find(store, member.source.blank.id, longer, "trajectory", {"k": 3}) is None
    parameters = member.after.parameters
    assert bases.find(store, member.source.blank.id, longer, "trajectory", parameters) is None
    sweep([Job(member.source.blank, longer)], store, workers=1)
    (run,) = store.runs(member.source.blank)
    assert run.step == 80
    assert bases.measure_basis(store, run, "trajectory", parameters) != before
    assert member.find_basis(store) == before


def test_a_lost_basis_is_measured_again(tmp_path):
    store, lines = Store(tmp_path), []
    carry_out(stages([SOURCE, CUT]), store, train(store))
    name = members(SOURCE, CUT)[1].find_basis(store)
    path = Artefacts(store).path(name)
    path.write_bytes(path.read_bytes()[:-1])
    assert carry_out(stages([SOURCE, CUT]), store, None, warn=lines.append) == []
    assert Artefacts(store).get(name).facts["step"] == 60
    assert len(lines) == 1 and "is damaged" in lines[0]


@pytest.mark.slow
def test_a_basis_on_which_nothing_is_left_to_train_is_not_missed(tmp_path):
    """As of runs that have ended and came home in a pack, which brings the note alone."""
    store, lines = Store(tmp_path), []
    carry_out(stages([SOURCE, CUT]), store, train(store))
    name = members(SOURCE, CUT)[1].find_basis(store)
    Artefacts(store).path(name).unlink()
    assert carry_out(stages([SOURCE, CUT]), store, None, warn=lines.append) == []
    assert lines == [] and not Artefacts(store).path(name).exists()
    more = dataclasses.replace(CUT, grid={"intervention.strength": (0.1, 0.2)})
    (done,) = carry_out(stages([SOURCE, more]), store, train(store), warn=lines.append)
    assert done.status == "finished" and Artefacts(store).get(name).facts["step"] == 60
    assert len(lines) == 1 and lines[0].endswith("is missing; it is measured again")


def test_a_basis_that_is_here_comes_before_one_of_which_there_is_a_note_alone(tmp_path):
    store, facts = Store(tmp_path), {"measure": "trajectory", "parameters": {"k": 3}}
    for letter, step in (("a", 60), ("b", 70), ("c", 80)):
        note = {"config_id": "0" * 12, "artefact": 64 * letter, "step": step, "grok_steps": [None]}
        Notes(store).put(facts | note)

    def found():
        plan = Plan(steps=60, after_grok=None, cadence=10)
        return bases.find(store, "0" * 12, plan, *facts.values())

    assert found() == 64 * "a"
    (tmp_path / "artefacts").mkdir()
    for letter in "cb":
        Artefacts(store).path(64 * letter).touch()
        assert found() == 64 * letter


@pytest.mark.slow
def test_a_lost_basis_that_has_other_bits_now_leaves_nothing(tmp_path, monkeypatch):
    store, chain = Store(tmp_path), stages([SOURCE, CUT])
    carry_out(chain, store, train(store))
    name = members(SOURCE, CUT)[1].find_basis(store)
    path, measure = Artefacts(store).path(name), bases.MEASURES["trajectory"]
    path.write_bytes(b"cut short")

    @functools.wraps(measure.take)
    def elsewhere(run, **parameters):
        return {key: -array for key, array in measure.take(run, **parameters).items()}

    monkeypatch.setitem(bases.MEASURES, "trajectory", dataclasses.replace(measure, take=elsewhere))
    for _ in range(2):  # to ask again changes nothing
        with pytest.raises(StoreError, match=f"basis {name[:12]} was lost, .* restore {path}"):
            carry_out(chain, store, None)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert len(list((tmp_path / "bases").rglob("*.json"))) == 1


def test_a_stop_between_the_studies_goes_on_there(tmp_path):
    store, stop, log = Store(tmp_path), threading.Event(), []

    def once(jobs):
        done = train(store, log)(jobs)
        stop.set()
        return done

    ended = carry_out(stages([SOURCE, CUT]), store, once, stop=stop)
    assert [done.status for done in ended] == ["finished"]
    assert not (tmp_path / "artefacts").exists()
    standings = [stand(store, member) for member in members(SOURCE, CUT)]
    assert [s.config is None for s in standings] == [False, True, True]
    carry_out(stages([SOURCE, CUT]), store, train(store, log))
    assert len({c.id for c in log}) == len(log) == 3


def test_a_source_that_diverges_gives_no_basis(tmp_path):
    store, lines, log = Store(tmp_path), [], []
    chain = declaring.change([SOURCE, CUT], ["weight_decay=1e308"])
    carry_out(stages(chain), store, train(store, log), warn=lines.append)
    assert [c.intervention for c in log] == [None]
    assert lines == ["study cut: λ = 1e+308, seed 3 of source gives no basis"]
    (source,) = stages(chain)[0].members
    assert stand(store, source).state == "diverged"


def test_a_run_that_kept_less_is_in_the_way(tmp_path):
    store = Store(tmp_path)
    source = dataclasses.replace(SOURCE, grid={}, seeds=(3,))
    poorer = dataclasses.replace(source, plan=SOURCE.plan | {"full_state": False})
    carry_out(stages([poorer]), store, train(store))
    standing = stand(store, members(source)[0])
    assert standing.state == "waiting"
    here = standing.directory.path.name
    (line,) = conflicts([standing], here)
    assert "was begun with other snapshots than study source asks for" in line
    assert conflicts([standing], "other numerics") == []
    assert conflicts([stand(store, members(poorer)[0])], here) == []


def test_a_run_that_keeps_more_is_as_good(carried_out):
    store, _ = carried_out
    poorer = dataclasses.replace(SOURCE, plan=SOURCE.plan | {"full_state": False, "steps": 90})
    standing = stand(store, members(poorer)[2])
    assert (standing.state, standing.end, standing.plan.full_state) == ("waiting", 90, True)


# --- bases ----------------------------------------------------------------------------------


def test_the_trajectory_basis_is_that_of_an_svd(carried_out):
    store, log = carried_out
    (run,) = store.runs(log[0])
    steps = [0, 10, 20, 30, 40, 50, 60]
    taken = measures.trajectory(_upto(run, 60), k=3)
    assert taken["steps"].tolist() == steps
    theta = np.stack([run.snapshot(step, "theta") for step in steps]).astype(np.float64)
    _, sizes, right = np.linalg.svd(theta[1:] - theta[0], full_matrices=False)
    basis = taken["basis"]
    assert basis.shape == (Layout.of(run.config).size, 3) and basis.dtype == np.float32
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=2e-6)
    np.testing.assert_allclose(np.abs(np.diag(right[:3] @ basis)), 1, atol=1e-6)
    np.testing.assert_allclose(taken["singular_values"], sizes, rtol=1e-6)
    assert (basis[np.abs(basis).argmax(axis=0), range(3)] > 0).all()
    with pytest.raises(StoreError, match="spans 6 directions, fewer than 7"):
        measures.trajectory(_upto(run, 60), k=7)


def _upto(run, step):
    """The run as it was at a step, whatever other tests trained further."""
    marker = dict(run.marker) | {"step": step}
    marker["snapshots"] = {
        name: entry for name, entry in run.marker["snapshots"].items() if int(name[10:19]) <= step
    }
    run.marker = marker
    return run


def test_only_up_to_the_grok_step_where_asked(carried_out, monkeypatch):
    store, log = carried_out
    (run,) = store.runs(log[0])
    monkeypatch.setattr(measures.Subject, "groks", [30])
    assert measures.trajectory(_upto(run, 60), k=2, to_grok=True)["steps"].tolist() == [
        0,
        10,
        20,
        30,
    ]
    assert measures.trajectory(_upto(run, 60), k=2)["steps"].tolist()[-1] == 60
    monkeypatch.setattr(measures.Subject, "groks", [30, None])
    assert measures.trajectory(_upto(run, 60), k=2, to_grok=True)["steps"].tolist()[-1] == 60


def test_the_attention_basis_is_that_of_each_matrix(carried_out):
    store, log = carried_out
    (run,) = store.runs(log[0])
    layout = Layout.of(run.config)
    taken = measures.trajectory_attention(_upto(run, 60))
    basis = taken["basis"].astype(np.float64)
    assert basis.shape == (layout.size, 16)
    np.testing.assert_allclose(basis.T @ basis, np.eye(16), atol=2e-6)
    theta = [run.snapshot(int(s), "theta").astype(np.float64) for s in taken["steps"]]
    width = run.config.width
    for layer in range(2):
        at = f"encoder.layers.{layer}.self_attn."
        first = layout.offsets[at + "in_proj_weight"]
        starts = [first + k * width**2 for k in range(3)]
        starts.append(layout.offsets[at + "out_proj.weight"])
        for matrix, start in enumerate(starts):  # W_Q, W_K, W_V, W_O
            part = slice(start, start + width**2)
            rows = np.stack([each[part] for each in theta])
            _, _, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
            column = 8 * layer + 2 * matrix
            found = basis[part, column : column + 2]
            np.testing.assert_allclose(np.abs(np.diag(right[:2] @ found)), 1, atol=1e-5)
            elsewhere = np.delete(basis[:, column : column + 2], np.arange(start, part.stop), 0)
            assert not elsewhere.any()


def _run(carried_out):
    store, log = carried_out
    (run,) = store.runs(log[0])
    return _upto(run, 60)


def _orthonormal(basis):
    assert basis.dtype == np.float32
    wide = basis.astype(np.float64)
    np.testing.assert_allclose(wide.T @ wide, np.eye(basis.shape[1]), atol=2e-6)
    return wide


def test_a_trajectory_in_part(carried_out):
    run = _run(carried_out)
    whole = measures.trajectory(run, k=3)["basis"]
    assert np.array_equal(measures.trajectory(run, k=3, skip=1)["basis"], whole[:, 1:])
    half = measures.trajectory(run, k=2, until=50)
    assert half["steps"].tolist() == [0, 10, 20, 30]
    theta = np.stack([run.snapshot(s, "theta") for s in half["steps"]]).astype(np.float64)
    right = np.linalg.svd(theta[1:] - theta[0], full_matrices=False)[2]
    np.testing.assert_allclose(np.abs(np.diag(right[:2] @ half["basis"])), 1, atol=1e-6)
    attention = measures.trajectory_attention(run, per_matrix=1, until=50)
    assert attention["steps"].tolist() == [0, 10, 20, 30]


def test_bases_at_random(carried_out):
    run = _run(carried_out)
    layout = Layout.of(run.config)
    taken = {
        "random": lambda **given: measures.random(run, k=3, **given),
        "random_matched": lambda **given: measures.random_matched(run, k=3, **given),
        "random_attention": lambda **given: measures.random_attention(run, per_matrix=2, **given),
    }
    for take in taken.values():
        basis = _orthonormal(take()["basis"])
        assert np.array_equal(basis, take()["basis"])
        assert not np.array_equal(basis, take(seed=1)["basis"])
    blocks = geometry.matrices(layout)
    inside = measures.random_attention(run, per_matrix=2)["basis"]
    for at, (place, _, _) in enumerate(blocks.values()):
        np.testing.assert_allclose((inside[place, 2 * at : 2 * at + 2] ** 2).sum(0), 1, rtol=1e-6)
    # The trajectory's energy in the token embedding, against that of any direction.
    token = layout.parts["token.weight"]
    found, own, any_ = (
        (basis["basis"][token] ** 2).sum(0).mean()
        for basis in (taken["random_matched"](), measures.trajectory(run, k=3), taken["random"]())
    )
    assert found == pytest.approx(own, abs=0.005) and abs(any_ - own) > 0.03


def test_singular_directions_of_the_last_snapshot(carried_out):
    run = _run(carried_out)
    layout, d = Layout.of(run.config), run.config.width
    first, last = (run.snapshot(step).astype(np.float64) for step in (0, 60))
    block = layout.attention_blocks()["1.W_K"]
    place = layout.parts["1.W_K"]
    at = list(layout.attention_blocks()).index("1.W_K")
    for take, weights in ((measures.weight_svd, last), (measures.displacement_svd, last - first)):
        taken = take(run, rank=2)
        assert taken["steps"].tolist() == [0, 60]
        left, _, right = np.linalg.svd(weights[block].reshape(d, d))
        expected = [np.outer(left[:, k], right[k]).ravel() for k in (0, 1)]
        columns = _orthonormal(taken["basis"])[place, 2 * at : 2 * at + 2]
        np.testing.assert_allclose(np.abs(np.diag(expected @ columns)), 1, atol=1e-6)


def test_a_window_of_gradients(carried_out):
    run = _run(carried_out)
    taken = measures.gradient_window(run, rank=2, window=3)
    assert taken["steps"].tolist() == [40, 50, 60]
    subject = measures.Subject(run)
    loss = subject.loss(subject.table.train)
    total = sum(loss.gradient(subject.theta(s).double()) for s in (40, 50, 60)).numpy()
    columns, layout = _orthonormal(taken["basis"]), subject.layout
    assert columns.shape == (layout.size, 6 * layout.layers * 2)
    for at, name in ((1, "0.W_K"), (5, "0.W_2")):
        place, rows, wide = geometry.matrices(layout, feedforward=True)[name]
        left, _, right = np.linalg.svd(total[place].reshape(rows, wide))
        expected = [np.outer(left[:, k], right[k]).ravel() for k in (0, 1)]
        found = columns[place, 2 * at : 2 * at + 2]
        np.testing.assert_allclose(np.abs(np.diag(expected @ found)), 1, atol=1e-4)


def test_another_seeds_basis_is_of_the_sibling(tmp_path):
    store, log = Store(tmp_path), []
    after = Dependency("source", "other_seed", {"k": 3})
    source = dataclasses.replace(SOURCE, grid={"weight_decay": (0.5,)})
    cut = dataclasses.replace(CUT, grid={"intervention.strength": (0.3,)}, after=after)
    with pytest.raises(StoreError, match="needs an ended run of another seed"):
        carry_out(stages([source, cut]), store, train(store))
    both = dataclasses.replace(cut, seeds=(3, 4))
    carry_out(stages([source, both]), store, train(store, log))
    runs = {c.seed: store.runs(c)[0] for c in log if c.intervention is None} | {
        run.config.seed: run for run in store.runs() if run.config.intervention is None
    }
    for config in (c for c in log if c.intervention is not None):
        artefact = Artefacts(store).get(config.intervention.basis)
        sibling = runs[7 - config.seed]
        assert artefact.facts["sibling"] == sibling.config.label
        assert artefact.facts["config_id"] == runs[config.seed].config.id
        own = measures.trajectory(sibling, k=3)["basis"]
        assert np.array_equal(artefact.arrays["basis"], own)


def test_bases_measured_before_there_were_more_parameters_keep_their_name():
    for name, old in (("trajectory", {"k": 20, "to_grok": True}), ("trajectory", {"k": 3})):
        assert bases.complete(name, old | {"skip": 0, "until": 100}) == {"to_grok": False} | old
    assert bases.complete("trajectory", {"skip": 1})["skip"] == 1
    for given, message in (
        ({"skip": 20}, "skip of trajectory must be below k = 20, not 20"),
        ({"until": 0}, "until of trajectory must be from 1 to 100, not 0"),
        ({"until": 101}, "until of trajectory must be from 1 to 100"),
    ):
        with pytest.raises(ConfigError, match=message):
            bases.complete("trajectory", given)


def test_every_measure_has_as_many_columns_as_it_says(carried_out):
    run = _run(carried_out)
    layout = Layout.of(run.config)
    few = {"k": 2, "per_matrix": 1, "rank": 1}
    for name, measure in bases.MEASURES.items():
        known = bases.complete(name, {})
        given = bases.complete(name, {k: v for k, v in few.items() if k in known})
        taken = measure.take(run, **given)
        assert taken["basis"].shape == (layout.size, measure.columns(layout, given)), name


def test_the_arms_of_deletion():
    """Doses, budget and start are the same in all; only the basis or the transform is another."""
    arms = {name: s for name, s in STUDIES.items() if name.startswith("deletion-")}
    del arms["deletion-tri"]  # not a control
    assert {"random", "random-matched", "random-attention", "attention", "other-seed", "update",
            "amplify", "first-half", "without-drift"} <= {n[9:] for n in arms}  # fmt: skip
    seen = set()
    for name in arms:
        _, arm = stages(declaring.find(name))
        changes = [member.blank.intervention for member in arm.members]
        assert [c.strength for c in changes] == 3 * [0.07] + 3 * [0.25] + 3 * [0.5]
        assert {c.start for c in changes} == {500}
        assert {m.plan for m in arm.members} == {Plan(steps=60_000)}
        after = arm.members[0].after
        seen.add((changes[0].transform, after.measure, str(sorted(after.parameters.items()))))
    assert len(seen) == len(arms)  # no arm twice


def test_kicks_and_noise_have_shams_at_the_same_strengths():
    def strengths(name):
        return {m.blank.intervention.strength for m in stages(declaring.find(name))[-1].members}

    assert strengths("kicks") == strengths("kicks-sham") == strengths("kicks-fixed")
    assert strengths("kicks") == strengths("kicks-published") == {50, 100, 200, 500}
    assert strengths("noise") == strengths("noise-inside") == {0.01, 0.05, 0.1, 0.5}
    (once,) = {m.blank.intervention.times for m in stages(declaring.find("kick"))[-1].members}
    assert once == 1


# --- told -----------------------------------------------------------------------------------


def test_what_is_left(carried_out, tmp_path):
    store, _ = carried_out
    nothing = [stand(Store(tmp_path), member) for member in members(SOURCE)]
    ahead = outlook(nothing, speeds_seen([]))
    assert ahead.counts == {"done": 0, "running": 0, "waiting": 4, "diverged": 0}
    assert (ahead.steps, ahead.seconds) == (240, None)
    assert ahead.bytes == sum(m.plan.disk_bytes(m.blank) for m in members(SOURCE))
    for workers, seconds in ((1, 240 / 40), (2, 120 / 40), (8, 60 / 40)):
        found = outlook(nothing, lambda config: 40.0, workers=workers)
        assert found.seconds == pytest.approx(seconds)
    done = [stand(store, member) for member in members(SOURCE, CUT)]
    assert outlook(done, lambda config: 40.0) == dataclasses.replace(
        ahead, counts={"done": 3, "running": 0, "waiting": 0, "diverged": 0},
        steps=0, seconds=0.0, bytes=0,
    )  # fmt: skip


def test_a_basis_counts_once_however_many_runs_use_it(tmp_path):
    store = Store(tmp_path)
    waiting = [stand(store, member) for member in members(SOURCE, CUT)]
    plain = sum(s.plan.disk_bytes(s.member.blank) for s in waiting)
    size = Layout.of(waiting[0].member.blank).size
    assert outlook(waiting, lambda config: None).bytes == plain + 4 * 3 * size


def test_the_speed_is_of_runs_of_that_size(carried_out):
    store, log = carried_out
    runs = store.runs()
    speed = speeds_seen(runs)
    assert speed(log[0]) == pytest.approx(sum(r.step for r in runs) / sum(r.seconds for r in runs))
    assert speed(dataclasses.replace(log[0], width=16)) is None
    assert speed(dataclasses.replace(log[0], batch_size=8)) is None
    assert speeds_seen(runs, models=4)(log[0]) is None


def test_starts_are_written_down_in_full(tmp_path):
    store = Store(tmp_path)
    note_start(store, [DUAL], "grokbook study dual")
    note_start(store, [SOURCE, CUT], "grokbook study cut.toml")
    other = dataclasses.replace(DUAL, seeds=(5,))
    note_start(store, [other], "grokbook study dual --set seed=5")
    note_start(store, [DUAL], "grokbook study dual")
    found = started(store)
    assert [start.command for start in found] == [
        "grokbook study cut.toml",
        "grokbook study dual --set seed=5",
        "grokbook study dual",
    ]
    for start, chain in zip(found, ([SOURCE, CUT], [other], [DUAL]), strict=True):
        assert [s.members for s in stages(start.chain)] == [s.members for s in stages(chain)]
    assert started(store, "cut") == found[:1]
    # A file that was edited is the same study; one that is declared the same is no other.
    longer = dataclasses.replace(CUT, plan=CUT.plan | {"steps": 40})
    note_start(store, [SOURCE, longer], "grokbook study cut.toml")
    note_start(store, [SOURCE, longer], "grokbook study ./cut.toml")
    assert [s.command for s in started(store, "cut")] == ["grokbook study ./cut.toml"]
    assert started(store, "cut")[0].study.plan == longer.plan
    assert forget(store, "cut.toml") == []
    assert [s.command for s in forget(store, "./cut.toml")] == ["grokbook study ./cut.toml"]
    assert not (tmp_path / "studies" / "cut.json").exists()
    assert len(forget(store, "grokbook study dual --set seed=5")) == 1
    assert [s.command for s in started(store)] == ["grokbook study dual"]
    path = tmp_path / "studies" / "dual.json"
    path.write_text(path.read_text().replace('"dual"', '"dull"', 1))
    with pytest.raises(StoreError, match="dual.json was changed after it was written"):
        started(store)
