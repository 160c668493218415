"""Chapter 5, transverse fragility: the answer to its question, in one sentence from the runs."""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.chapters.wording import counted
from grokbook.claims.numbers import listed
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Change, Trials

AMPLIFIED = "amplify"
ELSEWHERE = ("random-matched", "other-seed")
"""Arms that delete as the published one does, outside other directions."""


def answer(trials: Trials, arms: Sequence[Arm], doses: Sequence[float]) -> str:
    """What deletion does, and what does the same without it; empty without several deleted runs.

    A run counts as delayed by more than the largest difference of what should be the same run, and
    a way of deleting as doing the same, or nothing, where most of its runs are no further than
    that from the published deletion, or from the plain run.

    Args:
        trials: of one setting.
        arms: that the page shows.
        doses: that it shows.
    """
    own = [change for dose in doses for change in trials.delays(OWN, dose).values()]
    if len(own) < 2 or trials.floor is None:
        return ""
    beyond = [change for change in own if change.percent > trials.floor]
    often = "Most" if 2 * len(beyond) > len(own) else "Few"
    late = "grok later than rounding alone would make them"
    said = [f"{often} runs with deletion outside the path {late}"]
    shown = {arm.name: arm.title for arm in arms}
    if AMPLIFIED in shown:
        found = [c for dose in doses for c in trials.shifts(AMPLIFIED, dose).values()]
        if _mostly_near(found, trials.floor):
            runs = counted(len(found), "run")
            said.append(f"to drive the inside harder and delete nothing does the same ({runs})")
    delays = {
        name: [change for dose in doses for change in trials.delays(name, dose).values()]
        for name in ELSEWHERE
        if name in shown
    }
    idle = [name for name, found in delays.items() if _mostly_near(found, trials.floor)]
    if idle:
        which = listed([shown[name] for name in idle])
        runs = counted(sum(len(delays[name]) for name in idle), "run")
        said.append(f"outside other directions ({which}, {runs}) it does next to nothing")
    return "; ".join(said) + "."


def _mostly_near(changes: Sequence[Change], floor: float) -> bool:
    near = [each for each in changes if not each.bound and abs(each.percent) <= floor]
    return 2 * len(near) > len(changes)
