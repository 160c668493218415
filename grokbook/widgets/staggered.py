"""Chapter explorable: do tasks always finish in the same order?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import traitlets as t

from grokbook.claims.numbers import listed
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.tasks.operations import OPERATIONS
from grokbook.widgets.assets import css, module
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.lanes import Lane
from grokbook.widgets.packing import pack_lanes


def finishing_order(lane: Lane, rule: str, control: bool = False) -> tuple[tuple[str, ...], ...]:
    """Tasks grouped by finish, first first; tasks in one group tie, absent ones never finish."""
    finish: dict[int, list[str]] = {}
    for task, step in zip(lane.tasks, lane.crossing(rule, control), strict=True):
        if step is not None:
            finish.setdefault(step, []).append(task)
    return tuple(tuple(finish[step]) for step in sorted(finish))


def order_sentence(lanes: Sequence[Lane], rule: str, control: bool = False) -> str:
    """One sentence that answers the title from the data, e.g. "No: a × b is first in 4 of 6 …".

    Lanes with one task have no order and are left out.  A task that never gets there comes after
    all that do, as in `grokbook.studies.finishing_order.count_orders`; a run in which none does has
    no order.
    """
    races = [lane for lane in lanes if len(lane.tasks) > 1]
    if not races:
        return "Every run here learns a single task, so there is no order to compare."
    done, unfinished = [], []
    for lane in races:
        order = finishing_order(lane, rule, control)
        absent = tuple(task for task in lane.tasks if not any(task in group for group in order))
        if order:
            done.append((*order, absent) if absent else order)
            unfinished += [absent] if absent else []
    none = len(races) - len(done)
    if not done:
        return f"Nothing to order: in none of the {len(races)} runs does any task get there."
    tail = f"; in {none} {_plural('run', none)} no task gets there" if none else ""
    last = [absent for absent in unfinished if len(absent) == 1]
    several = [absent for absent in unfinished if len(absent) > 1]
    tail = (
        _unfinished(last, "that comes last")
        + _unfinished(several, "the last places are open")
        + tail
    )
    ties = sum(len(order[0]) > 1 for order in done)
    first = Counter(order[0][0] for order in done if len(order[0]) == 1)
    # Runs of other tasks have other orders; each set of tasks is compared with itself.
    seen: dict[frozenset, set] = {}
    for order in done:
        seen.setdefault(frozenset(task for group in order for task in group), set()).add(order)
    settled = all(len(orders) == 1 for orders in seen.values()) and not several
    count = {1: "the one run that groks", 2: "both runs that grok"}.get(
        len(done), f"all {len(done)} runs that grok"
    )
    if len(done) > 1 and settled and all(len(group) == 1 for order in done for group in order):
        names = "; and ".join(
            ", then ".join(OPERATIONS[group[0]].formula for group in next(iter(orders)))
            for orders in sorted(seen.values(), key=lambda orders: len(next(iter(orders))))
        )
        return f"Yes, in {count} here: {names}{tail}."
    if len(first) == 1 and not ties:
        return f"{OPERATIONS[next(iter(first))].formula} is first in {count}{tail}."
    ranking = sorted(first.items(), key=lambda item: (-item[1], list(OPERATIONS).index(item[0])))
    wins = [f"{OPERATIONS[task].formula} is first in {wins}" for task, wins in ranking]
    if ties:
        wins.append(f"{ties} {'is a tie' if ties == 1 else 'are ties'}")
    lead = "No" if len(first) > 1 else "Not quite"
    return f"{lead}: of {len(done)} runs that grok, {listed(wins)}{tail}."


def _unfinished(runs: Sequence[tuple[str, ...]], so: str) -> str:
    """What follows for tasks that had not finished when their runs ended; empty without runs."""
    if not runs:
        return ""
    there = set().union(*runs)
    names = listed([OPERATIONS[task].formula for task in OPERATIONS if task in there])
    count = len(runs)
    return (
        f"; in {count} {_plural('run', count)} {names} had not finished when the run ended, so {so}"
    )


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"


class StaggeredOrder(Explorable):
    """One slider over time, one switch for the control, a photo finish of every run.

    Args:
        lanes: shown sorted by weight decay, number of tasks, seed.
        frames: (F,) shared steps, see `frame_axis`.
        kwargs: traits.

    Attributes:
        control: count only twinless pairs.
        threshold: the rule that says when a task has finished, a key of `grokbook.events.RULES`;
            this and the one below follow the reader.
        tau: count time as τ = ηλ·step.
        rules: the rules to choose from, as (key, text, accuracy).
        sentences: the answer to the title by rule, with ``+control`` for the control.

    Raises:
        ValueError: if there are no lanes, or frames do not fit them.
    """

    _esm = module("parts", "finish", "stage", "staggered")
    _css = css("parts", "staggered")

    title = t.Unicode("Do tasks always finish in the same order?").tag(sync=True)
    name = t.Unicode("order").tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    lanes = t.List(t.Dict()).tag(sync=True)
    rules = t.List([[key, rule.text, rule.accuracy] for key, rule in RULES.items()]).tag(sync=True)
    threshold = t.Enum(tuple(RULES), PUBLISHED_RULE).tag(sync=True)
    tau = t.Bool(False).tag(sync=True)

    def __init__(self, lanes: Sequence[Lane], frames: np.ndarray, **kwargs: object) -> None:
        if not lanes:
            raise ValueError("StaggeredOrder needs at least one lane")
        ordered = sorted(
            lanes, key=lambda lane: (lane.weight_decay, len(lane.tasks), lane.seed, lane.label)
        )
        frames = np.asarray(frames)
        # Open where the picture is richest: the strongest decay, on its way to the end.
        run = within(int(kwargs.pop("run", len(ordered) - 1)), len(ordered), "run")
        opening = int(np.searchsorted(frames, ordered[run].last_step * 0.6))
        kwargs.setdefault("frame", min(opening, frames.size - 1))
        super().__init__(
            lanes=pack_lanes(ordered, frames),
            frames=[int(step) for step in frames],
            sentences={
                f"{rule}{'+control' if control else ''}": order_sentence(ordered, rule, control)
                for rule in RULES
                for control in (False, True)
            },
            run=run,
            heights=[720 + 48 * len(ordered), 1010 + 105 * len(ordered)],
            **kwargs,
        )

    def _rows(self) -> int:
        return len(self.lanes)
