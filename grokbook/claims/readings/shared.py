"""What several chapters use: weight spectra and the spectral edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokbook.claims.readings.place import SINGLE, Place, Reader, Value, each
from grokbook.claims.readings.staggered_order import SYMMETRIC, all_at
from grokbook.instruments.runs import Missing, Run

RAW, NORMALISED = ("commutator", "published"), ("commutator_share", "corrected")
"""‖W_Q W_K − W_K W_Q‖ of a layer, and over ‖W_Q‖ ‖W_K‖."""


# --- matrix commutators


def course(run: Run, kind: tuple[str, str], layer: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Steps up to the published stop, and C of a layer."""
    rows = run.rows("weight-spectra", kind[0], part=str(layer), variant=kind[1])
    rows = rows[rows["step"] <= run.stop]
    return rows["step"].to_numpy(), rows["value"].to_numpy(float)


def peak(run: Run, kind: tuple[str, str] = RAW, layer: int = 0) -> tuple[int, float]:
    """Step and value of the largest C after the third snapshot.

    Raises:
        Missing: if there is no such snapshot.
    """
    steps, values = course(run, kind, layer)
    if len(steps) < 4:
        raise Missing(f"{run.name} has no snapshot after the third")
    top = 3 + int(np.argmax(values[3:]))
    return int(steps[top]), float(values[top])


def _collapsed(kind: tuple[str, str]) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"], at.decay)
        steps, values = course(run, kind)
        if len(steps) < 4:
            raise Missing(f"{run.name} has no snapshot after the third")
        top = int(np.argmax(values))
        after = values[top:-1]  # before the last task groks, or before the end
        return float(top > 2 and bool((after < (values[top] + values[-1]) / 2).any()))

    return read


def _order(at: Place, peak_of: Run) -> Value:
    run = at.run(at["setting"])
    return peak(peak_of)[0] if at["item"] == "peak" else run.grok(at["item"])


def _end_over_peak(kind: tuple[str, str]) -> Reader:
    def read(at: Place) -> float:
        return float(course(at.run("dual", 0.0), kind)[1][-1] / peak(at.run("dual"), kind)[1])

    return read


def _layers(kind: tuple[str, str]) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"])
        return peak(run, kind, 0)[1] / peak(run, kind, 1)[1]

    return read


def _gaps(quantity: str) -> Reader:
    def read(at: Place) -> float:
        run = at.run(at["setting"])
        second, first = (
            run.number("weight-spectra", quantity, part=f"{layer}.W_Q") for layer in (1, 0)
        )
        return second / first

    return read


# --- the spectral edge


def _spaced(at: Place, setting: str, read: Callable[[Run], Value]) -> Value | dict[str, Value]:
    """At λ = 1; ``single`` stands for the four tasks trained alone."""
    if setting != "single":
        return read(at.run(setting))
    return each(SINGLE, lambda task: read(at.run(task)))


def published_edge(run: Run, quantity: str) -> float:
    """At the published spacing, which differs between runs."""
    return run.number("spectral-edge", quantity, part=None, variant="published")


def edge(run: Run, quantity: str, spacing: int) -> float:
    """At a spacing of updates, uncentred."""
    part = f"{spacing} steps"
    return run.number("spectral-edge", quantity, part=part, variant="uncentred")


def _pseudo_decline(at: Place) -> Value | dict[str, Value]:
    """Of the run without decay, as if it grokked when the decayed ones do on average."""

    def read(setting: str) -> Value:
        steps = [all_at(run, "0.95") for run in at.every(setting)]
        known = [step for step in steps if step is not None]
        if not known:
            raise Missing(f"no {setting} run at λ = 1")
        run = at.run(setting, 0.0)
        rows = run.rows(
            "spectral-edge",
            "running_decline",
            part="100 steps" if setting in SINGLE else "200 steps",
            variant="uncentred",
        )
        before = rows[rows["step"] <= np.mean(known)]
        if before.empty:
            raise Missing(f"{run.name} has no window before the pseudo-grok step")
        return float(before["value"].iloc[-1])

    if at["setting"] != "single":
        return read(at["setting"])
    return each(SINGLE, read)


READINGS: dict[tuple[str, ...], Reader] = {
    ("MT-57", "collapsed"): _collapsed(RAW),
    ("MT-57", "collapsed", "normalised"): _collapsed(NORMALISED),
    ("MT-58", "step"): lambda at: _order(at, at.run(at["setting"])),
    ("MT-58", "step", "shuffled"): lambda at: _order(at, at.next(at["setting"])),
    ("MT-59", "ratio"): _end_over_peak(RAW),
    ("MT-59", "ratio", "normalised"): _end_over_peak(NORMALISED),
    ("MT-60", "ratio"): _layers(RAW),
    ("MT-60", "ratio", "normalised"): _layers(NORMALISED),
    ("MT-61", "ratio"): _gaps("g12"),
    ("MT-61", "ratio", "normalised"): _gaps("ratio"),
    ("MT-62", "decline"): lambda at: _spaced(
        at, at["setting"], lambda run: published_edge(run, "decline")
    ),
    ("MT-62", "decline", "pseudo-grok step"): _pseudo_decline,
    ("MT-63", "early"): lambda at: published_edge(at.run(at["setting"], at.decay), "early"),
    ("MT-63", "early", "without decay"): lambda at: published_edge(
        at.run(at["setting"], 0.0), "early"
    ),
    ("MT-64", "edge"): lambda at: published_edge(
        at.run(at["setting"], float(at["item"])), "ratio_early"
    ),
    ("MT-64", "edge", "matched spacing"): lambda at: edge(
        at.run(at["setting"], float(at["item"])), "ratio_early", 200
    ),
    ("MT-65", "mode"): lambda at: _spaced(
        at, at["setting"], lambda run: published_edge(run, "k_terminal")
    ),
    ("MT-65", "mode", "without decay"): lambda at: (
        each(SINGLE, lambda task: published_edge(at.run(task, 0.0), "k_terminal"))
        if at["setting"] == "single"
        else published_edge(at.run(at["setting"], 0.0), "k_terminal")
    ),
    ("MT-66", "steps"): lambda at: all_at(at.run(at["setting"]), "0.95"),
    ("MT-66", "steps", "symmetric split"): lambda at: all_at(
        at.run(at["setting"], **SYMMETRIC), "0.95"
    ),
}
