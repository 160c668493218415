"""What is said while a sweep runs: every end once, a stop at once, no time without a speed."""

import json
import threading
import time

import pytest

from grokbook.cli.display import Display, rows
from grokbook.cli.words import roughly, size
from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.studies.members import Member
from grokbook.studies.standing import Standing
from grokbook.sweep import Done, Job

PLAN = Plan(steps=1_000)
CONFIGS = [RunConfig(tasks=("add",), seed=seed) for seed in (1, 2, 3, 4)]


def standing(config, step=0, state="waiting", **facts):
    member = Member("small", f"seed {config.seed}", config, PLAN)
    return Standing(member, config, PLAN, state, step, PLAN.steps, **facts)


def done(config, status, step, note=""):
    return Done(config.id, config.label, status, step, 30.0, note)


@pytest.fixture
def display(tmp_path):
    stop = threading.Event()
    shown = Display(Store(tmp_path), [standing(c, 100) for c in CONFIGS], stop)
    shown.stop = stop
    return shown


def test_what_was_stopped_before_its_turn_is_counted_in_one_line(display, capsys):
    with display:
        display.ended(done(CONFIGS[0], "interrupted", 400))
        display.ended(done(CONFIGS[0], "interrupted", 400))  # as the sweep returns it again
        display.ended(done(CONFIGS[1], "interrupted", 100))
        display.ended(done(CONFIGS[2], "interrupted", 100))
        display.ended(done(CONFIGS[3], "interrupted", 100, "did not answer within 60 s"))
    assert capsys.readouterr().err.splitlines() == [
        f"{CONFIGS[0].label}: interrupted at step 400 after 30 s",
        f"{CONFIGS[3].label}: did not answer within 60 s",
        "stopped before their turn: 2 runs",
    ]


def test_who_is_busy_names_the_run_once(display, capsys):
    note = f"run {CONFIGS[0].id} ({CONFIGS[0].label}) is being trained by process 1 on host"
    display.ended(done(CONFIGS[0], "busy", 100, note))
    assert capsys.readouterr().err == f"{note}\n"


def test_a_stop_is_answered_at_once(display, capsys):
    with display:
        time.sleep(0.3)
        assert capsys.readouterr().err == ""
        display.stop.set()
        time.sleep(0.5)
        assert capsys.readouterr().err.startswith("stopping: what is being trained is saved")
        time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_no_time_without_a_speed(display):
    def says(config, rate):
        folder = display._store.root / "runs" / config.id / "here"
        folder.mkdir(parents=True, exist_ok=True)
        reading = {"step": 500, "end": 1_000, "rate": rate, "accuracy": {}}
        reading |= {"time": time.time() + 1, "sweep": "s"}
        (folder / "progress.json").write_text(json.dumps(reading))

    display.begin([Job(config, PLAN) for config in CONFIGS])
    assert display.summary() == "0 of 4 runs done"
    says(CONFIGS[0], 25.0)
    assert display.summary() == "0 of 4 runs done, 1 running at 25.0 steps/s"
    display._since -= 31
    # 4 · 900 steps were left, and 400 of them are made: 128 s.
    assert display.summary() == "0 of 4 runs done, 1 running at 25.0 steps/s, about 2 min left"
    says(CONFIGS[1], 0.0)
    assert display.summary() == "0 of 4 runs done, 2 running at 25.0 steps/s"


def test_rows_of_published_runs_fit_a_terminal():
    config = RunConfig(tasks=("add", "mul", "sq"), weight_decay=0.5, seed=2024)
    member = Member("tri", "λ = 0.5, seed 2024", config, Plan(steps=300_000))
    accuracy = {"add": 1.0, "mul": 0.9999, "sq": 0.98}
    widest = Standing(
        member, config, member.plan, "running", 199_900, 300_000, rate=14.95, accuracy=accuracy
    )
    first = Standing(member, config, member.plan, "waiting", 0, 300_000)
    lines = rows([widest, first], lambda config: 5.0)
    assert lines[0].endswith("λ = 0.5, seed 2024  add 100% mul 99% sq 98%  ~112 min left")
    assert lines[1].endswith("0/300,000  λ = 0.5, seed 2024                           ~17 h left")
    assert max(map(len, lines)) <= 98  # and two columns of indentation


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (7_200, "2.0 h"),
     (36_000, "10 h"), (172_800, "2.0 d"), (8_640_000, "100 d")],
)  # fmt: skip
def test_an_estimate_has_one_unit(seconds, text):
    assert roughly(seconds) == text


def test_sizes():
    assert [size(n) for n in (3_400, 2.5e8, 3.2e10)] == ["1 MB", "250 MB", "32.0 GB"]
