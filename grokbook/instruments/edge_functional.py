"""The instrument ``edge-functional``: what the edge does to what a network holds.

The response Δh of the representation that the head reads is asked two things: what of the task is
in it (depth; in modular arithmetic the wave of the answer), and whether its size is one wave over
depth or over the answers.  Beside v_1 stand v_2 to v_4, windows without their mean update and of
twenty, random directions of the same length, and the spectra of what has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grokbook.config import DyckConfig
from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.edge_windows import rows_until, window
from grokbook.geometry.functional_content import SHARE, random_directions
from grokbook.instruments import phases
from grokbook.instruments.answer_responses import AnswerResponses
from grokbook.instruments.depth_responses import DepthResponses
from grokbook.instruments.edge_path import EdgePath, ends, lacking
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import AttentionSlot
from grokbook.instruments.subject import Subject

GRID = {"strings": 1_000, "pairs": 2_000}
"""Steps between points, beside the phases."""
LONG = 20
"""Updates of the window that the published waves of modular arithmetic come from."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    grid = GRID["strings" if isinstance(subject.config, DyckConfig) else "pairs"]
    return phases.chosen(subject, (*phases.SHARES, *phases.ABLATIONS), grid, ends(subject))


def _drawn(subject: Subject) -> set[int]:
    """Steps at which random directions stand beside the edge: all but a grid that costs much."""
    if isinstance(subject.config, DyckConfig):
        return {*subject.steps.tolist()}
    return {*phases.own(subject).values(), subject.last}


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path, slot = EdgePath.of(subject), AttentionSlot(subject.layout, subject.theta(step))
    kind = DepthResponses if isinstance(subject.config, DyckConfig) else AnswerResponses
    key = "edge-functional", *sorted(parameters.items())
    responses = subject.once(key, lambda: kind(subject, parameters)).at(step, slot)
    for name, direction in directions(path, path.place(step), parameters["window"]).items():
        responses.add(name, direction)
    if step in _drawn(subject):
        seed = subject.seed("edge-functional/random", step)
        size = len(slot.attention)
        responses.draw(random_directions(size, parameters["draws"], seed=seed))
    responses.compare(parameters["null_draws"])
    return responses.rows


def directions(path: EdgePath, last: int, size: int) -> dict[str, np.ndarray]:
    """The directions by their part: as many as the windows have."""
    updates = path.updates(rows_until(last, size))
    found = {f"v{k}": v for k, v in enumerate(window(updates).directions, start=1)}
    more = {"v1 centred": (updates, True)}
    if last + 1 >= LONG:
        long = path.updates(rows_until(last, LONG))
        more |= {f"v1 of {LONG}": (long, False), f"v1 of {LONG} centred": (long, True)}
    for name, (rows, centred) in more.items():
        try:
            found[name] = window(rows, count=1, centred=centred).directions[0]
        except Degenerate:  # nothing is left that moves
            continue
    return found


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    points = _points(subject, parameters)
    drawn = len({*points} & _drawn(subject)) * parameters["draws"] / len(points)
    one, named = (0.3, 4.5) if subject.has("strings") else (2.0, 18.0)
    return named + one * drawn


EDGE_FUNCTIONAL = Instrument(
    name="edge-functional",
    title="What the edge does to what a network holds",
    formula=f"Δh = h(θ + εv) − h(θ) of every token or pair, ε = {SHARE:g} ‖θ‖, θ the matrices, h "
    "behind the last LayerNorm; content = R² of the task from Δh on held-out tokens or pairs; "
    "f = ‖Δh‖², its mean by depth or by answer → |Fourier|² → F = largest share",
    source="2604.07380 sections 4.8, 4.9 and 7, 2604.06256; weaknesses G, I, J",
    error="of contents and of F a bootstrap over strings or pairs; of random directions the "
    "standard deviation over draws",
    parts=f"the direction: v1, v2, v3, v4 of the window; v1 centred; v1 of {LONG}, v1 of {LONG} "
    "centred of as many updates; random",
    variants="of content raw: features and penalty as published; standardised: features in units "
    "of their spread, penalty by cross-validation; after the comma the split: by token as "
    "published, string or prefix, or pair; of elevation published: F × bins, that of frequency 0 "
    "among them on brackets; corrected: F × bins that can have power; the nulls: ramp, parabola, "
    "white noise, random walk over as many depths or answers, after the comma if there is one",
    quantities={
        "content": Quantity("1", "R² of depth; of pairs the mean R² of cosine and sine at ω of F"),
        "content_inside": Quantity("1", "the same on what was fitted on"),
        "content_bound": Quantity("1", "1 where the penalty lies at an end of its grid"),
        "correlation": Quantity("1", "Pearson's of f with depth"),
        "response": Quantity("1", "‖Δh‖ / ‖h‖, over all tokens or pairs"),
        "rounding": Quantity("1", "share of ‖Δh‖ that rounding would be in float32"),
        "bent": Quantity("1", "‖Δh₊ + Δh₋‖ / ‖Δh₊ − Δh₋‖: 0 if +v and −v say the same"),
        "open_ratio": Quantity("1", "mean f of opening brackets over that of closing ones"),
        "by_depth": Quantity("squared norm", "mean f", "depth"),
        "logits_by_depth": Quantity("squared norm", "mean ‖Δlogits‖², their mean off", "depth"),
        "share": Quantity("1", "of the power of f by depth or answer", "ω"),
        "largest": Quantity("1", "F, the largest share"),
        "largest_low": Quantity("1", "2.5 % quantile of a null's F"),
        "largest_high": Quantity("1", "97.5 % quantile of a null's F"),
        "frequency": Quantity("waves", "ω of the largest share"),
        "elevation": Quantity("1", "F in units of an even spectrum's share"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=1.2,
    cost="about 180 core-seconds a run of 10,000 steps on brackets",
    parameters={
        "window": Parameter(5, "updates in the window", low=2),
        "strings": Parameter(300, "test strings, of runs on brackets", low=10),
        "draws": Parameter(20, "random directions", low=2),
        "null_draws": Parameter(2_000, "of each null of a spectrum", low=2),
    },
    memory=2_000_000_000,
    needs=("theta", "decayed"),
    lacking=lacking,
)
