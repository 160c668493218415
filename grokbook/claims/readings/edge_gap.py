"""Chapter 6: the gap g23 behind the edge, its ratio R, and the gap of the queries' own spectrum.

Windows have the published length in updates of 100 steps, without the shorter ones at the start.
"Up to" a step counts the window that ends there.
"""

from __future__ import annotations

import math

import numpy as np

from grokbook.claims.readings.edge_phases import (
    AS_IT_IS,
    ORTHOGONAL,
    SHARES,
    Chosen,
    Number,
    moment,
    near,
    number,
    plain,
    published,
    random_labels,
    series,
    value,
)
from grokbook.claims.readings.place import Place, Reader, Value, each
from grokbook.events import PUBLISHED_RULE
from grokbook.geometry.edge_decline import Decline, decline
from grokbook.geometry.edge_windows import window_name
from grokbook.instruments.runs import Missing, Run

OF_TABLE, OF_PAPER, OF_MODULAR = 3, 5, 10
"""Updates in a window: of Table 7 on brackets, of the paper itself, of Table 7 on mod p."""
RAW, SHARE = "g23", "g23_share"
ABOUT = 500
"""Steps about the grok step in which a spike would lie."""
TASKS = ("add", "mul")
QUERIES = ("0.W_Q", "1.W_Q")


def windows(
    run: Run, quantity: str, size: int, variant: str = AS_IT_IS
) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which full windows end, and a quantity of theirs.

    Raises:
        Missing: if there are none.
    """
    rows = run.rows("edge", quantity, part=window_name(size), variant=variant)
    rows = rows[rows["count"] == size]
    if rows.empty:
        raise Missing(f"edge has no full window of {size} updates of {run.name}")
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def fall(run: Run, until: float, size: int, quantity: str = RAW) -> Decline:
    """How a gap falls from its maximum up to a step to the last window up to it; 1 or more.

    Raises:
        Missing: if no window ends by then.
    """
    steps, gaps = windows(run, quantity, size)
    if steps[0] > until:
        raise Missing(f"edge has no full window of {size} updates of {run.name} by step {until:g}")
    return decline(steps, gaps, np.ones_like(gaps), until, inclusive=True)


def ratio_up_to(run: Run, until: float, size: int) -> np.ndarray:
    """R of all full windows up to a step.

    Raises:
        Missing: if there are none.
    """
    steps, ratios = windows(run, "ratio", size)
    if steps[0] > until:
        raise Missing(f"edge has no full window of {size} updates of {run.name} by step {until:g}")
    return ratios[steps <= until]


def first(run: Run, size: int, quantity: str = "k_star", variant: str = AS_IT_IS) -> np.ndarray:
    """(n,) bool: is the largest gap of each full window the first?"""
    return windows(run, quantity, size, variant)[1] == 1


# --- readers


def _decline(quantity: str) -> Reader:
    def read(at: Place) -> float:
        run = plain(at)
        return fall(run, moment(at, run), OF_TABLE, quantity).decline

    return read


def _log_decline(quantity: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["corpus"], at.decay)
        return math.log10(fall(run, moment(at, run), OF_TABLE, quantity).decline)

    return read


def _increases(decay: float) -> Reader:
    def read(at: Place) -> int:
        run = at.run(at["corpus"], decay)
        return fall(run, moment(at, run), OF_TABLE).increases

    return read


def _first(quantity: str = "k_star", variant: str = AS_IT_IS) -> Reader:
    """Of the orthogonal updates there are fewer windows, on an even grid."""

    def read(at: Place) -> float:
        found = first(at.run(at["corpus"], at.decay), OF_TABLE, quantity, variant)
        return float(found.mean())

    return read


def _ratio(size: int) -> Reader:
    def read(at: Place) -> float:
        run = plain(at)
        found = ratio_up_to(run, moment(at, run), size)
        return float(found.mean() if at["phase"] == "early" else found[-1])

    return read


def _spike(size: int) -> Reader:
    def read(at: Place) -> float:
        run = plain(at)
        step = moment(at, run)
        steps, ratios = windows(run, "ratio", size)
        return float(ratios[abs(steps - step) <= ABOUT].max() / ratio_up_to(run, step, size).mean())

    return read


def _gap(quantity: str) -> Number:
    return number("edge", quantity, part=window_name(OF_PAPER), variant=AS_IT_IS)


def _phases(quantity: str, decay: float = 1.0) -> Reader:
    return lambda at: near(at, at.run(at["corpus"], decay), at["phase"], _gap(quantity))


def _later(of: Chosen) -> Reader:
    """Largest σ1/σ2 of the queries after the grok step."""

    def read(at: Place) -> float:
        run = of(at)
        step, found = moment(at, run), []
        for part in QUERIES:
            steps, ratios = series(run, "weight-spectra", "ratio", part=part)
            found += ratios[steps > step].tolist()
        if not found:
            raise Missing(f"weight-spectra has nothing of {run.name} after step {step:g}")
        return max(found)

    return read


def _at_grok(at: Place) -> float:
    def largest(at: Place, run: Run, step: int) -> float:
        return max(value(run, "weight-spectra", "ratio", step, part=part) for part in QUERIES)

    return near(at, plain(at), "at", largest)


# --- modular arithmetic


def stop(at: Place, run: Run) -> float:
    """Where the rule of Table 7 puts the grok step of a task, or the pseudo-grok step."""
    return moment(at, run, PUBLISHED_RULE)


def _modular_decline(quantity: str, log: bool = False) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["task"], at.decay if log else 1.0)
        found = fall(run, stop(at, run), OF_MODULAR, quantity).decline
        return math.log10(found) if log else found

    return read


def _modular_ratio(*, equal: bool) -> Reader:
    """Mean R of ten updates; without decay the published ones are of 500 steps, five times ours."""

    def read(at: Place) -> dict[str, Value]:
        if not at.decay and not equal:
            raise Missing("windows of ten updates of 500 steps are not measured")

        def of(task: str) -> float:
            run = at.run(task, at.decay)
            return float(ratio_up_to(run, stop(at, run), OF_MODULAR).mean())

        return each(TASKS, of)

    return read


def _modular_first(variant: str) -> Reader:
    return lambda at: float(first(at.run(at["task"]), OF_MODULAR, variant=variant)[-1])


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-08", "decline"): _decline(RAW),
    ("SE-08", "decline", "share"): _decline(SHARE),
    ("SE-08", "log decline"): _log_decline(RAW),
    ("SE-08", "log decline", "share"): _log_decline(SHARE),
    ("SE-09", "increases"): _increases(1.0),
    ("SE-09", "increases", "pseudo-grok step"): _increases(0.0),
    ("SE-10", "first"): _first(),
    ("SE-10", "first", "unweighted"): _first("k_star_unweighted"),
    ("SE-10", "first", "orthogonal updates"): _first(variant=ORTHOGONAL),
    ("SE-11", "ratio"): _ratio(OF_TABLE),
    ("SE-11", "ratio", "window of five"): _ratio(OF_PAPER),
    ("SE-11", "spike"): _spike(OF_TABLE),
    ("SE-11", "spike", "window of five"): _spike(OF_PAPER),
    ("SE-45", "gap"): published(SHARES, _gap(RAW)),
    ("SE-45", "phases"): _phases(RAW),
    ("SE-45", "phases", "share"): _phases(SHARE),
    ("SE-45", "phases", "without decay"): _phases(RAW, 0.0),
    ("SE-46", "later"): _later(plain),
    ("SE-46", "later", "random labels"): _later(random_labels),
    ("SE-46", "at grok"): _at_grok,
    ("SE-49", "decline"): _modular_decline(RAW),
    ("SE-49", "decline", "share"): _modular_decline(SHARE),
    ("SE-49", "log decline"): _modular_decline(RAW, log=True),
    ("SE-49", "log decline", "share"): _modular_decline(SHARE, log=True),
    ("SE-49", "R"): _modular_ratio(equal=False),
    ("SE-49", "R", "equal spacing"): _modular_ratio(equal=True),
    ("SE-49", "first"): _modular_first(AS_IT_IS),
    ("SE-49", "first", "orthogonal updates"): _modular_first(ORTHOGONAL),
}
