"""What can change during a run, what cannot, and how it is written."""

import math

import pytest

from grokbook.changes import Intervention, Switch
from grokbook.checks import ConfigError
from grokbook.config import RunConfig

BASIS = "0123456789abcdef" * 4
ADD = {"tasks": ("add", "mul")}


def test_the_value_in_force():
    config = RunConfig(
        **ADD, schedule=["500:weight_decay=0.2", "100:weight_decay=0", "100:learning_rate=1e-4"]
    )
    decays = [config.value_at("weight_decay", step) for step in (0, 99, 100, 499, 500, 9_999)]
    assert decays == [1.0, 1.0, 0.0, 0.0, 0.2, 0.2]
    assert [config.value_at("learning_rate", step) for step in (99, 100)] == [1e-3, 1e-4]
    assert config.value_at("clip_norm", 1_000) == 1.0
    assert [switch.text for switch in config.schedule] == [
        "100:learning_rate=0.0001",
        "100:weight_decay=0",
        "500:weight_decay=0.2",
    ]
    with pytest.raises(ConfigError, match="a schedule sets learning_rate, .*, not 'width'"):
        config.value_at("width", 0)


def test_ids_with_changes_are_for_ever():
    noise = Intervention("noise", 0.25, 500, 50, BASIS)
    assert RunConfig(**ADD, intervention=noise).id == "759d72259165"
    assert RunConfig(**ADD, schedule=["2000:weight_decay=0"]).id == "1b5f153a261a"
    assert RunConfig(**ADD, intervention=Intervention("delete", 0.1, 500, basis=BASIS)).id == (
        "83d4a0529dd2"
    )


def test_one_dynamics_is_one_run():
    plain = RunConfig(**ADD)
    for nothing in (
        *({"intervention": Intervention(name, 0, basis=BASIS)} for name in ("kick", "amplify")),
        {"schedule": ["300:weight_decay=1", "700:clip_norm=1"]},
        {"intervention": Intervention("delete", 0.0, basis=BASIS)},
        {"intervention": "transform=noise,strength=0"},
    ):
        assert RunConfig(**ADD, **nothing) == plain
    once, twice = (
        RunConfig(**ADD, schedule=words)
        for words in (["9:weight_decay=0"], ["20:weight_decay=0", "9:weight_decay=0.0"])
    )
    assert once == twice
    assert once.id not in (plain.id, RunConfig(**ADD, schedule=["10:weight_decay=0"]).id)


@pytest.mark.parametrize(
    "change",
    [
        {"transform": "amplify"},
        {"transform": "delete_update"},
        {"transform": "penalty", "every": 10},
        {"strength": 0.2},
        {"start": 501},
        {"basis": "f" * 64},
        {"times": 3},
        {"transform": "kick"},
        {"transform": "kick_published"},
        {"transform": "kick_sham", "pairs": 5},
        {"transform": "kick_fixed"},
        {"transform": "noise_inside"},
    ],
)
def test_every_field_of_an_intervention_counts(change):
    values = {"transform": "delete", "strength": 0.1, "start": 500, "basis": BASIS}
    base = RunConfig(**ADD, intervention=values)
    other = RunConfig(**ADD, intervention=values | change)
    assert (other.id, other.label, other.command) != (base.id, base.label, base.command)
    assert other.label != base.label
    assert RunConfig.from_json(other.to_json()) == other
    assert Intervention.parse(other.intervention.text) == other.intervention


def test_json_holds_only_json():
    import json

    config = RunConfig(
        **ADD, schedule=[Switch(7, "clip_norm", 2)], intervention=Intervention("noise", 0.1, 5, 3)
    )
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert "schedule" not in RunConfig(**ADD).dynamics()
    assert "intervention" not in RunConfig(**ADD).dynamics()


def test_when_it_acts():
    always = Intervention("delete", 0.1, start=3, basis=BASIS)
    assert [step for step in range(6) if always.acts(step)] == [3, 4, 5]
    now_and_then = Intervention("penalty", 0.1, start=3, every=4, basis=BASIS)
    assert [step for step in range(12) if now_and_then.acts(step)] == [3, 7, 11]
    twice = Intervention("kick", 5, start=3, every=4, times=2)
    assert [step for step in range(20) if twice.acts(step)] == [3, 7]
    for_a_while = Intervention("delete", 0.1, start=3, times=2, basis=BASIS)
    assert [step for step in range(9) if for_a_while.acts(step)] == [3, 4]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (["0:weight_decay=0"], "switch step must be from 1 to .*, not 0"),
        (
            ["100:width=3"],
            "a switch sets learning_rate, weight_decay, clip_norm, moments, not 'width'",
        ),
        (["100:weight_decay=-1"], "weight decay must lie in .*, not -1"),
        (["100:learning_rate=0"], r"learning rate must lie in \(0, inf\], not 0"),
        (["100:clip_norm=much"], "clip norm must be a finite number, not 'much'"),
        (["weight_decay=1"], "switch 'weight_decay=1' is not of the form STEP:FIELD=VALUE"),
        (["9:clip_norm=2", "9:clip_norm=3"], "clip_norm is switched twice at step 9"),
        (["9:weight_decay=nan"], "weight decay must be a finite number, not nan"),
        ([{"step": 3, "field": "clip_norm"}], "switch: value is missing"),
        ([{"at": 3}], "switch: no field 'at'; known: step, field, value"),
        ("9:clip_norm=2", "schedule must be a list of switches, not '9:clip_norm=2'"),
        ([5], "switch must be given by its fields, not 5"),
    ],
)
def test_schedules_that_no_run_can_have(schedule, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig(**ADD, schedule=schedule)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transform": "erase"}, "unknown intervention 'erase'; known: delete, delete_update"),
        ({"strength": 1.1}, r"strength of delete must lie in \[0, 1\], not 1.1"),
        ({"strength": -0.1}, "strength of delete must lie in"),
        ({"strength": math.nan}, "strength of delete must be a finite number, not nan"),
        ({"transform": "amplify", "strength": 1}, r"amplify must lie in \[0, 1\), not 1"),
        ({"transform": "noise", "strength": -1}, "strength of noise must lie in"),
        ({"start": -1}, "start of delete must be from 0"),
        ({"every": 10}, "delete acts at every update, not at every 10"),
        ({"transform": "penalty"}, "every of penalty must be at least 2, not 1"),
        ({"transform": "noise", "every": 0}, "every of noise must be from 1"),
        ({"basis": None}, "delete needs a basis"),
        ({"transform": "noise_inside", "basis": None}, "noise_inside needs a basis"),
        ({"times": -1}, "times of delete must be from 0"),
        ({"transform": "kick", "pairs": 4}, "pairs of kick must be odd to have a median, not 4"),
        ({"transform": "kick", "pairs": 0}, "pairs of kick must be from 1 to 99, not 0"),
        ({"transform": "kick", "strength": -1}, "strength of kick must lie in"),
        ({"transform": "kick_fixed", "pairs": 5}, "kick_fixed takes no commutators: pairs must"),
        ({"basis": "XYZ"}, "must be a sha256 .*, not 'XYZ'"),
        ({"basis": BASIS.upper()}, "must be a sha256"),
        ({"colour": "red"}, "intervention: no field 'colour'; known: transform"),
    ],
)
def test_interventions_that_no_run_can_have(change, message):
    values = {"transform": "delete", "strength": 0.1, "basis": BASIS}
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig(**ADD, intervention=values | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delete", "intervention 'delete': 'delete' is not of the form NAME=VALUE"),
        ("strength=0.1", "intervention: transform is missing"),
        ("transform=noise", "intervention: strength is missing"),
        ("transform=noise,strength=1,strength=2", "strength is given twice"),
    ],
)
def test_texts_that_are_no_intervention(text, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig(**ADD, intervention=text)
