"""Chapter 2, integrability: what it says, in sentences made from the runs at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.chapters.integrability import (
    detectors,
    grokking,
    inside,
    rounding_factor,
)
from grokbook.chapters.integrability_path_words import FEWEST, path_sentence, undecided
from grokbook.chapters.integrability_paths import shares
from grokbook.chapters.wording import PLACEBO, bullets, counted, share
from grokbook.claims.readings.integrability import held
from grokbook.events import FACTORS
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Missing, Run
from grokbook.widgets import Course, lead_sentence
from grokbook.widgets.courses import PROTOCOLS
from grokbook.widgets.integrability import FACTOR, in_order


def finding(runs: Sequence[Run], courses: Sequence[Course], paths: Sequence[Run]) -> str:
    """The chapter's finding in plain words, a bullet a result.

    Args:
        runs: of the page.
        courses: the same.
        paths: all runs whose path was measured.
    """
    grown = [lead_sentence(courses, FACTOR, control=True)]
    chosen = grokking(runs)
    if not chosen:
        return grown[0]
    if soon := _before_memorising(courses):
        grown.append(
            f"In {share(soon, len(chosen))} that is before the network has memorised the pairs "
            "that it is shown, when there is nothing to understand yet."
        )
    rounded, clocked = "", []
    factors = rounding_factor(courses)
    if factors:
        # From twice the true value on, more than half of what is read is not there.
        factor = float(np.mean(factors))
        why = ": most of what is read there is rounding" if factor > 2 else ""
        rounded = f"As published, the defect starts at {factor:.2g} times the true one{why}."
    records = detectors(runs, courses)
    constant = next(each for each in records if each.name == PLACEBO["constant"])
    if constant.ahead == len(chosen):
        clocked.append(
            "But a clock that always says step 1,000 leads in every run that groks, by "
            f"{constant.median:,.0f} steps (median)."
        )
    clocked += _silent(records)
    found, n = shares(paths), len(grokking(paths))
    path = undecided(found, n) if n < FEWEST else path_sentence(found) if found else ""
    lead = f"Of {counted(len(runs), 'run')} on this page {len(chosen)} grok{'s' * _one(chosen)}."
    return bullets([" ".join(grown), rounded, " ".join(clocked), path], lead)


def _one(runs: Sequence[Run]) -> bool:
    return len(runs) == 1


def _before_memorising(courses: Sequence[Course]) -> int:
    """Runs that grok of which the true defect grows before the first task is memorised."""
    at = FACTORS.index(FACTOR)
    dates = [(c.onsets["corrected"][at], c.placebos["memorisation"]) for c in courses if c.grok]
    return sum(None not in (onset, known) and onset < known for onset, known in dates)


def late_rounding(courses: Sequence[Course]) -> str:
    """Runs in which the highest published defect is rounding: more than twice the highest true one.

    Empty if there is none.
    """
    tops = [
        (course, *(float(np.nanmax(course.defects[name])) for name in PROTOCOLS))
        for course in in_order(courses)
    ]
    said = [
        f"In {course.label}, λ = {course.weight_decay:g}, the published defect climbs to "
        f"{published:,.3g} at step "
        f"{course.read[np.nanargmax(course.defects['published'])]:,}, and the true one never above "
        f"{true:,.3g}: most of that peak is rounding."
        for course, published, true in tops
        if published > 2 * true
    ]
    return " ".join(said)


def lead_answer(found: Sequence[TrackRecord]) -> str:
    """What the detectors' records say, in a sentence or two."""
    geometry = [each for each in found if each.kind != "placebo"]
    # One that fires in few runs has a median of few.
    every = [each for each in found if None not in each.leads.values()]
    placebos = [each for each in every if each.kind == "placebo"]
    if not found or not found[0].leads:
        return "No run here groks, so there is nothing to lead."
    best = max(placebos, key=lambda each: each.median, default=None)
    said = []
    if best is not None:
        beaten = sum(not each.median > best.median for each in geometry)
        said.append(
            f"“{best.name[0].upper()}{best.name[1:]}” leads by {best.median:,.0f} steps (median) "
            f"without any geometry; {share(beaten, len(geometry))} readings of the defect "
            f"({_what(geometry)}) lead by no more."
        )
    if quiet := found[0].quiet:
        alarms = share(sum(each.raised > 0 for each in geometry), len(geometry))
        where = "the one run" if quiet == 1 else f"at least one of {quiet} runs"
        groks = "groks" if quiet == 1 else "grok"
        said.append(
            f"In {where} that never {groks}, {alarms} raise a false alarm within the time that the "
            "others take."
        )
        said += _silent(found)
    else:
        said.append(
            "No run that never groks is shown here, so no false alarm could be counted: a lead "
            "alone shows no skill."
        )
    return " ".join(said)


def _silent(found: Sequence[TrackRecord]) -> list[str]:
    """Which detectors tell runs that grok from runs that never do; nothing where none could."""
    able = [each for each in found if each.ahead == len(each.leads) and not each.raised]
    geometry = [each for each in able if each.kind != "placebo"]
    placebos = [each for each in able if each.kind == "placebo"]
    if not found[0].quiet or not geometry:
        return []
    readings, quiet = sum(each.kind != "placebo" for each in found), found[0].quiet
    never = "the one that never does" if quiet == 1 else f"the {quiet} that never do"
    said = (
        f"{share(len(geometry), readings)} readings of the defect lead in every run that groks and "
        f"stay silent in {never}, by up to "
        f"{max(each.median for each in geometry):,.0f} steps (the longest of their medians)"
    )
    if not placebos:
        return [f"{said}. Nothing that knows no geometry does the same."]
    best = max(placebos, key=lambda each: each.median)
    return [
        f"{said}. “{best.name[0].upper()}{best.name[1:]}”, without any geometry, does the same, by "
        f"{best.median:,.0f}."
    ]


def _what(geometry: Sequence[TrackRecord]) -> str:
    """How many detectors on how many defects the readings are."""
    defects = len({each.protocol for each in geometry})
    detectors_of = counted(len(geometry) // defects, "detector")
    return f"{detectors_of} on {'each defect' if defects > 1 else 'one defect'}"


def inside_answer(runs: Sequence[Run]) -> str:
    """How the path's own directions compare with random ones of the same footprint."""
    chosen = grokking(runs)
    if not chosen:
        return "No run here groks, so there is no path to a published stop."
    parts = inside(runs)
    chance = np.array(parts["true commutator, random alike"])
    own = float(np.mean(np.array(parts["true commutator, own directions"]) / chance))
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


def scope(runs: Sequence[Run], paths: Sequence[Run]) -> str:
    """Which runs the page is about, and which more its part on the path reads."""
    shown = {run.config.label for run in runs}
    more = sorted({run.config.label for run in paths} - shown)
    path = f" The part on the path also reads {', '.join(more)}." if more else ""
    return (
        f"**Scope.** This page shows {', '.join(sorted(shown))}.{path} The verdicts count every "
        "recorded run, also those that it does not show."
    )
