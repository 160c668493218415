"""What is wrong with the arguments is said at once: nothing waits for PyTorch, or for pandas."""

import json
import os
import subprocess
import sys

COMMANDS = [
    ["--version"],
    ["--help"],
    ["study", "--help"],
    ["study", "duel"],
    ["study", "gone.toml"],
    ["study", "dual", "--workers", "0"],
    ["study", "dual", "--device", "tpu"],
    ["study", "dual", "--seeds", "0"],
    ["study", "dual", "--set", "colour=red"],
    ["study", "dual", "--set", "weight_decay=-1"],
    ["study", "dual", "--set", "plan.steps=150"],
    ["study", "dual", "--scheduler", "here"],
    ["study", "dual", "--colour", "red"],
    ["study", "dual", "--instruments", "events"],
    ["study", "dual", "--pack", "."],
    ["study", "dual", "--pack", "new", "--pack-limit", "1kB"],
    ["status"],
    ["status", "duel"],
    ["train", "--tasks", "add", "--steps", "150"],
    ["train", "--tasks", "div"],
    ["bench", "--device", "tpu"],
    ["pack", "new"],
    ["unpack", "new"],
]
EACH = """
import json, sys
from grokbook.cli import main

slow = {}
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    try:
        main()
    except SystemExit:
        pass
    heavy = {"torch", "pandas", "scipy", "joblib"} & set(sys.modules)
    if heavy:
        slow = {"command": command, "loads": sorted(heavy)}
        break
print(json.dumps(slow))
"""


def test_nothing_heavy_is_loaded_to_refuse_or_to_explain(tmp_path):
    (tmp_path / "in_the_way").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(COMMANDS)],
        text=True,
        capture_output=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ
        | {
            "GROKBOOK_STORE": str(tmp_path / "store"),
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
        },
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}
    refused = [line for line in done.stderr.splitlines() if line.startswith("grokbook: ")]
    explained = 4  # --version, two --help, status
    assert len(refused) == len(COMMANDS) - explained
    assert not (tmp_path / "store").exists()
