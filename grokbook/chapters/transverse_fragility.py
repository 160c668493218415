"""Chapter 5, transverse fragility: what it counts and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from grokbook.chapters.deleted import wanting
from grokbook.chapters.transverse_fragility_answer import answer
from grokbook.chapters.transverse_fragility_published import RECOVERY, budget, published_steps
from grokbook.chapters.transverse_fragility_shares import PATH, outsides
from grokbook.chapters.wording import bullets, counted, percentages, share, share_of
from grokbook.claims.numbers import listed, show
from grokbook.claims.registry import Claim
from grokbook.statistics import Interval, mean_interval
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Change, Trials
from grokbook.studies.settings import group_title
from grokbook.widgets.delays import moved_against_each, noise_sentence, one_way
from grokbook.widgets.fragility import Group

NO_FURTHER = "no further than two executions, each with a basis of its own, lie apart"


def groups(
    found: Sequence[Trials],
    arms: Sequence[Arm],
    doses: Sequence[float],
    claims: Mapping[str, Claim],
) -> list[Group]:
    """Settings as the explorable shows them."""
    return [
        Group(
            setting=title(trials),
            trials=trials,
            published=published_steps(trials, claims),
            budget=budget(trials),
            missing=wanting(trials, arms, doses),
        )
        for trials in found
    ]


def title(trials: Trials) -> str:
    """``"dual, λ = 1"``."""
    return group_title(trials.plain[0].run.config)


def names(trials: Trials) -> str:
    """``"add and mul"``."""
    return listed(trials.tasks)


def overall(
    trials: Trials, arm: str, doses: Sequence[float]
) -> tuple[Interval | None, list[float], list[float]]:
    """Mean shift of an arm against the published one, a seed's doses averaged first, in points.

    Only of doses at which no budget cuts a comparison off: what is left over of a dose of which it
    cuts some would be the quick ones.

    Returns:
        The mean, None without such a dose; these doses; and those that are left out.
    """
    by_seed: dict[int, list[float]] = {}
    told, cut = [], []
    for dose in doses:
        shifts = trials.shifts(arm, dose)
        if any(change.bound for change in shifts.values()):
            cut.append(dose)
        elif shifts:
            told.append(dose)
            for seed, change in shifts.items():
                by_seed.setdefault(seed, []).append(change.percent)
    mean = mean_interval([np.mean(v) for v in by_seed.values()]) if by_seed else None
    return mean, told, cut


def finding(found: Sequence[Trials], arms: Sequence[Arm], doses: Sequence[float]) -> str:
    """The chapter's finding in plain words, from the runs at hand, a bullet a result."""
    shares, said = outsides(found), []
    if shares:
        least = min(each[PATH] for each in shares.values())
        said.append(
            "What is deleted from is no small part of the gradient: "
            f"all but at most {show(100 - least)} % of its square lies outside the path, in every "
            "run."
        )
    for trials in found:
        said += _said_of(trials, arms, doses)
    answers = [text for trials in found if (text := answer(trials, arms, doses))]
    return bullets(said, answers[0] if answers else "")


def _said_of(trials: Trials, arms: Sequence[Arm], doses: Sequence[float]) -> list[str]:
    where, noise = names(trials), noise_sentence(trials)
    changes = [(dose, c) for dose in doses for c in trials.delays(OWN, dose).values()]
    if not changes and trials.deleted:
        return [f"With {where} no plain run groks, so there is nothing to compare with."]
    if not changes and all(plain.grok is None for plain in trials.plain):
        end = max(plain.end for plain in trials.plain)
        return [
            f"With {where} no plain run groks within {end:,} steps, so no delay can be told; no "
            "deleted run is here either."
        ]
    if not changes:
        return [
            f"With {where} no deleted run is here yet; {noise}, and any smaller delay of one seed "
            "says nothing."
        ]
    if len(changes) == 1:
        return [f"With {where}, the one deleted run {_alone(changes[0][1])}; {noise}."]
    later = sum(change.percent > 0 for _, change in changes)
    cut = sum(bool(change.bound) for _, change in changes)
    seeds = len({seed for dose in doses for seed in trials.delays(OWN, dose)})
    text = (
        f"With {where}, {share(later, len(changes))} deleted runs ({counted(seeds, 'seed')}) grok "
        "later than their plain runs"
    )
    text += f" or not at all, {cut} of them cut off before" if cut else ""
    floors = sorted({each for each in (trials.same_floor, trials.floor) if each is not None})
    words = ("the first", "the second") if len(floors) > 1 else ("that",)
    for floor, which in zip(floors, words, strict=False):
        beyond = sum(change.percent > floor for _, change in changes)
        noise += f", and {share(beyond, len(changes))} are later by more than {which}"
    said = [f"{text}; {noise}."]
    if not any(trials.of(arm.name, dose) for arm in arms if arm.name != OWN for dose in doses):
        said.append(
            "No control stands beside them yet, so whether the delay comes from what is deleted is "
            "open."
        )
    for arm in arms:
        if arm.name == OWN:
            continue
        mean, told, cut = overall(trials, arm.name, doses)
        open_ = _cut_off(trials, arm.name, cut) if cut else ""
        if mean is not None:
            away = "" if mean.n < 2 else f" [{show(mean.low)}, {show(mean.high)}]"
            said.append(
                f"Deleted {arm.what}, the grok step moves by {show(mean.mean)}{away} % of the "
                f"plain run's time, against that at {percentages(told)} ({counted(mean.n, 'seed')})"
                + f", {NO_FURTHER}" * _near(trials, arm, told)
                + (f"; {open_}." if cut else ".")
            )
        elif cut:
            said.append(f"Deleted {arm.what}, {open_}.")
    return said


def _near(trials: Trials, arm: Arm, doses: Sequence[float]) -> bool:
    """Do all runs of an arm grok as near to the published deletion as noise would put them?"""
    shifts = [change for dose in doses for change in trials.shifts(arm.name, dose).values()]
    return trials.floor is not None and all(abs(each.percent) <= trials.floor for each in shifts)


def _cut_off(trials: Trials, arm: str, doses: Sequence[float]) -> str:
    """What is known of an arm at doses at which a budget cuts comparisons off: a side, no mean."""
    shifts = [change for dose in doses for change in trials.shifts(arm, dose).values()]
    found = one_way(shifts)
    if found is None:
        return f"at {percentages(doses)} a budget cuts comparisons off"
    word, least = found
    off = sum(bool(change.bound) for change in shifts)
    who = "the one run groks" if len(shifts) == 1 else f"all {len(shifts)} runs grok"
    said = (
        f"at {percentages(doses)} {who} {word} than with deletion outside the path, "
        f"{'each ' * (len(shifts) > 1)}by {show(math.floor(least))} % of the plain run's time or "
        f"more ({share(off, len(shifts))} cut off by a budget)"
    )
    floor = trials.floor if trials.same_floor is None else trials.same_floor
    if floor is None:
        return said
    delays = [change for dose in doses for change in trials.delays(arm, dose).values()]
    near = sum(not c.bound and abs(c.percent) <= floor for c in delays)
    which = "none is" if not near else f"{share(near, len(delays))} are"
    return (
        f"{said}, and {which} as near to the plain run as two executions of some seed are to each "
        "other"
    )


def _alone(change: Change) -> str:
    """What a single run does, beside its plain run."""
    if change.bound:
        return "was cut off before it grokked"
    return f"groks {moved_against_each(change)}"


def recovery_sentence(trials: Trials, doses: Sequence[float] = RECOVERY) -> str:
    """How many runs grok within the published budget at a quarter, a half, three quarters."""
    limit = budget(trials)
    if limit is None:
        return "The budget was published for the published setting alone."
    parts = []
    for dose in doses:
        groks, runs = trials.within(OWN, dose, limit)
        if runs:
            many = share_of(groks, runs, "run")
            parts.append(f"{many} with {100 * dose:g} % deleted")
    where = names(trials)
    if parts:
        return f"With {where}, grokked within {limit:,} steps: {', '.join(parts)}."
    which = f"with {percentages(doses, 'or')} deleted"
    if not any(trials.of(OWN, dose) for dose in doses):
        return f"With {where} no run {which} is here yet."
    return (
        f"With {where} every run {which} was cut off before the published budget of {limit:,} "
        "steps, so none tells whether it groks within it."
    )


def guard(found: Sequence[Trials]) -> None:
    """Stop the build if what the page says of its own runs no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    shares = outsides(found)
    assert shares, "no run tells how much of its gradient lies outside its path"
    for label, several in shares.items():
        for name, part in several.items():
            assert part > 50, f"{label}: most of the gradient lies inside {name}"
    for trials in found:
        assert trials.floor, f"{title(trials)}: no two executions differ"
        for trial in trials.plain:
            assert trial.grok is not None, f"{trial.run.name}: a plain run does not grok"
