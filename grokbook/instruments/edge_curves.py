"""The instrument ``edge-curves``: a network along its edge, from a touch to full removal.

One curve a direction joins what is published as a paradox: nothing happens within |ε| ≤ 0.03, and
removal destroys.  The curvature at its middle is a product with the Hessian in float64, on the test
loss as published and on the training loss, beside the published second difference in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokbook.config import DyckConfig
from grokbook.geometry.edge_windows import rows_until, window
from grokbook.geometry.functional_content import random_directions
from grokbook.geometry.hessian import curvature, second_difference
from grokbook.geometry.operators import Hessian
from grokbook.geometry.perturbation_curves import (
    PUBLISHED_GRID,
    Curve,
    Network,
    published_curvature,
    sizes,
    sweep,
)
from grokbook.geometry.strings import Strings, attention, padded
from grokbook.instruments import phases
from grokbook.instruments.edge_path import EdgePath, ends, lacking
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import AttentionSlot, Examples, judged, learned_from
from grokbook.instruments.subject import Subject
from grokbook.tasks import dyck

GRID = 1_000
"""Steps between points, beside the phases."""
DIRECTIONS = 4
BY_CHANCE = 3
"""Random directions that are swept beside v_1; of curvatures there are more."""
SIDE = 16
"""ε of the grid on either side of 0."""
SHARE = 1e-3
"""ε / ‖θ‖ of the published second difference and change of loss."""

_FOLLOWED = ("loss", "accuracy", "divergence")


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    return phases.chosen(subject, phases.ABLATIONS, GRID, ends(subject))


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    path, slot = EdgePath.of(subject), AttentionSlot(subject.layout, subject.theta(step))
    found = window(path.updates(rows_until(path.place(step), parameters["window"])))
    counts = parameters["strings"], parameters["curved"]
    swept, curved, known = subject.once(
        ("edge-curves", *counts),
        lambda: (*(judged(subject, count) for count in counts), learned_from(subject)),
    )
    theta = slot.attention
    chance = random_directions(
        len(theta), parameters["draws"], seed=subject.seed("edge-curves/random", step)
    )
    network = swept.network(slot, also={"queries": slot.norm_of_queries})
    rows: list[Row] = []
    for k, v in enumerate(found.directions[:DIRECTIONS], start=1):
        about = {"step": step, "part": f"v{k}", "count": swept.count}
        sigma = found.edge.size(k)
        by_chance = chance[:BY_CHANCE] if k == 1 else chance[:0]
        rows += _swept(network, theta, v, sigma, by_chance, about)
    rows += _curved(curved, "test", slot, found.directions, chance, step)
    rows += _curved(known, "training", slot, found.directions, chance, step)
    rows += _rounded(curved, slot, found.directions, step)
    published = {*phases.own(subject).values(), *phases.ABLATIONS}
    if isinstance(subject.config, DyckConfig) and step in published:
        rows += _attending(subject, slot, found.directions, parameters["strings"], step)
    return rows


def _swept(
    network: Network,
    theta: Tensor,
    v: np.ndarray,
    sigma: float,
    chance: np.ndarray,
    about: Mapping[str, Any],
) -> Iterator[Row]:
    """To full removal in float64; over the published range in float32, as published."""
    wide = theta.double()
    along = abs(float(v @ wide.numpy()))
    yield Row(**about, quantity="sigma", value=sigma)
    yield Row(**about, quantity="along", value=along)
    grid = sizes(sigma, along, count=SIDE)
    curve = sweep(network, wide, v, grid)
    yield from _curve(curve, about, "whole")
    for name in ("loss", "divergence"):
        values, base = getattr(curve, name), curve.loss[curve.at(0.0)] * (name == "loss")
        own = max((values[curve.at(sign * sigma)] - base for sign in (-1, 1)), key=abs)
        quantity = f"own_{name}_change" if name == "loss" else "own_divergence"
        yield Row(**about, quantity=quantity, value=float(own), variant="whole", error=curve.floor)
        gone = values[curve.at(curve.removal)] - base
        quantity = "removal_loss_change" if name == "loss" else "removal_divergence"
        yield Row(**about, quantity=quantity, value=float(gone), variant="whole", error=curve.floor)
    near = sweep(network, theta, v, PUBLISHED_GRID)
    yield from _curve(near, about, "published")
    top = float(near.divergence.max())
    yield Row(**about, quantity="largest_divergence", value=top, variant="published")
    value = published_curvature(near)
    error = 2 * near.floor / PUBLISHED_GRID[PUBLISHED_GRID > 0].min() ** 2
    yield Row(**about, quantity="curvature", value=value, variant="published", error=error)
    if not len(chance):
        return
    # The same ε along random directions, whose removal takes next to nothing.
    drawn = [sweep(network, wide, u, grid) for u in chance]
    for name in _FOLLOWED:
        values = np.array([getattr(each, name) for each in drawn])
        for size, mean, sd in zip(
            grid, values.mean(axis=0), values.std(axis=0, ddof=1), strict=True
        ):
            row = {"at": float(size), "error": float(sd), "variant": "random"}
            yield Row(**about | row | {"count": len(drawn)}, quantity=name, value=float(mean))
    places = [curve.at(sign * sigma) for sign in (-1, 1)]
    own = np.array([each.divergence[places].max() for each in drawn])
    row = {"error": float(own.std(ddof=1)), "variant": "random", "count": len(drawn)}
    yield Row(**about | row, quantity="own_divergence", value=float(own.mean()))


def _curve(curve: Curve, about: Mapping[str, Any], variant: str) -> Iterator[Row]:
    followed = {name: getattr(curve, name) for name in _FOLLOWED} | curve.also
    for name, values in followed.items():
        error = np.nan if name not in ("loss", "divergence") else curve.floor
        for size, value in zip(curve.sizes, values, strict=True):
            row = {"quantity": name, "at": float(size), "error": error}
            yield Row(**about | row, value=float(value), variant=variant)


def _curved(
    examples: Examples,
    of: str,
    slot: AttentionSlot,
    directions: np.ndarray,
    chance: np.ndarray,
    step: int,
) -> Iterator[Row]:
    """⟨v, Hv⟩ in float64, and in units of the weights' own size."""
    wide = slot.attention.double()
    operator = Hessian.of(slot.of(examples.loss), wide)
    for k, v in enumerate(directions[:DIRECTIONS], start=1):
        found = curvature(operator, torch.from_numpy(v))
        about = {"part": f"v{k}", "variant": f"exact, {of}", "count": examples.count}
        yield Row(step, "curvature", found.value, error=found.floor, **about)
        relative, scale = found.relative(wide), float(wide.norm()) ** 2
        yield Row(step, "relative_curvature", relative, error=scale * found.floor, **about)
    drawn = np.array([curvature(operator, torch.from_numpy(u)).value for u in chance])
    about = {"part": "random", "variant": f"exact, {of}", "count": len(drawn)}
    sd, scale = float(drawn.std(ddof=1)), float(wide.norm()) ** 2
    yield Row(step, "curvature", float(drawn.mean()), error=sd, **about)
    yield Row(step, "relative_curvature", scale * float(drawn.mean()), error=scale * sd, **about)


def _rounded(
    examples: Examples, slot: AttentionSlot, directions: np.ndarray, step: int
) -> Iterator[Row]:
    """The published second difference and change of loss, at ε = 0.001 ‖θ‖."""
    loss, theta = slot.of(examples.loss), slot.attention
    for k, v in enumerate(directions[:DIRECTIONS], start=1):
        about = {"part": f"v{k}", "count": examples.count}
        unit = torch.from_numpy(v)
        for variant, at in (
            ("difference, float32", theta),
            ("difference, float64", theta.double()),
        ):
            found = second_difference(loss, at, unit, share=SHARE)
            row = about | {"variant": variant, "error": found.floor}
            yield Row(step, "curvature", found.value, **row)
        with torch.no_grad():
            wide = theta.double()
            here, ahead = (float(loss(wide + by * unit)) for by in (0.0, found.step))
        floor = 4 * torch.finfo(torch.float64).eps * abs(here)
        row = about | {"variant": "difference, float64", "error": floor}
        yield Row(step, "step_loss_change", abs(ahead - here), **row)


def _attending(
    subject: Subject, slot: AttentionSlot, directions: np.ndarray, count: int, step: int
) -> Iterator[Row]:
    """Mean entropy of attention over the published range, padding included, as published."""
    strings = padded(subject.table.test_strings[:count], dyck.LENGTH, dyck.PAD)
    full = Strings.of(subject.layout, strings)
    labels = torch.zeros(len(full.nodes), dtype=torch.int64)
    network = Network(
        slot.of(full.logits), labels, attention=slot.of(lambda at: attention(full.scores(at)))
    )
    for k, v in enumerate(directions[:DIRECTIONS], start=1):
        curve = sweep(network, slot.attention, v, PUBLISHED_GRID[::4])
        for size, value in zip(curve.sizes, curve.entropy, strict=True):
            about = {"part": f"v{k}", "variant": "published", "count": len(strings)}
            yield Row(step, "entropy", float(value), at=float(size), **about)


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    return 52.0 * subject.layout.size / 273_421


_UNIT = "nats/|θ|²"

EDGE_CURVES = Instrument(
    name="edge-curves",
    title="A network along its edge, from a touch to full removal",
    formula="θ(ε) = θ + ε v_k of the matrices, ⟨θ, v_k⟩ ≥ 0; ε = −⟨θ, v_k⟩ takes v_k out, "
    "ε = ±σ_k is the window's own move; divergence = KL(base ‖ moved); curvature ⟨v, Hv⟩",
    source="2604.07380 sections 4.2 to 4.5; weaknesses E, F",
    error="rounding to be expected of losses, divergences and products; of random directions the "
    "standard deviation over draws",
    parts="the direction: v1, v2, v3, v4; random",
    variants="whole: in float64, to full removal on both sides; published: in float32, |ε| ≤ 0.03, "
    "curvature by ε = 0.0025; exact: a product with the Hessian in float64, after the comma of the "
    "test or training loss; difference: the published one by ε = 0.001 ‖θ‖, in float32 or float64; "
    "random: random directions over the same ε as the part",
    quantities={
        "loss": Quantity("nats", "mean cross-entropy", "ε"),
        "accuracy": Quantity("1", "share of tokens or pairs that are right", "ε"),
        "divergence": Quantity("nats", "KL(base ‖ moved), mean over tokens or pairs", "ε"),
        "queries": Quantity("norm", "mean over layers of ‖[W_Q, W_K]‖", "ε"),
        "entropy": Quantity("nats", "mean entropy of attention rows, padding included", "ε"),
        "sigma": Quantity("norm", "σ_k, the window's own move"),
        "along": Quantity("norm", "⟨θ, v_k⟩, what removal takes"),
        "own_loss_change": Quantity("nats", "of the loss at ε = ±σ_k, the larger"),
        "own_divergence": Quantity("nats", "at ε = ±σ_k, the larger"),
        "removal_loss_change": Quantity("nats", "of the loss at ε = −⟨θ, v_k⟩"),
        "removal_divergence": Quantity("nats", "at ε = −⟨θ, v_k⟩"),
        "largest_divergence": Quantity("nats", "over the published range"),
        "curvature": Quantity(_UNIT, "second derivative of the loss along the direction"),
        "relative_curvature": Quantity("nats", "curvature · ‖θ‖², which no change of scale moves"),
        "step_loss_change": Quantity("nats", "|change| of the loss at ε = 0.001 ‖θ‖"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=3.5,
    cost="about 900 core-seconds a run of 10,000 steps, half of it the curves in float64",
    parameters={
        "window": Parameter(5, "updates in the window", low=2),
        "strings": Parameter(200, "test strings of the curves, of runs on brackets"),
        "curved": Parameter(300, "test strings of the curvature, of runs on brackets"),
        "draws": Parameter(20, "random directions of the curvature", low=3),
    },
    memory=3_000_000_000,
    needs=("theta", "decayed"),
    lacking=lacking,
)
