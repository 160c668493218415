"""Asking for measured runs: recorded, stored, trained and measured, refused, interrupted."""

import signal
from dataclasses import replace

import numpy as np
import pytest

from grokbook.chapters import asked
from grokbook.chapters import integrability as chapter
from grokbook.chapters.measured import ask_all_measured, ask_measured
from grokbook.checks import ConfigError
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.instruments import catalogue
from grokbook.instruments.measurement import Measurement
from grokbook.instruments.recorded import Recorded
from grokbook.instruments.runs import Missing
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.recorded import Results
from grokbook.studies.asking import MissingRun, ask
from grokbook.training.run import run as train
from grokbook.widgets import Integrability
from grokbook.widgets.from_measurements import course

pytestmark = pytest.mark.long(20)

SMALL = {
    "tasks": ("add", "mul"),
    "modulus": 11,
    "width": 16,
    "heads": 2,
    "hidden": 16,
    "batch_size": 16,
}
PLAN = Plan(steps=400, after_grok=None)
QUICK = {"batch_pairs": 2}
WANTED = {
    "events": {},
    "trajectory": {"draws": 3},
    "commutator": {"snapshots": 3, "checkpoints": 3, **QUICK},
    "integrability": {"snapshots": 3, "draws": 10, "k": 2, **QUICK},
}


def small(seed):
    return RunConfig(**SMALL, seed=seed)


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("GROKBOOK_TRAIN", "allowed")


@pytest.fixture
def places(tmp_path):
    return {"store": Store(tmp_path / "store"), "shelf": Shelf(Results(tmp_path / "results"))}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two seeds, trained and measured by asking, and the store that holds them."""
    root = tmp_path_factory.mktemp("made")
    places = {"store": Store(root / "store"), "shelf": Shelf(Results(root / "results"))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROKBOOK_TRAIN", "allowed")
        runs = ask_all_measured([small(3), small(4)], lambda _: PLAN, WANTED, **places)
    return runs, places["store"]


def files(store):
    """Everything that a store holds, with its time of writing."""
    return {
        path: path.stat().st_mtime_ns
        for path in store.root.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    }


def same(a, b):
    """Are the measurements of both the same, in whatever order, errors as they are recorded?"""

    def of(run):
        return {each.instrument: each.with_short_errors().reread() for each in run.measurements}

    ours, theirs = of(a), of(b)
    return ours.keys() == theirs.keys() and all(
        each.rows.equals(theirs[name].rows) and each.parameters == theirs[name].parameters
        for name, each in ours.items()
    )


def test_it_is_trained_and_measured_for_real(made):
    runs, _ = made
    for seed, run in zip((3, 4), runs, strict=True):
        assert run.config.id == small(seed).id and run.record.last_step == 400
        found = {each.instrument: each for each in run.measurements}
        assert set(found) == set(WANTED)
        assert all(each.complete and len(each.rows) for each in found.values())
        assert found["integrability"].points == (0, 200, 400)
        assert course(run).read.tolist() == [0, 100, 200, 400]
        assert len(run.grams.products["all"]) == 5


def test_every_run_is_trained_before_one_is_measured(made):
    """The first seed's control is the second, which was not there when it was asked for."""
    runs, _ = made
    for run in runs:
        (of_all,) = (each for each in run.measurements if each.instrument == "integrability")
        other = small(7 - run.config.seed)
        assert of_all.sibling.startswith(other.id)
        assert np.isfinite(course(run).shares["other"]).all()


def test_what_is_stored_is_neither_trained_nor_measured_again(made, places, monkeypatch):
    runs, store = made
    before = files(store)
    for word in ("allowed", "never"):
        monkeypatch.setenv("GROKBOOK_TRAIN", word)
        found = ask_measured(small(3), PLAN, WANTED, store=store, shelf=places["shelf"])
        assert same(found, runs[0]) and found.record.source == "store"
    assert files(store) == before


def test_what_is_recorded_needs_no_store(made, tmp_path, capsys):
    runs, store = made
    results = Results(tmp_path / "results")
    for directory in store.runs():
        results.add(directory)
    for run in runs:
        for each in run.measurements:
            Recorded(results).add(each)
    empty = Store(tmp_path / "empty")
    found = ask_all_measured(  # GROKBOOK_TRAIN is never
        [small(4), small(3)], lambda _: PLAN, WANTED, store=empty, shelf=Shelf(results)
    )
    assert [run.record.source for run in found] == ["recorded", "recorded"]
    assert [run.config.seed for run in found] == [4, 3]
    assert same(found[1], runs[0])
    assert not empty.root.exists()
    ours, theirs = course(found[1]).packed(), course(runs[0]).packed()
    points = [np.frombuffer(each.pop("plane"), np.float32) for each in (ours, theirs)]
    assert ours == theirs  # the plane is of inner products, which are recorded in float32
    np.testing.assert_allclose(*points, rtol=0, atol=1e-6 * np.abs(points[1]).max())
    assert capsys.readouterr().err == ""
    further = Plan(steps=500, after_grok=None)
    with pytest.raises(MissingRun, match="not recorded with all its measurements"):
        ask_measured(small(3), further, WANTED, store=empty, shelf=Shelf(results))


def test_a_record_without_its_measurements_is_not_enough(made, places, tmp_path):
    _, store = made
    results = Results(tmp_path / "results")
    results.add(next(each for each in store.runs() if each.config.seed == 3))
    assert ask_measured(small(3), PLAN, {}, shelf=Shelf(results), store=places["store"])
    with pytest.raises(MissingRun, match="not recorded with all its measurements"):
        ask_measured(small(3), PLAN, WANTED, shelf=Shelf(results), store=places["store"])
    found = ask_measured(small(3), PLAN, WANTED, shelf=Shelf(results), store=store)
    assert found.record.source == "store"


def test_where_nothing_may_be_made_it_says_so_in_one_line(places):
    with pytest.raises(MissingRun) as caught:
        ask_measured(small(3), PLAN, WANTED, **places)
    config = small(3)
    assert str(caught.value) == (
        f"run {config.id} ({config.label}) is not recorded with all its measurements, and "
        "GROKBOOK_TRAIN is never: unset the variable to train and measure it"
    )
    assert not places["store"].root.exists()


def test_a_stored_run_is_not_measured_where_nothing_may_be_made(places):
    train(small(3), replace(PLAN, full_state=True), places["store"])
    before = files(places["store"])
    with pytest.raises(MissingRun, match="GROKBOOK_TRAIN is never"):
        ask_measured(small(3), PLAN, {"events": {}}, **places)
    assert files(places["store"]) == before


def test_a_run_of_attention_alone_is_not_measured_and_the_way_out_is_named(allowed, places):
    train(small(3), PLAN, places["store"])
    before = files(places["store"])
    with pytest.raises(MissingRun, match="set GROKBOOK_STORE to another directory") as caught:
        ask_measured(small(3), PLAN, {"events": {}}, **places)
    assert "\n" not in str(caught.value)
    assert files(places["store"]) == before


def test_what_the_first_chapter_trains_the_others_measure(allowed, places):
    """Chapter 1 asks for the record alone; its run then needs no second training."""
    config = small(3)
    far = asked.plan(config, 400)
    ask(config, far, store=places["store"], results=places["shelf"].results)
    before = files(places["store"])
    run = ask_measured(config, far, {"events": {}}, **places)
    assert [each.instrument for each in run.measurements] == ["events"]
    assert {path: files(places["store"])[path] for path in before} == before


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"curvature": {}}, "unknown instrument 'curvature'; known: events"),
        ({"commutator": {"snapshot": 3}}, "snapshot"),
    ],
)
def test_an_unknown_instrument_or_parameter_is_refused_before_anything_is_made(
    allowed, places, wanted, said
):
    with pytest.raises(ConfigError, match=said):
        ask_measured(small(3), PLAN, wanted, **places)
    assert not places["store"].root.exists()


def test_a_plan_that_is_refused_is_refused_before_anything_is_made(allowed, places):
    configs = [small(3), RunConfig(tasks=("add", "mul", "sq"), modulus=11)]
    with pytest.raises(ConfigError, match="steps must be 600 or more"):
        ask_all_measured(configs, lambda one: chapter.plan(one, 400), WANTED, **places)
    assert not places["store"].root.exists()


def test_other_parameters_are_measured_anew_and_their_rows_are_meant(allowed, made, capsys):
    runs, store = made
    shelf = Shelf(Results(store.root.parent / "none"))
    wanted = {"commutator": WANTED["commutator"] | {"snapshots": 2, "checkpoints": 0}}
    found = ask_measured(small(3), PLAN, wanted, store=store, shelf=shelf)
    said = capsys.readouterr().err
    assert said.startswith("measuring commutator: add + mul") and "training" not in said
    (only,) = found.measurements
    assert only.parameters["checkpoints"] == 0 and only.points == (0, 100, 200, 400)
    assert len(found.rows("commutator", "defect", variant="published", at=0.5)) == 4
    reads = {
        name: run.rows("commutator", "reading", variant="published")["value"].sum()
        for name, run in (("theirs", runs[0]), ("ours", found))
    }
    assert reads == {"theirs": 3, "ours": 0}
    with pytest.raises(Missing):  # rows of the defaults are not taken for others
        replace(found, meant={}).rows("commutator", "defect", variant="published", at=0.5)
    again = ask_measured(small(3), PLAN, wanted, store=store, shelf=shelf)
    assert same(again, found) and capsys.readouterr().err == ""


def test_an_interrupted_measuring_raises_and_goes_on(allowed, made, tmp_path, monkeypatch, capsys):
    """Ctrl-C comes while the second point is measured; the rows are as if it had not."""
    _, store = made
    tool, taken = catalogue.INSTRUMENTS["commutator"], []

    def take(subject, point, parameters):
        taken.append(point)
        if len(taken) == 2:
            signal.raise_signal(signal.SIGINT)
        return tool.take(subject, point, parameters)

    monkeypatch.setitem(catalogue.INSTRUMENTS, "commutator", replace(tool, take=take))
    own = Store(tmp_path / "store")
    own.root.mkdir()
    (own.root / "runs").symlink_to(store.root / "runs")
    wanted, shelf = {"commutator": WANTED["commutator"]}, Shelf(Results(tmp_path / "none"))
    with pytest.raises(MissingRun, match=r"was stopped with 2 points left; .*ask again to go on"):
        ask_measured(small(3), PLAN, wanted, store=own, shelf=shelf)
    assert "4 of 4 points left" in capsys.readouterr().err
    found = ask_measured(small(3), PLAN, wanted, store=own, shelf=shelf)
    assert "2 of 4 points left" in capsys.readouterr().err
    assert taken == [0, 100, 200, 400], "nothing is measured twice"
    (path,) = (own.root / "measurements").rglob("*.parquet")
    (theirs,) = (store.root / "measurements" / small(3).id).glob(path.name)
    assert Measurement.read(path).rows.equals(Measurement.read(theirs).rows)
    assert found.measurements[0].complete


def test_an_interrupted_training_raises_and_goes_on(allowed, places, monkeypatch):
    """Ctrl-C comes while the progress line is drawn for the first time."""
    from grokbook.studies import asking

    class Interrupting(asking.ProgressLine):
        def show(self, *news):
            signal.raise_signal(signal.SIGINT)
            return super().show(*news)

    with monkeypatch.context() as patch:
        patch.setattr(asking, "ProgressLine", Interrupting)
        with pytest.raises(MissingRun, match=r"training .* was stopped at step \d+; nothing is"):
            ask_measured(small(3), PLAN, {"events": {}}, **places)
    assert 0 < places["store"].runs(small(3))[0].step < 400
    found = ask_measured(small(3), PLAN, {"events": {}}, **places)
    assert found.record.last_step == 400


def test_one_seed_alone_has_no_control_by_another(allowed, places):
    run = ask_measured(small(3), PLAN, WANTED, **places)
    one = course(run)
    assert np.isnan(one.shares["other"]).all() and np.isfinite(one.shares["own"]).all()
    assert chapter.inside([run]) == {}  # it does not grok
    assert len(Integrability([one]).courses) == 1


def test_the_chapters_own_functions_read_real_runs(made):
    runs, _ = made
    courses = [course(run) for run in runs]
    for run, one in zip(runs, courses, strict=True):
        (defect,) = (each for each in run.measurements if each.instrument == "commutator")
        rows = defect.rows
        kept = (rows["quantity"] == "defect") & (rows["variant"] == "published")
        kept &= (rows["part"] == "") & np.isclose(rows["at"], 0.5)
        assert np.array_equal(one.defects["published"], rows.loc[kept, "value"])
        assert one.run_id == run.config.id and one.grok is None
        assert one.last_step == 400 and one.path[-1] == 400
        assert 0 < one.walk < 1 and 0 < one.held[1] < one.held[0] < 1
        assert (one.shares["matched_low"] <= one.shares["matched_high"]).all()
    found = chapter.detectors(runs, courses)
    assert len(found) == 2 * (2 + 7) + 4
    assert all(each.quiet == 2 and not each.leads for each in found)
