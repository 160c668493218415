"""Workers that are really killed in mid-run, on this machine and on a real Dask cluster."""

import dataclasses
import os
import signal
import threading
import time

import pandas as pd
import pytest

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.sweep import Job, sweep
from grokbook.training.run import run

PLAN = Plan(steps=200, after_grok=None, cadence=10, window=3, resume_seconds=0.1)


def tiny(seed):
    small = {"modulus": 11, "width": 16, "heads": 2, "hidden": 16, "batch_size": 16, "layers": 1}
    return RunConfig(tasks=("add",), seed=seed, **small)


def bits(directory):
    state = {name: value.tobytes() for name, value in directory.resume().items()}
    return state, pd.read_parquet(directory.file("metrics.parquet"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The runs as one process trains them that is never killed."""
    store = Store(tmp_path_factory.mktemp("alone"))
    return {seed: bits(run(tiny(seed), PLAN, store).directory) for seed in (1, 2, 3)}


def same_bits(store, alone, *seeds):
    for seed in seeds:
        state, metrics = bits(store.runs(tiny(seed))[0])
        assert state == alone[seed][0] and any("theta" in name for name in state)
        pd.testing.assert_frame_equal(metrics, alone[seed][1], check_exact=True)


class Killer(threading.Thread):
    """Kills -9 whoever trains a run, each time it is taken up, so many times.

    Args:
        store, seed: of the run.
        times: how often.
        after: steps that must be safe on disk first.
    """

    def __init__(self, store, seed, times=1, after=0):
        super().__init__(daemon=True)
        self.store, self.seed, self.times, self.after = store, seed, times, after
        self.killed, self.steps, self.over = [], [], threading.Event()

    def run(self):
        while len(self.killed) < self.times and not self.over.wait(0.005):
            for directory in self.store.runs(tiny(self.seed)):
                lock, marker = directory.path / "lock", directory.marker
                if not lock.exists() or not marker or directory.step < self.after:
                    continue
                pid = int((lock.read_text().split() or [0, 0])[1])
                if pid and pid not in self.killed and not directory.ended:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(pid)
                    self.steps.append(directory.step)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def test_a_killed_worker_costs_no_bits_and_no_other_run(tmp_path, alone):
    store, said, ended = Store(tmp_path), [], []
    with Killer(store, 1, after=20) as once:
        jobs = [Job(tiny(seed), PLAN) for seed in (1, 2, 3)]
        done = sweep(jobs, store, workers=2, watch=ended.append, warn=said.append)
    assert len(once.killed) == 1 and 20 <= once.steps[0] < 200
    assert [(one.status, one.step, one.note) for one in done] == [("finished", 200, "")] * 3
    same_bits(store, alone, 1, 2, 3)
    (line,) = said  # of the one that was killed: its death is not that of the others
    assert line.startswith(f"{tiny(1).label}: its worker died; it goes on from step ")
    assert once.steps[0] <= int(line.split()[-1]) < 200
    assert len(ended) == 3 and not list(store.root.rglob("progress.json"))


@pytest.mark.slow
@pytest.mark.long(50)
def test_a_run_of_which_every_worker_dies_is_given_up(tmp_path, alone):
    """It never saves in the time it is given; what waits behind it is trained."""
    store = Store(tmp_path)
    doomed = Job(tiny(9), dataclasses.replace(PLAN, steps=100_000, resume_seconds=1000))
    with Killer(store, 9, times=4) as ever:
        done = sweep([doomed, Job(tiny(2), PLAN)], store, workers=1)
    assert len(ever.killed) == 3 and ever.steps == [0, 0, 0]
    assert [(one.status, one.step) for one in done] == [("failed", 0), ("finished", 200)]
    assert done[0].note == "its worker died 3 times at step 0: killed, or out of memory"
    same_bits(store, alone, 2)


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed", reason="grokbook[cluster] is not installed")
    options = {"dashboard_address": None, "worker_dashboard_address": None, "silence_logs": 60}
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, **options) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_cluster_gives_the_same_bits_though_a_worker_is_killed(tmp_path, alone, cluster):
    store = Store(tmp_path)
    jobs = [Job(tiny(seed), PLAN) for seed in (1, 2, 3)]
    with Killer(store, 1, after=20) as once:
        done = sweep(jobs, store, scheduler=cluster.scheduler_address)
    assert len(once.killed) == 1 and 20 <= once.steps[0] < 200
    assert [(one.status, one.step, one.note) for one in done] == [("finished", 200, "")] * 3
    assert once.killed[0] != os.getpid()
    same_bits(store, alone, 1, 2, 3)

    # What is asked to stop is saved, on a cluster as well.
    stop, asked = threading.Event(), []
    endless = dataclasses.replace(PLAN, steps=100_000)

    def ask():
        """Once the run has saved anything: how long workers take to begin is not ours to say."""
        while not any(directory.step for directory in store.runs(tiny(4))):
            time.sleep(0.05)
        asked.append(time.monotonic())
        stop.set()

    threading.Thread(target=ask, daemon=True).start()
    done = sweep([Job(tiny(4), endless)], store, scheduler=cluster.scheduler_address, stop=stop)
    assert time.monotonic() - asked[0] < 30
    assert done[0].status == "interrupted" and 0 < done[0].step == store.runs(tiny(4))[0].step
