"""Packs are bounded, say what they leave out, and come home as ordinary runs, or not at all."""

import dataclasses
import errno
import hashlib
import io
import itertools
import re
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.instruments.agenda import agenda
from grokbook.instruments.measurement import Measurement
from grokbook.instruments.measuring import Measuring
from grokbook.plan import Plan
from grokbook.store import DiskFull, RunDirectory, Store, StoreError
from grokbook.store.contents import read_pack
from grokbook.store.derived import MEASURED, from_state
from grokbook.store.files import Disk, read_sealed, seal
from grokbook.store.measurements import sole
from grokbook.store.packing import pack, unpack
from grokbook.store.recorded import Results
from grokbook.studies.asking import MissingRun, ask
from grokbook.training.run import run

SMALL = RunConfig(
    tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=5
)
PLAN = Plan(
    steps=120,
    after_grok=None,
    cadence=10,
    dense_until=30,
    global_limit=5,
    window=3,
)
BIG = dataclasses.replace(SMALL, modulus=5, width=224, hidden=224, batch_size=4)
BIG_PLAN = Plan(steps=16, after_grok=None, cadence=1, window=2, full_state=True)


class Crash(BaseException):
    """The process is gone: nothing below catches it."""


@contextmanager
def crashing(monkeypatch, at, names=("write", "rename", "remove")):
    """The ``at``-th of these operations on a disk, from now on, does not happen: a crash does."""
    done = itertools.count(1)

    def counted(original):
        def operation(self, *arguments):
            if next(done) == at:
                raise Crash
            return original(self, *arguments)

        return operation

    with monkeypatch.context() as patch:
        for name in names:
            patch.setattr(Disk, name, counted(getattr(Disk, name)))
        yield


def trained(store, config=SMALL, plan=PLAN, **options):
    return run(config, plan, store, **options).directory


def interrupted(store, step, config=SMALL):
    stop = threading.Event()

    def watch(progress):
        if progress.step >= step:
            stop.set()

    return trained(store, config, stop=stop, watch=watch)


def killed(store, step, config=SMALL):
    def watch(progress):
        if progress.step == step:
            raise Crash

    with pytest.raises(Crash):  # with a resume point after every step
        trained(store, config, dataclasses.replace(PLAN, resume_seconds=0.0), watch=watch)
    (left,) = store.runs(config)
    assert left.status == "running" and not left.marker["files"]
    return left


def seeded(seed, **values):
    seeds = dict.fromkeys(("seed", "split_seed", "init_seed", "batch_seed"), seed)
    return dataclasses.replace(SMALL, **(seeds | values))


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def fingerprint(directory):
    """Everything that a finished run leaves, except the time it took."""
    files = {name: directory.file(name).read_bytes() for name in MEASURED}
    state = {name: value.tobytes() for name, value in directory.resume().items()}
    return files, state, {s: directory.snapshot(s).tobytes() for s in directory.snapshots()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run never stopped."""
    return trained(Store(tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """The store of a machine far away: six small runs, one of them unfinished, and a big one."""
    store = Store(tmp_path_factory.mktemp("away"))
    for seed in range(16, 21):
        trained(store, seeded(seed), dataclasses.replace(PLAN, steps=60))
    killed(store, 40, seeded(21))
    trained(store, BIG, BIG_PLAN)
    return store


def of(packed, config):
    (found,) = [run for run in packed.runs if run.id == config.id]
    return found


def least_limit(runs, folder):
    """The limit that a refusal names: of the records alone, in whole kB."""
    with pytest.raises(StoreError, match=f"the records of {len(runs)} runs? need") as error:
        pack(runs, folder, limit=1000)
    return 1000 * int(re.search(r"need (\d+) kB", str(error.value))[1])


# --- limits and priorities ------------------------------------------------------------------


def test_limits_hold_and_room_is_used(away, tmp_path):
    folder, listed = tmp_path / "pack", away.runs(BIG)[0].marker["snapshots"]
    snapshot = max(entry["bytes"] for entry in listed.values())
    assert snapshot > 7_000_000 and len(listed) == 17  # more than a pack can hold
    for limit in (10**9, 60_000_000, 1_000_000):  # each replaces the last
        packed = pack(away.runs(), folder, limit=limit)
        sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        assert sum(sizes.values()) == packed.bytes <= limit
        assert len(sizes) <= 8 and max(sizes.values()) <= 16_000_000
        assert sizes.keys() == {"pack.json", *(f"part-{k}.bin" for k in range(1, len(sizes)))}
        if limit > 1_000_000:
            assert packed.bytes > min(limit, 112_000_000) - snapshot - 20_000
        held = read_pack(folder)
        assert len(held.runs) == len(packed.runs) == 7
        for kept, told in zip(held.runs, packed.runs, strict=True):
            names = [entry["name"] for entry in kept["files"]]
            assert {*MEASURED, "gram.npz"} <= set(names)
            assert told.bytes == sum(entry["bytes"] for entry in kept["files"])
            assert told.resumable == any(name.startswith("resume") for name in names)
            assert len(told.snapshots) == sum("snapshots" in name for name in names)
        left = 17 - len(of(packed, BIG).snapshots)
        assert of(packed, BIG).left_out == ((f"{left} of 17 snapshots",) if left else ())
        if len(steps := of(packed, BIG).snapshots) > 1:
            assert (steps[0], steps[-1]) == (0, 16)
            assert np.ptp(np.diff(steps)) <= 1  # evenly
    assert of(packed, BIG).snapshots == ()


def test_records_then_resume_points_then_last_then_more_snapshots(away, tmp_path):
    small = [run for run in away.runs() if run.config != BIG]
    everything = pack(small, tmp_path / "all", limit=10**8)
    least = least_limit(small, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    with pytest.raises(
        StoreError, match=f"need {least // 1000} kB, and the limit is {least // 1000 - 1} kB"
    ):
        pack(small, tmp_path / "pack", limit=least - 1000)
    point = away.runs(seeded(21))[0].marker["resume"][0]["bytes"]
    stages = set()
    begin = range(least, least + 60_000, 9_500)
    then = range(least + point - 10_000, least + point + 400_000, 20_000)
    for limit in (*begin, *then, 10**7):
        packed = pack(small, tmp_path / "pack", limit=limit)
        assert [run.status for run in packed.runs].count("partial") == 1
        partial = of(packed, seeded(21))
        if limit >= least + point + 256:
            assert partial.resumable  # before any snapshot
        elif limit < least - 1000 + point:
            assert not partial.resumable
        counts = [len(run.snapshots) for run in packed.runs]
        if max(counts) > 1:
            assert min(counts) >= 1  # every run's last before any run's second
        rest = [c for c, run in zip(counts, packed.runs, strict=True) if run is not partial]
        assert max(rest) - min(rest) <= 1  # fair
        for told in packed.runs:
            assert told.bytes > 0
            steps = list(of(everything, told).snapshots) if limit > least else []
            chosen = list(told.snapshots)
            assert not chosen or chosen[-1] == steps[-1]
            assert len(chosen) < 2 or chosen[0] == steps[0]
        stages.add((partial.resumable, min(max(counts), 3)))
    assert stages >= {(False, 0), (False, 1), (True, 0), (True, 1), (True, 2), (True, 3)}
    assert all(run.left_out == () for run in packed.runs)


def test_a_resume_point_left_out_is_said(away, tmp_path):
    (unfinished,) = away.runs(seeded(21))
    least = least_limit([unfinished], tmp_path)
    (told,) = pack([unfinished], tmp_path, limit=least).runs
    assert not told.resumable and told.snapshots == ()
    assert told.left_out[0].startswith("the resume point (0.")
    assert told.left_out[1] == "4 of 4 snapshots"


@pytest.mark.parametrize("limit", [0, -5, 1.5, "60MB"])
def test_a_limit_is_a_number_of_bytes(limit, away, tmp_path):
    with pytest.raises(ConfigError, match=f"limit must be .*{limit}"):
        pack(away.runs(), tmp_path / "pack", limit=limit)
    assert not (tmp_path / "pack").exists()


# --- where a pack is put --------------------------------------------------------------------


def test_other_peoples_folders_are_left_alone(whole, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match=r"holds thesis.tex: a pack wants a new folder"):
        pack([whole], tmp_path)
    file = tmp_path / "thesis.tex"
    with pytest.raises(StoreError, match=r"thesis.tex is not a folder"):
        pack([whole], file)
    other = tmp_path / "other"
    other.mkdir()
    (other / "pack.json").write_bytes(seal({"runs": {}}))
    with pytest.raises(StoreError, match=r"pack.json is no index of a pack"):
        pack([whole], other)
    assert tree(tmp_path).keys() == {"thesis.tex", "other/pack.json"}


def test_a_pack_that_could_not_be_written_leaves_the_one_before(whole, away, tmp_path, monkeypatch):
    pack([whole], tmp_path)
    before = tree(tmp_path)

    def full(self, path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "write", full)
        with pytest.raises(DiskFull, match=r"the disk is full: part-1.bin"):
            pack(away.runs(), tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("at", range(1, 8))
def test_a_pack_cut_short_is_never_taken_for_a_whole_one(at, whole, away, tmp_path, monkeypatch):
    folder = tmp_path / "pack"
    pack(away.runs(seeded(20)), folder)
    with crashing(monkeypatch, at), pytest.raises(Crash):
        pack([whole], folder)
    try:
        (run,) = read_pack(folder).runs
        assert run["head"]["config_id"] == seeded(20).id
    except StoreError as error:
        assert "there is no pack.json" in str(error)
    pack([whole], folder)  # what was left does no harm
    assert read_pack(folder).runs[0]["head"]["config_id"] == SMALL.id
    assert tree(folder).keys() == {"pack.json", "part-1.bin"}


# --- what is wrong is named, and nothing is unpacked ----------------------------------------


def edit_index(folder, change):
    """What a careful forger does: seal it again."""
    index = read_sealed(folder / "pack.json")
    change(index)
    (folder / "pack.json").write_bytes(seal(index))


def flip(path, at=100):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def forge(folder):
    flip(folder / "part-1.bin")
    digest = hashlib.sha256((folder / "part-1.bin").read_bytes()).hexdigest()
    edit_index(folder, lambda index: index["parts"][0].update(sha256=digest))


def rename_file(folder):
    edit_index(folder, lambda i: i["runs"][0]["files"][0].update(name="../../config.json"))


DAMAGE = {
    r"holds no pack: there is no pack.json": lambda f: (f / "pack.json").unlink(),
    r"pack.json is damaged: it is not JSON": lambda f: (f / "pack.json").write_text("{"),
    r"pack.json was changed after it was written": lambda f: (f / "pack.json").write_text(
        (f / "pack.json").read_text().replace('"seed": 5', '"seed": 6')
    ),
    r"pack.json is no index of a pack": lambda f: (f / "pack.json").write_bytes(seal({"runs": []})),
    r"has format 2 \(grokbook 9.0\); grokbook 0\.\d+\.\d+ reads format 1": lambda f: edit_index(
        f, lambda index: index.update(format=2, grokbook="9.0")
    ),
    r"not whole: .*part-1.bin is missing": lambda f: (f / "part-1.bin").unlink(),
    r"not whole: .*part-1.bin is damaged: \d+ bytes instead of \d+": lambda f: (
        f / "part-1.bin"
    ).write_bytes((f / "part-1.bin").read_bytes()[:-1]),
    r"part-1.bin is damaged: its checksum does not fit": lambda f: flip(f / "part-1.bin"),
    r"metrics.parquet of run \w{12} is damaged: its checksum does not fit": forge,
    r"config.json of run \w{12} is no file of a run": rename_file,
    r"another version: unknown field in a run's config: colour": lambda f: edit_index(
        f, lambda index: index["runs"][0]["head"]["config"].update(colour="red")
    ),
    r"run \w{12} of the pack in .* is of another version: its format is 2,": lambda f: edit_index(
        f, lambda index: index["runs"][0]["head"].update(format=2)
    ),
    r"run \w{12} of the pack in .* is of another version: its format is 3,": lambda f: edit_index(
        f, lambda index: index["runs"][0]["marker"].update(format=3)
    ),
    r"names run \w{12}, and its marker is of 0{12}": lambda f: edit_index(
        f, lambda index: index["runs"][0]["marker"].update(config_id="0" * 12)
    ),
    r"names run 0{12}": lambda f: edit_index(
        f, lambda index: index["runs"][0]["head"].update(config_id="0" * 12)
    ),
    r"under numerics \.\./x": lambda f: edit_index(
        f, lambda index: index["runs"][0]["head"].update(numerics_id="../x")
    ),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_damage_is_named_and_nothing_is_unpacked(says, whole, tmp_path):
    folder = tmp_path / "pack"
    pack([whole], folder)
    DAMAGE[says](folder)
    with pytest.raises(StoreError, match=says) as error:
        unpack(folder, Store(tmp_path / "store"))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "store").exists()


def test_a_disk_too_small_is_said_before_the_start(whole, tmp_path, monkeypatch):
    from collections import namedtuple

    pack([whole], tmp_path / "pack")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    need = rf"^the pack in {tmp_path / 'pack'} may need 0\.00 GB in {tmp_path / 'store'}, and"
    with pytest.raises(DiskFull, match=need):
        unpack(tmp_path / "pack", Store(tmp_path / "store"))
    assert not (tmp_path / "store" / "runs").exists()


def test_damage_at_the_source_is_left_out_and_said(tmp_path):
    store = Store(tmp_path / "s")
    damaged, lost, empty = (trained(store, seeded(k)) for k in (31, 32, 33))
    flip(damaged.snapshots()[30])
    flip(lost.path / "metrics.parquet")
    for path in [*empty.path.glob("*.[!j]*"), empty.path / "commit.json"]:
        path.unlink()
    for path in empty.snapshots().values():
        path.unlink()
    packed = pack([damaged, lost, empty, damaged], tmp_path / "p")  # one of them given twice
    assert [run.status for run in packed.runs] == ["finished", "left out", "left out"]
    assert 30 not in of(packed, seeded(31)).snapshots
    assert any("000000030" in why and "damaged" in why for why in packed.runs[0].left_out)
    assert "metrics.parquet is damaged" in packed.runs[1].left_out[0]
    assert "has nothing to show yet: it is empty" in packed.runs[2].left_out[0]
    (home,) = unpack(tmp_path / "p", Store(tmp_path / "home"))
    assert RunDirectory(home.path).verify() == []
    with pytest.raises(StoreError, match="there is nothing to pack; .*metrics.parquet is damaged"):
        pack([lost], tmp_path / "q")
    with pytest.raises(StoreError, match="there is nothing to pack"):
        pack([], tmp_path / "q")


def test_a_damaged_resume_point_is_passed_over(tmp_path):
    left = killed(Store(tmp_path / "s"), 70)
    newest, before = left.marker["resume"]
    flip(left.path / newest["file"])
    packed = pack([left], tmp_path / "p")
    assert packed.runs[0].step == before["step"] < newest["step"]
    assert any(f"falling back to step {before['step']}" in why for why in packed.runs[0].left_out)
    (home,) = unpack(tmp_path / "p", Store(tmp_path / "home"))
    assert RunDirectory(home.path).marker["resume"][0]["step"] == before["step"]
    assert RunDirectory(home.path).verify() == []


# --- home -----------------------------------------------------------------------------------


def test_what_comes_home_is_an_ordinary_run(whole, tmp_path, monkeypatch):
    pack([whole], tmp_path / "p")
    store = Store(tmp_path / "home")
    (home,) = unpack(tmp_path / "p", store)
    assert (home.outcome, home.status, home.step) == ("added", "finished", 120)
    (here,) = store.runs()
    assert here.path == home.path == store.root / whole.path.relative_to(whole.path.parents[2])
    assert (here.path / "config.json").read_bytes() == (whole.path / "config.json").read_bytes()
    assert here.verify() == [] and here.hardware == whole.hardware
    pd.testing.assert_frame_equal(here.record().metrics, whole.record().metrics, check_exact=True)
    assert here.record().seconds == whole.record().seconds > 0
    assert list(here.snapshots()) == list(whole.snapshots())
    assert here.snapshot(120).tobytes() == whole.snapshot(120).tobytes()
    monkeypatch.setenv("GROKBOOK_TRAIN", "never")
    assert ask(SMALL, PLAN, store=store, results=Results(tmp_path / "none")).source == "store"
    results = [Results(tmp_path / name) for name in ("there", "here")]
    for place, directory in zip(results, (whole, here), strict=True):
        place.add(directory)
        assert place.verify() == []
    assert tree(results[0].folder) == tree(results[1].folder)


def test_the_record_needs_no_snapshots(away, tmp_path):
    finished = [run for run in away.runs() if run.ended and run.config != BIG]
    least = least_limit(finished[:1], tmp_path / "p")
    pack(finished[:1], tmp_path / "p", limit=least)
    (home,) = unpack(tmp_path / "p", Store(tmp_path / "home"))
    here = RunDirectory(home.path)
    assert here.snapshots() == {}
    results = [Results(tmp_path / name) for name in ("there", "here")]
    for place, directory in zip(results, (finished[0], here), strict=True):
        place.add(directory)
    assert tree(results[0].folder) == tree(results[1].folder)


def test_twice_is_harmless(away, tmp_path):
    pack(away.runs(), tmp_path / "p", limit=2_000_000)
    store = Store(tmp_path / "home")
    assert {run.outcome for run in unpack(tmp_path / "p", store)} == {"added"}
    before = tree(store.root)
    assert {run.outcome for run in unpack(tmp_path / "p", store)} == {"kept"}
    assert tree(store.root) == before


def test_further_is_kept_less_far_is_replaced_and_busy_is_skipped(whole, tmp_path):
    store = Store(tmp_path / "home")
    here = interrupted(store, 50)
    pack([here], tmp_path / "early")
    pack([whole], tmp_path / "late")
    with here:
        (skipped,) = unpack(tmp_path / "late", store)
    assert skipped.outcome == "skipped" and "is being trained by process" in skipped.why
    assert store.runs()[0].step == 50
    assert unpack(tmp_path / "late", store)[0].outcome == "replaced"
    (now,) = store.runs()
    assert (now.step, now.status) == (120, "finished") and now.verify() == []
    listed = {"config.json", "commit.json", *now.entries()}
    assert tree(now.path).keys() == listed  # the old resume points are gone
    with now:  # nothing of it is touched, so whoever holds it does not matter
        assert unpack(tmp_path / "early", store)[0].outcome == "kept"
    assert store.runs()[0].step == 120
    flip(now.path / "commit.json")
    (skipped,) = unpack(tmp_path / "late", store)
    assert skipped.outcome == "skipped" and "commit.json" in skipped.why


def test_a_run_that_moved_on_before_the_lock_was_ours_is_kept(whole, tmp_path, monkeypatch):
    pack([interrupted(Store(tmp_path / "s"), 50)], tmp_path / "early")
    pack([whole], tmp_path / "late")
    store, enter = Store(tmp_path / "home"), RunDirectory.__enter__

    def late(directory):
        monkeypatch.setattr(RunDirectory, "__enter__", enter)
        unpack(tmp_path / "late", store)  # another process was faster
        return enter(directory)

    monkeypatch.setattr(RunDirectory, "__enter__", late)
    assert unpack(tmp_path / "early", store)[0].outcome == "kept"
    (now,) = store.runs()
    assert (now.step, now.status) == (120, "finished") and now.verify() == []


def test_a_resume_point_can_follow(away, tmp_path):
    """At the same step, a run that can go on is further than one that cannot."""
    (unfinished,) = away.runs(seeded(21))
    least = least_limit([unfinished], tmp_path / "p")
    store = Store(tmp_path / "home")
    for limit, outcome in ((least, "added"), (10**7, "replaced"), (least, "kept")):
        pack([unfinished], tmp_path / "p", limit=limit)
        assert unpack(tmp_path / "p", store)[0].outcome == outcome
    assert len(store.runs()[0].marker["resume"]) == 1


def test_unpacking_cut_short_anywhere_loses_nothing(whole, tmp_path, monkeypatch):
    pack([whole], tmp_path / "late")
    early = interrupted(Store(tmp_path / "early"), 50)
    pack([early], tmp_path / "p")
    for at in range(1, 80):
        store = Store(tmp_path / "home" / str(at))
        unpack(tmp_path / "p", store)
        try:
            with crashing(monkeypatch, at):
                unpack(tmp_path / "late", store)
            break
        except Crash:
            (left,) = store.runs()
            assert left.verify() == []
            assert left.ended or RunDirectory(left.path).resume() is not None
            unpack(tmp_path / "late", store)
            (now,) = store.runs()
            assert now.ended and now.verify() == []
            assert now.record().metrics.equals(whole.record().metrics)
            with now:  # the next to open it sweeps what is not listed
                pass
            assert tree(now.path).keys() == {"config.json", "commit.json", *now.entries()}
    assert at > 20


# --- unfinished runs ------------------------------------------------------------------------


def test_files_from_a_resume_point_are_those_of_the_run(whole):
    again = from_state(SMALL, PLAN.window, whole.resume())
    assert again == {name: whole.file(name).read_bytes() for name in MEASURED}


@pytest.mark.parametrize("stop", [interrupted, killed])
def test_a_partial_record_says_so(stop, whole, tmp_path, monkeypatch):
    left = stop(Store(tmp_path / "s"), 60)
    pack([left], tmp_path / "p")
    store, results = Store(tmp_path / "home"), Results(tmp_path / "r")
    (home,) = unpack(tmp_path / "p", store)
    (here,) = store.runs()
    record = here.record()
    assert home.status == here.status == record.status == "partial" and not here.ended
    assert here.verify() == [] and len(record.metrics) >= 6
    rows = whole.record().metrics.iloc[: len(record.metrics)]
    pd.testing.assert_frame_equal(record.metrics, rows, check_exact=True)
    with pytest.raises(StoreError, match="is partial at step .* only finished runs"):
        results.add(here)
    assert results.add(here, allow_partial=True)["status"] == "partial"
    assert results.get(SMALL.id).status == "partial" and results.verify() == []
    # However little is asked for, a partial record is not an answer.
    monkeypatch.setenv("GROKBOOK_TRAIN", "never")
    with pytest.raises(MissingRun, match="not recorded as far as asked"):
        ask(SMALL, dataclasses.replace(PLAN, steps=10), store=store, results=results)
    assert results.add(whole)["status"] == "finished"  # it was further; no need to say replace
    at_the_end = interrupted(Store(tmp_path / "e"), 120)
    assert at_the_end.record().metrics.equals(whole.record().metrics)
    for less in (here, at_the_end):
        with pytest.raises(StoreError, match="recorded already"):
            results.add(less, allow_partial=True)
    assert results.get(SMALL.id).status == "finished" and results.verify() == []


@pytest.mark.parametrize(("stop", "step"), [(interrupted, 20), (interrupted, 90), (killed, 70)])
def test_continued_elsewhere_to_the_same_bits(stop, step, whole, tmp_path):
    pack([stop(Store(tmp_path / "s"), step)], tmp_path / "p")
    store = Store(tmp_path / "home")
    unpack(tmp_path / "p", store)
    said = []
    outcome = run(SMALL, PLAN, store, warn=said.append)
    assert outcome.resumed_at and outcome.status == "finished" and said == []
    assert fingerprint(outcome.directory) == fingerprint(whole)
    listed = {"config.json", "commit.json", *outcome.directory.entries()}
    assert tree(outcome.directory.path).keys() == listed


def test_continued_without_snapshots_only_these_are_missing(whole, tmp_path):
    left = interrupted(Store(tmp_path / "s"), 40)
    size = left.marker["resume"][0]["bytes"]
    least = least_limit([left], tmp_path / "p")
    assert pack([left], tmp_path / "p", limit=least + size + 256).runs[0].snapshots == ()
    store = Store(tmp_path / "home")
    unpack(tmp_path / "p", store)
    found, wanted = fingerprint(trained(store)), fingerprint(whole)
    assert found[:2] == wanted[:2]
    assert found[2] == {step: wanted[2][step] for step in (80, 120)}


def test_without_a_resume_point_a_run_starts_again_and_says_so(whole, tmp_path):
    left = killed(Store(tmp_path / "s"), 60)
    least = least_limit([left], tmp_path / "p")
    pack([left], tmp_path / "p", limit=least)
    store, said = Store(tmp_path / "home"), []
    unpack(tmp_path / "p", store)
    outcome = run(SMALL, PLAN, store, warn=said.append)
    assert outcome.resumed_at is None
    assert len(said) == 1 and "without a resume point; it starts again at step 0" in said[0]
    assert fingerprint(outcome.directory) == fingerprint(whole)


def test_a_finished_run_that_came_home_is_not_trained_again(tmp_path):
    store, said = Store(tmp_path / "home"), []
    pack([trained(Store(tmp_path / "away"))], tmp_path / "pack")
    unpack(tmp_path / "pack", store)
    before = tree(store.root)
    outcome = run(SMALL, PLAN, store, warn=said.append)
    assert (outcome.status, outcome.step, outcome.resumed_at) == ("finished", 120, 120)
    assert tree(store.root) == before and said == []
    longer = run(SMALL, dataclasses.replace(PLAN, steps=150), store, warn=said.append)
    assert len(said) == 1 and longer.resumed_at is None and longer.step == 150


# --- what was measured ----------------------------------------------------------------------


class StopAfter(threading.Event):
    """Asked before every point; says stop once so many have been measured."""

    def __init__(self, points):
        super().__init__()
        self._left = points

    def is_set(self):
        self._left -= 1
        return self._left < 0


def measure(store, run, name, points=10**9):
    """Measure so many points, saved; where the file lies."""
    return Measuring.of(name, run).measure(store, StopAfter(points)).path(store)


def fully(folder, run):
    """The same run in a store of its own, its weight spectra measured whole: run and file."""
    store, where = Store(folder), "/".join(run.path.parts[-3:])
    folder.mkdir()
    (folder / "runs").symlink_to(run.path.parents[1])
    again = RunDirectory(folder / where)
    return again, measure(store, again, "weight-spectra")


def without_seconds(path):
    return dataclasses.replace(Measurement.read(path), seconds=0.0).to_bytes()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The store of a machine far away: two runs, of which one is measured in part."""
    store = Store(tmp_path_factory.mktemp("measured"))
    first, second = (trained(store, seeded(k)) for k in (41, 42))
    for name in ("events", "weight-spectra"):
        measure(store, first, name)
    measure(store, second, "events")
    measure(store, second, "weight-spectra", points=3)
    return store


def ordered(store):
    return sorted(store.runs(), key=lambda run: run.config.seed)


def least_with_measurements(store, folder):
    """The least limit at which records and measurements go in, snapshots not counted."""
    sizes = [path.stat().st_size + 256 for path in store.root.rglob("*.parquet")]
    records = [path.stat().st_size + 256 for path in store.root.rglob("metrics.parquet")]
    return least_limit(ordered(store), folder) + sum(sizes) - sum(records)


def test_measurements_come_home_and_nothing_is_measured_twice(measured, tmp_path):
    packed = pack(ordered(measured), tmp_path / "p")
    assert [run.measurements for run in packed.runs] == [2, 2]
    assert all(run.left_out == () for run in packed.runs)
    home = Store(tmp_path / "home")
    for word in ("added", "kept"):
        runs = unpack(tmp_path / "p", home)
        assert {each.outcome for run in runs for each in run.measurements} == {word}
        assert {each.why for run in runs for each in run.measurements} == {""}
    assert tree(home.root / "measurements").keys() == tree(measured.root / "measurements").keys()
    for path in sorted((measured.root / "measurements").rglob("*.parquet")):
        assert (home.root / path.relative_to(measured.root)).read_bytes() == path.read_bytes()
    events, spectra = agenda(home, home.runs(), ["events", "weight-spectra"], {}, of=2)
    assert (events.points, events.measured, events.lacking) == (2, 2, 0)
    assert (spectra.points - spectra.measured, spectra.lacking) == (spectra.points // 2 - 3, 0)


def test_a_measurement_goes_on_elsewhere_to_the_same_rows(measured, tmp_path):
    _, second = ordered(measured)
    pack([second], tmp_path / "p")
    home = Store(tmp_path / "home")
    unpack(tmp_path / "p", home)
    (here,) = home.runs()
    part = Measuring.of("weight-spectra", here).begun(home)[1]
    assert len(part.measured) == 3 < len(part.points)
    _, whole = fully(tmp_path / "alone", second)
    gone_on = measure(home, here, part.instrument)
    assert without_seconds(gone_on) == without_seconds(whole)
    # Home again where it was begun: further on, and so it takes the place of what was there.
    pack([here], tmp_path / "q")
    back = Store(tmp_path / "back")
    unpack(tmp_path / "p", back)
    outcomes = {each.name: each.outcome for each in unpack(tmp_path / "q", back)[0].measurements}
    assert outcomes.pop(gone_on.name) == "replaced" and set(outcomes.values()) == {"kept"}
    assert {each.outcome for each in unpack(tmp_path / "p", back)[0].measurements} == {"kept"}
    assert without_seconds(back.root / gone_on.relative_to(home.root)) == without_seconds(whole)


def test_what_was_measured_stays_measured_where_the_snapshots_are_not(measured, tmp_path):
    """A pack seldom has room for all snapshots; on some of them, points would be others."""
    limit = least_with_measurements(measured, tmp_path / "p")
    for more, snapshots in ((0, 0), (30_000, 1)):
        told = pack(ordered(measured), tmp_path / "p", limit=limit + more).runs
        assert [run.measurements for run in told] == [2, 2]
        assert max(len(run.snapshots) for run in told) >= snapshots
        home = Store(tmp_path / f"home {more}")
        unpack(tmp_path / "p", home)
        names = ["events", "weight-spectra", "trajectory"]
        events, spectra, trajectory = agenda(home, home.runs(), names, {}, of=2)
        assert (events.points, events.measured, events.lacking) == (2, 2, 0)
        assert spectra.points == spectra.measured > 3 and spectra.lacking == 1
        assert (trajectory.points, trajectory.lacking) == (0, 2)


def test_records_then_measurements_then_the_rest(measured, tmp_path):
    store = Store(tmp_path / "s")
    done = trained(store, seeded(43), dataclasses.replace(PLAN, steps=60))
    measure(store, done, "weight-spectra")
    left = interrupted(store, 100, seeded(44))
    point = left.marker["resume"][0]["bytes"]
    least = least_limit([done, left], tmp_path / "p")
    (size,) = [len(data) for data in tree(store.root / "measurements").values() if data]
    for limit, brought, resumable in (
        (least, 0, False),
        (least + size + 1_256, 1, False),
        (least + size + point + 1_600, 1, True),
    ):
        told = pack([done, left], tmp_path / "p", limit=limit)
        assert of(told, done.config).measurements == brought
        assert of(told, left.config).resumable == resumable
        said = f"1 of 1 measurements ({size / 1e6:.2f} MB)"
        assert (said in of(told, done.config).left_out) == (not brought)


def test_a_damaged_measurement_is_left_out_and_said(tmp_path):
    store = Store(tmp_path / "s")
    run = trained(store, seeded(45))
    kept, damaged = (measure(store, run, name) for name in ("events", "weight-spectra"))
    flip(damaged, 60)  # in the first column's page
    (told,) = pack([run], tmp_path / "p").runs
    assert told.measurements == 1
    assert told.left_out == (f"{damaged} is damaged: it is no measurement",)
    home = Store(tmp_path / "home")
    (here,) = unpack(tmp_path / "p", home)
    assert [each.name for each in here.measurements] == [kept.name]


def test_busy_and_damaged_measurements_are_skipped_and_nothing_is_lost(measured, tmp_path):
    first, second = ordered(measured)
    pack([second], tmp_path / "p")
    home = Store(tmp_path / "home")
    unpack(tmp_path / "p", home)
    begun = next(home.root.rglob("measurements/**/weight-spectra-*.parquet"))
    full, _ = fully(tmp_path / "full", second)
    pack([full], tmp_path / "q")
    before = begun.read_bytes()
    with sole(begun):
        (kept,) = unpack(tmp_path / "p", home)[0].measurements[1:]
        (run,) = unpack(tmp_path / "q", home)
    assert (kept.name, kept.outcome) == (begun.name, "kept")  # nothing is written, nothing waits
    (each,) = run.measurements
    assert (run.outcome, each.outcome) == ("kept", "skipped")
    assert each.why == f"{begun.name} is being measured by another process"
    assert begun.read_bytes() == before
    flip(begun, 60)
    damaged = begun.read_bytes()
    (each,) = unpack(tmp_path / "q", home)[0].measurements
    assert each.outcome == "skipped" and each.why == f"{begun} is damaged: it is no measurement"
    assert begun.read_bytes() == damaged
    begun.unlink()
    (each,) = unpack(tmp_path / "q", home)[0].measurements
    assert each.outcome == "added" and len(Measurement.read(begun).left) == 0


def test_a_measurement_that_went_on_before_the_lock_was_ours_is_kept(
    measured, tmp_path, monkeypatch
):
    _, second = ordered(measured)
    late, whole = fully(tmp_path / "full", second)
    pack([second], tmp_path / "early")
    pack([late], tmp_path / "late")
    home = Store(tmp_path / "home")

    def slow(path):
        if path.name != whole.name:
            return sole(path)
        monkeypatch.setattr("grokbook.store.measurements.sole", sole)
        unpack(tmp_path / "late", home)  # another process was faster
        return sole(path)

    monkeypatch.setattr("grokbook.store.measurements.sole", slow)
    runs = unpack(tmp_path / "early", home)
    outcomes = {each.name: each.outcome for each in runs[0].measurements}
    assert outcomes[whole.name] == "kept"
    path = home.root / whole.relative_to(tmp_path / "full")
    assert path.read_bytes() == whole.read_bytes()


def test_a_run_brings_what_was_measured_on_it_and_on_no_other(measured, tmp_path):
    """The same config under other numerics is another run, and so is one that was less far."""
    first, _ = ordered(measured)
    store, where = Store(tmp_path / "s"), first.path.parts[-3:]
    shutil.copytree(measured.root / "measurements", store.root / "measurements")
    other = store.root.joinpath(*where[:2], "0" * 8)
    shutil.copytree(first.path, other)
    head = read_sealed(other / "config.json") | {"numerics_id": "0" * 8}
    (other / "config.json").write_bytes(seal(head))
    assert pack([RunDirectory(other)], tmp_path / "p").runs[0].measurements == 0
    early = interrupted(Store(tmp_path / "early"), 50, first.config)
    folder = early.path.parents[2] / "measurements"
    shutil.copytree(measured.root / "measurements", folder)
    (told,) = pack([early], tmp_path / "q").runs
    assert told.measurements == 0
    assert sum("which was measured on step 120" in why for why in told.left_out) == 2


def change_measurement(folder, change):
    """A careful forger changes the bytes of the first measurement; every checksum fits again."""
    held = read_pack(folder)
    entry = held.runs[0]["measurements"][0]
    data = bytearray(held.data)
    at = slice(entry["offset"], entry["offset"] + entry["bytes"])
    new = change(bytes(data[at]))
    data[at] = new
    (folder / "part-1.bin").write_bytes(data)

    def facts(data):
        return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def again(index):
        more = len(new) - entry["bytes"]
        for one in index["runs"]:
            for other in (*one["files"], *one["measurements"]):
                other["offset"] += more * (other["offset"] > entry["offset"])
        index["runs"][0]["measurements"][0].update(facts(new))
        index["parts"][0].update(facts(bytes(data)))

    edit_index(folder, again)


def say_otherwise(folder, old, new):
    """Other facts in a measurement's file."""

    def change(data):
        table = pq.read_table(io.BytesIO(data))
        text = table.schema.metadata[b"grokbook"].decode()
        assert old in text
        file = io.BytesIO()
        meta = {"grokbook": text.replace(old, new)}
        pq.write_table(table.replace_schema_metadata(meta), file)
        return file.getvalue()

    change_measurement(folder, change)


def swap(folder):
    def change(index):
        first, second = index["runs"]
        first["measurements"], second["measurements"] = (
            second["measurements"],
            first["measurements"],
        )

    edit_index(folder, change)


WRONG = {
    r"events-\w{8}.parquet of run \w{12} is damaged: its checksum does not fit": lambda f: (
        edit_index(f, lambda index: index["runs"][0]["measurements"][0].update(sha256="0" * 64))
    ),
    r"events-\w{8}.parquet of run \w{12} is damaged: it is no measurement": lambda f: (
        change_measurement(f, lambda data: data[:-9])
    ),
    r"of another version: its format is 2, and grokbook 0\.\d+\.\d+ reads format 1": lambda f: (
        say_otherwise(f, '"format":1', '"format":2')
    ),
    r"says that it is events-\w{8}.parquet of run 0{12}/\w{8}": lambda f: say_otherwise(
        f, seeded(41).id, "0" * 12
    ),
    r"says that it is \.\./events-": lambda f: say_otherwise(f, '"events"', '"../events"'),
    r"is damaged: it is no measurement$": lambda f: say_otherwise(
        f, '"run_step":120', '"run_step":"120"'
    ),
    r"\w{12} says that it is \w+-\w{8}.parquet of run \w{12}": swap,
    r"\.\./a-00000000.parquet of run \w{12} is no measurement of a run": lambda f: edit_index(
        f, lambda i: i["runs"][0]["measurements"][0].update(name="../a-00000000.parquet")
    ),
    r"was measured at step 120, and the run is at 110": lambda f: edit_index(
        f, lambda index: index["runs"][0]["marker"].update(step=110)
    ),
}


@pytest.mark.parametrize("says", WRONG)
def test_a_wrong_measurement_is_named_and_nothing_is_unpacked(says, measured, tmp_path):
    pack(ordered(measured), tmp_path / "p", limit=10**6)
    WRONG[says](tmp_path / "p")
    with pytest.raises(StoreError, match=says) as error:
        unpack(tmp_path / "p", Store(tmp_path / "store"))
    assert "\n" not in str(error.value) and str(tmp_path / "p") in str(error.value)
    assert not (tmp_path / "store").exists()


def test_a_pack_of_an_earlier_version_has_no_measurements(measured, tmp_path):
    pack(ordered(measured), tmp_path / "p")
    edit_index(tmp_path / "p", lambda i: [run.pop("measurements") for run in i["runs"]])
    runs = unpack(tmp_path / "p", Store(tmp_path / "home"))
    assert [(run.outcome, run.measurements) for run in runs] == [("added", ())] * 2


def test_a_merge_cut_short_anywhere_loses_no_measurement(measured, tmp_path, monkeypatch):
    _, second = ordered(measured)
    pack([second], tmp_path / "early")
    late, whole = fully(tmp_path / "full", second)
    pack([late], tmp_path / "late")
    for at in range(1, 9):
        home = Store(tmp_path / "home" / str(at))
        unpack(tmp_path / "early", home)
        path = home.root / whole.relative_to(tmp_path / "full")
        before = path.read_bytes()
        try:
            with crashing(monkeypatch, at, ("write", "rename", "sync_folder")):
                unpack(tmp_path / "late", home)
            break
        except Crash:
            assert path.read_bytes() in (before, whole.read_bytes())
        unpack(tmp_path / "late", home)
        assert path.read_bytes() == whole.read_bytes()
    assert 3 <= at < 8
