"""``grokbook pack`` and ``unpack``: what they say, and with which exit status."""

import sys

import pytest

from grokbook import cli
from grokbook.checks import ConfigError, parse_size
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

CONFIGS = [
    RunConfig(tasks=("add",), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=seed)
    for seed in (1, 2)
]


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("away"))
    for config in CONFIGS:
        run(config, Plan(steps=200), store)
    return store


@pytest.fixture
def grokbook(away, capsys, monkeypatch):
    """Call the command line; the store is the one far away unless another is named."""

    def call(*arguments, store=away.root):
        monkeypatch.setenv("GROKBOOK_STORE", str(store))
        monkeypatch.setattr(sys, "argv", ["grokbook", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return call


def test_there_and_back(grokbook, tmp_path):
    status, out, err = grokbook("pack", tmp_path / "p", "--limit", "40kB")
    lines = out.splitlines()
    assert (status, err) == (0, "")
    for config in CONFIGS:
        assert any(line.startswith(f"{config.id}  finished at 200  0.0") for line in lines)
    assert lines[1].strip().startswith("without ") and lines[1].endswith("of 3 snapshots")
    assert lines[-1].startswith("2 of 2 runs, 0.0") and str(tmp_path / "p") in lines[-1]
    for word in ("added", "kept"):
        status, out, err = grokbook("unpack", tmp_path / "p", store=tmp_path / "home")
        assert (status, err) == (0, "") and out.count(f"  {word}  ") == 2
        assert out.splitlines()[-1] == f"2 of 2 runs now in {tmp_path / 'home'}"
    status, out, _ = grokbook("runs", store=tmp_path / "home")
    assert status == 0 and out.count("store     finished at 200") == 2


def test_chosen_runs_alone(grokbook, tmp_path):
    status, out, _ = grokbook("pack", tmp_path / "p", CONFIGS[1].id[:4])
    assert status == 0 and CONFIGS[1].id in out and CONFIGS[0].id not in out
    assert out.splitlines()[-1].startswith("1 of 1 run,")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pack", "PACK", "beef"], "no runs in {store} begin with 'beef'"),
        (["pack", "PACK", ""], "2 runs in {store} begin with ''"),
        (["pack", "PACK", "--limit", "1kB"], "the records of 2 runs need"),
        (["pack", "PACK", "--limit", "60"], "a number and a unit, as 800kB, 60MB or 1.5GB"),
        (["pack"], "Missing argument 'DIR'"),
    ],
)
def test_bad_input(arguments, says, grokbook, away, tmp_path):
    folder = tmp_path / "pack"
    status, out, err = grokbook(*(str(folder) if a == "PACK" else a for a in arguments))
    assert (status, out) == (2, "")
    assert says.format(store=away.root) in err
    assert err.startswith("grokbook: ") and err.count("\n") == 1
    assert not folder.exists()


def test_nothing_there(grokbook, tmp_path):
    status, out, err = grokbook("pack", tmp_path / "p", store=tmp_path / "empty")
    assert (status, out, err) == (2, "", f"grokbook: there are no runs in {tmp_path / 'empty'}\n")
    status, out, err = grokbook("unpack", tmp_path / "p", store=tmp_path / "empty")
    assert (status, out) == (1, "") and "holds no pack: there is no pack.json" in err
    assert not (tmp_path / "empty").exists()


def test_a_run_in_training_is_skipped(grokbook, away, tmp_path):
    home = Store(tmp_path / "home")
    grokbook("pack", tmp_path / "p")
    run(CONFIGS[0], Plan(steps=100), home)
    with home.runs(CONFIGS[0])[0]:
        status, out, err = grokbook("unpack", tmp_path / "p", store=home.root)
    assert status == 1 and "is being trained by process" in err and err.count("\n") == 1
    assert "skipped" in out and out.splitlines()[-1].startswith("1 of 2 runs now in")
    assert home.runs(CONFIGS[0])[0].step == 100 and home.runs(CONFIGS[1])[0].step == 200


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("60MB", 60_000_000),
        ("1.5GB", 1_500_000_000),
        ("800kB", 800_000),
        (" 12 b ", 12),
        (".5mb", 500_000),
        ("1.1kB", 1_100),
        ("0.57GB", 570_000_000),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "60", "MB", "-1MB", "0MB", "0.4B", "1e3MB", "60 potatoes", "6 0MB", "1.GB", "٣MB"]
)
def test_sizes_that_are_none(text):
    with pytest.raises(ConfigError, match="a size is a number and a unit") as error:
        parse_size(text)
    assert str(error.value).endswith(f"not {text!r}") and "\n" not in str(error.value)
