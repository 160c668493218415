"""Chapter explorable: do tasks always finish in the same order?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import anywidget
import numpy as np
import traitlets as t

from .assets import css, module
from .lanes import THRESHOLDS, Lane
from .packing import pack_lanes
from .palette import TASKS, task_title

DEFAULT_THRESHOLD = "0.98x3"


def finishing_order(
    lane: Lane, threshold: str, control: bool = False
) -> tuple[tuple[str, ...], ...]:
    """Tasks grouped by finish, first first; tasks in one group tie, absent ones never finish."""
    finish: dict[int, list[str]] = {}
    for task, step in zip(lane.tasks, lane.crossing(threshold, control), strict=True):
        if step is not None:
            finish.setdefault(step, []).append(task)
    return tuple(tuple(finish[step]) for step in sorted(finish))


def order_sentence(lanes: Sequence[Lane], threshold: str, control: bool = False) -> str:
    """One sentence that answers the title from the data, e.g. "No: a × b is first in 4 of 6 …".

    Lanes with one task have no order and are left out; a run in which some task never crosses
    counts as unfinished, not as an order.
    """
    races = [lane for lane in lanes if len(lane.tasks) > 1]
    if not races:
        return "Every run here learns a single task, so there is no order to compare."
    orders = [finishing_order(lane, threshold, control) for lane in races]
    done = [
        order
        for lane, order in zip(races, orders, strict=True)
        if sum(map(len, order)) == len(lane.tasks)
    ]
    unfinished = len(races) - len(done)
    tail = ""
    if unfinished:
        tail = f"; in {unfinished} {_plural('run', unfinished)} some task never gets there"
    if not done:
        return f"Nothing to order: in none of the {len(races)} runs do all tasks get there."
    ties = sum(len(order[0]) > 1 for order in done)
    first = Counter(order[0][0] for order in done if len(order[0]) == 1)
    # Runs of other tasks have other orders; each set of tasks is compared with itself.
    seen: dict[frozenset, set] = {}
    for order in done:
        seen.setdefault(frozenset(task for group in order for task in group), set()).add(order)
    settled = all(len(orders) == 1 for orders in seen.values())
    if len(done) > 1 and settled and all(len(group) == 1 for order in done for group in order):
        names = "; ".join(
            ", then ".join(task_title(group[0]) for group in next(iter(orders)))
            for orders in sorted(seen.values(), key=lambda orders: len(next(iter(orders))))
        )
        start = "both" if len(done) == 2 else f"all {len(done)}"
        return f"In {start} finished runs, yes: {names}{tail}."
    ranking = sorted(first.items(), key=lambda item: (-item[1], list(TASKS).index(item[0])))
    wins = [f"{task_title(task)} is first in {count}" for task, count in ranking]
    if ties:
        wins.append(f"{ties} {'is a tie' if ties == 1 else 'are ties'}")
    lead = "One run only" if len(done) == 1 else "No"
    if len(done) > 1 and len(first) == 1 and not ties:
        lead = "Only the first place is settled"
    return f"{lead}: of {len(done)} finished {_plural('run', len(done))}, {_listing(wins)}{tail}."


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"


def _listing(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


class StaggeredOrder(anywidget.AnyWidget):
    """One slider over time, one switch for the control, a photo finish of every run.

    ``lanes`` are sorted by weight decay, number of tasks, seed; ``run`` counts in that order.
    ``frames``: (F,) shared steps, see `frame_axis`. ``run``, ``frame`` (index), ``threshold``
    (one of `THRESHOLDS`), ``control`` and ``tau`` follow the reader and can be set from Python.
    ValueError if there are no lanes or frames do not fit them.
    """

    _esm = module("finish", "staggered")
    _css = css("staggered")

    title = t.Unicode("Do tasks always finish in the same order?").tag(sync=True)
    name = t.Unicode("order").tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    lanes = t.List(t.Dict()).tag(sync=True)
    frames = t.List(t.Int()).tag(sync=True)
    run = t.Int(0).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    threshold = t.Enum(THRESHOLDS, DEFAULT_THRESHOLD).tag(sync=True)
    control = t.Bool(False).tag(sync=True)
    tau = t.Bool(False).tag(sync=True)
    #: Pixels a page keeps free until it is drawn: wide, narrow.
    heights = t.List(t.Int()).tag(sync=True)

    def __init__(self, lanes: Sequence[Lane], frames: np.ndarray, **kwargs: object) -> None:
        if not lanes:
            raise ValueError("StaggeredOrder needs at least one lane")
        ordered = sorted(
            lanes, key=lambda lane: (lane.weight_decay, len(lane.tasks), lane.seed, lane.label)
        )
        frames = np.asarray(frames)
        # Open where the picture is richest: the strongest decay, on its way to the end.
        run = int(kwargs.pop("run", len(ordered) - 1))
        opening = int(np.searchsorted(frames, ordered[run].last_step * 0.6))
        kwargs.setdefault("frame", min(opening, frames.size - 1))
        super().__init__(
            lanes=pack_lanes(ordered, frames),
            frames=[int(step) for step in frames],
            sentences={
                f"{threshold}{'+control' if control else ''}": order_sentence(
                    ordered, threshold, control
                )
                for threshold in THRESHOLDS
                for control in (False, True)
            },
            run=run,
            heights=[720 + 48 * len(ordered), 1010 + 105 * len(ordered)],
            **kwargs,
        )

    @t.validate("run")
    def _run_exists(self, proposal: dict) -> int:
        return _within(proposal["value"], len(self.lanes), "run")

    @t.validate("frame")
    def _frame_exists(self, proposal: dict) -> int:
        return _within(proposal["value"], len(self.frames), "frame")


def _within(value: int, count: int, name: str) -> int:
    if count and not 0 <= value < count:
        raise t.TraitError(f"{name} must be 0..{count - 1}, got {value}")
    return value
