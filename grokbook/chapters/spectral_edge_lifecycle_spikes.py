"""Chapter 6, the spectral edge's lifecycle: what turns the edge back to the gradient.

By Adam the loss of a network that knows its training strings by heart jumps up now and then, and
falls again within a few hundred steps.  Such a spike moves the weights far, as the first hundred
steps did, and stays in the window until as many updates have followed as it holds.  So windows are
told apart by whether a spike lies within.  That was seen in the runs first and counted then: no
test was set before.

A run that is the gradient's for a long stretch, and spikes a lot, may have the two together by
chance.  The placebo keeps both as they are, stretches and all, and moves one along the other: the
windows called spiked are shifted around the part of the run that is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from grokbook.chapters.spectral_edge_lifecycle import gather
from grokbook.chapters.spectral_edge_lifecycle_windows import LOGGED, bracket, spacing
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import counted, middle_of, share, span
from grokbook.claims.numbers import listed
from grokbook.geometry.edge_windows import LIFECYCLE_WINDOW, window_name
from grokbook.instruments.runs import Missing, Run
from grokbook.record import RunRecord
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import MAJORITY

SPIKE = 10.0
"""A spike: the training loss is more than so many times that of the evaluation before."""

ENOUGH = 3
"""Runs of a setting, before anything is concluded from them."""


@dataclass(frozen=True)
class SpikedWindows:
    """Windows of one run that end after its first turn to weight decay, by what is within.

    Attributes:
        spikes: of the training loss after the turn.
        spiked: windows with a spike within, and those of them in which the gradient has the
            majority of v_1's movement.
        calm: the same of windows without one.
        shifted: the gap if other windows of the run were the spiked ones, in percentage points;
            one value for every shift by a window or more.
    """

    spikes: int
    spiked: tuple[int, int]
    calm: tuple[int, int]
    shifted: tuple[float, ...] = ()

    @property
    def shares(self) -> tuple[float, float] | None:
        """In per cent, with a spike and without; None where a run has not both kinds."""
        if not (self.spiked[0] and self.calm[0]):
            return None
        with_one, without = (100 * mine / of for of, mine in (self.spiked, self.calm))
        return with_one, without

    @property
    def gap(self) -> float:
        """How much more often the gradient's with a spike than without, in percentage points."""
        return float("nan") if self.shares is None else self.shares[0] - self.shares[1]

    @property
    def beyond_shifted(self) -> bool:
        """Is the gap wider than after every shift?"""
        return bool(self.shifted) and self.gap > max(self.shifted)


def spikes(record: RunRecord) -> np.ndarray:
    """Steps of the evaluations at which the training loss has jumped up since the one before.

    Args:
        record: of a run with one task.
    """
    (task,) = record.config.tasks
    loss = record.metrics[f"train_loss_{task}"].to_numpy(float)
    return record.steps[1:][loss[1:] > SPIKE * loss[:-1]]


def spiked_windows(run: Run) -> SpikedWindows | None:
    """Of one run; None if it does not turn.

    Raises:
        Missing: if its windows were not measured.
    """
    turn = bracket(run, LIFECYCLE_WINDOW).by
    if turn is None:
        return None
    rows = run.rows("edge", "gradient_share", part=window_name(), variant=LOGGED, at=1)
    rows = rows[rows["step"] > turn].sort_values("step")
    jumps = spikes(run.record)
    after = rows["step"].to_numpy()[:, None] - jumps[None]
    within = ((after >= 0) & (after < LIFECYCLE_WINDOW * spacing(run))).any(axis=1)
    gradient = rows["value"].to_numpy() > MAJORITY
    later = int((jumps > turn).sum())
    found = SpikedWindows(later, *_counts(within, gradient))
    if found.shares is None:
        return found
    shifts = range(LIFECYCLE_WINDOW, len(within) - LIFECYCLE_WINDOW + 1)
    moved = (SpikedWindows(later, *_counts(np.roll(within, by), gradient)) for by in shifts)
    return SpikedWindows(later, found.spiked, found.calm, tuple(each.gap for each in moved))


def _counts(within: np.ndarray, gradient: np.ndarray) -> list[tuple[int, int]]:
    """Windows with a spike and the gradient's among them, and the same without."""
    return [(int(kind.sum()), int((kind & gradient).sum())) for kind in (within, ~within)]


def spiked_by_setting(
    runs: Sequence[Run], passages: Sequence[Passage]
) -> dict[str, list[SpikedWindows]]:
    """Setting ↦ the windows of its runs, of those that decay and turn."""
    of, found = {run.config.id: run for run in runs}, {}
    for name, group in gather([one for one in passages if one.decayed]).items():
        mine = []
        for run in (of[one.run_id] for one in group if one.run_id in of):
            with suppress(Missing):
                mine.append(spiked_windows(run))
        if known := [each for each in mine if each is not None]:
            found[name] = known
    return found


def _both_kinds(group: Sequence[SpikedWindows]) -> list[SpikedWindows]:
    return [each for each in group if each.shares is not None]


def spike_table(found: dict[str, list[SpikedWindows]]) -> pd.DataFrame:
    """How often the gradient has the majority again, with a spike in the window and without."""
    rows = []
    for name, group in found.items():
        both = _both_kinds(group)
        rows.append(
            {
                "runs": name,
                "with both kinds": share(len(both), len(group)),
                "the gradient's, with a spike (%)": middle_of([round(a.shares[0]) for a in both]),
                "without (%)": middle_of([round(a.shares[1]) for a in both]),
                "apart (points)": middle_of([round(a.gap) for a in both]),
                "shifted, at most": middle_of([round(max(a.shifted)) for a in both if a.shifted]),
            }
        )
    return keyed(rows, "runs")


def spike_answer(found: dict[str, list[SpikedWindows]]) -> str:
    """What turns the edge back, where it goes to and fro; empty if nothing is known of it."""
    known = {name: both for name, group in found.items() if len(both := _both_kinds(group)) > 1}
    if not known:
        return ""
    name = max(known, key=lambda each: float(np.mean([one.gap for one in known[each]])))
    best = known[name]
    jumps = span([each.spikes for group in found.values() for each in group])
    with_one, without = ([round(each.shares[k]) for each in best] for k in (0, 1))
    said = (
        f"After the turn the training loss jumps to more than {SPIKE:g} times what it was, "
        f"{jumps} times a run. The gap is widest in runs of {name}: with such a spike in the "
        f"window the gradient has the majority in {span(with_one, ' %')} of a run's windows, "
        f"without one in {span(without, ' %')} ({counted(len(best), 'run')}). "
    )
    if len(best) >= ENOUGH and all(each.beyond_shifted for each in best):
        most = span([round(max(each.shifted)) for each in best])
        said += (
            f"That is {span([round(each.gap) for each in best])} points apart, where the same "
            f"windows shifted along the run are {most} at most. So there the gradient's return "
            f"goes with jumps of the loss that pass through the window."
        )
    else:
        said += "These runs do not tell whether spikes turn the edge back."
    others = [
        f"“{other}”"
        for other, both in known.items()
        if other != name and any(each.shifted and not each.beyond_shifted for each in both)
    ]
    if others:
        said += (
            f" In {'each of ' * (len(others) > 1)}{listed(others)} one run at least is no further "
            "apart than with its windows shifted."
        )
    return said + (
        " That was seen first and counted afterwards: it is an observation, and no verdict rests "
        "on it."
    )
