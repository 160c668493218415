"""Taking a subspace out of the weights, beside removals that take as much.

    θ′ = θ − Σ_k ⟨θ, v_k⟩ v_k

If v_1 is along θ, this takes most of θ, where a random direction holds ‖θ‖/√P of it: what a
network loses is to be compared with removals of the same norm.  `CONTROLS` has them, drawn or
certain; those of the initial weights and of what was learned ask whether it is the edge that
counts, or what it happens to be near.  The component along θ itself is all of θ, so that of it
there is only as much as the edge takes, which is a uniform scaling.
Source: 2604.07380 section 4.6, weaknesses B, D.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.isotropic import frame
from grokbook.geometry.perturbation import noise
from grokbook.geometry.subspaces import TOLERANCE

CONTROLS = {
    "random": "k isotropic directions taken out, as published: not of the edge's norm",
    "random, equal norm": "an isotropic vector as long as what the edge takes",
    "scaled, equal norm": "θ made as short as θ′ is: s = ‖θ′‖/‖θ‖",
    "scaled, equal distance": "θ moved towards 0 as far as θ′ is from θ: s = 1 − ‖θ′ − θ‖/‖θ‖",
    "start": "the component along θ_0 taken out",
    "start, equal distance": "θ moved against that component as far as θ′ is",
    "learned": "the component along θ − kept · θ_0 taken out",
    "learned, equal distance": "θ moved against that component as far as θ′ is",
}
"""What each takes out, beside the edge."""
DRAWN = ("random", "random, equal norm")
"""Controls that are drawn; of the others there is one each."""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Ablated:
    """Weights that something was taken out of.

    Attributes:
        theta: (P,) θ′, in the precision of θ.
        removed: ‖θ′ − θ‖ / ‖θ‖, as it was rounded.
        norm: ‖θ′‖ / ‖θ‖.
        left: ‖P θ′‖ / ‖θ‖ of the directions that were taken out whole, which is rounding; NaN
            where none was.
    """

    theta: Tensor
    removed: float
    norm: float
    left: float = float("nan")


def ablate(theta: Tensor, directions: np.ndarray) -> Ablated:
    """θ without what lies along some directions; 3 k P products in float64.

    Args:
        theta: (P,) θ.
        directions: (k, P) orthonormal rows.  No rows (k = 0) leave θ unchanged.

    Raises:
        ValueError: for directions of another size or that are not orthonormal, or θ = 0.
    """
    rows = torch.as_tensor(np.ascontiguousarray(directions), dtype=torch.float64)
    if rows.dim() != 2 or rows.shape[1] != len(theta):
        raise ValueError(f"directions must be (k, {len(theta)}), not {tuple(rows.shape)}")
    apart = (rows @ rows.T - torch.eye(len(rows), dtype=torch.float64)).abs()
    if apart.numel() and float(apart.max()) > TOLERANCE:
        raise ValueError(f"directions are not orthonormal, by {float(apart.max()):.1e}")
    wide = theta.double()
    new = (wide - rows.T @ (rows @ wide)).to(theta.dtype)
    left = float((rows @ new.double()).norm())
    return _measured(theta, new, left=left)


def controls(
    theta: Tensor,
    edge: np.ndarray,
    *,
    start: Tensor,
    learned: Tensor,
    draws: int = 20,
    seed: int,
) -> Iterator[tuple[str, Ablated]]:
    """Every removal of `CONTROLS` that there is.

    A direction that is 0, such as what was learned at step 0, has no control; and neither has an
    edge that takes nothing, of equal norm or distance, but θ itself.

    Args:
        theta: (P,) θ.
        edge: (k, P) orthonormal directions, those that are judged.
        start: (P,) θ_0.
        learned: (P,) θ − kept · θ_0.
        draws: of each control that is drawn; the published random one has 20.
        seed: of private generators.

    Yields:
        The control's name and the weights, one at a time; k P normal numbers a draw.

    Raises:
        ValueError: as `ablate`, or for no draws.
    """
    taken = ablate(theta, edge)
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        yield "random", ablate(theta, frame(generator, len(theta), len(edge)).T)
    if taken.removed:
        for new in noise(theta, _everywhere(theta, taken.removed), seed=seed, draws=draws):
            yield "random, equal norm", _measured(theta, new)
    wide = theta.double()
    yield "scaled, equal norm", _measured(theta, (taken.norm * wide).to(theta.dtype))
    size = float(wide.norm())
    for name, vector in (("scaled", wide), ("start", start), ("learned", learned)):
        length = float(vector.double().norm())
        if length <= 1e-12 * size:
            continue
        unit = vector.double() / length
        if name != "scaled":
            yield name, ablate(theta, unit.numpy()[None])
        sign = 1.0 if float(unit @ wide) >= 0 else -1.0
        new = wide - sign * taken.removed * size * unit
        yield f"{name}, equal distance", _measured(theta, new.to(theta.dtype))


def reached(effect: float, control: np.ndarray) -> float:
    """Share of a control's draws whose effect is as large as that of a removal, in size.

    Published is the ratio of the effect to the control's mean with 1e-8 added beneath, so that a
    control without effect gives 10⁷.

    Args:
        effect: of the removal: accuracy or loss after, less before.
        control: (n,) the same of every draw.

    Raises:
        ValueError: for no draws.

    >>> reached(-0.4, np.array([-0.1, -0.1, -0.5, 0.3]))
    0.25
    """
    control = np.asarray(control, dtype=np.float64)
    if control.ndim != 1 or not len(control):
        raise ValueError(f"a contrast needs draws of its control, not {control.shape}")
    return float((np.abs(control) >= abs(effect)).mean())


def _measured(theta: Tensor, new: Tensor, left: float = float("nan")) -> Ablated:
    wide, size = theta.double(), float(theta.double().norm())
    if not size > 0:
        raise ValueError("there is nothing to take out of θ = 0")
    moved, norm = float((new.double() - wide).norm()), float(new.double().norm())
    return Ablated(new, moved / size, norm / size, left / size)


def _everywhere(theta: Tensor, removed: float) -> Tensor:
    """Some θ′ at the given distance that differs in every coordinate, for `noise` to match."""
    shift = removed * float(theta.double().norm()) / len(theta) ** 0.5
    return theta.double() + shift
