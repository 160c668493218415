"""``grokbook study`` and ``status``: bad input is one line, a stop loses nothing."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple

import pandas as pd
import pytest

from grokbook import cli
from grokbook.config import RunConfig
from grokbook.numerics import Numerics
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.studies.declaring import change, find
from grokbook.studies.standing import held
from grokbook.studies.started import note_start
from grokbook.training.process import single_thread
from grokbook.training.run import run

TINY = {"tasks": ("add",), "modulus": 11, "width": 8, "heads": 2, "hidden": 8, "batch_size": 16}
AFTER = """
[study.after]
study = "small.toml"
measure = "trajectory"
parameters = { k = 2 }
[run.intervention]
transform = "amplify"
strength = 0.5
"""


@pytest.fixture
def place(tmp_path, monkeypatch, small_study):
    """A store and the small study's file in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
    (tmp_path / "small.toml").write_text(small_study())
    return tmp_path


def call(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grokbook", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["study", "duel"], "unknown study 'duel'; known: dual, tri, dual-symmetric, "),
        (["study", "gone.toml"], "study gone.toml cannot be read: No such file or directory"),
        (["study", "dual", "--set", "colour=red"], "--set colour=red: no field 'colour'"),
        (["study", "dual", "--set", "weight_decay=-1"], "weight decay must lie in [0, inf]"),
        (["study", "dual", "--seeds", "0"], "seeds must be from 1 to 10000, not 0"),
        (["study", "dual", "--seeds", "some"], "'some' is not a whole number"),
        (["study", "dual", "--workers", "0"], "workers must be from 1 to 10000, not 0"),
        (["study", "dual", "--models", "0"], "models must be from 1 to 10000, not 0"),
        (["study", "dual", "--device", "tpu"], "unknown device 'tpu'; known: cpu, cuda"),
        (["study", "dual", "--device", "cuda"], "device cuda is not there"),
        (["study", "dual", "--scheduler", "here"], "an address like tcp://host:8786, not 'here'"),
        (["study", "dual", "--models", "8", "--workers", "2"], "--workers is for runs trained one"),
        (["study", "dual", "--models", "8", "--scheduler", "tcp://a:1"], "--scheduler is for runs"),
        (["study", "dual", "--pack-limit", "1MB"], "--pack-limit is for --pack, which is not"),
        (["study", "dual", "--set", "steps=100"], "no field 'steps'; did you mean plan.steps?"),
        (["study", "small.toml", "--set", "width=7"], "small.toml: study small: width 7 is not a"),
        (["study"], "Missing argument 'NAME_OR_FILE'"),
        (["status", "--forget"], "--forget needs the study: its name, its file, or the whole"),
        (["status", "dual"], "no study 'dual' was started here; started: none"),
        (
            ["train", "--tasks", "add", "--switch", "soon"],
            "switch 'soon' is not of the form STEP:FIELD=VALUE",
        ),
        (
            ["train", "--tasks", "add", "--intervene", "transform=delete,strength=2"],
            "strength of delete must lie in [0, 1], not 2",
        ),
        (
            [
                "train", "--tasks", "add",
                "--intervene", "transform=delete,strength=1,basis=" + "ab" * 32,
            ],
            "artefact abababababab cannot be read",
        ),
    ],
)  # fmt: skip
def test_bad_input(arguments, says, place, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    status, out, err = call(arguments, capsys, monkeypatch)
    assert status == 2 and out == ""
    assert says in err and err.count("\n") == 1 and err.startswith("grokbook: ")
    assert not (place / "store").exists()  # before any work starts


def test_a_dry_run_says_what_is_ahead_and_does_nothing(place, capsys, monkeypatch):
    status, out, err = call(["study", "dual", "--seeds", "1", "--dry-run"], capsys, monkeypatch)
    assert (status, err) == (0, "")
    assert "  dual: 6 runs: 0 done, 0 running, 6 waiting; at most 1,550,000 steps left" in out
    assert "  time: not known yet" in out
    assert re.search(r"  disk: at most \d\.\d GB needed, [\d.,]+ [GM]B free", out)
    assert "274dd975d93d  waiting  0/300,000  λ = 1, seed 42" in out
    assert max(map(len, out.splitlines())) <= 80
    assert not (place / "store").exists()
    _, out, _ = call(["status"], capsys, monkeypatch)
    assert out == f"no study was started in {place / 'store'}\n"


def test_a_disk_too_small_is_said_before_the_start(place, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**12, 10**12, 10**6))
    status, _, err = call(["study", "dual"], capsys, monkeypatch)
    assert status == 1 and err.count("\n") == 1
    assert re.match(r"grokbook: the study may need [\d.]+ GB in .*store, and 1 MB are free", err)
    assert list((place / "store").iterdir()) == []


def test_a_store_that_cannot_be_made(place, capsys, monkeypatch):
    monkeypatch.setenv("GROKBOOK_STORE", str(place / "small.toml" / "store"))
    status, _, err = call(["study", "small.toml"], capsys, monkeypatch)
    assert status == 1 and err.count("\n") == 1
    assert re.match(r"grokbook: the store .*small.toml/store cannot be made: Not a directory", err)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("pack", "says"),
    [
        (["."], "holds small.toml: a pack wants a new folder, or that of an older pack"),
        (["small.toml"], "small.toml is not a folder"),
        (["small.toml/pack"], "cannot be made: "),
        (["new", "--pack-limit", "20kB"], "the records of 2 runs need at least 23 kB, and the"),
    ],
)
def test_a_pack_that_cannot_be_is_refused_before_the_start(
    pack, says, dry_run, place, capsys, monkeypatch
):
    status, out, err = call(["study", "small.toml", "--pack", *pack, *dry_run], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert says in err and err.count("\n") == 1
    assert not (place / "store").exists() and not (place / "new").exists()


@pytest.mark.parametrize(
    ("options", "patch", "says", "ends"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], ("cluster.PATIENCE", 0.2), "no scheduler", 1),
        (["--workers", "2"], ("local.free_bytes", lambda device: 10**6), "a worker needs", 2),
    ],
)
def test_a_start_that_is_refused_is_none(options, patch, says, ends, place, capsys, monkeypatch):
    monkeypatch.setattr(f"grokbook.sweep.{patch[0]}", patch[1])
    status, _, err = call(["study", "small.toml", *options], capsys, monkeypatch)
    assert status == ends and err.startswith(f"grokbook: {says}") and err.count("\n") == 1
    _, out, _ = call(["status"], capsys, monkeypatch)
    assert out == f"no study was started in {place / 'store'}\n"


def test_what_another_process_trains_is_no_failure(place, capsys, monkeypatch):
    arguments = ["study", "small.toml", "--workers", "1", "--set", "seed=3"]
    with single_thread():
        directory = Store().open(RunConfig(**TINY, seed=3), Numerics.here())
    with directory:
        status, out, err = call(arguments, capsys, monkeypatch)
    assert status == 3
    assert out.endswith(
        "being trained by another process: 1 of 1 run; `grokbook status small` follows them\n"
    )
    (line,) = err.splitlines()
    assert line.startswith(f"run {directory.config.id} ({directory.config.label}) is being trained")
    assert line.count("add") == 1


def test_status_by_any_name_and_forgetting(place, capsys, monkeypatch):
    store, chain = Store(), find("small.toml")
    note_start(store, chain, "grokbook study small.toml")
    note_start(store, change(chain, ["seed=7"]), "grokbook study small.toml --set seed=7")
    for name in (None, "small", "small.toml"):
        _, out, _ = call(["status", *filter(None, [name])], capsys, monkeypatch)
        assert re.findall("^  grokbook .*$", out, re.M) == [
            "  grokbook study small.toml",
            "  grokbook study small.toml --set seed=7",
        ]
    one = "grokbook study small.toml --set seed=7"
    _, out, _ = call(["status", one], capsys, monkeypatch)
    assert "small: 1 run: 0 done" in out and out.count("grokbook study") == 1
    _, out, _ = call(["status", one, "--forget"], capsys, monkeypatch)
    assert out == f"forgotten, and its runs kept: {one}\n"
    with single_thread():
        store.open(RunConfig(**TINY, seed=3), Numerics.here())
    _, out, _ = call(["status", "--forget", "small.toml"], capsys, monkeypatch)
    assert out == "forgotten, and its runs kept: grokbook study small.toml\n"
    _, out, _ = call(["status"], capsys, monkeypatch)
    assert out == (f"no study was started in {store.root}; `grokbook runs` lists the 1 run in it\n")
    assert list((store.root / "studies").iterdir()) == []


def test_a_study_and_one_after_it(place, capsys, monkeypatch, small_study):
    text = small_study(name="after", steps=10).replace("[plan]", AFTER + "[plan]")
    (place / "after.toml").write_text(text)
    status, out, err = call(["study", "after.toml", "--workers", "1"], capsys, monkeypatch)
    assert status == 0, err
    assert "  small: 2 runs: 0 done, 0 running, 2 waiting; at most 40 steps left" in out
    assert "  after: 2 runs: 0 done, 0 running, 2 waiting; at most 20 steps left" in out
    assert out.endswith(f"done: 4 runs in {place / 'store'}\n")
    lines = [line for line in err.splitlines() if "finished at step" in line]
    assert len(lines) == 4
    assert sum("finished at step 20 after" in line for line in lines) == 2
    assert sum("amplify 0.5 from step 0 on basis" in line for line in lines) == 2
    _, again, err = call(["study", "after.toml"], capsys, monkeypatch)
    assert again.endswith("  after: 2 runs: 2 done, 0 running, 0 waiting\nnothing is left to do\n")
    assert err == ""
    _, told, _ = call(["status", "after"], capsys, monkeypatch)
    assert told.startswith("after: a small study\n  grokbook study after.toml\n  small: 2 runs: ")
    assert len(re.findall(r"^  [0-9a-f]{12}  done .* add \d+%$", told, re.M)) == 4
    # The whole study once more, further: the speed is known now.
    further = ["study", "small.toml", "--set", "plan.steps=30", "--dry-run"]
    _, ahead, _ = call(further, capsys, monkeypatch)
    assert "0 done, 0 running, 2 waiting; at most 20 steps left" in ahead
    assert re.search(r"  time: about \d+ s at the speed seen in this store", ahead)


def test_a_damaged_record_is_one_line(place, capsys, monkeypatch):
    call(["study", "small.toml", "--workers", "1"], capsys, monkeypatch)
    path = place / "store" / "studies" / "small.json"
    path.write_text(path.read_text().replace("small study", "great study"))
    status, _, err = call(["status"], capsys, monkeypatch)
    assert status == 1 and err.count("\n") == 1
    assert "small.json was changed after it was written" in err


def test_status_sees_a_lock_and_leaves_it_alone(place, capsys, monkeypatch):
    call(["study", "small.toml", "--workers", "1"], capsys, monkeypatch)
    config = RunConfig(**TINY, seed=3)
    further = ["study", "small.toml", "--set", "plan.steps=30", "--dry-run"]
    store = Store()
    with single_thread():
        directory = store.open(config, Numerics.here())
    assert not held(directory.path)
    with directory:
        assert held(directory.path)
        _, out, _ = call(further, capsys, monkeypatch)
        assert "0 done, 1 running, 1 waiting" in out
        # What the process before said of its speed is not what this one does.
        assert re.search(rf"{config.id}  running +20/30  seed 3  add \d+%$", out, re.M)
        assert held(directory.path)
    with directory:  # nobody else holds it, or this would raise
        pass
    assert not held(place)  # no lock there


def test_a_diverged_source_leaves_the_study_undone(place, capsys, monkeypatch, small_study):
    text = small_study(name="after", steps=10).replace("[plan]", AFTER + "[plan]")
    (place / "after.toml").write_text(text)
    arguments = ["study", "after.toml", "--workers", "1", "--set", "weight_decay=1e308"]
    status, _, err = call([*arguments, "--set", "seed=3"], capsys, monkeypatch)
    assert status == 1
    assert "diverged at step" in err
    assert "study after: seed 3 of small gives no basis" in err
    assert err.endswith("grokbook: still to be carried out: 1 of 2 runs\n")


def test_asking_keeps_no_run_from_starting(place):
    store, config = Store(), RunConfig(**TINY)
    with single_thread():
        directory = store.open(config, Numerics.here())
    handle = os.open(directory.path / "lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)  # as for `held`, only far longer
    asked = threading.Timer(0.03, os.close, [handle])
    asked.start()
    with directory:
        assert held(directory.path)
    asked.join()


@pytest.mark.slow
def test_stopped_watched_and_gone_on_with(place, capsys, monkeypatch, small_study):
    text = small_study(steps=400)
    (place / "small.toml").write_text(text.replace("cadence = 10", "cadence = 40"))
    first = RunConfig(**TINY, seed=3)
    process = subprocess.Popen(
        [sys.executable, "-m", "grokbook", "study", "small.toml", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        seen, deadline = None, time.monotonic() + 600
        while seen is None and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
            if (place / "store" / "studies" / "small.json").exists():
                _, told, _ = call(["status", "small"], capsys, monkeypatch)
                seen = re.search(
                    rf"{first.id}  running +(\d+)/400  seed 3  add \d+%"
                    r"  ~[\d.]+ (s|min) left",
                    told,
                )
        assert seen, process.communicate()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out.endswith(
        "stopped; everything is saved, and `grokbook study small.toml` goes on from there\n"
    )
    assert err.index("stopping: what is being trained is saved") < err.index("interrupted at step")
    # The second run had not begun, unless the first had ended.
    assert "step 0 after" not in err
    _, told, _ = call(["status"], capsys, monkeypatch)
    stopped = int(re.search(rf"{first.id}  waiting +(\d+)/400", told)[1])
    assert int(seen[1]) <= stopped < 400

    status, out, err = call(["study", "small.toml", "--workers", "1"], capsys, monkeypatch)
    assert status == 0, err
    assert f"at most {800 - stopped:,} steps left" in out
    _, told, _ = call(["status"], capsys, monkeypatch)
    assert "small: 2 runs: 2 done, 0 running, 0 waiting" in told
    plan = Plan(steps=400, cadence=40, full_state=True)
    whole = run(first, plan, Store(place / "whole")).directory
    (gone_on,) = Store().runs(first)
    tables = [pd.read_parquet(each.file("metrics.parquet")) for each in (whole, gone_on)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
