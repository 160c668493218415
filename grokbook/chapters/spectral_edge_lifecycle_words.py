"""Chapter 6, the spectral edge's lifecycle: what it says, in sentences made from the runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokbook.chapters.spectral_edge_lifecycle import Others, gather, members
from grokbook.chapters.spectral_edge_lifecycle_answers import critical_in_short, read_in_short
from grokbook.chapters.spectral_edge_lifecycle_windows import window_answer
from grokbook.chapters.wording import bullets, counted, share
from grokbook.instruments.runs import Run
from grokbook.studies.command import command
from grokbook.studies.lifecycle import CONTROLS
from grokbook.widgets.passages import Passage
from grokbook.widgets.turns import Turn, grokking, surviving, turn_sentence


def finding(passages: Sequence[Passage], runs: Sequence[Run] = ()) -> str:
    """The chapter's finding in plain words, from the runs at hand.

    The picture below it says when the first direction turns; what sets that step comes first here.
    """
    parts = [window_answer(runs, passages) or turn_sentence(passages)]
    if grokking(passages):
        parts += [turn_sentence(passages, control=True), unseen(passages)]
        parts += [critical_in_short(passages), read_in_short(passages)]
    return bullets(parts)


def unseen(passages: Sequence[Passage]) -> str:
    """How much later the runs grok by prefixes that were not trained on; empty if none does."""
    runs = grokking(passages)
    steps = sorted(run.grok_unseen for run in runs if run.grok_unseen is not None)
    if not steps:
        return ""
    some = f"{share(len(steps), len(runs))} runs answer" if len(runs) > 1 else "the run answers"
    when = f"step {steps[0]:,}" + (f" to {steps[-1]:,}" if steps[-1] != steps[0] else "")
    return (
        "The grok step counts all beginnings of the test strings, and many of them were trained "
        f"on. On those that were not {some} as well only from {when} on."
    )


# --- is the turn about grokking?


def turn_answer(passages: Sequence[Passage]) -> str:
    """What the turn follows from: the start, the lengths of gradients, controls."""
    runs = grokking(passages)
    if not runs:
        return "No run here groks, so no turn can be set beside a grok step."
    turns = [Turn.of(run) for run in runs]
    middle = " (median)" * (len(runs) > 1)
    start = float(np.nanmedian([turn.start for turn in turns]))
    parts = [
        f"At the grok step the first direction has |cos| = {start:.2f} with the initial "
        f"weights{middle}, and weight decay moves the weights along these wherever the "
        "gradient does not take them elsewhere."
    ]
    inside = [turn.inside for turn in turns if turn.inside is not None]
    if inside:
        parts.append(
            "Gradients of the same length in random directions learn nothing, and the share at "
            f"the grok step lies within the middle 95 % of what they give in "
            f"{share(sum(inside), len(inside))}."
        )
    turned, left = surviving(runs)
    if turned:
        parts.append(_left(left, turned))
    return " ".join([*parts, *_of_controls(passages)])


def _left(left: int, turned: int) -> str:
    """What remains of the turns, and what that says."""
    without = "once the path of pure decay is taken away"
    if not left:
        which = "the turn" if turned == 1 else f"the {turned} turns"
        return f"Nothing is left of {which} {without}: what turned to decay was the start."
    which = "The turn is" if turned == 1 else f"Of {turned} turns {left} {_are(left)}"
    return f"{which} still there {without}: decay moves more there than the start."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _of_controls(passages: Sequence[Passage]) -> list[str]:
    """One sentence a control that is there; one for all that are not."""
    found = []
    for name, group in gather([p for p in passages if not p.plain]).items():
        turns = [Turn.of(run) for run in group]
        count = sum(turn.turned for turn in turns)
        first = [turn.first for turn in turns if turn.first]
        when = f", at {_steps(first)}" if first else ""
        found.append(f"With {name}, {share(count, len(group))} turn{when}.")
    return found


def _steps(steps: Sequence[int]) -> str:
    low, high = min(steps), max(steps)
    return f"step {low:,}" if low == high else f"steps {low:,} to {high:,}"


def missing_controls(others: Others) -> str:
    """Which controls of the turn are not there, and the commands; empty if all are."""
    there = others.control_ids
    lacking = [study for study in CONTROLS if not any(c.id in there for c in members(study))]
    if not lacking:
        return ""
    commands = ", ".join(f"`{command('study', study.name)}`" for study in lacking)
    one = len(lacking) == 1
    return (
        f"*{counted(len(lacking), 'control')} of this question {'is' if one else 'are'} not here "
        f"yet: {commands}, then `grokbook measure` with the same name.*"
    )


def notes(others: Others) -> dict[str, str]:
    """What the explorable says in the place of what is not there."""
    said_of = {"measured": "This was not measured on this run yet."}
    there = any(getattr(run.config, "labels", "") == "random" for run in others.controls)
    if there:
        return said_of | {"random": "not for this run"}
    return said_of | {"random": f"no such run yet: {command('study', CONTROLS[0].name)}"}


def scope(runs: Sequence[Run], others: Others) -> str:
    """Which runs the page is about."""
    labels = ", ".join(sorted({run.config.label for run in runs}))
    more = len(others.seeds) + len(others.controls) + len(others.modular)
    also = f", and {counted(more, 'further run')} of the same studies" if more else ""
    return (
        f"**Scope.** This page shows {labels}{also}. The verdicts count every recorded run. SCAN, "
        "the paper's other corpus, is not trained here yet."
    )
