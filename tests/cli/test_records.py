"""``grokbook record`` and ``replay``: which run is meant, and with which exit status."""

import shutil
import sys

import pytest

from grokbook import cli
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.store.files import read_sealed, seal
from grokbook.store.recorded import Results
from grokbook.training.run import run

TINY = RunConfig(tasks=("add",), modulus=11, width=16, heads=2, hidden=16, batch_size=16)
ELSEWHERE = "0" * 8


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A store with one run, and as if it had been carried out under other numerics, too."""
    store = Store(tmp_path_factory.mktemp("twice"))
    here = run(TINY, Plan(steps=100), store).directory
    there = here.path.with_name(ELSEWHERE)
    shutil.copytree(here.path, there)
    head = read_sealed(there / "config.json") | {"numerics_id": ELSEWHERE}
    head["numerics"] |= {"machine": "elsewhere"}
    (there / "config.json").write_bytes(seal(head))
    return store


@pytest.fixture
def grokbook(twice, tmp_path, capsys, monkeypatch):
    """Call the command line on that store, with results of its own."""
    monkeypatch.setenv("GROKBOOK_STORE", str(twice.root))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(tmp_path / "results"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["grokbook", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return call


def test_of_a_run_under_several_numerics_one_is_named(grokbook, twice):
    names = sorted(run.name for run in twice.runs())
    assert names[0] == f"{TINY.id}-{ELSEWHERE}" and names[1].startswith(f"{TINY.id}-")
    status, out, err = grokbook("record", TINY.id)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert f"2 finished runs in the store begin with '{TINY.id}': " in err
    assert all(f"{name} ({TINY.label})" in err for name in names)
    for name in names:
        status, out, err = grokbook("record", name, "--again")
        assert (status, err) == (0, "") and out.startswith(f"recorded {TINY.id}")
    entries = Results().manifest()
    assert list(entries) == [TINY.id, names[1]]
    assert entries[TINY.id]["numerics"]["machine"] == "elsewhere"
    assert entries[names[1]]["numerics"]["machine"] != "elsewhere"


def test_a_replay_of_what_is_not_recorded_is_bad_input_and_damage_is_not(grokbook, twice):
    Results().add(twice.runs()[0])
    status, out, err = grokbook("replay", "beef", "--steps", "100")
    assert (status, out) == (2, "") and "no recorded runs begin with 'beef'" in err
    status, out, _ = grokbook("replay", TINY.id[:4], "--steps", "100")
    assert status == 0 and "replay agrees with the record in 3 rows" in out
    manifest = Results().folder / "manifest.json"
    for path in (manifest.parent / "runs" / TINY.id / "metrics.parquet", manifest):
        path.write_bytes(path.read_bytes()[:-9] + b" " * 9)
        status, out, err = grokbook("replay", TINY.id, "--steps", "100")
        assert (status, out) == (1, "") and str(path) in err and err.count("\n") == 1
