"""Chapter 3, phase structure: what it says of a power law, of two, and of noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.chapters.phase_structure import (
    CRITICAL,
    against_chance,
    exponents,
    regimes,
    sweep,
)
from grokbook.claims.numbers import interval, listed
from grokbook.claims.registry import Claim
from grokbook.statistics import Interval, mean_interval
from grokbook.statistics.breaks import BESIDE, LEAST
from grokbook.widgets import Pace
from grokbook.widgets.clocks import by_decay


def power_law(
    paces: Sequence[Pace], claim: Claim, name: str = "dual", more: Sequence[Pace] = ()
) -> str:
    """The exponent over seeds, its two nulls and what it takes to say more.

    Args:
        paces: runs at the weight decays that the claim is about.
        claim: that the exponent is published in.
        name: of the setting.
        more: these and runs at further weight decays.
    """
    runs, published = sweep(paces, name), claim.published["values"]["exponent"]["all"]
    found, decays = exponents(runs), [*by_decay(paces, name)]
    if not found:
        return (
            f"No seed of {name} groks at two weight decays, so there is no exponent to set beside "
            f"the published {published:g}."
        )
    mean = mean_interval(found)
    chance = against_chance(runs)
    who = f"{mean.n} seeds grok" if mean.n > 1 else "One seed groks"
    said = (
        f"{who} at more than one weight decay. The exponent α in t ∝ λ⁻ᵅ, λ from "
        f"{decays[0]:g} to {decays[-1]:g}, is {interval(mean.mean, mean.low, mean.high)}; "
        f"a plain clock has 1, the paper {published:g}.{_held_by(mean, published)} "
        "With grok steps dealt at random to the weight "
        f"decays of each seed, a slope as steep comes up with p = {chance.p:.2g}"
    )
    least = f"{chance.p:.2g}" == f"{chance.least:.2g}"
    if least and not chance.exact:
        said += "; no other dealing that was tried is as steep."
    elif least:
        matters = "shows that" if chance.p < 0.05 else "cannot show whether"
        said += (
            f". That is as small as so few runs can give: it {matters} weight decay matters, and "
            "not by what law."
        )
    else:
        said += f"; so few runs could have given {chance.least:.2g} at the least."
    if weaker := _without_strongest(runs, name):
        said += f" {weaker}"
    if further := _with_more(more, name, decays):
        said += f" {further}"
    if len(decays) == 2:
        said += (
            " A line through two points fits them whatever they are: this is a slope, and no test "
            "of a power law."
        )
    return said


def _with_more(paces: Sequence[Pace], name: str, decays: Sequence[float]) -> str:
    """The exponent with further weight decays, which other studies have; empty without any."""
    further = [decay for decay in by_decay(paces, name) if decay not in decays]
    found = exponents(sweep(paces, name)) if further else {}
    if not found:
        return ""
    mean = mean_interval(found)
    which = listed([f"{decay:g}" for decay in further])
    return (
        f"With the runs at λ = {which} of another study α is "
        f"{interval(mean.mean, mean.low, mean.high)}."
    )


def _without_strongest(runs: Sequence[Pace], name: str) -> str:
    """The exponent without the strongest weight decay; empty where two are left or fewer."""
    strongest, *rest = by_decay(runs, name)
    if len(rest) < 2:
        return ""
    found = exponents([pace for pace in runs if pace.weight_decay != strongest])
    if not found:
        return ""
    mean = mean_interval(found)
    return (
        f"Without λ = {strongest:g} α is {interval(mean.mean, mean.low, mean.high)}; one weight "
        "decay was left out after the runs had been seen."
    )


def _held_by(mean: Interval, published: float) -> str:
    """Which of the two exponents an interval holds; empty without an interval."""
    if not (np.isfinite(mean.low) and np.isfinite(mean.high)):
        return ""
    paper, clock = (mean.low <= value <= mean.high for value in (published, 1.0))
    if paper and clock:
        return " The interval holds both, so these runs do not tell them apart."
    if not (paper or clock):
        return " The interval holds neither."
    one, other = ("paper's", "clock's") if paper else ("clock's", "paper's")
    return f" The interval holds the {one} and not the {other}."


def two_regimes(paces: Sequence[Pace]) -> str:
    """One power law or two that meet at the published critical weight decay."""
    found = regimes(sweep(paces, "dual"))
    if found is None:
        return (
            f"Whether one power law or two that meet at λ = {CRITICAL:g} predict a seed better "
            f"that they have not seen takes {LEAST} seeds, each with {BESIDE} weight decays above "
            f"{CRITICAL:g} and {BESIDE} below; they are not there yet."
        )
    gain = interval(found.gain.mean, found.gain.low, found.gain.high)
    better = "better" if found.two else "no better"
    return (
        f"Two power laws that meet at λ = {CRITICAL:g} predict the grok steps of an unseen seed "
        f"{better} than one: the mean squared error of ln t falls by {gain} (n = {found.n} seeds). "
        "The fits have most of their seeds in common, so the gains depend on one another and the "
        "interval is narrower than one of independent gains."
    )


def repeated(ratios: Sequence[float]) -> str:
    """How far apart two executions of one config are; empty without any."""
    if not ratios:
        return ""
    return (
        f"How much of it is noise? {len(ratios)} of these configurations "
        f"{'was' if len(ratios) == 1 else 'were'} trained more than "
        "once, by arithmetic that rounds differently, from the same weights and with the same "
        "batches. Their grok "
        f"steps differ by {100 * (float(np.exp(np.mean(np.log(ratios)))) - 1):.0f} % on average, "
        f"by {100 * (max(ratios) - 1):.0f} % at most. An effect of weight decay in a single seed "
        "has to be larger than that."
    )
