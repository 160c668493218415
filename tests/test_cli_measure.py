"""``grokbook measure`` and ``describe``: real runs, real workers, one line for bad input."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest

from grokbook import cli
from grokbook.checks import ConfigError
from grokbook.cli.agenda import lines as agenda_lines
from grokbook.cli.points import Points
from grokbook.instruments.agenda import Item, Job, agenda
from grokbook.instruments.catalogue import INSTRUMENTS
from grokbook.instruments.measurement import Measurement
from grokbook.instruments.recorded import Recorded
from grokbook.numerics import Numerics
from grokbook.store import Store, StoreError
from grokbook.store.packing import unpack
from grokbook.store.recorded import Results
from grokbook.studies.declaring import change, find
from grokbook.studies.members import stages
from grokbook.sweep import Done
from grokbook.training.run import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small_study):
    """A store with the small study's first run ended, and its file."""
    folder = tmp_path_factory.mktemp("measure")
    (folder / "small.toml").write_text(small_study(steps=40, cadence=2))
    member = stages(find(str(folder / "small.toml")))[-1].members[0]
    run(member.blank, member.plan, Store(folder / "store"))
    return folder


@pytest.fixture
def say(trained, monkeypatch, capsys):
    """Carry out a command; its exit status, and what it said on both streams."""
    monkeypatch.chdir(trained)
    monkeypatch.setenv("GROKBOOK_STORE", str(trained / "store"))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(trained / "results"))

    def command(text):
        monkeypatch.setattr("sys.argv", ["grokbook", *text.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return command


@pytest.mark.slow
@pytest.mark.long(14)
def test_measured_stopped_short_and_gone_on_with(say, trained):
    one = "measure small.toml --workers 1 --instruments events,weight-spectra,commutator"
    status, out, _ = say(one + " --dry-run")
    assert status == 0 and out.splitlines()[0] == "small: 1 of 2 runs have ended"
    assert "weight-spectra       0 of" in out and not (trained / "store" / "measurements").exists()
    status, out, err = say(one + " --budget 0")
    assert status == 1 and "share of the budget" in err and "Traceback" not in err
    status, out, err = say(one)
    assert status == 0 and "done: 3 measurements" in out and "finished" in err
    status, out, _ = say(one)
    assert status == 0 and "nothing is left to measure" in out
    status, out, _ = say("record small.toml")
    assert status == 0 and "3 measurements" in out
    assert {entry["instrument"] for entry in Recorded().manifest().values()} == {
        "events",
        "weight-spectra",
        "commutator",
    }
    status, out, _ = say("verify")
    assert status == 0
    frame = pd.read_parquet(io.BytesIO(next(trained.rglob("results/**/commutator*")).read_bytes()))
    assert set(frame["variant"]) >= {"published", "corrected", "floor"}


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("measure duel", "unknown study 'duel'"),
        ("measure small.toml --instruments nrom", "unknown instrument 'nrom'"),
        ("measure small.toml --with commutator.pears=3", "no parameter 'pears'"),
        (
            "measure small.toml --with commutator.batch_pairs=x",
            "batch_pairs of commutator must be a whole number, not 'x'",
        ),
        ("measure small.toml --with commutator.batch_pairs=0", "must be at least 1, not 0"),
        ("measure small.toml --with hessian.precision=float16", "is float32 or float64, not"),
        ("measure small.toml --with trajectory.taus=3+x", "must be numbers joined by +, not '3+x'"),
        ("measure small.toml --instruments weight_spectra", "did you mean weight-spectra?"),
        (
            "measure small.toml --with commutator.snapshots=3,commutator.checkpoints=2",
            "give --with once for each parameter",
        ),
        ("measure small.toml --with commutator", "not of the form INSTRUMENT.PARAMETER=VALUE"),
        ("measure small.toml --workers 0", "workers must"),
        ("measure small.toml --budget -1", "budget must"),
        ("measure small.toml --scheduler here", "tcp://host:8786"),
        ("measure small.toml --set colour=red", "colour"),
        (
            "measure small.toml --instruments events --with commutator.batch_pairs=3",
            "parameters of commutator are given",
        ),
        ("study small.toml --instruments events", "--instruments is for --measure, which is not"),
        ("study small.toml --measure --instruments events,nrom", "unknown instrument 'nrom'"),
        (
            "study small.toml --measure --set plan.full_state=false",
            "study small: its plan keeps no snapshots of all parameters, which edge, ",
        ),
        (
            "study small.toml --measure --instruments hessian --set plan.full_state=false",
            "which hessian needs; add --set plan.full_state=true, or name other --instruments",
        ),
        ("describe nrom", "unknown instrument 'nrom'"),
        ("record small.toml nothing", "unknown study 'nothing'"),
        ("record small.toml beefbeef", "0 finished runs in the store begin with 'beefbeef'"),
        ("measure beef", "0 finished runs in the store begin with 'beef'"),
    ],
)
def test_bad_input_is_one_line(say, command, line):
    status, out, err = say(command)
    assert status == 2 and out == "" and line in err
    assert err.startswith("grokbook: ") and err.count("\n") == 1


def test_without_a_run_it_says_what_makes_one(say):
    none = "measure small.toml --set weight_decay=0.3 --seeds 1"
    line = "`grokbook study small.toml --set weight_decay=0.3 --seeds 1` trains them\n"
    status, out, err = say(none)
    assert status == 1 and out == "" and err.count("\n") == 1
    assert err.startswith("grokbook: no run of study small has ended in ") and err.endswith(line)
    status, out, err = say(none + " --dry-run")
    assert (status, err) == (0, "") and out.endswith(line)


def test_what_is_not_recorded_is_said(say, trained):
    two = "measure small.toml --instruments weight-spectra --workers 1"
    say(two), say(two + " --with weight-spectra.snapshots=2")
    usual = {"snapshots": 128}
    found = map(Measurement.read, trained.rglob("store/measurements/*/weight-spectra-*.parquet"))
    whole = next(each for each in found if each.parameters == usual)
    path, points = whole.path(Store(trained / "store")), len(whole.points)
    path.write_bytes(replace(whole, measured=whole.measured[:1]).to_bytes())
    status, out, _ = say("record small.toml")
    path.write_bytes(whole.to_bytes())
    add = "weight-spectra with other parameters: add --with weight-spectra.snapshots=2"
    assert status == 0 and add in out
    assert f"weight-spectra, of which 1 of {points} points are measured" in out
    status, out, _ = say("record small.toml")
    assert status == 0 and f"  not recorded: {add}" in out
    assert "points are measured" not in out
    path.write_bytes(replace(whole, rows=whole.rows.assign(value=0.0)).to_bytes())
    status, out, err = say("record small.toml")
    assert status == 1 and err.endswith("is recorded already, with other rows\n")
    assert say("record small.toml --replace")[0] == 0
    path.write_bytes(whole.to_bytes())
    assert say("record small.toml")[0] == 1 and say("record small.toml --replace")[0] == 0


def test_points_are_counted_as_they_become_safe(trained, tmp_path, capsys):
    store = Store(tmp_path)
    (tmp_path / "runs").symlink_to(trained / "store" / "runs")
    items = agenda(store, [each for each in store.runs() if each.ended][:1],
                   ["events", "weight-spectra"], {}, of=1)  # fmt: skip
    points, stop = items[1].points, threading.Event()
    with Points([job for item in items for job in item.jobs], stop) as display:
        assert display.summary().startswith(f"0 of 2 measurements done, 0 of {points + 1} points")
        job = items[1].jobs[0].measuring
        found = job.measure(store, stop)
        assert display.summary().startswith(f"0 of 2 measurements done, {points} of {points + 1}")
        display.ended(Done(job.key, job.label, "finished", len(found.measured), 2.0))
        assert display.summary().startswith(f"1 of 2 measurements done, {points} of {points + 1}")
        stop.set()
        time.sleep(0.3)
        display.ended(Done(items[0].jobs[0].measuring.key, "events", "interrupted", 0, 0.0))
    assert capsys.readouterr().err.splitlines() == [
        f"{job.label}: finished, {points} points, 2 s of a core",
        "stopping: what is being measured is saved; Ctrl-C again ends it at once",
        "stopped before their turn: 1 measurement",
    ]


def test_what_would_be_measured_and_what_it_takes_is_said_before(say, trained):
    two = "--measure --instruments events,weight-spectra --dry-run"
    status, out, err = say(f"study small.toml {two} --set plan.full_state=false --set seed=9")
    assert (status, err) == (0, "")  # these two need no snapshots of all parameters
    assert "  to be measured: 1 run, of which 0 have ended\n" in out
    said = " ".join(out.split())
    assert "events: at the published size 0.1 core-seconds a run; at most 0.02 core-" in said
    status, out, err = say(f"study small.toml {two} --seeds 3")
    assert "  to be measured: 3 runs, of which 0 have ended\n" in out
    status, out, err = say(f"study small.toml {two}")
    assert "  to be measured: 2 runs, of which 1 have ended\n" in out
    said = " ".join(out.split())  # a line is wrapped where the terminal ends
    assert re.search(r"events: \d of 1 points; [^:]*about \d+ s of a core for 1 run to come", said)
    assert not (trained / "store" / "studies").exists()  # nothing was started


def test_a_study_is_trained_measured_and_packed(say, trained, tmp_path):
    """What a measuring leaves undone is the status; the pack is written all the same."""
    go = f"study small.toml --measure --instruments events,weight-spectra --pack {tmp_path}/p"
    path = trained / "store" / "measurements"
    status, out, err = say(go + " --workers 1")
    assert status == 0, err
    assert re.search(r"done: \d measurements? in", out)
    packed = [int(n) for n in re.findall(r"  (\d+) measurements\n", out)]
    assert len(packed) == 2 and min(packed) >= 2  # other tests may have measured more before
    assert out.index("done: ") < out.index("2 of 2 runs, ") < out.rindex("done: 2 runs in")
    status, out, err = say(go)
    assert status == 0 and "nothing is left to train\nsmall: 2 of 2 runs have ended\n" in out
    assert "\nnothing is left to measure\n" in out
    usual = {"snapshots": 128}  # another test measures with other settings
    damaged = next(
        each
        for each in path.rglob("weight-spectra-*.parquet")
        if Measurement.read(each).parameters == usual
    )
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-9])
    status, out, err = say(go)
    advice = "it is no measurement; delete it, and it is measured anew"
    assert (status, err) == (1, f"grokbook: {damaged} is damaged: {advice}\n")
    assert f"without {damaged} is damaged" in out and "2 of 2 runs, " in out
    damaged.unlink()
    status, out, err = say(go + " --workers 1")  # as it says
    assert status == 0 and "nothing is left to measure" not in out, err
    assert damaged.read_bytes()[:4] == whole[:4]


@pytest.mark.slow
@pytest.mark.long(25)
def test_ctrl_c_while_measuring_loses_nothing_and_says_what_goes_on(small_study, tmp_path):
    (tmp_path / "small.toml").write_text(small_study(steps=40, cadence=4))
    home = {"GROKBOOK_STORE": str(tmp_path / "store"), "PYTHONPATH": os.pathsep.join(sys.path)}
    go = ["study", "small.toml", "--measure", "--instruments", "events,commutator", "--pack", "p"]

    def begin():
        return subprocess.Popen(
            [sys.executable, "-m", "grokbook", *go, "--workers", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | home,
        )

    process, said = begin(), []
    try:
        for line in process.stderr:
            said.append(line)
            if line.startswith("events: ") and len(said) == 4:  # the other run's comes next
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130, (said, err)
    assert out.endswith(
        "stopped; everything is saved, and `grokbook study small.toml --measure --instruments "
        "events,commutator --pack p` goes on from there\n"
    )
    assert "2 of 2 runs, " in out  # packed as far as it had come
    store = Store(tmp_path / "away")
    runs = unpack(tmp_path / "p", store)
    assert sum(len(run.measurements) for run in runs) >= 2
    assert (process := begin()).communicate(timeout=600) and process.returncode == 0
    runs = unpack(tmp_path / "p", store)
    assert all(len(run.measurements) == 2 for run in runs)
    items = agenda(store, store.runs(), ["events", "commutator"], {}, of=2)
    assert all(item.measured == item.points > 0 for item in items)


def test_every_instrument_describes_itself(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = say("describe")
    assert status == 0 and [row.split()[0] for row in out.splitlines()] == list(INSTRUMENTS)
    for name, tool in INSTRUMENTS.items():
        status, out, _ = say(f"describe {name}")
        assert status == 0 and out.startswith(f"{name}: {tool.title}\n")
        assert max(map(len, out.splitlines())) <= 80
        for parameter, choice in tool.parameters.items():
            assert f"with:    {name}.{parameter}={choice}: " in out
        for quantity in tool.quantities:
            assert f"\n  {quantity}" in out
        for word in ("part: ", "variant: ", "error: ", "source: ", "cost: "):
            assert word in out


def test_one_run_is_measured_by_its_id_and_recorded_with_other_parameters(say, trained):
    (run_here,) = Store(trained / "store").runs()[:1]
    name = run_here.config.id[:4]
    how = "--instruments weight-spectra --workers 1 --with weight-spectra.snapshots=3"
    status, out, err = say(f"measure {name} {how}")
    assert status == 0 and out.startswith(f"{run_here.config.label}: 1 of 1 runs have ended\n"), err
    assert "pandas.read_parquet reads each" in out
    (named,) = re.findall(r"^  (\S+\.parquet)$", out, flags=re.M)
    status, out, _ = say(f"record {name} --with weight-spectra.snapshots=3")
    assert status == 0 and "add --with weight-spectra.snapshots=3" not in out
    found = Recorded().find("weight-spectra", run_here.config, {"snapshots": 3})
    assert len(found) == 1 and set(found[0].points) == set(found[0].rows["step"])
    path = found[0].path(Store(trained / "store"))
    assert path == trained / "store" / "measurements" / named
    assert path.exists() and len(pd.read_parquet(path)) == len(found[0].rows)
    status, out, _ = say(f"record {name} --with weight-spectra.snapshots=128")  # the default
    assert (status, out) == (0, say(f"record {name}")[1])  # the default counts once
    status, out, err = say(f"record {name} --with weight-spectra.snapshots=7")
    line = f"is not measured, or not to its end, on run {run_here.name} ({run_here.config.label})"
    assert status == 1 and out.startswith(f"recorded {run_here.config.id}")
    assert err == f"grokbook: weight-spectra.snapshots=7 {line}\n"
    assert "weight-spectra.snapshots=3" not in say(f"record {name}")[1]  # it is there
    say(f"measure {name} --instruments trajectory --workers 1 --with trajectory.taus=3+1.5")
    hint = "trajectory with other parameters: add --with trajectory.taus=3+1.5"
    assert hint in say(f"record {name}")[1]
    status, out, _ = say(f"record {name} {hint.partition('add ')[2]}")  # as it says
    assert status == 0 and "trajectory" not in out
    status, out, err = say("measure beefbeef")
    said = "grokbook: 0 finished runs in the store begin with 'beefbeef'\n"
    assert (status, out, err) == (2, "", said)
    status, out, err = say(f"measure {name} --seeds 2")
    assert status == 2 and err == (
        f"grokbook: --set and --seeds choose runs of a study; {name} is one run\n"
    )
    status, out, _ = say(f"measure {name} --instruments probes --dry-run")
    lacks = "1 run lacks what it needs: strings of brackets, which the Dyck task has"
    assert status == 0 and lacks in " ".join(out.split())


def test_a_run_that_diverged_is_not_measured(say, small_study, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
    (tmp_path / "wild.toml").write_text(small_study(steps=40, cadence=2))
    chain = change(find(str(tmp_path / "wild.toml")), ["learning_rate=1e30"], 1)
    member = stages(chain)[-1].members[0]
    run(member.blank, member.plan, Store(tmp_path / "store"))
    (wild,) = Store(tmp_path / "store").runs()
    study = f"{tmp_path / 'wild.toml'} --set learning_rate=1e30"
    status, out, err = say(f"measure {study} --seeds 1")
    line = "all runs of study small diverged; nothing can be measured"
    assert (status, out, err) == (2, "", f"grokbook: {line}\n")
    status, out, err = say(f"measure {study} --seeds 2 --dry-run")
    assert status == 0 and "no run of study small has ended" in out  # one diverged, one to come
    status, out, err = say(f"measure {wild.config.id} --instruments weight-spectra")
    line = f"run {wild.name} ({wild.config.label}) diverged at step {wild.step:,}; no instrument "
    assert (status, out) == (
        2,
        "",
    ) and err == f"grokbook: {line}reads weights that are not finite\n"


def test_an_id_is_a_run_as_far_as_no_other_has_it(say, trained, tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    first, second = stages(find(str(trained / "small.toml")))[-1].members[:2]
    for member in (first, second):
        run(member.blank, member.plan, store)
    one, other = (store.ended(member.blank.id) for member in (first, second))
    assert store.ended(one.name).path == one.path and store.ended(one.name[:-2]).path == one.path
    for name in ("", one.config.id[:4] + "*", one.name[:-1] + "?", one.name + "0", "-"):
        with pytest.raises(ConfigError):
            store.ended(name)
    with pytest.raises(ConfigError, match=f"2 finished runs .*{other.name}"):
        store.ended("")
    begun = store.open(replace(first.blank, init_seed=99), Numerics(**one.numerics))
    with pytest.raises(ConfigError, match=f"run {begun.name} .* is empty at step 0; the command"):
        store.ended(begun.name)
    heard = []
    (other.path / "config.json").write_text("{}")
    assert store.ended(one.config.id, warn=heard.append).path == one.path and heard == []


def test_instruments_for_which_no_run_will_do_share_one_line():
    def item(name, jobs=(), lacking=3):
        return Item(name, jobs, lacking, ("a", "b"), 9.0, 0.0, 1.0)

    there = item("events", jobs=(Job(None, None, 3, 3),), lacking=2)
    first, last = agenda_lines([there, item("edge"), item("probes")])
    assert first.startswith("events  ") and first.endswith("; 2 runs lack what it needs: a, b")
    assert last == "no run has a, and b: edge, probes"
    strings = replace(item("positional"), missing=("strings",))
    *_, both, other = agenda_lines([there, item("edge"), strings, item("probes")])
    assert (both, other) == ("no run has a, and b: edge, probes", "no run has strings: positional")
    first, alone = agenda_lines([there, item("edge")])
    assert alone.startswith("edge    ") and alone.endswith("; 3 runs lack what it needs: a, b")


def test_a_run_that_is_refused_does_not_keep_the_others_back(
    say, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(tmp_path / "results"))
    first, second = stages(find(str(trained / "small.toml")))[-1].members[:2]
    for member in (first, second):
        run(member.blank, member.plan, Store(tmp_path / "store"))
    add = Results.add

    def refuse(self, directory, **given):
        if directory.config.id == first.blank.id:
            raise StoreError("it is recorded already, with other measurements")
        return add(self, directory, **given)

    monkeypatch.setattr(Results, "add", refuse)
    status, out, err = say("record small.toml")
    assert status == 1 and out.startswith(f"recorded {second.blank.id}")
    assert err.splitlines() == ["grokbook: it is recorded already, with other measurements"]
    assert list(Results().manifest()) == [second.blank.id]
