"""The instrument ``edge-ablation``: what a network loses with its edge, and with as much else.

Published are the accuracies without the edge and without random directions, which take next to
nothing.  Beside them stand removals of the same norm (`grokbook.geometry.edge_ablation`), and an
accuracy on prefixes that no training string has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.edge_ablation import CONTROLS, DRAWN, Ablated, ablate, controls, reached
from grokbook.geometry.edge_windows import BULK, EDGE, rows_until, window
from grokbook.instruments import phases
from grokbook.instruments.edge_path import EdgePath, ends, lacking
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import AttentionSlot, Examples, judged
from grokbook.instruments.subject import Subject

GRID = 500
"""Steps between points, beside the phases."""
SETS = {"edge": EDGE, "bulk": BULK, **{f"v{k + 1}": slice(k, k + 1) for k in range(4)}}
CONTROLLED = ("edge", "bulk", "v1")
"""Sets that have controls."""
TAKEN = "taken out"

_OUTCOMES = ("accuracy", "unseen_accuracy", "loss")


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return phases.chosen(subject, (*phases.ABLATIONS, *phases.SHARES), GRID, ends(subject))


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path, slot = EdgePath.of(subject), AttentionSlot(subject.layout, subject.theta(step))
    last, strings = path.place(step), parameters["strings"]
    examples = subject.once(("edge-ablation", strings), lambda: judged(subject, strings))
    found = window(path.updates(rows_until(last, parameters["window"])))
    theta = slot.attention

    def outcome(attention: Tensor) -> np.ndarray:
        return _outcome(examples, slot.whole(attention))

    base = outcome(theta)
    rows = [
        Row(step, name, value, count=examples.count)
        for name, value in zip(_OUTCOMES, base, strict=True)
    ]
    start = torch.from_numpy(path.theta[0])
    learned = torch.from_numpy(path.learned(last))
    for name, places in SETS.items():
        directions = found.directions[places]
        if len(directions) < places.stop - places.start:  # a short window has no bulk
            continue
        taken = ablate(theta, directions)
        effect = outcome(taken.theta) - base
        rows += _effects(step, name, TAKEN, [taken], effect[None], examples)
        if name not in CONTROLLED:
            continue
        others: dict[str, tuple[list[Ablated], list[np.ndarray]]] = {}
        for control, other in controls(
            theta,
            directions,
            start=start,
            learned=learned,
            draws=parameters["draws"],
            seed=subject.seed(f"edge-ablation/{name}", step),
        ):
            removals, effects = others.setdefault(control, ([], []))
            removals.append(other)
            effects.append(outcome(other.theta) - base)
        for control, (removals, effects) in others.items():
            rows += _effects(step, name, control, removals, np.array(effects), examples)
            if control in DRAWN:
                rows += _reached(step, name, control, effect, np.array(effects))
    return rows


def _outcome(examples: Examples, theta: Tensor) -> np.ndarray:
    """(3,) `_OUTCOMES`; the accuracy on what is unseen is NaN where there is nothing."""
    with torch.no_grad():
        logs = examples.logits(theta).double().log_softmax(-1)
    right = (logs.argmax(-1) == examples.labels).double()
    nats = -logs.gather(1, examples.labels[:, None])[:, 0]
    weights = examples.weights / examples.weights.sum()
    unseen = float(examples.unseen @ right) / max(
        float(examples.unseen.sum()), np.finfo(float).tiny
    )
    unseen = unseen if examples.unseen.any() else np.nan
    return np.array([float(weights @ right), unseen, float(weights @ nats)])


def _effects(
    step: int,
    part: str,
    variant: str,
    removals: Sequence[Ablated],
    effects: np.ndarray,
    examples: Examples,
) -> Iterator[Row]:
    """Means over draws, with their standard deviation; of one draw what can be told apart."""
    about = {"part": part, "variant": variant, "count": len(removals)}
    several = len(removals) > 1
    loss = 4 * torch.finfo(removals[0].theta.dtype).eps
    floors = (1 / examples.count, 1 / max(1.0, float(examples.unseen.sum())), loss)
    for name, values, floor in zip(_OUTCOMES, effects.T, floors, strict=True):
        error = float(values.std(ddof=1)) if several else floor
        yield Row(step, f"{name}_change", float(values.mean()), error=error, **about)
        if several and name == "accuracy":
            yield Row(step, "worst_accuracy_change", float(values.min()), **about)
    for name in ("removed", "norm"):
        values = np.array([getattr(each, name) for each in removals])
        error = float(values.std(ddof=1)) if several else np.nan
        yield Row(step, name, float(values.mean()), error=error, **about)


def _reached(
    step: int, part: str, variant: str, effect: np.ndarray, drawn: np.ndarray
) -> Iterator[Row]:
    for name, own, values in zip(_OUTCOMES, effect, drawn.T, strict=True):
        about = {"part": part, "variant": variant, "count": len(values)}
        yield Row(step, f"{name}_reached", reached(own, values), **about)


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    passes = 1 + len(SETS) + len(CONTROLLED) * (len(CONTROLS) + 2 * parameters["draws"])
    return 0.05 * passes * subject.layout.size / 273_421


EDGE_ABLATION = Instrument(
    name="edge-ablation",
    title="A network without its edge",
    formula="θ′ = θ − Σ_k ⟨θ, v_k⟩ v_k of the matrices; v1, v2 the edge, v3, v4 the bulk; "
    "change: accuracy or loss with θ′ less that with θ",
    source="2604.07380 sections 4.1 and 4.6; weaknesses B, C, D",
    error="of draws the standard deviation over them; else the smallest change that can be told "
    "from 0: one token of an accuracy, rounding of a loss of 1 nat",
    parts="what is taken out, or matched: edge, bulk, v1, v2, v3, v4; empty for the network itself",
    variants=f"{TAKEN}: the directions, as published; the controls: "
    + "; ".join(f"{name}: {meaning}" for name, meaning in CONTROLS.items()),
    quantities={
        "accuracy": Quantity("1", "of tokens of the first test strings, or of test pairs"),
        "unseen_accuracy": Quantity("1", "of their distinct prefixes that no training string has"),
        "loss": Quantity("nats", "mean cross-entropy of those tokens"),
        "accuracy_change": Quantity("1", "of the accuracy, mean over draws"),
        "unseen_accuracy_change": Quantity("1", "of the accuracy on what is unseen"),
        "loss_change": Quantity("nats", "of the loss"),
        "worst_accuracy_change": Quantity("1", "of the most harmful draw"),
        "accuracy_reached": Quantity("1", "share of draws whose change is as large as the set's"),
        "unseen_accuracy_reached": Quantity("1", "the same on what is unseen"),
        "loss_reached": Quantity("1", "the same of the loss"),
        "removed": Quantity("1", "‖θ′ − θ‖ / ‖θ‖"),
        "norm": Quantity("1", "‖θ′‖ / ‖θ‖"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.7,
    cost="about 160 core-seconds a run of 10,000 steps",
    parameters={
        "window": Parameter(5, "updates in the window", low=2),
        "strings": Parameter(300, "test strings, of runs on brackets"),
        "draws": Parameter(20, "of each control that is drawn", low=2),
    },
    memory=1_200_000_000,
    needs=("theta", "decayed"),
    lacking=lacking,
    version=2,  # 1 called the one direction left in a short window the bulk
)
