"""What each update of each model multiplies by: schedules, bias corrections, interventions.

All that varies from step to step or from model to model is worked out ahead, in float64 on the
CPU, for a block of updates: an array (S, M) a coefficient.  The step itself then has no branches,
so a model can stop, switch its decay or have its gradient changed without its neighbours, or a
captured CUDA graph, noticing.

For update t (the first is 1) of a model with rate η, decay λ and clip norm c, in force after t−1
updates:

    keep = 1 − ηλ,   root = 1 / √(1 − β₂ᵗ),   size = η / (1 − β₁ᵗ),   clip = c

where t counts from the last reset of the optimiser, if there was one.

A model that is stopped has keep = 1 and size = 0: its weights stay as they are, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.changes import ADDING
from grokbook.config import Config

_STILL = {
    "keep": 1.0,
    "root": 1.0,
    "size": 0.0,
    "clip": 1.0,
    "outside": 1.0,
    "inside": 0.0,
    "update_outside": 1.0,
    "update_inside": 0.0,
}
"""Coefficients of an update that leaves a model as it is."""

FIELDS = tuple(_STILL)
"""Coefficients of an update, in the order of the stacked arrays; see `Coefficients`."""


@dataclass(frozen=True)
class Coefficients:
    """A block of updates of M models.

    Attributes:
        values: (S, 8, M) float64, by update, field of `FIELDS` and model.  ``outside`` and
            ``inside`` change the clipped gradient to ``outside · g + inside · B Bᵀ g``;
            ``update_outside`` and ``update_inside`` do the same to the Adam step.
        added: (S, M) strength of what is added to the weights after the update; zero for nothing.
        reset: (S, M) bool, is the optimiser begun anew before the update?
    """

    values: np.ndarray
    added: np.ndarray
    reset: np.ndarray


def block(
    configs: Sequence[Config], done: Sequence[int], count: int, active: Sequence[bool]
) -> Coefficients:
    """Coefficients of the next ``count`` updates.

    Args:
        configs: of the models.
        done: updates made so far, by model.
        count: S.
        active: models that go on; the others are held still.

    >>> from grokbook.config import RunConfig
    >>> one = RunConfig(tasks=("add",), learning_rate=0.01, weight_decay=0.5)
    >>> block([one], [0], 1, [True]).values[0, :3, 0].round(6).tolist()
    [0.995, 7.071068, 0.1]
    """
    values = np.empty((count, len(FIELDS), len(configs)))
    values[:] = np.array(list(_STILL.values()))[:, None]
    added = np.zeros((count, len(configs)))
    reset = np.zeros((count, len(configs)), dtype=bool)
    for model, config in enumerate(configs):
        if not active[model]:
            continue
        before = np.arange(done[model], done[model] + count)
        rate = _in_force(config, "learning_rate", before)
        decay = _in_force(config, "weight_decay", before)
        reset[:, model] = np.isin(before, config.resets)
        t = before + 1 - _last_reset(config, before)
        of = dict(zip(FIELDS, values[:, :, model].T, strict=True))  # views, written in place
        of["keep"][:] = 1 - rate * decay
        of["root"][:] = (1 - config.beta2**t) ** -0.5
        of["size"][:] = rate / (1 - config.beta1**t)
        of["clip"][:] = _in_force(config, "clip_norm", before)
        if config.intervention is not None:
            change = config.intervention
            now = np.array([change.acts(step) for step in before.tolist()])
            if change.transform in ADDING:
                added[:, model] = np.where(now, change.strength, 0.0)
                continue
            outside, inside = _shares(change.transform, change.strength)
            prefix = "update_" if changed_part(config) == "update" else ""
            of[f"{prefix}outside"][:] = np.where(now, outside, 1.0)
            of[f"{prefix}inside"][:] = np.where(now, inside, 0.0)
    return Coefficients(values, added, reset)


def changed_part(config: Config) -> str:
    """What a run's intervention changes within a subspace: the gradient, the update, or nothing.

    >>> from grokbook.config import RunConfig
    >>> changed_part(RunConfig(tasks=("add",)))
    ''
    """
    change = config.intervention
    if change is None or change.transform in ADDING:
        return ""
    return "update" if change.transform == "delete_update" else "gradient"


def _in_force(config: Config, field: str, before: np.ndarray) -> np.ndarray:
    """A field's value for the update after each of ``before`` updates, by the run's schedule."""
    values = np.full(len(before), getattr(config, field))
    for switch in config.schedule:  # in order of steps
        if switch.field == field:
            values = np.where(before >= switch.step, switch.value, values)
    return values


def _last_reset(config: Config, before: np.ndarray) -> np.ndarray:
    """Updates made when the optimiser's moments were last set to zero, for each of ``before``."""
    last = np.zeros_like(before)
    for step in config.resets:  # ascending
        last = np.where(before >= step, step, last)
    return last


def _shares(transform: str, strength: float) -> tuple[float, float]:
    """(outside, inside) of a transform, for x ↦ outside · x + inside · B Bᵀ x.

    Deleting the part f of what is orthogonal to B is (1 − f) x + f B Bᵀ x; Adam removes the factor
    1 − f, which leaves x + f / (1 − f) B Bᵀ x: the equivalent amplification in the basis.

    >>> _shares("delete", 0.25), _shares("amplify", 0.5)
    ((0.75, 0.25), (1.0, 1.0))
    """
    if transform == "amplify":
        return 1.0, strength / (1 - strength)
    return 1 - strength, strength
