"""Sweeps on this machine, and how a job ends that does not end well."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.sweep import Job, SchedulerError, cluster, local, read_progress, sweep
from grokbook.sweep.order import Order
from grokbook.training.memory import free_bytes
from grokbook.training.run import run

PLAN = Plan(steps=60, after_grok=None, cadence=10, window=3, resume_seconds=0.1)


def tiny(seed, **fields):
    small = {"modulus": 11, "width": 16, "heads": 2, "hidden": 16, "batch_size": 16, "layers": 1}
    return RunConfig(tasks=("add",), seed=seed, **(small | fields))


@pytest.fixture
def order(tmp_path):
    with Order.given(tmp_path) as order:
        yield order


def bits(directory):
    """What a run leaves for readers, and where it would go on from."""
    state = {name: value.tobytes() for name, value in directory.resume().items()}
    return state, pd.read_parquet(directory.file("metrics.parquet"))


def same(first, second):
    assert first[0] == second[0]
    assert any("theta" in name for name in first[0])
    pd.testing.assert_frame_equal(first[1], second[1], check_exact=True)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two workers; runs that end well beside runs that diverge, are taken, or cannot be read."""
    store = Store(tmp_path_factory.mktemp("swept"))
    configs = {
        "first": tiny(1),
        "diverging": tiny(2, learning_rate=1e6),
        "taken": tiny(3),
        "edited": tiny(4),
        "second": tiny(5),
    }
    for name in ("taken", "edited"):
        run(configs[name], PLAN, store)
    path = store.runs(configs["edited"])[0].path / "commit.json"
    path.write_text(path.read_text().replace('"step": 60', '"step": 61'))
    jobs = [Job(config, PLAN) for config in [*configs.values(), configs["first"]]]
    ended, said = [], []
    with store.runs(configs["taken"])[0]:
        done = sweep(jobs, store, workers=2, watch=ended.append, warn=said.append)
    return store, configs, dict(zip(configs, done, strict=False)), done, ended


def test_a_sweep_gives_the_bits_of_runs_trained_alone(swept, tmp_path):
    store, configs, done, *_ = swept
    for name in ("first", "second"):
        assert (done[name].status, done[name].step, done[name].note) == ("finished", 60, "")
        assert done[name].key == configs[name].id and done[name].seconds > 0
        alone = run(configs[name], PLAN, Store(tmp_path)).directory
        same(bits(store.runs(configs[name])[0]), bits(alone))


def test_every_job_ends_alone(swept):
    _, _, done, *_ = swept
    assert (done["diverging"].status, done["diverging"].step) == ("diverged", 1)
    assert done["taken"].status == "busy"
    assert f"process {os.getpid()}" in done["taken"].note
    assert done["edited"].status == "failed"
    assert "commit.json was changed after it was written" in done["edited"].note
    assert not any("\n" in one.note for one in done.values())


def test_a_sweep_answers_in_order_and_reports_once(swept):
    _, configs, _, done, ended = swept
    assert [one.key for one in done] == [c.id for c in configs.values()] + [done[0].key]
    assert done[-1] is done[0]
    assert sorted(one.key for one in ended) == sorted(c.id for c in configs.values())


def test_a_sweep_leaves_nothing_but_runs(swept):
    store, configs, *_ = swept
    assert [path.name for path in store.root.iterdir()] == ["runs"]
    assert not list(store.root.rglob("*progress*"))
    assert not store.runs(configs["first"])[0].verify()


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.sweep import Job, sweep
from test_sweep import PLAN, tiny
import dataclasses
plan = dataclasses.replace(PLAN, steps=100_000, resume_seconds=0.5)
print("begun", flush=True)
jobs = [Job(tiny(seed), plan) for seed in (1, 2, 3)]
for done in sweep(jobs, Store(Path({store!r})), workers={workers}):
    print(done.status, done.step, flush=True)
"""


def started(store, workers):
    """A sweep in a process group of its own, once each worker shows progress."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = SCRIPT.format(
        root=os.path.dirname(here), tests=here, store=str(store.root), workers=workers
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while sum(bool((p := read_progress(r.path)) and p.step) for r in store.runs()) < workers:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def pids_in(store):
    return [int((r.path / "lock").read_text().split()[1]) for r in store.runs()]


def gone(pids, within=30):
    deadline = time.monotonic() + within
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < deadline, f"one of {pids} lives on"
        time.sleep(0.05)
    return True


def test_ctrl_c_loses_nothing(tmp_path):
    store = Store(tmp_path / "swept")
    process = started(store, workers=2)
    reading = [read_progress(r.path) for r in store.runs()]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers hear it too
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    words = [line.split() for line in output.splitlines()[1:]]
    assert [status for status, _ in words] == ["interrupted"] * 3
    steps = [int(step) for _, step in words]
    assert steps[0] > 0 < steps[1] and steps[2] == 0
    assert sorted(steps[:2]) >= sorted(s.step for s in reading)
    assert {s.end for s in reading} == {100_000} and all(s.rate > 0 for s in reading)
    assert all(0 <= s.accuracy["add"] <= 1 for s in reading)
    assert all(abs(s.time - time.time()) < 120 for s in reading)
    # As good as never stopped: 20 steps more are those of a run in one piece.
    config, end = tiny(1), (steps[0] // 10 + 2) * 10
    plan = dataclasses.replace(PLAN, steps=end, resume_seconds=60)
    resumed = run(config, plan, store)
    assert resumed.resumed_at == steps[0]
    same(bits(resumed.directory), bits(run(config, plan, Store(tmp_path / "alone")).directory))


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    store = Store(tmp_path)
    process = started(store, workers=1)
    pids = pids_in(store)
    try:
        os.kill(pids[0], signal.SIGSTOP)  # a worker that does not answer
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode not in (0, None) and gone(pids)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_workers_save_when_nobody_is_left_to_tell_them(tmp_path):
    store = Store(tmp_path)
    process = started(store, workers=1)
    pids, before = pids_in(store), store.runs()[0].step
    try:
        process.kill()
        process.wait()
        assert gone(pids)
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()
    (left,) = store.runs()
    assert left.status == "interrupted" and left.step > before


def test_a_worker_is_sheltered_while_it_imports(tmp_path, order, monkeypatch):
    """A terminal's Ctrl-C, which its parent has yet to hear of, does not end it."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    pool = local.LocalPool(1, Store(tmp_path), order)
    future = pool.submit(Job(tiny(1), PLAN))
    (pid,) = pool._taken[future]._processes
    time.sleep(0.2)
    assert b"OMP_NUM_THREADS=1\0" in Path(f"/proc/{pid}/environ").read_bytes()
    os.kill(pid, signal.SIGINT)
    assert future.result(timeout=60)[0].status == "finished"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert pool.deaths(future) == 0 and pool.room() == 1
    pool.close(hard=False)
    assert gone([pid])


# --- one job, in this process --------------------------------------------------------------------


def test_a_worker_is_single_threaded_for_good(tmp_path, order):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Job(tiny(1), PLAN).carry_out(Store(tmp_path), order)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_run_held_by_this_very_sweep_is_waited_for(tmp_path, order):
    store, job = Store(tmp_path), Job(tiny(1), PLAN)
    directory = run(job.config, dataclasses.replace(PLAN, steps=20), store).directory
    reading = {"step": 20, "end": 60, "rate": 1.0, "accuracy": {}, "time": 0.0}
    enough = threading.Timer(20, order.stop)
    enough.start()
    with directory:
        path = directory.path / "progress.json"
        path.write_text(json.dumps(reading | {"sweep": "another sweep"}))
        assert job.carry_out(store, order)[0].status == "busy"
        assert path.exists()
        path.write_text(json.dumps(reading | {"sweep": order.name}))
        threading.Timer(0.5, directory.__exit__).start()
        done, _ = job.carry_out(store, order)
    enough.cancel()
    assert (done.status, done.step) == ("finished", 60)


def test_what_is_waited_for_can_be_given_up(tmp_path, order):
    store, job = Store(tmp_path), Job(tiny(1), PLAN)
    directory = run(job.config, dataclasses.replace(PLAN, steps=20), store).directory
    reading = {"step": 20, "end": 60, "rate": 1.0, "accuracy": {}, "time": 0.0}
    enough, begun = threading.Timer(20, order.path.unlink), time.monotonic()
    enough.start()
    with directory:
        (directory.path / "progress.json").write_text(json.dumps(reading | {"sweep": order.name}))
        threading.Timer(0.3, order.stop).start()
        done, _ = job.carry_out(store, order)
    enough.cancel()
    assert time.monotonic() - begun < 10
    assert (done.status, done.step, done.note) == ("interrupted", 20, "")


def test_a_store_that_is_not_shared_is_named(tmp_path):
    there, here = tmp_path / "there", Store(tmp_path / "here")
    with Order.given(there) as order:
        elsewhere = Order(here.root / order.name)
        done, _ = Job(tiny(1), PLAN).carry_out(here, elsewhere)
    assert done.status == "failed" and not here.root.exists()
    assert done.note.startswith(f"{socket.gethostname()} does not see the store {here.root}")


def test_a_worker_that_begins_after_the_stop_trains_nothing(tmp_path, order):
    order.stop()
    done, _ = Job(tiny(1), PLAN).carry_out(Store(tmp_path), order)
    assert (done.status, done.step) == ("interrupted", 0)


def test_damage_that_was_worked_around_is_passed_on(tmp_path, order):
    store = Store(tmp_path)
    directory = run(tiny(1), PLAN, store).directory
    next(iter(directory.snapshots().values())).unlink()
    longer = dataclasses.replace(PLAN, steps=70)
    done, lines = Job(tiny(1), longer).carry_out(store, order)
    assert done.status == "finished" and any("is missing" in line for line in lines)


def test_leftover_progress_harms_nothing(tmp_path):
    store = Store(tmp_path)
    directory = run(tiny(1), PLAN, store).directory
    assert read_progress(directory.path) is None
    for text in ("", "{}", "[1]", '{"step": 3'):
        (directory.path / "progress.json").write_text(text)
        assert read_progress(directory.path) is None
    (directory.path / ".progress.json.part").write_text("{")
    assert not directory.verify()
    with RunDirectory(directory.path):
        assert not list(directory.path.glob("*progress*"))


# --- refusals, before any work -------------------------------------------------------------------


def test_no_jobs_are_done_at_once(tmp_path):
    assert sweep([], Store(tmp_path / "none")) == [] and not (tmp_path / "none").exists()


def test_one_run_has_one_plan(tmp_path):
    jobs = [Job(tiny(1), PLAN), Job(tiny(1), dataclasses.replace(PLAN, steps=70))]
    with pytest.raises(ConfigError, match=rf"run {tiny(1).id} .* with two plans"):
        sweep(jobs, Store(tmp_path))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_is_named(tmp_path, workers):
    with pytest.raises(ConfigError, match=f"workers must be .*{workers!r}"):
        sweep([Job(tiny(1), PLAN)], Store(tmp_path), workers=workers)


def heavy(share):
    """Jobs of which each needs about this share of the memory that is free now."""
    free = free_bytes("cpu")
    if free is None:
        pytest.skip("this system does not say how much memory is free")
    config = tiny(1)
    plan = Plan(steps=100)
    while Job(config, plan).memory() < share * free:  # the band grows with its square
        plan = Plan(window=int(1.02 * plan.window) + 1, steps=100)
    assert abs(Job(config, plan).memory() / free - share) < 0.15
    return [Job(tiny(seed), plan) for seed in range(5)]


def test_workers_have_room_in_memory(tmp_path):
    said = []
    assert local.staff([Job(tiny(1), PLAN)], 1, said.append) == 1
    jobs = heavy(0.6)
    assert local.staff(jobs, 1, said.append) == 1 and not said
    assert local.staff(jobs, None, said.append) == 1
    assert len(said) == (local.cores() > 1)
    assert all("GB are free: 1 at a time, not " in line for line in said)
    store = Store(tmp_path / "untouched")
    with pytest.raises(ConfigError, match=r"are free: room for 1 at a time, not 3"):
        sweep(jobs, store, workers=3)
    with pytest.raises(ConfigError, match=r"are free: room for 0 at a time"):
        sweep(heavy(1.5), store)
    assert not store.root.exists()


def test_workers_are_as_many_as_cores_or_jobs():
    jobs, before = [Job(tiny(seed), PLAN) for seed in range(3)], os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert local.staff(jobs, None) == 1
    finally:
        os.sched_setaffinity(0, before)
    assert local.staff(jobs[:1], None) == 1
    assert local.staff(jobs, 2) == 2 and local.staff(jobs, 9) == 3


@pytest.mark.parametrize(
    ("fields", "plan", "measured"),
    [
        ({}, {"steps": 50}, 464e6),
        ({}, {"steps": 600, "full_state": True, "resume_seconds": 1000}, 645e6),
        ({"width": 256, "hidden": 512}, {"steps": 10}, 780e6),
        ({"width": 512, "hidden": 1024}, {"steps": 10}, 2011e6),
    ],
)
def test_the_bound_on_memory_is_near_what_was_measured(fields, plan, measured):
    job = Job(RunConfig(tasks=("add", "mul"), **fields), Plan(cadence=10, **plan))
    assert measured < job.memory() < 1.2 * measured


def test_a_store_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the store .*file cannot be written"):
        sweep([Job(tiny(1), PLAN)], Store(tmp_path / "file"))


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="grokbook[cluster] is not installed")
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with socket.socket() as silent, socket.socket() as closed:
        for each in (silent, closed):
            each.bind(("127.0.0.1", 0))
        silent.listen()
        for each in (silent, closed):
            address = f"tcp://127.0.0.1:{each.getsockname()[1]}"
            with pytest.raises(
                SchedulerError, match=rf"no scheduler answers at {address} \(waited 0.5 s\)"
            ):
                sweep([Job(tiny(1), PLAN)], Store(tmp_path), scheduler=address)
    for address in ("", "host", "gopher://host:1"):
        with pytest.raises(SchedulerError, match=f"^'{address}' is no Dask scheduler"):
            sweep([Job(tiny(1), PLAN)], Store(tmp_path), scheduler=address)
    assert not list(tmp_path.iterdir())


def test_dask_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed.comm", None)
    with pytest.raises(SchedulerError, match=r"grokbook\[cluster\]"):
        sweep([Job(tiny(1), PLAN)], Store(tmp_path), scheduler="tcp://host:8786")
