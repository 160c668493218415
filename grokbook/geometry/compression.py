"""Compression of a trained network: truncated, pruned, scaled, with modules swapped.

Every operation reduces the displacement Δ = θ − o from an *origin* o, θ′ = o + C(θ − o).  The
origin is the whole dispute (2602.18523 section 8.2):

- o = θ(0) is the published choice.  Weight decay has erased θ(0) from θ, so θ′ puts a random
  vector of norm 118 back in part: θ(0) + sΔ = sθ + (1 − s)θ(0).
- o = 0 compresses the network that there is.
- o = another seed's θ(0) is a control with the published arithmetic and no shared history: Δ is
  then no displacement of any training at all.

All is computed as θ minus what is lost, so that losing nothing changes no bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grokbook.geometry.perturbation import Perturbed
from grokbook.models.layout import Layout

RANKS = (1, 2, 3, 5, 10, 20, 32, 64, 128)
"""Published ranks of the truncation."""
SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0)
"""Published shares of entries that pruning keeps."""
FACTORS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.5)
"""Published factors of the scaling."""


def truncated(
    layout: Layout,
    theta: Tensor,
    origin: Tensor,
    ranks: Sequence[int],
    *,
    attention: bool = False,
) -> dict[int, Perturbed]:
    """Every matrix's displacement cut to its leading singular values, by rank.

        W′ = W − Σ_{j>r} σ_j u_j v_jᵀ,   Σ σ_j u_j v_jᵀ = W − o_W

    Vectors stay at θ; the fused QKV weight is one 3d × d matrix.  The nearest matrices of this
    rank in Frobenius norm, so ‖θ′ − θ‖² is the sum of the dropped σ² (Eckart and Young).  Cost:
    one SVD a matrix, in float64, for all ranks.

    Args:
        layout: of the model.
        theta: (P,) θ.
        origin: (P,) o.
        ranks: r ≥ 0; at or above a matrix's rank it keeps its bits.
        attention: only W_Q, W_K, W_V, W_O; all else stays at θ.

    Raises:
        ValueError: for a negative rank.
    """
    if min(ranks, default=0) < 0:
        raise ValueError(f"ranks must not be negative, not {min(ranks)}")
    displacement = theta.double() - origin.double()
    reach = torch.zeros(len(theta), dtype=torch.float64)
    new = {rank: theta.double().clone() for rank in ranks}
    for name, part in layout.slices.items():
        shape = layout.shapes[name]
        if len(shape) != 2 or (attention and not name.endswith(_ATTENTION)):
            continue
        reach[part] = displacement[part]
        left, values, right = torch.linalg.svd(displacement[part].view(shape), full_matrices=False)
        for rank in ranks:
            if rank < len(values):
                tail = (left[:, rank:] * values[rank:]) @ right[rank:]
                new[rank][part] -= tail.reshape(-1)
    return {rank: Perturbed.of(theta, new[rank], reach) for rank in ranks}


def pruned(theta: Tensor, origin: Tensor, share: float) -> Perturbed:
    """All but the largest displacements undone: θ′_i = θ_i for the ⌊share · P⌉ largest |Δ_i|.

    The rest are at the origin; of equal ones the first are kept.

    Raises:
        ValueError: unless 0 ≤ share ≤ 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share to keep must lie in 0 … 1, not {share}")
    displacement = theta.double() - origin.double()
    order = displacement.abs().argsort(descending=True, stable=True)
    new = origin.double().clone()
    kept = order[: round(share * len(theta))]
    new[kept] = theta.double()[kept]
    return Perturbed.of(theta, new, displacement)


def scaled(theta: Tensor, origin: Tensor, factor: float) -> Perturbed:
    """The displacement stretched: θ′ = θ + (s − 1)Δ, so o + sΔ, so sθ + (1 − s)o.

    Raises:
        ValueError: for a factor that is not finite.
    """
    if not math.isfinite(factor):
        raise ValueError(f"a factor must be finite, not {factor}")
    displacement = theta.double() - origin.double()
    return Perturbed.of(theta, theta.double() + (factor - 1) * displacement, displacement)


def modules(layout: Layout) -> dict[str, Tensor]:
    """The published groups of parameters as (P,) masks: they cover θ and do not overlap.

    ``"other"`` is embedding, positions and final LayerNorm; then each block, and the heads.
    """
    names = ["other", *(f"block {layer}" for layer in range(layout.layers)), "heads"]
    masks = {name: torch.zeros(layout.size, dtype=torch.bool) for name in names}
    for name, part in layout.slices.items():
        match name.split("."):
            case ["encoder", "layers", layer, *_]:
                masks[f"block {layer}"][part] = True
            case ["heads", *_]:
                masks["heads"][part] = True
            case _:
                masks["other"][part] = True
    return masks


def swapped(theta: Tensor, origin: Tensor, where: Tensor) -> Perturbed:
    """Some parameters at the origin: θ′ = o where the mask says so, θ elsewhere.

    With o = 0 a block is taken out: the residual stream passes it by.

    Raises:
        ValueError: unless the mask is (P,) bool.
    """
    if where.shape != theta.shape or where.dtype != torch.bool:
        raise ValueError(f"a mask must be ({len(theta)},) bool, not {tuple(where.shape)}")
    new = torch.where(where, origin.to(theta.dtype), theta)
    return Perturbed.of(theta, new, theta.double() - origin.double())


_ATTENTION = ("self_attn.in_proj_weight", "self_attn.out_proj.weight")
