"""Runs with an intervention come home with what their bases are, and can go on and be recorded."""

import dataclasses
import re
import shutil
import sys
import threading

import pytest

from grokbook import cli
from grokbook.changes import Intervention
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.store.contents import read_pack
from grokbook.store.files import entry_of, read_sealed, seal
from grokbook.store.notes import Notes
from grokbook.store.packing import pack, unpack
from grokbook.store.recorded import Results
from grokbook.studies.bases import complete, measure_basis, note_of
from grokbook.training.run import run

TINY = RunConfig(
    tasks=("add",), modulus=11, width=8, heads=2, hidden=8, batch_size=16, weight_decay=0.5
)
PLAN = Plan(steps=60, after_grok=None, cadence=10, window=3)


def cut(basis, strength):
    change = Intervention("delete", strength, start=20, basis=basis)
    return dataclasses.replace(TINY, intervention=change)


def stopped(store, config, step):
    stop = threading.Event()
    watch = {"stop": stop, "watch": lambda p: stop.set() if p.step >= step else None}
    return run(config, PLAN, store, **watch).directory


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """A machine far away: a plain run, its basis, a run on it, and two that were stopped there."""
    store = Store(tmp_path_factory.mktemp("away"))
    plain = run(TINY, dataclasses.replace(PLAN, full_state=True), store).directory
    basis = measure_basis(store, plain, "trajectory", complete("trajectory", {"k": 3}))
    run(cut(basis, 0.1), PLAN, store)
    for strength in (0.3, 0.5):
        stopped(store, cut(basis, strength), 40)
    return store, basis


@pytest.fixture
def packed(away, tmp_path):
    """What became of each run by its strength, in a pack of runs with that basis."""

    def several(*strengths, **limit):
        store, basis = away
        runs = [store.runs(cut(basis, strength))[0] for strength in strengths]
        told = pack(runs, tmp_path / "p", **limit).runs
        return dict(zip(strengths, told, strict=True))

    return several


def least_limit(packed, *strengths):
    """The limit that a refusal names: of the records alone, in whole kB."""
    with pytest.raises(StoreError, match="the records of .* need") as error:
        packed(*strengths, limit=1000)
    return 1000 * int(re.search(r"need (\d+) kB", str(error.value))[1])


def sizes(away, *strengths):
    """Bytes of the basis, and of the resume points together."""
    store, basis = away
    runs = [store.runs(cut(basis, strength))[0] for strength in strengths]
    points = sum(run.marker["resume"][0]["bytes"] for run in runs)
    return (store.root / artefact(basis)).stat().st_size, points


def names(folder):
    return [entry["name"] for entry in read_pack(folder).bases]


def artefact(basis):
    return f"artefacts/{basis}.safetensors"


def note(basis):
    return f"bases/{TINY.id}/{basis}.json"


def test_a_run_that_has_ended_can_be_recorded(away, packed, tmp_path, monkeypatch):
    store, basis = away
    assert packed(0.1)[0.1].left_out == ()
    assert names(tmp_path / "p") == [note(basis)]  # nothing is to be trained on it
    home = Store(tmp_path / "home")
    unpack(tmp_path / "p", home)
    assert (home.root / note(basis)).read_bytes() == (store.root / note(basis)).read_bytes()
    assert note_of(home, basis) == note_of(store, basis)
    for name, folder in (("GROKBOOK_STORE", home.root), ("GROKBOOK_RESULTS", tmp_path / "r")):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(sys, "argv", ["grokbook", "record", cut(basis, 0.1).id])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    (entry,) = Results(tmp_path / "r").manifest().values()
    assert entry["basis"] == note_of(store, basis) and entry["basis"]["measure"] == "trajectory"


def test_runs_that_were_stopped_share_a_basis_and_go_on_to_the_same_bits(away, packed, tmp_path):
    store, basis = away
    limit = least_limit(packed, 0.3, 0.5) + sum(sizes(away, 0.3, 0.5)) + 3 * 256
    for told in packed(0.3, 0.5, limit=limit).values():  # one more would not fit
        assert told.resumable and told.left_out == ("5 of 5 snapshots",)
    assert all(told.resumable and told.left_out == () for told in packed(0.3, 0.5).values())
    assert names(tmp_path / "p") == [note(basis), artefact(basis)]
    home = Store(tmp_path / "home")
    unpack(tmp_path / "p", home)
    assert (home.root / artefact(basis)).read_bytes() == (store.root / artefact(basis)).read_bytes()
    shutil.copytree(store.root, tmp_path / "there")
    there, here = (run(cut(basis, 0.3), PLAN, Store(tmp_path / name)) for name in ("there", "home"))
    assert (here.status, here.resumed_at) == ("finished", there.resumed_at) == ("finished", 40)
    assert here.directory.record().metrics.equals(there.directory.record().metrics)
    states = [each.directory.resume() for each in (there, here)]
    assert states[0].keys() == states[1].keys()
    assert all(states[0][key].tobytes() == states[1][key].tobytes() for key in states[0])


def test_a_basis_comes_after_resume_points_and_before_snapshots(away, packed, tmp_path):
    _, basis = away
    least, (size, point) = least_limit(packed, 0.5), sizes(away, 0.5)
    needs = f"the basis that it needs to go on ({size / 1e6:.1f} MB)"
    for limit, resumable, bases, said in (
        (least, False, [note(basis)], f"the resume point ({point / 1e6:.1f} MB)"),
        (least + point + 256, True, [note(basis)], needs),
        (least + point + size + 512, True, [note(basis), artefact(basis)], "5 of 5 snapshots"),
    ):
        told = packed(0.5, limit=limit)[0.5]
        assert told.resumable == resumable and told.snapshots == ()
        assert names(tmp_path / "p") == bases
        assert told.left_out[0] == said and (needs in told.left_out) == (said == needs)


def test_a_basis_that_is_damaged_or_unknown_at_the_source_is_said(away, tmp_path):
    store, basis = away
    (left,) = store.runs(cut(basis, 0.5))
    shutil.copytree(store.root, tmp_path / "s")
    left = RunDirectory(tmp_path / "s" / left.path.relative_to(store.root))
    (tmp_path / "s" / artefact(basis)).write_bytes(b"cut short")
    (tmp_path / "s" / note(basis)).unlink()
    (told,) = pack([left], tmp_path / "p").runs
    assert told.resumable and names(tmp_path / "p") == []
    assert told.left_out == (
        f"no note of basis {basis} in {tmp_path / 's' / 'bases'}",
        f"artefact {basis[:12]} is damaged: the checksum of "
        f"{tmp_path / 's' / artefact(basis)} is another",
    )


def test_what_is_here_and_whole_stays_and_what_is_damaged_is_replaced(away, packed, tmp_path):
    store, basis = away
    packed(0.5)
    home = Store(tmp_path / "home")
    own = Notes(store).of(basis) | {"run": "as it is called here"}
    Notes(home).put(own)
    Artefacts(home).path(basis).parent.mkdir()
    Artefacts(home).path(basis).write_bytes(b"cut short")
    unpack(tmp_path / "p", home)
    assert note_of(home, basis)["run"] == "as it is called here"
    assert Artefacts(home).content(basis) == Artefacts(store).content(basis)
    (home.root / note(basis)).write_text("{")
    unpack(tmp_path / "p", home)
    assert note_of(home, basis) == note_of(store, basis)


def test_a_pack_of_an_earlier_version_has_no_bases(packed, tmp_path):
    packed(0.1)
    edit_index(tmp_path / "p", lambda index: index.pop("bases"))
    (home,) = unpack(tmp_path / "p", Store(tmp_path / "home"))
    assert home.outcome == "added"


def edit_index(folder, change):
    """What a careful forger does: seal it again."""
    index = read_sealed(folder / "pack.json")
    change(index)
    (folder / "pack.json").write_bytes(seal(index))


def rename(k, name):
    return lambda folder: edit_index(folder, lambda i: i["bases"][k].update(name=name))


def forge(folder):
    """Another note of as many bytes; every checksum but its own fits again."""
    (entry, _), part = read_pack(folder).bases, folder / "part-1.bin"
    data = bytearray(part.read_bytes())
    at = slice(entry["offset"], entry["offset"] + entry["bytes"])
    data[at] = data[at].replace(b'"k": 3', b'"k": 4')
    part.write_bytes(data)

    def again(index):
        index["bases"][0] |= entry_of(data[at])
        index["parts"][0] |= entry_of(data)

    edit_index(folder, again)


WRONG = {
    "bases/x.json is no basis or note of one": rename(0, "bases/x.json"),
    "../x.safetensors is no basis or note of one": rename(1, "../x.safetensors"),
    "says that it is of artefact": rename(0, f"bases/{'0' * 12}/{'0' * 64}.json"),
    f"{'0' * 64}.safetensors is damaged: its checksum is another": rename(1, artefact("0" * 64)),
    "is damaged: its checksum does not fit": lambda folder: edit_index(
        folder, lambda index: index["bases"][1].update(sha256="0" * 64)
    ),
    ".json was changed after it was written": forge,
}


@pytest.mark.parametrize("says", WRONG)
def test_a_wrong_basis_is_named_and_nothing_is_unpacked(says, packed, tmp_path):
    packed(0.5)
    WRONG[says](tmp_path / "p")
    with pytest.raises(StoreError, match=re.escape(says)) as error:
        unpack(tmp_path / "p", Store(tmp_path / "store"))
    assert "\n" not in str(error.value) and str(tmp_path / "p") in str(error.value)
    assert not (tmp_path / "store").exists()
