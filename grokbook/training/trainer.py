"""The training step, for M models at once: draw, differentiate, clip, update.

`Trainer` knows nothing of progress or files; it is the deterministic core that a run
(`grokbook.training.run`), an ensemble (`grokbook.training.ensemble`) and the benchmark share.  Its
M *slots* hold one model each, at a step of its own.  On a GPU the step is captured once in a CUDA
graph and replayed; batch indices and coefficients are uploaded a block ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from grokbook.config import Config
from grokbook.models import linear
from grokbook.models.layout import Layout
from grokbook.models.linear import Route
from grokbook.tasks.examples import Examples
from grokbook.training import coefficients
from grokbook.training.adamw import AdamW
from grokbook.training.capture import Captured
from grokbook.training.displacement import Displacement
from grokbook.training.interventions import Subspaces, noise
from grokbook.training.objective import Stream
from grokbook.training.objectives import kinship, objective

Bases = Callable[[str], np.ndarray]
"""Gives the (P, K) basis of a stored artefact by its hash."""


class Trainer:
    """M models of one architecture, their tables, batches and optimiser.

    Args:
        configs: of the models, which agree in their `kinship`.
        dtype: of all that is trained.
        device: ``"cpu"`` or ``"cuda"``.
        route: of the products on a CPU; by default the machine's.
        bases: where interventions find theirs.

    Attributes:
        theta: (M, P) parameters.
        steps: updates made, by slot.
        active: slots that are trained; the others keep their weights.
        loss: (M, T) loss in nats of each head on the last batch, before its update.
        gradient_norm: (M, 1) norm of the last gradient before clipping.

    Raises:
        ValueError: if the models are no kin.
    """

    def __init__(
        self,
        configs: Sequence[Config],
        *,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        route: Route | None = None,
        bases: Bases | None = None,
    ) -> None:
        if len({kinship(config) for config in configs}) != 1:
            raise ValueError(
                "models of one ensemble share their architecture, their table's size, their batch "
                "size, β₁, β₂ and ε"
            )
        first, models, tasks = configs[0], len(configs), len(configs[0].tasks)
        self.layout, self.device = Layout.of(first), torch.device(device)
        self.route = route or linear.route_on(device)
        self.theta = torch.zeros(models, self.layout.size, dtype=dtype, device=self.device)
        self._gradient = torch.zeros_like(self.theta)
        self.objective = objective(configs, self.theta, self._gradient, self.route)
        self.configs, self._find_basis = list(configs), bases
        self._bases = [_basis(config, bases) for config in configs]
        parts = {coefficients.changed_part(config) for config in configs} - {""}
        self.adam = AdamW(
            self.theta,
            self._gradient,
            beta1=first.beta1,
            beta2=first.beta2,
            epsilon=first.epsilon,
            subspaces=Subspaces(self._subspaces(), self.theta, parts) if parts else None,
        )
        self.displacement = Displacement(self.layout, self.theta, self.adam)
        self.loss = self.theta.new_zeros(models, tasks)
        self.gradient_norm = self.theta.new_zeros(models, 1)
        self.steps = [0] * models
        # Read by the step, filled before each: a captured graph sees only where they are.
        drawn = models * first.batch_size
        self._index = torch.zeros(drawn, dtype=torch.int64, device=self.device)
        self._coefficients = self.theta.new_zeros(len(coefficients.FIELDS), models, 1)
        self.active = [True] * models
        self.batches: list[Stream] = [self.objective.stream(config) for config in configs]
        for slot, config in enumerate(configs):
            self.place(slot, config)
        self._update = Captured(self._compute, list(self._per_model().values()), self.device)

    def _subspaces(self) -> list[np.ndarray | None]:
        """Bases that are a part of the step; noise and kicks have theirs aside."""
        return [
            basis if coefficients.changed_part(config) else None
            for config, basis in zip(self.configs, self._bases, strict=True)
        ]

    def place(self, slot: int, config: Config) -> None:
        """Put a new model at its step 0 into a slot.

        Raises:
            ValueError: if it is no kin of the others, or its basis has other dimensions.
        """
        if kinship(config) != kinship(self.configs[0]):
            raise ValueError("a new model must share the ensemble's architecture and table")
        basis, part = _basis(config, self._find_basis), coefficients.changed_part(config)
        subspaces = self.adam.subspaces
        if part and (subspaces is None or part not in subspaces.parts):
            raise ValueError(f"a new model changes its {part}, and the ensemble was made without")
        if subspaces is not None:
            subspaces.put(slot, basis if part else None)
        self._bases[slot] = basis
        self.configs[slot], self.steps[slot], self.active[slot] = config, 0, True
        self.theta[slot] = self.objective.initial(config).to(self.device)
        self.adam.reset(slot)
        self.adam.update[slot] = 0
        self.loss[slot] = self.gradient_norm[slot] = torch.nan
        self.displacement.reset(slot)
        self.batches[slot] = self.objective.stream(config)
        self.objective.place(slot, config)

    @property
    def tables(self) -> list[Examples]:
        """Data of the models, by slot."""
        return self.objective.tables

    @property
    def models(self) -> int:
        """M."""
        return len(self.configs)

    @property
    def step(self) -> int:
        """Updates made by the first model."""
        return self.steps[0]

    @torch.inference_mode()
    def advance(self, count: int = 1) -> None:
        """Make ``count`` updates of every active model."""
        ahead = coefficients.block(self.configs, self.steps, count, self.active)
        values = torch.from_numpy(ahead.values).to(self.theta.dtype).unsqueeze(-1)
        index = torch.from_numpy(self._draw(count))
        if self.device.type == "cuda":
            values, index = (
                x.pin_memory().to(self.device, non_blocking=True) for x in (values, index)
            )
        for update in range(count):
            self._coefficients.copy_(values[update])
            self._index.copy_(index[update])
            for slot in np.flatnonzero(ahead.reset[update]):
                self.adam.reset(int(slot))
            self._update()
            for slot in range(self.models):
                self.steps[slot] += self.active[slot]
            for slot in np.flatnonzero(ahead.added[update]):
                self._add(int(slot))

    def _draw(self, count: int) -> np.ndarray:
        """(S, M · B) rows of the training lists, laid end to end, for the next updates."""
        size = self.configs[0].batch_size
        rows = np.zeros((count, self.models, size), dtype=np.int64)
        for slot in np.flatnonzero(self.active):
            for update in range(count):
                rows[update, slot] = self.batches[slot].draw()
                rows[update, slot] += slot * self.objective.drawn_from
        return rows.reshape(count, self.models * size)

    def _compute(self) -> None:
        self.loss.copy_(self.objective(self._index))
        norm = self.adam.step(self._coefficients)
        self.gradient_norm.copy_(norm)

    def _add(self, slot: int) -> None:
        config, step, basis = self.configs[slot], self.steps[slot], self._bases[slot]
        if config.intervention.transform.startswith("kick"):
            # Only kicks need geometry, and what it imports.
            from grokbook.training.kicks import kick

            added = kick(config, self.tables[slot], self.theta[slot], step, basis)
        else:
            added = noise(config, self.layout.size, step, basis)
        added = torch.from_numpy(added).to(self.theta)
        self.theta[slot] += added
        self.adam.by_steps[slot] += added

    def state(self, slot: int = 0) -> dict[str, Tensor]:
        """What a resume point of one model must hold, as tensors on the CPU."""
        state = {name: tensor[slot] for name, tensor in self._per_model().items()}
        state["step"] = torch.tensor(self.steps[slot])
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def load(self, state: dict[str, Tensor], slot: int = 0) -> None:
        """Return a slot to a saved state; its model must be at step 0."""
        with torch.no_grad():
            for name, tensor in self._per_model().items():
                tensor[slot] = state[name].to(self.device)
        self.steps[slot] = int(state["step"])
        self.batches[slot].skip(self.steps[slot] - self.batches[slot].drawn)

    def _per_model(self) -> dict[str, Tensor]:
        return {  # named as resume points on disk have them
            "theta": self.theta,
            "adam.mean": self.adam.mean,
            "adam.square": self.adam.square,
            "adam.update": self.adam.update,
            "adam.decayed": self.adam.by_decay,
            "adam.learned": self.adam.by_steps,
            "displacement.before": self.displacement.before,
            "displacement.decayed": self.displacement.decayed,
            "loss": self.loss,
            "gradient_norm": self.gradient_norm,
        }


def _basis(config: Config, bases: Bases | None) -> np.ndarray | None:
    change = config.intervention
    if change is None or change.basis is None:
        return None
    if bases is None:
        raise ValueError(f"the run {config.label} needs a basis, and none can be looked up here")
    return bases(change.basis)
