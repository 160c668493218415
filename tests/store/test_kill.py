"""Three real kill -9, each resumed to the bits of a run never killed; through the command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file

ARGUMENTS = [
    "train",
    "--tasks",
    "add",
    "--modulus",
    "29",
    "--steps",
    "900",
    "--set",
    "width=32",
    "--set",
    "hidden=32",
    "--seed",
    "3",
    "--after-grok",
    "100000",
    "--resume-seconds",
    "0.1",
]


def command(store, *more):
    return {
        "args": [sys.executable, "-m", "grokbook", *ARGUMENTS, *more],
        "env": os.environ | {"GROKBOOK_STORE": str(store)},
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


def finished(store):
    done = subprocess.run(**command(store), check=True, timeout=300)
    run = next(Path(store).glob("runs/*/*"))
    state = {
        name: value.tobytes()
        for name, value in load_file(max(run.glob("resume-*.safetensors"))).items()
    }
    return done.stdout, state, pd.read_parquet(run / "metrics.parquet")


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("never"))


@pytest.mark.parametrize("commits", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4))])
def test_kill_and_resume(tmp_path, never_killed, commits):
    process = subprocess.Popen(**command(tmp_path))
    seen, deadline = set(), time.monotonic() + 120
    while len(seen) < commits and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        seen |= {p.name for p in tmp_path.glob("runs/*/*/resume-*.safetensors")}
        time.sleep(0.005)
    time.sleep(0.03 * commits)  # somewhere in training, or in the middle of a save
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    output, state, metrics = finished(tmp_path)
    assert "resumed at step" in output
    assert state == never_killed[1]
    pd.testing.assert_frame_equal(metrics, never_killed[2], check_exact=True)


def test_interrupt_saves_at_once(tmp_path, never_killed):
    process = subprocess.Popen(**command(tmp_path, "--resume-seconds", "1000"))
    while not list(tmp_path.glob("runs/*/*/config.json")):
        time.sleep(0.02)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped at step" in output
    resumed, state, _ = finished(tmp_path)
    assert "resumed at step" in resumed and state == never_killed[1]
