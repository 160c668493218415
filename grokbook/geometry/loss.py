"""The loss on fixed examples as a function of the flat parameters, with its derivatives.

    L(θ) = Σ_t 1/B Σ_b −log softmax(z_t(x_b; θ))[y_tb]        nats, t over the chosen heads

θ is a vector of P entries in the order of `grokbook.models.layout`.  Everything is computed in the
precision of θ, through plain products and attention written out, so that it can be differentiated
twice; nothing here is clipped, decayed or preconditioned.  Source: 2602.18523 sections 3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grokbook.geometry.operators import Hessian, flat
from grokbook.models import trunk
from grokbook.models.layout import Layout
from grokbook.tasks.modular import Table

PUBLISHED_BATCH = 512
"""Examples of a batch in every published measurement of gradients and of Hessians.

2602.18523 sections 4.4 and 4.6.
"""


@dataclass(frozen=True, eq=False)  # tensors have no truth value to compare by
class Loss:
    """The summed cross-entropy of some heads on some examples.

    Attributes:
        layout: of the model.
        pairs: (B, 2) int64 operands.
        labels: (B, T) int64, a column a head of the model.
        heads: which heads count; the published total loss is all of them.
    """

    layout: Layout
    pairs: Tensor
    labels: Tensor
    heads: tuple[int, ...]

    @classmethod
    def on(
        cls,
        layout: Layout,
        table: Table,
        indices: Sequence[int] | Tensor,
        heads: Sequence[int] | None = None,
    ) -> Loss:
        """The loss on pairs of a table.

        Args:
            layout: of the model.
            table: lists the pairs and their labels.
            indices: (B,) of pairs in the table; a pair that occurs twice counts twice.
            heads: which heads count, by default all.

        Raises:
            ValueError: for no examples, an index that is no whole number or outside the table, or
                a head that is not there.
        """
        chosen = torch.as_tensor(indices)
        if chosen.dim() != 1 or len(chosen) == 0:
            raise ValueError(f"a loss needs (B,) indices with B > 0, not {tuple(chosen.shape)}")
        if chosen.is_floating_point() or chosen.dtype == torch.bool:  # a mask would read as 0 and 1
            raise ValueError(f"indices must be whole numbers, not {chosen.dtype}")
        chosen, last = chosen.to(torch.int64), len(table.pairs) - 1
        if chosen.min() < 0 or chosen.max() > last:
            wrong = chosen[(chosen < 0) | (chosen > last)][0]
            raise ValueError(f"indices must lie in 0 … {last}, not {wrong}")
        heads = tuple(range(layout.tasks)) if heads is None else tuple(heads)
        if not heads or not set(heads) <= set(range(layout.tasks)):
            raise ValueError(f"heads must be some of 0 … {layout.tasks - 1}, not {heads!r}")
        pairs, labels = torch.from_numpy(table.pairs), torch.from_numpy(table.labels)
        return cls(layout, pairs[chosen], labels[chosen], heads)

    def only(self, heads: tuple[int, ...]) -> Loss:
        """The loss of some of its heads on the same examples.

        Raises:
            ValueError: for none, or one that does not count here.
        """
        if not heads or not set(heads) <= set(self.heads):
            raise ValueError(f"heads must be some of {self.heads}, not {heads!r}")
        return replace(self, heads=heads)

    @property
    def size(self) -> int:
        """P."""
        return self.layout.size

    @torch.no_grad()
    def value(self, theta: Tensor) -> float:
        """L(θ) in nats, for θ (P,)."""
        return self.total(self.layout.views(theta[None])).item()

    def gradient(self, theta: Tensor) -> Tensor:
        """∇L(θ), (P,)."""
        leaves = _leaves(self.layout, theta)
        return flat(torch.autograd.grad(self.total(leaves), list(leaves.values())))

    def gradients(self, theta: Tensor) -> Tensor:
        """The gradient of each chosen head's loss, (len(heads), P); their sum is `gradient`.

        One forward pass serves all.
        """
        leaves = _leaves(self.layout, theta)
        each = self._each(leaves)
        rows = [
            torch.autograd.grad(
                term, list(leaves.values()), retain_graph=True, materialize_grads=True
            )
            for term in each
        ]
        return torch.stack([flat(row) for row in rows])

    def hessian(self, theta: Tensor) -> Hessian:
        """∇²L(θ) as products with vectors; the graph of the gradient is built once."""
        leaves = _leaves(self.layout, theta)
        return Hessian(self.total(leaves), list(leaves.values()))

    @torch.no_grad()
    def right(self, theta: Tensor) -> Tensor:
        """Which examples each chosen head answers rightly, (B, len(heads)) bool."""
        answers = self.logits(self.layout.views(theta[None])).argmax(-1)[0]
        return (answers == self.labels)[:, list(self.heads)]

    def accuracy(self, theta: Tensor) -> Tensor:
        """Share of examples answered rightly by each chosen head, (len(heads),)."""
        return self.right(theta).double().mean(dim=0)

    def logits(self, parameters: dict[str, Tensor]) -> Tensor:
        """z(x; θ) of every head, (1, B, T, classes), for parameters by name with a leading axis."""
        return trunk.logits(self.layout, parameters, self.pairs[None])

    def _each(self, parameters: dict[str, Tensor]) -> Tensor:
        return trunk.losses(self.logits(parameters), self.labels[None])[0, list(self.heads)]

    def total(self, parameters: dict[str, Tensor]) -> Tensor:
        """L in nats, for parameters as for `logits`; it can be differentiated twice."""
        return self._each(parameters).sum()


def batches(table: Table, seed: int, size: int, count: int) -> Iterator[Tensor]:
    """``count`` batches of ``size`` indices into the table, drawn from the training pairs.

    I.i.d. with replacement, as training draws them (2602.18523 section 1), from a private
    generator of this seed: no measurement touches a run's own stream.
    """
    generator = torch.Generator().manual_seed(seed)
    train = torch.from_numpy(table.train)
    for _ in range(count):
        yield train[torch.randint(0, len(train), (size,), generator=generator)]


def _leaves(layout: Layout, theta: Tensor) -> dict[str, Tensor]:
    """Parameters by name, each a leaf: slices of one leaf would cost a full vector each."""
    if theta.shape != (layout.size,):
        raise ValueError(f"θ has shape {tuple(theta.shape)}, not ({layout.size},)")
    return {
        name: view.detach().clone().requires_grad_()
        for name, view in layout.views(theta[None]).items()
    }
