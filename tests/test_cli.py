"""The command line: bad input is one clear line and a non-zero exit before any work starts."""

import os
import subprocess
import sys

import pytest

from grokbook import cli


def grokbook(*arguments, store, check=False, **environment):
    return subprocess.run(
        [sys.executable, "-m", "grokbook", *arguments],
        text=True,
        check=check,
        capture_output=True,
        timeout=300,
        env=os.environ | {"GROKBOOK_STORE": str(store)} | environment,
    )


def call(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grokbook", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


NARROW = ["--set", "width=16", "--set", "hidden=16"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tasks", "add,div"], "unknown task 'div'; known tasks: add, mul, sq"),
        (["--tasks", "add,depth"], "depth is learned alone, not beside other tasks"),
        (["--tasks", "x2_y2"], "did you mean sq?"),
        (["--tasks", "add", "--weight-decay", "-1"], "weight decay must lie in [0, inf], not -1.0"),
        (
            ["--tasks", "add", "--weight-decay", "nan"],
            "weight decay must be a finite number, not nan",
        ),
        (["--tasks", "add", "--weight-decay", "much"], "'much' is not a number"),
        (["--tasks", "add,mul", "--modulus", "91"], "modulus 91 is not prime"),
        (
            ["--tasks", "add", "--train-fraction", "1.2"],
            "train fraction must lie in (0, 1), not 1.2",
        ),
        (["--tasks", "add", "--seed", "1.5"], "'1.5' is not a whole number"),
        (["--tasks", "add", "--steps", "0"], "steps must be from 1 to 1000000000, not 0"),
        (["--tasks", "add", "--steps", "150"], "multiple of the evaluation cadence 100, not 150"),
        (["--tasks", "add", "--learning-rate", "0"], "learning rate must lie in (0, inf], not 0.0"),
        (["--tasks", "add", "--colour", "red"], "No such option: --colour"),
        (["--tasks", "add", "--set", "colour=red"], "no field 'colour'; known: domain"),
        (["--tasks", "add", "--set", "layers=1,width=8"], "repeat --set for another"),
        (["--tasks", "add", "--set", "layers=two"], "layers must be an integer, not 'two'"),
        (["--tasks", "add", "--resume-seconds", "nan"], "resume seconds must be a finite number"),
        (["--tasks", "add", "--after-grok", "-5"], "after grok must be at least 0, not -5"),
        ([], "Missing option '--tasks'"),
    ],
)
def test_bad_input(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "store"))
    status, out, err = call(["train", *arguments], capsys, monkeypatch)
    assert status == 2 and out == ""
    assert says in err and err.count("\n") == 1 and err.startswith("grokbook: ")
    assert not (tmp_path / "store").exists()  # before any work starts


def test_help_reads_like_a_tool(capsys, monkeypatch):
    status, out, _ = call(["--help"], capsys, monkeypatch)
    assert status == 0
    for command in ("train", "runs", "verify", "replay", "record"):
        assert command in out
    _, out, _ = call(["train", "--help"], capsys, monkeypatch)
    for option in (
        "--tasks",
        "--weight-decay",
        "--seed",
        "--modulus",
        "--train-fraction",
        "--learning-rate",
        "--steps",
    ):
        assert option in out


def test_train_reports_and_goes_on(tmp_path, capsys, monkeypatch):
    arguments = ["train", "--tasks", "add", "--modulus", "23", *NARROW, "--steps"]
    done = grokbook(*arguments, "200", store=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "  add       does not grok\n" in done.stdout
    path = done.stdout.split("metrics: ")[1].strip()
    assert path.startswith(str(tmp_path)) and path.endswith("metrics.parquet")
    for part in ("step 200/200", "add train", "test", "steps/s", "left"):
        assert part in done.stderr
    again = grokbook(*arguments, "300", store=tmp_path)
    assert "resumed at step 200" in again.stdout and "finished at step 300" in again.stdout
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(tmp_path / "none"))
    assert "finished at 300" in call(["runs"], capsys, monkeypatch)[1]


def test_an_edited_config_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path))
    arguments = ["train", "--tasks", "add", "--modulus", "23", *NARROW, "--steps", "100"]
    assert call(arguments, capsys, monkeypatch)[0] == 0
    path = next(tmp_path.glob("runs/*/*/config.json"))
    path.write_text(path.read_text().replace('"modulus": 23', '"modulus": 29'))
    status, _, err = call(arguments, capsys, monkeypatch)
    assert status == 1 and err.count("\n") == 1
    assert "config.json was changed after it was written" in err


def test_a_store_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = grokbook("train", "--tasks", "add", "--steps", "100", store=blocked)
    assert done.returncode == 1 and "cannot be written" in done.stderr


def test_a_full_disk_is_said_and_what_was_complete_is_kept(tmp_path, capsys, monkeypatch):
    import errno

    from grokbook.store.files import Disk

    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path))
    arguments = ["train", "--tasks", "add", "--modulus", "23", *NARROW, "--steps"]
    assert call([*arguments, "100"], capsys, monkeypatch)[0] == 0

    def full(self, path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "write", full)
        status, _, err = call([*arguments, "200"], capsys, monkeypatch)
    assert status == 1
    assert "the disk is full" in err and "complete up to step 100" in err
    assert call([*arguments, "200"], capsys, monkeypatch)[0] == 0


def test_verify_names_a_damaged_file(tmp_path, capsys, monkeypatch):
    from grokbook.store import Store
    from grokbook.store.recorded import Results

    folder = tmp_path / "results"
    monkeypatch.setenv("GROKBOOK_STORE", str(tmp_path / "s"))
    monkeypatch.setenv("GROKBOOK_RESULTS", str(folder))
    arguments = ["train", "--tasks", "add", "--modulus", "23", *NARROW, "--steps", "100"]
    assert call(arguments, capsys, monkeypatch)[0] == 0
    Results(folder).add(Store(tmp_path / "s").runs()[0])
    status, out, _ = call(["verify", "--store"], capsys, monkeypatch)
    assert status == 0 and "3 recorded files" in out

    metrics = next(folder.rglob("metrics.parquet"))
    whole = metrics.read_bytes()
    metrics.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    status, _, err = call(["verify"], capsys, monkeypatch)
    assert status == 1 and "metrics.parquet is damaged" in err
    metrics.write_bytes(whole)

    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"steps": 100', '"steps": 900'))
    status, _, err = call(["verify"], capsys, monkeypatch)
    assert status == 1 and "manifest.json was changed" in err
