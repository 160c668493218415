"""What the runs say of the clock, in sentences made from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from grokbook.claims.numbers import listed
from grokbook.widgets.clocks import Clock, by_decay, clock, dealt, kept, turned
from grokbook.widgets.paces import Pace

CLOSE = 1.2
"""Latest over earliest: so far apart two runs of one seed, carried out anew, were published."""
SURE = 0.05
"""p below which weight decays lie further apart than chance would have it."""
WIDE = 3.0
"""A band this many times as high as low forbids little: from one decay to its third it covers."""


def answer(paces: Sequence[Pace]) -> str:
    """What the runs say to the title, in a clause without a number; empty if they say nothing."""
    setting = _setting(paces)
    found = clock(paces, setting)
    if found is None or len(by_decay(paces, setting)) == 1:
        return ""
    verdicts = kept(paces, found)
    if not found.known or not verdicts:
        return "There are too few runs to tell a phase from a clock"
    if set(verdicts) != {"in"}:
        chance = dealt(paces, setting)
        if chance and chance.least < SURE <= chance.p:
            return "Some runs miss the clock, and no more of them than chance may make"
        return "Weight decay does not only set the clock"
    if any(set(again) - {"in"} for _, again in turned(paces, found)):
        return "Whether a plain clock holds depends on the weight decay that sets it"
    if found.high / found.low > WIDE:
        return "A plain clock is not ruled out, and hardly put to the test"
    return "Weight decay does what a plain clock would"


def together(paces: Sequence[Pace]) -> str:
    """Over which weight decays one τ does for all runs, as a sentence; empty if over none.

    The longest stretch of neighbouring weight decays, each with two runs or more that grok, whose
    runs lie within `CLOSE` of each other in τ; and what the settings without one do.
    """
    found: list[tuple[str, list[float], list[Pace]]] = []
    several_of = {}
    for setting in dict.fromkeys(pace.setting for pace in paces):
        runs = [item for item in by_decay(paces, setting).items() if len(item[1]) > 1]
        several_of[setting] = runs
        for first in range(len(runs)):
            for last in range(first + 2, len(runs) + 1):
                group = [pace for _, several in runs[first:last] for pace in several]
                taus = [pace.tau(pace.grok) for pace in group]
                if max(taus) <= CLOSE * min(taus):
                    found.append((setting, [decay for decay, _ in runs[first:last]], group))
    if not found:
        return ""
    setting, decays, group = max(found, key=lambda item: (len(item[1]), len(item[2])))
    taus, steps = [pace.tau(pace.grok) for pace in group], [pace.grok for pace in group]
    said = (
        f"From λ = {decays[0]:g} to {decays[-1]:g} all {len(group)} runs of {setting} grok between "
        f"τ = {min(taus):.1f} and {max(taus):.1f}, {100 * (max(taus) / min(taus) - 1):.0f} % "
        f"apart, and their steps are {max(steps) / min(steps):.2g}-fold apart. This stretch was "
        "looked for afterwards: it is the longest whose runs lie within a factor of "
        f"{CLOSE:g}, as far apart as two executions of one seed were published."
    )
    settled = {name for name, *_ in found}
    for name, runs in several_of.items():
        if name not in settled and len(runs) > 1:
            at = [pace.tau(pace.grok) for _, several in runs for pace in several]
            said += (
                f" The runs of {name} grok between τ = {min(at):.1f} and {max(at):.1f} and have no "
                "such stretch."
            )
    return said


def _setting(paces: Sequence[Pace]) -> str:
    """The one with most weight decays that grok; of several alike the first."""
    settings = list(dict.fromkeys(pace.setting for pace in paces))
    return max(settings, key=lambda name: len(by_decay(paces, name)))


def clock_sentence(paces: Sequence[Pace], control: bool = False) -> str:
    """One sentence that answers the title from the data.

    Args:
        paces: runs.
        control: speak of τ and the clock's band in place of steps.
    """
    setting = _setting(paces)
    runs, found = by_decay(paces, setting), clock(paces, setting)
    if found is None:
        return "No run with weight decay groks here, so there is no time to compare."
    if len(runs) == 1:
        return (
            f"The runs of {setting} that grok have one weight decay, λ = {found.weight_decay:g} "
            f"(n = {found.n}), so nothing can be compared yet."
        )
    return _of_tau(paces, runs, found) if control else _of_steps(paces, runs, setting)


def _of_steps(paces: Sequence[Pace], runs: dict[float, list[Pace]], setting: str) -> str:
    (strong, first), *_, (weak, last) = runs.items()
    steps = [math.exp(np.mean([math.log(p.grok) for p in group])) for group in (first, last)]
    still = [p for p in paces if p.setting == setting and p.weight_decay == 0]
    return (
        f"From λ = {strong:g} (n = {len(first)}) to λ = {weak:g} (n = {len(last)}) the step at "
        f"which {setting} groks grows {steps[1] / steps[0]:.2g}-fold (geometric means); a clock "
        f"would make it {strong / weak:.2g}-fold{never(still)}."
    )


def never(still: Sequence[Pace]) -> str:
    """What the runs without weight decay do, as the end of a sentence; empty without any.

    >>> never([])
    ''
    """
    if not still:
        return ""
    ends = sorted(pace.last_step for pace in still if pace.first_grok is None)
    if not ends:
        who = "the run" if len(still) == 1 else f"all {len(still)} runs"
        return f"; {who} without weight decay grok{'s' * (len(still) == 1)} all the same"
    far = f"{ends[0]:,}" + f" to {ends[-1]:,}" * (ends[-1] > ends[0]) + " steps"
    if len(still) == 1:
        return f"; the run without weight decay had not grokked when it was cut off at {far}"
    return (
        f"; of {len(still)} runs without weight decay, {len(ends)} had not grokked when cut off "
        f"at {far}"
    )


def _of_tau(paces: Sequence[Pace], runs: dict[float, list[Pace]], found: Clock) -> str:
    taus = {
        decay: math.exp(np.mean([math.log(p.tau(p.grok)) for p in group]))
        for decay, group in runs.items()
    }
    told = [f"{tau:.2g} at λ = {decay:g} (n = {len(runs[decay])})" for decay, tau in taus.items()]
    said = f"Counted in τ = ηλt, {found.setting} groks at {listed(told)}"
    others = kept(paces, found)
    if not found.known:
        return f"{said}; one run a weight decay gives a clock no band to miss."
    wide = found.high / found.low
    band = (
        f"A clock set at λ = {found.weight_decay:g} predicts when the other runs grok, in a band "
        f"whose upper end is {wide:.2g} times its lower one"
    ) + ", which forbids little" * (wide > WIDE)
    if not others:
        return f"{said}. {band}; there is no other run to test it."
    again = turned(paces, found)
    bands = [one.high / one.low for d, _ in again if (one := clock(paces, found.setting, d))]
    inside = others.count("in")
    held = (
        f"the one other run falls {'inside' if inside else 'outside'}"
        if len(others) == 1
        else f"{inside} of {len(others)} fall inside"
    )
    missed = [f"{others.count(side)} too {side}" for side in ("early", "late") if side in others]
    missing = f" ({', '.join(missed)})" if missed else ""
    every = [(wide, others), *zip(bands, (verdicts for _, verdicts in again), strict=True)]
    more = f"{_other_way(again, bands)}{_put_to_the_test(every)}{_chance(paces, found)}"
    return f"{said}. {band}; {held}{missing}.{more}"


def _chance(paces: Sequence[Pace], found: Clock) -> str:
    """The test of all clocks at once; empty where so few runs could not tell."""
    test = dealt(paces, found.setting)
    if test is None or test.least >= SURE:
        return ""
    least = f"{test.p:.2g}" == f"{test.least:.2g}" and not test.exact
    return (
        " With τ at grok dealt at random to the weight decays of each seed, these lie as far apart "
        f"with p = {test.p:.2g}{', and in no dealing that was tried' * least}; "
        "the test was added when the runs had been seen."
    )


def _put_to_the_test(clocks: Sequence[tuple[float, Sequence[str]]]) -> str:
    """How many of the clocks that forbid something some run does not keep; empty for one clock.

    Args:
        clocks: of each the upper end of its band over the lower one, and its verdicts.

    >>> _put_to_the_test([(1.5, ["in", "late"]), (10.0, ["in"]), (1.2, ["in"])])
    ' Of the 2 clocks whose upper end is at most 3 times the lower one, 1 has a run outside.'
    """
    telling = [verdicts for wide, verdicts in clocks if wide <= WIDE]
    if len(clocks) < 2 or not telling:
        return ""
    missed = sum(set(verdicts) != {"in"} for verdicts in telling)
    narrow = f"whose upper end is at most {WIDE:g} times the lower one"
    if len(telling) == 1:
        return f" The one clock {narrow} has {'a' if missed else 'no'} run outside."
    have = "has" if missed <= 1 else "have"
    return f" Of the {len(telling)} clocks {narrow}, {missed or 'none'} {have} a run outside."


def _other_way(found: Sequence[tuple[float, list[str]]], bands: Sequence[float]) -> str:
    """How many other runs fall inside the band of a clock that another weight decay sets.

    Args:
        found: λ and what its clock says of the others.
        bands: of each, its upper end over its lower one.

    >>> _other_way([(0.5, ["in", "late"])], [1.5])
    ' Set at λ = 0.5 instead, the upper end is 1.5 times the lower one, and 1 of 2 does.'
    """
    if not found:
        return ""
    which = "either" if len(found) == 2 else "any one"
    one = len(found) == 1
    where = f"λ = {found[0][0]:g}" if one else f"{which} of the {len(found)} other weight decays"
    counts = sorted((again.count("in"), len(again)) for _, again in found)
    (low, least), (high, most) = counts[0], counts[-1]
    some = f"{low} of {least} do{'es' * (low == 1)}"
    if counts[0] != counts[-1]:
        whole = "" if least == most else f" of {least}"
        some = f"between {low}{whole} and {high} of {most} do"
    ends = [f"{min(bands):.2g}", f"{max(bands):.2g}"]
    times = " to ".join(dict.fromkeys(ends))
    return f" Set at {where} instead, the upper end is {times} times the lower one, and {some}."
