"""Chapter 6, the spectral edge's lifecycle: what it answers beside the turn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from grokbook.chapters.spectral_edge_lifecycle_counts import Removal, gap, means, removals, turning
from grokbook.chapters.spectral_edge_lifecycle_tables import NAMES, late_content, late_share
from grokbook.chapters.wording import counted, share
from grokbook.claims.numbers import show
from grokbook.claims.readings.lifecycle import RULE
from grokbook.instruments.phases import MULTIPLES
from grokbook.instruments.runs import Missing, Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import LIFECYCLE, MODULAR
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


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(list(values)))


# --- is the edge critical?


def critical_in_short(passages: Sequence[Passage]) -> str:
    """The edge and removals of its size at the grok step and long after it; empty if unknown."""
    found = removals(passages, AT)
    if not found:
        return ""
    taken = _mean(each.removed for each in found)
    text = (
        f"Taking the edge out at the grok step costs {_both(found)} "
        f"({counted(len(found), 'run')}); but the edge is {said(taken)} of the weights' norm"
    )
    if late := removals(passages, LATE):
        text += f". At {LATE:.2g} times the grok step it costs {_both(late)}"
    return f"{text}."


def _both(found: Sequence[Removal]) -> str:
    edge, worst = _mean(each.edge for each in found), _mean(_worst(each) for each in found)
    return f"{_points(edge)} of accuracy, as much taken elsewhere up to {_points(worst)}"


def _worst(each: Removal) -> float:
    return each.matched[each.worst]


def critical_answer(passages: Sequence[Passage]) -> str:
    """Does the edge cost more than removals of its size, at each multiple of the grok step?"""
    lines, outs, of = [], 0, 0
    for multiple in MULTIPLES:
        found = removals(passages, multiple)
        if not found:
            continue
        outs, of = outs + sum(each.stands_out for each in found), of + len(found)
        names = sorted({NAMES[each.worst] for each in found})
        lines.append(
            f"at {multiple:.2g} times the grok step {_points(_mean(e.edge for e in found))} "
            f"against {_points(_mean(_worst(e) for e in found))} ({'; '.join(names)})"
        )
    if not lines:
        return _lacking("What the network loses without its edge", "edge-ablation")
    verdict = (
        "The edge is critical beyond its size"
        if outs == of
        else "The edge costs what a removal of its size costs"
        if not outs
        else "Whether the edge costs more than a removal of its size depends on the moment"
    )
    return (
        f"{verdict}: it costs more than every one of them in {share(outs, of)} readings. The "
        f"edge against the costliest of its size: {'; '.join(lines)}."
    )


def curve_answer(runs: Sequence[Run]) -> str:
    """What lies between a touch and full removal, at the end of the runs that grok."""
    found = []
    for run in runs:
        if run.record.grok_step(TASK, RULE) is None:
            continue
        try:
            near = run.rows("edge-curves", "largest_divergence", part="v1", variant="published")
            own = run.rows("edge-curves", "own_divergence", part="v1", variant="whole")
            gone = run.rows("edge-curves", "removal_divergence", part="v1", variant="whole")
            along = run.rows("edge-curves", "along", part="v1")
        except Missing:
            continue
        found.append([float(rows["value"].iloc[-1]) for rows in (near, own, gone, along)])
    if not found:
        return _lacking("The curve from a touch to full removal", "edge-curves")
    near, own, gone, along = np.mean(found, axis=0)
    mean = " (means over runs)" * (len(found) > 1)
    return (
        f"At the end of training{mean}, moving along the first direction as little as the paper "
        f"did changes the answers by at most {show(near)} nats; as far as the window moved, by "
        f"{show(own)}; and all of it taken out, which is {show(along / NEAR)} times the published "
        f"range, by {show(gone)}. There is no paradox between the first and the last: they are two "
        "points of one curve."
    )


NEAR = 0.03
"""|ε| of the published curves, at most."""


# --- re-encoded, or rescaled?


def read_in_short(passages: Sequence[Passage]) -> str:
    """The linear probe from the grok step to long after it; empty if it was not measured."""
    found = means(passages)
    keys = [("linear", reading) for reading in READINGS]
    if not all(key in found for key in keys):
        return ""
    (a, b, _), (c, d, _) = (found[key] for key in keys)
    return (
        f"From the grok step to long after it a linear probe of depth goes from {a:.2f} to {b:.2f} "
        f"as published, and from {c:.2f} to {d:.2f} where the size of the states does not count."
    )


def reading_answer(passages: Sequence[Passage]) -> str:
    """Is what the probes lose new code, or smaller numbers?"""
    found = means(passages)
    raw, fair = (found.get(("linear", reading)) for reading in READINGS)
    if raw is None or fair is None:
        return _lacking("What probes read", "probes")
    fall, kept = raw[0] - raw[1], fair[0] - fair[1]
    if fall < RISE:
        verdict = "The linear probe falls by little in either reading, so nothing asks for a cause"
    elif kept < fall / 4:
        verdict = "What the probe loses is scale: the depth is where it was, in smaller numbers"
    elif kept > 0.75 * fall:
        verdict = "Standardised, the linear probe loses as much, so its loss is not one of scale"
    else:
        verdict = "A part of the loss is scale, and a part remains"
    said_of = (
        f"{verdict}. R² of the linear probe changes by {show(round(-fall, 3))} as published and by "
        f"{show(round(-kept, 3))} on standardised states and unseen prefixes"
    )
    hidden = found.get(("mlp", READINGS[1]))
    if hidden is not None:
        said_of += f"; one hidden layer reads {hidden[1]:.3f} long after, in that way"
    return said_of + f" (n = {raw[2]})."


# --- the gap, and the classes


def gap_answer(runs: Sequence[Run], passages: Sequence[Passage]) -> str:
    """Does the gap close more where a run groks?"""
    units = {one.run_id: one for one in passages}
    grok, never = [], []
    for run in runs:
        one = units.get(run.config.id)
        found = None if one is None else gap(run, one.unit)
        if found is not None:
            (grok if one.grok is not None else never).append(found)
    if not grok:
        return "No run here groks, so there is no decline of the gap to compare."
    ours, share_of = (_geometric([each[i] for each in grok]) for i in (0, 1))
    text = (
        f"By the published statistic the gap {_fold(ours)} up to the grok step (n = {len(grok)}), "
        f"and as a share of all movement it {_fold(share_of)}"
    )
    if not never:
        return f"{text}; no run that never groks is here to compare."
    theirs, their_share = (_geometric([each[i] for each in never]) for i in (0, 1))
    worth = (
        "so that its fall marks no grokking"
        if theirs >= ours
        else "so that it falls further where a run groks"
    )
    return (
        f"{text}. In runs that never grok, read at the same step, it {_fold(theirs)} "
        f"(n = {len(never)}), {worth}; as a share it {_fold(their_share)}."
    )


def _fold(ratio: float) -> str:
    """What a ratio of early over late says.

    >>> _fold(5.7), _fold(0.5)
    ('falls 5.7-fold', 'rises 2-fold')
    """
    return f"falls {show(ratio)}-fold" if ratio >= 1 else f"rises {show(1 / ratio)}-fold"


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def classes_answer(brackets: Sequence[Run], modular: Sequence[Run]) -> str:
    """What of the three classes can be said by one protocol, and what is missing, in one line."""
    groups = {"brackets": _turns_and_shares(brackets), "modular arithmetic": []}
    groups["modular arithmetic"] = _turns_and_shares(modular)
    there = {name: each for name, each in groups.items() if each}
    told = [
        f"in {name} the gradient makes {said(share_of)} of the movement late and the first "
        f"direction turns by {turned:.0f}° (n = {len(each)})"
        for name, each in there.items()
        for share_of, turned in [np.mean(each, axis=0).tolist()]
    ]
    alone = " One class alone says nothing of what sets classes apart." * (len(there) == 1)
    first = f"By this protocol {'; '.join(told)}.{alone} " if told else ""
    parts = []
    if not groups["modular arithmetic"]:
        parts.append(
            "modular arithmetic, the functional class: "
            f"`{command('study', MODULAR.name)}` and `{_measure('edge', MODULAR)}`"
        )
    if not any(_has_content(run) for run in (*brackets, *modular)):
        parts.append(f"what the edge does to the states: `{_measure('edge-functional')}`")
    parts.append("SCAN, the compressing class, which is not trained in this book yet")
    return f"{first}*Not here yet: {'; '.join(parts)}.*"


def _turns_and_shares(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Late share of the gradient and mean rotation of v_1, of runs with weight decay."""
    found = []
    for run in runs:
        with suppress(Missing):
            if run.config.weight_decay > 0:
                found.append((late_share(run), turning(run)))
    return found


def _has_content(run: Run) -> bool:
    try:
        late_content(run)
    except Missing:
        return False
    return True


def _lacking(what: str, instrument: str) -> str:
    return f"*{what} is not measured on a run that groks yet: `{_measure(instrument)}`.*"


def _measure(instrument: str, study: Study = LIFECYCLE) -> str:
    return command("measure", study.name, "--instruments", instrument)
