"""Chapter 6, the spectral edge's lifecycle: classes of edges beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle_answers import measuring
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import mean_over, share
from grokbook.claims.numbers import listed
from grokbook.claims.readings.edge_flow import INSTRUMENT, rows_of
from grokbook.claims.readings.edge_turning import turn
from grokbook.claims.readings.lifecycle import RULE
from grokbook.config import DyckConfig
from grokbook.geometry.edge_windows import WINDOW
from grokbook.geometry.gap_class import NONE, GapClass, of_task
from grokbook.instruments.gap_rows import gap_class
from grokbook.instruments.phases import nearest
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import MODULAR
from grokbook.widgets.from_edges import setting
from grokbook.widgets.turns import LATE, said

PLAIN = setting(DyckConfig())
"""The published decay and no control: of its runs in this setting a task has a class."""


def class_table(runs: Sequence[Run]) -> pd.DataFrame:
    """What sets the classes of edges apart, by one protocol: windows of five updates, uncentred."""
    rows: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        try:
            late, turned = late_share(run), turn(run, "v1")
        except Missing:
            continue
        each = rows.setdefault(f"{run.config.title}, {setting(run.config)}", {})
        each.setdefault("share", []).append(100 * late)
        each.setdefault("turned", []).append(turned)
        with suppress(Missing):
            each.setdefault("content", []).append(late_content(run))
    return keyed(
        [
            {
                "runs": name,
                "n": len(each["share"]),
                f"gradient's share, {LATE:.2g} × grok or at the end (%)": mean_over(each["share"]),
                "v₁ turns, from window to window (°)": mean_over(each["turned"]),
                "R² of the task from what v₁ does": mean_over(each.get("content", [])),
            }
            for name, each in rows.items()
        ],
        "runs",
    )


def classes_answer(brackets: Sequence[Run], modular: Sequence[Run]) -> str:
    """What of the three classes can be said by one protocol, and what is missing, in one line."""
    groups = {"brackets": _turns_and_shares(brackets), "modular arithmetic": []}
    groups["modular arithmetic"] = _turns_and_shares(modular)
    there = {name: each for name, each in groups.items() if each}
    told = [
        f"in {name} the gradient makes {said(share_of)} of the squared movement late and the first "
        f"direction turns by {turned:.0f}° (n = {len(each)})"
        for name, each in there.items()
        for share_of, turned in [np.mean(each, axis=0).tolist()]
    ]
    alone = " One class alone says nothing of what sets classes apart." * (len(there) == 1)
    first = f"By this protocol, at {PLAIN}, {'; '.join(told)}.{alone} " if told else ""
    parts = []
    if not groups["modular arithmetic"]:
        parts.append(
            "modular arithmetic, the functional class: "
            f"`{command('study', MODULAR.name)}` and `{measuring('edge', MODULAR)}`"
        )
    if not any(_has_content(run) for run in (*brackets, *modular)):
        parts.append(f"what the edge does to the states: `{measuring('edge-functional')}`")
    parts.append("SCAN, the compressing class, which is not trained in this book yet")
    return f"{first}*Not here yet: {'; '.join(parts)}.*"


def task_answer(brackets: Sequence[Run], modular: Sequence[Run]) -> str:
    """The class of each task by point 7 of the rule, beside the classes of its runs.

    Empty without a run on which the terms of the equation are measured.
    """
    there = {
        name: found
        for name, runs in (("brackets", brackets), *_by_task(modular).items())
        if (found := plain_classes(runs))
    }
    if not there:
        return ""
    told = "; ".join(f"{name} {_told(found)}" for name, found in there.items())
    answer = (
        "By the rule a task has a class only where two thirds of its runs, three or more, have it, "
        "each by all four readings and with an equation that does better than a constant answer. "
        f"At {PLAIN} that makes: {told}."
    )
    lacking = [task for (task,) in MODULAR.grid["tasks"] if task not in there]
    if lacking:
        answer += f" *Not here yet: {listed(lacking)}, `{measuring(INSTRUMENT, MODULAR)}`.*"
    return answer


def plain_classes(runs: Sequence[Run]) -> list[GapClass]:
    """Classes of one task's runs in the setting `PLAIN`, of those that are measured.

    A run that never groks is read at the mean grok step of the others, as claims read it; where
    none groks there is no step to read at, and no class.
    """
    plain = [run for run in runs if setting(run.config) == PLAIN]
    groks = [run.record.grok_step(run.tasks[0], RULE) for run in plain]
    known = [step for step in groks if step is not None]
    found = []
    for run, step in zip(plain, groks, strict=True) if known else ():
        with suppress(Missing):
            found.append(gap_class(rows_of(run), float(np.mean(known)) if step is None else step))
    return found


def _by_task(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.tasks[0], []).append(run)
    return found


def _told(found: Sequence[GapClass]) -> str:
    """A task's class, and how far its runs go towards one."""
    names, n, own = [each.name for each in found], len(found), of_task(found)
    counts = listed([f"{names.count(name)} *{name}*" for name in dict.fromkeys(names)])
    return (
        f"{'no class' if own == NONE else f'*{own}*'} (of its runs {counts}; by all four readings "
        f"{share(sum(each.stands for each in found), n)}; the equation does better in "
        f"{share(sum(each.supported for each in found), n)})"
    )


def _turns_and_shares(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Late share of the gradient and mean rotation of v_1, of runs in the setting `PLAIN`."""
    found = []
    for run in runs:
        with suppress(Missing):
            if setting(run.config) == PLAIN:
                found.append((late_share(run), turn(run, "v1")))
    return found


def _has_content(run: Run) -> bool:
    try:
        late_content(run)
    except Missing:
        return False
    return True


def late_share(run: Run) -> float:
    """Gradient's share along v_1 at `LATE` times the grok step, or in the last window.

    Raises:
        Missing: if it was not measured.
    """
    rows = run.rows("edge", "gradient_share", part=WINDOW, variant="published", at=1)
    steps = rows["step"].to_numpy()
    return float(rows["value"].to_numpy()[steps == _late(run, steps)][0])


def late_content(run: Run) -> float:
    """R² of the task from what v_1 does to the states, standardised, on unseen prefixes or pairs.

    At `LATE` times the grok step, or at the last measured step.

    Raises:
        Missing: if it was not measured.
    """
    rows = run.rows("edge-functional", "content", part="v1", variant=None)
    rows = rows[rows["variant"].isin(("standardised, prefix", "standardised, pair"))]
    if rows.empty:
        raise Missing(f"edge-functional has no standardised content of {run.name}")
    steps = rows["step"].to_numpy()
    return float(rows["value"].to_numpy()[steps == _late(run, steps)][0])


def _late(run: Run, steps: np.ndarray) -> int:
    (task,) = run.tasks
    grok = run.record.grok_step(task, RULE)
    return int(steps[-1]) if grok is None else nearest(steps, LATE * grok)
