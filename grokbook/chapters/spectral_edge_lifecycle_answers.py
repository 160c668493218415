"""Chapter 6, the spectral edge's lifecycle: what it answers beside the turn."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from grokbook.chapters.spectral_edge_lifecycle_counts import Removal, medians, removals
from grokbook.chapters.spectral_edge_lifecycle_tables import NAMES
from grokbook.chapters.wording import counted, share
from grokbook.claims.numbers import show
from grokbook.claims.readings.lifecycle import RULE
from grokbook.instruments.phases import ABLATIONS, MULTIPLES, nearest
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import LIFECYCLE
from grokbook.studies.study import Study
from grokbook.tasks.dyck import TASK
from grokbook.widgets.passages import READINGS, Passage
from grokbook.widgets.turns import AT, LATE, said

RISE = 0.05
"""A fall of R² below this is none worth a word."""


def _points(change: float) -> str:
    """What a change of the accuracy costs.

    >>> _points(-0.0895), _points(0.002)
    ('8.9 points', '−0.2 points')
    """
    return f"{show(round(-100 * change, 1) + 0.0)} points"


# --- is the edge critical?


def critical_in_short(passages: Sequence[Passage]) -> str:
    """The edge and as much of the norm elsewhere, at the grok step and later; empty if unknown."""
    found = removals(passages, AT)
    if not found:
        return ""
    taken = fmean(each.removed for each in found)
    text = (
        f"In {counted(len(found), 'run')}, taking the edge out at the grok step costs "
        f"{_both(found)}; the edge is {said(taken)} of the weights' norm"
    )
    if late := removals(passages, LATE):
        text += f". At {LATE:.2g} times the grok step it costs {_both(late)}"
    return f"{text}."


def _both(found: Sequence[Removal]) -> str:
    edge, size = fmean(each.edge for each in found), fmean(each.dearest for each in found)
    compared = "more" if edge < size else "no more"
    return (
        f"{_points(edge)} of accuracy, {compared} than as much of the norm taken elsewhere, "
        f"{_points(size)}"
    )


def critical_answer(passages: Sequence[Passage]) -> str:
    """Does the edge cost more than as much of the norm elsewhere, at multiples of the grok step?"""
    lines, outs, of, most, names = [], 0, 0, 0, set[str]()
    for multiple in MULTIPLES:
        found = removals(passages, multiple)
        if not found:
            continue
        outs, of = outs + sum(each.stands_out for each in found), of + len(found)
        most = max(most, len(found))
        names |= {NAMES[each.moved] for each in found if each.matched[each.moved] < each.edge}
        lines.append(
            f"at {multiple:.2g} times the grok step {_points(fmean(e.edge for e in found))} "
            f"against {_points(fmean(e.dearest for e in found))}"
        )
    if not lines:
        return _lacking("What the network loses without its edge", "edge-ablation")
    verdict = (
        "The edge costs more than as much of the norm taken elsewhere"
        if outs == of
        else "The edge costs more than as much of the norm taken elsewhere as often as not"
        if 2 * outs == of
        else "The edge costs no more than as much of the norm taken elsewhere"
        if not outs
        else "The edge mostly costs more than as much of the norm taken elsewhere"
        if 2 * outs > of
        else "The edge mostly costs no more than as much of the norm taken elsewhere"
    )
    moved = (
        f" Moves as far, which can go past the removal of a thing, cost more than the edge at some "
        f"of these steps: {'; '.join(sorted(names))}."
        if names
        else ""
    )
    return (
        f"{verdict}: more than both a random vector and all weights scaled to the same norm in "
        f"{share(outs, of)} readings of {counted(most, 'run')}. The edge against the dearer of "
        f"the two: {'; '.join(lines)}.{moved}"
    )


def curve_answer(runs: Sequence[Run]) -> str:
    """What lies between a touch and full removal, late in the runs that grok."""
    found = []
    for run in runs:
        if run.record.grok_step(TASK, RULE) is None:
            continue
        try:
            rows = [
                run.rows("edge-curves", name, part="v1", **about)
                for name, about in (
                    ("largest_divergence", {"variant": "published"}),
                    ("removal_divergence", {"variant": "whole"}),
                    ("along", {}),
                )
            ]
        except Missing:
            continue
        step = nearest(rows[0]["step"].to_numpy(), ABLATIONS[-1])
        values = (float(each.loc[each["step"] == step, "value"].iloc[0]) for each in rows)
        found.append((step, *values))
    if not found:
        return _lacking("The curve from a touch to full removal", "edge-curves")
    near, gone, along = np.mean(found, axis=0)[1:]
    steps = sorted({step for step, *_ in found})
    when = f"step {steps[0]:,}" + (f" to {steps[-1]:,}" if steps[1:] else "")
    of = f" ({counted(len(found), 'run')}{', means' * (len(found) > 1)})"
    return (
        f"At {when}{of}, moving along the first direction as little as the paper did "
        f"changes the answers by at most {show(near)} nats; all of it taken out, which is "
        f"{show(along / NEAR)} times the published range, by {show(gone)}."
        f"{PARADOX if gone > FAR * near else ''}"
    )


NEAR = 0.03
"""|ε| of the published curves, at most."""
FAR = 10
"""Times what a touch changes: a removal that changes more is another matter."""
PARADOX = " There is no paradox between the two: they are points of one curve."


# --- re-encoded, or rescaled?


def read_in_short(passages: Sequence[Passage]) -> str:
    """The linear probe from the grok step to long after it; empty if it was not measured."""
    found = medians(passages)
    keys = [("linear", reading) for reading in READINGS]
    if not all(key in found for key in keys):
        return ""
    (a, b, _), (c, d, _) = (found[key] for key in keys)
    middle = " (medians)" * (found[keys[0]][2] > 1)
    return (
        f"From the grok step to long after it a linear probe of depth goes from {a:.2f} to {b:.2f} "
        f"as published, and from {c:.2f} to {d:.2f} where the size of the states does not "
        f"count{middle}."
    )


def reading_answer(passages: Sequence[Passage]) -> str:
    """Is what the probes lose new code, or smaller numbers?"""
    found = medians(passages)
    raw, fair = (found.get(("linear", reading)) for reading in READINGS)
    if raw is None or fair is None:
        return _lacking("What probes read", "probes")
    fall, kept = raw[0] - raw[1], fair[0] - fair[1]
    if min(fall, kept) < -RISE:
        verdict = "The linear probe reads more long after the grok step than at it"
    elif fall < RISE <= kept:
        verdict = "The linear probe falls only where scale does not count"
    elif fall < RISE:
        verdict = "The linear probe falls by little in either reading, so nothing asks for a cause"
    elif kept < fall / 4:
        verdict = "What the probe loses is scale: the depth is where it was, in smaller numbers"
    elif kept > 0.75 * fall:
        verdict = "Standardised, the linear probe loses as much, so its loss is not one of scale"
    else:
        verdict = "A part of the loss is scale, and a part remains"
    said_of = (
        f"{verdict}. R² of the linear probe changes by {show(round(-fall, 3) + 0.0)} as published "
        f"and by {show(round(-kept, 3) + 0.0)} on standardised states and unseen strings"
    )
    hidden = found.get(("mlp", READINGS[1]))
    if hidden is not None:
        said_of += f"; one hidden layer reads {hidden[1]:.3f} long after, in that way"
    return said_of + f" ({'medians, ' * (raw[2] > 1)}n = {raw[2]})."


def _lacking(what: str, instrument: str) -> str:
    return f"*{what} is not measured on a run that groks yet: `{measuring(instrument)}`.*"


def measuring(instrument: str, study: Study = LIFECYCLE) -> str:
    """The command that measures a study's runs by an instrument."""
    return command("measure", study.name, "--instruments", instrument)
