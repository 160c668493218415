"""Chapter 6: what it says of the gap's equation, on runs made by hand."""

from dataclasses import replace

import numpy as np
import pytest

import made_records as cases
from explorable_harness import synthetic_passage
from grokbook.chapters import spectral_edge_lifecycle_classes as classes
from grokbook.chapters import spectral_edge_lifecycle_flow as flow
from grokbook.config import DyckConfig, RunConfig
from grokbook.geometry.gap_class import FORMS, GapClass
from grokbook.instruments.runs import Run


class Record(cases.Record):
    steps = np.arange(0, 3_001, 100)


def made(
    driving=0.5,
    *,
    sign=1.0,
    slide=1.0,
    grok=600,
    seed=42,
    odd=None,
    decay=1.0,
    lent=600,
    task="depth",
    **fields,
):
    """A run and its passage; T3 is so many times |T2|; the gap opens and closes by turns of 500."""
    ends, rows = range(500, 3_001, 100), []
    for step in ends:
        change = (-1.0) ** (step // 500)
        rows += [(step, "damping", "", by, 1, -2.0) for by in ("raw", "preconditioned")]
        for units, by in FORMS:
            times = odd if (units, by) == FORMS[-1] and odd is not None else driving
            rows.append((step, "driving", "", f"{units}, {by}", 1, 2.0 * times))
            rows.append((step, "driving", "", f"{units}, {by}", 2, 99.0))
            rows.append((step, "predicted", "", f"{units}, {by}", 1, sign * change))
        rows.append((step, "gap_change", "", "central", 1, change))
        rows.append((step, "gap_change", "", "next", 1, change))
        rows.append((step, "slide", "", "", 1, slide * change))
    kind = DyckConfig if task == "depth" else RunConfig
    config = kind(tasks=(task,), seed=seed, weight_decay=decay, **fields)
    record = Record(config, {task: grok}, last=3_000)
    run = Run(config.id, record, (cases.measured("gap-flow", rows),))
    return run, replace(synthetic_passage(), run_id=config.id, grok=grok, unit=grok or lent)


def told(*pairs):
    runs, passages = zip(*pairs, strict=True)
    return flow.flow_answer(runs, passages), flow.flow_table(runs, passages)


def test_the_class_stands_beside_how_often_the_equation_is_right():
    said, table = told(made(0.5))
    row = table.loc["λ = 1, seed 42"]
    assert row.tolist() == ["0.5", "mixed (4 of 4)", "100", "50", "100"]
    assert said == (
        "In one run that groks the driving has 0.5 times the size of the damping. By our rule that "
        "is *mixed*; the paper says *mixed* of brackets, which 1 of 1 is. The equation gives the "
        "gap's change the right sign in 100 % of the windows, and always saying the same in 50 %; "
        "it does better in 1 of 1. The updates that leave the window and come into it tell the "
        "sign in 100 %."
    )


def test_runs_that_grok_are_counted_apart_from_those_that_do_not():
    never = made(0.1, grok=None, decay=0.0)
    said, table = told(made(0.1, sign=-1.0, slide=-1.0), made(-0.3, seed=137, odd=0.9), never)
    assert said.startswith(
        "In 2 runs that grok the driving has 0.2 times the size of the damping (median)."
    )
    assert "that is *compression*; the paper says *mixed* of brackets, which 0 of 2 are" in said
    assert "right sign in 50 % of the windows, and always saying the same in 50 %" in said
    assert "it does better in 1 of 2" in said and "tell the sign in 50 %" in said
    assert said.endswith("The run that never groks, read at the same step, has that class.")
    assert table["class (forms)"].tolist() == [
        "compression (4 of 4)",
        "compression (3 of 4)",
        "compression (4 of 4)",
    ]
    assert table["r"].tolist() == ["0.1", "−0.3", "0.1"]


def test_what_is_not_measured_is_said_with_its_command():
    run, passage = made()
    bare = Run(run.name, run.record, ())
    said = flow.flow_answer([bare], [passage])
    assert "`grokbook measure lifecycle --instruments gap-flow`" in said
    assert flow.flow_table([bare], [passage]).empty
    assert flow.flow_answer([run], []) == said  # without a passage there is no time to read at


def test_too_few_windows_have_no_class():
    said, table = told(made(grok=1_400))
    assert said == (
        "Of no run that groks 5 windows end from 2 to 4 times its grok step, and with fewer the "
        "rule gives no class."
    )
    assert table["class (forms)"].tolist() == ["none (4 of 4)"]


def test_a_run_that_has_no_time_is_left_out():
    never = made(grok=None, lent=None)
    assert flow.flow_table(*zip(never, strict=True)).empty


def test_an_agreement_that_is_not_known_is_no_small_one(monkeypatch):
    unknown = GapClass("mixed", 0.5, 0.5, 0.5, 13, {}, np.nan, np.nan)
    run, one = made()
    monkeypatch.setattr(flow, "flows", lambda *_: [flow.Flow(run, True, unknown, 0.9)])
    said = flow.flow_answer([run], [one])
    assert "less than 0.1 %" not in said
    assert said.endswith("Too few of their windows share nothing to say how often the equation is "
                         "right.")  # fmt: skip


# --- classes of tasks


def seeds(*drivings, task="depth", **fields):
    return [made(d, seed=s, task=task, **fields)[0] for s, d in enumerate(drivings, start=1)]


def test_a_tasks_class_stands_beside_those_of_its_runs():
    add = seeds(0.9, 0.8, 0.5, task="add")
    said = classes.task_answer(seeds(0.5, 0.4, 0.6), add)
    assert said == (
        "By the rule a task has a class only where two thirds of its runs, three or more, have it, "
        "each by all four readings and with an equation that does better than a constant answer. "
        "At λ = 1 that makes: brackets *mixed* (of its runs 3 *mixed*; by all four readings "
        "3 of 3; the equation does better in 3 of 3); add *functional* (of its runs 2 *functional* "
        "and 1 *mixed*; by all four readings 3 of 3; the equation does better in 3 of 3). *Not "
        "here yet: mul, `grokbook measure lifecycle-modular --instruments gap-flow`.*"
    )
    both = classes.task_answer([], [*add, *seeds(0.1, 0.2, 0.0, task="mul")])
    assert "; mul *compression* (of its runs 3 *compression*" in both
    assert "brackets" not in both and "Not here yet" not in both


def test_runs_of_one_class_do_not_make_a_task_of_it():
    for runs in (
        seeds(0.5, 0.5),  # too few
        seeds(0.5, 0.5, 0.5, sign=-1.0),  # the equation does not hold
        seeds(0.5, 0.5, 0.5, odd=0.9),  # one reading says otherwise
    ):
        assert "brackets no class (of its runs" in classes.task_answer(runs, [])
    assert "does better in 0 of 3)" in classes.task_answer(seeds(*[0.5] * 3, sign=-1.0), [])
    assert "by all four readings 0 of 3;" in classes.task_answer(seeds(*[0.5] * 3, odd=0.9), [])


def test_a_task_is_told_by_its_plain_runs_that_are_measured():
    plain = seeds(0.5, 0.5, 0.5)
    bare = [Run(run.name, run.record, ()) for run in plain]
    others = [*seeds(0.9, decay=0.5), *seeds(0.9, labels="random"), *seeds(0.9, decay=0.0)]
    assert classes.task_answer([*plain, *others], []) == classes.task_answer(plain, [])
    assert classes.task_answer(others, []) == classes.task_answer(bare, []) == ""


def test_a_plain_run_that_never_groks_is_read_at_the_mean_step_of_the_others():
    never, early, late = made(grok=None, seed=9)[0], made(seed=1)[0], made(grok=800, seed=2)[0]
    found = classes.plain_classes([early, late, never])
    assert [each.windows for each in found] == [13, 15, 15]  # to 2,400; to the end; from 1,400
    assert classes.plain_classes([never]) == []


# --- what sets classes apart


def test_v1_turns_by_the_mean_that_claims_read():
    """Averaged in float64: float32 would lose the last of these many angles."""
    angles = np.tile([10.0, 10.1, 33.3], 1_000)
    rows = [(k, "rotation", "5 updates", "uncentred", 1, angle) for k, angle in enumerate(angles)]
    rows.append((3_000, "gradient_share", "5 updates", "published", 1, 0.5))
    record = Record(DyckConfig(), {"depth": 600}, last=3_000)
    run = Run("made", record, (cases.measured("edge", rows),))
    ((_, turned),) = classes._turns_and_shares([run])
    exact = np.float64(np.float32(angles)).mean()
    assert turned == pytest.approx(exact, rel=1e-12)
    assert float(np.float32(angles).mean()) != turned
