"""Negative results: defects of the commutator at both ends of a run, taken anew from its weights.

The initial weights follow from the config; the last ones are there where they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from grokbook.config import RunConfig
from grokbook.geometry.defect import Defect, defect
from grokbook.geometry.loss import PUBLISHED_BATCH, Loss, batches
from grokbook.models.exchange import from_state_dict
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.store.recorded import Results


@dataclass(frozen=True, eq=False)  # a defect holds tensors, which have no truth value to compare by
class Reading:
    """The defect of one pair of batches.

    Attributes:
        run: label of the run.
        trained: at its last weights, else at its first.
        defect: in every form.
    """

    run: str
    trained: bool
    defect: Defect


def readings(configs: Iterable[RunConfig], results: Results | None = None) -> list[Reading]:
    """Defects of the total loss at the first weights, and at the last where they are recorded.

    One pair of batches a run, by its own seed: 8 gradients a reading.

    Args:
        configs: of the runs.
        results: where weights are; by default the book's.
    """
    results, found = results or Results(), []
    recorded = {
        name.partition("-")[0]
        for name, entry in results.manifest().items()
        if "weights.safetensors" in entry["files"]
    }
    for config in configs:
        layout = Layout.of(config)
        start = initial_parameters(layout, [config.init_seed])[0]
        found.append(Reading(config.label, False, _defect(config, layout, start)))
        if config.id in recorded:
            state = {name: torch.as_tensor(w) for name, w in results.weights(config).items()}
            end = from_state_dict(layout, state)[0]
            found.append(Reading(config.label, True, _defect(config, layout, end)))
    return found


def _defect(config: RunConfig, layout: Layout, theta: Tensor) -> Defect:
    table = config.table()
    drawn = batches(table, config.seed, PUBLISHED_BATCH, 2)
    first, second = (Loss.on(layout, table, indices).gradient for indices in drawn)
    return defect(first, second, theta)
