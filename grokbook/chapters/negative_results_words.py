"""Negative results: what the page says, in sentences made from the runs at hand."""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.chapters.integrability_path_words import path_sentence
from grokbook.chapters.integrability_paths import shares
from grokbook.chapters.negative_results import (
    LARGE_Z,
    SPACINGS,
    Again,
    along_start,
    best_of_worst,
    captured,
    declines,
    outside_by_chance,
    smallest_large_z,
    thresholds,
)
from grokbook.chapters.negative_results_defects import Reading
from grokbook.chapters.wording import share, span
from grokbook.claims.numbers import show
from grokbook.config import RunConfig
from grokbook.instruments.runs import Run


def start_sentence(found: Sequence[Reading]) -> str:
    """How much of the published defect is rounding before anything was learned."""
    start = [each.defect for each in found if not each.trained]
    factor = span([d.published / d.corrected for d in start])
    part = span([100 * d.rounding / d.published for d in start], " %")
    return (
        f"In the untrained network the published arithmetic gives a defect {factor} times the true "
        f"one, and rounding alone has {part} of the published value."
    )


def floor_sentence(found: Sequence[Reading]) -> str:
    """What frozen gradients see of the rounding."""
    start, end = _ends(found)
    if not end:
        return "No weights of a trained network are recorded for these seeds."
    first = span([100 * d.floor / d.rounding for d in start], " %")
    last = span([100 * d.floor / d.rounding for d in end], " %")
    return (
        f"In the untrained network frozen gradients read {first} of the rounding that is there. In "
        f"the trained ones they read {last} of it."
    )


def bound_sentence(found: Sequence[Reading]) -> str:
    """How loose the rounding is as an error of the published defect."""
    end = _ends(found)[1]
    if not end:
        return ""
    size = span([100 * d.rounding / d.corrected for d in end], " %")
    off = span([100 * abs(d.published - d.corrected) / d.corrected for d in end], " %")
    return (
        f"In the trained networks the rounding is {size} of the true defect, but the published "
        f"defect differs from the true one by only {off}."
    )


def _ends(found: Sequence[Reading]) -> tuple[list, list]:
    return tuple([each.defect for each in found if each.trained is t] for t in (False, True))


def outside_sentence(config: RunConfig) -> str:
    """What ρ is by chance."""
    count, rho = outside_by_chance(config)
    return (
        f"{count} random directions leave ρ = {rho:.5f} of any vector at all, so a ρ that rounds "
        "to one is what there is to expect without any geometry."
    )


NOTHING = 1.0
"""Points of variance below which a difference from a random walk is none worth a word."""


def walk_sentence(runs: Sequence[Run]) -> str:
    """How many matrices hold more or less than either null, and what z makes of it."""
    found = shares(runs)  # as the second chapter counts, which reads the same runs
    said = (
        path_sentence(found, named=True)
        if len(runs) > 1 and found
        else "One seed gives no interval."
    )
    found = smallest_large_z(runs)
    if found is not None:
        points, z = found
        said += (
            f" The smallest difference of a single matrix with a z beyond {LARGE_Z:g}, the least "
            f"that the single-task paper reports, is one of {show(points)} points, with z = "
            f"{show(z)}{': z is large for nothing' if abs(points) < NOTHING else ''}."
        )
    return said


def decline_sentence(runs: Sequence[Run]) -> str:
    """How much of the decline is the spacing and the scale."""
    found = declines(runs)
    fine, wide = (found[spacing, "decline"] for spacing in SPACINGS)
    factor = span([a / b for a, b in zip(fine, wide, strict=True)])
    return (
        f"Measured every {SPACINGS[0]} the same runs decline {factor} times as much as every "
        f"{SPACINGS[1]}. Every {SPACINGS[1]}, as published, the gap falls by a factor of "
        f"{span(wide)}; as a share of all variance it falls by "
        f"{span(found[SPACINGS[1], 'decline_share'])}."
    )


def held_out_sentence(runs: Sequence[Run]) -> str:
    """Why the held-out path does not suffice."""
    held = span([captured(run, "held-out") for run in runs], " %")
    worst = span([best_of_worst(run, "held-out") for run in runs], " %")
    seen = span([best_of_worst(run, "last seen") for run in runs], " %")
    return (
        f"Without its last tenth the path holds {held} of the squared displacement, and yet the "
        f"task that does worse answers at most {worst} of the test pairs. The last network that "
        f"this path has seen, taken as it is, answers {seen} of them."
    )


def other_seed_sentence(runs: Sequence[Run]) -> str:
    """Why another seed's path does not."""
    held = max(captured(run, "other seed") for run in runs)
    along = span(along_start(runs), " %")
    return (
        f"Another seed's path holds at most {show(held)} % of the squared displacement. That says "
        f"little about the solution: {along} of it is along −θ(0), which decay takes away in "
        "every run and which no two seeds share."
    )


def noise_sentence(runs: Sequence[Run]) -> str:
    """What noise of the same size needs."""
    found = [thresholds(run) for run in runs]
    directions, noise = (
        [each[name] for each in found] for name in ("published", "published, noise by tensor")
    )
    if None in (*directions, *noise):
        return ""
    return (
        f"The run's own directions need k = {span(directions)}. Noise that is in every tensor as "
        f"large as what k directions leave out lets all tasks reach the same level from "
        f"k = {span(noise)} on."
    )


def again_sentence(found: Sequence[Again]) -> str:
    """How far executions of one config lie apart."""
    if not found:
        return "None of these runs was recorded twice."
    beyond = sum(each.apart > max(each.gaps) for each in found)
    return (
        f"Executions of one config grok {span([100 * each.share for each in found], ' %')} "
        f"apart, {span([float(each.apart) for each in found])} steps. In "
        f"{share(beyond, len(found))} cases that is more than the run's first and last task are "
        "apart in any."
    )


def hessian_sentence(theirs: float, ours: float) -> str:
    """How symmetric two ways to the Hessian are."""
    return (
        f"On a model of a few hundred parameters, in float64, the largest entry of H − Hᵀ is "
        f"{show(100 * theirs)} % of the largest of H by `torch.func.hessian`, and "
        f"{ours:.0e} of it by products."
    )
