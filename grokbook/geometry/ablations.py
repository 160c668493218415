"""Eigenvector ablations: which directions of the path of the attention matrices carry the answer.

Four published protocols (2602.18523 section 4.9), each on Δ = θ − θ(0) with *centred* directions:

- v1: k directions of every attention matrix kept, or taken out; all other parameters at θ.
- v2: 8 directions of every matrix, matrix by matrix, the first k of these 64; all else at θ(0).
- v3: the same, all else at θ.
- v4: k directions of the path of the whole of θ.

Centred directions describe where the path went about its mean, but Δ is not centred: most of its
mean is orthogonal to them and is lost, whatever the network needs.  "v1 uncentred" has the
directions of Δ itself.  In v2 and v3 no k ≤ 16 reaches past the second of the eight matrices.

And what is not in Δ is θ(0), which these protocols put back.  "v1 on weights" and "v4 on weights"
keep directions of θ itself, or take them out of it: the published directions, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.reconstruction import Reconstruction
from grokbook.geometry.singular_directions import SingularDirections
from grokbook.models.layout import Layout

EACH = 8
"""Directions of each attention matrix."""


def attention_entries(layout: Layout) -> dict[str, np.ndarray]:
    """Where W_Q, W_K, W_V, W_O of each layer lie in θ, by ``"0.W_Q"`` …, each (d²,) int64."""
    entries = layout.attention(torch.arange(layout.size)[None])[0].numpy()
    return {name: entries[part] for name, part in layout.attention_blocks().items()}


def attention_bases(
    layout: Layout, snapshots: np.ndarray, *, centred: bool
) -> tuple[SingularDirections, ...]:
    """At most `EACH` directions of each attention matrix's displacements from the first snapshot.

    Args:
        layout: of the model.
        snapshots: (n, P) θ(t), t ≥ 0.
        centred: about their mean, as published.
    """
    return tuple(
        SingularDirections.of(snapshots, snapshots[0], centred=centred, where=where, count=EACH)
        for where in attention_entries(layout).values()
    )


def ablations(layout: Layout, snapshots: np.ndarray) -> Iterator[tuple[str, Reconstruction]]:
    """Every protocol on the last snapshot, up to its published k.

    Random directions "in the same space" are those of ``path(seed=…)``: of each matrix's eight for
    v1, of all 64 for v2 and v3, of the whole path's for v4.

    Args:
        layout: of the model.
        snapshots: (n, P) θ(t), the first at step 0, the last the target.

    Yields:
        One at a time, as v4 holds all displacements in float64.
    """
    theta, origin = torch.from_numpy(snapshots[-1]), torch.from_numpy(snapshots[0])
    start = attention_at(layout, origin, theta)
    centred = attention_bases(layout, snapshots, centred=True)
    yield "v1", Reconstruction(theta, start, centred, 3, apart=True)
    yield "v1 removed", Reconstruction(theta, start, centred, 2, apart=True, removed=True)
    yield "v2", Reconstruction(theta, origin, centred, 16)
    yield "v3", Reconstruction(theta, start, centred, 20)
    plain = attention_bases(layout, snapshots, centred=False)
    yield "v1 uncentred", Reconstruction(theta, start, plain, EACH, apart=True)
    yield (
        "v1 uncentred removed",
        Reconstruction(theta, start, plain, 2, apart=True, removed=True),
    )
    nothing = torch.zeros_like(theta)
    bare = attention_at(layout, nothing, theta)
    yield "v1 on weights", Reconstruction(theta, bare, centred, 3, apart=True)
    yield (
        "v1 on weights removed",
        Reconstruction(theta, bare, centred, 2, apart=True, removed=True),
    )
    whole = SingularDirections.of(snapshots[1:], snapshots[0], centred=True)
    yield "v4", Reconstruction(theta, origin, (whole,), 30)
    yield "v4 on weights", Reconstruction(theta, nothing, (whole,), 30)


def attention_at(layout: Layout, theta: Tensor, elsewhere: Tensor) -> Tensor:
    """The attention matrices of one θ (P,), all else of another."""
    mixed, entries = elsewhere.clone(), np.concatenate([*attention_entries(layout).values()])
    mixed[entries] = theta[entries]
    return mixed
