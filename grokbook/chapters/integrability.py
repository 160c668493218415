"""Chapter 2, integrability: what it counts and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters import asked
from grokbook.chapters.wording import PLACEBO, share
from grokbook.checks import ConfigError, integer
from grokbook.claims.readings.integrability import held
from grokbook.claims.readings.leads import onset
from grokbook.claims.readings.paths import WALK, first_share, windows, windows_by_matrix
from grokbook.claims.readings.place import MATRICES
from grokbook.config import RunConfig
from grokbook.events import FACTORS, PLACEBOS
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
from grokbook.widgets import Course, lead_sentence
from grokbook.widgets.integrability import FACTOR


def wanted(readings: int) -> dict[str, dict[str, int]]:
    """Instruments with their parameters, for so many readings of the defect.

    Raises:
        ConfigError: for fewer than two.

    >>> wanted(140)["commutator"]
    {'snapshots': 140, 'checkpoints': 120}
    """
    integer("readings", readings, low=2)
    return {
        "events": {},
        "trajectory": {},
        "commutator": {"snapshots": readings, "checkpoints": min(120, readings)},
        "integrability": {"snapshots": min(100, readings)},
    }


def plan(config: RunConfig, steps: int) -> Plan:
    """As every chapter's, with a path that is long enough for its bases.

    A basis has two directions a matrix, with three tasks three; half of the path must span them,
    and a path of n snapshots, 100 steps apart, spans n − 1.

    Raises:
        ConfigError: for fewer steps.
    """
    least = 2 * 100 * (3 if len(config.tasks) == 3 else 2)
    if steps < least:
        raise ConfigError(f"steps must be {least} or more for a path's directions, not {steps}")
    return asked.plan(config, steps)


def grokking(runs: Sequence[Run]) -> list[Run]:
    """Those of which some task groks."""
    return [run for run in runs if _grok(run) is not None]


def _grok(run: Run) -> int | None:
    steps = [run.record.grok_step(task, "0.98x3") for task in run.tasks]
    return min((step for step in steps if step is not None), default=None)


def detectors(runs: Sequence[Run], courses: Sequence[Course]) -> list[TrackRecord]:
    """Every detector on every run: the published ones, ours, and placebos.

    Args:
        runs: measured.
        courses: the same runs as the explorable shows them, in the same order.
    """
    found = []
    groks = {run.config.label: _grok(run) for run in runs}
    for protocol, name in (("published", "published"), ("corrected", "true")):
        for kind in ("dual", "tri"):
            steps = [onset(run, protocol, kind).step for run in runs]
            title = f"{kind} detector, {name}"
            found.append(TrackRecord.of(title, "published", name, groks, steps))
        for at, factor in enumerate(FACTORS):
            steps = [course.onsets[protocol][at] for course in courses]
            title = f"{factor:g} × the start, {name}"
            found.append(TrackRecord.of(title, "ours", name, groks, steps))
    for name in PLACEBOS:
        steps = [course.placebos[name] for course in courses]
        found.append(TrackRecord.of(PLACEBO[name], "placebo", "", groks, steps))
    return found


@dataclass(frozen=True)
class Share:
    """The first component's share of a matrix's variance at the published stop, in %.

    Attributes:
        values: one a run.
        walk: mean over the runs of random walks with their step lengths.
        low: the lowest of the walks' means less two standard deviations of their draws.
        high: the highest of the means and two standard deviations.
    """

    values: tuple[float, ...]
    walk: float
    low: float
    high: float


def shares(runs: Sequence[Run]) -> dict[str, Share]:
    """Matrix ↦ the first component's share of every run that groks, beside random walks."""
    chosen = grokking(runs)
    return {matrix: _share_of(matrix, chosen) for matrix in (MATRICES if chosen else ())}


def _share_of(matrix: str, runs: Sequence[Run]) -> Share:
    walks = []
    for run in runs:
        rows = run.at_stop("trajectory", "share", part=matrix, variant=WALK, at=1)
        walks.append(100 * rows[["value", "error"]].to_numpy(float)[0])
    means, spreads = np.transpose(walks)
    return Share(
        tuple(first_share(run, matrix) for run in runs),
        float(means.mean()),
        float(np.min(means - 2 * np.nan_to_num(spreads))),
        float(np.max(means + 2 * np.nan_to_num(spreads))),
    )


@dataclass(frozen=True, eq=False)
class Decline:
    """The first component's share over growing windows of a path, in %.

    Attributes:
        ours: (n,) mean over the attention matrices.
        low: (n,) the lowest of their random walks.
        high: (n,) the highest.
    """

    ours: np.ndarray
    low: np.ndarray
    high: np.ndarray


def declines(runs: Sequence[Run]) -> dict[str, Decline]:
    """Label ↦ shares over growing windows of the path, of every run that groks."""
    found = {}
    for run in grokking(runs):
        walks = windows_by_matrix(run, WALK)
        found[run.config.label] = Decline(windows(run), walks.min(axis=0), walks.max(axis=0))
    return found


def inside(runs: Sequence[Run]) -> dict[str, list[float]]:
    """What of a commutator lies in a subspace, in % of its norm, one mean a run that groks.

    Means over checkpoints of the share of ‖δ‖: of the float32 and of the true commutator in the
    run's own directions, in another seed's, and in random ones with the same footprint, so that
    like stands beside like. A run that was measured without another seed has no value of that.
    """
    own, other = "corrected, attention path", "true commutator, another seed's"
    found: dict[str, list[float]] = {}
    for run in grokking(runs):
        for name, quantity, variant in (
            ("published commutator, own directions", "share", "published, attention path"),
            ("true commutator, own directions", "share", own),
            (other, "share", f"{own} of another seed"),
            ("true commutator, random alike", "null_matched", own),
        ):
            try:
                found.setdefault(name, []).append(100 * held(run, quantity, variant))
            except Missing:
                if name != other:
                    raise
    return {name: values for name, values in found.items() if values}


def rounding_factor(courses: Sequence[Course]) -> list[float]:
    """Published over true defect at step 0, one a run."""
    return [
        float(c.defects["published"][0] / c.defects["corrected"][0])
        for c in courses
        if c.read[0] == 0
    ]


def finding(runs: Sequence[Run], courses: Sequence[Course]) -> str:
    """The chapter's finding in plain words, from the runs at hand."""
    said = [lead_sentence(courses, FACTOR, control=True)]
    chosen = grokking(runs)
    if not chosen:
        return said[0]
    if soon := _before_memorising(courses):
        said.append(
            f"In {share(soon, len(chosen))} that is before the network has memorised the pairs "
            "that it is shown, when there is nothing to understand yet."
        )
    factors = rounding_factor(courses)
    if factors:
        said.append(
            f"As published, the defect starts {np.mean(factors):.2g} times too high: most of what "
            "is read there is rounding."
        )
    constant = next(each for each in detectors(runs, courses) if each.name == PLACEBO["constant"])
    if constant.ahead == len(chosen):
        said.append(
            "But a clock that always says step 1,000 leads in every run that groks, by "
            f"{constant.median:,.0f} steps (median)."
        )
    found = shares(runs).values()
    if beaten := sum(np.mean(each.values) < each.high for each in found):
        said.append(
            "A random walk with the same steps is as one-dimensional as the path of "
            f"{share(beaten, len(MATRICES))} attention matrices, or more so."
        )
    return " ".join(said)


def _before_memorising(courses: Sequence[Course]) -> int:
    """Runs that grok of which the true defect grows before the first task is memorised."""
    at = FACTORS.index(FACTOR)
    dates = [(c.onsets["corrected"][at], c.placebos["memorisation"]) for c in courses if c.grok]
    return sum(None not in (onset, known) and onset < known for onset, known in dates)


def path_answer(runs: Sequence[Run]) -> str:
    """What the figures of the path's shares say, and what more of the path would."""
    found = shares(runs)
    if not found:
        return "No run here groks, so there is no path to a published stop."
    means = {matrix: np.mean(each.values) for matrix, each in found.items()}
    more = [matrix for matrix, each in found.items() if means[matrix] > each.high]
    less = [matrix for matrix, each in found.items() if means[matrix] < each.low]
    same = len(found) - len(more) - len(less)
    said = (
        f"The first component holds more than in random walks in {share(len(more), len(found))} "
        f"matrices, as much in {same}, and less in {len(less)}."
    )
    ends = [end for run in grokking(runs) if (end := _beyond(run)) is not None]
    if ends:
        steps, at_stop, at_end, walk = np.mean(ends, axis=0)
        said += (
            f" The number depends on where one stops looking: {steps:,.0f} steps after the "
            f"published stop the share of all matrices together is {at_end:.1f} % in place of "
            f"{at_stop:.1f} %; a random walk's is {walk:.1f} %."
        )
    return said


def _beyond(run: Run) -> tuple[float, float, float, float] | None:
    """Steps beyond the stop, the share of all matrices at the stop and at the end, a walk's."""
    try:
        last = run.rows("trajectory", "share", variant="published", at=1).sort_values("step")
        walk = run.rows("trajectory", "share", variant=WALK, at=1).sort_values("step")
    except Missing:
        return None
    before = last[last["step"] <= run.stop]
    if before.empty or last["step"].iloc[-1] <= run.stop:
        return None
    ends = (before, last, walk)
    values = [100 * float(rows["value"].iloc[-1]) for rows in ends]
    return float(last["step"].iloc[-1] - run.stop), *values


def lead_answer(found: Sequence[TrackRecord]) -> str:
    """What the detectors' records say, in a sentence or two."""
    geometry = [each for each in found if each.kind != "placebo"]
    placebos = [each for each in found if each.kind == "placebo" and each.median == each.median]
    if not found or not found[0].leads:
        return "No run here groks, so there is nothing to lead."
    best = max(placebos, key=lambda each: each.median, default=None)
    said = []
    if best is not None:
        beaten = sum(not each.median > best.median for each in geometry)
        said.append(
            f"“{best.name[0].upper()}{best.name[1:]}” leads by {best.median:,.0f} steps (median) "
            f"without any geometry; {share(beaten, len(geometry))} readings of the defect lead by "
            "no more."
        )
    if not found[0].quiet:
        said.append(
            "No run that never groks is measured here, so no false alarm could be counted: a lead "
            "alone shows no skill."
        )
    return " ".join(said)


def inside_answer(runs: Sequence[Run]) -> str:
    """How the path's own directions compare with random ones of the same footprint."""
    chosen = grokking(runs)
    if not chosen:
        return "No run here groks, so there is no path to a published stop."
    means = {name: float(np.mean(values)) for name, values in inside(runs).items()}
    chance = means["true commutator, random alike"]
    own = means["true commutator, own directions"] / chance
    said = f"Of the true commutator the path's own directions hold {own:.2f} times what random "
    said += "directions alike hold"
    theirs = [ratio for run in chosen if (ratio := _of_another_seed(run)) is not None]
    if theirs:
        said += f", another seed's {np.mean(theirs):.2f} times"
    counts = [count for run in chosen if (count := _within(run)) is not None]
    if counts:
        inner, all_of = np.sum(counts, axis=0)
        said += (
            f"; at {share(inner, all_of)} checkpoints the own share lies in the range of 95 % of "
            "such random directions"
        )
    return said + "."


def _of_another_seed(run: Run) -> float | None:
    """What another seed's directions hold, over what random ones with their footprint hold."""
    variant = "corrected, attention path of another seed"
    try:
        return held(run, "share", variant) / held(run, "null_matched", variant)
    except Missing:
        return None


def _within(run: Run) -> tuple[int, int] | None:
    """Checkpoints to the stop at which the own share lies in the null's band, and all of them."""
    variant, columns = "corrected, attention path", []
    try:
        for name in ("share", "low_matched", "high_matched"):
            rows = run.rows("integrability", f"commutator_{name}", variant=variant)
            columns.append(rows[rows["step"] <= run.stop].set_index("step")["value"].astype(float))
    except Missing:
        return None
    own, low, high = columns
    return int(((own >= low) & (own <= high)).sum()), len(own)


def scope(runs: Sequence[Run]) -> str:
    """Which runs the page is about."""
    labels = ", ".join(sorted({run.config.label for run in runs}))
    return (
        f"**Scope.** This page shows {labels}. The verdicts count every recorded run, also those "
        "that it does not show."
    )


def guard(runs: Sequence[Run], courses: Sequence[Course]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    chosen = grokking(runs)
    assert chosen, "no run of the chapter groks"
    for course in courses:
        if course.grok is not None:
            lead = course.lead("corrected", FACTOR)
            assert lead is not None and lead > 0, f"{course.label}: the true defect does not lead"
    factors = rounding_factor(courses)
    assert factors and min(factors) > 3, "the published defect is not inflated at the start"
