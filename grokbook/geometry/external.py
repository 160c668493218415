r"""The instruments on weights that are not ours, on batches that the caller names.

Weights are a ``state_dict`` under the names of `grokbook.models.reference.PlainTransformer`
(PyTorch's own for `nn.TransformerEncoder`), in an npz or safetensors file or as a mapping:

    layout, theta = read_weights("theirs.safetensors", heads=4)
    table = Table.make(("add", "mul"), layout.modulus, "nonzero", 0.5, seed=42)
    losses = losses_on(layout, table, [table.train[:512], table.train[512:1024]])
    reading, = commutators_on(losses, theta, table.tasks)
    reading.defects["add×mul"].corrected, reading.brackets["add×mul"].defect
    eigenpairs_on(losses[0], theta, table.tasks, seed=0)[""].values
    losses[0].accuracy(theta)    # their own, if theirs is this architecture
    reconstruction_on([theta_0, theta_1, theta], losses[0], count=2)[-1].accuracy

Shapes do not tell all of an architecture: weights of a network that normalises after its blocks,
or reads the mean of both positions, fit, and mean nothing here.  So look at the accuracy first.

Everything else in `grokbook.geometry` takes a `Loss` and θ as they come from here.  Weights are
read and checked by `grokbook.geometry.foreign_weights`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.commutator import ETA, Bracket
from grokbook.geometry.defect import PairReading, modes, read_pair, referee
from grokbook.geometry.eigenpairs import Eigenpairs, extremes
from grokbook.geometry.foreign_weights import read_weights
from grokbook.geometry.loss import Loss
from grokbook.geometry.reconstruction import reconstructions
from grokbook.models.layout import Layout
from grokbook.tasks.modular import Table

__all__ = [
    "ExternalReading",
    "Reconstructed",
    "commutators_on",
    "eigenpairs_on",
    "losses_on",
    "read_weights",
    "reconstruction_on",
]


def losses_on(
    layout: Layout, table: Table, batches: Sequence[Sequence[int] | np.ndarray | Tensor]
) -> list[Loss]:
    """The total loss on each batch.

    Args:
        layout: of the model.
        table: whose pairs are indexed and whose labels count.
        batches: of indices of pairs in the table, each (B,); ``table.train`` holds those of the
            training set.

    Raises:
        ValueError: if the table has another modulus or number of tasks than the model, or naming
            a batch that is empty, or has an index outside the table or no whole number.
    """
    if (table.modulus, len(table.tasks)) != (layout.modulus, layout.tasks):
        raise ValueError(
            f"the model has modulus {layout.modulus} and {layout.tasks} heads, the table modulus "
            f"{table.modulus} and {len(table.tasks)} tasks"
        )
    losses = []
    for number, batch in enumerate(batches):
        try:
            losses.append(Loss.on(layout, table, torch.as_tensor(batch)))
        except ValueError as error:
            raise ValueError(f"batch {number} of {len(batches)} from 0: {error}") from None
    return losses


@dataclass(frozen=True, eq=False)
class ExternalReading(PairReading):
    """A pair's defects and cosines, with the referee.

    Attributes:
        brackets: the exact bracket in float64, by mode.
    """

    brackets: dict[str, Bracket]


def commutators_on(
    losses: Sequence[Loss], theta: Tensor, tasks: Sequence[str], *, eta: float = ETA
) -> list[ExternalReading]:
    """Defects in all variants, cosines and brackets; losses 0 and 1 are a pair, 2 and 3 the next.

    Args:
        losses: total losses, an even number.
        theta: (P,).
        tasks: names of the heads, as the table lists them.
        eta: η.

    Raises:
        ValueError: for an odd number of losses or none; and where
            `grokbook.geometry.defect.read_pair` raises it.
    """
    if not losses or len(losses) % 2:
        raise ValueError(f"commutators need pairs of batches, not {len(losses)}")
    readings = []
    for first, second in zip(losses[::2], losses[1::2], strict=True):
        pair = read_pair(first, second, theta, tasks, eta=eta)
        brackets = {
            name: referee(first.only(heads_a), second.only(heads_b), theta)
            for name, (heads_a, heads_b) in modes(tasks).items()
        }
        readings.append(ExternalReading(pair.defects, pair.cosines, pair.norms, brackets))
    return readings


def eigenpairs_on(
    loss: Loss, theta: Tensor, tasks: Sequence[str], *, seed: int, **options: Any
) -> dict[str, Eigenpairs]:
    """Extreme eigenpairs of the Hessian, of the total loss and of each task's on the same examples.

    Args:
        loss: the total loss.
        theta: (P,), in whose precision the products are computed.
        tasks: names of the heads.
        seed: of the normal start.
        options: of `grokbook.geometry.eigenpairs.extremes`.

    Returns:
        ``""``, the whole, and, if there are several, each task.

    Raises:
        ValueError: as `extremes` does, and if the loss has other heads than tasks are named.
    """
    if len(tasks) != len(loss.heads):
        raise ValueError(f"a loss of {len(loss.heads)} heads, and tasks {', '.join(tasks)}")
    parts = {"": loss}
    if len(tasks) > 1:
        parts |= {task: loss.only((head,)) for task, head in zip(tasks, loss.heads, strict=True)}
    return {
        part: extremes(each.hessian(theta), seed=seed, **options) for part, each in parts.items()
    }


@dataclass(frozen=True)
class Reconstructed:
    """A θ_k and what it can do.

    Attributes:
        count: k.
        change: ‖θ_k − θ‖ / ‖θ‖.
        captured: variance, ‖V_kV_kᵀΔ‖² / ‖Δ‖².
        accuracy: (T,) share of the loss's examples that each head answers rightly.
    """

    count: int
    change: float
    captured: float
    accuracy: tuple[float, ...]


def reconstruction_on(
    trajectory: Sequence[Tensor], loss: Loss, *, count: int = 20
) -> list[Reconstructed]:
    """The last of several θ from the first k directions of the path to it, k = 1 … count.

    As published (2602.18523 section 4.7): uncentred, the target among the snapshots; see
    `grokbook.geometry.reconstruction.reconstructions` for what could contradict it.

    Args:
        trajectory: (P,) each, the first at step 0, the last the target; in double precision they
            are rounded to single, in which a network is trained and asked.
        loss: names the examples on which θ_k is asked.
        count: the largest k.

    Raises:
        ValueError: for fewer than three θ, or one of another size.
    """
    if len(sizes := {tuple(theta.shape) for theta in trajectory}) > 1:
        raise ValueError(f"all θ must have one shape, not {' and '.join(map(str, sorted(sizes)))}")
    snapshots = np.stack([theta.detach().float().numpy() for theta in trajectory])
    _, found = next(reconstructions(snapshots, count=count))
    return [
        Reconstructed(k, one.change, one.kept, tuple(loss.accuracy(one.theta).tolist()))
        for k, one in enumerate(found.path(), start=1)
    ]
