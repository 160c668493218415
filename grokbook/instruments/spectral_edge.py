"""The instrument ``spectral-edge``: rolling windows of updates and how g23 falls in them.

A spacing of 500 steps, the published one of the runs without weight decay, asks for more updates
than the band has: those runs have rows at equal spacings alone, where they can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grokbook.config import RunConfig
from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.spectral_edge import Edge, rotation
from grokbook.geometry.trajectory import Displacements, displacements
from grokbook.instruments import edge_rows, phases
from grokbook.instruments.declines import DECLINES, SERIES, Series, declines
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.rolling import Rolling, recent_products
from grokbook.instruments.subject import Subject
from grokbook.thinning import thin

DIRECTIONS = 3
"""Leading directions whose rotation is measured, and singular values that are given."""


def published_spacing(config: RunConfig) -> int:
    """Steps between the published snapshots of such a run (2602.18523 section 4.12)."""
    if config.weight_decay == 0 and len(config.tasks) < 3:
        return 500
    return 100 if len(config.tasks) == 1 else 200


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return [subject.last]


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    return 8.0


def _take(subject: Subject, point: int, parameters: Mapping[str, Any]) -> list[Row]:
    fine = recent_products(subject)
    grok, moves = phases.edge_grok_step(subject), _moves(subject)
    rows: list[Row] = []
    for stride in parameters["strides"]:
        rolling = Rolling.of(fine, subject.cadence, stride, parameters["window"])
        if not rolling.products:  # too short a run for this spacing
            continue
        for centred in (False, True):
            edges = rolling.edges(centred)
            series = Series.of(rolling.ends, edges)
            common = {
                "part": f"{rolling.spacing} steps",
                "variant": "centred" if centred else "uncentred",
            }
            chosen = thin(np.arange(len(edges)), parameters["snapshots"])
            for row in (
                *_spectra(rolling.ends, edges, chosen),
                *_running(series, chosen),
                *_turning(rolling, chosen, parameters["rotation_window"], centred),
                *_leading(rolling, edges, chosen, moves),
            ):
                rows.append(Row(**common | row))
            as_published = rolling.spacing == published_spacing(subject.config) and not centred
            names = [common["variant"], *as_published * ["published"]]
            rows += [
                Row(**common | {"variant": name} | row)
                for name in names
                for row in _summary(series, edges, grok, subject.grok)
            ]
    return rows


def _spectra(ends: np.ndarray, edges: list[Edge], chosen: np.ndarray) -> Iterator[dict[str, Any]]:
    for i in chosen:
        yield from (
            {"step": int(ends[i])} | row for row in edge_rows.spectrum(edges[i], DIRECTIONS)
        )


def _running(series: Series, chosen: np.ndarray) -> Iterator[dict[str, Any]]:
    """The decline as of every window, that of any grok or pseudo-grok step among them."""
    for suffix in SERIES:
        for i in chosen[chosen > 0]:  # the first window has none before it
            found = series.decline(suffix, int(series.ends[i]))
            common = {"step": int(series.ends[i]), "count": found.windows}
            row = {"value": found.decline, "error": found.decline_error}
            yield {"quantity": f"running_decline{suffix}"} | row | common
            if not suffix:
                row = {"value": found.ratio_early, "error": found.ratio_error}
                yield {"quantity": "running_ratio"} | row | common


def _turning(
    rolling: Rolling, chosen: np.ndarray, size: int, centred: bool
) -> Iterator[dict[str, Any]]:
    directions = min(DIRECTIONS, size - centred)  # centring takes one away
    for i in chosen:
        products = rolling.products[i]
        for quantity, earlier, later in edge_rows.turns(len(products), size):
            try:
                found = rotation(products, earlier, later, k=directions, centred=centred)
            except Degenerate:  # a window that moves in fewer directions has none to turn
                continue
            step = {"step": int(rolling.ends[i])}
            yield from (step | row for row in edge_rows.rotated(found, quantity))


def _moves(subject: Subject) -> tuple[dict[int, int], Displacements]:
    """All snapshots: their places by step, and their inner products."""
    weights = subject.attention(subject.steps)
    found = displacements(weights, {"all": slice(0, weights.shape[1])})["all"]
    return {int(step): place for place, step in enumerate(subject.steps)}, found


def _leading(
    rolling: Rolling,
    edges: list[Edge],
    chosen: np.ndarray,
    snapshots: tuple[dict[int, int], Displacements],
) -> Iterator[dict[str, Any]]:
    """cos(v_1, θ_0) and cos(v_1, θ_t) where the window's own snapshots were kept."""
    places, moves = snapshots
    with_weights = moves.products + moves.start[:, None]  # ⟨x_s, v_t⟩
    for i in chosen:
        end = int(rolling.ends[i])
        span = rolling.spacing * rolling.window
        wanted = range(end - span, end + 1, rolling.spacing)
        if not all(step in places for step in wanted):
            continue
        at = [places[step] for step in wanted]
        error = np.sin(np.radians(edges[i].turn(1)))
        for quantity, products, norm in (
            ("cos_start", moves.start[at], moves.norms[0]),
            ("cos_weights", with_weights[at, at[-1]], moves.norms[at[-1]]),
        ):
            value = abs(edges[i].along(1, np.diff(products))) / norm
            yield {"quantity": quantity, "value": value, "error": error, "step": end}


def _summary(
    series: Series, edges: list[Edge], grok: int | None, stop: int | None
) -> Iterator[dict[str, Any]]:
    """The published statistics of a run; those of a grok step only where there is one."""
    ends = series.ends
    # Published runs end at the stop, where ours go on.
    last = len(ends) - 1 if stop is None else int(np.searchsorted(ends, stop, "right")) - 1
    if last >= 0:
        yield {"quantity": "k_terminal", "value": edges[last].k_star, "step": int(ends[last])}
    yield from declines(series, grok)


SPECTRAL_EDGE = Instrument(
    name="spectral-edge",
    title="Gram spectral edge",
    formula="σ of the last w updates of all attention matrices; g23 = σ2² − σ3²; "
    "score_j = (σ_j/Σσ)(σ_j/σ_{j+1}); k* = argmax score, R = σ_k*/σ_{k*+1}; decline = largest "
    "g23 before the grok step over the last one up to it",
    source="2602.18523 section 4.12; 2604.07380 sections 4.1, 4.7 and 4.16",
    error="bound on the effect of rounding to float32; of angles, cosines and shares to first "
    "order; none of what is counted",
    parts="the spacing of the snapshots: 100 steps",
    variants="uncentred: updates as they are; centred: less the window's mean update; published: "
    "uncentred at the published spacing, which differs between runs",
    quantities={
        **edge_rows.SPECTRUM,
        "k_terminal": Quantity("1", "k* of the last window up to the published stop"),
        **edge_rows.ROTATIONS,
        "cos_start": Quantity("1", "|cos| of v_1 and the initial attention weights"),
        "cos_weights": Quantity("1", "|cos| of v_1 and the attention weights at the window's end"),
        "running_ratio": Quantity("1", "mean R of the windows before this one"),
        **{
            f"running_decline{suffix}": Quantity(
                "1", f"decline of {of} if the run grokked at this window"
            )
            for suffix, (_, of) in SERIES.items()
        },
        **DECLINES,
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.1,
    cost="2 to 5 core-seconds a run",
    parameters={
        "window": Parameter(10, "updates in a window, w", low=3),
        "strides": Parameter((1, 2), "spacings of the snapshots, in the run's own"),
        "rotation_window": Parameter(5, "updates in the windows of the rotations", low=2),
        "snapshots": Parameter(256, "most windows that are given"),
    },
    needs=("band", "attention"),
    version=2,
)
