"""Delays: what deletion does to the grok step, in sentences made from the runs at hand."""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.claims.numbers import show, steps_span
from grokbook.statistics import Interval
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Change, Trials, mean_of


def key_of(dose: float) -> str:
    """A dose as a key: per cent without trailing zeros.

    >>> key_of(0.07), key_of(0.5)
    ('7', '50')
    """
    return f"{100 * dose:g}"


def noise_sentence(trials: Trials) -> str:
    """How far executions of one run lie apart, as a clause."""
    if trials.floor is None:
        return "no run was carried out twice, so the same-seed noise is not known"
    bounds = {each.percent for each in trials.noise() if each.bound}

    def by(percent: float) -> str:
        return f"by {'at least' if percent in bounds else 'up to'} {percent:.0f} %"

    other, same = trials.floor, trials.same_floor
    if same is None:
        return f"one run with the basis of another execution differs {by(other)}"
    said = f"the same run twice differs {by(same)}"
    return said if same == other else f"{said}, with the basis of another execution {by(other)}"


def deletion_sentence(trials: Trials, dose: float) -> str:
    """What the published deletion does at a dose, beside the same-seed noise."""
    percent, found = f"{key_of(dose)} %", list(trials.delays(OWN, dose).values())
    if not found and trials.of(OWN, dose):
        return (
            f"With {percent} deleted there are runs, but no plain run groks to compare them with."
        )
    if not found:
        groks = [trial.grok for trial in trials.plain if trial.grok is not None]
        plain = f"the plain runs grok at {steps_span(groks)} steps, and " if groks else ""
        return f"No run with {percent} deleted is here yet; {plain}{noise_sentence(trials)}."
    return f"With {percent} deleted, {_delayed(found)}; {noise_sentence(trials)}."


def _delayed(found: Sequence[Change]) -> str:
    """What runs do against their plain runs."""
    cut, mean, n = sum(bool(change.bound) for change in found), mean_of(found), len(found)
    if n == 1:
        (one,) = found
        how = "was cut off, still waiting," if cut else "groks"
        return f"the one run at hand {how} {moved_against_each(one, 0)}"
    if cut == n:
        return f"none of {n} runs grokked before it was cut off"
    if cut:
        sizes = [change.percent for change in found if not change.bound]
        others = [_moved(percent) for percent in dict.fromkeys((min(sizes), max(sizes)))]
        return (
            f"{cut} of {n} runs did not grok before they were cut off; of the others each groks "
            f"{' to '.join(others)} than its plain run"
        )
    later = sum(change.percent > 0 for change in found)
    return (
        f"{later} of {n} runs grok later than their plain runs, and the mean is {_moved(mean.mean)}"
    )


def _moved(percent: float) -> str:
    return f"{abs(percent):.0f} % {'later' if percent >= 0 else 'earlier'}"


def moved_against_each(change: Change, decimals: int = 1) -> str:
    """How much later one run is than its plain run, against each of that one's executions.

    >>> moved_against_each(Change(40.94))
    '40.9 % later than its plain run'
    >>> moved_against_each(Change(40.94, again=(32.08,)))
    '32.1 to 40.9 % later than the 2 executions of its plain run'
    >>> moved_against_each(Change(-3.0, again=(5.0,)), 0)
    'from 3 % earlier to 5 % later than the 2 executions of its plain run'
    """
    low, high = change.every[0], change.every[-1]
    ends = [f"{abs(value):.{decimals}f}" for value in (low, high)]
    sides = ["later" if value >= 0 else "earlier" for value in (low, high)]
    if len(change.every) == 1:
        return f"{ends[0]} % {sides[0]} than its plain run"
    whom = f"than the {len(change.every)} executions of its plain run"
    if sides[0] != sides[1]:
        return f"from {ends[0]} % {sides[0]} to {ends[1]} % {sides[1]} {whom}"
    first, last = ends if sides[0] == "later" else ends[::-1]
    span = first if first == last else f"{first} to {last}"
    return f"{span} % {sides[0]} {whom}"


def shift_sentence(trials: Trials, arm: Arm, dose: float) -> str:
    """What a control does at a dose in place of the published deletion."""
    start = f"{arm.title[0].upper()}{arm.title[1:]} (deleted {arm.what})"
    shifts = list(trials.shifts(arm.name, dose).values())
    if not shifts:
        delays = list(trials.delays(arm.name, dose).values())
        if not delays and trials.of(arm.name, dose):
            return f"{start}: there are runs, but no plain run groks to compare them with."
        if not delays:
            return f"{start}: not here yet at this dose."
        return f"{start}: {_delayed(delays)}; no published deletion is there to compare."
    if any(shift.bound for shift in shifts):
        return f"{start}: {_cut_short(shifts)}."
    mean = mean_of(shifts)
    said = (
        f"{start}: {abs(mean.mean):.0f} points {'later' if mean.mean >= 0 else 'earlier'} than "
        "the published deletion"
    )
    if mean.n > 1:
        said += f" [{show(round(mean.low))}, {show(round(mean.high))}; {mean.n} seeds]"
    else:
        said += " in one seed, which gives no interval"
    if trials.floor is not None:
        said += f", {_against(trials.floor, mean)}"
    return f"{said}."


def one_way(shifts: Sequence[Change]) -> tuple[str, float] | None:
    """The way that all shifts go, and the least of them: a bound tells that, too.

    None if they do not all go one way, or one that was cut off may go either.

    >>> one_way([Change(-90.0), Change(-400.0, "at most")])
    ('earlier', 90.0)
    >>> one_way([Change(-90.0), Change(-20.0, "at least")]), one_way([])
    (None, None)
    >>> one_way([Change(-90.0), Change(-20.0, "unknown")]), one_way([Change(90.0), Change(0.0)])
    (None, None)
    """
    for word, sign, bound in (("later", 1, "at least"), ("earlier", -1, "at most")):
        if shifts and all(s.bound in ("", bound) and sign * s.percent > 0 for s in shifts):
            return word, min(sign * s.percent for s in shifts)
    return None


def _cut_short(shifts: Sequence[Change]) -> str:
    """What is known where a budget cut some of the runs off: no mean of the others alone."""
    bounds = [shift.bound for shift in shifts]
    if len(shifts) > 1 and (found := one_way(shifts)):
        word, least = found
        cut = sum(map(bool, bounds))
        return (
            f"in each of {len(shifts)} seeds at least {least:.0f} points {word} than the published "
            f"deletion; a budget cuts {cut} of these comparisons off, so no mean is told"
        )
    words = {
        "": "both runs grok",
        "at least": "only the published deletion groks before its budget ends",
        "at most": "only this one groks before its budget ends",
        "unknown": "neither groks before its budget ends",
    }
    if len(bounds) == 1:
        return f"in the one seed {words[bounds[0]]}"
    counts = [(words[bound], bounds.count(bound)) for bound in words]
    said = ", ".join(f"in {n} {what}" for what, n in counts if n)
    return f"of {len(bounds)} seeds {said}, so no mean is told"


def _against(floor: float, mean: Interval) -> str:
    """A mean beside the largest difference of two executions, its interval with it."""
    low, high = (mean.low, mean.high) if mean.n > 1 else (mean.mean, mean.mean)
    if low > floor or high < -floor:
        return "beyond the same-seed noise"
    if -floor <= low and high <= floor:
        return "within the same-seed noise"
    return "and its interval reaches into the same-seed noise"
