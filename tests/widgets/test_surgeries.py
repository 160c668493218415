"""Surgeries, the sentence made from them, and the fourth chapter's explorable without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import traitlets as t

from explorable_harness import page_html, small_surgeries, synthetic_surgery
from grokbook.config import RunConfig
from grokbook.geometry.compression import scaled
from grokbook.geometry.loss import Loss
from grokbook.instruments.runs import Missing, Run
from grokbook.models.exchange import to_state_dict
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.widgets import Incompressibility, cut_sentence
from grokbook.widgets.from_surgeries import singular_shares
from grokbook.widgets.incompressibility import OPENING, at_depth
from grokbook.widgets.surgeries import CUTS

STATIC = Path(__file__).parents[2] / "grokbook" / "widgets" / "static"


@pytest.fixture(scope="module")
def surgery():
    return synthetic_surgery()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"at": np.array([0.1, 0.1])}, "two or more depths that increase"),
        ({"at": np.array([0.5])}, "two or more depths that increase"),
        ({"accuracy": {"published": np.ones((2, 7))}}, "published and control, got .'published'"),
        ({"change": {}}, "change must have accuracy's lines"),
    ],
)
def test_a_cut_that_does_not_fit_is_refused_in_one_line(surgery, change, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        replace(surgery.cuts["scale"], **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["accuracy", "change", "noise"])
def test_every_line_has_a_value_a_depth(surgery, name):
    cut = surgery.cuts["scale"]
    short = {line: values[..., 1:] for line, values in getattr(cut, name).items()}
    with pytest.raises(ValueError, match=f"{name} must be"):
        replace(cut, **{name: short})
    tables = {line: table[1:] for line, table in cut.tables.items()}
    with pytest.raises(ValueError, match=r"tables must be \(7, 2, side, side\)"):
        replace(cut, tables=tables)


def test_a_surgery_that_does_not_fit_is_refused(surgery):
    said = r"^surgery 'add \+ mul, seed 42': "
    with pytest.raises(ValueError, match=said + "cuts must be some of scale, .*, got $"):
        replace(surgery, cuts={})
    with pytest.raises(ValueError, match=said + "tables need the step"):
        replace(surgery, shown=None)
    with pytest.raises(ValueError, match=said + "scale must have 3 tasks"):
        replace(surgery, tasks=("add", "mul", "sq"))
    with pytest.raises(ValueError, match=said + "tables of scale must have 11 × 11"):
        replace(surgery, trained=surgery.trained[1:, 1:])


def test_packed_bytes_are_the_values(surgery):
    raw = surgery.packed()
    assert list(raw["cuts"]) == list(CUTS)
    for kind, cut in surgery.cuts.items():
        packed = raw["cuts"][kind]
        assert np.array_equal(np.frombuffer(packed["at"], "<f4"), cut.at.astype("f4"))
        for group in ("accuracy", "change", "noise", "spectrum"):
            values = getattr(cut, group)
            assert set(packed[group]) == set(values)
            for line, each in values.items():
                assert np.array_equal(
                    np.frombuffer(packed[group][line], "<f4"), each.ravel().astype("f4")
                )
    bits = np.unpackbits(np.frombuffer(raw["trained"], "u1"), count=144)
    assert np.array_equal(bits.astype(bool), surgery.trained.ravel())


def test_the_sentence_speaks_of_the_published_example():
    runs = [flat(0.01, 0.99), flat(0.03, 0.97)]
    assert cut_sentence(runs[:1], "scale") == (
        "As published, with the displacement scaled by 0.95, 1.0 % of the test pairs are answered "
        "right."
    )
    assert cut_sentence(runs, "scale", True) == (
        "With the weights themselves scaled by 0.95, 98.0 % of the test pairs are answered right, "
        "as published 2.0 % (mean of 2 runs): it does less harm, and moves the weights by 33 % of "
        "their length, not by 110 %."
    )
    assert cut_sentence(runs, "rank").startswith("As published, with the displacement of every")
    worse = cut_sentence([flat(0.9, 0.1)], "share", True)
    assert worse.endswith(
        "answered right, as published 90.0 %: the network is more fragile than was published."
    )
    held = cut_sentence([flat(0.9, 0.1)], "directions", True)
    assert held.startswith("From as many directions of a path that ends a tenth earlier, 10.0 % of")
    assert held.endswith("without the end of the path less of the network is rebuilt.")
    same = cut_sentence([flat(0.5, 0.55)], "rank", True)
    assert same.endswith("both ways of cutting say the same.")
    first = cut_sentence(runs[:1], "directions", depth=1)
    assert first.startswith("As published, from the first direction of the path, 1.0 % of")
    few = cut_sentence(runs[:1], "share", True, depth=0.1)
    assert few.startswith("With the largest 10 % of the weights themselves kept, 99.0 % of")
    alone = synthetic_surgery(kinds=("directions",), tables=False)
    assert cut_sentence([alone], "rank") == "No run here was cut by rank."


def test_settings_are_told_apart():
    """A mean over runs of two tasks and of three is a number that no run has."""
    three = [replace(flat(0.95, 0.6), setting="three tasks") for _ in range(2)]
    two = replace(flat(0.8, 0.1), setting="two tasks")
    assert cut_sentence([two, *three], "directions") == (
        "As published, from the first 5 directions of the path, 80.0 % of the test pairs are "
        "answered right (two tasks) and 95.0 % (three tasks, mean of 2 runs)."
    )
    said = cut_sentence([two, *three], "directions", True)
    assert "10.0 % of the test pairs are answered right, as published 80.0 % (two tasks): " in said
    assert "; 60.0 %, as published 95.0 % (three tasks, mean of 2 runs): " in said


def flat(published, control):
    """The same accuracy at every depth."""
    one = synthetic_surgery(tables=False)
    cuts = {
        kind: replace(
            cut,
            accuracy={
                line: np.full_like(values, control if line == "control" else published)
                for line, values in cut.accuracy.items()
            },
        )
        for kind, cut in one.cuts.items()
    }
    return replace(one, cuts=cuts)


def test_the_example_is_read_at_its_depth(surgery):
    for kind, depth in OPENING.items():
        cut = surgery.cuts[kind]
        place = cut.at.tolist().index(depth)
        assert at_depth(surgery, kind) == cut.accuracy["published"][:, place].mean()
    assert at_depth(surgery, "scale", "control") > at_depth(surgery, "scale")
    assert at_depth(synthetic_surgery(kinds=("directions",)), "scale") is None


def test_it_opens_at_the_published_example():
    shown = Incompressibility(small_surgeries())
    assert (shown.run, shown.cut, shown.frame, shown.control) == (0, "scale", 3, False)
    assert Incompressibility(small_surgeries(), run=2).cut == "directions"
    with pytest.raises(ValueError, match="at least one surgery"):
        Incompressibility([])
    with pytest.raises(t.TraitError, match="run must be 0..2, got 3"):
        shown.run = 3
    with pytest.raises(t.TraitError):
        shown.cut = "weight"


def test_the_page_can_hold_it():
    shown = Incompressibility(small_surgeries())
    assert len(shown.sentences) == 2 * len(CUTS)
    assert "<script" not in shown._esm
    for name in ("cuts", "incompressibility"):
        assert len((STATIC / f"{name}.js").read_bytes()) <= 15_000
    html = page_html(shown)
    assert json.dumps(shown.title) in html


def test_singular_shares_are_numpys():
    layout = Layout.of(RunConfig(tasks=("add", "mul"), modulus=5, width=4, heads=2, hidden=4))
    theta = initial_parameters(layout, [1])[0]
    found, each = singular_shares(layout, theta), []
    for name, part in layout.slices.items():
        shape = layout.shapes[name]
        if len(shape) == 2 and name != "position":  # 2 × 4: no full width
            squares = (
                np.linalg.svd(theta[part].double().numpy().reshape(shape), compute_uv=False) ** 2
            )
            each.append(squares / squares.sum())
    assert len(each) == 11
    assert found == pytest.approx(np.mean(each, axis=0), rel=1e-10)
    assert found.sum() == pytest.approx(1, rel=1e-12)


def test_answers_of_the_tables_are_those_of_the_cut_weights(monkeypatch):
    """On an untrained network, whose answers at every scale are its own."""
    from grokbook.widgets import from_surgeries

    config = RunConfig(tasks=("add", "mul"), modulus=13, width=16, heads=2, hidden=16, seed=5)
    layout, table = Layout.of(config), config.table()
    theta = initial_parameters(layout, [6])
    start = initial_parameters(layout, [5])[0]

    class Record:
        def __init__(self):
            self.config, self.table = config, table

    weights = {name: each.numpy() for name, each in to_state_dict(layout, theta).items()}
    cut = synthetic_surgery(kinds=("scale",), tables=False).cuts["scale"]
    found = from_surgeries.answered(Run("made", Record()), weights, {"scale": cut})["scale"]
    assert set(found.tables) == {"published", "control"}
    for place, factor in enumerate(cut.at):
        for line, origin in (("published", start), ("control", 0 * start)):
            new = scaled(theta[0], origin, float(factor)).theta
            for part in ("test", "train"):
                pairs = getattr(table, part)
                right = Loss.on(layout, table, pairs).accuracy(new).tolist()
                shown = found.tables[line][place].reshape(2, -1)[:, pairs].mean(axis=1)
                assert shown == pytest.approx(right, abs=1e-12)


def test_a_run_that_was_not_cut_is_missing():
    with pytest.raises(Missing, match="neither compression nor reconstruction of made"):
        from_made(Run("made", None))


def from_made(run):
    from types import SimpleNamespace

    from grokbook.widgets.from_surgeries import surgery as made

    record = SimpleNamespace(config=RunConfig(tasks=("add", "mul")), table=None)
    return made(replace(run, record=record))
