"""A Dyck run's identity, and what no such run can be."""

from dataclasses import fields

import pytest

from grokbook.config import Config, ConfigError, DyckConfig, RunConfig
from grokbook.plan import Plan


def test_ids_are_for_ever():
    assert DyckConfig().id == "46a0e3b44d07"
    assert DyckConfig(seed=137, weight_decay=0).id == "0206c67b1f86"
    assert DyckConfig(labels="random", seed=2024).id == "29211f03ce9c"


def test_the_id_is_of_the_dynamics():
    same = [
        DyckConfig(),
        DyckConfig(weight_decay=1, data_seed=0, labels="depth", init_scale=1, positions=48),
        DyckConfig(label_seed=9),  # of no meaning with true labels
        DyckConfig(seed=1, init_seed=42, batch_seed=42),
        DyckConfig(tasks="depth"),
    ]
    assert {config.id for config in same} == {DyckConfig().id}


CHANGES = [
    {"data_seed": 1},
    {"labels": "random"},
    {"labels": "random", "label_seed": 1},
    {"init_scale": 0.25},
    {"positions": 24},
    {"layers": 3},
    {"width": 64},
    {"heads": 8},
    {"hidden": 128},
    {"learning_rate": 5e-4},
    {"beta1": 0.8},
    {"beta2": 0.999},
    {"epsilon": 1e-6},
    {"weight_decay": 0.5},
    {"clip_norm": 2.0},
    {"batch_size": 25},
    {"seed": 1},
    {"init_seed": 1},
    {"batch_seed": 1},
    {"schedule": ["400:weight_decay=0"]},
    {"schedule": ["400:weight_decay=0", "400:moments=0"]},
    {"schedule": ["400:moments=0"]},
    {"intervention": "transform=noise,strength=0.1"},
]


def test_every_field_of_the_dynamics_changes_the_id():
    made = [DyckConfig(), *(DyckConfig(**change) for change in CHANGES)]
    assert len({config.id for config in made}) == len(made)
    assert len({config.label for config in made}) == len(made)
    for config in made:
        stored = Config.from_json(config.to_json())
        assert stored == config and type(stored) is DyckConfig
    changed = {name for change in CHANGES for name in change}
    assert changed | {"tasks"} == {field.name for field in fields(DyckConfig)}


def test_stored_configs_find_their_class():
    assert type(RunConfig.from_json({"tasks": ["depth"]})) is DyckConfig
    assert type(Config.from_json({"tasks": ["mul", "add"]})) is RunConfig
    with pytest.raises(ConfigError, match="unknown field in a run's config: modulus"):
        Config.from_json({"tasks": ["depth"], "modulus": 97})
    with pytest.raises(ConfigError, match="unknown task 'width'; known tasks: .*, depth"):
        Config.from_json({"tasks": ["width"]})


@pytest.mark.parametrize("change", [{}, *CHANGES, {"labels": "random", "init_seed": 3}])
def test_the_command_names_the_run(change, monkeypatch, capsys):
    import sys

    from grokbook import cli

    config, trained = DyckConfig(**change), []
    monkeypatch.setattr(cli.train, "_carry_out", lambda *given: trained.append(given))
    monkeypatch.setattr(sys, "argv", config.command.split())
    with pytest.raises(SystemExit):
        cli.main()
    ((found, plan),) = trained or capsys.readouterr().err
    assert found.id == config.id
    assert plan == Plan(steps=10_000, after_grok=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ("depth", "add")}, "depth is learned alone, not with others: depth, add"),
        ({"labels": "shuffled"}, "unknown labels 'shuffled'; known labels: depth, random"),
        ({"init_scale": 0}, r"init scale must lie in \(0, inf\], not 0"),
        ({"positions": 23}, "positions must be from 24 to 65536, not 23"),
        ({"data_seed": -1}, "data seed must be from 0 to"),
        ({"heads": 3}, "width 128 is not a multiple of heads 3"),
        ({"schedule": ["400:moments=1"]}, r"moments must lie in \[0, 0\], not 1"),
        ({"intervention": "transform=kick,strength=1"}, "kick is there for modular arithmetic"),
    ],
)
def test_refusals_are_one_line_that_names_the_value(change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        DyckConfig(**change)
    assert "\n" not in str(caught.value)


def test_a_reset_is_hashed_only_where_it_is_used():
    add = RunConfig(tasks=("add", "mul"))
    assert "schedule" not in add.dynamics() and add.id == "274dd975d93d"
    again = RunConfig(tasks=("add", "mul"), schedule=["300:moments=0"])
    assert again.id != add.id and again.resets == (300,)
    assert again.label == "add + mul, λ = 1, moments reset at step 300, seed 42"
