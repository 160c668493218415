"""The training step, for M models at once: draw, differentiate, clip, update.

`Trainer` knows nothing of evaluation, files or progress; it is the deterministic core that a run
(`grokbook.training.run`), an ensemble and a benchmark share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from grokbook.config import RunConfig
from grokbook.models import trunk
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.training.adamw import AdamW
from grokbook.training.batches import Batches


class Trainer:
    """M models of one architecture, their tables, batches and optimiser.

    Attributes:
        theta: (M, P) parameters.
        step: updates made.
        loss: (M, T) loss in nats of each head on the last batch, before its update.
        gradient_norm: (M,) norm of the last gradient before clipping.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        *,
        dtype: torch.dtype = torch.float32,
        displacements: bool = False,
    ) -> None:
        self.configs = tuple(configs)
        self.layout = Layout.of(self.configs[0])
        if any(
            Layout.of(c) != self.layout or c.batch_size != self.configs[0].batch_size
            for c in self.configs
        ):
            raise ValueError("models of one ensemble share their architecture and batch size")
        self.tables = tuple(c.table() for c in self.configs)
        self.theta = initial_parameters(
            self.layout, [c.init_seed for c in self.configs], dtype=dtype
        )
        # Leaves in the buffer's memory: autograd sees parameters, the optimiser one tensor.
        self._leaves = {
            name: view.detach().requires_grad_()
            for name, view in self.layout.views(self.theta).items()
        }
        self._gradient = torch.empty_like(self.theta)
        self.adam = AdamW(self.configs, self.layout.size, dtype=dtype, displacements=displacements)
        self.batches = tuple(
            Batches(c.batch_seed, len(t.train), c.batch_size)
            for c, t in zip(self.configs, self.tables, strict=True)
        )
        self._pairs = [torch.from_numpy(t.pairs[t.train]) for t in self.tables]
        self._labels = [torch.from_numpy(t.labels[t.train]) for t in self.tables]
        tasks = len(self.configs[0].tasks)
        self.loss = torch.full((len(self.configs), tasks), torch.nan, dtype=dtype)
        self.gradient_norm = torch.full((len(self.configs),), torch.nan, dtype=dtype)

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self.adam.steps

    def gradient(self, pairs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss (M, T) and gradient (M, P) of the summed loss on given examples.

        Args:
            pairs: (M, B, 2) operands.
            labels: (M, B, T).

        Returns:
            The loss, and the trainer's own gradient buffer: the next call overwrites it, and
            the optimiser clips it in place; keep a clone.
        """
        loss = trunk.losses(trunk.logits(self.layout, self._leaves, pairs), labels)
        gradients = torch.autograd.grad(loss.sum(), list(self._leaves.values()))
        torch.cat([g.flatten(1) for g in gradients], dim=1, out=self._gradient)
        return loss.detach(), self._gradient

    def advance(self, steps: int = 1) -> None:
        """Make ``steps`` updates."""
        for _ in range(steps):
            chosen = [torch.from_numpy(stream.draw()) for stream in self.batches]
            pairs = torch.stack([p[c] for p, c in zip(self._pairs, chosen, strict=True)])
            labels = torch.stack([y[c] for y, c in zip(self._labels, chosen, strict=True)])
            self.loss, gradient = self.gradient(pairs, labels)
            self.gradient_norm = self.adam.step(self.theta, gradient).squeeze(1)

    def state(self) -> dict[str, Tensor]:
        """What a resume point must hold, as tensors."""
        state = {
            "theta": self.theta,
            "adam.mean": self.adam.mean,
            "adam.square": self.adam.square,
            "adam.steps": torch.tensor(self.adam.steps),
            "batches.drawn": torch.tensor([stream.drawn for stream in self.batches]),
            "loss": self.loss,
            "gradient_norm": self.gradient_norm,
        }
        if self.adam.decayed is not None:
            state |= {"adam.decayed": self.adam.decayed, "adam.learned": self.adam.learned}
        return state

    def load(self, state: dict[str, Tensor]) -> None:
        """Return to a saved state; call it on a fresh trainer, whose streams are at their start."""
        with torch.no_grad():
            self.theta.copy_(state["theta"])
            self.adam.mean.copy_(state["adam.mean"])
            self.adam.square.copy_(state["adam.square"])
            if self.adam.decayed is not None:
                if "adam.decayed" not in state:
                    raise ValueError(
                        "the run was begun without displacements; they cannot be "
                        "followed from the middle"
                    )
                self.adam.decayed.copy_(state["adam.decayed"])
                self.adam.learned.copy_(state["adam.learned"])
        self.adam.steps = int(state["adam.steps"])
        self.loss, self.gradient_norm = state["loss"], state["gradient_norm"]
        for stream, drawn in zip(
            self.batches, np.atleast_1d(state["batches.drawn"].numpy()), strict=True
        ):
            stream.skip(int(drawn) - stream.drawn)
