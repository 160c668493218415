"""Chapter 6, the spectral edge's lifecycle: classes of edges beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle_answers import measuring
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import mean_over
from grokbook.claims.readings.edge_turning import turn
from grokbook.claims.readings.lifecycle import RULE
from grokbook.geometry.edge_windows import WINDOW
from grokbook.instruments.phases import nearest
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import MODULAR
from grokbook.widgets.from_edges import setting
from grokbook.widgets.turns import LATE, said


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
    first = f"By this protocol {'; '.join(told)}.{alone} " if told else ""
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


def _turns_and_shares(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Late share of the gradient and mean rotation of v_1, of runs with weight decay."""
    found = []
    for run in runs:
        with suppress(Missing):
            if run.config.weight_decay > 0:
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
