"""A bare machine suffices: torch and its like, a copy of the package's folder, nothing installed.

The command line runs in a process that refuses every other third-party module, so that nothing
beside the numerics room can creep in unseen.
"""

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import grokbook
from grokbook.config import RunConfig
from grokbook.store import Store
from grokbook.store.packing import unpack

PACKAGE = Path(grokbook.__file__).parent
ROOM = {"torch", "numpy", "scipy", "pandas", "pyarrow", "safetensors", "tqdm", "joblib", "typer"}
"""What a machine that trains and measures has."""
NOT_THERE = (
    "yaml plotly ipywidgets anywidget traitlets papermill nbformat nbclient nbconvert jupyter "
    "jupyter_client jupyter_core jupyter_server jupyterlab jupyter_book IPython ipykernel sphinx "
    "sphinx_book_theme docutils myst_nb myst_parser bs4 doit sklearn dask distributed psutil "
    "requests matplotlib pytest hypothesis"
)
REFUSED = NOT_THERE.split()
BOOK = {"claims", "chapters", "figures", "widgets", "publishing"}
"""Rooms that write the book; they may need more."""

HOOK = '''
import atexit, json, os, sys

ALLOWED = {*sys.stdlib_module_names, "grokbook", "sitecustomize", "usercustomize", *%r}


class Bare:
    """Third-party modules that a bare machine lacks are missing here, too."""

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and not top.startswith("_sysconfigdata"):  # Python's own
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def tell():
    loaded = {name.partition(".")[0] for name in sys.modules} - {*sys.stdlib_module_names}
    package = sys.modules.get("grokbook")
    told = {"grokbook": getattr(package, "__file__", None), "loaded": sorted(loaded)}
    with open(os.environ["BARE_TELLS"], "w") as file:
        json.dump(told, file)


sys.meta_path.insert(0, Bare())
atexit.register(tell)
'''

TINY = RunConfig(
    tasks=("add",), modulus=13, width=16, heads=2, hidden=32, batch_size=32, weight_decay=1.0
)
TRAIN = (
    "train --tasks add --modulus 13 --steps 300 --set width=16 --set heads=2 --set hidden=32 "
    "--set batch_size=32"
)

IN_ONE_GO = """
import json, sys
from grokbook.cli import main

for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def needed(names):
    """Top-level modules of distributions and of all that these require, extras left out."""
    wanted, seen = list(names), set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # for another system
            continue
        wanted += [re.match(r"[\w.-]+", line)[0] for line in required if "extra ==" not in line]
    return {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if any(re.sub(r"[-_.]+", "-", owner).lower() in seen for owner in owners)
    }


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A function that runs Python on the bare machine, with a store and results of its own."""
    home = tmp_path_factory.mktemp("bare")
    allowed = sorted(needed(ROOM))
    assert set(allowed) >= ROOM and not set(allowed) & {*REFUSED, "grokbook"}
    (home / "hook").mkdir()
    (home / "hook" / "sitecustomize.py").write_text(HOOK % allowed)
    shutil.copytree(
        PACKAGE, home / "alone" / "grokbook", ignore=shutil.ignore_patterns("__pycache__")
    )
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {
        "PYTHONPATH": os.pathsep.join(map(str, (home / "hook", home / "alone"))),
        "GROKBOOK_RESULTS": str(home / "results"),
        "BARE_TELLS": str(home / "tells.json"),
        "OMP_NUM_THREADS": "1",
    }

    def call(*arguments, store="store"):
        done = subprocess.run(
            [sys.executable, "-P", *map(str, arguments)],
            text=True,
            capture_output=True,
            cwd=home,
            env=environment | {"GROKBOOK_STORE": str(home / store)},
            timeout=300,
        )
        return done, json.loads((home / "tells.json").read_text())

    call.home = home
    return call


def test_the_bare_machine_is_bare(bare):
    code = (
        f"names = {REFUSED}"
        + """
for name in names:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"there is a module {name}")
"""
    )
    done, told = bare("-c", code)
    assert done.returncode == 0, done.stderr
    assert told["grokbook"] is None and not set(told["loaded"]) & set(REFUSED)


def test_train_record_verify_pack_and_come_home(bare, tmp_path):
    rest = [["record", TINY.id], ["verify", "--store"], ["pack", "way home"]]
    for arguments in (["-m", "grokbook", *TRAIN.split()], ["-c", IN_ONE_GO, json.dumps(rest)]):
        done, told = bare(*arguments)
        assert done.returncode == 0, done.stderr
        assert told["grokbook"] == str(bare.home / "alone" / "grokbook" / "__init__.py")
        assert "torch" in told["loaded"] and not set(told["loaded"]) & set(REFUSED)
        assert "Warning" not in done.stderr
    assert f"recorded {TINY.id}" in done.stdout and "files of 1 runs likewise" in done.stdout
    (run,) = unpack(bare.home / "way home", Store(tmp_path))
    assert (run.id, run.status, run.step, run.outcome) == (TINY.id, "finished", 300, "added")
    (there,), (here,) = Store(bare.home / "store").runs(), Store(tmp_path).runs()
    assert here.verify() == [] and here.config == TINY
    record = here.record()
    assert record.last_step == 300 and record.accuracy("add", "train")[-1] > 0.3
    pd.testing.assert_frame_equal(record.metrics, there.record().metrics, check_exact=True)


@pytest.mark.long(12)
def test_one_command_trains_measures_and_packs_and_home_has_nothing_left(bare, small_study):
    (bare.home / "small.toml").write_text(small_study())
    what = ["--instruments", "events,weight-spectra,trajectory"]
    go = ["study", "small.toml", "--measure", *what, "--pack", "measured", "--pack-limit", "60MB"]
    done, told = bare("-m", "grokbook", *go, "--workers", "1", store="away")
    assert done.returncode == 0, done.stderr
    assert not set(told["loaded"]) & set(REFUSED) and "Warning" not in done.stderr
    assert "done: 6 measurements in" in done.stdout and done.stdout.count("  3 measurements\n") == 2
    assert done.stdout.endswith(f"done: 2 runs in {bare.home / 'away'}\n")
    pack = sorted((bare.home / "measured").iterdir())
    assert len(pack) <= 8 and max(file.stat().st_size for file in pack) <= 16_000_000
    there = [["unpack", "measured"], ["measure", "small.toml", *what, "--dry-run"]]
    done, told = bare("-c", IN_ONE_GO, json.dumps(there), store="elsewhere")
    assert done.returncode == 0, done.stderr
    assert not set(told["loaded"]) & set(REFUSED)
    assert "2 of 2 runs and 6 of 6 measurements now in" in done.stdout
    assert "small: 2 of 2 runs have ended" in done.stdout
    assert done.stdout.endswith("nothing is left to measure\n")


# --- what the sources say -------------------------------------------------------------------


def room(path):
    return path.relative_to(PACKAGE).parts[0]


SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if room(path) not in BOOK]


def imported(tree):
    """Names that are imported when a module is: statements outside functions, wherever nested."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imported(node)


def test_the_walk_finds_what_is_imported():
    text = (
        "import a.b\nfrom c import d\ntry:\n    import e\nexcept ImportError:\n    e = None\n"
        "class K:\n    import f\n    def g(self):\n        import h\n"
    )
    assert set(imported(ast.parse(text))) == {"a.b", "c.d", "e", "f"}
    rooms = {room(path) for path in SOURCES}
    assert rooms >= {"training", "geometry", "store", "studies", "models", "tasks", "cli"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sources_import_the_room_alone(path):
    for name in imported(ast.parse(path.read_text())):
        top, _, rest = name.partition(".")
        if top == "grokbook":
            assert rest.partition(".")[0] not in BOOK, f"{name} belongs to the book"
        else:
            assert top in ROOM or top in sys.stdlib_module_names, f"{name} may be missing"


def test_commands_start_light():
    """The command line complains before torch is loaded."""
    code = "import sys, grokbook.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent
    )
    assert loaded.returncode == 0 and not {"torch", "pandas", "scipy"} & set(loaded.stdout.split())
