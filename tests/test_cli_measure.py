"""``grokbook measure`` and ``describe``: real runs, real workers, one line for bad input."""

import io

import pandas as pd
import pytest

from grokbook import cli
from grokbook.instruments.catalogue import INSTRUMENTS
from grokbook.instruments.recorded import Recorded
from grokbook.store import Store
from grokbook.studies.declaring import find
from grokbook.studies.members import stages
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
        ("measure small.toml --with commutator.batch_pairs=x", "'x' is not like 9"),
        ("measure small.toml --with commutator", "not of the form INSTRUMENT.PARAMETER=VALUE"),
        ("measure small.toml --workers 0", "workers must"),
        ("measure small.toml --budget -1", "budget must"),
        ("measure small.toml --scheduler here", "tcp://host:8786"),
        ("measure small.toml --set colour=red", "colour"),
        (
            "measure small.toml --instruments events --with commutator.batch_pairs=3",
            "parameters of commutator are given",
        ),
        ("describe nrom", "unknown instrument 'nrom'"),
        ("record small.toml nothing", "0 finished runs"),
    ],
)
def test_bad_input_is_one_line(say, command, line):
    status, out, err = say(command)
    assert status == 2 and out == "" and line in err
    assert err.startswith("grokbook: ") and err.count("\n") == 1


def test_every_instrument_describes_itself(say):
    status, out, _ = say("describe")
    assert status == 0 and [row.split()[0] for row in out.splitlines()] == list(INSTRUMENTS)
    for name, tool in INSTRUMENTS.items():
        status, out, _ = say(f"describe {name}")
        assert status == 0 and out.startswith(f"{name}: {tool.title}\n")
        assert max(map(len, out.splitlines())) <= 100
        for quantity in tool.quantities:
            assert f"\n  {quantity}" in out
        for word in ("part: ", "variant: ", "error: ", "source: ", "cost: "):
            assert word in out
