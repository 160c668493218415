"""Chapter 6, the spectral edge's lifecycle: what turns the edge back to the gradient.

By Adam the loss of a network that knows its training strings by heart jumps up now and then, and
falls again within a few hundred steps.  Such a spike moves the weights far, as the first hundred
steps did, and stays in the window until as many updates have followed as it holds.  So windows are
told apart by whether a spike lies within.  That was seen in the runs first and counted then: no
test was set before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle import gather
from grokbook.chapters.spectral_edge_lifecycle_windows import LOGGED, bracket
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import counted, middle_of, span
from grokbook.geometry.edge_windows import LIFECYCLE_WINDOW, window_name
from grokbook.instruments.runs import Missing, Run
from grokbook.record import RunRecord
from grokbook.statistics import mean_interval
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import MAJORITY

SPIKE = 10.0
"""A spike: the training loss is more than so many times that of the evaluation before."""


@dataclass(frozen=True)
class Return:
    """Windows of one run that end after its first turn to weight decay, by what is within.

    Attributes:
        spikes: of the training loss after the turn.
        spiked: windows with a spike within, and those of them in which the gradient has the
            majority of v_1's movement.
        calm: the same of windows without one.
    """

    spikes: int
    spiked: tuple[int, int]
    calm: tuple[int, int]

    @property
    def shares(self) -> tuple[float, float] | None:
        """In per cent, with a spike and without; None where a run has not both kinds."""
        if not (self.spiked[0] and self.calm[0]):
            return None
        with_one, without = (100 * mine / of for of, mine in (self.spiked, self.calm))
        return with_one, without


def spikes(record: RunRecord) -> np.ndarray:
    """Steps of the evaluations at which the training loss has jumped up since the one before.

    Args:
        record: of a run with one task.
    """
    (task,) = record.config.tasks
    loss = record.metrics[f"train_loss_{task}"].to_numpy(float)
    return record.steps[1:][loss[1:] > SPIKE * loss[:-1]]


def returned(run: Run) -> Return | None:
    """Of one run; None if it does not turn.

    Raises:
        Missing: if its windows were not measured.
    """
    turn = bracket(run, LIFECYCLE_WINDOW).by
    if turn is None:
        return None
    rows = run.rows("edge", "gradient_share", part=window_name(), variant=LOGGED, at=1)
    rows = rows[rows["step"] > turn].sort_values("step")
    ends, jumps = rows["step"].to_numpy(), spikes(run.record)
    length = LIFECYCLE_WINDOW * int(np.diff(ends).min()) if len(ends) > 1 else 0
    after = ends[:, None] - jumps[None]
    within = ((after >= 0) & (after < length)).any(axis=1)
    gradient = rows["value"].to_numpy() > MAJORITY
    spiked, calm = (
        (int(chosen.sum()), int((chosen & gradient).sum())) for chosen in (within, ~within)
    )
    return Return(int((jumps > turn).sum()), spiked, calm)


def returns(runs: Sequence[Run], passages: Sequence[Passage]) -> dict[str, list[Return]]:
    """Setting ↦ what turned its runs back, of those that decay and turn."""
    of, found = {run.config.id: run for run in runs}, {}
    for name, group in gather([one for one in passages if one.decayed]).items():
        mine = []
        for one in group:
            with suppress(KeyError, Missing):
                mine.append(returned(of[one.run_id]))
        if known := [each for each in mine if each is not None]:
            found[name] = known
    return found


def spike_table(found: dict[str, list[Return]]) -> pd.DataFrame:
    """How often the gradient has the majority again, with a spike in the window and without."""
    rows = []
    for name, group in found.items():
        both = [each.shares for each in group if each.shares is not None]
        rows.append(
            {
                "runs": name,
                "n": len(group),
                "spikes": middle_of([each.spikes for each in group]),
                "the gradient's windows, with a spike (%)": middle_of([round(a) for a, _ in both]),
                "and without (%)": middle_of([round(b) for _, b in both]),
            }
        )
    return keyed(rows, "runs")


def spike_answer(found: dict[str, list[Return]]) -> str:
    """What turns the edge back, where it goes to and fro; empty if nothing is known of it."""
    gaps = {
        name: [one - two for one, two in (r.shares for r in group if r.shares is not None)]
        for name, group in found.items()
    }
    gaps = {name: each for name, each in gaps.items() if len(each) > 1}
    if not gaps:
        return ""
    name = max(gaps, key=lambda each: float(np.mean(gaps[each])))
    both = [each.shares for each in found[name] if each.shares is not None]
    apart = mean_interval(gaps[name])
    jumps = span([each.spikes for group in found.values() for each in group])
    said = (
        f"After the turn the training loss jumps to more than {SPIKE:g} times what it was, "
        f"{jumps} times a run. It matters most to runs of {name}: with such a spike in the window "
        f"the gradient has the majority in {span([round(a) for a, _ in both], ' %')} of a run's "
        f"windows, without one in {span([round(b) for _, b in both], ' %')} "
        f"({counted(len(both), 'run')}). "
    )
    if apart.low > 0:
        said += (
            "So there the gradient's return goes with jumps of the loss that pass through the "
            "window."
        )
    else:
        said += "These runs do not tell whether spikes turn the edge back."
    return said + (
        " That was seen first and counted afterwards: it is an observation, and no verdict rests "
        "on it."
    )
