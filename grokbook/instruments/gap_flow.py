"""The instrument ``gap-flow``: the terms of the gap flow, and what the gap really does.

Published is k* = 1 for all runs, so that gap 1 is the claim's own; where a window's k* is another,
its terms stand beside those of gap 1.  A change is that of one number, whatever k* is next to the
window.  Adam's preconditioner is in no snapshot.  It is had exactly by training
the run again (`grokbook.instruments.replayed`), in the windows that the class rule of
`grokbook.geometry.gap_class` counts; where the bits differ, ``replayed`` is 0 and the
preconditioned forms are not there.  Beside them Test 8 of the thesis: what taking a direction out
costs, by its stability and both gradients.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.edge_windows import Window, rows_until, window
from grokbook.geometry.gap_class import counted
from grokbook.geometry.gap_flow import UNITS, by_each, measured, slide, terms
from grokbook.geometry.loss_decomposition import LEAST, decomposition
from grokbook.geometry.spectral_edge import edge, halves
from grokbook.instruments import edge_path, phases
from grokbook.instruments.edge_path import EdgePath, even
from grokbook.instruments.instrument import MORE_SNAPSHOTS, Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import AttentionSlot, judged, learned_from
from grokbook.instruments.replayed import Replayed
from grokbook.instruments.subject import Subject

GRID = 1_000
"""Steps between decompositions of the loss, beside the phases."""
HALVED = 10
"""Updates of a window whose halves have `LEAST` directions each."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    size, ends = parameters["window"], even(subject)
    full = ends[size:]
    return sorted({*full[::size].tolist(), *_counted(subject, parameters), *_decomposed(subject)})


def _counted(subject: Subject, parameters: Mapping[str, Any]) -> set[int]:
    """Ends of the windows that the class rule counts; of a run without a grok step, all early."""
    full, grok = even(subject)[parameters["window"] :], phases.edge_grok_step(subject)
    if grok is None:
        return {*full[full <= parameters["matched"]].tolist()}
    return {*full[counted(full, max(grok, 1))].tolist()}


def _decomposed(subject: Subject) -> set[int]:
    return {*phases.chosen(subject, phases.SHARES, GRID, even(subject)[HALVED:])}


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path, slot = EdgePath.of(subject), AttentionSlot(subject.layout, subject.theta(step))
    last, size, strings = path.place(step), parameters["window"], parameters["strings"]
    known, held = subject.once(
        ("gap-flow", strings), lambda: (learned_from(subject), judged(subject, strings))
    )
    rows: list[Row] = []
    if last + 1 >= size:
        found = _window(path, last, size)
        if len(found.directions) > 1:  # else it moves in one direction, and there is no gap
            rows += _gap(path, found, last, size)
            rows += _terms(subject, found, slot, known, step, parameters)
    if step in _decomposed(subject):
        rows += _decomposition(path, slot, known, held, last)
    return rows


def _gap(path: EdgePath, found: Window, last: int, size: int) -> Iterator[Row]:
    """σ_k − σ_{k+1}, its change about the window, and what the window's slide makes of it."""
    count, step, floor = len(path.steps) - 1, int(path.steps[last + 1]), found.edge.floor
    yield Row(step, "k_star", found.edge.k_star)
    places = [i for i in (last - 1, last, last + 1) if size - 1 <= i < count]
    edges = {i: edge(_products(path, i, size)) for i in places}
    for k in _numbers(found):
        gaps = {i: each.size(k) - each.size(k + 1) for i, each in edges.items()}
        yield Row(step, "gap", gaps[last], at=k, error=2 * floor)
        if len(places) == 3:
            ends = path.steps[np.array(places) + 1]
            change = float(measured(ends, np.array([gaps[i] for i in places]))[1])
            about = {"at": k, "error": 4 * floor / float(ends[2] - ends[0])}
            yield Row(step, "gap_change", change, variant="central", **about)
        if last + 1 < count:
            old, *_ = path.updates(rows_until(last, size))
            (new,) = path.updates(slice(last + 1, last + 2))
            apart = float(path.steps[last + 2] - step)
            about = {"at": k, "error": 4 * floor / apart}
            ahead = (gaps[last + 1] - gaps[last]) / apart
            yield Row(step, "gap_change", ahead, variant="next", **about)
            yield Row(step, "slide", slide(found, old, new, k=k) / apart, **about)


def _products(path: EdgePath, last: int, size: int) -> np.ndarray:
    updates = path.updates(rows_until(last, size))
    return updates @ updates.T


def _window(path: EdgePath, last: int, size: int) -> Window:
    """With the directions on both sides of its gaps."""
    updates = path.updates(rows_until(last, size))
    number = edge(updates @ updates.T).k_star
    return window(updates, count=max(number, 1) + 1)


def _numbers(found: Window) -> list[int]:
    """Gaps that are looked at: 1, as published, and k* where that is another."""
    return sorted({1, found.edge.k_star} & {*range(1, len(found.directions))})


def _terms(
    subject: Subject,
    found: Window,
    slot: AttentionSlot,
    known: Any,
    step: int,
    parameters: Mapping[str, Any],
) -> Iterator[Row]:
    by: dict[str, np.ndarray | None] = {"raw": None}
    if step in _counted(subject, parameters):
        scale = Replayed.of(subject).preconditioner(step)
        yield Row(step, "replayed", float(scale is not None))
        by |= {} if scale is None else {"preconditioned": scale}
    loss, theta = slot.of(known.loss), slot.attention.double()
    rate, decay = (
        subject.config.value_at(name, step - 1) for name in ("learning_rate", "weight_decay")
    )
    each = by_each(loss, theta, found.directions, list(by.values()))
    for name, at in zip(by, each, strict=True):
        for k in range(1, len(found.directions) + 1):
            error = at.slope_floor
            yield Row(step, "slope", at.gradient[k - 1], variant=name, at=k, error=error)
            error = at.curvature_floor[k - 1]
            yield Row(step, "curvature", at.curvature[k - 1], variant=name, at=k, error=error)
        for units, k in itertools.product(UNITS, _numbers(found)):
            size = parameters["window"]
            got = terms(found.edge, at, rate=rate, decay=decay, window=size, k=k, units=units)
            if units == "printed":
                about = {"variant": name, "at": k}
                yield Row(step, "bending", got.curvature, error=got.curvature_error, **about)
                yield Row(step, "damping", got.damping, error=got.damping_error, **about)
            about = {"variant": f"{units}, {name}", "at": k}
            yield Row(step, "driving", got.driving, error=got.driving_error, **about)
            yield Row(step, "predicted", got.total, error=got.total_error, **about)
            yield Row(step, "ratio", got.ratio, error=got.ratio_error, **about)


def _decomposition(
    path: EdgePath, slot: AttentionSlot, known: Any, held: Any, last: int
) -> Iterator[Row]:
    """Five directions of ten updates: what they cost, and what was to say so."""
    step, updates = int(path.steps[last + 1]), path.updates(rows_until(last, HALVED))
    found = window(updates, count=LEAST)
    try:
        stability = np.cos(np.radians(halves(updates @ updates.T, k=LEAST).angles))
    except Degenerate:  # a half that moves in fewer directions
        return
    got = decomposition(
        slot.of(known.loss),
        slot.of(held.loss),
        slot.attention.double(),
        found.directions,
        stability,
    )
    for j in range(LEAST):
        error = got.floor
        yield Row(step, "removal", float(got.change[j]), at=j + 1, error=error)
        yield Row(step, "stability", float(stability[j]), at=j + 1)
    for name, sizes in got.predictions.items():
        for j, size in enumerate(sizes, start=1):
            yield Row(step, "importance", float(size), variant=name, at=j)
        yield Row(step, "spearman", got.spearman(name), variant=name, count=LEAST)
        yield Row(step, "pearson", got.pearson(name), variant=name, count=LEAST)


def _lacking(subject: Subject) -> str:
    short = len(even(subject)) <= HALVED
    return edge_path.lacking(subject) or (MORE_SNAPSHOTS if short else "")


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    points = len(_points(subject, parameters))
    again = max(_counted(subject, parameters), default=0)
    terms, costs, step = (0.8, 3.0, 0.022) if subject.has("strings") else (6.0, 8.0, 0.04)
    return terms + (costs * len(_decomposed(subject)) + step * again) / points


_FLOW = "norm/step"
_NUMBER = "k: 1, and k* where it is another"

GAP_FLOW = Instrument(
    name="gap-flow",
    title="What is said to open and close the gap of the edge",
    formula="g = σ_k − σ_m of the last W updates, m = k + 1; dg/dt ≈ T1 + T2 + T3; T1 = −η(h_k − "
    "h_m)(σ_k + σ_m)/2, T2 = −η((h_k + h_m)/2 + ω)g, T3 = ηW(G_k²/σ_k − G_m²/σ_m); h_k = "
    "⟨v_k, Hv_k⟩, G_k = "
    "⟨v_k, ∇L⟩ of the matrices, L on all training examples; with D = 1/(√v̂ + ε) of Adam h_k = "
    "⟨Dv_k, Hv_k⟩, G_k = ⟨v_k, D∇L⟩; importance = |α_j ⟨v_j, ∇L_train⟩⟨v_j, ∇L_test⟩|",
    source="2604.07380 equation 1 and section 4.15, 2603.28964 theorem 14.2; weakness K",
    error="of gaps a bound on what rounding to float32 does; of slopes, curvatures and losses "
    "rounding to be expected; of the terms, their sum and r what both can make of them at most",
    parts="",
    variants="raw: of ∇L and H themselves; preconditioned: with D, from training the run again to "
    "the same bits; before the comma printed: T3 as it is published, a gradient's unit; in units: "
    "η² in place of η in T3; of changes central: from the window before to the one after; next: to "
    "the one after; of importance published; without stability: no α; first order: |⟨θ, v_j⟩⟨v_j, "
    "∇L_test⟩|; removed norm: |⟨θ, v_j⟩|",
    quantities={
        "gap": Quantity("norm", "g of a full window", _NUMBER),
        "k_star": Quantity("1", "j of the largest (σ_j/Σσ)(σ_j/σ_{j+1}): is it 1?"),
        "gap_change": Quantity(_FLOW, "dg/dt by differences", _NUMBER),
        "slide": Quantity(
            _FLOW, "dg/dt to first order from the updates that leave and come", _NUMBER
        ),
        "replayed": Quantity("1", "1 if the run trained again has the snapshot's bits, else 0"),
        "slope": Quantity("nats/|θ|", "G_k; with D its unit is by that", "k"),
        "curvature": Quantity("nats/|θ|²", "h_k; likewise", "k"),
        "bending": Quantity(_FLOW, "T1, curvature", _NUMBER),
        "damping": Quantity(_FLOW, "T2", _NUMBER),
        "driving": Quantity(_FLOW, "T3", _NUMBER),
        "predicted": Quantity(_FLOW, "T1 + T2 + T3", _NUMBER),
        "ratio": Quantity("1", "r = T3 / |T2|, of which the class rule takes the median", _NUMBER),
        "removal": Quantity("nats", "test loss without v_j, less that with it", "j"),
        "stability": Quantity("1", "α_j: |cos| of v_j in the two halves of ten updates", "j"),
        "importance": Quantity("1", "the size that was to predict |removal|", "j"),
        "spearman": Quantity("1", "rank correlation of importance and |removal| of five v_j"),
        "pearson": Quantity("1", "linear correlation likewise"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=2.4,
    cost="about 120 core-seconds a run of 10,000 steps on brackets, half of it training again; "
    "about 900 in modular arithmetic, on all training pairs",
    parameters={
        "window": Parameter(5, "updates in the window, W", low=3),
        "strings": Parameter(300, "test strings of the decomposition, of runs on brackets"),
        "matched": Parameter(
            6_000, "last step that a run without a grok step is trained again to", low=1
        ),
    },
    memory=3_000_000_000,
    needs=("theta", "decayed"),
    lacking=_lacking,
    version=2,
)
