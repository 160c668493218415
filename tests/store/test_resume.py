"""A run that is stopped, killed or fails to save goes on to the bits of a run never stopped."""

import errno
import fcntl
import os
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Busy, DiskFull, Store, StoreError
from grokbook.store.files import Disk, read_sealed, seal
from grokbook.store.run_directory import RunDirectory
from grokbook.training.run import run
from grokbook.training.trainer import Trainer

SMALL = RunConfig(
    tasks=("add", "mul"),
    modulus=11,
    width=16,
    heads=2,
    hidden=16,
    layers=2,
    batch_size=16,
    learning_rate=3e-3,
    seed=5,
)
PLAN = Plan(
    steps=120,
    after_grok=None,
    cadence=10,
    dense_until=30,
    global_limit=5,
    window=3,
    resume_seconds=0.0,
)


class Crash(BaseException):
    """The process is gone: nothing below catches it."""


class Faulty(Disk):
    """A disk whose n-th operation fails: by an error, or by the end of the process."""

    def __init__(self, at=None, fault=None):
        self.count, self.at, self.fault = 0, at, fault

    def _operation(self):
        self.count += 1
        if self.count == self.at:
            raise self.fault

    def write(self, path, data):
        self._operation()
        if isinstance(self.fault, Crash) and self.count + 1 == self.at:
            path.write_bytes(data[: len(data) // 2])  # cut short, and the next operation never is
            self._operation()
        super().write(path, data)

    def rename(self, source, target):
        self._operation()
        super().rename(source, target)

    def sync_folder(self, folder):
        self._operation()
        super().sync_folder(folder)

    def remove(self, path):
        self._operation()
        super().remove(path)


def fingerprint(directory: RunDirectory):
    """Everything that a finished run leaves, except the time it took."""
    resume = directory.resume()
    return (
        {name: value.tobytes() for name, value in resume.items()},
        pd.read_parquet(directory.file("metrics.parquet")),
        {step: directory.snapshot(step).tobytes() for step in directory.snapshots()},
        np.load(directory.file("band.npz"))["products"].tobytes(),
        np.load(directory.file("answers.npz"))["bits"].tobytes(),
    )


def same(first, second):
    assert first[0] == second[0]
    pd.testing.assert_frame_equal(first[1], second[1], check_exact=True)
    assert first[2:] == second[2:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run never stopped."""
    outcome = run_on(Store(tmp_path_factory.mktemp("whole")))
    return fingerprint(outcome.directory)


def run_on(store, plan=PLAN, **options):
    return run(SMALL, plan, store, **options)


def test_same_config_twice_is_the_same_bits(tmp_path, whole):
    same(fingerprint(run_on(Store(tmp_path)).directory), whole)


def test_streams_are_what_the_plan_says(tmp_path):
    directory = run_on(Store(tmp_path)).directory
    # Dense to 30; the global stream, halved past 5, holds multiples of 40; and the last.
    assert list(directory.snapshots()) == [0, 10, 20, 30, 40, 80, 120]
    assert directory.marker["global_stride"] == 4
    band = np.load(directory.file("band.npz"))
    assert band["steps"].tolist() == list(range(30, 121, 10))
    moves = [
        directory.snapshot(s).astype(np.float64) - directory.snapshot(s - 10) for s in (10, 20, 30)
    ]
    expected = np.array([[a @ b for b in moves] for a in moves])[np.triu_indices(3)]
    np.testing.assert_allclose(band["products"][0], expected, rtol=1e-5)


@pytest.mark.parametrize("after", [1, 7, 10, 33, 95])
def test_interrupted_and_resumed(tmp_path, whole, after):
    store, stop = Store(tmp_path), threading.Event()
    original = Trainer.advance
    made = 0

    def advance(trainer, steps=1):
        nonlocal made
        original(trainer, steps)
        made += steps
        if made == after:
            stop.set()

    Trainer.advance = advance
    try:
        outcome = run_on(store, stop=stop)
    finally:
        Trainer.advance = original
    assert (outcome.status, outcome.step) == ("interrupted", after)
    assert len(pd.read_parquet(outcome.directory.file("metrics.parquet"))) >= 1
    again = run_on(store)
    assert (again.status, again.resumed_at) == ("finished", after)
    same(fingerprint(again.directory), whole)


SLOW = [pytest.mark.slow, pytest.mark.long(20)]


@pytest.mark.parametrize(
    ("steps", "cadence", "kind"),
    [
        (4, 2, "error"),
        *(pytest.param(4, 2, kind, marks=SLOW) for kind in ("crash", "full")),
        pytest.param(8, 1, "crash", marks=[pytest.mark.slow, pytest.mark.long(50)]),
    ],
)
def test_every_file_operation_may_fail(tmp_path, kind, steps, cadence):
    """Saves after every step, so that each kind of file is written, replaced and dropped.

    In eight steps with a snapshot each the global stream is halved three times, once by the last
    save: every sequence of operations that a save can be made of is there.
    """
    streams = {"cadence": cadence, "dense_until": cadence, "global_limit": 2, "window": 2}
    plan, disk = Plan(**{**PLAN.to_json(), **streams, "steps": steps}), Faulty()
    expected = fingerprint(run_on(Store(tmp_path / "whole", disk=disk), plan).directory)
    operations = disk.count
    assert operations > 30
    for at in range(1, operations + 1):
        fault = {
            "crash": Crash(),
            "full": OSError(errno.ENOSPC, "no space"),
            "error": OSError(errno.EIO, "input/output error"),
        }[kind]
        store = Store(tmp_path / f"{at}")
        try:
            run_on(Store(store.root, disk=Faulty(at, fault)), plan)
        except Crash:
            pass
        except DiskFull as error:
            assert kind == "full" and "disk is full" in str(error)
        except StoreError as error:
            assert kind == "error" and "could not be written" in str(error)
        outcome = run_on(store, plan=plan)
        assert outcome.status == "finished" and not outcome.directory.verify()
        same(fingerprint(outcome.directory), expected)
        listed = {"config.json", "commit.json", "lock", *outcome.directory.entries()}
        on_disk = {
            str(p.relative_to(outcome.directory.path))
            for p in outcome.directory.path.rglob("*")
            if p.is_file()
        }
        assert on_disk == listed


def test_a_finished_run_is_not_trained_again(tmp_path):
    store = Store(tmp_path)
    first = run_on(store)
    marker = first.directory.path.joinpath("commit.json").read_bytes()
    again = run_on(store)
    assert again.step == first.step and again.resumed_at == first.step
    assert again.directory.path.joinpath("commit.json").read_bytes() == marker


def test_a_longer_plan_continues_the_same_run(tmp_path, whole):
    store = Store(tmp_path)
    short = Plan(**{**PLAN.to_json(), "steps": 50})
    assert run_on(store, plan=short).step == 50
    longer = run_on(store)
    assert longer.resumed_at == 50
    same(fingerprint(longer.directory), whole)


def test_two_processes_never_train_the_same_run(tmp_path):
    store = Store(tmp_path)
    directory = run_on(store).directory
    with RunDirectory(directory.path), pytest.raises(Busy, match="is being trained by process"):
        run_on(store)


def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch):
    directory, tried = run_on(Store(tmp_path)).directory, []

    def none(handle, operation):
        tried.append(handle)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(StoreError, match=r"lock cannot be locked: No locks available$") as caught:
        directory.__enter__()
    assert not isinstance(caught.value, Busy) and "\n" not in str(caught.value)
    (handle,) = tried  # a lock that there will never be is not waited for
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_a_cut_resume_point_is_named_and_the_one_before_is_used(tmp_path, whole):
    store = Store(tmp_path)
    directory = run_on(store).directory
    newest = directory.path / directory.marker["resume"][0]["file"]
    newest.write_bytes(newest.read_bytes()[:-9])
    said = []
    outcome = run_on(store, warn=said.append)
    assert any(newest.name in line and "falling back to step" in line for line in said)
    assert outcome.resumed_at < 120
    same(fingerprint(outcome.directory), whole)


def test_a_cut_snapshot_is_named_and_made_again_if_it_is_recent(tmp_path, whole):
    store = Store(tmp_path)
    directory = run_on(store).directory
    path = directory.snapshots()[120]
    path.write_bytes(path.read_bytes()[:100])
    assert any(path.name in line for line in directory.verify())
    said = []
    outcome = run_on(store, warn=said.append)
    assert any(path.name in line for line in said)
    same(fingerprint(outcome.directory), whole)


def test_an_old_lost_snapshot_is_named_and_given_up(tmp_path):
    store = Store(tmp_path)
    directory = run_on(store).directory
    path = directory.snapshots()[20]
    path.unlink()
    said = []
    outcome = run_on(store, warn=said.append)
    assert any(path.name in line and "without this snapshot" in line for line in said)
    assert 20 not in outcome.directory.snapshots() and not outcome.directory.verify()


def test_records_edited_by_hand_are_refused(tmp_path):
    store = Store(tmp_path)
    directory = run_on(store).directory
    path = directory.path / "config.json"
    path.write_text(path.read_text().replace('"seed": 5', '"seed": 6'))
    with pytest.raises(StoreError, match=r"config.json was changed after it was written"):
        run_on(store)


def test_a_run_of_a_kind_to_come_is_passed_over(tmp_path):
    """As an older version meets it, in a store that a newer one writes to as well."""
    store, said = Store(tmp_path), []
    known = run(SMALL, replace(PLAN, steps=10), store).directory
    head = read_sealed(known.path / "config.json")
    later = tmp_path / "runs" / "abcdefabcdef" / known.path.name
    later.mkdir(parents=True)
    head["config"] |= {"tasks": ["depth"], "gates": 3}
    (later / "config.json").write_bytes(seal(head))
    assert [found.path for found in store.runs(warn=said.append)] == [known.path]
    (line,) = said
    assert str(later / "config.json") in line and "gates" in line


def test_a_disk_too_small_is_said_before_the_start(tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(DiskFull, match=r"^the run may need .* are free$"):
        run_on(Store(tmp_path))


def test_nothing_on_disk_is_a_pickle(tmp_path):
    directory = run_on(Store(tmp_path)).directory
    assert {p.suffix for p in directory.path.rglob("*") if p.is_file() and p.name != "lock"} == {
        ".json",
        ".safetensors",
        ".parquet",
        ".npz",
    }
    for name in ("answers.npz", "band.npz"):
        with np.load(directory.file(name), allow_pickle=False) as archive:
            assert all(archive[key].dtype != object for key in archive.files)


def test_snapshots_may_hold_everything_and_know_what_decay_did(tmp_path):
    plan = Plan(**{**PLAN.to_json(), "full_state": True})
    stopped, stop = Store(tmp_path / "stopped"), threading.Event()
    run_on(stopped, plan=plan, stop=stop, watch=lambda p: stop.set() if p.step == 60 else None)
    directory = run_on(stopped, plan=plan).directory
    whole = run_on(Store(tmp_path / "whole"), plan=plan).directory
    steps = list(directory.snapshots())
    assert steps == list(whole.snapshots())
    for step in steps:
        parts = {name: directory.snapshot(step, name) for name in ("attention", "decayed", "theta")}
        for name, part in parts.items():
            assert part.tobytes() == whole.snapshot(step, name).tobytes()
    # Decay moves by −ηλ Σ θ: summed again in float64 from the weights themselves, with the factor
    # 1 − ηλ rounded to float32, as it is applied.
    lost = float(np.float32(1 - SMALL.learning_rate * SMALL.weight_decay)) - 1
    trainer, by_hand = Trainer([SMALL]), np.zeros(len(parts["decayed"]))
    for step in range(steps[-1]):
        if step in steps:
            scale = np.abs(by_hand).max()
            found = directory.snapshot(step, "decayed")
            np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-6 * scale)
        now = trainer.layout.attention(trainer.theta)[0].double().numpy()
        by_hand += lost * now
        trainer.advance()
    with pytest.raises(StoreError, match="hold attention, decayed, not theta"):
        run_on(Store(tmp_path / "plain")).directory.snapshot(0, "theta")
