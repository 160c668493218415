"""A run's identity, and what no run can be."""

import math
from dataclasses import fields

import pytest

from grokbook.changes import Intervention, Switch
from grokbook.checks import ConfigError
from grokbook.config import RunConfig


def test_ids_are_for_ever():
    assert RunConfig(tasks=("add", "mul"), weight_decay=1.0, seed=42).id == "274dd975d93d"
    assert (
        RunConfig(tasks=("add", "mul", "sq"), weight_decay=0.3, seed=7, learning_rate=3e-3).id
        == "80bdd686c72f"
    )
    assert RunConfig(tasks=("add", "mul"), split="symmetric").id == "5b7b0c99ed4e"


def test_the_id_is_of_the_dynamics():
    base = RunConfig(tasks=("add", "mul"))
    same = [
        RunConfig(tasks=("mul", "add")),
        RunConfig(tasks="add,mul"),
        RunConfig(tasks=("add", "mul"), weight_decay=1),
        RunConfig(tasks=("add", "mul"), domain="nonzero"),
        RunConfig(tasks=("add", "mul"), split="published"),
        RunConfig(tasks=("add", "mul"), seed=1, split_seed=42, init_seed=42, batch_seed=42),
    ]
    assert {c.id for c in same} == {base.id}


@pytest.mark.parametrize(
    "change",
    [
        {"modulus": 53},
        {"domain": "full"},
        {"train_fraction": 0.6},
        {"split": "symmetric"},
        {"layers": 3},
        {"width": 64},
        {"heads": 8},
        {"hidden": 128},
        {"learning_rate": 1e-4},
        {"beta1": 0.8},
        {"beta2": 0.999},
        {"epsilon": 1e-6},
        {"weight_decay": 0.5},
        {"clip_norm": 2.0},
        {"batch_size": 256},
        {"seed": 1},
        {"split_seed": 1},
        {"init_seed": 1},
        {"batch_seed": 1},
        {"tasks": ("add",)},
        {"schedule": [Switch(300, "weight_decay", 0.0)]},
        {"intervention": Intervention("noise", 0.1)},
    ],
)
def test_every_field_of_the_dynamics_changes_the_id(change):
    base = {"tasks": ("add", "mul")}
    assert RunConfig(**(base | change)).id != RunConfig(**base).id
    assert RunConfig.from_json(RunConfig(**(base | change)).to_json()) == RunConfig(
        **(base | change)
    )


def test_every_field_is_covered_above():
    changed = {
        name
        for mark in test_every_field_of_the_dynamics_changes_the_id.pytestmark
        for change in mark.args[1]
        for name in change
    }
    assert changed == {f.name for f in fields(RunConfig)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ("div",)}, "unknown task 'div'"),
        ({"weight_decay": -0.1}, "weight decay must lie in .*-0.1"),
        ({"weight_decay": math.nan}, "weight decay must be a finite number, not nan"),
        ({"weight_decay": "strong"}, "weight decay must be a finite number, not 'strong'"),
        ({"modulus": 91}, "modulus 91 is not prime, and mul needs a prime"),
        ({"modulus": 2, "tasks": ("add",)}, "modulus must be from 3"),
        ({"train_fraction": 0.0}, r"train fraction must lie in \(0, 1\), not 0"),
        ({"train_fraction": 1.0}, r"train fraction must lie in \(0, 1\), not 1"),
        ({"train_fraction": 1e-9}, "leaves nothing to train on"),
        ({"learning_rate": 0.0}, "learning rate must lie in"),
        ({"seed": 1.5}, "seed must be an integer, not 1.5"),
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": True}, "seed must be an integer, not True"),
        ({"heads": 3}, "width 128 is not a multiple of heads 3"),
        ({"domain": "odd"}, "unknown domain 'odd'"),
    ],
)
def test_refusals_are_one_line_that_names_the_value(change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig(**({"tasks": ("add", "mul")} | change))
    assert "\n" not in str(caught.value)


def test_a_composite_modulus_is_fine_without_mul():
    assert RunConfig(tasks=("add",), modulus=91).modulus == 91
    with pytest.raises(ConfigError, match="unknown field in a run's config: colour"):
        RunConfig.from_json({"tasks": ["add"], "colour": "red"})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"train_fraction": 0.3},
        {"init_seed": 5},
        {"seed": 7, "split_seed": 42, "init_seed": 42, "batch_seed": 42},
        {"modulus": 59, "learning_rate": 0.003, "weight_decay": 0.123456789},
        {"layers": 3, "domain": "full"},
        {"split": "symmetric", "seed": 7},
        {"schedule": ["300:weight_decay=0.1", "300:learning_rate=1e-05", "700:weight_decay=0"]},
        {
            "intervention": {
                "transform": "delete",
                "strength": 0.1,
                "start": 500,
                "basis": "ab" * 32,
            }
        },
        {"intervention": "transform=penalty,strength=1,every=10,basis=" + "cd" * 32},
        {"intervention": "transform=noise,strength=0.25,every=50"},
    ],
)
def test_label_and_command_name_the_run_and_no_other(change, monkeypatch, capsys):
    base = RunConfig(tasks=("add", "mul"))
    config = RunConfig(**({"tasks": ("add", "mul")} | change))
    assert (config.label == base.label) == (config.id == base.id)
    import sys

    from grokbook import cli

    trained = []
    monkeypatch.setattr(cli.train, "_carry_out", lambda config, plan: trained.append(config))
    monkeypatch.setattr(sys, "argv", config.command.split())
    with pytest.raises(SystemExit):
        cli.main()
    assert [c.id for c in trained] == [config.id], capsys.readouterr().err


def test_numpy_numbers_will_do():
    import numpy as np

    config = RunConfig(tasks=("add",), seed=np.int64(3), weight_decay=np.float32(0.5))
    assert config.id == RunConfig(tasks=("add",), seed=3, weight_decay=0.5).id
    with pytest.raises(ConfigError, match="tasks must be"):
        RunConfig(tasks=5)
    assert RunConfig.from_json({"tasks": "add"}).tasks == ("add",)
