"""Chapter 4, incompressibility: what it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.chapters.incompressibility import (
    DEPTHS,
    INTACT,
    Cut,
    cuts,
    cuts_at,
    group,
    measured_by,
    opening,
    thresholds,
)
from grokbook.chapters.wording import bullets, counted, percent, share, share_of
from grokbook.claims.numbers import listed
from grokbook.claims.readings.incompressibility import threshold as directions
from grokbook.events import PUBLISHED_RULE
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.settings import setting
from grokbook.widgets.incompressibility import OPENING


def missing(runs: Sequence[Run]) -> str:
    """What was not measured on the page's runs, and the commands that measure it; empty if all."""
    said = []
    compressed = {run.name for run in measured_by(runs, "compression")}
    dual = [run for run in runs if len(run.tasks) == 2]  # the paper compresses these
    lacking = [run for run in dual if run.name not in compressed]
    if lacking:
        said.append(_command(lacking, "compression", "Scale, entries, rank and modules"))
    old = [run for run in measured_by(runs, "reconstruction") if not _has_own_first(run)]
    if old:
        said.append(_command(old, "reconstruction", "The run's own first direction with random"))
    return " ".join(said)


def _has_own_first(run: Run) -> bool:
    try:
        directions(run, "published, own first")
    except Missing:
        return False
    return True


def _command(runs: Sequence[Run], instrument: str, what: str) -> str:
    names = sorted({setting(run.config) for run in runs})
    words = ("--instruments", instrument)
    by = " and ".join(f"`{command('measure', name, *words)}`" for name in names)
    return f"*{what}: not measured yet on {counted(len(runs), 'run')}; {by} does it.*"


def last_seen(runs: Sequence[Run]) -> str:
    """How good the network itself is where the path that is held out ends, in words."""
    found: dict[str, list[float]] = {}
    for run in measured_by(runs, "reconstruction"):
        rows = run.at_stop("reconstruction", "test_accuracy", part=None, variant="last seen")
        found.setdefault(group(run), []).append(100 * float(rows["value"].mean()))
    if not found:
        return ""
    each = ", ".join(
        f"{_mean(values)} ({name}, {counted(len(values), 'run')})" for name, values in found.items()
    )
    return (
        f"Where the held-out path ends, the network itself answers {each} of the test pairs "
        "rightly, the mean of its tasks. What the held-out directions miss is what the weights "
        "did after that."
    )


def finding(runs: Sequence[Run]) -> str:
    """The chapter's finding in plain words, from the runs at hand, a bullet a result."""
    if runs and not any(_grokked(run) for run in runs):
        return (
            "No run here groks, so there is no solution to compress: the tables show what the "
            "cuts leave of a network that has only memorised."
        )
    said, found = [], cuts(runs)
    if found:
        published, corrected, other = (
            [cut.accuracy for cut in opening(found, "scale", protocol)]
            for protocol in ("published", "corrected", "published, other init")
        )
        less = f"{100 * (1 - OPENING['scale']):.0f} % less"
        many = "one run" if len(published) == 1 else f"mean of {len(published)} runs"
        said.append(
            f"{less.capitalize()} of what training moved leaves {_mean(published)} of the test "
            f"answers right ({many}); {less} of the weights themselves leaves {_mean(corrected)}: "
            f"{_verdict(published, corrected)}."
        )
        if np.mean(published) < INTACT <= np.mean(corrected):
            said[-1] += (
                " The published form puts initial weights back that decay had erased; another "
                f"seed's, which this run never saw, leave {_mean(other)}."
            )
        said.append(of_one_size(found))
    each = [by_basis for by_basis in thresholds(runs).values() if "held-out" in by_basis]
    own, held = ([k for one in each for k in one[name]] for name in ("published", "held-out"))
    counts = [k for k in own if k is not None]
    if counts:
        low, high = min(counts), max(counts)
        number = f"{low}" if low == high else f"{low} to {high}"
        said.append(
            f"{number} directions of the whole path rebuild the network in "
            f"{share_of(len(counts), len(own), 'run')}; {_without_the_end(held)}."
        )
    return bullets(said) or "Nothing of this page has been measured yet."


def of_one_size(found: Sequence[Cut]) -> str:
    """How far both scalings move the weights, and what a move as large leaves otherwise.

    Args:
        found: cuts of runs that were scaled.
    """
    theirs, ours = (opening(found, "scale", name) for name in ("published", "corrected"))
    size, other = _move(theirs), _move(ours)
    noise = {
        where: opening(found, "scale", f"published, noise{by}")
        for where, by in (("spread over all weights", ""), ("in every tensor", " by tensor"))
    }
    left = [_left(each) for each in noise.values()]
    enough = _left(theirs) < INTACT and max(left) < _left(theirs) + 10
    at_random = " and ".join(
        f"{_mean(each)} ({where})" for where, each in zip(noise, left, strict=True)
    )
    deeper = [
        each
        for depth in sorted(DEPTHS["scale"], reverse=True)
        if depth < OPENING["scale"] and (each := cuts_at(found, "scale", "corrected", depth))
    ]
    moves = [f"{_mean(_left(each))} at a move of {percent(_move(each))}" for each in deeper]
    return (
        ("The two are not changes of one size: " if size > 1.2 * other else "")
        + f"{'the' if size > 1.2 * other else 'The'} published one moves the weights by "
        f"{percent(size)} of their length, the other by {percent(other)}. Noise as large as the "
        f"published one leaves {at_random}"
        + (": its size alone is enough, without any initial weights." if enough else ".")
        + (f" Scaled down further, the weights themselves keep {listed(moves)}." if moves else "")
    )


def _move(each: Sequence[Cut]) -> float:
    return float(np.mean([cut.change for cut in each]))


def _left(each: Sequence[Cut]) -> float:
    return float(np.mean([cut.accuracy for cut in each]))


def _without_the_end(held: Sequence[int | None]) -> str:
    """Does the path without its last tenth rebuild them, as a clause?"""
    never, start = held.count(None), "without the path's last tenth"
    if len(held) == 1:
        return f"{start} {'no number tried does' if never else f'{held[0]} do'}"
    if not never:
        return f"{start} some number does in all {len(held)}"
    must = ", as it must where the end of a path is not in its beginning" * (never == len(held))
    return f"{start} no number tried does in {share(never, len(held))}{must}"


def _grokked(run: Run) -> bool:
    return any(run.record.grok_step(task, PUBLISHED_RULE) is not None for task in run.tasks)


def _mean(values: Sequence[float] | float) -> str:
    return f"{np.mean(values):.1f} %"


def _verdict(published: Sequence[float], corrected: Sequence[float]) -> str:
    theirs, ours = np.mean(published), np.mean(corrected)
    if min(theirs, ours) >= INTACT:
        return "neither does harm"
    if theirs < INTACT <= ours:
        return "at this depth only the published form does harm"
    if ours > theirs + 10:
        return "the published form does more harm, but not all of it"
    return "either way the network is fragile"
