"""The commutator defect of two batches: as published, as it is, and what rounding made of it.

    D = ‖δ‖ / (‖ηg_A‖ ‖ηg_B‖),  δ as in `grokbook.geometry.commutator`; in 1/|θ|

The published protocol subtracts θ_AB and θ_BA as stored in float32, so δ is rounded to multiples
of the weights' last bits; at initialisation a hundredth of ‖δ‖² is signal.  Its floor, the same
arithmetic with frozen gradients, sees of that only the steps that cross a power of two, as those
from LayerNorm gains of exactly 1 do: anywhere else the two orders round alike and it vanishes.  So
rounding is measured here as what it is, the published δ less the true one; and the true one is
computed in float64, for in float32 the step itself drowns where ‖ηg‖ is small against the last
bits of θ.

A second thing apart from rounding: where η times the sharpness nears 1, late in training, a step
of the published size is no small one, and δ is not along η²(H_B g_A − H_A g_B).  `referee` gives
that limit; how far δ agrees with it is to be read beside D.

Source: 2602.18523 sections 4.3, 4.4 and 7 (D1), 2602.16746 sections 4.4 and 7 (S1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from grokbook.geometry.commutator import (
    ETA,
    Bracket,
    Commutator,
    Gradient,
    bracket,
    commutator,
    cosine,
    norm,
    ratio,
)
from grokbook.geometry.loss import Loss
from grokbook.models.layout import Layout

_PUBLISHED_EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class Defect:
    """The defect of one pair of losses, as published and as it is.

    All but the two vectors are in the units that they name; D is in 1/|θ|.

    Attributes:
        published: D of `published_delta`, over ‖ηg_A‖ ‖ηg_B‖ + 1e-12.
        rounding: ‖published δ − δ‖ over the same: the error of ``published`` by its own formula.
            Where its 1e-12 outweighs η²‖g‖², both vanish, and ``corrected`` may be far from it.
        floor: the published floor: the float32 arithmetic with gradients frozen at θ.
        corrected: D of `delta`, in float64; NaN where a gradient vanishes.
        error: of ``corrected``, from above: its rounding if float64 vectors were subtracted.
        relative: ‖c_A − c_B‖ / (‖c_A‖ + ‖c_B‖) in 0 … 1, c the changes of the gradients:
            free of the scale of loss and weights; → ‖H_B g_A − H_A g_B‖ / (‖H_B g_A‖ + ‖H_A g_B‖).
        bracket: ‖δ‖ / η² → ‖H_B g_A − H_A g_B‖, in nats²/|θ|³.
        cosine: between g_A and g_B.
        norms: ‖g_A‖, ‖g_B‖ in nats/|θ|.
        zeros: share of the entries of `published_delta` that are exactly 0.
        delta: δ by differences of gradients, (P,) float64.
        published_delta: θ_AB − θ_BA of stored vectors, (P,) float32.
    """

    published: float
    rounding: float
    floor: float
    corrected: float
    error: float
    relative: float
    bracket: float
    cosine: float
    norms: tuple[float, float]
    zeros: float
    delta: Tensor
    published_delta: Tensor

    @classmethod
    def of(cls, single: Commutator, double: Commutator) -> Defect:
        """From the two steps in float32 and in float64."""
        delta, stored = double.delta, single.stored
        published_scale = single.scale + _PUBLISHED_EPSILON
        changes = norm(double.first_change) + norm(double.second_change)
        return cls(
            published=norm(stored) / published_scale,
            rounding=norm(stored.double() - delta) / published_scale,
            floor=norm(single.frozen) / published_scale,
            corrected=ratio(norm(delta), double.scale),
            error=ratio(norm(double.stored - delta), double.scale),
            relative=ratio(norm(delta), double.eta * changes),
            bracket=norm(delta) / double.eta**2,
            cosine=cosine(double.first, double.second),
            norms=(norm(double.first), norm(double.second)),
            zeros=(stored == 0).double().mean().item(),
            delta=delta,
            published_delta=stored,
        )


def defect(first: Gradient, second: Gradient, theta: Tensor, *, eta: float = ETA) -> Defect:
    """The commutator defect of two losses at θ.

    Costs 4 gradients in float32 and 4 in float64.

    Args:
        first: g_A; it is asked in both precisions.
        second: g_B.
        theta: (P,); float32 arithmetic takes it rounded.
        eta: η.

    Raises:
        ValueError: as `commutator`.
    """
    single, double = (
        commutator(first, second, theta.to(kind), eta=eta)
        for kind in (torch.float32, torch.float64)
    )
    return Defect.of(single, double)


def modes(tasks: Sequence[str]) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The published pairings of losses: a name ↦ the heads that count on batch A, on batch B.

    The total loss on both, named ``""``, and one task on A and a later one on B.

    >>> modes(("add", "mul"))
    {'': ((0, 1), (0, 1)), 'add×mul': ((0,), (1,))}
    """
    every = tuple(range(len(tasks)))
    crossed = {f"{tasks[i]}×{tasks[j]}": ((i,), (j,)) for i, j in combinations(every, 2)}
    return {"": (every, every)} | crossed


@dataclass(frozen=True, eq=False)
class PairReading:
    """What one pair of batches says.

    Attributes:
        defects: by mode, see `modes`.
        cosines: between the gradients of one task's loss on A and on B, by task.
        norms: of one task's gradient on A and on B, by task; nats/|θ|.
    """

    defects: dict[str, Defect]
    cosines: dict[str, float]
    norms: dict[str, tuple[float, float]]


def read_pair(
    first: Loss, second: Loss, theta: Tensor, tasks: Sequence[str], *, eta: float = ETA
) -> PairReading:
    """The defects and cosines of a pair of batches in every mode.

    The heads' gradients at θ are shared by the modes, which leaves 2 gradients a mode.  In each
    of the two precisions that is 2T backward passes for the heads, 2 gradients for the total and
    T(T − 1) for the crossed modes.

    Args:
        first: the loss of all T heads on batch A.
        second: on batch B.
        theta: (P,).
        tasks: T names of the heads.
        eta: η.

    Raises:
        ValueError: if the names are not as many as the heads, or a loss leaves one out.
    """
    every = tuple(range(len(tasks)))
    for loss in (first, second):
        if loss.heads != every or loss.layout.tasks != len(every):
            raise ValueError(f"tasks {tuple(tasks)!r} are not the heads {loss.heads} of the loss")
    found: dict[str, list[Commutator]] = {name: [] for name in modes(tasks)}
    for kind in (torch.float32, torch.float64):
        point = theta.to(kind)
        on_a, on_b = first.gradients(point), second.gradients(point)
        for name, (heads_a, heads_b) in modes(tasks).items():
            found[name].append(
                commutator(
                    first.only(heads_a).gradient,
                    second.only(heads_b).gradient,
                    point,
                    eta=eta,
                    at=(on_a[list(heads_a)].sum(0), on_b[list(heads_b)].sum(0)),
                )
            )
    rows = list(zip(tasks, on_a, on_b, strict=True))
    return PairReading(
        {name: Defect.of(*both) for name, both in found.items()},
        {task: cosine(a, b) for task, a, b in rows},
        {task: (norm(a), norm(b)) for task, a, b in rows},
    )


def referee(first: Loss, second: Loss, theta: Tensor) -> Bracket:
    """The exact bracket of two losses at θ, in float64: 2 gradients and 2 Hessian products."""
    point = theta.double()
    return bracket(
        (first.gradient(point), second.gradient(point)),
        (first.hessian(point), second.hessian(point)),
    )


def attention_share(layout: Layout, delta: Tensor, *, biases: bool = True) -> float:
    """‖δ on the attention parameters‖ / ‖δ‖, in 0 … 1; NaN for δ = 0.

    Args:
        layout: of δ.
        delta: (P,).
        biases: with the biases of attention, as published (2602.18523 section 4.3); else the
            matrices alone.

    Raises:
        ValueError: for a δ of another size.
    """
    if delta.shape != (layout.size,):
        raise ValueError(f"δ has shape {tuple(delta.shape)}, not ({layout.size},)")
    inside = [
        view[0]
        for name, view in layout.views(delta[None]).items()
        if "self_attn" in name and (biases or not name.endswith("bias"))
    ]
    return ratio(math.hypot(*map(norm, inside)), norm(delta))
