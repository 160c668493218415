"""Chapter 6, the spectral edge's lifecycle: what its turn owes to the length of the window.

The first hundred steps take the weights further than any later ones.  As long as they are in the
window, the first direction is theirs, and the gradient's; what is longest without them is another
matter.  So the step of the turn may be that at which they leave, which depends on the window alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle import gather
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import share
from grokbook.claims.numbers import listed, steps_span
from grokbook.geometry.edge_windows import LIFECYCLE_WINDOW, WINDOWS, window_name
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import MAJORITY, grokking

LOGGED = "uncentred"
"""The share with decay as it was logged, which is measured in windows of every length."""


@dataclass(frozen=True)
class Bracket:
    """Between the ends of which full windows v_1 goes over from the gradient to weight decay.

    Windows of the published length are measured at every step, others at some.

    Attributes:
        after: step to which the last window before it goes; None if it is the first or there is
            no turn.
        by: of the first window in which decay has the majority; None if there is none.
    """

    after: int | None
    by: int | None


def bracket(run: Run, size: int) -> Bracket:
    """Of one run, in windows of so many updates.

    Raises:
        Missing: if no full window of that length was measured.
    """
    rows = run.rows("edge", "gradient_share", part=window_name(size), variant=LOGGED, at=1)
    rows = rows[rows["step"] >= size * spacing(run)].sort_values("step")
    if rows.empty:
        raise Missing(f"no full window of {size} updates is measured")
    steps = rows["step"].to_numpy()
    low = np.flatnonzero(rows["value"].to_numpy() < MAJORITY)
    if not low.size:
        return Bracket(None, None)
    return Bracket(int(steps[low[0] - 1]) if low[0] else None, int(steps[low[0]]))


def spacing(run: Run) -> int:
    """Steps between snapshots."""
    rows = run.rows("edge", "gradient_share", part=window_name(), variant=LOGGED, at=1)
    return int(np.diff(np.sort(rows["step"].to_numpy()), prepend=0).min())


def brackets(runs: Sequence[Run]) -> dict[int, list[Bracket]]:
    """Updates in a window ↦ the runs' brackets, of those measured in windows of every length."""
    found: dict[int, list[Bracket]] = {size: [] for size in WINDOWS}
    for run in runs:
        with suppress(Missing):
            for size, each in {size: bracket(run, size) for size in WINDOWS}.items():
                found[size].append(each)
    return {size: each for size, each in found.items() if each}


def _between(turned: Sequence[Bracket]) -> str:
    """Steps between which all of them turn."""
    low = min(each.after or 0 for each in turned)
    return f"{low:,}–{max(each.by for each in turned):,}"


def _turned(found: Sequence[Bracket]) -> list[Bracket]:
    return [each for each in found if each.by is not None]


def _when(turned: Sequence[Bracket], step: str = "", between: str = ", ") -> str:
    """After which step and by which those turn that do; empty if none does."""
    if not turned:
        return ""
    after = [each.after for each in turned if each.after is not None]
    by = f"by {steps_span([each.by for each in turned])}"
    return f"after {step}{steps_span(after)}{between}{by}" if after else by


def window_table(runs: Sequence[Run], passages: Sequence[Passage]) -> pd.DataFrame:
    """How many runs of a setting turn in windows of every length, and between which steps."""
    of = {run.config.id: run for run in runs}
    rows = []
    for name, group in gather([one for one in passages if one.decayed]).items():
        found = brackets([of[one.run_id] for one in group if one.run_id in of])
        row = {"runs": name}
        for size in WINDOWS:
            here = found.get(size, [])
            turned = _turned(here)
            count = f"{len(turned)} of {len(here)}" if here else "–"
            row[f"windows of {size}"] = f"{count}: {_between(turned)}" if turned else count
        rows.append(row)
    return keyed(rows, "runs")


def _early(run: Run) -> float:
    """How much further the gradient goes in the first hundred steps than in any later hundred."""
    metrics = run.record.metrics
    if "learned_displacement" not in metrics:
        return float("nan")
    far, steps = metrics["learned_displacement"].to_numpy(), metrics["step"].to_numpy()
    first, later = far[(steps > 1) & (steps <= 100)], far[steps > 100]
    return float(first.max() / later.max()) if first.size and later.size else float("nan")


def window_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """Does the step of the turn follow the window? Of runs that grok; empty if it is not known."""
    chosen = {one.run_id for one in grokking(passages)}
    runs = [run for run in runs if run.config.id in chosen]
    found = brackets(runs)
    if not _turned(found.get(LIFECYCLE_WINDOW, [])):
        return ""
    told = []
    for size, here in found.items():
        turned = _turned(here)
        when = _when(turned, "step ", " and ") or "never"
        told.append(f"of {size} updates {when} ({share(len(turned), len(here))})")
    early = [value for value in map(_early, runs) if np.isfinite(value)]
    further = ""
    if early:
        middle = " (median)" * (len(early) > 1)
        further = (
            f" The first hundred steps take the weights {np.median(early):.2g} times as far as any "
            f"later hundred{middle}, and the first direction is theirs until they leave the window."
        )
    verdict = (
        "The step at which the first direction turns to weight decay is set by the window's length"
        if follows(found)
        else "The turn of the first direction to weight decay does not follow the window's length"
    )
    return f"{verdict}: it comes, in windows {listed(told)}.{further}"


def follows(found: dict[int, list[Bracket]]) -> bool:
    """Does no run turn before its first hundred steps have left, and each sooner in shorter ones?

    In windows of two lengths or more, as far as they turn.
    """
    pairs = [_turned(one) for one in zip(*found.values(), strict=True)]
    return all(
        all(each.after is not None for each in one)
        and all(a.by <= b.after for a, b in zip(one, one[1:], strict=False))
        for one in pairs
    ) and any(len(one) > 1 for one in pairs)
