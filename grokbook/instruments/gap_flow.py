"""The instrument ``gap-flow``: the terms of the gap flow, and what the gap really does.

The gap is σ1 − σ2 throughout: k* is 1 nearly always, stands beside it, and a gap whose number
changes has no derivative.  Adam's preconditioner is in no snapshot.  It is had exactly by training
the run again (`grokbook.instruments.replayed`), in the windows that the class rule of
`grokbook.geometry.gap_class` counts; where the bits differ, ``replayed`` is 0 and the
preconditioned forms are not there.  Beside them Test 8 of the thesis: what taking a direction out
costs, by its stability and both gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.geometry.edge_windows import rows_before, window
from grokbook.geometry.gap_class import counted
from grokbook.geometry.gap_flow import UNITS, by_each, measured, slide, terms
from grokbook.geometry.loss_decomposition import LEAST, decomposition
from grokbook.geometry.spectral_edge import edge, halves
from grokbook.instruments import edge_path, phases
from grokbook.instruments.edge_path import EdgePath, even
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import Part, judged, learned_from
from grokbook.instruments.replayed import Replayed
from grokbook.instruments.spectral_edge import grok_step
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
    full, grok = even(subject)[parameters["window"] :], grok_step(subject)
    if grok is None:
        return {*full[full <= parameters["matched"]].tolist()}
    return {*full[counted(full, max(grok, 1))].tolist()}


def _decomposed(subject: Subject) -> set[int]:
    return {*phases.chosen(subject, phases.SHARES, GRID, even(subject)[HALVED:])}


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path, part = EdgePath.of(subject), Part(subject.layout, subject.theta(step))
    last, size = path.place(step), parameters["window"]
    key = "gap-flow", parameters["strings"]
    if key not in subject.cache:
        subject.cache[key] = learned_from(subject), judged(subject, parameters["strings"])
    known, held = subject.cache[key]
    rows: list[Row] = []
    if last + 1 >= size:
        rows += _gap(path, last, size)
        rows += _terms(subject, path, part, known, step, parameters)
    if step in _decomposed(subject):
        rows += _decomposition(path, part, known, held, last)
    return rows


def _gap(path: EdgePath, last: int, size: int) -> Iterator[Row]:
    """σ1 − σ2, its change about the window, and what the window's slide makes of it."""
    count, step = len(path.steps) - 1, int(path.steps[last + 1])
    found = window(path.updates(rows_before(last, size)), count=2)
    yield Row(step, "gap", _of(found.edge), error=2 * found.edge.floor)
    yield Row(step, "k_star", found.edge.k_star)
    places = [i for i in (last - 1, last, last + 1) if size - 1 <= i < count]
    gaps = {i: _of(edge(_products(path, i, size))) for i in places}
    if len(places) == 3:
        at = path.steps[np.array(places) + 1]
        change = measured(at, np.array([gaps[i] for i in places]))[1]
        error = 4 * found.edge.floor / float(at[2] - at[0])
        yield Row(step, "gap_change", float(change), variant="central", error=error)
    if last + 1 < count and len(found.directions) > 1:
        old, *_ = path.updates(rows_before(last, size))
        (new,) = path.updates(slice(last + 1, last + 2))
        apart = float(path.steps[last + 2] - step)
        ahead, error = (gaps[last + 1] - gaps[last]) / apart, 4 * found.edge.floor / apart
        yield Row(step, "gap_change", ahead, variant="next", error=error)
        yield Row(step, "slide", slide(found, old, new) / apart, error=error)


def _products(path: EdgePath, last: int, size: int) -> np.ndarray:
    updates = path.updates(rows_before(last, size))
    return updates @ updates.T


def _of(found) -> float:
    return found.size(1) - found.size(2)


def _terms(
    subject: Subject,
    path: EdgePath,
    part: Part,
    known: Any,
    step: int,
    parameters: Mapping[str, Any],
) -> Iterator[Row]:
    size = parameters["window"]
    found = window(path.updates(rows_before(path.place(step), size)), count=2)
    if len(found.directions) < 2:  # nothing moves but in one direction
        return
    by = {"raw": None}
    if step in _counted(subject, parameters):
        scale = Replayed.of(subject).preconditioner(step)
        yield Row(step, "replayed", float(scale is not None))
        by |= {} if scale is None else {"preconditioned": scale}
    each = by_each(
        part.of(known.loss), part.attention.double(), found.directions, list(by.values())
    )
    rate, decay = (
        subject.config.value_at(name, step - 1) for name in ("learning_rate", "weight_decay")
    )
    for name, at in zip(by, each, strict=True):
        for k in (1, 2):
            error = at.slope_floor
            yield Row(step, "slope", at.gradient[k - 1], variant=name, at=k, error=error)
            error = at.curvature_floor[k - 1]
            yield Row(step, "curvature", at.curvature[k - 1], variant=name, at=k, error=error)
        for units in UNITS:
            got = terms(found.edge, at, rate=rate, decay=decay, window=size, units=units)
            if units == "printed":
                yield Row(step, "bending", got.curvature, variant=name)
                yield Row(step, "damping", got.damping, variant=name)
            form = f"{units}, {name}"
            yield Row(step, "driving", got.driving, variant=form)
            yield Row(step, "predicted", got.total, variant=form)
            yield Row(step, "ratio", got.ratio, variant=form)


def _decomposition(path: EdgePath, part: Part, known: Any, held: Any, last: int) -> Iterator[Row]:
    """Five directions of ten updates: what they cost, and what was to say so."""
    step, updates = int(path.steps[last + 1]), path.updates(rows_before(last, HALVED))
    found = window(updates, count=LEAST)
    try:
        stability = np.cos(np.radians(halves(updates @ updates.T, k=LEAST).angles))
    except ValueError:  # a half that moves in fewer directions
        return
    got = decomposition(
        part.of(known.loss),
        part.of(held.loss),
        part.attention.double(),
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


def _enough(subject: Subject) -> bool:
    return edge_path.enough(subject) and len(even(subject)) > HALVED


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    points = _points(subject, parameters)
    again = max(_counted(subject, parameters), default=0)
    if subject.has("pairs"):
        return 9.0 + 0.045 * again / len(points)
    return 0.5 + 0.025 * again / len(points)


_FLOW = "norm/step"

GAP_FLOW = Instrument(
    name="gap-flow",
    title="What is said to open and close the gap of the edge",
    formula="g = σ1 − σ2 of the last W updates; dg/dt ≈ T1 + T2 + T3; T1 = −η(h_1 − h_2)(σ1 + "
    "σ2)/2, T2 = −η((h_1 + h_2)/2 + ω)g, T3 = ηW(G_1²/σ1 − G_2²/σ2); h_k = ⟨v_k, Hv_k⟩, G_k = "
    "⟨v_k, ∇L⟩ of the matrices, L on all training examples; with D = 1/(√v̂ + ε) of Adam h_k = "
    "⟨Dv_k, Hv_k⟩, G_k = ⟨v_k, D∇L⟩; importance = |α_j ⟨v_j, ∇L_train⟩⟨v_j, ∇L_test⟩|",
    source="2604.07380 equation 1 and section 4.15, 2603.28964 theorem 14.2; weakness K",
    error="of gaps a bound on what rounding to float32 does; of slopes, curvatures and losses "
    "rounding to be expected",
    parts="",
    variants="raw: of ∇L and H themselves; preconditioned: with D, from training the run again to "
    "the same bits; before the comma printed: T3 as it is published, a gradient's unit; in units: "
    "η² in place of η in T3; of changes central: from the window before to the one after; next: to "
    "the one after; of importance published; without stability: no α; first order: |⟨θ, v_j⟩⟨v_j, "
    "∇L_test⟩|; removed norm: |⟨θ, v_j⟩|",
    quantities={
        "gap": Quantity("norm", "g = σ1 − σ2 of a full window"),
        "k_star": Quantity("1", "j of the largest (σ_j/Σσ)(σ_j/σ_{j+1}): is it 1?"),
        "gap_change": Quantity(_FLOW, "dg/dt by differences"),
        "slide": Quantity(
            _FLOW, "to first order from the update that leaves and the one that comes"
        ),
        "replayed": Quantity("1", "1 if the run trained again has the snapshot's bits, else 0"),
        "slope": Quantity("nats/|θ|", "G_k; with D its unit is by that", "k"),
        "curvature": Quantity("nats/|θ|²", "h_k; likewise", "k"),
        "bending": Quantity(_FLOW, "T1, curvature"),
        "damping": Quantity(_FLOW, "T2"),
        "driving": Quantity(_FLOW, "T3"),
        "predicted": Quantity(_FLOW, "T1 + T2 + T3"),
        "ratio": Quantity("1", "r = T3 / |T2|, which the class rule takes the median of"),
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
    cost="about 100 core-seconds a run of 10,000 steps on brackets, most of it training again",
    parameters={
        "window": Parameter(5, "updates in the window, W", low=3),
        "strings": Parameter(300, "test strings of the decomposition, of runs on brackets"),
        "matched": Parameter(
            6_000, "last step that a run without a grok step is trained again to", low=1
        ),
    },
    memory=3_000_000_000,
    needs=("theta", "decayed"),
    enough=_enough,
)
