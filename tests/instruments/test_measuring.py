"""Measuring: stopped, killed, over budget, damaged; whatever happens, the same file in the end."""

import math
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from grokbook.checks import ConfigError
from grokbook.cli.agenda import parameters_from
from grokbook.instruments import catalogue
from grokbook.instruments.agenda import agenda
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.measurement import Measurement
from grokbook.instruments.measuring import Measuring
from grokbook.instruments.recorded import Recorded
from grokbook.instruments.runs import Run
from grokbook.instruments.subject import Subject
from grokbook.store import Busy, RunDirectory, Store, StoreError
from grokbook.store.measurements import sole
from grokbook.store.recorded import Results
from grokbook.sweep.order import Order


def norms(subject, point, parameters):
    """‖θ‖ in two norms."""
    theta = subject.theta(point).double().numpy()
    size = float(np.linalg.norm(theta, parameters["order"]))
    return [Row(point, "norm", size, part=part, error=1e-7) for part in ("", "again")]


NORM = Instrument(
    name="norm",
    title="length of all parameters",
    formula="‖θ‖ of order p",
    source="none",
    error="rounding",
    parts="the whole (empty), and again",
    variants="none",
    quantities={"norm": Quantity("L2 norm", "length")},
    points=lambda subject, parameters: subject.spaced(parameters["points"]),
    take=norms,
    seconds=lambda subject, parameters: 0.5,
    budget=1.0,
    cost="nothing",
    parameters={
        "order": Parameter(2, "p"),
        "points": Parameter(6, "snapshots"),
        "halves": Parameter((0.5, 1.0), "of the way"),
    },
    needs=("theta",),
)


@pytest.fixture
def store(small_runs, tmp_path, monkeypatch):
    """The small runs, with a place of one's own for measurements."""
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", NORM)
    own = Store(tmp_path / "store")
    own.root.mkdir()
    (own.root / "runs").symlink_to(small_runs.root / "runs")
    return own


def job(store, **options):
    """The instrument on the run of seed 1."""
    run = next(run for run in store.runs() if run.config.seed == 1)
    return Measuring.of("norm", run, **options)


def measured(store, job):
    """The finished measurement."""
    return job.measure(store, threading.Event())


def test_rows_say_what_was_measured(store, small_run):
    found = measured(store, job(store))
    assert found.complete and found.points == found.measured == (0, 12, 24, 36, 48, 60)
    assert list(found.rows["step"]) == sorted(list(found.points) * 2)
    last = found.rows[(found.rows["step"] == 60) & (found.rows["part"] == "again")].iloc[0]
    assert last["value"] == np.float32(np.linalg.norm(small_run.theta(60).double().numpy()))
    assert last["error"] == np.float32(1e-7) and math.isnan(last["at"]) and last["count"] == 1
    again = Measurement.read(found.path(store))
    assert again.rows.equals(found.reread().rows)
    assert (again.instrument, again.config_id, again.run_step) == ("norm", small_run.config.id, 60)
    assert again.sibling == ""


def test_a_measurement_that_was_stopped_goes_on_to_the_same_rows(store, tmp_path, monkeypatch):
    whole = measured(store, job(store))
    whole.path(store).unlink()
    stop, taken = threading.Event(), []

    def stopping(subject, point, parameters):
        taken.append(point)
        if len(taken) == 2:
            stop.set()
        return norms(subject, point, parameters)

    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", replace(NORM, take=stopping))
    part = job(store).measure(store, stop)
    assert not part.complete and part.measured == (0, 12) and part.left == (24, 36, 48, 60)
    full = measured(store, job(store))
    assert taken == [0, 12, 24, 36, 48, 60]  # nothing twice
    assert full.reread().rows.equals(whole.reread().rows)
    assert full.seconds > part.seconds > 0
    assert replace(full, seconds=0.0).to_bytes() == replace(whole, seconds=0.0).to_bytes()


def test_what_it_has_is_saved_as_it_goes(store, monkeypatch):
    monkeypatch.setattr("grokbook.instruments.measuring.SAVE_SECONDS", -1.0)

    def failing(subject, point, parameters):
        if point == 36:
            raise FloatingPointError("no number")
        return norms(subject, point, parameters)

    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", replace(NORM, take=failing))
    with Order.given(store.root) as order:
        done, _ = job(store).carry_out(store, order)
    assert done.status == "failed" and "no number" in done.note and done.step == 3
    assert job(store).reached(store)[0] == 3


def test_the_budget_ends_it(store):
    with Order.given(store.root) as order:
        done, _ = job(store, allowance=0.0).carry_out(store, order)
        assert done.status == "interrupted" and "6 of 6 points left" in done.note
        done, _ = job(store).carry_out(store, order)
        assert (done.status, done.step, done.note) == ("finished", 6, "")


def test_a_withdrawn_order_begins_nothing(store):
    with Order.given(store.root) as order:
        order.stop()
        done, _ = job(store).carry_out(store, order)
    assert (done.status, done.step) == ("interrupted", 0)


def test_two_do_not_measure_the_same(store):
    path = measured(store, job(store)).path(store)
    path.unlink()
    with sole(path), pytest.raises(Busy, match="another process"):
        measured(store, job(store))
    assert measured(store, job(store)).complete


def test_other_parameters_are_another_measurement(store):
    first, second = (measured(store, job(store, parameters=p)) for p in ({}, {"order": 1}))
    assert first.path(store) != second.path(store)
    assert (second.rows["value"] > first.rows["value"]).all()


def test_another_control_is_another_measurement(store, small_run, monkeypatch):
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", replace(NORM, sibling=True))
    alone = Store(store.root.parent / "alone")
    (alone.root / "runs").mkdir(parents=True)
    (alone.root / "runs" / small_run.config.id).symlink_to(small_run.run.path.parent)
    first, second = (measured(place, job(place)) for place in (alone, store))
    other = small_run.sibling()
    assert (first.sibling, second.sibling) == ("", f"{other.config.id}/{other.run.path.name}")
    assert first.name != second.name and first.rows.equals(second.rows)


def test_damage_is_named(store):
    path = measured(store, job(store)).path(store)
    data = bytearray(path.read_bytes())
    data[60] ^= 1  # in the first column's page
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"norm-.*damaged"):
        measured(store, job(store))


def test_an_undeclared_quantity_is_refused(store, monkeypatch):
    odd = replace(NORM, take=lambda s, p, q: [Row(p, "length", 1.0)])
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", odd)
    with pytest.raises(ValueError, match="does not declare the quantity 'length'"):
        measured(store, job(store))


def test_bad_input_is_named(store):
    run = store.runs()[0]
    with pytest.raises(ConfigError, match="unknown instrument 'nrom'"):
        Measuring.of("nrom", run)
    with pytest.raises(ConfigError, match="no parameter 'odrer'; did you mean order"):
        Measuring.of("norm", run, {"odrer": 1})
    with pytest.raises(ConfigError, match="order of norm must be a whole number, not 'x'"):
        Measuring.of("norm", run, {"order": "x"})
    for setting in ("norm", "norm=2", "norm.order", ".order=2", "norm.order="):
        with pytest.raises(ConfigError, match="not of the form"):
            parameters_from([setting])
    with pytest.raises(ConfigError, match="given twice"):
        parameters_from(["norm.order=1", "norm.order=2"])
    with pytest.raises(ConfigError, match="order of norm must be a whole number, not 'x'"):
        parameters_from(["norm.order=x"])
    assert parameters_from(["norm.order=1"]) == {"norm": {"order": 1}}
    assert parameters_from(["norm.halves=1+2.5"]) == {"norm": {"halves": (1.0, 2.5)}}


def test_the_agenda_counts_points_and_cost(store):
    runs = store.runs()
    measured(store, job(store))
    (item,) = agenda(store, runs, ["norm"], {}, of=4)
    assert (item.points, item.measured, item.seconds, item.lacking) == (12, 6, 3.0, 0)
    assert {each.measuring.allowance for each in item.jobs} == {900.0}
    (item,) = agenda(store, runs, ["norm"], {"norm": {"points": 3}}, of=2, budget=0.5)
    assert (item.points, item.measured) == (6, 0) and item.jobs[0].measuring.allowance == 900.0
    with pytest.raises(ConfigError, match="is not asked for"):
        agenda(store, runs, ["norm"], {"hessian": {}}, of=1)


def test_complete_measurements_are_recorded_once(store, tmp_path):
    recorded = Recorded(Results(tmp_path / "results"))
    found = measured(store, job(store))
    entry = recorded.add(found)
    assert recorded.add(found) == entry and entry["rows"] == 12
    config = next(run.config for run in store.runs() if run.config.seed == 1)
    (again,) = recorded.find("norm", config)
    assert again.rows.drop(columns="error").equals(found.reread().rows.drop(columns="error"))
    assert recorded.find("norm", config, {"order": 1}) == []
    assert recorded.verify() == []
    other = replace(found, rows=found.rows.assign(value=0.0))
    with pytest.raises(StoreError, match="with other rows"):
        recorded.add(other)
    assert recorded.add(other, replace=True)["sha256"] != entry["sha256"]
    (place,) = recorded.manifest()
    (tmp_path / "results" / place).write_bytes(b"")  # what is damaged is replaced, too
    assert recorded.verify() and recorded.add(other, replace=True) and not recorded.verify()
    assert (recorded.find("norm", config)[0].rows["value"] == 0).all() and recorded.verify() == []
    with pytest.raises(StoreError, match="1 of 6 points left"):
        recorded.add(replace(found, measured=found.measured[:-1]))


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (1.0, 1.0),
        (np.nextafter(np.float32(1), np.float32(2)), 1.0625),  # five digits: steps of 1/16
        (1.0625, 1.0625),
        (1.97, 2.0),  # carried into the exponent
        (0.1, 0.1015625),
        (0.0, 0.0),
        (math.nan, math.nan),
        (math.inf, math.inf),
    ],
)
def test_recorded_errors_have_five_binary_digits_and_are_never_smaller(
    store, tmp_path, error, recorded
):
    found = measured(store, job(store))
    place = Recorded(Results(tmp_path / "results"))
    place.add(replace(found, rows=found.rows.assign(error=np.float32(error))))
    config = next(run.config for run in store.runs() if run.config.seed == 1)
    (again,) = place.find("norm", config)
    np.testing.assert_array_equal(again.rows["error"], np.float32(recorded))


def test_short_errors_are_short_and_near(store):
    found = measured(store, job(store))
    errors = np.exp(np.random.default_rng(0).normal(0, 9, len(found.rows))).astype("float32")
    short = replace(found, rows=found.rows.assign(error=errors)).with_short_errors()
    values = short.rows["error"].to_numpy()
    assert (values >= errors).all() and (values < errors * (1 + 1 / 16)).all()
    digits = np.frexp(values.astype(float))[0] * 2**5
    assert (digits == np.round(digits)).all()
    assert short.with_short_errors().rows.equals(short.rows)


def test_a_later_version_takes_the_place_of_an_earlier_one_and_of_no_other(store, tmp_path):
    recorded = Recorded(Results(tmp_path / "results"))
    first = measured(store, job(store))
    others = [
        replace(first, parameters=first.parameters | {"order": 1}),
        replace(first, numerics_id="another"),
        replace(first, config_id="another"),
    ]
    for each in [first, *others]:
        recorded.add(each)
    later = replace(first, version=first.version + 1)
    recorded.add(later)
    places = {f"measurements/{each.config_id}/{each.name}" for each in [later, *others]}
    assert set(recorded.manifest()) == places
    assert recorded.verify() == []  # and no file is left that nobody lists


def test_what_an_earlier_version_measured_is_read_all_the_same(store, tmp_path, monkeypatch):
    recorded = Recorded(Results(tmp_path / "results"))
    first = measured(store, job(store))
    recorded.add(first)
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", replace(NORM, version=2))
    config = next(run.config for run in store.runs() if run.config.seed == 1)
    (again,) = recorded.find("norm", config)
    assert again.version == 1 and len(again.rows) == len(first.rows)
    seen = Run("norm", SimpleNamespace(config=config), (again,))
    assert len(seen.rows("norm", "norm")) == len(first.points)
    assert (
        job(store).found(store, Subject(RunDirectory(store.root / job(store).run), store)) is None
    )


def test_recorded_damage_is_named(store, tmp_path):
    recorded = Recorded(Results(tmp_path / "results"))
    found = measured(store, job(store))
    recorded.add(found)
    path = tmp_path / "results" / "measurements" / found.config_id / found.name
    path.with_name("stray").write_text("")
    path.write_bytes(path.read_bytes()[:-1])
    problems = recorded.verify()
    assert len(problems) == 2 and "damaged" in problems[0] and "not in" in problems[1]
    config = next(run.config for run in store.runs() if run.config.seed == 1)
    with pytest.raises(StoreError, match="damaged"):
        recorded.find("norm", config)


@pytest.mark.parametrize(
    ("name", "change", "lack"),
    [
        ("edge", {"tasks": ("add", "mul")}, "a single task"),
        ("gap-flow", {"tasks": ("add", "mul")}, "a single task"),
        ("probes", {"layers": 1}, "a network of two layers"),
    ],
)
def test_what_a_run_lacks_is_said_of_its_config(name, change, lack):
    config = SimpleNamespace(**{"tasks": ("depth",), "layers": 2} | change)
    subject = SimpleNamespace(config=config, steps=np.arange(0, 99, 9), cadence=9, last=90)
    assert catalogue.INSTRUMENTS[name].lacking(subject) == lack


@pytest.mark.parametrize(
    ("steps", "lack"), [((0, 9, 18, 27, 36), ""), ((0, 9, 18, 27), "more snapshots")]
)
def test_an_edge_needs_four_updates_to_the_end(steps, lack):
    config = SimpleNamespace(tasks=("depth",))
    subject = SimpleNamespace(config=config, steps=np.array(steps), cadence=9, last=steps[-1])
    assert catalogue.INSTRUMENTS["edge"].lacking(subject) == lack


def test_a_run_with_too_few_snapshots_lacks_them(store, monkeypatch):
    few = replace(NORM, lacking=lambda subject: "more snapshots" * (len(subject.steps) < 9_999))
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", few)
    runs = store.runs()
    (item,) = agenda(store, runs, ["norm"], {}, of=len(runs))
    assert (item.lacking, item.jobs, item.points) == (len(runs), (), 0)
    assert item.missing == ("more snapshots",)
    strange = replace(NORM, needs=("theta", "strings"))
    monkeypatch.setitem(catalogue.INSTRUMENTS, "norm", strange)
    (item,) = agenda(store, runs, ["norm"], {}, of=len(runs))
    assert list(item.missing) == ["strings of brackets, which the Dyck task has"]
    assert item.lacking == len(runs)
    (item,) = agenda(store, runs, ["events"], {}, of=len(runs))
    assert item.missing == () and item.lacking == 0
