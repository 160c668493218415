"""What an instrument declares binds its rows, and all instruments declare alike."""

import dataclasses
import math

import pytest

from grokbook.checks import ConfigError
from grokbook.instruments.catalogue import INSTRUMENTS
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row


def declared(*rows, **changes):
    """An instrument that gives these rows at any point."""
    declaration = {
        "name": "length",
        "title": "Length",
        "formula": "‖θ‖",
        "source": "none",
        "error": "rounding",
        "parts": "a matrix: 0.W_Q",
        "variants": "published: in float32; corrected: in float64; after it the null: random walk",
        "quantities": {"norm": Quantity("norm", "length", "its order"), "size": Quantity("1", "P")},
        "points": lambda subject, parameters: [0],
        "take": lambda subject, point, parameters: list(rows),
        "seconds": lambda subject, parameters: 0.0,
        "budget": 1.0,
        "cost": "nothing",
    }
    return Instrument(**declaration | changes)


def measured(*rows, **changes):
    return declared(*rows, **changes).rows(None, 0, {})


def test_rows_as_declared_pass():
    rows = [
        Row(0, "norm", 1.0, part="0.W_Q", variant="published", at=2.0),
        Row(0, "norm", 1.0, variant="corrected, random walk"),
        Row(0, "size", 7.0),
    ]
    assert measured(*rows) == rows


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Row(0, "length", 1.0), "quantity 'length'"),
        (Row(0, "size", 1.0, at=2.0), "`at` of 'size'"),
        (Row(0, "norm", 1.0, variant="exact"), "variant 'exact'"),
        (Row(0, "norm", 1.0, variant="published, noise"), "variant 'published, noise'"),
        (Row(0, "norm", 1.0, variant="published, random, walk"), "variant 'published, random, w"),
        (Row(0, "norm", 1.0, variant="published/random"), "variant 'published/random'"),
        (Row(0, "norm", 1.0, variant="published,random"), "variant 'published,random'"),
        (Row(0, "norm", 1.0, part="total"), "part 'total'"),
        (Row(0, "norm", 1.0, part="all"), "part 'all'"),
    ],
)
def test_rows_that_are_not_declared_are_refused(row, says):
    with pytest.raises(ValueError, match=says):
        measured(row)


def test_parts_need_a_declaration():
    with pytest.raises(ValueError, match="part 'add'"):
        measured(Row(0, "norm", 1.0, part="add"), parts="")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Length"}, "'Length'"),
        ({"name": "two words"}, "'two words'"),
        ({"quantities": {"test accuracy": Quantity("1", "…")}}, "'test accuracy'"),
        ({"quantities": {"test-accuracy": Quantity("1", "…")}}, "'test-accuracy'"),
        ({"quantities": {"_norm": Quantity("1", "…")}}, "'_norm'"),
        ({"parameters": {"batch-pairs": Parameter(9, "…")}}, "'batch-pairs'"),
    ],
)
def test_names_are_words_joined(changes, says):
    with pytest.raises(ConfigError, match=says):
        declared(**changes)


def test_what_every_instrument_must_say_has_no_default():
    required = {
        each.name
        for each in dataclasses.fields(Instrument)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    }
    assert {"parts", "variants", "error", "source", "cost"} <= required


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_are_declared_alike(name):
    tool = INSTRUMENTS[name]
    functions = (tool.points, tool.take, tool.seconds)
    assert [each.__name__ for each in functions] == ["_points", "_take", "_seconds"]
    assert all(quantity.unit and quantity.meaning for quantity in tool.quantities.values())
    one_line = (tool.parts, tool.variants, *(each.at for each in tool.quantities.values()))
    assert not any("\n" in text for text in one_line)
    assert not {"points", "pairs", "ranks"} & set(tool.parameters)  # one name for one thing
    assert math.isfinite(tool.budget) and tool.version >= 1
    for parameter, choice in tool.parameters.items():
        assert choice.meaning and "\n" not in choice.meaning
        choice.check(parameter, choice.default)
        assert choice.read(str(choice)) == choice.default


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "pairs of length must be at least 1, not 0"),
        (2.0, "pairs of length must be a whole number, not 2.0"),
        (True, "pairs of length must be a whole number, not True"),
    ],
)
def test_a_whole_number_has_a_least_one(value, says):
    tool = declared(parameters={"pairs": Parameter(9, "of batches")})
    assert tool.complete({"pairs": 1}) == {"pairs": 1}
    with pytest.raises(ConfigError, match=f"^{says}$"):
        tool.complete({"pairs": value})


def test_a_parameter_has_bounds_or_words():
    tool = declared(
        parameters={
            "share": Parameter(0.5, "of the path", high=1),
            "ends": Parameter((3.0, 5.0), "of time"),
            "kind": Parameter("thin", "of line", among=("thin", "thick")),
        }
    )
    assert tool.complete({"share": 1.0})["ends"] == (3.0, 5.0)
    for given, says in (
        ({"share": 0.0}, r"share of length must lie in \(0, 1\], not 0.0"),
        ({"ends": (3.0, -1.0)}, r"ends of length must lie in \(0, inf\], not -1.0"),
        ({"ends": 3.0}, r"ends of length must be numbers joined by \+, not 3.0"),
        ({"kind": "wide"}, "kind of length is thin or thick, not 'wide'"),
        ({"shares": 1.0}, r"no parameter 'shares'; did you mean share\?"),
    ):
        with pytest.raises(ConfigError, match=says):
            tool.complete(given)
