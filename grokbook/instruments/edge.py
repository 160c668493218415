"""The instrument ``edge``: what the spectral edge is made of, window by window.

`grokbook.instruments.spectral_edge` has what follows from inner products; here the directions are
formed, and set beside what gradient and decay moved the weights by.  The published form is the
window of five updates as it is, with the trapezoid's decay; every other form answers one doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.edge_windows import (
    LIFECYCLE_WINDOW,
    WINDOWS,
    rows_until,
    window,
    window_name,
)
from grokbook.geometry.spectral_edge import edge
from grokbook.instruments import edge_rows, phases
from grokbook.instruments.declines import DECLINES, Series, declines
from grokbook.instruments.edge_path import EdgePath, ends, lacking
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.subject import Subject

GRID = 500
"""Steps between the points at which windows of other lengths have everything, too."""

Parts = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Updates, their part by decay, and what is taken away from both, (w, A) each."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return [int(step) for step in ends(subject)]


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path = EdgePath.of(subject)
    last, rows = path.place(step), list[Row]()
    whole = step in phases.chosen(subject, phases.SHARES, GRID, ends(subject))
    for size in WINDOWS:
        if size != LIFECYCLE_WINDOW and last + 1 < size:
            continue
        inside = rows_until(last, size)
        about = {"step": step, "part": window_name(size), "count": inside.stop - inside.start}
        everything = whole or size == LIFECYCLE_WINDOW
        for form, (updates, decay, less) in _forms(path, inside).items():
            centred = form == "centred"
            try:
                found = window(updates, centred=centred, less=less)
            except Degenerate:  # nothing is left that moves
                continue
            if less is not None:
                updates, decay = updates - less, decay - less
            for row in (
                *edge_rows.spectrum(found.edge),
                *(edge_rows.composition(found, path, last) if everything else ()),
                *(edge_rows.shared(found, updates, decay, centred) if everything else ()),
            ):
                rows.append(Row(**about | {"variant": form} | row))
            if everything and form == "uncentred" and decay.any():
                null = edge_rows.by_chance(
                    updates,
                    decay,
                    draws=parameters["draws"],
                    seed=subject.seed(f"edge/random gradient/{size}", step),
                )
                rows += [Row(**about | row) for row in null]
        if everything:
            rows += [Row(**about | row) for row in edge_rows.turning(path, last, size)]
        if size == LIFECYCLE_WINDOW:
            rows += [Row(**about | row) for row in edge_rows.as_published(path, inside)]
    rows += _moves(path, last)
    if last == len(path.steps) - 2:
        rows += _declines(subject, path)
    return rows


def _forms(path: EdgePath, rows: slice) -> dict[str, Parts]:
    """What every form of a window is taken from."""
    updates, decay, less = path.updates(rows), path.decay(rows), path.pure_decay(rows)
    found = {"uncentred": (updates, decay, None), "centred": (updates, decay, None)}
    if less.any():
        found["less decay"] = updates, decay, less
    return found


def _moves(path: EdgePath, last: int) -> list[Row]:
    rows = slice(last, last + 1)
    updates, decay = path.updates(rows), path.decay(rows)
    step, theta = int(path.steps[last + 1]), path.theta[last + 1].astype(np.float64)
    return [
        Row(step, "norm", float(np.linalg.norm(theta))),
        Row(step, "moved", float(np.linalg.norm(updates))),
        Row(step, "moved_by_gradient", float(np.linalg.norm(updates - decay))),
        Row(step, "moved_by_decay", float(np.linalg.norm(decay))),
        Row(step, "kept", float(path.kept[last + 1])),
    ]


def _declines(subject: Subject, path: EdgePath) -> Iterator[Row]:
    """The published statistics of the run's own grok step; of none there is the early value."""
    count = len(path.steps) - 1
    updates = path.updates(slice(0, count))
    grok = phases.edge_grok_step(subject)
    products = updates @ updates.T
    for size in WINDOWS:
        for variant, first in (("published", 1), ("uncentred", size - 1)):
            about = {"part": window_name(size), "variant": variant}
            windows = (rows_until(i, size) for i in range(first, count))
            found = [edge(products[s, s]) for s in windows]
            series = Series.of(path.steps[first + 1 :], found)
            for row in declines(series, grok):
                yield Row(**about | row)


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    return 0.35 * subject.layout.attention_size / 131_072 + 2e-5 * parameters["draws"]


_OF_K = "k"

EDGE = Instrument(
    name="edge",
    title="What the spectral edge is made of",
    formula="X = UΣVᵀ of the last W updates δ = Δ_grad + Δ_wd of all attention matrices; "
    "E = mean ⟨Δ, v_k⟩², gradient share E_grad/(E_grad + E_wd); signed share "
    "Σ⟨Δ_grad, v_k⟩⟨δ, v_k⟩ / Σ⟨δ, v_k⟩²; alignment = Σ⟨Δ_grad, v_k⟩⟨Δ_wd, v_k⟩ / "
    "√(Σ⟨Δ_grad, v_k⟩² Σ⟨Δ_wd, v_k⟩²)",
    source="2604.07380 sections 3.2, 4.1, 4.2, 4.7 and 4.16, Table 7; weaknesses A, B, J, L, P",
    error="bound to first order on what rounding to float32 does, by the turn of v_k, of R and of "
    "declines by what every σ is off by at most; of nulls the standard deviation over draws",
    parts="the window: 3 updates, 5 updates, 10 updates, 20 updates; empty for what has none",
    variants="uncentred: updates as they are, displacements as logged; centred: less the window's "
    "mean; less decay: less the path that decay alone would take from the initial weights; "
    "published: uncentred, decay by the trapezoid, of declines with the shorter windows at the "
    "start; after the comma last interval: of that alone; random gradient: in place of the run's "
    "own, as long; orthogonal: updates as long as the run's and at right angles",
    quantities={
        "gradient_share": Quantity("1", "E_grad / (E_grad + E_wd)", _OF_K),
        "gradient_share_low": Quantity("1", "its 2.5 % quantile over draws", _OF_K),
        "gradient_share_high": Quantity("1", "its 97.5 % quantile over draws", _OF_K),
        "signed_share": Quantity(
            "1", "the gradient's part of the movement; decay has 1 − it", _OF_K
        ),
        "net_share": Quantity("1", "the same of the whole window at once", _OF_K),
        "alignment": Quantity("1", "of gradient and decay along v_k; 0 without decay", _OF_K),
        "cos_weights": Quantity("1", "|cos| of v_k and θ at the window's end", _OF_K),
        "cos_start": Quantity("1", "|cos| of v_k and θ_0", _OF_K),
        "cos_learned": Quantity("1", "|cos| of v_k and θ − θ_0 Π(1 − ηω)", _OF_K),
        "cos_chance": Quantity("1", "what a random direction has on average"),
        **edge_rows.SPECTRUM,
        **edge_rows.ROTATIONS,
        "stability": Quantity("1", "α: |cos| of v_k in the two halves of the window", _OF_K),
        "norm": Quantity("norm", "‖θ‖ of the attention matrices"),
        "moved": Quantity("norm", "‖δ‖ of the last interval"),
        "moved_by_gradient": Quantity("norm", "‖Δ_grad‖ of the last interval"),
        "moved_by_decay": Quantity("norm", "‖Δ_wd‖ of the last interval"),
        "kept": Quantity("1", "Π(1 − ηω): what decay alone would have left of θ_0"),
        **DECLINES,
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.3,
    cost="about 35 core-seconds a run of 10,000 steps",
    parameters={"draws": Parameter(100, "of the random gradient", low=2)},
    memory=1_200_000_000,
    needs=("theta", "decayed"),
    lacking=lacking,
    version=2,
)
