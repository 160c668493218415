"""Chapter parameters: what is read, what is refused, and in which words."""

import math

import pytest

from grokbook.publishing.parameters import ParameterError, read_parameters

TYPES = {
    "decays": list[float],
    "seeds": list[int],
    "threshold": float,
    "tasks": list[str],
    "verbose": bool,
    "limit": int | None,
}
PUBLISHED = {
    "decays": [1.0],
    "seeds": [42, 137],
    "threshold": 0.98,
    "tasks": ["add", "mul"],
    "verbose": False,
    "limit": None,
}


def read(**values):
    namespace = {"__annotations__": TYPES, **PUBLISHED, **values}
    return read_parameters(namespace, published=PUBLISHED)


def test_defaults_are_default():
    chosen = read()
    assert chosen.are_default
    assert chosen.seeds == (42, 137)
    assert chosen.as_dict() == {**PUBLISHED, "decays": (1.0,), "seeds": (42, 137)} | {
        "tasks": ("add", "mul")
    }


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("decays", [0.8, 1.0], (0.8, 1.0)),
        ("decays", "[0.8, 1.0]", (0.8, 1.0)),
        ("decays", "0.8,1.0", (0.8, 1.0)),
        ("decays", "1e-3", (0.001,)),
        ("decays", [2, 3], (2.0, 3.0)),
        ("decays", 0, (0.0,)),
        ("seeds", "3", (3,)),
        ("seeds", 3, (3,)),
        ("seeds", (3, 4), (3, 4)),
        ("tasks", "['add', sq]", ("add", "sq")),
        ("threshold", 1, 1.0),
        ("verbose", True, True),
        ("limit", 7, 7),
    ],
)
def test_values_are_read(name, given, wanted):
    chosen = read(**{name: given})
    value = getattr(chosen, name)
    assert value == wanted
    assert type(value) is type(wanted)
    assert not chosen.are_default


def test_same_value_in_another_form_is_default():
    assert read(decays="1", seeds="[42, 137]").are_default


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("threshold", "high"),
        ("threshold", True),
        ("threshold", math.nan),
        ("threshold", math.inf),
        ("threshold", None),
        ("threshold", [0.9]),
        ("decays", [True]),
        ("decays", ["strong"]),
        ("decays", [math.nan]),
        ("decays", "0.8, strong"),
        ("decays", "nan"),
        ("decays", []),
        ("decays", ""),
        ("seeds", [42.0]),
        ("seeds", "4.5"),
        ("seeds", True),
        ("seeds", [3, 3]),
        ("tasks", [1]),
        ("verbose", 1),
        ("verbose", "yes"),
        ("limit", 2.5),
    ],
)
def test_bad_values_are_named_in_one_line(name, given):
    with pytest.raises(ParameterError) as caught:
        read(**{name: given})
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    shown = given[0] if isinstance(given, list) and len(given) == 1 else given
    shown = "strong" if given == "0.8, strong" else shown
    assert str(shown).strip("[]") in message


def test_only_a_list_that_is_optional_may_be_null():
    namespace = {"__annotations__": TYPES, **PUBLISHED, "seeds": None}
    chosen = read_parameters(namespace, published=PUBLISHED, optional=["seeds"])
    assert chosen.seeds == () and not chosen.are_default
    with pytest.raises(ParameterError, match="seeds"):
        read(seeds=None)
    with pytest.raises(ParameterError, match="at least one value"):
        read_parameters(namespace | {"seeds": []}, published=PUBLISHED, optional=["seeds"])


def test_yaml_text_gets_a_hint():
    with pytest.raises(ParameterError, match=r"'1e-3' is not a number .*write 0.001"):
        read(decays=["1e-3"])


def test_unknown_parameter_is_named_with_the_known_ones():
    with pytest.raises(
        ParameterError, match=r"unknown parameter weight_decay = 0.8; known are: de"
    ):
        read(weight_decay=0.8)


def test_names_of_ipython_and_of_modules_are_no_parameters():
    assert read(In=["x"], Out={}, math=math, helper=read, _hidden=3).are_default


def test_names_made_later_do_not_disturb_a_second_reading():
    namespace = {"__annotations__": TYPES, **PUBLISHED}
    read_parameters(namespace, published=PUBLISHED)
    namespace.update(table=[1, 2], seeds=[5])
    assert read_parameters(namespace, published=PUBLISHED).seeds == (5,)


def test_parameter_without_type_is_refused():
    with pytest.raises(ParameterError, match="colour is published but has no type"):
        read_parameters({"__annotations__": {}, "colour": 1}, published={"colour": 1})


def test_record_cannot_be_changed():
    chosen = read()
    with pytest.raises(AttributeError, match="seeds cannot be changed"):
        chosen.seeds = (1,)
    with pytest.raises(AttributeError):
        del chosen.seeds
